"""The overage report and the closed periods, against the calculation in `oracle`: to the byte and the sixth decimal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import msgspec
import pytest

from hologram_assets.sandbox import Plan, Sandbox
from tests.conftest import Deployment
from tests.integration.conftest import DAYS, ORGS, Base, Deploy
from tests.integration.oracle import ClosedRow, Placement, ReportRow, World, days_between, world

pytestmark = pytest.mark.timeout(400)
Row = TypeVar("Row", ReportRow, ClosedRow)
Ask = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]


def stored(ask: Ask, kind: type[Row], org: int, where: str = "true", parameters: Sequence[Any] = ()) -> list[Row]:
    """Rows of `overage_report` or `closed_periods` as the oracle writes them."""
    table = {"ReportRow": "overage_report", "ClosedRow": "closed_periods"}[kind.__name__]
    names = ", ".join(field.name for field in fields(kind))
    rows = ask(
        f"SELECT {names} FROM hologram.{table} WHERE org_id = ? AND {where} ORDER BY linkid, period_end",
        [org, *parameters],
    )
    return [kind(*row) for row in rows]


def loaded_days(ask: Ask, org: int) -> dict[date, datetime]:
    """The days of `raw_sessions` that `partition_loads` names, and up to which moment of each all was seen."""
    query = "SELECT day, complete_through FROM hologram.partition_loads WHERE org_id = ? AND asset = 'raw_sessions'"
    return dict(ask(query, [org]))


def report_of(ask: Ask, org: int, day: date) -> list[ReportRow]:
    return stored(ask, ReportRow, org, "day = ?", [day])


def asking(path: Path) -> Ask:
    def ask(query: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        with duckdb.connect() as connection:
            connection.execute(f"ATTACH '{path}' AS w (READ_ONLY)")
            connection.execute("USE w")
            return connection.execute(query, list(parameters)).fetchall()

    return ask


def by_status(rows: Iterable[ReportRow]) -> Counter[tuple[str, str, str]]:
    return Counter((row.status, row.pricing_status, row.usage_source) for row in rows)


@pytest.mark.parametrize("org", ORGS)
def test_35_days_of_an_organisation_agree_on_every_sim_and_day(base: Base, org: int) -> None:
    ask, truth = asking(base.path), base.sandbox()
    expected = world(truth, org, loaded_days(ask, org))
    assert expected.loaded == set(days_between(base.first, base.today))
    seen: Counter[tuple[str, str, str]] = Counter()
    for day in sorted(expected.loaded):
        rows = report_of(ask, org, day)
        assert rows == expected.report(day), day
        assert len(rows) == len(truth.fleet.sims(org))
        seen += by_status(rows)
    # The fleet really holds what is to be told apart.
    assert {status for status, _, _ in seen} == {"ok", "at_risk", "will_exceed", "over", "payg", "unknown"}
    assert {pricing for _, pricing, _ in seen} == {"priced", "variable_rate", "pooled", "zone_not_offered"}
    assert {source for _, _, source in seen} == {"sessions", "billing", "incomplete"}


@pytest.mark.parametrize("org", ORGS)
def test_closed_periods_of_35_days_agree(base: Base, org: int) -> None:
    ask, truth = asking(base.path), base.sandbox()
    expected = world(truth, org, loaded_days(ask, org)).closed(base.first, base.today)
    assert stored(ask, ClosedRow, org) == expected
    assert len({row.linkid for row in expected}) > len(truth.fleet.sims(org)) / 2


@pytest.mark.parametrize("org", ORGS)
def test_what_was_over_yesterday_costs_real_money(base: Base, org: int) -> None:
    rows = report_of(asking(base.path), org, base.today - timedelta(days=1))
    assert sum((row.overage_cost or Decimal(0) for row in rows), Decimal(0)) > Decimal("0.1")
    assert any(row.usage_charge for row in rows)
    assert any(row.usage_bytes is not None and row.usage_bytes > 2**32 for row in rows)


def test_an_organisation_billed_by_calendar_month_agrees(loaded: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    deployment = loaded()
    monkeypatch.setenv("HOLOGRAM_BILLING_MODE", "sim_30d")
    monkeypatch.setenv("HOLOGRAM_BILLING_MODE_144", "calendar_month")
    last = deployment.sandbox.clock.now().date()
    month_begin = last.replace(day=1)
    chosen = sorted({last, last - timedelta(days=1), month_begin, month_begin - timedelta(days=1)})
    monthly = world(deployment.sandbox, 144, loaded_days(deployment.rows, 144), calendar_months=True)
    by_sim = world(deployment.sandbox, 145, loaded_days(deployment.rows, 145))
    for day in chosen:
        assert deployment.backfill(day, orgs=ORGS, assets=["overage_report"]).ok
        assert report_of(deployment.rows, 144, day) == monthly.report(day), day
        assert report_of(deployment.rows, 145, day) == by_sim.report(day), day
    closed = stored(
        deployment.rows, ClosedRow, 144, "period_end = ?", [datetime.combine(month_begin, datetime.min.time())]
    )
    assert closed == monthly.closed(month_begin, month_begin)
    assert closed


USAGE = ("raw_sessions", "daily_link_usage")
ONLY_REPORT = ["sim_inventory", "plan_catalog", "billing_usage", "daily_link_usage", "overage_report"]


def forget(deployment: Deployment, first: date, last: date, tables: Sequence[str]) -> None:
    """Make the warehouse one into which these tables' days were never loaded."""
    with deployment.warehouse.write() as connection:
        for table in tables:
            connection.execute(f"DELETE FROM hologram.{table} WHERE day BETWEEN ? AND ?", [first, last])
            connection.execute(
                "DELETE FROM hologram.partition_loads WHERE asset = ? AND day BETWEEN ? AND ?", [table, first, last]
            )


