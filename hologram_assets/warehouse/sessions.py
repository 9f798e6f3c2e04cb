"""Writing a day of raw sessions: merge by `record_id`, never replace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb

from hologram_assets.warehouse.connection import forget_blocks, sql
from hologram_assets.warehouse.loads import Load, record_load, set_aside, touch
from hologram_assets.warehouse.tables import PARTITION_LOADS, RAW_SESSIONS

ASSET = RAW_SESSIONS.name
# A day is merged by ranges of ids, one after the other in the same transaction: memory stays the same for any day. Whole row
# groups of DuckDB's (122,880 rows), as it writes a part of one twice.
_ROWS_AT_ONCE = 2 * 122_880


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
        files: one or more packed Parquet files (see staging); they may hold other days' sessions too.
        complete_through: all of the day's data up to this moment is in the files. None: they hold some SIMs' sessions only,
            and what a whole answer alone can tell stays as the latest one told it.
        rejected: rows set aside, as (reason, raw JSON).
        run_id: the Dagster run, for `partition_loads`.
    """
    before = connection.execute(
        f"""SELECT complete_through, coalesce(looked_at, loaded_at), missing_upstream, rejected_rows
            FROM {PARTITION_LOADS.qualified} WHERE org_id = ? AND day = ? AND asset = ?""",
        [org_id, day, ASSET],
    ).fetchone()
    passed, looked_at, missing, rejected_rows = before or (None, None, 0, 0)
    if complete_through is not None:
        missing, rejected_rows = 0, len(rejected)
    new = changed = late = late_bytes = lateness = 0
    for ids in _ranges(connection, org_id, day, files):
        # The blocks of the ranges before, which nobody needs again: 140 MB of 3,000,000 sessions.
        forget_blocks(connection)
        if before is None and not _is_known(connection, ids):
            new += _insert_all(connection, ids)
            continue
        _compare(connection, ids)
        counted = _numbers(
            connection,
            """SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new),
                      count(*) FILTER (WHERE is_late), coalesce(sum(bytes) FILTER (WHERE is_late), 0),
                      coalesce(max(date_diff('second', session_end, $looked_at)) FILTER (WHERE is_late), 0)
               FROM (SELECT *, is_new AND session_end < $passed AS is_late FROM compared)""",
            {"passed": passed, "looked_at": looked_at},
        )
        new += counted[0]
        changed += counted[1]
        late += counted[2]
        late_bytes += counted[3]
        lateness = max(lateness, counted[4])
        if complete_through is not None:
            missing += _missing(connection, ids)
        if counted[0] or counted[1]:
            _write_compared(connection, org_id, day)
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


def differs(connection: duckdb.DuckDBPyConnection, org_id: int, day: date, files: Sequence[Path]) -> bool:
    """Whether the files hold a session of the day that is not stored, or not as it is in the files."""
    for ids in _ranges(connection, org_id, day, files):
        _compare(connection, ids)
        if _numbers(connection, "SELECT count(*) FROM compared", [])[0]:
            return True
    return False


def _ranges(
    connection: duckdb.DuckDBPyConnection, org_id: int, day: date, files: Sequence[Path]
) -> Iterator[dict[str, Any]]:
    """Ranges of ids that hold a bounded number of the day's fetched rows; together all ids fetched or stored of the day.

    Each as the parameters of the statements that look at it: org_id, day, files, first and last id.
    """
    of_day = "session_end >= CAST($day AS DATE) AND session_end < CAST($day AS DATE) + INTERVAL 1 DAY"
    fetched: dict[str, Any] = {"files": [str(path) for path in files], "day": day}
    everything = {**fetched, "org_id": org_id}
    row = connection.execute(
        f"""SELECT sum(rows), min(lowest), max(highest) FROM (
                SELECT count(*) AS rows, min(record_id) AS lowest, max(record_id) AS highest
                FROM read_parquet($files) WHERE {of_day}
                UNION ALL SELECT 0, min(record_id), max(record_id)
                FROM {RAW_SESSIONS.qualified} WHERE org_id = $org_id AND day = $day)""",
        everything,
    ).fetchone()
    rows, lowest, highest = row or (0, None, None)
    if lowest is None:
        return
    cuts: list[int] = []
    if rows > _ROWS_AT_ONCE:
        shares = [(until - 0.5) / float(rows) for until in range(_ROWS_AT_ONCE, int(rows), _ROWS_AT_ONCE)]
        row = connection.execute(
            f"SELECT quantile_disc(record_id, {shares}) FROM read_parquet($files) WHERE {of_day}", fetched
        ).fetchone()
        cuts = sorted({cut for cut in row[0] if cut < highest}) if row else []
    for first, last in zip([lowest, *(cut + 1 for cut in cuts)], [*cuts, highest], strict=True):
        yield {**everything, "first": first, "last": last}


