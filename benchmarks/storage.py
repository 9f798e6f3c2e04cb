"""What a session takes in the warehouse, and what thousands of merges make of its file.

Sizes are those of closed files. Besides what is used, a file has blocks that a later write will use: DuckDB writes a row
group anew, elsewhere, before it gives the old one free.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from benchmarks.stored_sessions import FIRST, ORG, fleet_of, load_once, refresh_hourly
from benchmarks.table import Row
from hologram_assets.warehouse.connection import Warehouse

# One load: a million sessions.
_LOADED_SIMS = 3_400
_LOADED_DAYS = 30
# Merges: today and yesterday, every hour. A quarter of a million sessions are two row groups of DuckDB's: the first is old
# by the time that the second fills.
_MERGED_SIMS = 600
_MERGED_DAYS = 42
_MOST_OF_PARQUET = 2.0
_MOST_OF_PARQUET_COPIED = 1.5
_MOST_AFTER_MERGES = 1.5
_MOST_AFTER_COPY = 1.1
_STATEMENTS = ("CHECKPOINT", "FORCE CHECKPOINT", "VACUUM", "VACUUM ANALYZE")
_USAGE = f"""
    SELECT linkid, sum(bytes), count(*), max(session_end) FROM hologram.raw_sessions
    WHERE org_id = {ORG} AND day >= DATE '{FIRST}' AND day < DATE '{FIRST}' + INTERVAL 30 DAY
    GROUP BY linkid"""  # noqa: S608 - constants of this module


@dataclass(frozen=True)
class State:
    """A closed warehouse: bytes, sessions, DuckDB's blocks and row groups, and a month's usage per SIM in seconds."""

    size: int
    sessions: int
    blocks: int
    free_blocks: int
    row_groups: int
    query: float

    @property
    def text(self) -> str:
        """For the table."""
        return (
            f"{self.size / 1e6:.1f} MB ({self.row_groups} row groups; {self.free_blocks} of {self.blocks} blocks free)"
        )


def rows(
    loaded_sims: int = _LOADED_SIMS,
    loaded_days: int = _LOADED_DAYS,
    merged_sims: int = _MERGED_SIMS,
    merged_days: int = _MERGED_DAYS,
) -> Iterator[Row]:
    """The rows of the table; the sizes are those of the fleet that is loaded once, and of the one that is refreshed."""
    with TemporaryDirectory(prefix="hologram-bench-") as folder, fleet_of(loaded_sims, loaded_days) as fleet:
        yield from _against_parquet(Path(folder), fleet, loaded_days)
    with TemporaryDirectory(prefix="hologram-bench-") as folder, fleet_of(merged_sims, merged_days) as fleet:
        yield from _after_merges(Path(folder), fleet, merged_days)


def _against_parquet(folder: Path, fleet: duckdb.DuckDBPyConnection, days: int) -> Iterator[Row]:
    loaded = Warehouse(folder / "loaded.duckdb")
    load_once(loaded, fleet, days)
    parquet = folder / "sessions.parquet"
    with loaded.read() as connection:
        rows = connection.table("hologram.raw_sessions").order("org_id, day, record_id")
        rows.write_parquet(str(parquet), compression="zstd")
    copied = _copy(loaded)
    for what, warehouse, most in (
        ("after one load, a day at a time", loaded, _MOST_OF_PARQUET),
        ("after `backup`", copied, _MOST_OF_PARQUET_COPIED),
    ):
        state = _state(warehouse)
        ours, peer = (size / state.sessions for size in (state.size, parquet.stat().st_size))
        yield Row(
            f"bytes per session {what}, {state.sessions:,} sessions",
            f"{ours:.1f} ({state.free_blocks} of {state.blocks} blocks free)",
            f"{peer:.1f} (Parquet, zstd)",
            f"{ours / peer:.2f}",
            f"<= {most:g}",
            ours <= most * peer,
        )


def _after_merges(folder: Path, fleet: duckdb.DuckDBPyConnection, days: int) -> Iterator[Row]:
    merged, once = Warehouse(folder / "merged.duckdb"), Warehouse(folder / "once.duckdb")
    merges = refresh_hourly(merged, fleet, days)
    load_once(once, fleet, days)
    after, peer = _state(merged), _state(once)
    copied, peer_copied = _state(_copy(merged)), _state(_copy(once))
    if after.sessions != peer.sessions:
        raise RuntimeError(f"{after.sessions} sessions were merged, {peer.sessions} loaded at once")
    of = f"{merges:,} merges, {after.sessions:,} sessions"
    yield _compared(f"file after {of}", after, peer, "loaded at once", _MOST_AFTER_MERGES)
    yield _compared(f"`backup` after {of}", copied, peer_copied, "`backup` of those loaded at once", _MOST_AFTER_COPY)
    told = [_state(_told(merged, statement)) for statement in _STATEMENTS]
    yield Row(
        f"file after {', '.join(_STATEMENTS)} after {of} (MB)",
        " / ".join(f"{state.size / 1e6:.1f}" for state in told),
        f"{after.size / 1e6:.1f} (before)",
        f"{max(state.size for state in told) / after.size:.2f}",
        "none (only `backup` compacts)",
        met=True,
    )
    yield Row(
        f"a month's usage per SIM after {of} (ms)",
        f"{after.query * 1000:.1f}",
        f"{copied.query * 1000:.1f} (after `backup`)",
        f"{after.query / copied.query:.2f}",
        f"<= {_MOST_AFTER_MERGES:g}",
        after.query <= _MOST_AFTER_MERGES * copied.query,
    )


def _compared(what: str, ours: State, peer: State, of_peer: str, most: float) -> Row:
    ratio = ours.size / peer.size
    return Row(what, ours.text, f"{peer.text}, {of_peer}", f"{ratio:.2f}", f"<= {most:g}", ratio <= most)


def _copy(warehouse: Warehouse) -> Warehouse:
    """What `hologram-assets backup` makes."""
    copied = Warehouse(warehouse.path.with_suffix(".copied.duckdb"))
    warehouse.copy_to(copied.path)
    return copied


def _told(warehouse: Warehouse, statement: str) -> Warehouse:
    """A plain copy of the file after a statement."""
    path = warehouse.path.with_suffix(".told.duckdb")
    shutil.copy(warehouse.path, path)
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{path}' AS warehouse")
        connection.execute("USE warehouse")
        connection.execute(statement)
    return Warehouse(path)


def _state(warehouse: Warehouse) -> State:
    with warehouse.read() as connection:
        blocks, free, groups, sessions = connection.execute(
            """SELECT total_blocks, free_blocks,
                (SELECT count(DISTINCT row_group_id) FROM pragma_storage_info('hologram.raw_sessions')),
                (SELECT count(*) FROM hologram.raw_sessions)
            FROM pragma_database_size() WHERE database_name = 'warehouse'"""
        ).fetchall()[0]
        taken = []
        for _ in range(9):
            began = time.perf_counter()
            connection.execute(_USAGE).fetchall()
            taken.append(time.perf_counter() - began)
    return State(warehouse.path.stat().st_size, sessions, blocks, free, groups, min(taken))
