"""The table of radio access technologies: the levels of rules.md, and what a table of one's own may hold."""

from __future__ import annotations

import pytest

from hologram_assets.domain.radio import default_rat_levels, read_rat_levels


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


def test_columns_may_stand_in_any_order_and_others_beside_them() -> None:
    assert read_rat_levels(["note,level,rat", "fast,5,5G"]) == {"5g": 5}


def test_an_empty_table_is_empty() -> None:
    assert read_rat_levels([]) == read_rat_levels(["rat,level"]) == {}


@pytest.mark.parametrize("line", [",4", "LTE,", "LTE", "LTE,fast", "LTE,-1", "LTE,4.0", " ,4", "LTE,²"])
def test_a_line_that_cannot_be_read_is_refused_with_its_number(line: str) -> None:
    with pytest.raises(ValueError, match="line 3"):
        read_rat_levels(["rat,level", "2G,1", line])
