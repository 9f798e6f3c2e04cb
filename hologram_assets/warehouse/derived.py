"""Writing what is computed from other tables: a partition is replaced as a whole, and left alone when nothing changed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa

from hologram_assets.domain.forecast import ForecastRules
from hologram_assets.domain.inventory import PlanAssignment
from hologram_assets.domain.pricing import PricingRules
from hologram_assets.warehouse.connection import sql
from hologram_assets.warehouse.loads import (
    Load,
    complete_through_of,
    is_outdated,
    record_load,
    stored_load,
    touch,
    utc_now,
)
from hologram_assets.warehouse.tables import (
    CLOSED_PERIOD_CORRECTIONS,
    CLOSED_PERIODS,
    DAILY_LINK_USAGE,
    OVERAGE_REPORT,
    PLAN_CATALOG,
    RAW_SESSIONS,
    SIM_INVENTORY,
    Table,
)

_ARROW_TYPES = {
    "BIGINT": pa.int64(),
    "INTEGER": pa.int32(),
    "VARCHAR": pa.string(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us"),
}


class NotLoadedError(LookupError):
    """What a partition is computed from was never loaded."""


def write_daily_link_usage(connection: duckdb.DuckDBPyConnection, org_id: int, day: date, run_id: str) -> Load:
    """Sum a day's sessions per SIM, network, country, RAT and IMEI.

    Raises:
        NotLoadedError: the day's raw sessions were never loaded; "none" and "not asked" must not look the same.
    """
    complete_through = complete_through_of(connection, org_id, day, RAW_SESSIONS.name)
    if complete_through is None:
        msg = f"raw_sessions of {day} were never loaded for organisation {org_id}; load them first"
        raise NotLoadedError(msg)
    key = {"org_id": org_id, "day": day}
    if _is_stored(connection, DAILY_LINK_USAGE, org_id, day):
        connection.execute("CREATE OR REPLACE TEMP TABLE fresh AS " + sql("daily_link_usage"), key)
        load = replace_with_fresh(connection, DAILY_LINK_USAGE, org_id, day)
    else:
        # The hundred thousands of rows of a large fleet's day go straight into the table.
        load = _insert(connection, DAILY_LINK_USAGE, sql("daily_link_usage"), key)
    size = connection.execute(
        f"SELECT coalesce(sum(bytes), 0) FROM {DAILY_LINK_USAGE.qualified} WHERE org_id = $org_id AND day = $day", key
    ).fetchone()
    load = replace(load, complete_through=complete_through, bytes=int(size[0]) if size else 0)
    record_load(connection, org_id, day, DAILY_LINK_USAGE.name, load, run_id)
    return load


def write_overage_report(
    connection: duckdb.DuckDBPyConnection,
    org_id: int,
    day: date,
    *,
    calendar_month: bool,
    rules: PricingRules,
    forecast_rules: ForecastRules,
    assignments: Sequence[PlanAssignment],
    run_id: str,
) -> Load:
    """The day's report, and the closed periods that ended on the day.

    What is foreseen is foreseen as of the end of the day, or the moment up to which usage was seen if that is earlier.
    """
    connection.execute("CREATE OR REPLACE TEMP TABLE assignments (linkid BIGINT, plan_id BIGINT, zone VARCHAR)")
    if assignments:
        connection.executemany("INSERT INTO assignments VALUES (?, ?, ?)", [list(row) for row in assignments])
    complete_through = complete_through_of(connection, org_id, day, DAILY_LINK_USAGE.name)
    key: dict[str, Any] = {"org_id": org_id, "day": day}
    closed = _write_closed_periods(connection, org_id, day, calendar_month=calendar_month, rules=rules)
    connection.execute(sql("report_usage"), key | {"calendar_month": calendar_month})
    _price(connection, org_id, day, rules)
    connection.execute(sql("report_standings"), {"calendar_month": calendar_month})
    foresee(connection, org_id, complete_through, forecast_rules)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE fresh AS " + sql("overage_report"),
        key
        | {
            "complete_through": complete_through,
            "increment": rules.increment_bytes,
            "mb": rules.mb_bytes,
            "quiet_days": forecast_rules.quiet_days,
            "loud_share": forecast_rules.loud_share,
        },
    )
    load = replace(replace_with_fresh(connection, OVERAGE_REPORT, org_id, day), complete_through=complete_through)
    record_load(connection, org_id, day, OVERAGE_REPORT.name, load, run_id)
    if closed:
        touch(connection, org_id, [day], OVERAGE_REPORT.name)
    return load


def _price(connection: duckdb.DuckDBPyConnection, org_id: int, price_day: date, rules: PricingRules) -> None:
    connection.execute(
        sql("priced_usage"),
        {"org_id": org_id, "price_day": price_day, "increment": rules.increment_bytes, "mb": rules.mb_bytes},
    )


def foresee(connection: duckdb.DuckDBPyConnection, org_id: int, as_of: datetime | None, rules: ForecastRules) -> None:
    """Make temp table `forecasts` from temp table `standings`, as of a moment (naive UTC; None: nothing is foreseen)."""
    connection.execute(
        sql("forecast"),
        {
            "org_id": org_id,
            "as_of": as_of,
            "history_days": rules.history_days,
            "own_days": rules.own_days,
            "one_off_times": rules.one_off_times,
            "one_off_share": rules.one_off_share,
        },
    )


def replace_with_fresh(connection: duckdb.DuckDBPyConnection, table: Table, org_id: int, day: date) -> Load:
    """Put temp table `fresh` in the place of the partition, unless they are the same."""
    key = {"org_id": org_id, "day": day}
    if not _is_stored(connection, table, org_id, day):
        return _insert(connection, table, "SELECT * FROM fresh", {})
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE stored AS SELECT * FROM {table.qualified} WHERE org_id = $org_id AND day = $day",
        key,
    )
    connection.execute("CREATE OR REPLACE TEMP TABLE replacement AS SELECT * FROM stored LIMIT 0")
    connection.execute("INSERT INTO replacement BY NAME SELECT * FROM fresh")
    row = connection.execute(
        """SELECT
            (SELECT count(*) FROM replacement),
            (SELECT count(*) FROM (SELECT * FROM replacement EXCEPT ALL SELECT * FROM stored)),
            (SELECT count(*) FROM (SELECT * FROM stored EXCEPT ALL SELECT * FROM replacement))"""
    ).fetchone()
    rows, added, gone = row or (0, 0, 0)
    if added or gone:
        connection.execute(f"DELETE FROM {table.qualified} WHERE org_id = $org_id AND day = $day", key)
        connection.execute(f"INSERT INTO {table.qualified} BY NAME SELECT * FROM replacement ORDER BY {_order(table)}")
    return Load(rows=rows, new_rows=max(0, added - gone), changed_rows=gone)


def _is_stored(connection: duckdb.DuckDBPyConnection, table: Table, org_id: int, day: date) -> bool:
    """Whether a partition has rows."""
    row = connection.execute(
        f"SELECT 1 FROM {table.qualified} WHERE org_id = ? AND day = ? LIMIT 1", [org_id, day]
    ).fetchone()
    return row is not None


def _insert(connection: duckdb.DuckDBPyConnection, table: Table, query: str, parameters: Mapping[str, Any]) -> Load:
    """Put a query's rows where there are none: nothing to compare them with, which takes as long as to derive them."""
    row = connection.execute(
        f"INSERT INTO {table.qualified} BY NAME {query} ORDER BY {_order(table)}", dict(parameters)
    ).fetchone()
    rows = int(row[0]) if row else 0
    return Load(rows=rows, new_rows=rows)


