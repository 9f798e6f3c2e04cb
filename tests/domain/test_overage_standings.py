"""Report rows become standings by period, plan and allowance: what the overage rules see on each day of a SIM's life."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hologram_assets.domain.alerts import CRITICAL, ESCALATED, OPEN, RESOLVED, Alert
from hologram_assets.domain.overage_alerts import (
    PERIOD_ENDED,
    PLAN_CHANGED,
    ClosedCharge,
    SimPeriod,
    Standing,
    overage_alerts,
)
from hologram_assets.domain.overage_rules import OverageRules
from hologram_assets.domain.overage_standings import ClosedRow, ReportRow, sim_periods
from hologram_assets.domain.periods import end_of_day, start_of_day

ORG, SIM = 144, 7
MB = 1_000_000
ALLOWANCE = 10 * MB
RULES = OverageRules()
END = datetime(2026, 11, 30, 17, 24, 43)
LAST_DAY = END.date()
ONE_DAY = timedelta(days=1)
MONTH = timedelta(days=30)


def back(days: int) -> date:
    """So many days before the period's last."""
    return LAST_DAY - days * ONE_DAY


def row(day: date, usage: int | None, **words: Any) -> ReportRow:
    usual = ReportRow(
        SIM, day, "pump", 73, "Maker 10", ALLOWANCE, END, None, "ok", usage, Decimal(0), Decimal(0), None, None
    )
    return usual._replace(**words)


def using(*sums: int | None, until: int = 1, **words: Any) -> list[ReportRow]:
    """Rows of days in a row, the last one so many days before the period's last."""
    return [row(back(until + len(sums) - 1 - number), usage, **words) for number, usage in enumerate(sums)]


def closed(usage: int, **words: Any) -> ClosedRow:
    return ClosedRow(SIM, 73, ALLOWANCE, END, usage, Decimal("0.42"), Decimal(0))._replace(**words)


def seen(
    day: date, rows: Sequence[ReportRow], last_hours: Iterable[ClosedRow] = ()
) -> list[tuple[SimPeriod, list[Standing]]]:
    """What there is to look at on a day: of the rows only those that are known by then."""
    return list(sim_periods(ORG, day, [each for each in rows if each.day <= day], last_hours))


def alerts(day: date, rows: Sequence[ReportRow], last_hours: Iterable[ClosedRow] = ()) -> list[Alert]:
    return [
        alert
        for period, standings in seen(day, rows, last_hours)
        for alert in overage_alerts(period, standings, (), RULES)
    ]


def the_alert(day: date, rows: Sequence[ReportRow], last_hours: Iterable[ClosedRow] = ()) -> Alert:
    (alert,) = alerts(day, rows, last_hours)
    return alert


# --- one period


def test_a_running_period_has_one_standing_a_day_up_to_the_day() -> None:
    rows = using(1 * MB, 2 * MB, 3 * MB, until=10)
    ((period, standings),) = seen(back(11), rows)
    assert (period.org_id, period.linkid, period.plan_id, period.included_bytes) == (ORG, SIM, 73, ALLOWANCE)
    assert (period.period_end, period.ended_at) == (END, None)
    assert [(each.day, each.usage_bytes) for each in standings] == [(back(12), 1 * MB), (back(11), 2 * MB)]
    assert [each.as_of for each in standings] == [end_of_day(back(12)), end_of_day(back(11))]


def test_usage_counts_up_to_the_moment_to_which_the_day_is_known_and_never_beyond_its_end() -> None:
    noon = start_of_day(back(5)) + timedelta(hours=12)
    ((_, standings),) = seen(back(5), [row(back(5), MB, complete_through=noon)])
    assert standings[0].as_of == noon
    ((_, standings),) = seen(back(5), [row(back(5), MB, complete_through=end_of_day(back(4)))])
    assert standings[0].as_of == end_of_day(back(5))


def test_without_rows_there_is_nothing_to_see() -> None:
    assert seen(back(5), []) == []
    assert seen(LAST_DAY, [], [closed(20 * MB)]) == []


