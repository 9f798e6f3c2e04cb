"""Did the API's answer hold what it held before, and could all of it be read?"""

from __future__ import annotations

from collections.abc import Collection

import duckdb

from hologram_assets.checks.evaluate import Answer, Check
from hologram_assets.partitions import OrgDay
from hologram_assets.warehouse.tables import PARTITION_LOADS, RAW_SESSIONS, REJECTED_ROWS, Table

_SHOWN = 10


def nothing_missing_upstream(table: Table) -> Check:
    """Warns of stored rows that the latest answer lacked."""

    def ask(connection: duckdb.DuckDBPyConnection, day: OrgDay) -> Answer:
        stored, missing = _latest(connection, table, day, "rows", "missing_upstream")
        return Answer(
            passed=missing == 0,
            numbers={"stored_rows": stored, "missing_upstream": missing},
            advice=(
                f"Hologram's latest answer lacked {missing} of {stored} stored rows. They stay stored. If the day is near "
                "the end of Hologram's retention this is expected; otherwise ask Hologram, naming the day."
                if missing
                else ""
            ),
        )

    return Check("nothing_missing_upstream", "Did the API's latest answer hold every row that is stored?", ask)


def every_row_readable(table: Table) -> Check:
    """Warns of rows that were set aside."""

    def ask(connection: duckdb.DuckDBPyConnection, day: OrgDay) -> Answer:
        (count,) = _latest(connection, table, day, "rejected_rows")
        reasons = connection.execute(
            f"""SELECT reason, count(*) FROM {REJECTED_ROWS.qualified}
                WHERE org_id = ? AND day = ? AND asset = ? GROUP BY reason ORDER BY 2 DESC, 1 LIMIT {_SHOWN}""",
            [day.org_id, day.day, table.name],
        ).fetchall()
        return Answer(
            passed=count == 0,
            numbers={"rejected_rows": count, "reasons": dict(reasons)},
            advice=(
                f"{count} rows could not be stored; they are in {REJECTED_ROWS.qualified} with the reason. "
                "Report them to Hologram; once they are mended, materialise the partition again."
                if count
                else ""
            ),
        )

    return Check("every_row_readable", "Could every row of the API be read and stored?", ask)


def every_rat_mapped(known: Collection[str]) -> Check:
    """Warns of RAT values that the table of levels lacks."""

    def ask(connection: duckdb.DuckDBPyConnection, day: OrgDay) -> Answer:
        values = connection.execute(
            f"""SELECT radio_access_technology, count(*) FROM {RAW_SESSIONS.qualified}
                WHERE org_id = ? AND day = ? AND radio_access_technology IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1""",
            [day.org_id, day.day],
        ).fetchall()
        unmapped = {rat: count for rat, count in values if rat.strip().casefold() not in known}
        return Answer(
            passed=not unmapped,
            numbers={
                "unmapped_sessions": sum(unmapped.values()),
                "unmapped_values": dict(list(unmapped.items())[:_SHOWN]),
            },
            advice=(
                "These radio access technologies have no level, so a change to or from them is not seen. Add them to "
                "the CSV of HOLOGRAM_RAT_LEVELS_FILE."
                if unmapped
                else ""
            ),
        )

    return Check("every_rat_mapped", "Has every radio access technology of the day a level?", ask)


def _latest(connection: duckdb.DuckDBPyConnection, table: Table, day: OrgDay, *columns: str) -> tuple[int, ...]:
    row = connection.execute(
        f"""SELECT {", ".join(columns)} FROM {PARTITION_LOADS.qualified}
            WHERE org_id = ? AND day = ? AND asset = ?""",
        [day.org_id, day.day, table.name],
    ).fetchone()
    return tuple(int(number or 0) for number in row) if row else (0,) * len(columns)
