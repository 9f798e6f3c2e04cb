"""Loading one day of one organisation: beside dlt, beside a plain loop, and beside what latency alone would take.

Each is a whole process, from the start of Python to its end, against the same server, which answers `_LATENCY` seconds
after a request has arrived. Ours goes through Dagster and asks for a day more on both sides, the peers for the day alone;
all ask for the same fields, and afterwards each table is seen to hold every session once. Ours is the least of `_TIMES`
runs; the peers, which take minutes, run once.

dlt stands twice: as its documentation shows it, and with what somebody who knows both dlt and this API would do about it
(`peers/dlt_rest_api.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from benchmarks.backfill_process import CONNECTIONS, PAGE_SIZE, Place, past_day, place, verify
from benchmarks.fleet import ORG
from benchmarks.measured import Finished, run
from benchmarks.table import Row
from benchmarks.usage_traffic import UsageServer, usage_server

_SESSIONS: Final = 300_000
_LATENCY: Final = 0.05
_TIMES: Final = 3
_MOST_ABOVE_FLOOR: Final = 1.2


@dataclass(frozen=True)
class Peer:
    """A program of `benchmarks.peers`: its name, its table, how much faster we have to be, and its further arguments."""

    name: str
    module: str
    table: str
    least: float | None
    arguments: tuple[str, ...] = ()

    def load(self, server: UsageServer, day: date) -> Finished:
        """Load the day.

        Raises:
            RuntimeError: it failed, or its table isn't what the server has.
        """
        with place(server, day) as at:
            file = at.folder / "peer.duckdb"
            where = [server.base_url, str(ORG), str(day), str(PAGE_SIZE), str(file)]
            environment = {
                **at.environment,
                "DLT_DATA_DIR": str(at.folder),
                "RUNTIME__DLTHUB_TELEMETRY": "false",
                "EXTRACT__WORKERS": str(CONNECTIONS),
            }
            finished = run(["-m", f"benchmarks.peers.{self.module}", *where, *self.arguments], environment)
            verify(file, self.table, server.traffic())
        return finished


_PEERS: Final = (
    Peer("requests, pandas, delete and insert", "requests_pandas", "sessions", 6),
    Peer("dlt, rest_api source, merge", "dlt_rest_api", "hologram.sessions", 10),
    Peer("dlt, 24 windows side by side, Parquet", "dlt_rest_api", "hologram.sessions", None, ("24", "parquet")),
)


def rows(sessions: int = _SESSIONS, latency: float = _LATENCY, times: int = _TIMES) -> Iterator[Row]:
    """The rows of the table."""
    day = past_day()
    with usage_server([day], sessions, latency=latency) as server:
        ours = min(_loaded(server, day).seconds for _ in range(times))
        for peer in _PEERS:
            seconds = peer.load(server, day).seconds
            yield Row(
                f"load a day of one organisation, {sessions:,} sessions, {latency * 1000:g} ms a page (s)",
                f"{ours:.1f}",
                f"{seconds:.1f} ({peer.name})",
                f"{seconds / ours:.1f}",
                "printed" if peer.least is None else f">= {peer.least:g}",
                peer.least is None or seconds >= peer.least * ours,
            )
        floor = math.ceil(sessions / PAGE_SIZE) / CONNECTIONS * latency
        wall, served = min(_fetched(server, day) for _ in range(times))
    yield Row(
        f"the fetch alone, {CONNECTIONS} connections (s)",
        f"{wall:.2f} ({served:.2f} from the first request to the last answer)",
        f"{floor:.2f} (pages / connections x latency)",
        f"{wall / floor:.2f}",
        f"<= {_MOST_ABOVE_FLOOR:g}",
        wall <= _MOST_ABOVE_FLOOR * floor,
    )


def _loaded(server: UsageServer, day: date) -> Finished:
    with place(server, day) as at:
        finished = at.backfill(day, day)
        verify(at.warehouse, "hologram.raw_sessions", server.traffic())
    return finished


def _fetched(server: UsageServer, day: date) -> tuple[float, float]:
    """Seconds as the fetch sees them, and as the server does."""
    with place(server, day) as at:
        server.reset()
        finished = fetch_alone(at, day)
    return finished, server.traffic().seconds


def fetch_alone(at: Place, day: date) -> float:
    """Seconds that the fetch of a day takes in a process of its own, without the start of the process.

    Raises:
        RuntimeError: it failed.
    """
    return float(run(["-m", "benchmarks.fetch_alone", str(day)], at.environment).printed.split()[-1])
