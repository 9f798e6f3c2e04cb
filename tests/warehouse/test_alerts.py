"""Writing the alerts of a day."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from hologram_assets.domain.alerts import CRITICAL, OPEN, Alert
from hologram_assets.warehouse.alerts import alerts_of, write_alerts
from hologram_assets.warehouse.connection import Warehouse
from hologram_assets.warehouse.network import write_changes

ORG, DAY = 144, date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12)
HOUR = timedelta(hours=1)


def alert(step: int) -> Alert:
    return Alert(
        "id1", "overage_step", step, CRITICAL, "SIM 7", OPEN, NOON, NOON, None, f"{step} % used", {"linkid": 7}
    )


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "warehouse.duckdb")


def write(warehouse: Warehouse, alerts: list[Alert], read_at: datetime) -> int:
    with warehouse.write() as connection:
        load = write_alerts(
            connection, ORG, DAY, alerts, complete_through=read_at, read_at=read_at, run_id=f"read at {read_at}"
        )
    return load.rows


def stored(warehouse: Warehouse) -> list[Alert]:
    with warehouse.read() as connection:
        return alerts_of(connection, ORG, DAY)


def test_alerts_are_read_back_as_they_were_written(warehouse: Warehouse) -> None:
    write(warehouse, [alert(100)], NOON)
    assert stored(warehouse) == [alert(100)]


def test_of_two_runs_at_once_the_one_that_read_later_wins_whichever_writes_last(warehouse: Warehouse) -> None:
    write(warehouse, [alert(120)], NOON + HOUR)
    assert write(warehouse, [alert(100)], NOON) == 1
    assert stored(warehouse) == [alert(120)]
    write(warehouse, [], NOON + 2 * HOUR)
    assert stored(warehouse) == []


def test_of_two_runs_at_once_the_network_changes_of_the_later_reader_stay(warehouse: Warehouse) -> None:
    for read_at, run_id in ((NOON + HOUR, "later"), (NOON, "earlier")):
        with warehouse.write() as connection:
            write_changes(connection, ORG, DAY, [], read_at=read_at, run_id=run_id)
    with warehouse.read() as connection:
        assert connection.execute("SELECT run_id FROM hologram.partition_loads").fetchall() == [("later",)]
