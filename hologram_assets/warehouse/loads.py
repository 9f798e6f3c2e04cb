"""`partition_loads`: which partitions are there, up to which moment, and what their latest load did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime

import duckdb
import pyarrow as pa

from hologram_assets.domain.periods import end_of_day
from hologram_assets.warehouse.tables import PARTITION_LOADS, REJECTED_ROWS


def utc_now() -> datetime:
    """Now, as naive UTC: the warehouse's clock."""
    return datetime.now(UTC).replace(tzinfo=None)


@dataclass(frozen=True, kw_only=True)
class Load:
    """What one write of a partition did. `bytes` are those of the partition's usage, None where it has none.

    `late_rows` came after an earlier load had passed their time, `late_bytes` are theirs; `lateness_seconds` is the longest
    that one of them was still lacking after its end. A load that is not `whole` asked for some SIMs only.
    """

    rows: int
    bytes: int | None = None
    new_rows: int = 0
    changed_rows: int = 0
    late_rows: int = 0
    late_bytes: int | None = None
    lateness_seconds: int | None = None
    missing_upstream: int = 0
    rejected_rows: int = 0
    complete_through: datetime | None = None
    whole: bool = True

    @property
    def changed_data(self) -> bool:
        """Whether a stored row was added or changed."""
        return bool(self.new_rows or self.changed_rows)


def complete_through_of(connection: duckdb.DuckDBPyConnection, org_id: int, day: date, asset: str) -> datetime | None:
    """Up to which moment an earlier load of a partition saw all data; None if it was never loaded."""
    load = load_of(connection, org_id, day, asset)
    return load[0] if load else None


def load_of(connection: duckdb.DuckDBPyConnection, org_id: int, day: date, asset: str) -> tuple[datetime | None] | None:
    """As `complete_through_of`, where "never loaded" (None) and "nobody knows up to when" (None in it) must differ."""
    return connection.execute(
        f"SELECT complete_through FROM {PARTITION_LOADS.qualified} WHERE org_id = ? AND day = ? AND asset = ?",
        [org_id, day, asset],
    ).fetchone()


def record_load(
    connection: duckdb.DuckDBPyConnection,
    org_id: int,
    day: date,
    asset: str,
    load: Load,
    run_id: str,
    read_at: datetime | None = None,
) -> None:
    """Note a load, in the transaction that wrote the partition.

    `read_at`: when what it was made from was read, if that was in a transaction before.
    """
    now = read_at or utc_now()
    key = [org_id, day, asset]
    before = connection.execute(
        f"""SELECT data_changed_at, complete_through, late_rows_ever, late_bytes_ever, greatest_lateness_seconds,
                   looked_at
            FROM {PARTITION_LOADS.qualified} WHERE org_id = ? AND day = ? AND asset = ?""",
        key,
    ).fetchone()
    late_rows, late_bytes, lateness, looked_at = before[2:] if before else (None,) * 4
    through = min(load.complete_through, end_of_day(day)) if load.complete_through else None
    # Known to be complete up to a later moment, the same rows say more than they did.
    grew = before is not None and through is not None and (before[1] is None or before[1] < through)
    changed_at = now if load.changed_data or before is None or grew else before[0]
    connection.execute(f"DELETE FROM {PARTITION_LOADS.qualified} WHERE org_id = ? AND day = ? AND asset = ?", key)
    values = asdict(load) | {
        "org_id": org_id, "day": day, "asset": asset, "loaded_at": now, "data_changed_at": changed_at, "run_id": run_id,
        "complete_through": through,
        "looked_at": now if load.whole else looked_at,
        "late_rows_ever": (late_rows or 0) + load.late_rows,
        "late_bytes_ever": None if load.late_bytes is None else (late_bytes or 0) + load.late_bytes,
        "greatest_lateness_seconds": max((known for known in (lateness, load.lateness_seconds) if known), default=None),
    }  # fmt: skip
    columns = PARTITION_LOADS.column_names
    connection.execute(
        f"INSERT INTO {PARTITION_LOADS.qualified} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
        [values[column] for column in columns],
    )


def is_outdated(connection: duckdb.DuckDBPyConnection, org_id: int, day: date, asset: str, read_at: datetime) -> bool:
    """Whether a run beside this one has written the partition from what it read later than `read_at`."""
    row = connection.execute(
        f"SELECT loaded_at FROM {PARTITION_LOADS.qualified} WHERE org_id = ? AND day = ? AND asset = ?",
        [org_id, day, asset],
    ).fetchone()
    return row is not None and row[0] > read_at


def stored_load(connection: duckdb.DuckDBPyConnection, org_id: int, day: date, asset: str) -> Load:
    """A partition that stays as it is: its rows, and up to which moment it is complete."""
    row = connection.execute(
        f"SELECT rows, complete_through FROM {PARTITION_LOADS.qualified} WHERE org_id = ? AND day = ? AND asset = ?",
        [org_id, day, asset],
    ).fetchone()
    return Load(rows=row[0], complete_through=row[1]) if row else Load(rows=0)


def partitions_written_by(connection: duckdb.DuckDBPyConnection, run_id: str, asset: str) -> set[tuple[int, date]]:
    """The (organisation, day) of an asset whose latest load was by a run."""
    rows = connection.execute(
        f"SELECT org_id, day FROM {PARTITION_LOADS.qualified} WHERE run_id = ? AND asset = ?", [run_id, asset]
    ).fetchall()
    return {(org_id, day) for org_id, day in rows}


def touch(connection: duckdb.DuckDBPyConnection, org_id: int, days: Sequence[date], asset: str) -> None:
    """Note that the data of other days changed too: what was derived from them is now older than they are."""
    for day in days:
        connection.execute(
            f"UPDATE {PARTITION_LOADS.qualified} SET data_changed_at = ? WHERE org_id = ? AND day = ? AND asset = ?",
            [utc_now(), org_id, day, asset],
        )


def set_aside(
    connection: duckdb.DuckDBPyConnection, org_id: int, day: date, asset: str, rows: Sequence[tuple[str, str]]
) -> None:
    """Keep rows that could not be stored, as (reason, raw JSON); a row that is already kept stays as it is."""
    if not rows:
        return
    reasons, raws = zip(*rows, strict=True)
    connection.register(
        "set_aside", pa.table({"reason": pa.array(reasons, pa.string()), "raw": pa.array(raws, pa.string())})
    )
    connection.execute(
        f"""INSERT INTO {REJECTED_ROWS.qualified} (org_id, day, asset, reason, raw, fetched_at)
        SELECT $org_id, $day, $asset, any_value(reason), raw, $now FROM set_aside WHERE raw NOT IN (
            SELECT raw FROM {REJECTED_ROWS.qualified} WHERE org_id = $org_id AND asset = $asset)
        GROUP BY raw""",
        {"org_id": org_id, "day": day, "asset": asset, "now": utc_now()},
    )
    connection.unregister("set_aside")
