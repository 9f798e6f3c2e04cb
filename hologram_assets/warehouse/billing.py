"""Writing Hologram's billing totals: every period it names, and per day the period in force."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import duckdb
import pyarrow as pa

from hologram_assets.warehouse.connection import sql
from hologram_assets.warehouse.loads import Load, record_load, set_aside, touch
from hologram_assets.warehouse.tables import BILLING_PERIODS, BILLING_USAGE

ASSET = BILLING_USAGE.name
_TOTALS_SCHEMA = pa.schema(
    [("linkid", pa.int64()), ("period_end", pa.timestamp("us")), ("periods_back", pa.int32()), ("bytes", pa.int64())]
)


def merge_day(
    connection: duckdb.DuckDBPyConnection,
    org_id: int,
    day: date,
    totals: Sequence[tuple[int, datetime, int | None, int]],
    *,
    fetched_at: datetime,
    rejected: Sequence[tuple[str, str]],
    run_id: str,
) -> Load:
    """Merge totals (linkid, period_end, periods_back, bytes) and derive the day's periods in force.

    A total replaces the stored one of the same period (ends within 12 hours). The day's row keeps a total that was
    fetched before the day's end: a later one holds bytes of later days. SIMs that the totals lack stay, and are counted.
    """
    _merge_periods(connection, org_id, totals, fetched_at)
    key = {"org_id": org_id, "day": day}
    connection.execute("CREATE OR REPLACE TEMP TABLE fresh AS " + sql("billing_usage"), key)
    new, changed, missing = _compare(connection, key)
    connection.execute(
        f"""DELETE FROM {BILLING_USAGE.qualified} WHERE org_id = $org_id AND day = $day
            AND linkid IN (SELECT linkid FROM replacing)""",
        key,
    )
    connection.execute(f"INSERT INTO {BILLING_USAGE.qualified} BY NAME SELECT * FROM replacing")
    set_aside(connection, org_id, day, ASSET, rejected)
    rows = connection.execute(
        f"SELECT count(*) FROM {BILLING_USAGE.qualified} WHERE org_id = $org_id AND day = $day", key
    ).fetchone()
    load = Load(
        rows=rows[0] if rows else 0,
        new_rows=new,
        changed_rows=changed,
        missing_upstream=missing,
        rejected_rows=len(rejected),
        complete_through=fetched_at,
    )
    record_load(connection, org_id, day, ASSET, load, run_id)
    return load


def _merge_periods(
    connection: duckdb.DuckDBPyConnection,
    org_id: int,
    totals: Sequence[tuple[int, datetime, int | None, int]],
    fetched_at: datetime,
) -> None:
    columns = list(zip(*totals, strict=True)) or [()] * len(_TOTALS_SCHEMA)
    table = pa.Table.from_arrays(
        [pa.array(values, column.type) for values, column in zip(columns, _TOTALS_SCHEMA, strict=True)],
        schema=_TOTALS_SCHEMA,
    )
    connection.register("totals", table)
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE incoming AS
        SELECT CAST($org_id AS BIGINT) AS org_id, CAST(period_end AS DATE) AS day, *, $fetched_at AS fetched_at FROM (
            SELECT *, lag(period_end) OVER (PARTITION BY linkid ORDER BY period_end) AS end_before FROM totals
        ) WHERE end_before IS NULL OR hours_between(period_end, end_before) >= 12""",
        {"org_id": org_id, "fetched_at": fetched_at},
    )
    # Days whose closed periods now have another total, or a final one at last: their report is older than that.
    ended = connection.execute(
        f"""SELECT DISTINCT i.day FROM incoming AS i
        JOIN {BILLING_PERIODS.qualified} AS s
            ON s.org_id = i.org_id AND s.linkid = i.linkid AND hours_between(s.period_end, i.period_end) < 12
        WHERE i.fetched_at >= i.period_end AND (s.fetched_at < s.period_end OR s.bytes <> i.bytes)"""
    ).fetchall()
    touch(connection, org_id, [day for (day,) in ended], ASSET)
    connection.unregister("totals")
    connection.execute(
        f"""DELETE FROM {BILLING_PERIODS.qualified} AS s USING incoming AS i
        WHERE s.org_id = $org_id AND s.linkid = i.linkid AND hours_between(s.period_end, i.period_end) < 12
          AND s.fetched_at <= i.fetched_at""",
        {"org_id": org_id},
    )
    columns_sql = ", ".join(BILLING_PERIODS.column_names)
    # What is still stored was fetched later, by a run beside this one: it stays.
    connection.execute(
        f"""INSERT INTO {BILLING_PERIODS.qualified} BY NAME
        SELECT {columns_sql} FROM incoming AS i WHERE NOT EXISTS (
            SELECT 1 FROM {BILLING_PERIODS.qualified} AS s
            WHERE s.org_id = i.org_id AND s.linkid = i.linkid AND hours_between(s.period_end, i.period_end) < 12)"""
    )


def _compare(connection: duckdb.DuckDBPyConnection, key: dict[str, object]) -> tuple[int, int, int]:
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE replacing AS
        SELECT f.* FROM fresh AS f
        LEFT JOIN {BILLING_USAGE.qualified} AS s ON s.org_id = f.org_id AND s.day = f.day AND s.linkid = f.linkid
        WHERE s.linkid IS NULL
           OR NOT (s.fetched_at < last_second(f.day) + INTERVAL 1 SECOND
                   AND f.fetched_at >= last_second(f.day) + INTERVAL 1 SECOND)""",
    )
    row = connection.execute(
        f"""WITH stored AS (SELECT * FROM {BILLING_USAGE.qualified} WHERE org_id = $org_id AND day = $day)
        SELECT
            (SELECT count(*) FROM replacing WHERE linkid NOT IN (SELECT linkid FROM stored)),
            (SELECT count(*) FROM replacing AS r JOIN stored AS s USING (linkid)
             WHERE row(r.period_start, r.period_end, r.bytes) IS DISTINCT FROM row(s.period_start, s.period_end, s.bytes)),
            (SELECT count(*) FROM stored WHERE linkid NOT IN (SELECT linkid FROM incoming))""",
        key,
    ).fetchone()
    return (row[0], row[1], row[2]) if row else (0, 0, 0)