def test_the_newest_name_of_device_and_plan_stand_in_the_alert() -> None:
    rows = [row(back(6), MB), row(back(5), MB, device_name="tank", plan_name="Maker")]
    ((period, _),) = seen(back(5), rows)
    assert (period.device_name, period.plan_name) == ("tank", "Maker")


def test_a_sim_that_appears_for_the_first_time_with_little_usage_raises_nothing() -> None:
    assert alerts(back(20), [row(back(20), 0)]) == []
    assert alerts(back(3), [row(back(3), 4 * MB)]) == []


def test_a_sim_that_appears_for_the_first_time_above_its_allowance_speaks_from_that_day_on() -> None:
    alert = the_alert(back(4), using(11 * MB, until=4))
    assert (alert.step, alert.state, alert.opened_at) == (100, OPEN, end_of_day(back(4)))


# --- days that are missing or unknown


def test_days_without_a_row_leave_the_alert_as_it_was() -> None:
    rows = [row(back(12), 6 * MB), row(back(8), 9 * MB)]
    before, hole, after = (the_alert(back(days), rows) for days in (12, 10, 8))
    assert (hole.alert_id, hole.step, hole.event_time) == (before.alert_id, before.step, before.event_time)
    assert (after.alert_id, after.step, after.state) == (before.alert_id, 80, ESCALATED)
    assert (after.opened_at, after.event_time) == (end_of_day(back(12)), end_of_day(back(8)))


@pytest.mark.parametrize("unknown", [{"usage_bytes": None}, {"status": "unknown"}])
def test_a_day_on_which_usage_is_not_whole_says_nothing_and_what_held_holds_on(unknown: dict[str, Any]) -> None:
    rows = [row(back(6), 9 * MB), row(back(5), 2 * MB)._replace(**unknown), row(back(4), 9 * MB)]
    known, hole, later = (the_alert(back(days), rows) for days in (6, 5, 4))
    assert (hole.alert_id, hole.step, hole.event_time, hole.detail["usage_bytes"]) == (
        known.alert_id, 80, known.event_time, 9 * MB,
    )  # fmt: skip
    assert later == known
    assert [each.day for _, standings in seen(back(4), rows) for each in standings] == [back(6), back(4)]


def test_a_period_of_which_nothing_is_known_has_no_standing() -> None:
    rows = using(None, None, until=5)
    assert seen(back(5), rows) == []
    assert seen(LAST_DAY, rows) == []


def test_usage_above_the_allowance_that_is_not_whole_yet_still_counts_as_over() -> None:
    # The report says `over` of an incomplete sum that is above already: more bytes can't take that back.
    alert = the_alert(back(5), [row(back(5), 11 * MB, status="over")])
    assert (alert.step, alert.severity) == (100, CRITICAL)


# --- the period's end


def test_a_period_is_resolved_on_the_day_on_which_it_ends_and_gone_on_the_next() -> None:
    rows = [
        *using(8 * MB, 9 * MB),
        row(LAST_DAY, 0, period_end=END + MONTH),
        row(LAST_DAY + ONE_DAY, 0, period_end=END + MONTH),
    ]
    assert the_alert(back(1), rows).state == OPEN
    ended = the_alert(LAST_DAY, rows)
    assert (ended.state, ended.resolved_at, ended.detail["resolved_because"]) == (RESOLVED, END, PERIOD_ENDED)
    assert alerts(LAST_DAY + ONE_DAY, rows) == []


def test_on_its_last_day_a_period_stands_beside_the_next_one() -> None:
    rows = [row(back(1), 9 * MB), row(LAST_DAY, 6 * MB, period_end=END + MONTH)]
    (old, old_standings), (new, new_standings) = seen(LAST_DAY, rows)
    assert (old.period_end, old.ended_at, len(old_standings)) == (END, END, 1)
    assert (new.period_end, new.ended_at, len(new_standings)) == (END + MONTH, None, 1)
    first, second = alerts(LAST_DAY, rows)
    assert first.alert_id != second.alert_id
    assert (first.state, second.state) == (RESOLVED, OPEN)


