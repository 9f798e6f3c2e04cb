"""`alerts backtest`: what it refuses, what it says where nothing is stored, and that days without data cost nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result

from hologram_assets.cli import main
from hologram_assets.partitions import today
from hologram_assets.warehouse.connection import Warehouse

ASSETS = ("daily_link_usage", "overage_report", "network_changes")
DAY = timedelta(days=1)


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    path = tmp_path / "warehouse.duckdb"
    monkeypatch.setenv("HOLOGRAM_WAREHOUSE", str(path))
    monkeypatch.setenv("HOLOGRAM_ORG_IDS", "144")
    monkeypatch.setenv("HOLOGRAM_RETENTION_DAYS", "100000")
    monkeypatch.chdir(tmp_path)
    return Warehouse(path)


def derived(warehouse: Warehouse, *days: date, assets: tuple[str, ...] = ASSETS) -> None:
    """Days that were derived for a fleet without a SIM."""
    with warehouse.write() as connection:
        for day in days:
            for asset in assets:
                connection.execute(
                    """INSERT INTO hologram.partition_loads BY NAME
                    SELECT 144 AS org_id, ? AS day, ? AS asset, ? AS complete_through""",
                    [day, asset, datetime.combine(day + DAY, datetime.min.time())],
                )


def run(*arguments: str, first: str = "2025-03-01", last: str = "2025-03-10") -> Result:
    return CliRunner().invoke(main, ["alerts", "backtest", "--from", first, "--to", last, *arguments])


def test_an_organisation_that_is_named_twice_is_judged_once(warehouse: Warehouse) -> None:
    derived(warehouse, date(2025, 3, 2))
    (tally,) = json.loads(run("--org", "144", "--org", "144", "--json").stdout)
    assert (tally["org_id"], tally["days"]) == (144, 1)


@pytest.mark.parametrize(
    ("first", "last", "says"),
    [
        ("0001-01-01", "2025-03-10", "before the first partition, 2025-01-01 (HOLOGRAM_START_DATE)"),
        ("2025-03-01", "9999-12-31", "is in the future"),
        ("2025-03-02", "2025-03-01", "is after"),
    ],
)
def test_a_range_that_makes_no_sense_is_refused(warehouse: Warehouse, first: str, last: str, says: str) -> None:
    derived(warehouse, date(2025, 3, 2))
    result = run(first=first, last=last)
    assert (result.exit_code, says in result.stderr) == (2, True)


def test_days_without_data_are_known_by_one_query(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    derived(warehouse, date(2025, 3, 2), date(2025, 6, 2))
    opened = []
    read = Warehouse.read

    @contextmanager
    def counted(self: Warehouse) -> Iterator[duckdb.DuckDBPyConnection]:
        opened.append(1)
        with read(self) as connection:
            yield connection

    monkeypatch.setattr(Warehouse, "read", counted)
    result = run("--json", first="2025-01-01", last="2025-12-31")
    (tally,) = json.loads(result.stdout)
    assert tally["days"] == 2
    assert "363 of 365 days were never derived" in result.stderr
    assert len(opened) == 3


def test_where_nothing_is_stored_it_says_what_to_load(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    derived(warehouse, date(2025, 3, 20))
    result = run("--org", "144")
    assert result.exit_code == 1
    assert "load them first: hologram-assets backfill --from 2025-03-01 --to 2025-03-10 --org 144" in result.stderr
    monkeypatch.setenv("HOLOGRAM_RETENTION_DAYS", "90")
    old = today() - 100 * DAY
    result = run(first=str(old), last=str(old + DAY))
    assert "can't be loaded any more: Hologram keeps 90 days" in result.stderr


def test_where_usage_is_stored_it_says_what_to_derive(warehouse: Warehouse) -> None:
    derived(warehouse, date(2025, 3, 2), assets=("daily_link_usage",))
    result = run()
    assert result.exit_code == 1
    assert "but usage is there; derive them first: " in result.stderr
    assert "--to 2025-03-10 --assets overage_report,network_changes" in result.stderr
