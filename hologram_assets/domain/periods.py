"""Billing periods: Hologram bills every SIM on its own period of 30 days (times the plan's `billingperiod`).

All times are naive UTC. A period is half open: `[start, end)`. Source: rules.md, "Which period a SIM is in".
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

PERIOD = timedelta(days=30)
# Hologram's period ends jitter by seconds, and an activation day can move one; half a day never joins two periods.
SAME_PERIOD = timedelta(hours=12)
_START_TOLERANCE = timedelta(days=1)


class Period(NamedTuple):
    """A billing period, `[start, end)` in naive UTC."""

    start: datetime
    end: datetime


def start_of_day(day: date) -> datetime:
    """00:00:00 of a UTC day."""
    return datetime.combine(day, time())


def end_of_day(day: date) -> datetime:
    """00:00:00 of the next UTC day: the exclusive end."""
    return start_of_day(day) + timedelta(days=1)


def period_start(end: datetime, previous_end: datetime | None, billingperiod: int = 1) -> datetime:
    """When the period that ends at `end` began.

    The previous period's end, if it lies within a day of `end - 30 d * billingperiod`; else that difference.
    """
    computed = end - PERIOD * billingperiod
    if previous_end is not None and abs(previous_end - computed) <= _START_TOLERANCE:
        return previous_end
    return computed


def same_day_of_last_period(day: date, *, calendar_month: bool) -> date:
    """The day on which a SIM stood as far in its last period as it does on `day` in its running one, if it has 30 days.

    With calendar months the same day of the month before, or its last one.
    """
    if not calendar_month:
        return day - PERIOD
    last = day.replace(day=1) - timedelta(days=1)
    return last.replace(day=min(day.day, last.day))


def distinct_ends(ends: Iterable[datetime]) -> list[datetime]:
    """Period ends in ascending order; of ends within 12 hours of the one before, the first stays."""
    kept: list[datetime] = []
    for end in sorted(ends):
        if not kept or end - kept[-1] >= SAME_PERIOD:
            kept.append(end)
    return kept


def period_on(day: date, ends: Iterable[datetime], billingperiod: int = 1) -> Period | None:
    """The period that contains the last second of `day`, among known period ends; None if none does."""
    last_second = end_of_day(day) - timedelta(seconds=1)
    previous: datetime | None = None
    for end in distinct_ends(ends):
        if end > last_second:
            start = period_start(end, previous, billingperiod)
            return Period(start, end) if start <= last_second else None
        previous = end
    return None


def stepped_period_on(day: date, known_end: datetime, billingperiod: int = 1) -> Period:
    """The period that contains the last second of `day`, counted in whole periods from any known end of the SIM."""
    last_second = end_of_day(day) - timedelta(seconds=1)
    length = PERIOD * billingperiod
    # The smallest end after the last second: `known_end - k * length` with the largest such k.
    steps = (known_end - last_second - timedelta(microseconds=1)) // length
    end = known_end - length * steps
    return Period(end - length, end)


def month_of(day: date) -> Period:
    """The UTC calendar month of a day: the cost period of invoiced organisations."""
    first = day.replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    return Period(start_of_day(first), start_of_day(following))
