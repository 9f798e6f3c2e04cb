"""The table of radio access technologies: the levels of rules.md, and what a table of one's own may hold."""

from __future__ import annotations

import pytest

from hologram_assets.domain.radio import default_rat_levels, rat_levels_with, read_rat_levels


@pytest.mark.parametrize(
    ("rat", "level"),
    [("5G", 5), ("LTE", 4), ("4G", 4), ("LTE-M", 4), ("3G", 3), ("UMTS", 3), ("NB-IoT", 2), ("2G", 1), ("GSM", 1)],
)
def test_the_shipped_table_has_the_levels_of_the_rules(rat: str, level: int) -> None:
    assert default_rat_levels()[rat.casefold()] == level


def test_both_technologies_of_the_documented_sessions_are_known_and_one_is_below_the_other() -> None:
    levels = default_rat_levels()
    assert levels["3g"] < levels["lte"]


def test_what_is_not_in_the_table_has_no_level() -> None:
    assert "6g" not in default_rat_levels()
    assert "" not in default_rat_levels()


def test_names_are_compared_casefolded_and_without_the_space_around_them() -> None:
    assert read_rat_levels(["rat,level", " LTE Cat-M1 , 4 ", "", "nb-IOT,2"]) == {"lte cat-m1": 4, "nb-iot": 2}


@pytest.mark.parametrize("heading", [[], [""], ["level,rat"], ["rat,level,note"], ["2G,1"]])
def test_another_heading_is_refused(heading: list[str]) -> None:
    with pytest.raises(ValueError, match="line 1: expected the heading rat,level"):
        read_rat_levels([*heading, "5G,5"] if heading else [])


def test_a_table_of_nothing_but_its_heading_is_empty() -> None:
    assert read_rat_levels(["RAT, level"]) == {}


@pytest.mark.parametrize(
    "line",
    [",4", "LTE,", "LTE", "LTE,fast", "LTE,-1", "LTE,4.0", " ,4", "LTE,²", "LTE,٤", "LTE,100", "LTE,4,", "LTE,4,x"],
)
def test_a_line_that_cannot_be_read_is_refused_with_its_number(line: str) -> None:
    with pytest.raises(ValueError, match=r"^line 4: expected rat,level"):
        read_rat_levels(["rat,level", "2G,1", "", line])


def test_a_rat_with_two_levels_is_refused_and_one_that_is_said_twice_is_not() -> None:
    assert read_rat_levels(["rat,level", "LTE,4", "lte ,4"]) == {"lte": 4}
    with pytest.raises(ValueError, match="line 4: 'lte' has level 4 since line 2"):
        read_rat_levels(["rat,level", "LTE,4", "LTE,4", "lte,3"])


def test_the_rows_of_another_table_add_to_the_shipped_ones_and_win_over_them() -> None:
    levels = rat_levels_with(["rat,level", "6G,6", "NB-IoT,4"])
    assert levels == {**default_rat_levels(), "6g": 6, "nb-iot": 4}
    assert default_rat_levels()["nb-iot"] == 2
