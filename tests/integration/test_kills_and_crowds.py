"""A process killed at any moment leaves every row that was stored before; processes that want the same file queue."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from hologram_assets.sandbox.faults import Fault
from hologram_assets.sandbox.tampering import chosen
from tests.conftest import Deployment
from tests.integration.conftest import Deploy, this_second
from tests.integration.oracle import days_between, world

pytestmark = pytest.mark.timeout(240)
ORG = 144
_PATIENCE_SECONDS = 60
Rows = dict[str, set[tuple[Any, ...]]]


def command(first: date, last: date, *more: str) -> list[str]:
    return [
        sys.executable, "-m", "hologram_assets.cli", "backfill", "--from", str(first), "--to", str(last), "--org", str(ORG),
        *more,
    ]  # fmt: skip


@contextmanager
def started(folder: Path, arguments: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A process with the environment of now; whatever happens, it is gone at the end."""
    process = subprocess.Popen(
        arguments, cwd=folder, env=dict(os.environ), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def days_ago(deployment: Deployment, ago: int) -> date:
    return deployment.sandbox.clock.now().date() - timedelta(days=ago)


def stored_rows(deployment: Deployment) -> Rows:
    """What must never be lost or changed; bytes are looked at by themselves, and fetches have their moments."""
    wanted = {
        "raw_sessions": "* EXCLUDE (bytes, fetched_at)",
        "billing_usage": "* EXCLUDE (fetched_at)",
        "plan_catalog": "* EXCLUDE (fetched_at)",
        "sim_inventory": "* EXCLUDE (fetched_at)",
        "daily_link_usage": "* EXCLUDE (bytes, zero_byte_sessions)",
        "partition_loads": "org_id, day, asset",
        "overage_report": "org_id, day, linkid",
    }
    return {table: set(deployment.rows(f"SELECT {columns} FROM hologram.{table}")) for table, columns in wanted.items()}


def sessions_are_exact(deployment: Deployment, *days: date) -> None:
    truth = sorted(
        (session.record_id, session.linkid, session.timestamp, session.bytes)
        for session in deployment.sandbox.fleet.sessions(ORG)
        if session.timestamp.date() in days
    )
    marks = ", ".join("?" * len(days))
    assert truth == deployment.rows(
        f"SELECT record_id, linkid, session_end, bytes FROM hologram.raw_sessions WHERE org_id = ? AND day IN ({marks}) "
        "ORDER BY record_id",
        [ORG, *days],
    )


def reports_are_exact(deployment: Deployment, *days: date) -> None:
    loaded = {
        day for (day,) in deployment.rows("SELECT day FROM hologram.partition_loads WHERE asset = 'raw_sessions'")
    }
    expected = world(deployment.sandbox, ORG, loaded)
    for day in days:
        rows = deployment.rows(
            "SELECT linkid, usage_bytes, usage_source, overage_cost, usage_charge, status FROM hologram.overage_report "
            "WHERE org_id = ? AND day = ? ORDER BY linkid",
            [ORG, day],
        )
        assert rows == [
            (row.linkid, row.usage_bytes, row.usage_source, row.overage_cost, row.usage_charge, row.status)
            for row in expected.report(day)
        ]


def wait_until(reached: Callable[[], bool], process: subprocess.Popen[str]) -> bool:
    """Whether the moment came while the process ran."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if reached():
            return True
        time.sleep(0.001)
    return False


class Moments:
    """When to kill, as seen from outside."""

    def __init__(self, deployment: Deployment) -> None:
        self._requests = deployment.sandbox.requests
        self._holder = deployment.folder / "warehouse.duckdb.holder"
        self._wal = deployment.folder / "warehouse.duckdb.wal"
        self._writes = 0
        self._writing = False

    def asked(self, times: int) -> Callable[[], bool]:
        """After so many requests."""
        return lambda: len(self._requests) >= times

    def writing(self, times: int, *, logged: bool = False) -> Callable[[], bool]:
        """During the write of that number; `logged`: when it has reached the write-ahead log (the commit)."""

        def reached() -> bool:
            writing = self._holder.exists()
            self._writes += writing and not self._writing
            self._writing = writing
            return self._writes >= times and writing and (not logged or self._wal.exists())

        return reached


MOMENTS: dict[str, dict[str, Callable[[Moments], Callable[[], bool]]]] = {
    "sessions": {
        "while asking": lambda moments: moments.asked(1),
        "in the middle of asking": lambda moments: moments.asked(9),
        "when something is in the log": lambda moments: moments.writing(1, logged=True),
    },
    "the rest": {
        "during the third write": lambda moments: moments.writing(3),
        "when a later write is in the log": lambda moments: moments.writing(5, logged=True),
        "when another asset's write is in the log": lambda moments: moments.writing(10, logged=True),
    },
}


@pytest.mark.campaign
@pytest.mark.parametrize("moments", MOMENTS)
def test_a_backfill_killed_at_any_moment_leaves_every_row_that_was_stored(
    quick: Deploy, monkeypatch: pytest.MonkeyPatch, moments: str
) -> None:
    monkeypatch.setenv("HOLOGRAM_MAX_CONNECTIONS", "2")
    deployment = quick(orgs=(ORG,), sims=10, days=35, latency_seconds=0.002)
    first, last = days_ago(deployment, 4), days_ago(deployment, 2)
    assert deployment.backfill(first, first + timedelta(days=1), [ORG]).ok
    before = stored_rows(deployment)
    sessions = sizes(deployment)
    killed = 0
    for number, (name, moment) in enumerate(MOMENTS[moments].items()):
        # Every other time half of the sessions have a byte more, so that stored rows are really written anew.
        deployment.sandbox.faults.clear()
        if number % 2 == 0:
            deployment.sandbox.faults.set("changed_rows", value=0.5)
        deployment.sandbox.requests.clear()
        reached = moment(Moments(deployment))
        with started(deployment.folder, command(first, last)) as process:
            if wait_until(reached, process):
                process.send_signal(signal.SIGKILL)
                assert process.wait(_PATIENCE_SECONDS) == -signal.SIGKILL
                killed += 1
        after, sizes_after = stored_rows(deployment), sizes(deployment)
        for table, rows in before.items():
            assert rows <= after[table], f"killed {name}: rows of {table} are gone or changed"
        for session, size in sessions.items():
            assert sizes_after[session] in {size - 1, size, size + 1}, f"killed {name}: {session}"
        # A day is there as a whole or not at all: of one version.
        for (day,) in deployment.rows("SELECT DISTINCT day FROM hologram.raw_sessions"):
            versions_are_whole(deployment, day)
        before, sessions = after, sizes_after
    assert killed >= len(MOMENTS[moments]) - 1

    deployment.sandbox.faults.clear()
    with started(deployment.folder, command(first, last)) as process:
        output, _ = process.communicate(timeout=_PATIENCE_SECONDS)
    assert process.returncode == 0, output
    sessions_are_exact(deployment, *days_between(first, last))
    reports_are_exact(deployment, *days_between(first, last))


def sizes(deployment: Deployment) -> dict[int, int]:
    """Bytes by session; no session is there twice."""
    rows = deployment.rows("SELECT record_id, bytes FROM hologram.raw_sessions")
    assert len(dict(rows)) == len(rows)
    return dict(rows)


def versions_are_whole(deployment: Deployment, day: date) -> None:
    """The day's sessions are exactly the truth, or exactly the truth with the altered bytes."""
    fault = Fault("changed_rows", value=0.5)
    truth = {s.record_id: s.bytes for s in deployment.sandbox.fleet.sessions(ORG) if s.timestamp.date() == day}
    altered = {record: size + chosen(fault, record) for record, size in truth.items()}
    rows = deployment.rows("SELECT record_id, bytes FROM hologram.raw_sessions WHERE day = ?", [day])
    assert dict(rows) in (truth, altered)


@pytest.mark.campaign
def test_two_backfills_of_overlapping_days_at_once_both_succeed(quick: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLOGRAM_MAX_CONNECTIONS", "2")
    deployment = quick(orgs=(ORG,), sims=10, days=35)
    usage = ["--assets", "raw_sessions,daily_link_usage"]
    one = command(days_ago(deployment, 6), days_ago(deployment, 3), *usage)
    other = command(days_ago(deployment, 5), days_ago(deployment, 1), *usage)
    with started(deployment.folder, one) as first, started(deployment.folder, other) as second:
        outputs = [process.communicate(timeout=_PATIENCE_SECONDS)[0] for process in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0), outputs
    days = days_between(days_ago(deployment, 6), days_ago(deployment, 1))
    sessions_are_exact(deployment, *days)
    assert [day for (day,) in deployment.rows("SELECT DISTINCT day FROM hologram.raw_sessions ORDER BY day")] == days
    summed = deployment.rows(
        "SELECT day, sum(sessions), sum(bytes) FROM hologram.daily_link_usage GROUP BY day ORDER BY 1"
    )
    counted = deployment.rows("SELECT day, count(*), sum(bytes) FROM hologram.raw_sessions GROUP BY day ORDER BY 1")
    assert summed == counted


OUR_READER = """
    import sys, time
    from hologram_assets.warehouse.connection import Warehouse
    with Warehouse(sys.argv[1]).read() as connection:
        rows = connection.execute("SELECT count(*) FROM hologram.raw_sessions").fetchone()
        print("open", flush=True)
        time.sleep(float(sys.argv[2]))
        assert connection.execute("SELECT count(*) FROM hologram.raw_sessions").fetchone() == rows
"""
FOREIGN_READER = """
    import duckdb, sys, time
    connection = duckdb.connect()
    connection.execute(f"ATTACH '{sys.argv[1]}' AS w (READ_ONLY)")
    print("open", flush=True)
    time.sleep(float(sys.argv[2]))
"""


@pytest.mark.parametrize("reader", [OUR_READER, FOREIGN_READER], ids=["ours", "a program that knows no lock"])
def test_a_reader_that_holds_the_file_for_a_moment_does_not_make_a_writer_fail(
    quick: Deploy, monkeypatch: pytest.MonkeyPatch, reader: str
) -> None:
    monkeypatch.setenv("HOLOGRAM_MAX_CONNECTIONS", "2")
    deployment = quick(orgs=(ORG,), sims=4, days=10)
    first, second = days_ago(deployment, 3), days_ago(deployment, 2)
    assert deployment.backfill(first, first, [ORG], ["raw_sessions"]).ok
    script = [sys.executable, "-c", textwrap.dedent(reader), str(deployment.folder / "warehouse.duckdb"), "1.5"]
    with started(deployment.folder, script) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        opened = time.monotonic()
        assert deployment.backfill(second, second, [ORG], ["raw_sessions"]).ok
        assert time.monotonic() - opened > 1
        assert process.wait(_PATIENCE_SECONDS) == 0
    sessions_are_exact(deployment, first, second)


def test_the_warehouse_opens_with_plain_duckdb_after_a_kill_in_a_commit(
    quick: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = quick(orgs=(ORG,), sims=4, days=10, now=this_second())
    first, last = days_ago(deployment, 5), days_ago(deployment, 1)
    assert deployment.backfill(first, first, [ORG], ["raw_sessions"]).ok
    with started(deployment.folder, command(first, last, "--assets", "raw_sessions")) as process:
        assert wait_until(Moments(deployment).writing(2, logged=True), process) or process.poll() == 0
        process.kill()
        process.wait(_PATIENCE_SECONDS)
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{deployment.folder / 'warehouse.duckdb'}' AS w")
        counted = connection.execute("SELECT count(*) FROM w.hologram.raw_sessions WHERE day = ?", [first]).fetchone()
    sessions_are_exact(deployment, first)
    assert counted is not None
    assert counted[0] > 0
