"""What the whole graph takes for one day of one organisation, beside ten assets that do nothing.

Both are whole processes as the daemon starts them: Python, Dagster, the code location, one run of the job `refresh` on an
instance on SQLite. The difference is ours: fetching, writing, deriving, checking.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from dagster import DagsterInstance

from benchmarks.table import Row
from hologram_assets.backfill import register_orgs
from hologram_assets.jobs import REFRESH, run_of_days
from hologram_assets.partitions import DayRange, today
from hologram_assets.sandbox import Sandbox

_ORG = 144
_SIMS = 890
_SESSIONS = 10_000
_TIMES = 5
_MOST = 2.0
_OURS, _EMPTY = "hologram_assets.definitions", "benchmarks.empty_assets"


def rows() -> Iterator[Row]:
    """The row of the table."""
    day = today() - timedelta(days=1)
    with (
        TemporaryDirectory(prefix="hologram-bench-") as folder,
        Sandbox(orgs=(_ORG,), sims=_SIMS, days=3) as sandbox,
    ):
        warehouse, home = Path(folder) / "warehouse.duckdb", Path(folder) / "dagster"
        home.mkdir()
        environment = os.environ | {
            "HOLOGRAM_API_KEY": "sandbox",
            "HOLOGRAM_BASE_URL": sandbox.base_url,
            "HOLOGRAM_ORG_IDS": str(_ORG),
            "HOLOGRAM_START_DATE": str(day),
            "HOLOGRAM_WAREHOUSE": str(warehouse),
            "DAGSTER_HOME": str(home),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            "PYTHONWARNINGS": "ignore",
        }
        with DagsterInstance.from_config(str(home)) as instance:
            register_orgs(instance, [_ORG])
        sessions = sum(session.timestamp.date() == day for session in sandbox.fleet.sessions(_ORG))
        seconds: dict[str, list[float]] = {_OURS: [], _EMPTY: []}
        for _ in range(_TIMES):
            for module, taken in seconds.items():
                warehouse.unlink(missing_ok=True)
                taken.append(_run(module, DayRange(day, day), environment))
    ours, empty = (min(taken) for taken in seconds.values())
    yield Row(
        f"one run of the whole graph, one organisation, one day, {sessions:,} sessions (s)",
        f"{ours:.1f}",
        f"{empty:.1f} (ten empty assets)",
        f"{ours / empty:.2f}",
        f"<= {_MOST:g}",
        ours <= _MOST * empty and sessions >= _SESSIONS,
    )


def _run(module: str, days: DayRange, environment: dict[str, str]) -> float:
    """Seconds that a process takes from its start to its end.

    Raises:
        RuntimeError: the run failed.
    """
    tags = json.dumps(run_of_days(REFRESH, _ORG, days).tags)
    began = time.perf_counter()
    process = subprocess.run(
        [sys.executable, "-m", "dagster", "job", "execute", "-m", module, "-j", REFRESH, "--tags", tags],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    took = time.perf_counter() - began
    if process.returncode:
        raise RuntimeError(f"{module}: {process.stderr[-1000:]}")
    return took
