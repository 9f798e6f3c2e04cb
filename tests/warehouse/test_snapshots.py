from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hologram_assets.warehouse.connection import Warehouse
from hologram_assets.warehouse.loads import Load
from hologram_assets.warehouse.snapshots import merge_snapshot
from hologram_assets.warehouse.tables import PLAN_CATALOG, SIM_INVENTORY

DAY = date(2026, 11, 1)
NOON = datetime(2026, 11, 1, 12)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "x.duckdb")


def price(plan_id: int, zone: str = "global", rate: str = "0.210000") -> dict[str, Any]:
    return {
        "plan_id": plan_id,
        "tier": "BASE",
        "zone": zone,
        "included_bytes": 10_000_000,
        "overage_rate_per_mb": Decimal(rate),
        "is_offered": True,
        "is_current_tier": True,
    }


def store(warehouse: Warehouse, rows: list[dict[str, Any]], *, at: datetime = NOON) -> Load:
    with warehouse.write() as connection:
        return merge_snapshot(
            connection, PLAN_CATALOG, 144, DAY, rows, is_today=at.date() == DAY, fetched_at=at, run_id="run"
        )


def stored(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    with warehouse.read() as connection:
        return connection.execute(
            "SELECT plan_id, zone, overage_rate_per_mb, snapshot_basis FROM hologram.plan_catalog ORDER BY ALL"
        ).fetchall()


def test_a_days_own_snapshot_follows_the_api_while_the_day_lasts(warehouse: Warehouse) -> None:
    store(warehouse, [price(1), price(2)])
    load = store(warehouse, [price(1, rate="0.300000"), price(2), price(3)])
    assert stored(warehouse) == [
        (1, "global", Decimal("0.3"), "own"),
        (2, "global", Decimal("0.21"), "own"),
        (3, "global", Decimal("0.21"), "own"),
    ]
    assert (load.rows, load.new_rows, load.changed_rows) == (3, 1, 1)


def test_a_zone_that_a_plan_no_longer_has_goes_with_its_old_prices(warehouse: Warehouse) -> None:
    store(warehouse, [price(1), price(1, zone="zone2")])
    store(warehouse, [price(1)])
    assert [row[1] for row in stored(warehouse)] == ["global"]


def test_what_a_later_list_lacks_stays_and_is_counted(warehouse: Warehouse) -> None:
    store(warehouse, [price(1), price(2)])
    assert store(warehouse, [price(1)]).missing_upstream == 1
    assert store(warehouse, []).missing_upstream == 2
    assert len(stored(warehouse)) == 2


def test_prices_of_the_past_stay_the_prices_of_the_past(warehouse: Warehouse) -> None:
    store(warehouse, [price(1)])
    load = store(warehouse, [price(1, rate="9.000000"), price(2)], at=NOON + timedelta(days=1))
    assert stored(warehouse) == [
        (1, "global", Decimal("0.21"), "own"),
        (2, "global", Decimal("0.21"), "carried_back"),  # not known before: added, and marked
    ]
    assert (load.new_rows, load.changed_rows) == (1, 0)


def test_a_list_that_repeats_a_row_makes_one_row_a_key(warehouse: Warehouse) -> None:
    store(warehouse, [price(1), price(1)])
    assert len(stored(warehouse)) == 1


def test_of_two_fetches_the_later_one_wins_whichever_is_written_last(warehouse: Warehouse) -> None:
    store(warehouse, [price(1, rate="0.300000")], at=NOON + timedelta(hours=1))
    store(warehouse, [price(1)], at=NOON)
    assert stored(warehouse)[0][2] == Decimal("0.3")


def test_a_past_day_without_a_snapshot_gets_todays_and_says_so(warehouse: Warehouse) -> None:
    store(warehouse, [price(1)], at=NOON + timedelta(days=5))
    store(warehouse, [price(1, rate="9.000000"), price(2)], at=NOON + timedelta(days=6))
    assert stored(warehouse) == [
        (1, "global", Decimal("0.21"), "carried_back"),
        (2, "global", Decimal("0.21"), "carried_back"),
    ]


def test_a_rate_keeps_nine_places(warehouse: Warehouse) -> None:
    store(warehouse, [price(1, rate="0.123456789")])
    assert stored(warehouse)[0][2] == Decimal("0.123456789")


def test_a_snapshot_of_sims_is_one_row_a_sim(warehouse: Warehouse) -> None:
    rows = [{"linkid": 7, "plan_id": 1}, {"linkid": 8, "plan_id": 1}]
    with warehouse.write() as connection:
        load = merge_snapshot(connection, SIM_INVENTORY, 144, DAY, rows, is_today=True, fetched_at=NOON, run_id="run")
    assert load.rows == 2