def _order(table: Table) -> str:
    return "linkid" if "linkid" in table.column_names else ", ".join(table.key)


def write_judged(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    org_id: int,
    day: date,
    rows: Sequence[Mapping[str, Any]],
    *,
    complete_through: datetime | None,
    read_at: datetime,
    run_id: str,
) -> Load:
    """Put rows that rules made outside of the database in the place of the partition.

    Of two runs at once the one that read later wins, whichever writes last.

    Args:
        connection: in the transaction.
        table: one with a column `detail`, whose JSON is made here.
        org_id: organisation of the partition.
        day: day of the partition.
        rows: the table's columns without `org_id` and `day`; what is no column is left out.
        complete_through: up to which moment what they are made from was known.
        read_at: when that was read.
        run_id: Dagster's run.
    """
    if is_outdated(connection, org_id, day, table.name, read_at):
        return stored_load(connection, org_id, day, table.name)
    values = [
        {
            **row,
            "org_id": org_id,
            "day": day,
            "detail": json.dumps(row["detail"], sort_keys=True, default=str, ensure_ascii=False),
        }
        for row in rows
    ]
    schema = pa.schema([(column.name, _ARROW_TYPES[column.type]) for column in table.columns])
    connection.register("judged", pa.Table.from_pylist(values, schema=schema))
    connection.execute("CREATE OR REPLACE TEMP TABLE fresh AS SELECT * FROM judged")
    connection.unregister("judged")
    load = replace(replace_with_fresh(connection, table, org_id, day), complete_through=complete_through)
    record_load(connection, org_id, day, table.name, load, run_id, read_at=read_at)
    return load


