"""The money report is read as it is stored: summed and cut in SQL, exact, and honest about what is not there."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hologram_assets.page.render import render_page
from hologram_assets.page.view import MOST_PLANS, MOST_WORST, Lack, OrganisationView, PageView
from hologram_assets.warehouse.connection import Warehouse, WarehouseError
from hologram_assets.warehouse.page_view import read_page_view
from hologram_assets.warehouse.tables import FLEET_COST_CHANGES, FLEET_SUMMARY, PLAN_RECOMMENDATIONS

ORG = 144
DAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 17)
END = datetime(2026, 12, 1, 8)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    """The day's report and alerts were derived, and hold nothing yet."""
    warehouse = Warehouse(tmp_path / "x.duckdb")
    load(warehouse, "overage_report", 0)
    load(warehouse, "alerts", 0)
    load(warehouse, "plan_recommendations", 0)
    return warehouse


def insert(warehouse: Warehouse, table: str, rows: Iterable[dict[str, Any]]) -> None:
    with warehouse.write() as connection:
        for row in rows:
            values = {"org_id": ORG, "day": DAY} | row
            names, marks = ", ".join(values), ", ".join("?" * len(values))
            connection.execute(f"INSERT INTO hologram.{table} ({names}) VALUES ({marks})", list(values.values()))


def load(warehouse: Warehouse, asset: str, *ago: int, **numbers: Any) -> None:
    through = {"complete_through": NOW, "loaded_at": NOW} | numbers
    insert(warehouse, "partition_loads", ({"day": DAY - timedelta(n), "asset": asset} | through for n in ago))


def sim(linkid: int, **others: Any) -> dict[str, Any]:
    return {
        "linkid": linkid, "plan_name": "Global 10 MB", "period_start": END - timedelta(30), "period_end": END,
        "usage_bytes": 5, "included_bytes": 10, "pct_used": 50.0, "overage_cost": 0, "usage_charge": 0,
        "recurring_amount": 1, "status": "ok", "pricing_status": "priced", "usage_source": "sessions",
    } | others  # fmt: skip


def summary(scope: str, plan_id: int | None, recurring: object, overage: object, **others: Any) -> dict[str, Any]:
    row = {"scope": scope, "plan_id": plan_id, "plan_name": plan_id and f"Plan {plan_id}", "sims": 3, "priced_sims": 3}
    amounts = {"recurring_cost": recurring, "usage_charge": 0, "overage_cost": overage, "projected_usage_charge": 0}
    to_date = Decimal(str(recurring)) + Decimal(str(overage))
    costs = {
        "projected_overage_cost": overage,
        "cost_to_date": to_date,
        "projected_cost": to_date,
        "bound_cost": to_date,
    }
    counts = dict.fromkeys(
        ("usage_bytes", "projected_bytes", "sims_over", "sims_will_exceed", "uncapped_sims", "limit_unknown_sims"), 1
    )
    return row | amounts | costs | counts | others


def change(since: str, scope: str, plan_id: int | None, **effects: object) -> dict[str, Any]:
    nothing = dict.fromkeys(
        (
            "late_corrections",
            "sim_count",
            "became_known",
            "periods_begun",
            "plan_mix",
            "rate",
            "usage_per_sim",
            "before_cost",
        ),
        0,
    )
    after = sum((Decimal(str(effect)) for effect in effects.values()), Decimal(0))
    day = DAY - timedelta(1 if since == "yesterday" else 30)
    return (
        {"since": since, "compared_day": day, "scope": scope, "plan_id": plan_id, "after_cost": after}
        | nothing
        | effects
    )


def view(warehouse: Warehouse, *orgs: int) -> PageView:
    with warehouse.read() as connection:
        found = read_page_view(connection, DAY, orgs, NOW)
    assert render_page(found).endswith("</html>")
    return found


def section(warehouse: Warehouse) -> OrganisationView:
    (only,) = view(warehouse).organisations
    return only


def test_a_stored_report_without_a_sim_is_an_organisation_and_one_that_lacks_is_named(warehouse: Warehouse) -> None:
    found = view(warehouse, ORG, 999)
    assert [line.org_id for line in found.lines] == [ORG]
    assert found.not_loaded == (999,)
    assert (found.lines[0].sims, found.lines[0].to_date) == (0, None)
    assert found.organisations[0].cost is None


def test_an_older_warehouse_lacks_what_is_new_and_the_page_says_so(warehouse: Warehouse) -> None:
    insert(warehouse, "overage_report", [sim(1)])
    with warehouse.write() as connection:
        for table in (PLAN_RECOMMENDATIONS, FLEET_SUMMARY, FLEET_COST_CHANGES):
            connection.execute(f"DROP TABLE {table.qualified}")
    found = section(warehouse)
    assert (found.cost, found.recommendations, found.plans, found.curve) == (None, None, (), ())
    assert found.line.sims == 1
    with warehouse.write() as connection:  # which brings back the tables
        connection.execute("ALTER TABLE hologram.overage_report DROP COLUMN projected_usage_charge")
    with pytest.raises(WarehouseError, match="backfill --from 2026-11-23"):
        view(warehouse)


