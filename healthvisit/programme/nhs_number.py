"""NHS numbers: the check digit, and numbers for synthetic children.

Source: NHS Data Dictionary, NHS NUMBER (ten digits; modulus 11; weights 10 down to 2; a check of 10 is never
issued). Numbers that begin 999 are kept for tests and are never issued to a person.
"""

TEST_PREFIX = "999"
# Below each eight-digit beginning at most one ninth digit is unusable, so nine usable numbers always stand.
_USED_PER_BEGINNING = 9
TEST_NUMBERS = 100_000 * _USED_PER_BEGINNING


def check_digit(nine: str) -> str | None:
    """The tenth digit, or None for nine digits that begin no NHS number; ValueError unless nine are given."""
    if len(nine) != 9:
        raise ValueError("the check digit stands after nine")
    check = -_weighted(nine) % 11
    return None if check == 10 else str(check)


def is_valid(number: str) -> bool:
    """True for ten digits, without spaces, whose check digit fits."""
    return (
        len(number) == 10 and number.isascii() and number.isdigit() and check_digit(number[:9]) == number[9]
    )


def test_number(index: int) -> str:
    """The synthetic NHS number of an index: the same for ever, different for every index from 0 to 899,999.

    Raises ValueError outside that range.
    """
    if not 0 <= index < TEST_NUMBERS:
        raise ValueError(f"an index from 0 to {TEST_NUMBERS - 1}")
    beginning, place = divmod(index, _USED_PER_BEGINNING)
    eight = f"{TEST_PREFIX}{beginning:05}"
    weighted = _weighted(eight)
    usable = [(ninth, check) for ninth in range(10) if (check := -(weighted + 2 * ninth) % 11) != 10]
    ninth, check = usable[place]
    return f"{eight}{ninth}{check}"


def _weighted(digits: str) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, range(10, 1, -1), strict=False))
