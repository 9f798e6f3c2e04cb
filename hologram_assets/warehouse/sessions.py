"""Writing a day of raw sessions: merge by `record_id`, never replace."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import duckdb

from hologram_assets.warehouse.connection import sql
from hologram_assets.warehouse.loads import Load, record_load, set_aside, touch
from hologram_assets.warehouse.tables import PARTITION_LOADS, RAW_SESSIONS

ASSET = RAW_SESSIONS.name


def merge_day(
    connection: duckdb.DuckDBPyConnection,
    org_id: int,
    day: date,
    files: Sequence[Path],
    *,
    complete_through: datetime | None,
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
        files: Parquet files of `SESSION_SCHEMA`; they may hold other days' sessions too.
        complete_through: all of the day's data up to this moment is in the files. None: they hold some SIMs' sessions only,
            and what a whole answer alone can tell stays as the latest one told it.
        rejected: rows set aside, as (reason, raw JSON).
        run_id: the Dagster run, for `partition_loads`.
    """
    _stage(connection, org_id, files)
    _compare(connection, org_id, day)
    before = connection.execute(
        f"""SELECT complete_through, coalesce(looked_at, loaded_at), missing_upstream, rejected_rows
            FROM {PARTITION_LOADS.qualified} WHERE org_id = ? AND day = ? AND asset = ?""",
        [org_id, day, ASSET],
    ).fetchone()
    passed, looked_at, missing, rejected_rows = before or (None, None, 0, 0)
    new, changed, late, late_bytes, lateness = _numbers(
        connection,
        """SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE is_changed),
                  count(*) FILTER (WHERE is_late), coalesce(sum(bytes) FILTER (WHERE is_late), 0),
                  coalesce(max(date_diff('second', session_end, $looked_at)) FILTER (WHERE is_late), 0)
           FROM (SELECT *, is_new AND session_end < $passed AS is_late FROM compared)""",
        {"passed": passed, "looked_at": looked_at},
    )
    if complete_through is not None:
        missing, rejected_rows = _missing(connection, org_id, day), len(rejected)
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
        late_bytes=late_bytes,
        lateness_seconds=lateness or None,
        missing_upstream=missing,
        rejected_rows=rejected_rows,
        whole=complete_through is not None,
        complete_through=max(filter(None, (passed, complete_through)), default=None),
    )
    record_load(connection, org_id, day, ASSET, load, run_id)
    return load


def changed_days(connection: duckdb.DuckDBPyConnection, org_id: int, files: Sequence[Path]) -> list[date]:
    """Loaded days of which the files hold a session that is not stored, or not as it is in the files; ascending."""
    _stage(connection, org_id, files)
    _compare(connection, org_id, None)
    rows = connection.execute(
        f"""SELECT day FROM compared WHERE is_new OR is_changed
            INTERSECT SELECT day FROM {PARTITION_LOADS.qualified} WHERE org_id = ? AND asset = ? ORDER BY day""",
        [org_id, ASSET],
    ).fetchall()
    return [day for (day,) in rows]


def _stage(connection: duckdb.DuckDBPyConnection, org_id: int, files: Sequence[Path]) -> None:
    connection.execute(sql("stage_sessions"), {"org_id": org_id, "files": [str(path) for path in files]})


def _compare(connection: duckdb.DuckDBPyConnection, org_id: int, day: date | None) -> None:
    connection.execute(sql("compare_sessions"), {"org_id": org_id, "day": day})


def _missing(connection: duckdb.DuckDBPyConnection, org_id: int, day: date) -> int:
    """Stored sessions of the day that the files lack; what a run beside this one fetched later could not be in them."""
    (missing,) = _numbers(
        connection,
        f"""SELECT count(*) FROM {RAW_SESSIONS.qualified} AS s
            WHERE s.org_id = $org_id AND s.day = $day
              AND s.fetched_at <= coalesce((SELECT max(fetched_at) FROM incoming), s.fetched_at)
              AND NOT EXISTS (SELECT 1 FROM incoming AS i WHERE i.record_id = s.record_id)""",
        {"org_id": org_id, "day": day},
    )
    return missing


def _numbers(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: dict[str, object] | list[object]
) -> tuple[int, ...]:
    row = connection.execute(query, parameters).fetchone()
    return tuple(int(number) for number in row or ())
