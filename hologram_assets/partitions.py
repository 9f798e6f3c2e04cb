"""Partitions: day (UTC, today included) × organisation. Keys read `2026-11-01|144`.

The day dimension starts at `HOLOGRAM_START_DATE`. Organisations are dynamic partitions: added by
`org_registry_sensor`, `orgs sync` or `backfill`, never deleted automatically.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from dagster import (
    AssetExecutionContext,
    DailyPartitionsDefinition,
    DynamicPartitionsDefinition,
    MultiPartitionKey,
    MultiPartitionsDefinition,
    OpExecutionContext,
)
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)

DAY, ORG = "day", "org"
orgs = DynamicPartitionsDefinition(name=ORG)


class OrgDay(NamedTuple):
    """One partition: a UTC day of an organisation."""

    org_id: int
    day: date

    @property
    def key(self) -> MultiPartitionKey:
        """The Dagster partition key, `2026-11-01|144`."""
        return MultiPartitionKey({DAY: self.day.isoformat(), ORG: str(self.org_id)})


class DayRange(NamedTuple):
    """Contiguous days, both ends included."""

    first: date
    last: date

    @property
    def days(self) -> list[date]:
        """Every day of the range."""
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]


@dataclass(frozen=True)
class Loadable:
    """What can be loaded at all: days from `start_date` on, of the last `retention_days`."""

    start_date: date
    retention_days: int

    def within(self, days: DayRange, now: date) -> DayRange | None:
        """The part of a range that can be loaded on the day `now`; None if nothing can."""
        first = max(days.first, self.start_date, first_kept(now, self.retention_days))
        return DayRange(first, days.last) if first <= days.last else None


class RangeRefusedError(ValueError):
    """Days that nobody can be asked for; the text names the option."""


def checked_range(first: date, last: date, start_date: date, *, may_be_ahead: bool = False) -> DayRange:
    """The days `--from` to `--to`.

    Raises:
        RangeRefusedError: reversed, before the first partition, or, unless it `may_be_ahead`, in the future.
    """
    if last < first:
        msg = f"--from {first} is after --to {last}"
        raise RangeRefusedError(msg)
    if last > today() and not may_be_ahead:
        msg = f"--to {last} is in the future; the last day is {today()} (UTC)"
        raise RangeRefusedError(msg)
    if first < start_date:
        msg = f"--from {first} is before the first partition, {start_date} (HOLOGRAM_START_DATE)"
        raise RangeRefusedError(msg)
    return DayRange(first, last)


def day_by_org(start: date) -> MultiPartitionsDefinition:
    """The partitions of every asset. `end_offset=1` makes today a partition while it runs."""
    return MultiPartitionsDefinition(
        {DAY: DailyPartitionsDefinition(start_date=start.isoformat(), end_offset=1), ORG: orgs}
    )


def parse_key(key: str) -> OrgDay:
    """The organisation and day of a partition key (dimensions stand in alphabetical order).

    Raises:
        ValueError: not a key of `day_by_org`.
    """
    day, _, org = str(key).partition("|")
    return OrgDay(int(org), date.fromisoformat(day))


def days_by_org(keys: Iterable[str]) -> dict[int, list[date]]:
    """Partition keys as ascending days per organisation."""
    days: dict[int, list[date]] = {}
    for org_id, day in sorted(parse_key(key) for key in keys):
        days.setdefault(org_id, []).append(day)
    return days


def contiguous(days: Iterable[date]) -> list[DayRange]:
    """Days as ranges without gaps, ascending."""
    ordered = sorted(set(days))
    breaks = [n for n, (a, b) in enumerate(pairwise(ordered), start=1) if b - a > timedelta(days=1)]
    edges = [0, *breaks, len(ordered)]
    return [DayRange(ordered[a], ordered[b - 1]) for a, b in pairwise(edges) if b > a]


def first_kept(now: date, retention_days: int) -> date:
    """The first day that Hologram still has whole on the day `now`: the oldest of its retention is already gone in part."""
    return now - timedelta(days=retention_days - 1)


def range_tags(org_id: int, days: DayRange) -> dict[str, str]:
    """The tags by which Dagster knows that a run is about contiguous days of an organisation.

    A single day is a partition: of a range Dagster looks up both ends some 75 times.
    """
    if days.first == days.last:
        return {PARTITION_NAME_TAG: OrgDay(org_id, days.first).key}
    return {
        ASSET_PARTITION_RANGE_START_TAG: OrgDay(org_id, days.first).key,
        ASSET_PARTITION_RANGE_END_TAG: OrgDay(org_id, days.last).key,
    }


def tagged_days(tags: Mapping[str, str]) -> list[OrgDay]:
    """What a run is about, by its tags: one partition, or a range of days of an organisation; nothing if they don't tell."""
    key = tags.get(PARTITION_NAME_TAG)
    try:
        first = parse_key(key or tags[ASSET_PARTITION_RANGE_START_TAG])
        last = parse_key(key or tags[ASSET_PARTITION_RANGE_END_TAG])
    except (LookupError, ValueError):
        return []
    if first.org_id != last.org_id:
        return []
    return list(rectangle([first.org_id], DayRange(first.day, last.day)))


def days_of_run(context: OpExecutionContext | AssetExecutionContext) -> list[OrgDay]:
    """What a run is asked for, ascending: from its tags where they tell, as Dagster's answer takes two looks at its storage.

    Raises:
        ValueError: a partition is no day of an organisation.
    """
    return tagged_days(context.run.tags) or sorted(parse_key(key) for key in context.partition_keys)


def today() -> date:
    """The current UTC day."""
    return datetime.now(UTC).date()


def missing_orgs(desired: Iterable[int], existing: Iterable[str]) -> list[str]:
    """Partition keys to add so that every desired organisation exists. Nothing is ever removed."""
    known = set(existing)
    return [str(org_id) for org_id in dict.fromkeys(desired) if str(org_id) not in known]


def rectangle(org_ids: Sequence[int], days: DayRange) -> Iterator[OrgDay]:
    """Every partition of days × organisations."""
    return (OrgDay(org_id, day) for org_id in org_ids for day in days.days)
