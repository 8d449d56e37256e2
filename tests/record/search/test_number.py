from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthvisit.record.search import number

_numbers = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30)
_any = _numbers | st.integers(-(10**60), 10**60).map(Decimal)


@given(_any, _any)
def test_the_texts_of_numbers_sort_as_the_numbers_do(one: Decimal, other: Decimal) -> None:
    texts = number.text(one), number.text(other)
    assert (texts[0] < texts[1]) == (one < other)
    assert (texts[0] == texts[1]) == (one == other)
    assert number.LEAST < texts[0] < number.GREATEST


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [
        ("100", "99.5", "100.5"),
        ("100.00", "99.995", "100.005"),
        ("1.0e2", "95", "105"),
        ("0", "-0.5", "0.5"),
        ("-3.10", "-3.105", "-3.095"),
        ("ap50", "45", "55"),
        ("ap-50", "-55", "-45"),
        ("gt5.40", "5.4", "5.4"),
    ],
)
def test_a_number_is_asked_for_by_its_significant_figures(asked: str, least: str, most: str) -> None:
    value = number.parsed(asked)
    assert (value.low, value.high) == (number.text(Decimal(least)), number.text(Decimal(most)))


@pytest.mark.parametrize(
    "text", ["", "x", "1.", ".5", "1e", "1e999", "1e65", "9" * 65, "gt", "1 ", "NaN", "Infinity", "٣"]
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="number"):
        number.parsed(text)
