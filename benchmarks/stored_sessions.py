"""A made-up fleet's sessions (storage_sessions.sql), written as `raw_sessions` writes them: at once, or hour by hour.

As the asset does, each merge is of one day: a Parquet file of what was fetched, one transaction, and the warehouse opened
and closed for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb

from hologram_assets.domain.periods import start_of_day
from hologram_assets.warehouse.connection import Warehouse
from hologram_assets.warehouse.sessions import merge_day

ORG = 144
FIRST = date(2026, 9, 1)
_PER_SIM = 10  # sessions a day
_REFRESHED_AT_MINUTE = 7
_SESSIONS = Path(__file__).with_name("storage_sessions.sql").read_text(encoding="utf-8")
# The rows as Hologram shows them at a moment: those that it has, with the corrections that it has made.
_SHOWN = """
    SELECT * EXCLUDE (bytes, received_at, corrected_at),
        CASE WHEN corrected_at <= $now THEN bytes + 1000 ELSE bytes END AS bytes,
        -- A page of 250 rows has one moment.
        CAST($now AS TIMESTAMP) + to_milliseconds(20 * (row_number() OVER (ORDER BY record_id) // 250)) AS fetched_at
    FROM truth
    WHERE session_end >= CAST($day AS DATE) AND session_end < CAST($day AS DATE) + INTERVAL 1 DAY AND received_at <= $now
    ORDER BY record_id"""


@contextmanager
def fleet_of(sims: int, days: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB in memory whose table `truth` has the sessions of a fleet."""
    with duckdb.connect() as connection:
        connection.execute(
            f"CREATE TABLE truth AS {_SESSIONS}",
            {"org_id": ORG, "first": FIRST, "days": days, "sims": sims, "per_sim": _PER_SIM},
        )
        yield connection


def load_once(warehouse: Warehouse, fleet: duckdb.DuckDBPyConnection, days: int) -> None:
    """Each day once, when all of it is there and corrected."""
    for number in range(days):
        _merge(warehouse, fleet, FIRST + timedelta(days=number), start_of_day(FIRST + timedelta(days=days + 5)))


def refresh_hourly(warehouse: Warehouse, fleet: duckdb.DuckDBPyConnection, days: int) -> int:
    """What `refresh_schedule` does, for days; then each day once more, as settles do. Returns the number of merges."""
    merges = 0
    for hour in range(days * 24):
        now = start_of_day(FIRST) + timedelta(hours=hour, minutes=_REFRESHED_AT_MINUTE)
        for day in {max(FIRST, now.date() - timedelta(days=1)), now.date()}:
            _merge(warehouse, fleet, day, now)
            merges += 1
    load_once(warehouse, fleet, days)
    return merges + days


def _merge(warehouse: Warehouse, fleet: duckdb.DuckDBPyConnection, day: date, now: datetime) -> None:
    """Merge what Hologram shows of a day at a moment, as the asset does."""
    fetched = warehouse.path.with_suffix(".parquet")
    fleet.execute(f"COPY ({_SHOWN}) TO '{fetched}' (FORMAT parquet, COMPRESSION zstd)", {"day": day, "now": now})
    with warehouse.write() as connection:
        merge_day(connection, ORG, day, [fetched], complete_through=now, rejected=[], run_id="benchmark")
