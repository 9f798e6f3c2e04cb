"""What the sandbox was asked, for tests about paging, concurrency and secrets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

_MOST: Final = 100_000


@dataclass(slots=True)
class AskedRequest:
    """One request to the API.

    `path` is the full path, `params` the query without the key (`key_in_query` tells whether it was there).
    `started_at` and `seconds` are real time (naive UTC), whatever the sandbox's clock says. `status` is None while the
    request runs and 0 when the connection was dropped without an answer.
    """

    path: str
    params: dict[str, str]
    started_at: datetime
    key_in_query: bool = False
    status: int | None = None
    seconds: float | None = None


def keep(log: list[AskedRequest], request: AskedRequest) -> None:
    """Add a request; the oldest half goes when there are too many, so that a server can run for weeks."""
    log.append(request)
    if len(log) > _MOST:
        del log[: _MOST // 2]
