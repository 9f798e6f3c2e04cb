"""`hologram-assets backfill --assets raw_sessions` as a process, against the usage server."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import duckdb
from dagster import DagsterInstance

from benchmarks.fleet import ORG
from benchmarks.measured import Finished, run
from benchmarks.usage_traffic import Traffic, UsageServer
from hologram_assets.backfill import register_orgs
from hologram_assets.partitions import today

PAGE_SIZE: Final = 250
CONNECTIONS: Final = 8


def past_day() -> date:
    """A day whose window, with the margin on both sides, has ended."""
    return today() - timedelta(days=2)


@dataclass(frozen=True)
class Place:
    """A warehouse and a Dagster instance of their own."""

    folder: Path
    environment: Mapping[str, str] = field(repr=False)

    @property
    def warehouse(self) -> Path:
        """The DuckDB file."""
        return self.folder / "warehouse.duckdb"

    def backfill(self, first: date, last: date) -> Finished:
        """Load these days' sessions, from the start of Python to its end.

        Raises:
            RuntimeError: a partition failed.
        """
        command = ["-m", "hologram_assets.cli", "backfill", "--from", str(first), "--to", str(last)]
        return run([*command, "--org", str(ORG), "--assets", "raw_sessions"], self.environment)


@contextmanager
def place(server: UsageServer, first: date, **settings: object) -> Iterator[Place]:
    """An empty place. `settings` are those of the package, without `HOLOGRAM_`, in small letters."""
    with TemporaryDirectory(prefix="hologram-bench-") as name:
        folder = Path(name)
        (folder / "dagster").mkdir()
        # As in every deployment: Dagster's tables are made once, not by each run.
        with DagsterInstance.from_config(str(folder / "dagster")) as instance:
            register_orgs(instance, [ORG])
        chosen = {"page_size": PAGE_SIZE, "max_connections": CONNECTIONS} | settings
        environment = os.environ | {
            "HOLOGRAM_API_KEY": "bench",
            "HOLOGRAM_BASE_URL": server.base_url,
            "HOLOGRAM_ORG_IDS": str(ORG),
            "HOLOGRAM_START_DATE": str(first),
            "HOLOGRAM_WAREHOUSE": str(folder / "warehouse.duckdb"),
            "DAGSTER_HOME": str(folder / "dagster"),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            "PYTHONWARNINGS": "ignore",
            **{f"HOLOGRAM_{name.upper()}": str(value) for name, value in chosen.items()},
        }
        yield Place(folder, environment)


def verify(warehouse: Path, table: str, traffic: Traffic) -> None:
    """See that a table holds what the server has, no more and no less.

    Raises:
        RuntimeError: another number of sessions, or another sum of bytes.
    """
    stored = query(warehouse, f"SELECT count(*), count(DISTINCT record_id), sum(bytes) FROM {table}")  # noqa: S608 - ours
    if stored != (traffic.sessions, traffic.sessions, traffic.session_bytes):
        raise RuntimeError(f"{table} holds {stored}, not {traffic.sessions} sessions of {traffic.session_bytes} bytes")


def query(warehouse: Path, statement: str, parameters: Mapping[str, object] | None = None) -> tuple[int, ...]:
    """The one row of a query, as whole numbers."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        row = connection.execute(statement, parameters).fetchone()
    return tuple(int(value) for value in row or ())