def test_a_period_that_ends_resolves_though_the_day_has_no_row_of_the_sim() -> None:
    ended = the_alert(LAST_DAY, using(9 * MB))
    assert (ended.state, ended.resolved_at) == (RESOLVED, END)
    assert alerts(LAST_DAY + ONE_DAY, using(9 * MB)) == []


def test_the_last_hours_of_a_period_can_cross_a_step() -> None:
    rows = [*using(4 * MB, 9 * MB), row(LAST_DAY, 0, period_end=END + MONTH)]
    alert = the_alert(LAST_DAY, rows, [closed(13 * MB)])
    assert (alert.step, alert.severity, alert.state) == (120, CRITICAL, RESOLVED)
    assert (alert.opened_at, alert.event_time, alert.resolved_at) == (end_of_day(back(1)), END, END)
    assert (alert.detail["usage_bytes"], alert.detail["overage_cost"]) == (13 * MB, "0.42")


def test_a_step_that_only_the_last_hours_crossed_is_opened_and_resolved_at_the_end() -> None:
    alert = the_alert(LAST_DAY, using(MB), [closed(11 * MB)])
    assert (alert.step, alert.state, alert.opened_at, alert.resolved_at) == (100, RESOLVED, END, END)
    alert = the_alert(LAST_DAY, using(None), [closed(11 * MB)])
    assert (alert.step, alert.state) == (100, RESOLVED)


@pytest.mark.parametrize(
    "other",
    [
        {"plan_id": 74},
        {"included_bytes": 9 * MB},
        {"period_end": END - MONTH},
        {"period_end": END + timedelta(hours=12)},
    ],
    ids=["plan", "allowance", "period", "twelve hours"],
)
def test_the_last_hours_of_another_plan_allowance_or_period_are_not_this_ones(other: dict[str, Any]) -> None:
    assert alerts(LAST_DAY, using(MB), [closed(11 * MB, **other)]) == []


def test_the_last_hours_count_though_the_end_jitters_by_seconds() -> None:
    assert the_alert(LAST_DAY, using(MB), [closed(11 * MB, period_end=END + timedelta(seconds=9))]).step == 100


def test_the_last_hours_of_a_period_of_pay_as_you_go_are_its_spend() -> None:
    terms: dict[str, Any] = {"plan_id": 1, "included_bytes": 0}
    rows = using(MB, until=1, status="payg", usage_charge=Decimal("1.00"), **terms)
    alert = the_alert(LAST_DAY, rows, [closed(30 * MB, usage_charge=Decimal("6.00"), **terms)])
    assert (alert.rule, alert.step, alert.state, alert.event_time) == ("payg_spend", 1, RESOLVED, END)


def test_what_a_period_of_pay_as_you_go_came_to_raises_the_threshold_of_later_ones_and_not_its_own() -> None:
    terms: dict[str, Any] = {"plan_id": 1, "included_bytes": 0}
    rows = using(MB, until=1, status="payg", usage_charge=Decimal("6.01"), **terms)
    ((period, standings),) = seen(LAST_DAY, rows)
    before, own = ClosedCharge(END - MONTH, Decimal("2.00")), ClosedCharge(END, Decimal("6.01"))
    for charges in ([before], [before, own], [before, ClosedCharge(END + MONTH, Decimal("90.00"))]):
        (alert,) = overage_alerts(period, standings, charges, RULES)
        assert (alert.detail["threshold"], alert.detail["closed_periods"]) == ("6.00", 1)
    assert overage_alerts(period, standings, [before._replace(usd=Decimal("2.01"))], RULES) == []


def test_closed_rows_of_a_period_that_still_runs_are_not_asked() -> None:
    assert alerts(back(3), using(MB, until=3), [closed(11 * MB)]) == []


# --- ends that jitter


