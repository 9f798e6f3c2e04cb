"""What the fleet costs, why that changed, and which plans would cost less: held against a reckoning in plain Python."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hologram_assets.checks.derived import CHANGES_ADD_UP
from hologram_assets.domain.periods import same_day_of_last_period
from hologram_assets.domain.pricing import charge
from hologram_assets.domain.recommendation_rules import RecommendationRules
from hologram_assets.partitions import OrgDay
from hologram_assets.warehouse.connection import Warehouse
from hologram_assets.warehouse.derived import NotLoadedError
from hologram_assets.warehouse.known import stale_days
from hologram_assets.warehouse.loads import Load, record_load, touch
from hologram_assets.warehouse.tables import FLEET_SUMMARY, OVERAGE_REPORT, PLAN_CATALOG, PLAN_RECOMMENDATIONS
from tests.warehouse.money_world import (
    DAY,
    EFFECTS,
    MB,
    MICRO,
    NOTHING,
    ONE,
    Alarm,
    Case,
    Closed,
    History,
    Organisation,
    Plan,
    Price,
    Row,
    Sim,
    Total,
    expected_advice,
    expected_changes,
    expected_summary,
    midnight,
    shown,
)

EVE = DAY - ONE
LAST = DAY - 30 * ONE
START, END = midnight(DAY) - 10 * ONE, midnight(DAY) + 20 * ONE
ENDS = tuple(START - 30 * n * ONE for n in range(6))
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
NAMES = (
    "Meter 1",
    None,
    "",
    "مقياس",
    "电表 🚀",
    "Z\u0301\u0300",
    "'; DROP TABLE alerts; --",
    "%s {0} %d",
    "a\u202eb",
    "x" * 300,
)

_org_ids = count(1)

# Fleets that are drawn; more of them in the campaigns.
SEEDS = [*range(4), *(pytest.param(seed, marks=pytest.mark.campaign) for seed in range(4, 24))]


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """One transaction, on one thread: to commit, and to share out a few rows, takes longer than to read them."""
    with Warehouse(tmp_path_factory.mktemp("money") / "warehouse.duckdb").write() as connection:
        connection.execute("SET threads = 1")
        yield connection
        connection.execute("RESET threads")


@pytest.fixture
def fleet(connection: duckdb.DuckDBPyConnection) -> Organisation:
    """An organisation that nobody else has written to."""
    return Organisation(connection, next(_org_ids))


# Fleets drawn at random


SIZES = (0, 1, 999, 1_000, 1_001, MB, 10 * MB, 10 * MB + 1, 11 * MB, 50 * MB, 123_456_789, 10**12)
RATES = ("0", "0.03", "0.5", "0.210000001", "1.25", "0.0000005")


def some_plans(draw: random.Random) -> list[Plan]:
    """Up to six plans and the double of one, some in two zones, of any nature; names are of any script."""
    plans = [
        Plan(
            plan_id,
            draw.choice((0, 0, 10 * MB, 10 * MB, 50 * MB, 200 * MB)),
            draw.choice(RATES) if draw.random() > 0.1 else None,
            draw.choice(("0", "1", "2", "0.6", "5.000001", "12")),
            zone=zone,
            region=draw.choice((1, 1, 1, None, 2)),
            intervals=draw.choice((1, 1, 1, 1, 3)),
            enabled=draw.random() > 0.15,
            pooled=draw.random() < 0.08,
            variable=draw.random() < 0.08,
            name=draw.choice(NAMES),
        )
        for plan_id in range(1, draw.randint(2, 7))
        for zone in draw.choice((("global",), ("global",), ("global", "1")))
    ]
    # A plan that costs a micro-dollar more or less than another is no rounding error.
    double = draw.choice(plans)
    more = Decimal(double.recurring or 0) + draw.choice((MICRO, NOTHING, -MICRO))
    if double.zone == "global" and more >= 0 and draw.random() < 0.7:
        plans.append(double._replace(plan_id=8, recurring=f"{more:f}"))
    return plans


def consistent(plans: list[Plan]) -> list[Plan]:
    """What the API says of a plan once, it says of all its zones."""
    first: dict[int, Plan] = {}
    for plan in plans:
        first.setdefault(plan.plan_id, plan)
    return [
        plan._replace(
            **{
                name: getattr(first[plan.plan_id], name)
                for name in ("allowance", "region", "intervals", "enabled", "pooled", "variable", "name")
            }
        )
        for plan in plans
    ]


def a_size(draw: random.Random) -> int:
    return draw.choice(SIZES) if draw.random() < 0.4 else draw.randrange(120 * MB)


def a_sim(draw: random.Random, linkid: int, day: date) -> Sim:
    start = midnight(day) - timedelta(days=draw.randrange(29), seconds=draw.choice((0, 5, 43_200, 86_399)))
    known = draw.random() > 0.08
    sim = Sim(
        linkid,
        draw.choice((1, 1, 2, 2, 3, 4, 5, 6, 9, None)),
        zone=draw.choice(("GLOBAL", "Global", "1", None)),
        start=start if known else None,
        end=start + 30 * ONE if known else None,
        limit=draw.choice((-1, -1, None, 0, -2, 10 * MB, 10**9)),
        name=draw.choice(NAMES),
    )
    return used(draw, sim, a_size(draw))


def used(draw: random.Random, sim: Sim, usage: int) -> Sim:
    """The SIM with so much usage, of which now and then not all is known, and what is expected of it."""
    if sim.start is None or draw.random() < 0.05:
        return sim._replace(usage=None if draw.random() < 0.5 else usage, whole=False, projected=None, bound=None)
    projected = usage + a_size(draw) // 2
    foreseen = draw.random() > 0.1
    return sim._replace(
        usage=usage,
        whole=True,
        projected=projected if foreseen else None,
        bound=projected + a_size(draw) // 3 if foreseen else None,
    )


def later(draw: random.Random, sims: list[Sim], days: int, on: date) -> list[Sim]:
    """The same fleet some days later: SIMs have come and gone, used more, changed plans, and begun their periods."""
    found = []
    for sim in sims:
        if draw.random() < 0.08:
            continue
        start, usage = sim.start, sim.usage or 0
        if start is not None and start + 30 * ONE < midnight(on) + ONE:
            start, usage = start + timedelta(days=30, seconds=draw.choice((0, 0, 3))), 0
        elif start is not None and draw.random() < 0.05:
            start, usage = midnight(on), 0
        moved = sim._replace(
            start=start,
            end=start + 30 * ONE if start else None,
            plan_id=draw.randint(1, 7) if draw.random() < 0.25 else sim.plan_id,
            zone=draw.choice(("GLOBAL", "1", None)) if draw.random() < 0.15 else sim.zone,
        )
        found.append(used(draw, moved, usage + a_size(draw) * days // 30))
    newest = max((sim.linkid for sim in sims), default=0)
    found += [a_sim(draw, newest + n, on) for n in range(1, draw.choice((1, 2, 4)))]
    return found


def repriced(draw: random.Random, plans: list[Plan]) -> list[Plan]:
    """The catalogue some days later: some prices are others, some plans are gone, disabled or new."""
    found = [
        plan._replace(
            rate=draw.choice(RATES) if plan.rate and draw.random() < 0.2 else plan.rate,
            recurring=draw.choice(("1", "3")) if draw.random() < 0.2 else plan.recurring,
            pooled=plan.pooled != (plan.plan_id == 2 and draw.random() < 0.1),
        )
        for plan in plans
    ]
    gone = draw.choice((0, 0, 0, 3, 4))
    new = [Plan(7)] if draw.random() < 0.5 and all(plan.plan_id != 7 for plan in plans) else []
    return consistent([plan for plan in found if plan.plan_id != gone] + new)


@pytest.mark.parametrize("seed", SEEDS)
def test_costs_and_their_changes_are_as_reckoned_by_hand(fleet: Organisation, seed: int) -> None:
    """Three days of a fleet, the second of which is published and then corrected."""
    draw = random.Random(seed)
    fleet.calendar_month = seed % 4 == 3
    last = same_day_of_last_period(DAY, calendar_month=fleet.calendar_month)
    sims, plans = [a_sim(draw, n, last) for n in range(1, draw.choice((1, 12, 40, 60)))], consistent(some_plans(draw))
    catalogues = {last: plans, EVE: repriced(draw, plans)}
    catalogues[DAY] = repriced(draw, catalogues[EVE])
    fleets = {last: sims, EVE: later(draw, sims, 29, EVE)}
    fleets[DAY] = later(draw, fleets[EVE], 1, DAY)
    for day, of_day in fleets.items():
        fleet.report(day, of_day, catalogues[day])
        fleet.summed(day)
    published = {row["plan_id"]: row["cost_to_date"] for row in fleet.rows("fleet_summary", EVE, "scope = 'plan'")}
    # Of yesterday more is known in the end: bytes came late, a SIM was another's, and one was overlooked.
    corrected = [used(draw, sim, (sim.usage or 0) + MB) if draw.random() < 0.2 else sim for sim in fleets[EVE][1:]]
    fleet.report(EVE, [*corrected, a_sim(draw, 5000, EVE)], catalogues[EVE])
    fleet.summed(EVE)
    fleet.summed(DAY)

    reports = {day: fleet.rows("overage_report", day) for day in fleets}
    summary = expected_summary(reports[DAY])
    found = {"total" if row["scope"] == "total" else row["plan_id"]: row for row in fleet.rows("fleet_summary")}
    assert found.keys() == summary.keys()
    for plan, right in summary.items():
        assert {name: found[plan][name] for name in right} == right, plan
        assert found[plan]["cost_to_date"] <= found[plan]["projected_cost"] <= found[plan]["bound_cost"]
    for since, day, told in (("yesterday", EVE, published), ("last_period", last, None)):
        prices = {
            (plan.plan_id, plan.zone): Price(plan.allowance, Decimal(plan.rate), Decimal(plan.recurring))
            for plan in catalogues[day]
            if plan.rate is not None and plan.recurring is not None and not plan.pooled and not plan.variable
        }
        of_plans = expected_changes(reports[day], reports[DAY], prices, told, since=since)
        changes = fleet.changes(since)
        assert changes.keys() == of_plans.keys()
        for plan, effects in of_plans.items():
            assert {name: changes[plan][name] for name in effects} == effects, (since, plan)

    assert adds_up(fleet)


def adds_up(fleet: Organisation, day: date = DAY) -> bool:
    return CHANGES_ADD_UP.ask(fleet.connection, OrgDay(fleet.org_id, day)).passed


def a_history(draw: random.Random, sim: Sim) -> tuple[list[Closed], list[Total]]:
    """Closed periods of a SIM, of any number, with gaps, and known by sessions or by Hologram's totals or both."""
    closed, totals = [], []
    for n in range(draw.choice((1, 3, 3, 3, 4, 5))):
        if sim.start is None or draw.random() < 0.03:
            continue
        end = sim.start - 30 * n * ONE + draw.choice((0, 0, -2, 2)) * SECOND
        size = max(0, (sim.usage or 0) + draw.randrange(-20 * MB, 20 * MB))
        if draw.random() < 0.7:
            final = draw.choice((None, size, size + MB, size // 2))
            closed.append(Closed(sim.linkid, end, size, final, whole=draw.random() > 0.04))
        if draw.random() < 0.6 or not closed or closed[-1].end != end:
            after = -HOUR if draw.random() < 0.03 else HOUR
            totals.append(Total(sim.linkid, end + draw.choice((0, 3)) * SECOND, size + draw.choice((0, MB)), after))
    return closed, totals


@pytest.mark.parametrize("seed", SEEDS)
def test_recommendations_are_as_reckoned_by_hand(fleet: Organisation, seed: int) -> None:
    draw = random.Random(seed)
    fleet.rules = RecommendationRules(
        draw.choice((3, 3, 3, 1, 2)),
        draw.choice((Decimal(1), Decimal("0.000001"), Decimal(0))),
        draw.choice((Decimal("0.1"), Decimal(0), Decimal("0.333333"))),
        draw.choice((Decimal(3), Decimal("1.5"))),
    )
    plans = consistent(some_plans(draw))
    sims = [a_sim(draw, n, DAY) for n in range(1, draw.choice((1, 30, 60, 90)))]
    periods = [a_history(draw, sim) for sim in sims]
    history = History(
        plans,
        [each for closed, _ in periods for each in closed],
        [each for _, totals in periods for each in totals],
        [
            Alarm(
                draw.choice(sims).linkid if sims else None,
                rule,
                draw.choice(("open", "escalated", "silenced", "resolved", "accepted")),
                "overage" if rule in {"payg_spend", "overage_step", "will_exceed"} else "network",
            )
            for rule in ("rat_downgrade", "payg_spend", "overage_step", "will_exceed", "imei_change", "new_network")
        ],
    )
    fleet.report(DAY, sims, plans)
    fleet.history(history.closed, history.totals)
    fleet.alert(*history.alarms)
    fleet.recommended()
    advice = fleet.advice()
    reports = {row["linkid"]: row for row in fleet.rows("overage_report")}
    assert advice.keys() == reports.keys() == {sim.linkid for sim in sims}
    for linkid, report in reports.items():
        right = expected_advice(report, history, fleet.rules)
        assert {name: advice[linkid][name] for name in right} == right, (linkid, advice[linkid]["arithmetic"])
        assert advice[linkid]["days_left"] == days_left(report)
        assert_followable(advice[linkid])


def days_left(report: Row) -> float | None:
    if report["period_end"] is None:
        return None
    ahead: timedelta = report["period_end"] - max(midnight(DAY) + ONE, report["period_start"])
    return max(timedelta(0), ahead) / ONE


def assert_followable(row: Row) -> None:
    """Every number of the arithmetic is there, adds up, and is the row's."""
    text = str(row["arithmetic"])
    assert text
    if row["verdict"] in {"not_priced", "too_little_history"}:
        return
    money = r"(\d+\.\d{6})"
    two = rf"{money}(?: → {money})?"
    lines = re.findall(rf"(?:to \d{{4}}-\d\d-\d\d|forecast) \d+\.\d{{3}} MB: {two}", text)
    assert len(lines) == row["periods"] + 1
    own, other = ([Decimal(amount) for amount in side if amount] for side in zip(*lines, strict=True))
    assert (sum(own[:-1]), own[-1]) == (row["current_history_cost"], row["current_forecast_cost"])
    if row["best_plan_id"] == row["plan_id"]:
        assert not other
        assert "No other plan costs less." in text
        return
    assert (sum(other[:-1]), other[-1]) == (row["best_history_cost"], row["best_forecast_cost"])
    together = re.search(
        rf"In the closed periods {money} → {money}: {money} less a period; in the running one {money} less\.", text
    )
    assert together
    amounts = [sum(own[:-1]), sum(other[:-1]), row["saving_per_period"], row["forecast_saving"]]
    assert [Decimal(each) for each in together.groups()] == amounts
    assert amounts[3] == own[-1] - other[-1]


# The fleet's cost


def test_a_fleet_of_no_sims_costs_nothing_and_nothing_has_changed(fleet: Organisation) -> None:
    for day in (EVE, DAY):
        fleet.report(day, [], [])
        fleet.summed(day)
    assert len(fleet.rows("fleet_summary")) == 1
    assert {name: amount for name, amount in fleet.total().items() if amount} == {
        "org_id": fleet.org_id,
        "day": DAY,
        "scope": "total",
    }
    assert fleet.changes().keys() == {"total"}
    assert shown(fleet.changes()["total"]) == {}

    assert adds_up(fleet)


def test_a_day_without_a_report_has_no_summary_and_no_recommendations(fleet: Organisation) -> None:
    with pytest.raises(NotLoadedError, match="overage_report"):
        fleet.summed()
    with pytest.raises(NotLoadedError, match="overage_report"):
        fleet.recommended()


def test_without_the_days_alerts_nobody_is_told_to_change_a_plan(fleet: Organisation) -> None:
    """That nothing is wrong on the SIM, and that nobody looked, are not the same: neither now nor for good."""
    fleet.report(
        DAY, [Sim(1, 1, 12 * MB, 16 * MB, 16 * MB)], [Plan(1), Plan(2, 20 * MB, recurring="2.50")], alerts=False
    )
    fleet.history(steady(1, 14 * MB))
    fleet.recommended()
    row = fleet.advice()[1]
    assert (row["verdict"], row["best_plan_id"], row["recommended_plan_id"]) == ("alerts_missing", 2, None)
    assert row["upgrade_advice"] != "upgrade_now"


def test_what_is_over_already_is_the_least_of_the_bound_where_nothing_is_foreseen(fleet: Organisation) -> None:
    """Usage of which a part is missing is over the allowance all the same; nothing can be foreseen of it."""
    fleet.report(DAY, [Sim(1, 1, 14 * MB, whole=False), Sim(2, 2, 14 * MB)], [Plan(1), Plan(2, 0)], through=None)
    fleet.summed()
    total = fleet.total()
    assert (total["overage_cost"], total["usage_charge"]) == (Decimal(2), Decimal(7))
    assert total["cost_to_date"] == total["projected_cost"] == total["bound_cost"] == Decimal(13)
    assert total["uncapped_cost"] == total["uncapped_projected_cost"] == total["uncapped_bound_cost"] == Decimal(2)


def test_sims_without_a_limit_stand_with_what_they_may_cost(fleet: Organisation) -> None:
    """-1 is no limit; 0, another negative number and none at all are not known; the rest is a limit."""
    foreseen: Row = {"usage": 12 * MB, "projected": 14 * MB, "bound": 18 * MB}
    limits = dict(enumerate((-1, 0, -2, None, 20 * MB, MB), start=1))
    fleet.report(DAY, [Sim(n, 1, limit=limit, **foreseen) for n, limit in limits.items()], [Plan(1)])
    fleet.summed()
    total = fleet.total()
    assert (total["sims"], total["uncapped_sims"], total["limit_unknown_sims"]) == (6, 1, 3)
    assert total["uncapped_cost"] == Decimal(1)
    assert total["uncapped_projected_cost"] == Decimal(2)
    assert total["uncapped_bound_cost"] == Decimal(4)
    # 20 MB at most; and a limit of 1 MB that is passed has cost 2 MB already, not more.
    assert total["capped_exposure_cost"] == Decimal(10) + Decimal(1)


def test_a_pooled_plan_costs_its_recurring_amount_and_no_overage(fleet: Organisation) -> None:
    fleet.report(DAY, [Sim(1, 1, 90 * MB, 95 * MB, 99 * MB)], [Plan(1, pooled=True)])
    fleet.summed()
    total = fleet.total()
    assert total["cost_to_date"] == total["projected_cost"] == total["bound_cost"] == Decimal(2)
    assert total["priced_sims"] == 0


def test_sims_whose_plan_nobody_knows_are_a_line_of_their_own_beside_the_total(fleet: Organisation) -> None:
    for day in (EVE, DAY):
        fleet.report(day, [Sim(1, None, MB), Sim(2, 1, MB)], [Plan(1)])
        fleet.summed(day)
    assert {(row["scope"], row["plan_id"], row["sims"]) for row in fleet.rows("fleet_summary")} == {
        ("total", None, 2),
        ("plan", 1, 1),
        ("plan", None, 1),
    }
    assert len(fleet.rows("fleet_cost_changes", DAY, "scope = 'plan' AND since = 'yesterday'")) == 2

    assert adds_up(fleet)


# Why it changed


@pytest.fixture
def change(fleet: Organisation) -> Callable[..., dict[int | str | None, Row]]:
    """What the changes of a day say after one fleet and another, by plan."""

    def of(
        before: list[Sim],
        after: list[Sim],
        plans: list[Plan],
        now: list[Plan] | None = None,
        *,
        since: str = "yesterday",
    ) -> dict[int | str | None, Row]:
        last = same_day_of_last_period(DAY, calendar_month=fleet.calendar_month)
        fleet.report(EVE if since == "yesterday" else last, before, plans)
        fleet.report(DAY, after, plans if now is None else now)
        fleet.summed()
        assert adds_up(fleet)
        return fleet.changes(since)

    return of


Changes = Callable[..., dict[int | str | None, Row]]


def test_more_usage_of_the_same_sim_is_usage_per_sim(change: Changes) -> None:
    found = change([Sim(1, 1, 9 * MB)], [Sim(1, 1, 12 * MB)], [Plan(1)])
    assert shown(found["total"]) == shown(found[1]) == {"usage_per_sim": "1.000000"}
    assert (found[1]["before_cost"], found[1]["after_cost"]) == (Decimal(2), Decimal(3))


def test_sims_that_come_and_go_are_sim_count(change: Changes) -> None:
    found = change([Sim(1, 1, 12 * MB)], [Sim(2, 2, 0), Sim(3, 2, 12 * MB)], [Plan(1), Plan(2)])
    assert shown(found[1]) == {"sim_count": "-3.000000"}
    assert shown(found[2]) == {"sim_count": "5.000000"}
    assert shown(found["total"]) == {"sim_count": "2.000000"}


def test_an_effect_of_a_plan_change_counts_for_both_plans(change: Changes) -> None:
    """4 MB beyond 10 on the old plan; within the 50 of the new one, which costs 3 USD more."""
    plans = [Plan(1), Plan(2, 50 * MB, recurring="5")]
    found = change([Sim(1, 1, 14 * MB)], [Sim(1, 2, 15 * MB)], plans)
    assert shown(found[1]) == {"plan_mix": "-4.000000"}
    assert shown(found[2]) == {"plan_mix": "5.000000"}
    assert shown(found["total"]) == {"plan_mix": "1.000000"}


def test_a_plan_changed_in_mid_period_at_another_price_with_more_usage_is_three_effects(change: Changes) -> None:
    """Moved at the old price and usage, then priced anew, then used 2 MB more."""
    plans = [Plan(1), Plan(2, 0, "0.10", "1")]
    now = [Plan(1), Plan(2, 0, "0.20", "1")]
    found = change([Sim(1, 1, 12 * MB)], [Sim(1, 2, 14 * MB)], plans, now)
    assert shown(found[1]) == {"plan_mix": "-3.000000"}
    assert shown(found[2]) == {"plan_mix": "2.200000", "rate": "1.200000", "usage_per_sim": "0.400000"}


def test_another_zone_of_the_same_plan_is_plan_mix(change: Changes) -> None:
    plans = [Plan(1, zone="global"), Plan(1, rate="1.50", zone="1")]
    found = change([Sim(1, 1, 12 * MB)], [Sim(1, 1, 12 * MB, zone="1")], plans)
    assert shown(found[1]) == {"plan_mix": "2.000000"}


def test_another_price_at_the_same_usage_is_rate_also_where_the_allowance_changed(change: Changes) -> None:
    found = change([Sim(1, 1, 12 * MB)], [Sim(1, 1, 12 * MB)], [Plan(1)], [Plan(1, 8 * MB, recurring="2.5")])
    assert shown(found[1]) == {"rate": "1.500000"}


def test_a_plan_that_is_new_today_has_no_price_of_yesterday_so_that_a_move_is_plan_mix_alone(change: Changes) -> None:
    found = change([Sim(1, 1, 12 * MB)], [Sim(1, 2, 12 * MB)], [Plan(1)], [Plan(1), Plan(2, 0)])
    assert shown(found["total"]) == {"plan_mix": "5.000000"}


@pytest.mark.parametrize("zone", ["GLOBAL", None])
def test_a_price_that_vanishes_and_comes_back_is_known_no_more_and_known_again(
    fleet: Organisation, zone: str | None
) -> None:
    """Whether or not the inventory tells the zone: where it doesn't, it is the plan's only one, as long as there is one."""
    for day, plans in ((EVE - ONE, [Plan(1)]), (EVE, []), (DAY, [Plan(1)])):
        fleet.report(day, [Sim(1, 1, 12 * MB, zone=zone)], plans)
        fleet.summed(day)
    for day, amount in ((EVE, "-3.000000"), (DAY, "3.000000")):
        assert shown(fleet.changes("yesterday", day)[1]) == {"became_known": amount}
        assert fleet.changes("yesterday", day)[1]["plan_name"] == "Plan 1"
        assert adds_up(fleet, day)


@pytest.mark.parametrize("other", [Plan(2, MB, recurring="5", pooled=True), Plan(2, MB, recurring="5", variable=True)])
def test_a_move_between_a_plan_with_a_price_and_one_without_is_known_or_not_and_no_usage(
    change: Changes, other: Plan
) -> None:
    """The catalogue has a rate for it that nobody pays: 5 USD recurring, and 3 with its overage on the other plan."""
    plans = [Plan(1), other]
    found = change([Sim(1, 1, 12 * MB), Sim(2, 2, 12 * MB)], [Sim(1, 2, 13 * MB), Sim(2, 1, 14 * MB)], plans)
    assert shown(found[1]) == {"became_known": "1.000000"}
    assert shown(found[2]) == {}
    assert (found[2]["before_cost"], found[2]["after_cost"]) == (Decimal(5), Decimal(5))


def test_a_sim_that_has_no_price_on_either_day_changes_by_its_recurring_amount_alone(change: Changes) -> None:
    pooled = Plan(2, MB, recurring="5", pooled=True)
    found = change([Sim(1, 2, 12 * MB)], [Sim(1, 2, 90 * MB)], [pooled], [pooled._replace(recurring="6", rate="9")])
    assert shown(found["total"]) == {"rate": "1.000000"}


def test_a_plan_that_was_renamed_is_told_by_its_new_name(change: Changes) -> None:
    found = change([Sim(1, 1, MB)], [Sim(1, 1, MB)], [Plan(1)], [Plan(1, name="New")])
    assert (found[1]["plan_name"], shown(found[1])) == ("New 1", {})


def test_a_period_that_began_takes_the_usage_of_the_last_one_away_before_anything_else(change: Changes) -> None:
    """4 USD of overage end with the period; what is new is priced alone, on the new plan as well."""
    before = Sim(1, 1, 18 * MB, start=START - 25 * ONE, end=START + 5 * ONE)
    after = Sim(1, 2, MB, start=START + 5 * ONE, end=START + 35 * ONE)
    found = change([before], [after], [Plan(1), Plan(2, 0, recurring="1")])
    assert shown(found[1]) == {"periods_begun": "-4.000000", "plan_mix": "-2.000000"}
    assert shown(found[2]) == {"plan_mix": "1.000000", "usage_per_sim": "0.500000"}


@pytest.mark.parametrize(("moved", "begun"), [(12 * HOUR - SECOND, False), (12 * HOUR, True)])
def test_a_start_that_moves_by_half_a_day_is_another_period(change: Changes, moved: timedelta, begun: bool) -> None:
    found = change([Sim(1, 1, 12 * MB)], [Sim(1, 1, 12 * MB, start=START + moved)], [Plan(1)])
    effects = {"periods_begun": "-1.000000", "usage_per_sim": "1.000000"} if begun else {}
    assert shown(found["total"]) == effects


def test_a_period_whose_start_nobody_knows_has_not_begun(change: Changes) -> None:
    unknown: Row = {"start": None, "end": None, "whole": False}
    found = change([Sim(1, 1, 12 * MB)], [Sim(1, 1, None, **unknown)], [Plan(1)])
    assert shown(found["total"]) == {"became_known": "-1.000000"}


def test_the_same_day_of_the_last_period_is_as_far_in_it_so_that_no_period_has_begun(change: Changes) -> None:
    before = Sim(1, 1, 18 * MB, start=START - 30 * ONE, end=START)
    found = change([before], [Sim(1, 1, 12 * MB)], [Plan(1)], since="last_period")
    assert shown(found["total"]) == {"usage_per_sim": "-3.000000"}
    assert found["total"]["compared_day"] == LAST


def test_a_period_of_ninety_days_that_began_since_is_not_less_usage(change: Changes) -> None:
    """30 days ago the SIM was 80 days into a period; now it is 20 into the next one, and that is no thrift of its own."""
    before = Sim(1, 1, 18 * MB, start=START - 100 * ONE, end=START - 10 * ONE)
    after = Sim(1, 1, 12 * MB, start=START - 10 * ONE, end=START + 80 * ONE)
    found = change([before], [after], [Plan(1, intervals=3)], since="last_period")
    assert shown(found["total"]) == {"periods_begun": "-4.000000", "usage_per_sim": "1.000000"}


def test_a_month_is_compared_with_the_same_day_of_the_month_before_or_its_last(fleet: Organisation) -> None:
    fleet.calendar_month = True
    month: Row = {"start": datetime(2026, 3, 1), "end": datetime(2026, 4, 1)}
    before: Row = {"start": datetime(2026, 2, 1), "end": datetime(2026, 3, 1)}
    fleet.report(date(2026, 2, 28), [Sim(1, 1, 12 * MB, **before)], [Plan(1)])
    for day in (date(2026, 3, 28), date(2026, 3, 31)):
        fleet.report(day, [Sim(1, 1, 14 * MB, **month)], [Plan(1)])
        fleet.summed(day)
        found = fleet.changes("last_period", day)["total"]
        assert (found["compared_day"], shown(found)) == (date(2026, 2, 28), {"usage_per_sim": "1.000000"})


def test_on_the_first_of_a_month_every_months_usage_has_ended(fleet: Organisation) -> None:
    fleet.calendar_month = True
    first = date(2026, 11, 1)
    fleet.report(first - ONE, [Sim(1, 1, 12 * MB, start=datetime(2026, 10, 1), end=datetime(2026, 11, 1))], [Plan(1)])
    fleet.report(first, [Sim(1, 1, 0, start=datetime(2026, 11, 1), end=datetime(2026, 12, 1))], [Plan(1)])
    fleet.summed(first)
    assert shown(fleet.changes("yesterday", first)["total"]) == {"periods_begun": "-1.000000"}


def test_effects_of_rounded_amounts_add_up_to_the_last_digit(change: Changes) -> None:
    """Of 300 SIMs every step rounds to a millionth; were an effect a product, the remainders would be hundreds of them."""
    odd, even = Plan(1, 7, "0.210000001", "0.333333"), Plan(2, 11, "0.0000005", "0.000001")
    before = [Sim(n, 1 + n % 2, 1_001 * n + 7) for n in range(300)]
    after = [Sim(n, 1 + n % 3 % 2, 1_003 * n + 9) for n in range(300)]
    found = change(before, after, [odd, even], [odd._replace(rate="0.190000003"), even._replace(recurring="0.7")])
    for row in found.values():
        assert row["before_cost"] + sum(row[name] for name in EFFECTS) == row["after_cost"]
    assert {name for name in EFFECTS if found["total"][name]} == {"plan_mix", "rate", "usage_per_sim"}


def test_a_day_that_has_no_day_before_it_is_compared_with_nothing(fleet: Organisation) -> None:
    fleet.report(DAY, [Sim(1, 1, MB)], [Plan(1)])
    fleet.summed()
    assert fleet.rows("fleet_cost_changes") == []

    assert adds_up(fleet)


# What was published


def test_late_sessions_of_yesterday_are_a_late_correction_and_not_usage(fleet: Organisation) -> None:
    fleet.report(EVE, [Sim(1, 1, 12 * MB)], [Plan(1)])
    fleet.summed(EVE)
    fleet.report(DAY, [Sim(1, 1, 12 * MB)], [Plan(1)])
    fleet.summed()
    assert shown(fleet.changes()["total"]) == {}
    # Two MB of yesterday arrive today, and one is used.
    fleet.report(EVE, [Sim(1, 1, 14 * MB)], [Plan(1)])
    fleet.summed(EVE)
    fleet.report(DAY, [Sim(1, 1, 15 * MB)], [Plan(1)])
    fleet.summed()
    found = fleet.changes()
    assert shown(found["total"]) == shown(found[1]) == {"late_corrections": "1.000000", "usage_per_sim": "0.500000"}
    assert found["total"]["before_cost"] == Decimal(3)

    assert adds_up(fleet)


def test_a_sim_that_was_on_another_plan_yesterday_after_all_corrects_both_plans(fleet: Organisation) -> None:
    plans = [Plan(1), Plan(2, 0, recurring="1")]
    fleet.report(EVE, [Sim(1, 1, 12 * MB)], plans)
    fleet.summed(EVE)
    fleet.report(DAY, [Sim(1, 2, 12 * MB)], plans)
    fleet.summed()
    assert shown(fleet.changes()["total"]) == {"plan_mix": "4.000000"}
    fleet.report(EVE, [Sim(1, 2, 12 * MB)], plans)
    fleet.summed()
    assert shown(fleet.changes()[1]) == {"late_corrections": "-3.000000"}
    assert shown(fleet.changes()[2]) == {"late_corrections": "7.000000"}

    assert adds_up(fleet)


def test_what_was_published_a_period_ago_is_what_the_last_period_is_compared_with(fleet: Organisation) -> None:
    then: Row = {"start": START - 30 * ONE, "end": START}
    fleet.report(LAST, [Sim(1, 1, 12 * MB, **then)], [Plan(1)])
    fleet.summed(LAST)
    fleet.report(LAST + ONE, [Sim(1, 1, 12 * MB, **then)], [Plan(1)])
    fleet.summed(LAST + ONE)
    fleet.report(LAST, [Sim(1, 1, 13 * MB, **then)], [Plan(1)])
    fleet.summed(LAST)
    fleet.report(DAY, [Sim(1, 1, 14 * MB)], [Plan(1)])
    fleet.summed()
    assert shown(fleet.changes("last_period")["total"]) == {"late_corrections": "0.500000", "usage_per_sim": "0.500000"}


def test_a_day_summed_up_first_after_its_successor_publishes_nothing_twice(fleet: Organisation) -> None:
    """Backwards: nothing was published of yesterday when today was first summed up, so its report is what stands."""
    for day, usage in ((EVE, 12 * MB), (DAY, 14 * MB)):
        fleet.report(day, [Sim(1, 1, usage)], [Plan(1)])
    fleet.summed(DAY)
    assert fleet.rows("published_costs", EVE) == []
    backwards = fleet.changes()
    fleet.summed(EVE)
    for _ in range(2):
        fleet.summed(DAY)
        assert [row["cost_to_date"] for row in fleet.rows("published_costs", EVE)] == [Decimal(3)]
        assert fleet.changes() == backwards
    assert shown(backwards["total"]) == {"usage_per_sim": "1.000000"}


def test_what_was_published_of_a_day_stays_whatever_becomes_of_the_day(fleet: Organisation) -> None:
    for day in (EVE, DAY):
        fleet.report(day, [Sim(1, 1, 12 * MB), Sim(2, None, MB)], [Plan(1)])
        fleet.summed(day)
    published = fleet.rows("published_costs", EVE)
    assert {row["plan_id"]: row["cost_to_date"] for row in published} == {1: Decimal(3), None: Decimal(0)}
    fleet.report(EVE, [Sim(3, 2, 99 * MB)], [Plan(2)])
    fleet.summed(EVE)
    fleet.summed(DAY)
    assert fleet.rows("published_costs", EVE) == published


def test_a_day_without_sims_is_published_too_so_that_what_is_found_later_is_a_correction(fleet: Organisation) -> None:
    fleet.report(EVE, [], [Plan(1)])
    fleet.summed(EVE)
    fleet.report(DAY, [Sim(1, 1, 12 * MB)], [Plan(1)])
    fleet.summed()
    assert shown(fleet.changes()["total"]) == {"sim_count": "3.000000"}
    fleet.report(EVE, [Sim(1, 1, 12 * MB)], [Plan(1)])
    fleet.summed(EVE)
    fleet.summed(DAY)
    assert (fleet.changes()["total"]["before_cost"], shown(fleet.changes()["total"])) == (
        NOTHING,
        {"late_corrections": "3.000000"},
    )


def test_rewriting_the_same_day_changes_nothing(fleet: Organisation) -> None:
    for day in (EVE, DAY):
        fleet.report(day, [Sim(1, 1, 12 * MB), Sim(2, None, MB)], [Plan(1)])
        fleet.summed(day)
        fleet.alert(day=day)
        fleet.recommended(day)
    tables = ("fleet_summary", "fleet_cost_changes", "plan_recommendations", "published_costs")
    before = {table: fleet.rows(table) for table in tables}
    for load, rows in ((fleet.summed(), 3), (fleet.recommended(), 2)):
        assert (load.rows, load.new_rows, load.changed_rows) == (rows, 0, 0)
    assert {table: fleet.rows(table) for table in tables} == before


def test_the_first_time_that_a_day_is_summed_up_its_rows_are_new_and_none_has_changed(fleet: Organisation) -> None:
    for day in (EVE, DAY):
        fleet.report(day, [Sim(1, 1, 12 * MB)], [Plan(1)])
        load = fleet.summed(day)
        assert (load.rows, load.changed_rows) == (2, 0)
        assert load.new_rows >= 2


def test_another_cause_of_the_same_cost_is_a_change_of_the_day(fleet: Organisation) -> None:
    """Yesterday's correction leaves today's costs as they were; who builds on the day must still hear of it."""
    for day in (EVE, DAY):
        fleet.report(day, [Sim(1, 1, 14 * MB)], [Plan(1)])
        fleet.summed(day)
    fleet.report(EVE, [Sim(1, 1, 12 * MB)], [Plan(1)])
    load = fleet.summed()
    assert load.changed_rows
    assert shown(fleet.changes()["total"]) == {"late_corrections": "-1.000000", "usage_per_sim": "1.000000"}


def test_a_day_that_is_loaded_when_it_is_history_publishes_nothing(fleet: Organisation) -> None:
    """Two days after its end at the latest somebody has seen it: what is known only afterwards corrects nothing."""
    for day in (EVE, DAY):
        fleet.report(day, [Sim(1, 1, 12 * MB)], [Plan(1)])
        fleet.summed(day, midnight(DAY) + 2 * ONE + SECOND)
    assert fleet.rows("published_costs", EVE) == []
    fleet.summed(DAY, midnight(DAY) + 2 * ONE)
    assert len(fleet.rows("published_costs", EVE)) == 1


# Recommendations


def steady(linkid: int, size: int, periods: int = 3) -> list[Closed]:
    return [Closed(linkid, end, size) for end in ENDS[:periods]]


def known(linkid: int, plan_id: int, size: int, **more: Any) -> Sim:
    """A SIM that is expected to use as much as it always has."""
    return Sim(linkid, plan_id, size // 3, size, size)._replace(**more)


USED = known(1, 1, 14 * MB)


def case(
    plans: list[Plan],
    sim: Sim = USED,
    closed: list[Closed] | None = None,
    totals: tuple[Total, ...] = (),
    alarms: tuple[Alarm, ...] = (),
) -> Case:
    """A SIM that used 14 MB in each of three periods and is expected to again, on plan 1, if not said otherwise."""
    return Case(plans, sim, steady(1, 14 * MB) if closed is None else closed, totals, alarms)


@pytest.fixture
def advise(fleet: Organisation) -> Callable[..., Row]:
    """The recommendation for one case."""

    def of(*args: Any, **kwargs: Any) -> Row:
        return fleet.advised(case(*args, **kwargs))[0]

    return of


Advise = Callable[..., Row]
CHEAPER = [Plan(1), Plan(2, 20 * MB, recurring="2.50")]  # 4 USD a period on the first, 2.50 on the second


def test_the_plan_that_would_have_cost_least_is_recommended_with_its_arithmetic(advise: Advise) -> None:
    row = advise([*CHEAPER, Plan(3, 50 * MB, recurring="3.00")])
    assert (row["verdict"], row["recommended_plan_id"], row["best_plan_id"]) == ("recommended", 2, 2)
    assert (row["current_history_cost"], row["current_forecast_cost"]) == (Decimal(12), Decimal(4))
    assert (row["best_history_cost"], row["best_forecast_cost"]) == (Decimal("7.5"), Decimal("2.5"))
    assert (row["saving_per_period"], row["saving_percent"]) == (Decimal("1.5"), 37.5)
    assert (row["periods"], row["highest_bytes"], row["forecast_bytes"]) == (3, 14 * MB, 14 * MB)
    assert row["forecast_saving"] == Decimal("1.5")
    assert row["arithmetic"] == (
        "USD on Plan 1 → Plan 2. to 2026-09-11 14.000 MB: 4.000000 → 2.500000; "
        "to 2026-10-11 14.000 MB: 4.000000 → 2.500000; to 2026-11-10 14.000 MB: 4.000000 → 2.500000; "
        "forecast 14.000 MB: 4.000000 → 2.500000. In the closed periods 12.000000 → 7.500000: 1.500000 less a period; "
        "in the running one 1.500000 less."
    )


def test_a_plan_that_the_sim_could_not_have_is_neither_best_nor_an_upgrade(fleet: Organisation) -> None:
    """Nor does it stand in the way of one that it could have."""
    good = CHEAPER[1]
    others = {
        "disabled": good._replace(enabled=False),
        "pooled": good._replace(pooled=True),
        "variable": good._replace(variable=True),
        "without a rate": good._replace(rate=None),
        "without an amount": good._replace(recurring=None),
        "of another zone": good._replace(zone="1"),
        "of another region": good._replace(region=2),
        "of no region": good._replace(region=None),
        "of other periods": good._replace(intervals=3),
    }
    names = ("verdict", "best_plan_id", "saving_per_period", "upgrade_plan_id", "upgrade_advice")
    found = fleet.advised(*(case([Plan(1), other, Plan(3, 20 * MB, recurring="4.40")]) for other in others.values()))
    assert {
        which: tuple(row[name] for name in names) for which, row in zip(others, found, strict=True)
    } == dict.fromkeys(others, ("cheapest_already", 1, NOTHING, 3, "pay_overage"))


def test_plans_without_a_coverage_region_are_of_the_same_one(advise: Advise) -> None:
    row = advise([plan._replace(region=None) for plan in CHEAPER])
    assert (row["verdict"], row["best_plan_id"]) == ("recommended", 2)


def test_a_plan_of_ninety_days_is_compared_with_others_as_long_over_as_long_a_history(advise: Advise) -> None:
    closed = [Closed(1, START - 90 * n * ONE, 14 * MB) for n in range(3)]
    plans = [plan._replace(intervals=3) for plan in CHEAPER]
    row = advise(plans, known(1, 1, 14 * MB, end=START + 90 * ONE), closed)
    assert (row["verdict"], row["best_plan_id"], row["days_left"]) == ("recommended", 2, 79.0)


def test_a_sim_without_a_price_gets_no_recommendation_and_the_reason(fleet: Organisation) -> None:
    reasons = {
        "unknown_plan": Plan(9),
        "pooled": Plan(1, pooled=True),
        "variable_rate": Plan(1, variable=True),
        "zone_not_offered": Plan(1, rate=None),
    }
    found = fleet.advised(*(case([plan, Plan(2, recurring="0")]) for plan in reasons.values()))
    for reason, row in zip(reasons, found, strict=True):
        assert (row["verdict"], row["best_plan_id"], row["recommended_plan_id"]) == ("not_priced", None, None)
        assert row["arithmetic"] == f"The plan has no price here ({reason})."
        assert (row["upgrade_plan_id"], row["upgrade_advice"]) == (None, None)


def test_a_micro_dollar_decides_among_plans_that_cost_next_to_the_same(fleet: Organisation) -> None:
    """Whatever is reckoned roughly on the way: of hundreds of such plans the cheapest is found, at any usage."""
    for size in (14 * MB, 10**15):
        near = [Plan(n, 0, "0.4", f"{2 + Decimal((n * 7919) % 97) * MICRO:f}") for n in range(2, 400)]
        row = fleet.advised(case([Plan(1, 0, "0.5"), *near], known(1, 1, size), steady(1, size)))[0]
        assert row["best_plan_id"] == min(near, key=lambda plan: (Decimal(plan.recurring or 0), plan.plan_id)).plan_id
        assert row["best_forecast_cost"] == Decimal(2) + charge(size, 0, Decimal("0.4")).usage_charge


def test_a_disabled_plan_may_be_left_for_one_that_is_offered(advise: Advise) -> None:
    assert advise([CHEAPER[0]._replace(enabled=False), CHEAPER[1]])["recommended_plan_id"] == 2


def test_no_usage_and_huge_usage_are_priced_to_the_last_digit(fleet: Organisation) -> None:
    plans = [Plan(1, 0, "0.5", "0"), Plan(2, 10 * MB, "0.25", "0")]
    verdicts = {0: "cheapest_already", 1: "saving_too_small", 10**15: "recommended"}
    found = fleet.advised(*(case(plans, known(1, 1, size), steady(1, size)) for size in verdicts))
    for (size, verdict), row in zip(verdicts.items(), found, strict=True):
        own, other = (charge(size, plan.allowance, Decimal(plan.rate or 0)) for plan in plans)
        assert row["current_history_cost"] == 3 * own.usage_charge
        assert row["best_history_cost"] == 3 * other.overage_cost
        assert row["verdict"] == verdict


def test_no_recommendation_with_two_closed_periods(advise: Advise) -> None:
    row = advise(CHEAPER, closed=steady(1, 14 * MB, 2))
    assert (row["verdict"], row["periods"], row["best_plan_id"]) == ("too_little_history", 0, None)
    assert row["forecast_bytes"] == 14 * MB
    assert row["arithmetic"].startswith("The last 3 closed periods are not all known")


def test_a_gap_among_the_last_three_periods_is_too_little_history(fleet: Organisation) -> None:
    cases = []
    for gap in range(4):
        closed = [Closed(1, end, 14 * MB) for end in ENDS if end != ENDS[gap]]
        cases += [case(CHEAPER, closed=closed), case(CHEAPER, closed=closed, totals=(Total(1, ENDS[gap], 14 * MB),))]
    found = [row["verdict"] for row in fleet.advised(*cases)]
    assert found == ["too_little_history", "recommended"] * 3 + ["recommended"] * 2


def test_a_period_that_is_not_wholly_known_is_too_little_history(fleet: Organisation) -> None:
    for row in fleet.advised(
        case(CHEAPER, closed=[*steady(1, 14 * MB, 2), Closed(1, ENDS[2], 14 * MB, whole=False)]),
        case(CHEAPER, closed=[Closed(1, ENDS[0], 14 * MB, whole=False), *steady(1, 14 * MB, 4)[1:]]),
    ):
        assert row["verdict"] == "too_little_history"


def test_holograms_final_totals_are_history_too_and_provisional_ones_are_not(fleet: Organisation) -> None:
    final = tuple(Total(1, end, 14 * MB) for end in ENDS[:3])
    provisional = (final[0]._replace(after=-SECOND), *final[1:])
    found = fleet.advised(*(case(CHEAPER, closed=[], totals=totals) for totals in (final, provisional)))
    assert [row["verdict"] for row in found] == ["recommended", "too_little_history"]


def test_a_total_of_a_closed_period_is_not_counted_beside_it(advise: Advise) -> None:
    """Ends within 12 hours are one period, on this side of midnight or the other."""
    totals = tuple(Total(1, end - 3 * HOUR, 99 * MB) for end in ENDS[:2])
    row = advise(CHEAPER, totals=totals)
    assert (row["periods"], row["highest_bytes"]) == (3, 14 * MB)


def test_of_sessions_and_holograms_total_of_a_period_the_larger_is_what_is_billed(advise: Advise) -> None:
    closed = [Closed(1, ENDS[0], 12 * MB, 14 * MB), Closed(1, ENDS[1], 14 * MB, 12 * MB), Closed(1, ENDS[2], 14 * MB)]
    assert advise(CHEAPER, closed=closed)["current_history_cost"] == Decimal(12)


def test_only_the_last_three_closed_periods_before_the_running_one_are_judged(advise: Advise) -> None:
    closed = [*steady(1, 14 * MB), *[Closed(1, end, 10**9) for end in (*ENDS[3:], START + 12 * HOUR)]]
    assert advise(CHEAPER, closed=closed)["highest_bytes"] == 14 * MB


def months_before(start: datetime, count: int) -> list[datetime]:
    """So many first days of months, from `start` backwards."""
    months = [start.year * 12 + start.month - 1 - n for n in range(count)]
    return [datetime(month // 12, month % 12 + 1, 1) for month in months]


def test_months_follow_one_another_although_they_are_of_28_to_31_days(fleet: Organisation) -> None:
    fleet.calendar_month = True
    starts = months_before(datetime(2026, 11, 1), 12)
    found = fleet.advised(
        *(
            case(
                CHEAPER,
                known(1, 1, 14 * MB, start=start, end=start + 30 * ONE),
                [Closed(1, end, 14 * MB) for end in months_before(start, 3)],
            )
            for start in starts
        )
    )
    assert {start: row["verdict"] for start, row in zip(starts, found, strict=True)} == dict.fromkeys(
        starts, "recommended"
    )


@pytest.mark.parametrize("periods", [7, 12])
def test_a_year_of_months_follow_one_another_too(fleet: Organisation, periods: int) -> None:
    fleet.calendar_month = True
    fleet.rules = RecommendationRules(periods=periods)
    start = datetime(2026, 1, 1)
    sim = known(1, 1, 14 * MB, start=start, end=start + 31 * ONE)
    row = fleet.advised(case(CHEAPER, sim, [Closed(1, end, 14 * MB) for end in months_before(start, periods)]))[0]
    assert (row["verdict"], row["periods"]) == ("recommended", periods)


def test_a_gap_of_months_is_one_whatever_the_plans_own_period(fleet: Organisation) -> None:
    """An invoiced organisation's periods are months, also of a plan whose own are three times as long."""
    fleet.calendar_month = True
    month: Row = {"start": datetime(2026, 11, 1), "end": datetime(2026, 12, 1)}
    fleet.report(DAY, [known(1, 1, 14 * MB, **month)], [plan._replace(intervals=3) for plan in CHEAPER])
    fleet.history([Closed(1, datetime(2026, month, 1), 14 * MB) for month in (11, 10, 7)])
    fleet.recommended()
    assert fleet.advice()[1]["verdict"] == "too_little_history"


def test_totals_of_periods_of_thirty_days_are_no_months(fleet: Organisation) -> None:
    fleet.calendar_month = True
    month: Row = {"start": datetime(2026, 11, 1), "end": datetime(2026, 12, 1)}
    fleet.report(DAY, [known(1, 1, 14 * MB, **month)], CHEAPER)
    fleet.history(totals=[Total(1, datetime(2026, 11, 1) - 30 * n * ONE, 14 * MB) for n in range(3)])
    fleet.recommended()
    assert fleet.advice()[1]["verdict"] == "too_little_history"


def test_one_dollar_and_ten_per_cent_exactly_are_enough_and_a_micro_dollar_less_is_not(fleet: Organisation) -> None:
    amounts = {
        ("10", "9"): "recommended",  # both exactly
        ("10", "9.000001"): "saving_too_small",
        ("9", "8.000001"): "saving_too_small",  # more than 10 %
        ("9", "8"): "recommended",
        ("20", "18"): "recommended",  # exactly 10 %
        ("20", "18.000001"): "saving_too_small",
        ("0.5", "0"): "saving_too_small",  # all of it, but little
    }
    found = fleet.advised(
        *(case([Plan(1, 50 * MB, recurring=own), Plan(2, 50 * MB, recurring=other)]) for own, other in amounts)
    )
    for ((own, other), verdict), row in zip(amounts.items(), found, strict=True):
        assert (row["verdict"], row["best_plan_id"]) == (verdict, 2)
        assert row["saving_per_period"] == Decimal(own) - Decimal(other)
        assert row["recommended_plan_id"] == (2 if verdict == "recommended" else None)


def test_ten_per_cent_are_asked_of_the_running_period_alone_too(fleet: Organisation) -> None:
    """At 20 MB a quarter is saved; of 27 USD at 60 MB 2.70 exactly, or a micro-dollar less."""
    found = fleet.advised(
        *(
            case([Plan(1), Plan(2, 10 * MB, rate, "0.50")], known(1, 1, 60 * MB), steady(1, 20 * MB))
            for rate in ("0.476", "0.47600002")
        )
    )
    assert [row["forecast_saving"] for row in found] == [Decimal("2.7"), Decimal("2.699999")]
    assert all(row["saving_percent"] > 24 for row in found)
    assert [row["verdict"] for row in found] == ["recommended", "saving_too_small"]


def test_a_saving_that_is_rounded_up_to_enough_is_not_enough(advise: Advise) -> None:
    """In one of three periods a micro-dollar less: 0.99999967 a period, which is shown as 1.000000."""
    plans = [Plan(1, 10 * MB, "0.000001", "9.999999"), Plan(2, 50 * MB, recurring="9")]
    closed = [Closed(1, end, size) for end, size in zip(ENDS, (10 * MB, 11 * MB, 11 * MB), strict=False)]
    row = advise(plans, known(1, 1, 11 * MB), closed)
    assert (row["saving_per_period"], row["forecast_saving"]) == (Decimal(1), Decimal(1))
    assert row["verdict"] == "saving_too_small"


@pytest.mark.parametrize("before", [True, False])
def test_what_saves_enough_in_one_view_and_too_little_in_the_other_is_not_recommended(
    advise: Advise, before: bool
) -> None:
    """At 14 MB 1.50 USD less, at 12 MB half a dollar."""
    sizes = (14 * MB, 12 * MB) if before else (12 * MB, 14 * MB)
    row = advise(CHEAPER, known(1, 1, sizes[1]), steady(1, sizes[0]))
    assert (row["verdict"], row["best_plan_id"], row["recommended_plan_id"]) == ("saving_too_small", 2, None)


def test_a_plan_that_saved_before_but_is_dearer_at_the_forecast_is_not_the_best(fleet: Organisation) -> None:
    plans = [Plan(1, 20 * MB, "0.5", "4"), Plan(2, 10 * MB, "0.5", "1")]
    found = fleet.advised(*(case(plans, known(1, 1, 16 * MB + more), steady(1, 5 * MB)) for more in (0, 1)))
    assert [row["best_plan_id"] for row in found] == [2, 1]


def test_dearer_by_a_micro_dollar_in_one_of_the_two_views_is_dearer(fleet: Organisation) -> None:
    """Even at 10.01 MB, and a micro-dollar more for the next kilobyte."""
    plans = [Plan(1, 20 * MB, recurring="4"), Plan(2, 10 * MB, "0.001", "3.99999")]
    even = 10 * MB + 10_000
    views = ((even, 0), (even + 1, 0), (0, even), (0, even + 1))
    found = fleet.advised(*(case(plans, known(1, 1, then), steady(1, before)) for before, then in views))
    assert [row["best_plan_id"] for row in found] == [2, 1, 2, 1]


def test_of_plans_that_cost_the_same_the_one_with_the_smaller_id_is_best_and_the_sims_own_before_all(
    advise: Advise,
) -> None:
    same = Plan(3, 20 * MB, recurring="2.50")
    assert advise([Plan(1), Plan(5, 20 * MB, recurring="2.50"), same])["best_plan_id"] == 3
    assert advise([same._replace(plan_id=1), same])["verdict"] == "cheapest_already"


def test_what_is_open_on_the_sim_holds_a_recommendation_back_and_what_has_ended_does_not(fleet: Organisation) -> None:
    holding = (
        Alarm(1),
        Alarm(1, state="escalated"),
        Alarm(1, state="silenced"),
        Alarm(1, "payg_spend", family="overage"),
        Alarm(None, "fleet_incident", sims=(7, 1)),
    )
    harmless = (
        Alarm(1, state="resolved"),
        Alarm(1, state="accepted"),
        Alarm(2),
        Alarm(1, "overage_step", family="overage"),
        Alarm(1, "will_exceed", family="overage"),
        Alarm(None, "fleet_incident", sims=(7, 11)),
        Alarm(None, "fleet_incident", "resolved", sims=(7, 1)),
        Alarm(None, "fleet_incident", "accepted", sims=(7, 1)),
        Alarm(None, "fleet_incident"),
    )
    found = fleet.advised(*(case(CHEAPER, alarms=(alarm,)) for alarm in holding + harmless))
    for alarm, row in zip(holding, found, strict=False):
        assert (row["verdict"], row["best_plan_id"], row["recommended_plan_id"]) == ("anomaly_open", 2, None), alarm
        assert row["anomaly"] == alarm.rule
        assert row["arithmetic"].endswith(f"Not recommended while something is wrong on the SIM: {alarm.rule}.")
    for alarm, row in zip(harmless, found[len(holding) :], strict=True):
        assert (row["verdict"], row["recommended_plan_id"], row["anomaly"]) == ("recommended", 2, None), alarm


def test_a_shared_imei_is_wrong_on_every_sim_that_shares_it(advise: Advise) -> None:
    """One alert stands for all of them, under the SIM that made it known."""
    row = advise(CHEAPER, alarms=(Alarm(7, "shared_imei", sims=(1, 7)),))
    assert (row["verdict"], row["anomaly"]) == ("anomaly_open", "shared_imei")


def test_all_that_is_open_is_named_once_and_in_order(advise: Advise) -> None:
    alarms = (Alarm(1), Alarm(1, "imei_change"), Alarm(1), Alarm(None, "fleet_incident", sims=(1,)))
    assert advise(CHEAPER, alarms=alarms)["anomaly"] == "fleet_incident, imei_change, rat_downgrade"


def test_a_forecast_of_more_than_three_times_the_median_or_a_megabyte_is_an_anomaly(fleet: Organisation) -> None:
    closed = [Closed(1, end, size) for end, size in zip(ENDS, (13 * MB, 90 * MB, 14 * MB), strict=False)]
    found = fleet.advised(
        *(case(CHEAPER, Sim(1, 1, MB, 14 * MB, bound), closed) for bound in (42 * MB, 42 * MB + 1)),
        *(case(CHEAPER, Sim(1, 1, 0, MB, bound), steady(1, 1)) for bound in (3 * MB, 3 * MB + 1)),
    )
    assert [row["anomaly"] for row in found] == [None, "usage_beyond_history"] * 2


def test_rows_are_the_same_in_any_order_of_insertion(connection: duckdb.DuckDBPyConnection) -> None:
    draw = random.Random(5)
    plans = consistent(some_plans(draw))
    sims = [a_sim(draw, n, DAY) for n in range(1, 40)]
    before = later(draw, sims, 1, EVE)
    periods = [a_history(draw, sim) for sim in sims]
    closed, totals = [each for one, _ in periods for each in one], [each for _, one in periods for each in one]
    alarms = [Alarm(n % 40, rule) for n, rule in enumerate(("rat_downgrade", "flapping", "new_network") * 9)]
    tables = ("fleet_summary", "fleet_cost_changes", "plan_recommendations")
    found = []
    for _ in range(2):
        for rows in (plans, sims, before, closed, totals, alarms):
            draw.shuffle(rows)
        fleet = Organisation(connection, next(_org_ids))
        for day, of_day in ((EVE, before), (DAY, sims)):
            fleet.report(day, of_day, plans)
            fleet.summed(day)
        fleet.history(closed, totals)
        fleet.alert(*alarms)
        fleet.recommended()
        found.append({table: [row | {"org_id": 0} for row in fleet.rows(table)] for table in tables})
    assert all(found[0].values())
    assert found[0] == found[1]


def test_other_organisations_and_other_days_have_no_part_in_it(connection: duckdb.DuckDBPyConnection) -> None:
    alone, beside = (Organisation(connection, next(_org_ids)) for _ in range(2))
    beside.report(EVE, [Sim(1, 1, 99 * MB)], [Plan(1, 0, "9")])
    beside.report(DAY, [known(1, 1, 99 * MB)], [Plan(1, 0, "9"), Plan(4, 99 * MB, recurring="0")])
    beside.history(steady(1, 99 * MB))
    beside.alert(Alarm(1))
    beside.summed(EVE)
    alone.alert(Alarm(1), day=EVE)
    alone.report(DAY, [known(1, 1, 14 * MB)], CHEAPER)
    alone.history(steady(1, 14 * MB))
    alone.recommended()
    assert (alone.advice()[1]["best_plan_id"], alone.advice()[1]["anomaly"]) == (2, None)
    for fleet in (beside, alone):
        fleet.summed()
    assert alone.total()["cost_to_date"] == Decimal(2)
    assert alone.rows("fleet_cost_changes") == []


def test_names_of_any_script_are_told_as_they_are(fleet: Organisation) -> None:
    sims = [known(n, n, 14 * MB, name=name) for n, name in enumerate(NAMES, start=1)]
    plans = [Plan(n, name=name) for n, name in enumerate(NAMES, start=1)] + [
        Plan(99, 50 * MB, recurring="1", name="→ 计划 %d")
    ]
    fleet.report(DAY, sims, plans)
    fleet.history([each for sim in sims for each in steady(sim.linkid, 14 * MB)])
    fleet.alert()
    fleet.recommended()
    fleet.summed()
    for n, (linkid, row) in enumerate(sorted(fleet.advice().items())):
        name = f"{linkid}" if NAMES[n] is None else f"{NAMES[n]} {linkid}"
        assert row["device_name"] == NAMES[n]
        assert row["arithmetic"].startswith(f"USD on {name} → → 计划 %d 99. to ")
        assert_followable(row)
    assert {row["plan_name"] for row in fleet.rows("fleet_summary", where="scope = 'plan'")} == {
        None if name is None else f"{name} {n}" for n, name in enumerate(NAMES, start=1)
    }


def test_what_a_recommendation_is_made_from_makes_it_stale_also_a_quarter_of_a_year_ago(fleet: Organisation) -> None:
    """On 31 August the oldest of the last three months ended 91 days ago, on 1 June."""
    day, ended = date(2026, 8, 31), date(2026, 6, 1)
    assert (day - ended).days == 91
    fleet.report(ended, [Sim(1, 1, MB)], [Plan(1)])
    fleet.report(day, [Sim(1, 1, MB)], [Plan(1)])
    fleet.recommended(day)
    assert stale_days(fleet.connection, PLAN_RECOMMENDATIONS.name, fleet.org_id, day, day) == []
    touch(fleet.connection, fleet.org_id, [ended], OVERAGE_REPORT.name)
    assert stale_days(fleet.connection, PLAN_RECOMMENDATIONS.name, fleet.org_id, day, day) == [day]


def test_costs_are_stale_when_what_they_are_compared_with_has_changed(fleet: Organisation) -> None:
    fleet.report(DAY, [Sim(1, 1, MB)], [Plan(1)])
    for day in (EVE, DAY - 31 * ONE):
        for asset in (OVERAGE_REPORT.name, PLAN_CATALOG.name):
            record_load(fleet.connection, fleet.org_id, day, asset, Load(rows=1), "run")
            fleet.summed()
            assert stale_days(fleet.connection, FLEET_SUMMARY.name, fleet.org_id, DAY, DAY) == []
            touch(fleet.connection, fleet.org_id, [day], asset)
            assert stale_days(fleet.connection, FLEET_SUMMARY.name, fleet.org_id, DAY, DAY) == [DAY]


# Upgrade now, or pay the overage


def test_the_larger_plan_is_the_advice_where_it_costs_less_than_the_overage(advise: Advise) -> None:
    """12 MB now and 16 at the end of the period: 3 USD of overage, or 2.40 more for a larger plan.

    2.40 USD are 4.8 MB beyond 10; of the 4 MB in 19 days it takes 2.8 to get there, 13 days and 7 hours from midnight.
    """
    sim = Sim(1, 1, 12 * MB, 16 * MB, 18 * MB)
    row = advise([Plan(1), Plan(2, 20 * MB, recurring="4.40"), Plan(3, 50 * MB, recurring="9")], sim)
    assert (row["upgrade_plan_id"], row["upgrade_advice"]) == (2, "upgrade_now")
    assert (row["pay_overage_cost"], row["upgrade_cost"]) == (Decimal(3), Decimal("2.4"))
    assert (row["break_even_bytes"], row["break_even_on"]) == (14_800_000, DAY + 14 * ONE)
    assert row["days_left"] == 19.0


def test_at_the_same_cost_nobody_changes_plans(fleet: Organisation) -> None:
    sim = Sim(1, 1, 12 * MB, 16 * MB, 18 * MB)
    found = fleet.advised(*(case([Plan(1), Plan(2, 20 * MB, recurring=more)], sim) for more in ("4.999999", "5")))
    assert [row["upgrade_advice"] for row in found] == ["upgrade_now", "pay_overage"]


def test_an_upgrade_is_not_advised_while_something_is_wrong_on_the_sim_and_paying_is(fleet: Organisation) -> None:
    sim = Sim(1, 1, 12 * MB, 16 * MB, 18 * MB)
    found = fleet.advised(
        *(case([Plan(1), Plan(2, 20 * MB, recurring=more)], sim, alarms=(Alarm(1),)) for more in ("4", "9"))
    )
    assert [row["upgrade_advice"] for row in found] == ["anomaly_open", "pay_overage"]
    assert [row["upgrade_cost"] for row in found] == [Decimal(2), Decimal(7)]


def test_what_is_left_of_the_overage_on_the_larger_plan_is_part_of_its_cost(advise: Advise) -> None:
    row = advise([Plan(1), Plan(2, 12 * MB, "0.25", "2.50")], Sim(1, 1, 12 * MB, 16 * MB, 18 * MB))
    assert row["upgrade_cost"] == Decimal("0.5") + Decimal(1)


def test_a_break_even_that_was_reached_is_todays(advise: Advise) -> None:
    row = advise([Plan(1), Plan(2, 20 * MB, recurring="3")], Sim(1, 1, 12 * MB, 16 * MB, 18 * MB))
    assert (row["break_even_bytes"], row["break_even_on"]) == (12 * MB, DAY)


def test_a_break_even_at_midnight_is_on_the_day_that_ends_then(fleet: Organisation) -> None:
    """1 MB in each of the 19 days that are left: the break-even at the end of the second."""
    plans = [Plan(1), Plan(2, 40 * MB, recurring="4")]
    sims = [Sim(1, 1, 12 * MB + more, 31 * MB + more, 31 * MB + more) for more in (0, 1, -1)]
    found = [row["break_even_on"] for row in fleet.advised(*(case(plans, sim) for sim in sims))]
    assert found == [DAY + 2 * ONE, DAY + 2 * ONE, DAY + 3 * ONE]


def test_a_break_even_beyond_what_is_expected_has_no_day(advise: Advise) -> None:
    row = advise([Plan(1), Plan(2, 40 * MB, recurring="12")], Sim(1, 1, 12 * MB, 16 * MB, 18 * MB))
    assert (row["break_even_bytes"], row["break_even_on"], row["upgrade_advice"]) == (30 * MB, None, "pay_overage")


def test_a_break_even_beyond_the_larger_allowance_is_one_where_its_rate_is_lower(advise: Advise) -> None:
    """16 USD for 10 MB more and a tenth of the rate: 25.555556 MB cost 15.56 of overage, or 15 and 0.56."""
    plans = [Plan(1, rate="1", recurring="1"), Plan(2, 20 * MB, "0.1", "16")]
    row = advise(plans, Sim(1, 1, 12 * MB, 40 * MB, 40 * MB))
    assert (row["pay_overage_cost"], row["upgrade_cost"], row["upgrade_advice"]) == (
        Decimal(30),
        Decimal(17),
        "upgrade_now",
    )
    assert row["break_even_bytes"] is not None
    assert abs(row["break_even_bytes"] - 25_555_556) <= 1_000
    assert row["break_even_on"] is not None


def test_where_the_larger_plan_is_never_cheaper_there_is_no_break_even(advise: Advise) -> None:
    row = advise([Plan(1), Plan(2, 11 * MB, recurring="9")], Sim(1, 1, 12 * MB, 16 * MB, 18 * MB))
    assert (row["upgrade_plan_id"], row["break_even_bytes"], row["upgrade_advice"]) == (2, None, "pay_overage")


def test_a_larger_plan_that_costs_no_more_is_worth_it_from_the_allowance_on(advise: Advise) -> None:
    row = advise([Plan(1), Plan(2, 11 * MB, recurring="1.5")], Sim(1, 1, 12 * MB, 16 * MB, 18 * MB))
    assert (row["upgrade_cost"], row["break_even_bytes"], row["break_even_on"]) == (Decimal(2), 10 * MB, DAY)


def test_without_expected_overage_there_is_nothing_to_weigh(advise: Advise) -> None:
    row = advise(CHEAPER, Sim(1, 1, MB, 10 * MB, 18 * MB))
    assert (row["upgrade_plan_id"], row["pay_overage_cost"], row["upgrade_advice"]) == (None, None, None)


def test_pay_as_you_go_has_no_overage_to_weigh(advise: Advise) -> None:
    row = advise([Plan(1, 0), Plan(2, 20 * MB)], Sim(1, 1, MB, 10 * MB, 18 * MB))
    assert (row["upgrade_plan_id"], row["pay_overage_cost"], row["upgrade_advice"]) == (None, None, None)
    assert row["verdict"] != "not_priced"


def test_the_days_that_remain_are_counted_from_the_moment_of_the_forecast(fleet: Organisation) -> None:
    """From noon; of a period that begins later today all of it; of one that is over none."""
    fleet.report(
        DAY,
        [
            known(1, 1, 14 * MB),
            known(2, 1, 14 * MB, start=midnight(DAY) + 18 * HOUR, end=midnight(DAY) + 30 * ONE + 18 * HOUR),
            known(3, 1, 14 * MB, end=midnight(DAY) + HOUR),
        ],
        CHEAPER,
        through=midnight(DAY) + 12 * HOUR,
    )
    fleet.alert()
    fleet.recommended()
    assert [row["days_left"] for _, row in sorted(fleet.advice().items())] == [19.5, 30.0, 0.0]


def test_a_period_that_nobody_knows_has_no_days_left_and_not_none_of_them(advise: Advise) -> None:
    row = advise(CHEAPER, Sim(1, 1, None, start=None, end=None, whole=False))
    assert (row["verdict"], row["days_left"]) == ("not_priced", None)


def test_where_nothing_was_ever_seen_no_days_are_counted_from_it(fleet: Organisation) -> None:
    fleet.report(DAY, [Sim(1, 1, 12 * MB, whole=False)], CHEAPER, through=None)
    fleet.alert()
    fleet.recommended()
    row = fleet.advice()[1]
    assert (row["verdict"], row["days_left"], row["upgrade_advice"]) == ("not_priced", None, None)


amounts = st.integers(0, 20_000_000).map(lambda micros: f"{Decimal(micros) * MICRO:f}")
rates = st.integers(1, 3 * 10**9).map(lambda nanos: f"{Decimal(nanos) / 10**9:f}")


@settings(max_examples=10, deadline=None)
@given(
    fleets=st.lists(
        st.tuples(
            st.integers(1, 20 * MB), rates, amounts, st.integers(1, 50 * MB), rates, amounts, st.integers(1, 200 * MB)
        ),
        min_size=30,
        max_size=30,
    )
)
@example(fleets=[(10 * MB, "1", "1", 10 * MB, "0.1", "16", 30 * MB)])
@example(fleets=[(10 * MB, "1", "1", 10 * MB, "2", "1.001500", 1_001)])
def test_the_break_even_is_the_first_usage_at_which_the_larger_plan_costs_no_more(
    connection: duckdb.DuckDBPyConnection, fleets: list[tuple[int, str, str, int, str, str, int]]
) -> None:
    """To one billed increment: there it costs no more, an increment before it costs more, up to the rounding of both."""
    plans, sims = [], []
    for n, (allowance, rate, recurring, more, lower, dearer, over) in enumerate(fleets, start=1):
        plans += [
            Plan(2 * n, allowance, rate, recurring, region=n),
            Plan(2 * n + 1, allowance + more, lower, dearer, region=n),
        ]
        sims.append(Sim(n, 2 * n, allowance, allowance + over, allowance + over))
    fleet = Organisation(connection, next(_org_ids))
    fleet.report(DAY, sims, plans)
    fleet.alert()
    fleet.recommended()
    for n, row in fleet.advice().items():
        small, large = (
            Price(p.allowance, Decimal(p.rate or 0), Decimal(p.recurring or 0)) for p in plans[2 * n - 2 : 2 * n]
        )
        if row["pay_overage_cost"] is None:
            continue
        assert row["upgrade_cost"] == large.of(row_of(sims, n)) - (small.recurring or NOTHING)
        assert (row["upgrade_advice"] == "upgrade_now") == (large.of(row_of(sims, n)) < small.of(row_of(sims, n)))
        even = row["break_even_bytes"]
        if row["upgrade_advice"] == "upgrade_now":
            assert even is not None
            assert row["break_even_on"] is not None
        if even is None:
            continue
        assert even >= (small.allowance or 0)
        assert large.of(even) <= small.of(even)
        if even > (small.allowance or 0) + 1_000:
            step = sum((price.rate or NOTHING for price in (small, large)), NOTHING) / 1_000
            assert large.of(even - 1_000) > small.of(even - 1_000) - step - 2 * MICRO
        # The day is one of those that are left, and is there where the usage is expected.
        assert (row["break_even_on"] is not None) == (even <= row_of(sims, n))
        assert row["break_even_on"] is None or DAY <= row["break_even_on"] < END.date()


def row_of(sims: list[Sim], linkid: int) -> int:
    return sims[linkid - 1].projected or 0
