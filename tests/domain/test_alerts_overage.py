"""The overage rules say what rules.md says: steps of the allowance, forecast overage, pay-as-you-go spend."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from hologram_assets.domain.alerts import CRITICAL, ESCALATED, INFO, OPEN, RESOLVED, WARN, Alert, identity
from hologram_assets.domain.overage_alerts import (
    PLAN_CHANGED,
    SimPeriod,
    Standing,
    median,
    overage_step,
    payg_spend,
    will_exceed,
)
from hologram_assets.domain.overage_rules import OverageRules

RULES = OverageRules()
MB = 1_000_000
ALLOWANCE = 10 * MB
SIM = SimPeriod(144, 7, "pump", 73, "Maker 10", ALLOWANCE, datetime(2026, 11, 30, 17, 24, 43))
PAYG = SIM._replace(plan_id=1, plan_name="Pay as you go", included_bytes=0)
FIRST = date(2026, 11, 1)


def end_of(number: int) -> datetime:
    """The end of the period's day with this number, from 0."""
    return datetime(2026, 11, 2) + timedelta(days=number)


def days(*each: dict[str, Any]) -> list[Standing]:
    nothing = Standing(FIRST, end_of(0), "ok", 0, Decimal(0), Decimal(0), None, None)
    return [
        nothing._replace(**({"day": FIRST + timedelta(days=number), "as_of": end_of(number)} | values))
        for number, values in enumerate(each)
    ]


def used(*sums: int) -> list[Standing]:
    return days(*({"usage_bytes": amount} for amount in sums))


def spent(*charges: str | None) -> list[Standing]:
    return days(*({"status": "payg", "usage_charge": None if c is None else Decimal(c)} for c in charges))


def foreseen(*forecasts: tuple[str, int, str | None]) -> list[Standing]:
    return days(
        *(
            {
                "status": status,
                "usage_bytes": 5 * MB,
                "projected_bytes": projected,
                "projected_overage_cost": None if cost is None else Decimal(cost),
            }
            for status, projected, cost in forecasts
        )
    )


OVER = ("will_exceed", 15 * MB, "1.00")
CALM = ("ok", 9 * MB - 1, "0")


def stepped(*sums: int, sim: SimPeriod = SIM) -> Alert:
    alert = overage_step(sim, used(*sums), RULES)
    assert alert is not None
    return alert


# --- overage_step


@pytest.mark.parametrize(
    ("usage", "step", "severity"),
    [
        (5 * MB, 50, INFO),
        (8 * MB - 1, 50, INFO),
        (8 * MB, 80, WARN),
        # Equal is not over.
        (10 * MB, 80, WARN),
        (10 * MB + 1, 100, CRITICAL),
        (12 * MB, 100, CRITICAL),
        (12 * MB + 1, 120, CRITICAL),
        (20 * MB, 120, CRITICAL),
        (20 * MB + 1, 200, CRITICAL),
        (50 * MB + 1, 500, CRITICAL),
        (100 * MB, 500, CRITICAL),
        (100 * MB + 1, 1000, CRITICAL),
        (10**15, 1000, CRITICAL),
    ],
)
def test_the_highest_step_crossed_speaks_with_its_severity(usage: int, step: int, severity: str) -> None:
    alert = stepped(usage)
    assert (alert.rule, alert.step, alert.severity, alert.state) == ("overage_step", step, severity, OPEN)
    assert alert.title == f"{step} % of the allowance used"


def test_just_below_half_of_the_allowance_nothing_speaks() -> None:
    assert overage_step(SIM, used(0, 5 * MB - 1), RULES) is None
    assert overage_step(SIM, [], RULES) is None


def test_a_step_stays_one_alert_that_keeps_the_moment_it_was_crossed() -> None:
    first, later = stepped(0, 8 * MB), stepped(0, 8 * MB, 9 * MB)
    assert first.alert_id == later.alert_id
    assert (first.step, first.event_time) == (later.step, later.event_time) == (80, end_of(1))


def test_the_next_step_escalates_the_same_alert() -> None:
    alert = stepped(5 * MB, 8 * MB, 11 * MB, 11 * MB)
    assert alert.alert_id == stepped(5 * MB).alert_id
    assert (alert.step, alert.state, alert.opened_at, alert.event_time) == (100, ESCALATED, end_of(0), end_of(2))


def test_several_steps_crossed_in_one_day_are_one_alert_and_no_escalation() -> None:
    alert = stepped(0, 11 * MB)
    assert (alert.step, alert.state) == (100, OPEN)


def test_a_lower_number_on_a_later_day_takes_no_step_back() -> None:
    assert stepped(11 * MB, 3 * MB).step == 100