def sessions_only(deployment: Deployment) -> None:
    """Make the warehouse one into which only sessions were loaded."""
    other = ("sim_inventory", "plan_catalog", "billing_usage", "billing_periods", "overage_report", "closed_periods")
    forget(deployment, date(2000, 1, 1), date(2100, 1, 1), other)


def test_a_gap_makes_usage_incomplete_and_never_the_whole(loaded: Deploy) -> None:
    deployment = loaded()
    last = deployment.sandbox.clock.now().date()
    chosen = [last - timedelta(days=1), last]
    missing = [last - timedelta(days=ago) for ago in (6, 5, 4)]
    sessions_only(deployment)
    forget(deployment, missing[0], missing[-1], USAGE)
    assert deployment.backfill(chosen[0], last, [144], [asset for asset in ONLY_REPORT if asset not in USAGE]).ok
    expected = world(deployment.sandbox, 144, loaded_days(deployment.rows, 144))
    assert len(expected.loaded) == DAYS - 3
    for day in chosen:
        assert report_of(deployment.rows, 144, day) == expected.report(day), day
    yesterday = report_of(deployment.rows, 144, chosen[0])
    whole = world(deployment.sandbox, 144, days_between(last - timedelta(days=60), last)).report(chosen[0])
    short = [row for row, full in zip(yesterday, whole, strict=True) if row.usage_bytes != full.usage_bytes]
    assert len(short) > 10
    assert all(row.usage_source == "incomplete" and row.status in {"unknown", "over"} for row in short)
    assert all(row.overage_cost is None and row.usage_charge is None for row in short if row.status == "unknown")
    # Over already with what is known: certain, whatever the missing days hold.
    assert any(row.status == "over" for row in short)
    # Today Hologram's own total, fetched before the day is over, stands in for the missing days.
    assert {row.usage_source for row in report_of(deployment.rows, 144, last)} >= {"billing"}

    assert deployment.backfill(missing[0], missing[-1], [144], [*USAGE, "overage_report"]).ok
    healed = world(deployment.sandbox, 144, loaded_days(deployment.rows, 144))
    for day in chosen:
        # Nobody asked for these days: what builds on the filled gap is derived again by itself.
        assert report_of(deployment.rows, 144, day) == healed.report(day), day


def forbidden_links(deployment: Deployment) -> None:
    """Yesterday's and today's report on 35 days of sessions, by a key that may not read links."""
    sessions_only(deployment)
    deployment.sandbox.faults.set("forbidden", endpoint="links")
    last = deployment.sandbox.clock.now().date()
    summary = deployment.backfill(last - timedelta(days=1), last, [144], ONLY_REPORT)
    assert summary.ok, (summary.failed, summary.errors)
    assert deployment.rows("SELECT count(*) FROM hologram.sim_inventory") == [(0,)]


def check_both_days(deployment: Deployment, expected: World, *, but: Sequence[int] = ()) -> list[ReportRow]:
    """Yesterday's and today's report agree with the oracle, `but` for some plans; returns today's."""
    last = deployment.sandbox.clock.now().date()
    for day in (last - timedelta(days=1), last):
        rows, right = (
            [row for row in found if row.plan_id not in but]
            for found in (report_of(deployment.rows, 144, day), expected.report(day))
        )
        assert rows == right, day
    return report_of(deployment.rows, 144, last)


def true_plan(sandbox: Sandbox, link: int) -> int:
    return next(sim.plan.id for sim in sandbox.fleet.sims(144) if sim.linkid == link)


