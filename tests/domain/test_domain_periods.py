"""Which period a SIM is in (rules.md), with the ends of Hologram's own example, and for any SIM."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hologram_assets.domain.periods import (
    PERIOD,
    Period,
    distinct_ends,
    end_of_day,
    month_of,
    period_on,
    period_start,
    start_of_day,
    stepped_period_on,
)

ONE_SECOND = timedelta(seconds=1)
# Of `/usage/data/billing` in Hologram's documentation: two SIMs.
FIRST_SIM = [datetime(2025, 10, 11, 17, 24, 43), datetime(2025, 9, 11, 17, 24, 48)]
SECOND_SIM = [
    datetime(2025, 10, 3, 15, 23, 55),
    datetime(2025, 9, 3, 15, 23, 52),
    datetime(2025, 8, 3, 15, 23, 33),
]

days = st.dates(date(2020, 1, 1), date(2035, 1, 1))
moments = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)).map(lambda moment: moment.replace(microsecond=0))
intervals = st.integers(1, 12)


def last_second(day: date) -> datetime:
    return end_of_day(day) - ONE_SECOND


def test_the_documented_period_began_where_the_one_before_ended_and_not_thirty_days_back() -> None:
    # 29 days 23:59:55: the ends jitter by seconds.
    assert period_on(date(2025, 9, 20), FIRST_SIM) == Period(FIRST_SIM[1], FIRST_SIM[0])
    assert FIRST_SIM[0] - PERIOD == datetime(2025, 9, 11, 17, 24, 43)


@pytest.mark.parametrize(
    ("day", "period"),
    [
        # The day on which a period ends already counts to the next: it contains the day's last second.
        (date(2025, 9, 10), Period(datetime(2025, 8, 12, 17, 24, 48), FIRST_SIM[1])),
        (date(2025, 9, 11), Period(FIRST_SIM[1], FIRST_SIM[0])),
        (date(2025, 10, 10), Period(FIRST_SIM[1], FIRST_SIM[0])),
        (date(2025, 10, 11), None),
        # The oldest known period is thirty days long; what lies before is not known.
        (date(2025, 8, 12), Period(datetime(2025, 8, 12, 17, 24, 48), FIRST_SIM[1])),
        (date(2025, 8, 11), None),
    ],
)
def test_the_period_of_a_day_is_the_one_that_contains_its_last_second(day: date, period: Period | None) -> None:
    assert period_on(day, FIRST_SIM) == period


def test_of_ends_thirty_one_days_and_some_seconds_apart_the_period_is_thirty_days() -> None:
    # The documented ends 2025-08-03 15:23:33 and 2025-09-03 15:23:52: more than a day from 30 days, by 19 seconds.
    assert period_on(date(2025, 8, 20), SECOND_SIM) == Period(datetime(2025, 8, 4, 15, 23, 52), SECOND_SIM[1])
    # And so the day between belongs to no period: unknown, rather than guessed.
    assert period_on(date(2025, 8, 3), SECOND_SIM) is None
    assert period_on(date(2025, 8, 4), SECOND_SIM) == Period(datetime(2025, 8, 4, 15, 23, 52), SECOND_SIM[1])


def test_the_other_documented_period_of_that_sim_is_thirty_days_and_three_seconds() -> None:
    assert period_on(date(2025, 9, 3), SECOND_SIM) == Period(SECOND_SIM[1], SECOND_SIM[0])
    assert period_on(date(2025, 10, 2), SECOND_SIM) == Period(SECOND_SIM[1], SECOND_SIM[0])


@pytest.mark.parametrize(
    ("off", "joined"),
    [
        (timedelta(0), True),
        (timedelta(days=1), True),
        (-timedelta(days=1), True),
        (timedelta(days=1, seconds=1), False),
        (-timedelta(days=1, seconds=1), False),
    ],
)
@pytest.mark.parametrize("billingperiod", [1, 3])
def test_the_previous_end_is_the_start_if_it_lies_within_a_day_of_the_computed_one(
    off: timedelta, joined: bool, billingperiod: int
) -> None:
    end = datetime(2025, 10, 11, 17, 24, 43)
    computed = end - timedelta(days=30) * billingperiod
    assert period_start(end, computed + off, billingperiod) == (computed + off if joined else computed)
    assert period_start(end, None, billingperiod) == computed


def test_ends_within_twelve_hours_are_the_same_period() -> None:
    end = datetime(2025, 10, 11, 17, 24, 43)
    almost, half_a_day = timedelta(hours=11, minutes=59, seconds=59), timedelta(hours=12)
    assert distinct_ends([end + almost, end]) == [end]
    assert distinct_ends([end + half_a_day, end]) == [end, end + half_a_day]
    assert distinct_ends([]) == []
    jittered = [FIRST_SIM[0] + timedelta(seconds=7), *FIRST_SIM, FIRST_SIM[1] + timedelta(seconds=3)]
    assert period_on(date(2025, 9, 20), jittered) == period_on(date(2025, 9, 20), FIRST_SIM)


@given(
    activation=moments,
    billingperiod=intervals,
    jitters=st.lists(st.integers(0, 19), min_size=2, max_size=8),
    offset=st.floats(0, 1),
    order=st.randoms(use_true_random=False),
)
def test_every_day_of_a_sims_known_life_lies_in_exactly_the_period_that_holds_its_last_second(
    activation: datetime, billingperiod: int, jitters: list[int], offset: float, order: object
) -> None:
    length = PERIOD * billingperiod
    ends = [activation + length * (k + 1) + timedelta(seconds=jitter) for k, jitter in enumerate(jitters)]
    known = ends[1:]
    day = (ends[0] + (ends[-1] - ends[0]) * offset).date()
    shuffled = list(ends)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    found = period_on(day, shuffled, billingperiod)
    if last_second(day) >= ends[-1]:
        assert found is None
        return
    end = next(end for end in ends if end > last_second(day))
    assert found is not None
    assert found.end == end
    assert found.start <= last_second(day) < found.end
    if end in known:
        assert found.start == ends[ends.index(end) - 1], "a gap or an overlap between two periods"


@given(day=days, known_end=moments, billingperiod=intervals)
def test_a_stepped_period_contains_the_days_last_second_and_is_whole_periods_away(
    day: date, known_end: datetime, billingperiod: int
) -> None:
    length = PERIOD * billingperiod
    period = stepped_period_on(day, known_end, billingperiod)
    assert period.start <= last_second(day) < period.end
    assert period.end - period.start == length
    assert (period.end - known_end) % length == timedelta(0)


def test_a_stepped_period_that_ends_with_the_days_last_second_is_over() -> None:
    midnight = datetime(2025, 10, 11)
    assert stepped_period_on(date(2025, 10, 10), midnight) == Period(midnight - PERIOD, midnight)
    one_before = midnight - ONE_SECOND
    assert stepped_period_on(date(2025, 10, 10), one_before) == Period(one_before, one_before + PERIOD)


@given(days)
def test_a_calendar_month_is_from_first_to_first(day: date) -> None:
    month = month_of(day)
    assert month.start <= start_of_day(day)
    assert end_of_day(day) <= month.end
    assert (month.start.day, month.end.day) == (1, 1)
    assert month.start.time() == month.end.time() == datetime.min.time()
    assert 28 <= (month.end - month.start).days <= 31


def test_the_months_around_the_turn_of_the_year_and_a_leap_day() -> None:
    assert month_of(date(2025, 12, 31)) == Period(datetime(2025, 12, 1), datetime(2026, 1, 1))
    assert month_of(date(2024, 2, 29)) == Period(datetime(2024, 2, 1), datetime(2024, 3, 1))


@given(days)
def test_a_day_ends_where_the_next_begins(day: date) -> None:
    assert end_of_day(day) == start_of_day(day + timedelta(days=1)) == start_of_day(day) + timedelta(hours=24)
