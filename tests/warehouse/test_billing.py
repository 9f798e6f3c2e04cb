from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hologram_assets.warehouse.billing import merge_day
from hologram_assets.warehouse.connection import Warehouse
from hologram_assets.warehouse.loads import Load
from hologram_assets.warehouse.snapshots import merge_snapshot
from hologram_assets.warehouse.tables import PLAN_CATALOG, SIM_INVENTORY

DAY = date(2025, 9, 19)
# The documented sample's periods.
SAMPLE = [
    (1234560, datetime(2025, 10, 11, 17, 24, 43), 0, 503417039),
    (1234560, datetime(2025, 9, 11, 17, 24, 48), 1, 2232757289),
    (1234561, datetime(2025, 10, 3, 15, 23, 55), 0, 798315777),
    (1234561, datetime(2025, 9, 3, 15, 23, 52), 1, 121127),
    (1234561, datetime(2025, 8, 3, 15, 23, 33), 2, 3856700367),
]


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "x.duckdb")


def store(
    warehouse: Warehouse,
    totals: Sequence[tuple[int, datetime, int | None, int]],
    day: date = DAY,
    at: datetime | None = None,
) -> Load:
    fetched_at = at or datetime.combine(day, datetime.min.time()) + timedelta(hours=12)
    with warehouse.write() as connection:
        return merge_day(connection, 144, day, totals, fetched_at=fetched_at, rejected=[], run_id="run")


def periods(warehouse: Warehouse, day: date = DAY) -> list[tuple[Any, ...]]:
    with warehouse.read() as connection:
        return connection.execute(
            """SELECT linkid, period_start, period_end, periods_back, bytes FROM hologram.billing_usage
            WHERE day = ? ORDER BY linkid""",
            [day],
        ).fetchall()


def test_the_period_in_force_at_the_end_of_the_day_is_stored(warehouse: Warehouse) -> None:
    store(warehouse, SAMPLE)
    assert periods(warehouse) == [
        (1234560, datetime(2025, 9, 11, 17, 24, 48), datetime(2025, 10, 11, 17, 24, 43), 0, 503417039),
        (1234561, datetime(2025, 9, 3, 15, 23, 52), datetime(2025, 10, 3, 15, 23, 55), 0, 798315777),
    ]


def test_a_past_day_gets_the_period_of_its_time(warehouse: Warehouse) -> None:
    store(warehouse, SAMPLE, day=date(2025, 9, 1), at=datetime(2025, 9, 19))
    # August has 31 days: the end before is more than a day from 30 days back, so the period is counted back.
    assert periods(warehouse, date(2025, 9, 1)) == [
        (1234560, datetime(2025, 8, 12, 17, 24, 48), datetime(2025, 9, 11, 17, 24, 48), 1, 2232757289),
        (1234561, datetime(2025, 8, 4, 15, 23, 52), datetime(2025, 9, 3, 15, 23, 52), 1, 121127),
    ]


def test_a_period_ends_on_a_day_that_is_already_the_next_ones(warehouse: Warehouse) -> None:
    store(warehouse, SAMPLE, day=date(2025, 9, 11), at=datetime(2025, 9, 19))
    assert periods(warehouse, date(2025, 9, 11))[0][3] == 0


def test_ends_that_jitter_are_one_period(warehouse: Warehouse) -> None:
    store(warehouse, [(1, datetime(2025, 10, 11, 23, 59, 58), 0, 5)])
    store(warehouse, [(1, datetime(2025, 10, 12, 0, 0, 3), 0, 9)])
    with warehouse.read() as connection:
        assert connection.execute("SELECT bytes FROM hologram.billing_periods").fetchall() == [(9,)]
    assert [row[4] for row in periods(warehouse)] == [9]


def test_a_day_that_is_over_keeps_the_total_that_was_fetched_on_it(warehouse: Warehouse) -> None:
    store(warehouse, [(1, datetime(2025, 10, 11), 0, 5)])
    load = store(warehouse, [(1, datetime(2025, 10, 11), 0, 99)], at=datetime(2025, 9, 25))
    assert [row[4] for row in periods(warehouse)] == [5]
    assert (load.new_rows, load.changed_rows) == (0, 0)


def test_sims_that_a_later_answer_lacks_stay_and_are_counted(warehouse: Warehouse) -> None:
    store(warehouse, SAMPLE)
    assert store(warehouse, SAMPLE[:2]).missing_upstream == 1
    assert store(warehouse, []).missing_upstream == 2
    assert len(periods(warehouse)) == 2


def test_a_quarterly_plan_makes_a_period_of_ninety_days(warehouse: Warehouse) -> None:
    at = datetime(2025, 9, 19, 12)
    with warehouse.write() as connection:
        merge_snapshot(
            connection,
            SIM_INVENTORY,
            144,
            DAY,
            [{"linkid": 1, "plan_id": 3}],
            is_today=True,
            fetched_at=at,
            run_id="run",
        )
        merge_snapshot(
            connection,
            PLAN_CATALOG,
            144,
            DAY,
            [{"plan_id": 3, "tier": "BASE", "zone": "", "included_bytes": 1, "billingperiod": 3}],
            is_today=True,
            fetched_at=at,
            run_id="run",
        )
    store(warehouse, [(1, datetime(2025, 10, 11), 0, 5)])
    assert periods(warehouse)[0][1] == datetime(2025, 7, 13)
