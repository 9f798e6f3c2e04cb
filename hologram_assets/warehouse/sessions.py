"""Writing a day of raw sessions: merge by `record_id`, never replace."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import duckdb

from hologram_assets.warehouse.connection import sql
from hologram_assets.warehouse.loads import Load, complete_through_of, record_load, set_aside, touch
from hologram_assets.warehouse.tables import RAW_SESSIONS

ASSET = RAW_SESSIONS.name


def merge_day(
    connection: duckdb.DuckDBPyConnection,
    org_id: int,
    day: date,
    files: Sequence[Path],
    *,
    complete_through: datetime,
    rejected: Sequence[tuple[str, str]],
    run_id: str,
) -> Load:
    """Merge fetched sessions into a day, inside the caller's transaction.

    The latest fetch wins per `record_id`; only what is new or changed is written. A stored session that the files lack
    stays and is counted. One whose `session_end` moved to another day goes there, and that day is marked as changed.

    Args:
        connection: in a transaction.
        org_id: organisation.
        day: the UTC day to load.
        files: Parquet files of `SESSION_SCHEMA` that hold all the day's sessions, and may hold other days'.
        complete_through: all of the day's data up to this moment is in the files.
        rejected: rows set aside, as (reason, raw JSON).
        run_id: the Dagster run, for `partition_loads`.
    """
    connection.execute(sql("stage_sessions"), {"org_id": org_id, "files": [str(path) for path in files]})
    connection.execute(sql("compare_sessions"), {"org_id": org_id, "day": day})
    passed = complete_through_of(connection, org_id, day, ASSET)
    new, changed, late = _numbers(
        connection,
        """SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE is_changed),
                  count(*) FILTER (WHERE is_new AND session_end < $passed)
           FROM compared""",
        {"passed": passed},
    )
    (missing,) = _numbers(
        connection,
        f"""SELECT count(*) FROM {RAW_SESSIONS.qualified} AS s
            WHERE s.org_id = $org_id AND s.day = $day
              AND NOT EXISTS (SELECT 1 FROM incoming AS i WHERE i.record_id = s.record_id)""",
        {"org_id": org_id, "day": day},
    )
    other_days = connection.execute(
        """SELECT day FROM compared WHERE is_changed AND day <> stored_day AND day <> $day
           UNION SELECT stored_day FROM compared WHERE is_changed AND day <> stored_day AND stored_day <> $day""",
        {"day": day},
    ).fetchall()
    connection.execute(
        f"""DELETE FROM {RAW_SESSIONS.qualified} WHERE org_id = $org_id
            AND record_id IN (SELECT record_id FROM compared WHERE is_changed)""",
        {"org_id": org_id},
    )
    columns = ", ".join(RAW_SESSIONS.column_names)
    connection.execute(
        f"INSERT INTO {RAW_SESSIONS.qualified} BY NAME "
        f"SELECT {columns} FROM compared WHERE is_new OR is_changed ORDER BY record_id"
    )
    touch(connection, org_id, [touched for (touched,) in other_days], ASSET)
    set_aside(connection, org_id, day, ASSET, rejected)
    rows, size = _numbers(
        connection,
        f"SELECT count(*), coalesce(sum(bytes), 0) FROM {RAW_SESSIONS.qualified} WHERE org_id = ? AND day = ?",
        [org_id, day],
    )
    load = Load(
        rows=rows,
        bytes=size,
        new_rows=new,
        changed_rows=changed,
        late_rows=late,
        missing_upstream=missing,
        rejected_rows=len(rejected),
        complete_through=max(filter(None, (passed, complete_through))),
    )
    record_load(connection, org_id, day, ASSET, load, run_id)
    return load


def _numbers(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: dict[str, object] | list[object]
) -> tuple[int, ...]:
    row = connection.execute(query, parameters).fetchone()
    return tuple(int(number) for number in row or ())
