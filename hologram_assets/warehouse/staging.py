"""Fetched sessions on their way into the warehouse: from JSON lines to Parquet files, and which days these hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from functools import cache
from pathlib import Path

import duckdb

from hologram_assets.warehouse.tables import RAW_SESSIONS

# Of a file's name in JSON; every other column has the same.
_NAME_IN_LINES = {"session_end": "timestamp"}
# Small, so that a merge that goes by ranges of ids skips most of what it doesn't need.
_ROWS_PER_GROUP = 20_000


class Packer:
    """Turns files of JSON lines into Parquet files; thread-safe. Threads of Python's may fetch meanwhile."""

    def __init__(self, engine: duckdb.DuckDBPyConnection) -> None:
        self._engine = engine

    def pack(self, lines: Sequence[Path], packed: Path) -> None:
        """Make `packed` of files whose lines are sessions (see api.lines): the columns of `raw_sessions`, in file order."""
        cursor = self._engine.cursor()
        try:
            cursor.execute(_pack_statement(), {"lines": [str(path) for path in lines], "packed": str(packed)})
        finally:
            cursor.close()

    def days(self, files: Sequence[Path]) -> dict[date, list[Path]]:
        """The days on which the sessions of packed files end, each with the files that hold it."""
        found = defaultdict(list)
        if files:
            rows = self._engine.execute(
                """SELECT DISTINCT CAST(session_end AS DATE), filename FROM read_parquet($files, filename = true)
                   ORDER BY ALL""",
                {"files": [str(path) for path in files]},
            ).fetchall()
            for day, name in rows:
                found[day].append(Path(name))
        return dict(found)


@contextmanager
def packer() -> Iterator[Packer]:
    """A packer with a DuckDB of its own, without a file."""
    with duckdb.connect() as engine:
        engine.execute("SET TimeZone = 'UTC'")
        yield Packer(engine)


@cache
def _pack_statement() -> str:
    stored = [column for column in RAW_SESSIONS.columns if column.name not in ("org_id", "day")]
    names = {column.name: _NAME_IN_LINES.get(column.name, column.name) for column in stored}
    types = ", ".join(f"'{names[column.name]}': '{column.type}'" for column in stored)
    columns = ", ".join(f'"{name}" AS {stored}' for stored, name in names.items())
    return f"""COPY (
        SELECT {columns} FROM read_json($lines, format = 'newline_delimited', columns = {{{types}}})
    ) TO $packed (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE {_ROWS_PER_GROUP})"""