def test_costs_are_read_to_the_sixth_place_and_plans_by_what_they_will_cost(warehouse: Warehouse) -> None:
    insert(
        warehouse,
        "fleet_summary",
        [
            summary("total", None, "10.000001", "2.5", uncapped_cost="0.123456"),
            summary("plan", 7, "4.000001", "0"),
            summary("plan", 8, "6", "2.5"),
            summary("total", None, "9", "0", day=DAY - timedelta(59)),
            summary("total", None, "8", "0", day=DAY - timedelta(60)),
            summary("total", None, "7", "0", org_id=145),
        ],
    )
    insert(
        warehouse,
        "fleet_cost_changes",
        [
            change("yesterday", "total", None, before_cost="12", usage_per_sim="0.500001"),
            change("yesterday", "plan", 7, before_cost="4", usage_per_sim="0.000001"),
            change("yesterday", "plan", 8, before_cost="8", usage_per_sim="0.5"),
            change("last_period", "total", None, before_cost="0", sim_count="2.5", became_known="10.000001"),
        ],
    )
    then = DAY - timedelta(30)
    insert(
        warehouse, "overage_report", [sim(1, day=then), sim(2, day=then, overage_cost=None), sim(1, overage_cost=None)]
    )
    found = section(warehouse)
    assert found.cost is not None
    assert (found.cost.to_date, found.cost.expected) == (Decimal("12.500001"), Decimal("12.500001"))
    assert found.exposure is not None
    assert found.exposure.uncapped == Decimal("0.123456")
    assert [plan.plan for plan in found.plans] == ["Plan 8", "Plan 7"]
    assert [each.day for each in found.curve] == [DAY - timedelta(59), DAY]
    assert found.yesterday is not None
    assert (found.yesterday.total.after, found.line.yesterday) == (Decimal("12.500001"), Decimal(12))
    assert [plan.plan for plan in found.yesterday.plans] == ["plan 8", "plan 7"]  # which have no name here
    assert found.last_period is not None
    assert (found.last_period.compared_day, found.last_period.plans) == (then, ())
    assert (found.last_period.sims_then, found.last_period.unknown_then) == (2, 1)
    assert (found.last_period.total.became_known, found.yesterday.unknown_then) == (Decimal("10.000001"), 0)
    assert [(each.sims, each.priced_sims) for each in found.curve] == [(3, 3), (3, 3)]


def test_plans_beyond_the_table_are_one_row_and_nothing_is_lost(warehouse: Warehouse) -> None:
    count = MOST_PLANS + 12
    insert(
        warehouse,
        "fleet_summary",
        [summary("total", None, count, "0"), *(summary("plan", n, "1", "0.000001") for n in range(1, count + 1))],
    )
    found = section(warehouse)
    assert (len(found.plans), found.other_plans_count) == (MOST_PLANS, 12)
    assert found.other_plans is not None
    assert (found.other_plans.to_date, found.other_plans.sims) == (Decimal("12.000012"), 36)


def test_the_worst_sims_are_cut_and_counted_and_those_without_a_limit_stand_by_their_overage(
    warehouse: Warehouse,
) -> None:
    insert(
        warehouse,
        "overage_report",
        [
            *(sim(n, status="over", overage_cost=n, overage_limit_bytes=-1) for n in range(1, MOST_WORST + 6)),
            sim(100, overage_limit_bytes=50, overage_cost=900),
            sim(101, status="unknown", pricing_status="pooled", overage_cost=None),
            sim(102, status="unknown", usage_source="incomplete", overage_cost=None),
            sim(
                103,
                status="unknown",
                pricing_status="unknown_plan",
                usage_source="incomplete",
                overage_cost=None,
                recurring_amount=None,
            ),
            sim(104, usage_source="incomplete", overage_cost=2),
            sim(105, recurring_amount=None),
        ],
    )
    found = section(warehouse)
    assert (len(found.worst), found.worst_count) == (MOST_WORST, MOST_WORST + 8)
    assert [each.sim.linkid for each in found.uncapped[:2]] == [MOST_WORST + 5, MOST_WORST + 4]
    assert found.lacks == (
        Lack("incomplete", 1, 0), Lack("pooled", 1, 0), Lack("unknown_plan", 1, 1), Lack("at_least", 1, 0),
        Lack("no_fee", 1, 1),
    )  # fmt: skip
    assert found.line.sims_without_cost == 3
    assert found.periods_end == END.date()