def _write_closed_periods(
    connection: duckdb.DuckDBPyConnection, org_id: int, day: date, *, calendar_month: bool, rules: PricingRules
) -> int:
    """Merge the periods that ended on the day; a number that was known and differs now is kept as a correction.

    Returns how many are new or changed: what is made of them is then older than they are.
    """
    now = utc_now()
    key: dict[str, Any] = {"org_id": org_id, "day": day}
    # What a SIM was on at the period's end is what the day before shows: a change on the day itself may be the next
    # period's. Only a day without a snapshot before it is priced by its own.
    eve = day - timedelta(days=1)
    has_eve = connection.execute(
        f"""SELECT 1 FROM {SIM_INVENTORY.qualified} AS i JOIN {PLAN_CATALOG.qualified} AS p USING (org_id, day)
            WHERE i.org_id = ? AND i.day = ? LIMIT 1""",
        [org_id, eve],
    ).fetchone()
    price_day = eve if has_eve else day
    connection.execute(
        sql("closed_usage"), key | {"price_day": price_day, "calendar_month": calendar_month, "through": now}
    )
    _price(connection, org_id, price_day, rules)
    connection.execute(sql("closed_periods"), key)
    connection.execute(sql("compare_closed"), {"org_id": org_id})
    table, history = CLOSED_PERIODS, CLOSED_PERIOD_CORRECTIONS
    connection.execute(
        f"""INSERT INTO {history.qualified} BY NAME
        SELECT s.org_id, s.day, s.linkid, s.period_end, s.session_bytes, s.hologram_bytes, s.billable_bytes,
               s.overage_cost, s.usage_charge, s.recurring_amount, CAST($now AS TIMESTAMP) AS superseded_at
        FROM {table.qualified} AS s JOIN compared AS c ON c.linkid = s.linkid AND c.stored_end = s.period_end
        WHERE s.org_id = $org_id AND c.is_corrected""",
        {"org_id": org_id, "now": now},
    )
    connection.execute(
        f"""DELETE FROM {table.qualified} AS s USING compared AS c
        WHERE s.org_id = $org_id AND c.linkid = s.linkid AND c.stored_end = s.period_end AND c.is_changed""",
        {"org_id": org_id},
    )
    names = ", ".join(name for name in table.column_names if name != "corrected_at")
    connection.execute(
        f"""INSERT INTO {table.qualified} BY NAME
        SELECT {names}, CASE WHEN is_corrected THEN CAST($now AS TIMESTAMP) ELSE corrected_at END AS corrected_at
        FROM compared WHERE is_new OR is_changed ORDER BY linkid""",
        {"now": now},
    )
    row = connection.execute("SELECT count(*) FROM compared WHERE is_new OR is_changed").fetchone()
    return int(row[0]) if row else 0