def _is_known(connection: duckdb.DuckDBPyConnection, ids: dict[str, Any]) -> bool:
    """Whether anything is stored that a fetched session may be compared with."""
    row = connection.execute(
        f"SELECT 1 FROM {RAW_SESSIONS.qualified} WHERE org_id = ? AND record_id BETWEEN ? AND ? LIMIT 1",
        [ids["org_id"], ids["first"], ids["last"]],
    ).fetchone()
    return row is not None


def _insert_all(connection: duckdb.DuckDBPyConnection, ids: dict[str, Any]) -> int:
    """Store what came for a day that was never loaded: half the time of a comparison with nothing."""
    connection.execute(sql("odd_sessions"), ids)
    columns = ", ".join(RAW_SESSIONS.column_names)
    (rows,) = _numbers(
        connection,
        f"""INSERT INTO {RAW_SESSIONS.qualified} BY NAME
            SELECT {columns} FROM ({sql("incoming_sessions")}) WHERE day = $day ORDER BY record_id""",
        ids,
    )
    return rows


def _compare(connection: duckdb.DuckDBPyConnection, ids: dict[str, Any]) -> None:
    connection.execute(sql("odd_sessions"), ids)
    connection.execute(sql("compare_sessions").format(incoming=sql("incoming_sessions")), ids)


def _write_compared(connection: duckdb.DuckDBPyConnection, org_id: int, day: date) -> None:
    other_days = connection.execute(
        """SELECT day FROM compared WHERE NOT is_new AND day <> stored_day AND day <> $day
           UNION SELECT stored_day FROM compared WHERE NOT is_new AND day <> stored_day AND stored_day <> $day""",
        {"day": day},
    ).fetchall()
    connection.execute(
        f"""DELETE FROM {RAW_SESSIONS.qualified} WHERE org_id = $org_id
            AND record_id IN (SELECT record_id FROM compared WHERE NOT is_new)""",
        {"org_id": org_id},
    )
    columns = ", ".join(RAW_SESSIONS.column_names)
    connection.execute(
        f"INSERT INTO {RAW_SESSIONS.qualified} BY NAME SELECT {columns} FROM compared ORDER BY record_id"
    )
    touch(connection, org_id, [touched for (touched,) in other_days], ASSET)


def _missing(connection: duckdb.DuckDBPyConnection, ids: dict[str, Any]) -> int:
    """Stored sessions of the day that the files lack; what a run beside this one fetched later could not be in them."""
    (missing,) = _numbers(
        connection,
        f"""WITH fetched AS (
                SELECT record_id FROM read_parquet($files) WHERE record_id BETWEEN $first AND $last
            )
            SELECT count(*) FROM {RAW_SESSIONS.qualified} AS s
            WHERE s.org_id = $org_id AND s.day = $day AND s.record_id BETWEEN $first AND $last
              AND s.fetched_at <= coalesce((SELECT max(fetched_at) FROM read_parquet($files)), s.fetched_at)
              AND NOT EXISTS (SELECT 1 FROM fetched AS f WHERE f.record_id = s.record_id)""",
        ids,
    )
    return missing


def _numbers(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: dict[str, Any] | list[object]
) -> tuple[int, ...]:
    row = connection.execute(query, parameters).fetchone()
    return tuple(int(number) for number in row or ())
