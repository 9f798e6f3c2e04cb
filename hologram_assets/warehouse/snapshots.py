"""Writing snapshots: the plan catalogue and the SIM inventory, of which the API tells only the present.

A day's snapshot is merged anew while the day is today and frozen afterwards, so that prices of the past stay the
prices of the past. A past day without a snapshot of its own gets today's, marked `carried_back`. Plans that a past day
lacks may be added later, and SIMs to a day that was carried back; what is stored never changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import duckdb
import pyarrow as pa

from hologram_assets.warehouse.loads import Load, record_load, set_aside
from hologram_assets.warehouse.tables import PLAN_CATALOG, SIM_INVENTORY, Table

OWN, CARRIED_BACK = "own", "carried_back"
# What a row of the API describes: a plan's prices go and come together, a SIM's row by itself.
_ENTITY = {PLAN_CATALOG.name: "plan_id", SIM_INVENTORY.name: "linkid"}
_BOOKKEEPING = ("org_id", "day", "snapshot_basis", "fetched_at")


def merge_snapshot(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    org_id: int,
    day: date,
    rows: Sequence[dict[str, Any]],
    *,
    is_today: bool,
    fetched_at: datetime,
    rejected: Sequence[tuple[str, str]] = (),
    run_id: str,
) -> Load:
    """Merge fetched rows (column name to value) into a day's snapshot, inside the caller's transaction.

    What was stored and is not among the rows stays, and is counted.
    """
    entity = _ENTITY[table.name]
    key = {"org_id": org_id, "day": day}
    basis = OWN if is_today else CARRIED_BACK
    _stage(connection, table, rows, org_id=org_id, day=day, basis=basis, fetched_at=fetched_at)
    frozen = not is_today and bool(
        connection.execute(
            f"SELECT count(*) FROM {table.qualified} WHERE org_id = $org_id AND day = $day AND snapshot_basis = '{OWN}'",
            key,
        ).fetchone()[0]  # type: ignore[index]
    )
    stored = f"(SELECT * FROM {table.qualified} WHERE org_id = $org_id AND day = $day)"
    missing = _number(
        connection, f"SELECT count(*) FROM {stored} WHERE {entity} NOT IN (SELECT {entity} FROM incoming)", key
    )
    if frozen and table is SIM_INVENTORY:
        # Which SIMs there were is known; one that came later was not among them.
        connection.execute("DELETE FROM incoming")
    elif not is_today:
        # A plan that the day's catalogue lacks may still be added, marked as known only later.
        connection.execute(f"DELETE FROM incoming WHERE {entity} IN (SELECT {entity} FROM {stored})", key)
    else:
        # Of two runs at once the later fetch wins, whichever writes last.
        connection.execute(
            f"DELETE FROM incoming WHERE {entity} IN (SELECT {entity} FROM {stored} WHERE fetched_at > $fetched_at)",
            key | {"fetched_at": fetched_at},
        )
    compared = ", ".join(name for name in table.column_names if name not in _BOOKKEEPING)
    before = _number(
        connection, f"SELECT count(*) FROM {stored} WHERE {entity} IN (SELECT {entity} FROM incoming)", key
    )
    same = _number(
        connection,
        f"SELECT count(*) FROM (SELECT {compared} FROM incoming INTERSECT SELECT {compared} FROM {stored})",
        key,
    )
    staged = _number(connection, "SELECT count(*) FROM incoming")
    connection.execute(
        f"""DELETE FROM {table.qualified}
            WHERE org_id = $org_id AND day = $day AND {entity} IN (SELECT {entity} FROM incoming)""",
        key,
    )
    connection.execute(f"INSERT INTO {table.qualified} BY NAME SELECT * FROM incoming")
    set_aside(connection, org_id, day, table.name, rejected)
    load = Load(
        rows=_number(connection, f"SELECT count(*) FROM {stored}", key),
        new_rows=max(0, staged - before),
        changed_rows=min(staged, before) - min(same, before),
        missing_upstream=missing,
        rejected_rows=len(rejected),
        complete_through=fetched_at,
    )
    record_load(connection, org_id, day, table.name, load, run_id)
    return load


def _stage(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    rows: Sequence[dict[str, Any]],
    *,
    org_id: int,
    day: date,
    basis: str,
    fetched_at: datetime,
) -> None:
    """Temp table `incoming` with the table's columns; a row's own `snapshot_basis` wins."""
    connection.execute(f"CREATE OR REPLACE TEMP TABLE incoming AS SELECT * FROM {table.qualified} LIMIT 0")
    if not rows:
        return
    common = {"org_id": org_id, "day": day, "snapshot_basis": basis, "fetched_at": fetched_at}
    full = [common | row for row in rows]
    # Column by column with the table's own types, so that a price goes from Decimal to DECIMAL and nothing between.
    types = {row[0]: row[1] for row in connection.execute("DESCRIBE incoming").fetchall()}
    columns = {name: pa.array([row.get(name) for row in full], _arrow_type(types[name])) for name in types}
    connection.register("snapshot", pa.table(columns))
    # A list that repeats a row (pages shift while they are read) still makes one row a key.
    key = ", ".join(table.key)
    connection.execute(f"INSERT INTO incoming BY NAME SELECT DISTINCT ON ({key}) * FROM snapshot ORDER BY {key}")
    connection.unregister("snapshot")


def _arrow_type(sql_type: str) -> pa.DataType:
    if sql_type.startswith("DECIMAL"):
        # Wider than any column, so that DuckDB does the one rounding.
        return pa.decimal128(38, 18)
    return {
        "BIGINT": pa.int64(),
        "INTEGER": pa.int32(),
        "BOOLEAN": pa.bool_(),
        "DATE": pa.date32(),
        "TIMESTAMP": pa.timestamp("us"),
    }.get(sql_type, pa.string())


def _number(connection: duckdb.DuckDBPyConnection, query: str, parameters: dict[str, Any] | None = None) -> int:
    row = connection.execute(query, parameters or {}).fetchone()
    return int(row[0]) if row else 0