def around_midnight(number: int) -> datetime:
    """Ends that lie a few seconds before midnight, or after it, from day to day."""
    return datetime(2026, 12, 1) + timedelta(seconds=(-2, 3, -1, 0, 5)[number % 5])


def test_ends_that_jitter_by_seconds_are_one_alert() -> None:
    rows = [row(back(9 - n), 9 * MB, period_end=END + timedelta(seconds=n % 3)) for n in range(9)]
    found = [the_alert(each.day, rows) for each in rows]
    assert len({alert.alert_id for alert in found}) == 1
    assert len(seen(back(1), rows)) == 1
    assert the_alert(LAST_DAY, rows).state == RESOLVED


def test_ends_that_jitter_around_midnight_are_one_alert() -> None:
    rows = [row(back(9 - n), 9 * MB, period_end=around_midnight(n)) for n in range(9)]
    found = [the_alert(each.day, rows) for each in rows]
    assert len({(alert.alert_id, alert.state) for alert in found}) == 1
    assert {(alert.opened_at, alert.event_time) for alert in found} == {(end_of_day(back(9)),) * 2}


@pytest.mark.parametrize("first", [0, 1], ids=["just before midnight at first", "just after midnight at first"])
def test_a_period_that_ends_around_midnight_is_resolved_once(first: int) -> None:
    last = around_midnight(first + 8)
    rows = [row(back(9 - n), 9 * MB, period_end=around_midnight(first + n)) for n in range(9)]
    # The reports from the day on which the last second is the next period's.
    new = next(day for day in (LAST_DAY, LAST_DAY + ONE_DAY) if end_of_day(day) - timedelta(seconds=1) >= last)
    rows += [row(new + n * ONE_DAY, 0, period_end=last + MONTH) for n in range(3)]
    told = [alert for n in range(-1, 5) for alert in alerts(LAST_DAY + n * ONE_DAY, rows) if alert.state == RESOLVED]
    assert len(told) == 1
    assert len({told[0].alert_id, the_alert(back(2), rows).alert_id}) == 1


MOVED_OVER_MIDNIGHT = [
    *(row(back(5 - n), 9 * MB, period_end=datetime(2026, 12, 1, 0, 0, 3)) for n in range(5)),
    # On the day itself the same end is said to lie before midnight, and the report is about the next period.
    row(LAST_DAY, 0, period_end=datetime(2026, 12, 30, 23, 59, 58)),
]


def test_an_end_that_moves_back_over_midnight_leaves_one_period_running() -> None:
    running = [period for period, _ in seen(LAST_DAY, MOVED_OVER_MIDNIGHT) if period.ended_at is None]
    assert [period.period_end.month for period in running] == [12]


def test_the_last_day_of_a_period_whose_end_moves_back_over_midnight_counts() -> None:
    end = datetime(2026, 11, 30, 23, 59, 58)
    last_day = [closed(13 * MB, period_end=end)]
    steps = {alert.step for alert in alerts(LAST_DAY, MOVED_OVER_MIDNIGHT, last_day)}
    steps |= {alert.step for alert in alerts(LAST_DAY + ONE_DAY, MOVED_OVER_MIDNIGHT)}
    assert max(steps) == 120


def test_ends_that_lie_twelve_hours_apart_are_two_periods() -> None:
    half_a_day = timedelta(hours=12)
    near = [row(back(5), MB), row(back(4), MB, period_end=END - half_a_day + timedelta(seconds=1))]
    far = [row(back(5), MB), row(back(4), MB, period_end=END - half_a_day)]
    assert (len(seen(back(4), near)[0][1]), len(seen(back(4), far)[0][1])) == (2, 1)


def test_a_new_period_resolves_the_one_before_though_that_was_to_end_later() -> None:
    """A SIM that is billed anew from the middle of its period on, for instance after it was moved to another plan."""
    rows = [row(back(10), 9 * MB), row(back(9), 6 * MB, period_end=END + timedelta(days=20))]
    old, new = seen(back(9), rows)
    assert old[0].ended_at is not None
    assert new[0].ended_at is None
    assert [alert.state for alert in alerts(back(8), rows)] == [OPEN]