def test_alerts_that_hold_are_worst_first_and_those_that_ended_are_none(warehouse: Warehouse) -> None:
    def alert(alert_id: str, severity: str, step: int, state: str) -> dict[str, Any]:
        return {"alert_id": alert_id, "severity": severity, "step": step, "state": state, "linkid": 1, "rule": "x"}

    insert(warehouse, "overage_report", [sim(1, device_name="Pump")])
    insert(
        warehouse,
        "alerts",
        [
            alert("a", "warn", 80, "open"), alert("b", "critical", 100, "open"), alert("c", "critical", 200, "escalated"),
            alert("d", "critical", 500, "resolved"), alert("e", "warn", 0, "silenced"), alert("f", "info", 0, "accepted"),
        ],
    )  # fmt: skip
    found = section(warehouse)
    assert found.alerts is not None
    assert [(each.severity, each.state) for each in found.alerts.open] == [
        ("critical", "escalated"), ("critical", "open"), ("warn", "open"),
    ]  # fmt: skip
    assert found.alerts.open[0].device_name == "Pump"
    assert (found.alerts.by_severity, found.alerts.silenced) == ({"critical": 2, "warn": 1}, 1)
    assert found.line.open_alerts == 3


def test_alerts_that_were_never_derived_are_not_none_open(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "y.duckdb")
    load(warehouse, "overage_report", 0)
    assert (section(warehouse).alerts, section(warehouse).line.open_alerts) == (None, None)
    assert section(warehouse).recommendations is None


def test_recommendations_are_counted_and_those_that_save_most_come_first(warehouse: Warehouse) -> None:
    def advice(linkid: int, verdict: str, saving: object, **others: Any) -> dict[str, Any]:
        return {"linkid": linkid, "verdict": verdict, "saving_per_period": saving} | others

    insert(
        warehouse,
        "plan_recommendations",
        [
            advice(1, "recommended", "1.25"),
            advice(2, "recommended", "2.5", recommended_plan_name="Small"),
            advice(3, "saving_too_small", "0.01"),
            advice(4, "cheapest_already", None, upgrade_advice="upgrade_now", pay_overage_cost="9", upgrade_cost="4"),
            advice(5, "cheapest_already", None, upgrade_advice="pay_overage", pay_overage_cost="1", upgrade_cost="4"),
            advice(6, "cheapest_already", None, upgrade_advice="anomaly_open", pay_overage_cost="9", upgrade_cost="4"),
            advice(7, "recommended", "100", forecast_saving="90", plan_id=70),
        ],
    )
    prices = {"plan_id": 70, "tier": "t", "billingperiod": 3}
    insert(warehouse, "plan_catalog", [prices | {"zone": zone} for zone in ("a", "b")])
    found = section(warehouse).recommendations
    assert found is not None
    assert [each.sim.linkid for each in found.changes] == [7, 2, 1]
    assert [(each.forecast_saving, each.months) for each in found.changes] == [(90, 3), (None, 1), (None, 1)]
    assert (found.saving, found.longer) == (Decimal("3.75"), 1)
    assert [each.sim.linkid for each in found.upgrades] == [4]
    assert (found.upgrade_sims, found.verdicts["recommended"]) == (1, 3)


def test_nothing_stops_pay_as_you_go_without_a_limit_and_overage_without_a_price(warehouse: Warehouse) -> None:
    insert(warehouse, "fleet_summary", [summary("total", None, "10", "2.5", uncapped_sims=3)])
    payg = {"status": "payg", "included_bytes": 0, "pct_used": None, "usage_charge": 3, "projected_usage_charge": 9}
    insert(
        warehouse,
        "overage_report",
        [
            sim(1, overage_limit_bytes=-1, overage_cost=2, projected_overage_cost=8),
            sim(2, overage_limit_bytes=-1, projected_overage_cost=0, **payg),
            sim(3, overage_limit_bytes=-1, status="over", pricing_status="zone_not_offered", overage_cost=None),
            sim(4, overage_limit_bytes=0, **payg),
        ],
    )
    found = section(warehouse)
    assert found.exposure is not None
    exposure = found.exposure
    assert (exposure.over_unpriced, exposure.payg_sims, exposure.payg, exposure.payg_projected) == (
        1,
        1,
        Decimal(3),
        Decimal(9),
    )
    assert [(each.sim.linkid, each.status, each.cost, each.expected) for each in found.uncapped] == [
        (2, "payg", 3, 9), (1, "ok", 2, 8), (3, "over", None, None),
    ]  # fmt: skip


