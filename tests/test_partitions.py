from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hologram_assets.partitions import (
    DayRange,
    OrgDay,
    contiguous,
    day_by_org,
    days_by_org,
    missing_orgs,
    parse_key,
    range_tags,
    rectangle,
    tagged_days,
    today,
)

days = st.dates(min_value=date(2020, 1, 1), max_value=date(2030, 12, 31))


@given(org_id=st.integers(min_value=1, max_value=2**62), day=days)
def test_a_key_reads_day_then_org_and_comes_back_the_same(org_id: int, day: date) -> None:
    key = OrgDay(org_id, day).key
    assert str(key) == f"{day}|{org_id}"
    assert parse_key(key) == OrgDay(org_id, day)


@given(st.sets(days, max_size=40))
def test_contiguous_ranges_hold_the_days_and_only_them(chosen: set[date]) -> None:
    ranges = contiguous(chosen)
    assert sorted(day for window in ranges for day in window.days) == sorted(chosen)
    assert all(b.first - a.last > timedelta(days=1) for a, b in pairwise(ranges))


def test_today_is_a_partition_and_tomorrow_is_not() -> None:
    definition = day_by_org(today() - timedelta(days=3)).get_partitions_def_for_dimension("day")
    assert definition.get_partition_keys()[-1] == today().isoformat()


def test_keys_are_grouped_by_organisation_in_ascending_days() -> None:
    keys = ["2026-11-03|144", "2026-11-01|145", "2026-11-01|144"]
    assert days_by_org(keys) == {144: [date(2026, 11, 1), date(2026, 11, 3)], 145: [date(2026, 11, 1)]}


def test_a_rectangle_is_days_times_organisations() -> None:
    found = list(rectangle([144, 145], DayRange(date(2026, 11, 1), date(2026, 11, 3))))
    assert len(found) == 6
    assert found[0] == OrgDay(144, date(2026, 11, 1))


@pytest.mark.parametrize(
    ("desired", "existing", "new"),
    [([144, 145], [], ["144", "145"]), ([144], ["144", "145"], []), ([], ["144"], []), ([7, 7], [], ["7"])],
)
def test_organisations_are_added_and_never_taken_away(desired: list[int], existing: list[str], new: list[str]) -> None:
    assert missing_orgs(desired, existing) == new


@given(org_id=st.integers(min_value=1, max_value=2**62), first=days, more=st.integers(0, 40))
def test_the_tags_of_a_run_name_the_days_that_it_is_about(org_id: int, first: date, more: int) -> None:
    wanted = DayRange(first, first + timedelta(days=more))
    tags = range_tags(org_id, wanted)
    assert tagged_days(tags) == [OrgDay(org_id, day) for day in wanted.days]
    assert ("dagster/partition" in tags) == (more == 0), "a single day is a partition"


def test_tags_of_two_organisations_tell_nothing() -> None:
    tags = {"dagster/asset_partition_range_start": "2026-11-01|1", "dagster/asset_partition_range_end": "2026-11-02|2"}
    assert tagged_days(tags) == []