QUARTERLY = 2230


def placed_by_sessions(deployment: Deployment) -> World:
    """What can be known of plans from the sessions alone."""
    spoken = {
        link for (link,) in deployment.rows("SELECT DISTINCT linkid FROM hologram.raw_sessions WHERE org_id = 144")
    }

    def placed(link: int) -> Placement:
        return Placement(true_plan(deployment.sandbox, link) if link in spoken else None, None)

    return world(deployment.sandbox, 144, loaded_days(deployment.rows, 144), placed=placed)


def test_without_links_the_plan_comes_from_the_sessions(loaded: Deploy) -> None:
    deployment = loaded()
    forbidden_links(deployment)
    rows = check_both_days(deployment, placed_by_sessions(deployment), but=[QUARTERLY])
    # Two SIMs are on a plan with two zones, and nobody says which: no price is guessed.
    assert {row.pricing_status for row in rows if row.plan_id == 1133} == {"zone_not_offered"}
    assert "priced" in {row.pricing_status for row in rows}


@pytest.mark.campaign
def test_without_links_a_period_of_90_days_is_known_from_the_plan_of_the_sessions(loaded: Deploy) -> None:
    deployment = loaded()
    forbidden_links(deployment)
    check_both_days(deployment, placed_by_sessions(deployment))