def test_freshness_counts_the_days_that_lack_and_what_came_late(warehouse: Warehouse) -> None:
    load(warehouse, "raw_sessions", 0, 1, 2, late_rows_ever=4, greatest_lateness_seconds=90)
    load(warehouse, "raw_sessions", 30)
    found = {each.asset: each for each in section(warehouse).loads}
    sessions = found["raw_sessions"]
    assert (sessions.missing_days, sessions.late_rows, sessions.greatest_lateness_seconds) == (27, 12, 90)
    assert sessions.loaded_at == NOW
    assert (found["fleet_summary"].loaded_at, found["fleet_summary"].missing_days) == (None, 30)


def test_the_mix_is_the_five_largest_the_others_and_what_was_not_told(warehouse: Warehouse) -> None:
    load(warehouse, "daily_link_usage", 0, 3)
    names: list[str | None] = [f"network {n}" for n in range(8)]
    insert(
        warehouse,
        "daily_link_usage",
        [
            {"linkid": 1, "network_name": name, "radio_access_technology": "LTE", "sessions": 10 - n, "bytes": 1}
            for n, name in enumerate([*names, None])
        ],
    )
    mix = section(warehouse).mix
    assert mix is not None
    assert mix.stored == {DAY, DAY - timedelta(3)}
    assert [(part.name, part.others, part.sessions[-1]) for part in mix.networks] == [
        *((f"network {n}", 0, 10 - n) for n in range(5)), (None, 3, 5 + 4 + 3), (None, 0, 2),
    ]  # fmt: skip
    assert [(part.name, sum(part.sessions)) for part in mix.rats] == [("LTE", sum(range(2, 11)))]


def closed(linkid: int, end: datetime, session_bytes: int, hologram_bytes: int | None, **others: Any) -> dict[str, Any]:
    return {
        "day": end.date(), "linkid": linkid, "period_start": end - timedelta(30), "period_end": end,
        "session_bytes": session_bytes, "hologram_bytes": hologram_bytes, "usage_source": "sessions",
        "pricing_status": "priced",
        "reconciled": None if hologram_bytes is None else session_bytes == hologram_bytes,
    } | others  # fmt: skip


def test_the_forecast_is_judged_by_what_the_reports_said_on_days_of_the_period(warehouse: Warehouse) -> None:
    end = datetime(2026, 11, 20, 8)

    def forecast(linkid: int, age: int, projected: int, bound: int, ends: datetime = end) -> dict[str, Any]:
        day = (end - timedelta(30) + timedelta(age)).date()
        return sim(linkid, day=day, period_end=ends, projected_bytes=projected, projected_bound_bytes=bound)

    insert(
        warehouse,
        "closed_periods",
        [
            closed(1, end, 100, 90),
            closed(2, end, 90, 100, usage_source="billing"),
            closed(3, end, 100, None, usage_source="incomplete"),
            closed(4, end, 100, 100, pricing_status="pooled"),
            closed(5, end - timedelta(90), 100, 100),
        ],
    )
    insert(
        warehouse,
        "overage_report",
        [
            forecast(1, 5, 120, 130),
            forecast(2, 5, 90, 99, end + timedelta(hours=3)),  # the same period, as it was known then
            forecast(1, 10, 100, 100),
            forecast(1, 11, 999, 999),
            forecast(2, 10, 500, 500, end + timedelta(days=30)),  # of another period
            *(forecast(n, 5, 700, 800) for n in (3, 4, 5)),
        ],
    )
    found = {score.age: score for score in section(warehouse).scores}
    assert set(found) == {5, 10, None}
    assert (found[5].forecasts, found[5].median_error, found[5].bias, found[5].covered) == pytest.approx((2, 15, 5, 50))
    assert (found[10].forecasts, found[10].median_error, found[10].covered) == (1, 0, 100)
    assert found[None].forecasts == 3


def test_ended_periods_are_compared_with_holograms_totals_byte_by_byte(warehouse: Warehouse) -> None:
    end = datetime(2026, 11, 20, 8)
    insert(
        warehouse,
        "closed_periods",
        [
            closed(1, end, 100, 100), closed(2, end, 90, 100, corrected_at=NOW), closed(3, end, 130, 100),
            closed(4, end, 100, None), closed(5, end - timedelta(90), 1, 2),
        ],
    )  # fmt: skip
    found = section(warehouse).reconciliation
    assert found is not None
    assert (found.agreeing, found.differing, found.not_comparable, found.corrected) == (1, 2, 1, 1)
    assert (found.hologram_bytes, found.bytes_apart, found.bytes_more) == (300, 40, 20)


def test_organisations_stand_by_what_they_will_cost(warehouse: Warehouse) -> None:
    for org in (145, 146):
        load(warehouse, "overage_report", 0, org_id=org)
    insert(warehouse, "fleet_summary", [summary("total", None, 5, "0", org_id=146), summary("total", None, 1, "0")])
    assert [line.org_id for line in view(warehouse).lines] == [146, ORG, 145]
    assert [line.org_id for line in view(warehouse, 145, ORG).lines] == [ORG, 145]