def test_a_new_period_resolves_the_one_before_though_it_ends_earlier() -> None:
    """A SIM that goes from a plan of 90 days to one of 30 in the middle of its period."""
    rows = [row(back(10), 9 * MB, period_end=END + 2 * MONTH), row(back(9), 6 * MB, plan_id=74)]
    running = [period for period, _ in seen(back(9), rows) if period.ended_at is None]
    assert [period.plan_id for period in running] == [74]
    assert [alert.detail["plan_id"] for alert in alerts(back(8), rows)] == [74]


# --- another plan or allowance


@pytest.mark.parametrize("change", [{"plan_id": 74, "plan_name": "Maker 20"}, {"included_bytes": 20 * MB}])
def test_another_plan_or_allowance_ends_the_alert_on_that_day_only_and_arms_it_anew(change: dict[str, Any]) -> None:
    rows = [*using(9 * MB, 11 * MB, until=6), *using(19 * MB, 19 * MB, 19 * MB, until=3, **change)]
    assert the_alert(back(6), rows).step == 100
    old, new = alerts(back(5), rows)
    assert (old.state, old.step, old.resolved_at) == (RESOLVED, 100, start_of_day(back(5)))
    assert old.detail["resolved_because"] == PLAN_CHANGED
    assert old.alert_id == the_alert(back(6), rows).alert_id
    assert new.alert_id != old.alert_id
    assert (new.state, new.opened_at) == (OPEN, end_of_day(back(5)))
    assert alerts(back(4), rows) == [new]
    assert alerts(back(3), rows) == [new]


def test_a_change_to_a_bigger_plan_below_its_first_step_leaves_no_alert() -> None:
    rows = [*using(9 * MB, until=6), *using(9 * MB, 9 * MB, until=4, plan_id=74, included_bytes=100 * MB)]
    assert [alert.state for alert in alerts(back(5), rows)] == [RESOLVED]
    assert alerts(back(4), rows) == []


def test_usage_on_the_old_plan_is_not_held_against_the_old_plan_for_the_days_on_the_new_one() -> None:
    rows = [*using(MB, until=6), *using(90 * MB, 90 * MB, until=4, plan_id=74, included_bytes=1_000 * MB)]
    assert alerts(back(5), rows) == []
    assert alerts(back(4), rows) == []


def test_a_change_that_is_seen_after_missing_days_ends_the_old_plan_on_the_day_it_is_seen() -> None:
    rows = [row(back(12), 9 * MB), row(back(8), 9 * MB, plan_id=74)]
    assert the_alert(back(9), rows).state == OPEN
    old, new = alerts(back(8), rows)
    assert (old.state, old.resolved_at, new.state) == (RESOLVED, start_of_day(back(8)), OPEN)
    assert [alert.state for alert in alerts(back(7), rows)] == [OPEN]


def test_a_plan_that_comes_back_goes_on_under_its_old_id() -> None:
    other: dict[str, Any] = {"plan_id": 74}
    rows = [
        *using(8 * MB, until=9), *using(8 * MB, 9 * MB, until=7, **other), *using(9 * MB, 11 * MB, until=5),
        row(LAST_DAY, 0, period_end=END + MONTH),
    ]  # fmt: skip
    first = the_alert(back(9), rows)
    before = alerts(back(8), rows)
    assert [(alert.alert_id == first.alert_id, alert.state) for alert in before] == [(True, RESOLVED), (False, OPEN)]
    assert [alert.state for alert in alerts(back(7), rows)] == [OPEN]
    again, left = sorted(alerts(back(6), rows), key=lambda alert: alert.state)
    assert (again.alert_id, again.state, again.opened_at) == (first.alert_id, OPEN, first.opened_at)
    assert (left.alert_id, left.state) == (before[1].alert_id, RESOLVED)
    later = the_alert(back(5), rows)
    assert (later.alert_id, later.step, later.state) == (first.alert_id, 100, ESCALATED)
    assert [(alert.alert_id, alert.state) for alert in alerts(LAST_DAY, rows)] == [(first.alert_id, RESOLVED)]