def test_without_links_and_session_plans_a_file_tells_some_and_the_rest_is_unknown(
    loaded: Deploy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    truth = {14400002: (2201, "GLOBAL"), 14400004: (2096, ""), 14400010: (1133, "1"), 14400012: (902, "global")}
    csv = tmp_path / "plans.csv"
    csv.write_text(
        "linkid,plan_id,zone\n" + "".join(f"{link},{plan},{zone}\n" for link, (plan, zone) in truth.items()),
        encoding="utf-8",
    )
    deployment = loaded()
    monkeypatch.setenv("HOLOGRAM_PLAN_ASSIGNMENTS", str(csv))
    # As if the API had never known the flag that adds the plan to a session.
    with deployment.warehouse.write() as connection:
        connection.execute("UPDATE hologram.raw_sessions SET data_plan_id = NULL")
    forbidden_links(deployment)

    def placed(link: int) -> Placement:
        plan, zone = truth.get(link, (None, None))
        return Placement(plan, zone or None)

    rows = check_both_days(deployment, world(deployment.sandbox, 144, loaded_days(deployment.rows, 144), placed=placed))
    told = {row.linkid: row for row in rows}
    assert all(told[link].pricing_status == "priced" for link in truth)
    others = [row for row in rows if row.linkid not in truth]
    assert len(others) > 10
    assert {(row.status, row.pricing_status, row.overage_cost) for row in others} == {("unknown", "unknown_plan", None)}


@pytest.mark.campaign
def test_without_billing_rows_the_inventory_says_the_period(loaded: Deploy) -> None:
    deployment = loaded()
    sessions_only(deployment)
    deployment.sandbox.faults.set("no_rows", endpoint="usage/data/billing")
    last = deployment.sandbox.clock.now().date()
    chosen = [last - timedelta(days=28), last - timedelta(days=1), last]
    expected = world(deployment.sandbox, 144, loaded_days(deployment.rows, 144))
    expected.totals = {}
    for day in chosen:
        assert deployment.backfill(day, day, [144], ONLY_REPORT).ok
        assert report_of(deployment.rows, 144, day) == expected.report(day), day


def raised(plans: Sequence[Plan], plan_id: int, overage: str, amount: str) -> list[Plan]:
    """The plans, one of them at other prices, from copies."""

    def repriced(body: dict[str, Any]) -> dict[str, Any]:
        body = msgspec.json.decode(msgspec.json.encode(body))
        for zones in [body["zones"], *(tier["zones"] for tier in body["tiers"].values())]:
            for zone in zones.values():
                zone["overage"], zone["amount"] = overage, amount
        return body

    return [
        Plan(p.id, p.name, p.included_bytes, p.billingperiod, p.listed, repriced(p.body)) if p.id == plan_id else p
        for p in plans
    ]


def test_prices_of_the_past_stay_when_the_api_changes_them(loaded: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    deployment = loaded(orgs=ORGS)
    last = deployment.sandbox.clock.now().date()
    yesterday = last - timedelta(days=1)
    days = loaded_days(deployment.rows, 144)
    # The base was loaded today: yesterday's prices are carried back. Make them yesterday's own, as a daily run does.
    with deployment.warehouse.write() as connection:
        connection.execute(
            "UPDATE hologram.plan_catalog SET snapshot_basis = 'own', fetched_at = fetched_at - INTERVAL 1 DAY "
            "WHERE day = ?",
            [yesterday],
        )
    before = report_of(deployment.rows, 144, yesterday)
    dearer = raised(deployment.sandbox.fleet.plans(), 2201, "0.350055", "2.000000")
    monkeypatch.setattr("hologram_assets.sandbox.endpoints.PLANS", {plan.id: plan for plan in dearer})
    assert deployment.backfill(yesterday, last, [144], ["plan_catalog", "overage_report"]).ok
    assert report_of(deployment.rows, 144, yesterday) == before
    assert report_of(deployment.rows, 144, yesterday) == world(deployment.sandbox, 144, days).report(yesterday)
    today_rows = report_of(deployment.rows, 144, last)
    assert today_rows == world(deployment.sandbox, 144, days, plans=dearer).report(last)
    assert {row.overage_rate_per_mb for row in today_rows if row.plan_id == 2201} == {Decimal("0.350055")}


def test_carried_back_prices_are_marked_and_do_not_move_either(loaded: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    deployment = loaded()
    last = deployment.sandbox.clock.now().date()
    past = last - timedelta(days=9)
    basis = dict(
        deployment.rows(
            "SELECT day, any_value(snapshot_basis) FROM hologram.plan_catalog WHERE org_id = 144 GROUP BY day"
        )
    )
    assert basis.pop(last) == "own"
    assert set(basis.values()) == {"carried_back"}
    before = report_of(deployment.rows, 144, past)
    dearer = raised(deployment.sandbox.fleet.plans(), 2201, "0.350055", "2.000000")
    monkeypatch.setattr("hologram_assets.sandbox.endpoints.PLANS", {plan.id: plan for plan in dearer})
    assert deployment.backfill(past, past, [144], ["plan_catalog", "overage_report"]).ok
    assert report_of(deployment.rows, 144, past) == before


def test_late_sessions_correct_a_closed_period_and_the_numbers_before_are_kept(loaded: Deploy) -> None:
    deployment = loaded()
    board, clock = deployment.sandbox, deployment.sandbox.clock
    now = clock.now()
    # A period of which a session came in when it was over: just before that is the moment of the first load.
    sims = {sim.linkid: sim for sim in board.fleet.sims(144)}
    link, start, end, seen = max(
        (
            (period.linkid, period.period_start, period.period_end, late.received_at)
            for period in board.fleet.billing_periods(144)
            if now - timedelta(days=5) < period.period_end < now and sims[period.linkid].plan.billingperiod == 1
            for late in board.fleet.sessions(144)
            if late.linkid == period.linkid and late.bytes
            if period.period_start <= late.timestamp < period.period_end < late.received_at - timedelta(seconds=30)
        ),
        key=lambda found: found[3],
    )
    eve, day = end.date() - timedelta(days=1), end.date()
    closed = ["billing_periods", "closed_periods", "billing_usage", "sim_inventory", "plan_catalog", "overage_report"]
    forget(deployment, date(2000, 1, 1), date(2100, 1, 1), closed)
    forget(deployment, eve, board.clock.now().date(), (*USAGE, "network_changes"))
    clock.freeze(seen - timedelta(seconds=1))
    assert deployment.backfill(eve, day, [144]).ok
    days = days_between(start.date(), day)
    (before,) = stored(deployment.rows, ClosedRow, 144, "linkid = ? AND day = ?", [link, day])
    early = world(board, 144, days, fetched_at=clock.now())
    assert before == next(row for row in early.closed(day, day) if row.linkid == link)
    assert deployment.rows("SELECT count(*) FROM hologram.closed_period_corrections") == [(0,)]

    clock.freeze(now)
    assert deployment.backfill(eve, day, [144]).ok
    (after,) = stored(deployment.rows, ClosedRow, 144, "linkid = ? AND day = ?", [link, day])
    assert after == next(row for row in world(board, 144, days).closed(day, day) if row.linkid == link)
    assert after.session_bytes > before.session_bytes
    ((corrected_at,),) = deployment.rows(
        "SELECT corrected_at FROM hologram.closed_periods WHERE linkid = ? AND day = ?", [link, day]
    )
    assert corrected_at is not None
    kept = deployment.rows(
        """SELECT session_bytes, hologram_bytes, billable_bytes, overage_cost, usage_charge, recurring_amount, superseded_at
        FROM hologram.closed_period_corrections WHERE linkid = ?""",
        [link],
    )
    assert kept == [
        (
            before.session_bytes, before.hologram_bytes, before.billable_bytes, before.overage_cost, before.usage_charge,
            before.recurring_amount, corrected_at,
        )
    ]  # fmt: skip
