"""Hologram's three documented examples, over HTTP, through Dagster, into tables: every value written out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from dagster import DagsterInstance

from hologram_assets.backfill import Backfill, asset_names, checked_request, register_orgs
from hologram_assets.build import build_defs
from hologram_assets.settings import load_settings
from hologram_assets.warehouse.connection import Warehouse
from tests.api.loopback import Answer, Asked, Loopback, page
from tests.conftest import KEY

FIXTURES = Path(__file__).parent.parent / "fixtures"
DAY = date(2025, 9, 19)
SIM = 2235723
# The samples name no link; this one is on the sample's plan 1678, in a period that began with the day.
LINK = {
    "id": SIM,
    "dataplansubscriptionid": 1678,
    "zone": "Global",
    "state": "LIVE",
    "whenexpires": "2025-10-19 00:00:00",
}


def answer(asked: Asked) -> Answer:
    if asked.path == "links/cellular":
        return page([LINK])
    first = asked.path.replace("/", "_") + ".first_page"
    name = {"5234567890": "usage_data.last_page", "1678": "plans.last_page"}.get(
        asked.params.get("startafter", ""), first
    )
    return Answer(body=(FIXTURES / f"{name}.json").read_bytes())


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    folder = tmp_path_factory.mktemp("examples")
    with pytest.MonkeyPatch.context() as patch, Loopback(answer) as api, DagsterInstance.ephemeral() as instance:
        patch.setenv("HOLOGRAM_API_KEY", KEY)
        patch.setenv("HOLOGRAM_BASE_URL", api.base_url)
        patch.setenv("HOLOGRAM_WAREHOUSE", str(folder / "warehouse.duckdb"))
        patch.setenv("HOLOGRAM_RETENTION_DAYS", "100000")
        settings = load_settings()
        defs = build_defs(settings)
        request = checked_request(
            DAY, DAY, [144], [], start_date=settings.hologram_start_date, known_assets=asset_names(defs)
        )
        register_orgs(instance, [144])
        warehouse = Warehouse(settings.hologram_warehouse)
        summary = Backfill(defs, instance).run(request)
        assert summary.ok, (summary.failed, summary.errors)
        assert {asked.params["orgid"] for asked in api.asked} == {"144"}
        yield warehouse


def rows(warehouse: Warehouse, query: str) -> list[tuple[object, ...]]:
    with warehouse.read() as connection:
        return connection.execute(query).fetchall()


def test_the_documented_sessions_are_stored_on_the_day_they_ended(warehouse: Warehouse) -> None:
    assert rows(
        warehouse,
        """SELECT org_id, day, record_id, linkid, session_begin, session_end, bytes, imei, imeisv, cellid, lac,
                  radio_access_technology, network_name, country, extra FROM hologram.raw_sessions ORDER BY record_id""",
    ) == [
        (144, DAY, 5234567001, SIM, datetime(2025, 9, 18, 23, 58, 1), datetime(2025, 9, 19, 0, 7, 59), 0, None, None, None,
         None, None, None, None, None),
        (144, DAY, 5234567890, SIM, datetime(2025, 9, 19, 12, 15, 33), datetime(2025, 9, 19, 14, 22, 17), 189432,
         "867962043322067", "8681590599795700", 42851392, 25847, "3G", "Telefonica Moviles Espana S.A.", None, None),
        (144, DAY, 5234567891, SIM, datetime(2025, 9, 19, 14, 30, 22), datetime(2025, 9, 19, 16, 45, 18), 245679,
         "868159059979570", "8681590599795700", 42851392, 25847, "LTE", "T-Mobile USA, Inc", None, None),
    ]  # fmt: skip


def test_the_documented_totals_are_stored_for_the_period_in_force(warehouse: Warehouse) -> None:
    assert rows(
        warehouse,
        """SELECT org_id, day, linkid, period_start, period_end, periods_back, bytes FROM hologram.billing_usage
           ORDER BY linkid""",
    ) == [
        (144, DAY, 1234560, datetime(2025, 9, 11, 17, 24, 48), datetime(2025, 10, 11, 17, 24, 43), 0, 503417039),
        (144, DAY, 1234561, datetime(2025, 9, 3, 15, 23, 52), datetime(2025, 10, 3, 15, 23, 55), 0, 798315777),
    ]
    assert rows(
        warehouse, "SELECT linkid, period_end, bytes FROM hologram.billing_periods ORDER BY linkid, period_end"
    ) == [
        (1234560, datetime(2025, 9, 11, 17, 24, 48), 2232757289),
        (1234560, datetime(2025, 10, 11, 17, 24, 43), 503417039),
        (1234561, datetime(2025, 8, 3, 15, 23, 33), 3856700367),
        (1234561, datetime(2025, 9, 3, 15, 23, 52), 121127),
        (1234561, datetime(2025, 10, 3, 15, 23, 55), 798315777),
    ]


def test_the_documented_plans_are_stored_with_their_prices(warehouse: Warehouse) -> None:
    assert rows(
        warehouse,
        """SELECT plan_id, name, tier, zone, included_bytes, recurring_amount, overage_rate_per_mb, sms_rate, billingperiod,
                  coverage_region_id, is_current_tier, is_dynamic_pool, use_variable_rates, is_enabled, snapshot_basis
           FROM hologram.plan_catalog WHERE plan_id IN (1678, 2096) ORDER BY plan_id DESC""",
    ) == [
        (2096, "Global G3 Standard Flat Rate", "BASE", "global", 0, Decimal("1.000000"), Decimal("0.030000"),
         Decimal("0.190000"), 1, 6, True, False, False, True, "carried_back"),
        (1678, "Global All Standard Flat Rate", "BASE", "global", 0, Decimal("1.000000"), Decimal("0.210000"),
         Decimal("0.190000"), 1, 4, True, False, False, True, "carried_back"),
    ]  # fmt: skip


def test_the_documented_usage_is_priced_to_the_sixth_decimal(warehouse: Warehouse) -> None:
    # 245,679 + 189,432 = 435,111 bytes are 436 kilobytes begun; 0.436 MB at 0.21 USD.
    assert rows(
        warehouse,
        f"""SELECT plan_name, zone, period_start, period_end, usage_bytes, usage_source, included_bytes, overage_bytes,
                   billable_bytes, overage_cost, usage_charge, recurring_amount, status, pricing_status
            FROM hologram.overage_report WHERE linkid = {SIM}""",
    ) == [
        ("Global All Standard Flat Rate", "global", datetime(2025, 9, 19), datetime(2025, 10, 19), 435111, "sessions", 0, 0,
         436000, Decimal("0.000000"), Decimal("0.091560"), Decimal("1.000000"), "payg", "priced"),
    ]  # fmt: skip


def test_sims_of_the_totals_whose_days_are_not_loaded_are_never_shown_as_whole(warehouse: Warehouse) -> None:
    assert rows(
        warehouse,
        f"""SELECT linkid, usage_source, status, pricing_status, overage_cost FROM hologram.overage_report
            WHERE linkid <> {SIM} ORDER BY linkid""",
    ) == [
        (1234560, "incomplete", "unknown", "unknown_plan", None),
        (1234561, "incomplete", "unknown", "unknown_plan", None),
    ]
