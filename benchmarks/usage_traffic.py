"""The usage server from outside: starting it, and what it was asked."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import requests

_ROOT: Final = Path(__file__).parents[1]
_SECONDS_TO_ANSWER: Final = 60


@dataclass
class Asked:
    """One request for a page: when it came and was answered (monotonic seconds; 0: not yet), and what it was given.

    `first` is the lowest position of its rows in the order of ids, `size` the length of the body in bytes.
    """

    arrived: float
    answered: float = 0.0
    first: int = 0
    rows: int = 0
    size: int = 0
    refused: bool = False


@dataclass(frozen=True)
class Traffic:
    """What a server has, sessions and the sum of their bytes, and what it was asked, in the order of arrival."""

    sessions: int
    session_bytes: int
    asked: list[Asked]

    @property
    def pages(self) -> int:
        """Requests, refused ones and pages without a row included."""
        return len(self.asked)

    @property
    def rows(self) -> int:
        """Rows served."""
        return sum(each.rows for each in self.asked)

    @property
    def distinct_rows(self) -> int:
        """Sessions served, each counted once."""
        distinct = reached = 0
        for each in sorted(self.asked, key=lambda asked: asked.first):
            last = each.first + each.rows
            distinct += max(0, last - max(each.first, reached))
            reached = max(reached, last)
        return distinct

    @property
    def seconds(self) -> float:
        """From the first request to the last answer."""
        return max(each.answered for each in self.asked) - self.asked[0].arrived

    @property
    def requests_per_second(self) -> float:
        """From the first request to the last request."""
        return (self.pages - 1) / (self.asked[-1].arrived - self.asked[0].arrived)


class UsageServer:
    """A running server."""

    def __init__(self, port: int) -> None:
        self._host = f"http://127.0.0.1:{port}"
        self.base_url = f"{self._host}/api/1"
        self._session = requests.Session()
        self._session.trust_env = False

    def traffic(self) -> Traffic:
        """What it has, and what it was asked since the last reset."""
        answer = self._session.get(f"{self._host}/stats", timeout=_SECONDS_TO_ANSWER)
        answer.raise_for_status()
        told = answer.json()
        return Traffic(**told | {"asked": [Asked(**each) for each in told["asked"]]})

    def reset(self) -> None:
        """Forget what was asked."""
        self._session.post(f"{self._host}/reset", timeout=_SECONDS_TO_ANSWER).raise_for_status()

    def close(self) -> None:
        """Close the connection to it."""
        self._session.close()


@contextmanager
def usage_server(
    days: Sequence[date], per_day: int, *, latency: float = 0.0, refuse_nth: int = 0, retry_after: float = 1.0
) -> Iterator[UsageServer]:
    """Serve `per_day` sessions on each of these UTC days; what the arguments mean, `usage_server.Api` says."""
    order = {
        "days": [str(day) for day in days],
        "per_day": per_day,
        "latency": latency,
        "refuse_nth": refuse_nth,
        "retry_after": retry_after,
    }
    command = [sys.executable, "-m", "benchmarks.usage_server", json.dumps(order)]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            server = UsageServer(int(process.stdout.readline()))
            try:
                yield server
            finally:
                server.close()
        finally:
            process.terminate()
