"""The rate limiter, as the server sees it: whether a stated rate is kept, and what one 429 does to everybody.

The API answers so fast that the connections would ask several times as often as they may. Pages are small, so that neither
side has much to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from benchmarks.backfill_process import CONNECTIONS, past_day, place
from benchmarks.ingest import fetch_alone
from benchmarks.table import Row
from benchmarks.usage_traffic import Traffic, usage_server

_REQUESTS: Final = 400
_RATE: Final = 40.0
_LATENCY: Final = 0.02
_ROWS_A_PAGE: Final = 25
_MOST_OFF: Final = 0.02
_REFUSED: Final = 60
_RETRY_AFTER: Final = 1.0
# The refused worker hears of the pause, and lets it end, a moment later than the server.
_LEAST_GAP: Final = 0.98


def rows(requests: int = _REQUESTS, rate: float = _RATE) -> Iterator[Row]:
    """The rows of the table."""
    kept = _traffic(requests, requests_per_second=rate).requests_per_second
    yield Row(
        f"requests a second, {CONNECTIONS} connections ({requests} pages or more, {_LATENCY * 1000:g} ms each)",
        f"{kept:.2f}",
        f"{rate:g} (stated)",
        f"{kept / rate:.4f}",
        f"within {_MOST_OFF:.0%}",
        abs(kept / rate - 1) <= _MOST_OFF,
    )
    paused = _traffic(requests, refuse_nth=_REFUSED)
    refused = next(each for each in paused.asked if each.refused)
    meanwhile = sum(0 < each.arrived - refused.answered < _RETRY_AFTER * _LEAST_GAP for each in paused.asked)
    gap = max(after.arrived - before.arrived for before, after in pairwise(paused.asked))
    yield Row(
        f"longest time without any request, one worker being told 429 with Retry-After {_RETRY_AFTER:g} (s)",
        f"{gap:.3f}, {meanwhile} requests after the 429",
        f"{_RETRY_AFTER:g}, at most {CONNECTIONS - 1} under way already",
        f"{gap / _RETRY_AFTER:.2f}",
        f">= {_LEAST_GAP:g}",
        gap >= _LEAST_GAP * _RETRY_AFTER and meanwhile < CONNECTIONS,
    )


def _traffic(requests: int, *, refuse_nth: int = 0, **settings: object) -> Traffic:
    """What the server sees of a fetch of so many pages."""
    day = past_day()
    with (
        usage_server(
            [day], requests * _ROWS_A_PAGE, latency=_LATENCY, refuse_nth=refuse_nth, retry_after=_RETRY_AFTER
        ) as server,
        place(server, day, page_size=_ROWS_A_PAGE, **settings) as at,
    ):
        fetch_alone(at, day)
        return server.traffic()
