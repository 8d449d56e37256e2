import nhs_number as reference
import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthvisit.programme import nhs_number


@given(st.integers(0, 10**10 - 1))
def test_a_number_is_valid_exactly_when_its_check_digit_fits(number):
    digits = f"{number:010}"
    weighted = sum(int(digit) * (10 - place) for place, digit in enumerate(digits[:9]))
    assert nhs_number.is_valid(digits) == ((weighted + int(digits[9])) % 11 == 0)


@pytest.mark.parametrize(
    "number",
    ["", "943476591", "94347659190", "943 476 5919", "\uff19434765919", "943476591x", "9434765918"],
)
def test_what_is_no_nhs_number_is_told_apart(number):
    assert not nhs_number.is_valid(number)


def test_a_known_number_is_valid_and_the_library_agrees():
    assert nhs_number.is_valid("9434765919")
    assert reference.is_valid("9434765919")


def test_nine_digits_whose_check_would_be_ten_begin_no_number():
    assert nhs_number.check_digit("000000006") is None
    assert not any(nhs_number.is_valid(f"000000006{last}") for last in range(10))


@given(st.integers(0, nhs_number.TEST_NUMBERS - 1))
def test_a_synthetic_number_is_valid_and_of_the_test_range(index):
    number = nhs_number.test_number(index)
    assert number.startswith("999")
    assert nhs_number.is_valid(number)
    assert reference.is_valid(number, for_region=reference.REGION_SYNTHETIC)


def test_enough_synthetic_numbers_differ_for_every_child_of_greater_manchester():
    assert nhs_number.TEST_NUMBERS > 173_381
    assert len({nhs_number.test_number(index) for index in range(2_000)}) == 2_000
    assert len({nhs_number.test_number(index) for index in range(0, nhs_number.TEST_NUMBERS, 901)}) == 999


@pytest.mark.parametrize("index", [-1, nhs_number.TEST_NUMBERS])
def test_there_is_no_synthetic_number_outside_the_range(index):
    with pytest.raises(ValueError, match="index"):
        nhs_number.test_number(index)