def test_when_the_period_ends_only_its_last_plan_is_resolved() -> None:
    rows = [
        *using(9 * MB, until=4),
        *using(9 * MB, 9 * MB, 9 * MB, until=1, plan_id=74),
        row(LAST_DAY, 0, period_end=END + MONTH),
    ]
    (alert,) = alerts(LAST_DAY, rows)
    assert (alert.detail["plan_id"], alert.detail["resolved_because"]) == (74, PERIOD_ENDED)


def test_a_plan_that_changes_on_the_day_the_period_ends_is_the_new_periods() -> None:
    rows = [row(back(1), 9 * MB), row(LAST_DAY, 0, plan_id=74, period_end=END + MONTH)]
    (alert,) = alerts(LAST_DAY, rows)
    assert (alert.detail["plan_id"], alert.detail["resolved_because"]) == (73, PERIOD_ENDED)


# --- long periods


def test_a_period_of_ninety_days_keeps_its_alert_from_the_first_step_to_the_end() -> None:
    rows = [row(back(90 - n), n * 150_000) for n in range(90)]
    found = {each.day: alerts(each.day, rows) for each in rows}
    crossed = [day for day, of_day in found.items() if of_day]
    assert crossed[0] == back(90 - 34)  # 34 × 150 kB are the first to reach half of the allowance
    assert crossed == [back(days) for days in range(56, 0, -1)]
    assert len({alert.alert_id for of_day in found.values() for alert in of_day}) == 1
    assert [the_alert(back(days), rows).step for days in (56, 37, 36, 24, 23, 1)] == [50, 50, 80, 80, 100, 120]
    ended = the_alert(LAST_DAY, rows)
    assert (ended.state, ended.step, ended.opened_at) == (RESOLVED, 120, end_of_day(back(56)))
    assert alerts(LAST_DAY + ONE_DAY, rows) == []


# --- any history


class History(NamedTuple):
    """A SIM's rows over several periods, and the closed rows by the day on which they ended."""

    rows: list[ReportRow]
    closed: dict[date, list[ClosedRow]]