@pytest.mark.parametrize(
    "change",
    [{"plan_id": 74}, {"included_bytes": 9 * MB}, {"period_end": datetime(2026, 12, 30)}, {"linkid": 8}, {"org_id": 1}],
)
def test_another_plan_allowance_period_or_sim_is_another_alert(change: dict[str, Any]) -> None:
    assert stepped(50 * MB, sim=SIM._replace(**change)).alert_id != stepped(50 * MB).alert_id


def test_a_new_name_and_seconds_of_the_period_end_are_not_another_alert() -> None:
    same = SIM._replace(device_name="tank", plan_name="Maker", period_end=SIM.period_end + timedelta(seconds=5))
    assert stepped(8 * MB, sim=same).alert_id == stepped(8 * MB).alert_id


def test_each_rule_has_its_own_alert() -> None:
    assert len({SIM.alert_id(rule) for rule in ("overage_step", "will_exceed", "payg_spend")}) == 3


def test_an_identity_keeps_its_parts_apart_and_never_changes() -> None:
    assert identity("a", "bc") != identity("ab", "c")
    assert identity(144, "overage_step", 7) == identity("144", "overage_step", "7") == "117c524c2603d19c8e2eaf5a"


def test_the_end_of_the_period_resolves() -> None:
    alert = stepped(11 * MB, sim=SIM._replace(ended_at=SIM.period_end))
    assert (alert.state, alert.resolved_at) == (RESOLVED, SIM.period_end)
    assert alert.detail["resolved_because"] == "the period ended"


def test_another_plan_resolves_the_alert_on_the_old_one() -> None:
    moment = datetime(2026, 11, 10)
    alert = stepped(11 * MB, sim=SIM._replace(ended_at=moment, ended_because=PLAN_CHANGED))
    assert (alert.state, alert.resolved_at, alert.detail["resolved_because"]) == (RESOLVED, moment, PLAN_CHANGED)


def test_what_who_and_how_much_stand_in_the_alert() -> None:
    sims = days({"usage_bytes": 12_000_001, "overage_cost": Decimal("0.420210")})
    alert = overage_step(SIM, sims, RULES)
    assert alert is not None
    assert alert.subject == "SIM 7"
    assert alert.detail == {
        "linkid": 7,
        "device_name": "pump",
        "plan_id": 73,
        "plan_name": "Maker 10",
        "included_bytes": ALLOWANCE,
        "period_end": "2026-11-30 17:24:43",
        "usage_bytes": 12_000_001,
        "overage_cost": "0.420210",
    }


def test_an_allowance_rule_says_nothing_of_pay_as_you_go() -> None:
    assert overage_step(PAYG, used(10**12), RULES) is None
    assert will_exceed(PAYG, [], RULES) is None


# --- will_exceed


def test_a_forecast_overage_of_a_dollar_warns() -> None:
    alert = will_exceed(SIM, foreseen(CALM, OVER, OVER), RULES)
    assert alert is not None
    assert (alert.rule, alert.step, alert.severity, alert.state) == ("will_exceed", 0, WARN, OPEN)
    assert (alert.opened_at, alert.event_time, alert.resolved_at) == (end_of(1), end_of(1), None)
    assert (alert.detail["projected_bytes"], alert.detail["projected_overage_cost"]) == (15 * MB, "1.00")


@pytest.mark.parametrize(
    "quiet",
    [
        ("will_exceed", 15 * MB, "0.999999"),
        # Not priced: nothing is guessed.
        ("will_exceed", 15 * MB, None),
        ("at_risk", 9 * MB, "5.00"),
        # The first three days: the report's status says ok whatever the forecast.
        ("ok", 15 * MB, "5.00"),
        ("unknown", 15 * MB, "5.00"),
    ],
)
def test_less_than_a_dollar_or_another_status_says_nothing(quiet: tuple[str, int, str | None]) -> None:
    assert will_exceed(SIM, foreseen(quiet, quiet), RULES) is None


def test_two_days_below_nine_tenths_of_the_allowance_resolve_it() -> None:
    alert = will_exceed(SIM, foreseen(OVER, CALM, CALM), RULES)
    assert alert is not None
    assert (alert.state, alert.resolved_at) == (RESOLVED, end_of(2))
    assert alert.detail["resolved_because"] == "2 days below 90% of the allowance"


@pytest.mark.parametrize(
    "between",
    [
        [CALM],
        [CALM, ("at_risk", 9 * MB, "0"), CALM],
        [CALM, ("will_exceed", 15 * MB, "0.10"), CALM],
        [("ok", 9 * MB, "0"), ("ok", 9 * MB, "0")],
    ],
)
def test_one_day_or_exactly_nine_tenths_or_an_interruption_does_not(between: list[tuple[str, int, str | None]]) -> None:
    alert = will_exceed(SIM, foreseen(OVER, *between), RULES)
    assert alert is not None
    assert alert.state == OPEN


def test_calm_days_before_the_alert_do_not_count() -> None:
    alert = will_exceed(SIM, foreseen(CALM, CALM, OVER, CALM), RULES)
    assert alert is not None
    assert alert.state == OPEN


