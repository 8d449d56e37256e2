from healthvisit.programme.boroughs import BOROUGHS, BY_GSS, BY_SLUG


def test_ten_boroughs_carry_the_codes_from_bolton_to_wigan():
    assert [borough.gss for borough in BOROUGHS] == [f"E080000{number:02}" for number in range(1, 11)]
    assert BY_GSS["E08000002"].name == "Bury"
    assert BY_SLUG["wigan"].gss == "E08000010"


def test_children_under_five_add_up_to_the_census_of_greater_manchester():
    by_age = [sum(ages) for ages in zip(*(borough.under_five for borough in BOROUGHS), strict=True)]
    assert by_age == [33004, 34379, 34769, 34826, 36403]
    assert sum(by_age) == 173381
    assert sum(BY_SLUG["manchester"].under_five) == 34378