PLANS = ((73, 10 * MB), (74, 20 * MB), (73, 5 * MB), (1, 0))


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Days in a row as reports would have them: usage that grows, plans that change, days that lack or are unknown."""
    length = draw(st.sampled_from((30, 90)))
    # Seconds of the day around which the ends jitter; away from midnight, which has tests of its own.
    end = start_of_day(LAST_DAY) + timedelta(seconds=draw(st.integers(60, 86_400 - 60)))
    first = end.date() - timedelta(days=draw(st.integers(1, length - 1)))
    terms = draw(st.sampled_from(PLANS))
    usage, rows, closed_on = 0, [], {}
    for number in range(draw(st.integers(1, 70))):
        day = first + number * ONE_DAY
        usage += draw(st.sampled_from((0, 0, 200_000, 1 * MB, 6 * MB)))
        if day == end.date():
            charge = Decimal(usage) / MB if terms[1] == 0 else Decimal(0)
            closed_on[day] = [ClosedRow(SIM, *terms, end, usage, Decimal(0), charge)]
            end, usage = end + timedelta(days=length), 0
        if draw(st.integers(0, 9)) == 0:
            terms = draw(st.sampled_from(PLANS))
        state = draw(st.sampled_from(("known",) * 8 + ("unknown", "missing")))
        if state != "missing":
            status = (
                "unknown" if state == "unknown" else "payg" if terms[1] == 0 else "over" if usage > terms[1] else "ok"
            )
            jitter = timedelta(seconds=draw(st.integers(-50, 50)))
            rows.append(
                row(
                    day,
                    usage,
                    plan_id=terms[0],
                    included_bytes=terms[1],
                    period_end=end + jitter,
                    status=status,
                    usage_charge=Decimal(usage) / MB if terms[1] == 0 else Decimal(0),
                )
            )
    return History(rows, closed_on)


def days_of(history: History) -> list[date]:
    if not history.rows:
        return []
    first, last = history.rows[0].day, history.rows[-1].period_end.date()
    return [first + n * ONE_DAY for n in range((last - first).days + 3)]


@given(histories())
@settings(max_examples=40)
def test_of_any_history_at_most_one_period_and_plan_runs_and_standings_ascend(history: History) -> None:
    for day in days_of(history):
        found = seen(day, history.rows, history.closed.get(day, ()))
        assert sum(period.ended_at is None for period, _ in found) <= 1
        for period, standings in found:
            assert standings
            assert all(earlier.day < later.day for earlier, later in pairwise(standings))
            assert all(earlier.as_of < later.as_of for earlier, later in pairwise(standings))
            assert standings[-1].day <= day
            assert all(each.as_of <= end_of_day(day) for each in standings)
            if period.ended_at is not None:
                assert start_of_day(day) <= period.ended_at < end_of_day(day)
        ids = [alert.alert_id for alert in alerts(day, history.rows, history.closed.get(day, ()))]
        assert len(set(ids)) == len(ids)


@given(histories())
@settings(max_examples=40)
def test_of_any_history_an_alert_is_there_every_day_until_it_is_resolved_once_and_its_step_never_falls(
    history: History,
) -> None:
    by_id: dict[str, list[tuple[date, Alert]]] = {}
    for day in days_of(history):
        for alert in alerts(day, history.rows, history.closed.get(day, ())):
            if alert.rule != "will_exceed":
                by_id.setdefault(alert.alert_id, []).append((day, alert))
    for course in by_id.values():
        assert len({alert.opened_at for _, alert in course}) == 1
        for (day, alert), (next_day, following) in pairwise(course):
            assert following.step >= alert.step
            assert (following.event_time == alert.event_time) == (
                (following.step, following.severity) == (alert.step, alert.severity)
            )
            if alert.state == RESOLVED:
                # Only a plan that the SIM went back to comes back.
                assert alert.detail["resolved_because"] == PLAN_CHANGED
            else:
                assert next_day == day + ONE_DAY
        assert course[-1][1].state == RESOLVED
        assert all(alert.resolved_at is None or alert.resolved_at.date() == day for day, alert in course)


@given(histories(), st.data())
@settings(max_examples=40)
def test_what_is_said_of_a_day_does_not_change_with_what_comes_later(history: History, data: st.DataObject) -> None:
    days = days_of(history)
    if not days:
        return
    day = data.draw(st.sampled_from(days))
    known = [each for each in history.rows if each.day <= day]
    last_hours = history.closed.get(day, [])
    assert list(sim_periods(ORG, day, known, last_hours)) == seen(day, history.rows, last_hours)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 40), st.integers(-40, 60), st.sampled_from(PLANS), st.none() | st.integers(0, 10**12),
            st.sampled_from(("ok", "unknown", "over", "payg", "will_exceed", "at_risk")), st.none() | st.integers(0, 10**12),
        ),
        max_size=25,
        unique_by=lambda each: each[0],
    ),
    st.integers(0, 45),
)  # fmt: skip
def test_rows_of_any_history_raise_no_error(
    drawn: list[tuple[int, int, tuple[int, int], int | None, str, int | None]], number: int
) -> None:
    first = date(2026, 10, 1)
    rows = [
        row(
            first + days * ONE_DAY, usage, period_end=END + timedelta(hours=7 * ends), plan_id=terms[0],
            included_bytes=terms[1], status=status, projected_bytes=projected,
            projected_overage_cost=None if projected is None else Decimal(projected) / MB,
            usage_charge=None if usage is None else Decimal(usage) / MB,
        )
        for days, ends, terms, usage, status, projected in sorted(drawn, key=lambda each: each[0])
    ]  # fmt: skip
    for alert in alerts(first + number * ONE_DAY, rows, [closed(10**12)]):
        assert alert.subject == f"SIM {SIM}"
        assert alert.opened_at <= alert.event_time