def test_it_is_resolved_on_one_day_only() -> None:
    assert will_exceed(SIM, foreseen(OVER, CALM, CALM, CALM), RULES) is None


def test_a_forecast_that_comes_back_is_open_again_under_its_id() -> None:
    first = will_exceed(SIM, foreseen(OVER), RULES)
    again = will_exceed(SIM, foreseen(OVER, CALM, CALM, OVER), RULES)
    assert first is not None
    assert again is not None
    assert (again.alert_id, again.state, again.opened_at) == (first.alert_id, OPEN, end_of(3))
    assert "resolved_because" not in again.detail


def test_a_forecast_that_came_true_is_resolved_for_the_steps_speak_now() -> None:
    story = foreseen(OVER, ("over", 15 * MB, "3.00"))
    story[1] = story[1]._replace(usage_bytes=ALLOWANCE + 1)
    alert = will_exceed(SIM, story, RULES)
    assert alert is not None
    assert (alert.state, alert.detail["resolved_because"]) == (RESOLVED, "the allowance is used up")


def test_the_end_of_the_period_resolves_a_forecast_too() -> None:
    alert = will_exceed(SIM._replace(ended_at=SIM.period_end), foreseen(OVER), RULES)
    assert alert is not None
    assert (alert.state, alert.resolved_at) == (RESOLVED, SIM.period_end)


# --- payg_spend


def spend(*charges: str | None, closed: tuple[str, ...] = ()) -> Alert | None:
    return payg_spend(PAYG, spent(*charges), [Decimal(amount) for amount in closed], RULES)


@pytest.mark.parametrize(
    ("charge", "closed", "step", "severity"),
    [
        ("5.00", (), 0, None),
        ("5.000001", (), 1, WARN),
        ("10.00", (), 1, WARN),
        ("10.01", (), 2, WARN),
        ("20.01", (), 3, WARN),
        ("24.999999", (), 3, WARN),
        ("25.00", (), 3, CRITICAL),
        ("40.01", (), 4, CRITICAL),
        # Three times the median of the closed periods, where that is more than five dollars.
        ("6.00", ("1.00", "2.00", "9.00"), 0, None),
        ("6.01", ("1.00", "2.00", "9.00"), 1, WARN),
        ("4.99", ("0.10",), 0, None),
        ("5.01", ("0.10",), 1, WARN),
        ("30.00", ("10.00",), 0, None),
        ("30.01", ("10.00",), 1, CRITICAL),
        ("7.50", ("2.00", "3.00"), 0, None),
        ("15.01", ("2.00", "3.00"), 2, WARN),
    ],
)
def test_the_spend_passes_a_threshold_and_then_each_doubling(
    charge: str, closed: tuple[str, ...], step: int, severity: str | None
) -> None:
    alert = spend(charge, closed=closed)
    assert (alert.step if alert else 0, alert.severity if alert else None) == (step, severity)


def test_the_title_names_the_amount_that_was_passed() -> None:
    alert = spend("1300.00", closed=("200.00",))
    assert alert is not None
    assert alert.title == "pay-as-you-go spend has passed $1,200.00"
    assert (alert.detail["usage_charge"], alert.detail["closed_periods"]) == ("1300.00", 1)


def test_a_doubling_escalates() -> None:
    alert = spend("1.00", "6.00", "7.00", "11.00", "12.00")
    assert alert is not None
    assert (alert.step, alert.state, alert.opened_at, alert.event_time) == (2, ESCALATED, end_of(1), end_of(3))


def test_twenty_five_dollars_between_two_doublings_escalate_too() -> None:
    alert = spend("21.00", "25.00", "26.00")
    assert alert is not None
    assert (alert.step, alert.severity, alert.state, alert.event_time) == (3, CRITICAL, ESCALATED, end_of(1))


def test_an_unknown_charge_is_no_spend() -> None:
    assert spend(None, None) is None
    alert = spend("6.00", None)
    assert alert is not None
    assert alert.detail["usage_charge"] is None


def test_a_plan_with_an_allowance_has_no_pay_as_you_go_spend() -> None:
    assert payg_spend(SIM, spent("100.00"), [], RULES) is None


def test_the_median_is_exact_and_zero_for_none() -> None:
    assert median([]) == 0
    assert median([Decimal("0.3"), Decimal("0.1"), Decimal("0.2")]) == Decimal("0.2")
    assert median([Decimal("0.1"), Decimal("0.2")]) == Decimal("0.15")


@pytest.mark.parametrize(
    "wrong", [{"steps": ()}, {"steps": (80, 50)}, {"steps": (0, 50)}, {"payg_usd": Decimal(0)}, {"relieved_days": 0}]
)
def test_thresholds_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="overage"):
        OverageRules(**wrong)
