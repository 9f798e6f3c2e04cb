"""One throttle per API key and process: spaces the requests of all workers and stops all of them after a 429.

Our own rather than a rate-limit library: those count requests per window, and none lets one worker's 429 hold
the others back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from hashlib import sha256


class Throttle:
    """Hands out moments at which a request may start; thread-safe.

    Args:
        requests_per_second: spacing of the starts; None spaces nothing (a 429 still pauses everyone).
        monotonic: the clock, in seconds.
        sleep: how to wait.
    """

    def __init__(
        self,
        requests_per_second: float | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._interval = 1 / requests_per_second if requests_per_second else 0.0
        self._monotonic = monotonic
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next_start = 0.0
        self._paused_until = 0.0

    def wait(self) -> None:
        """Return when this caller may start its request."""
        while True:
            start = self._reserved()
            while (remaining := start - self._monotonic()) > 0:
                self._sleep(remaining)
            # Another worker may have been told 429 meanwhile. Whoever waited through a pause queues again, so that
            # its end doesn't let everybody go at once.
            if start >= self._paused_until:
                return

    def _reserved(self) -> float:
        with self._lock:
            start = max(self._monotonic(), self._next_start, self._paused_until)
            self._next_start = start + self._interval
            return start

    def pause(self, seconds: float) -> None:
        """Let nobody start for `seconds` from now."""
        with self._lock:
            self._paused_until = max(self._paused_until, self._monotonic() + seconds)


_throttles: dict[tuple[str, float | None], Throttle] = {}
_throttles_lock = threading.Lock()


def throttle_for(key: str, requests_per_second: float | None) -> Throttle:
    """The process's one throttle for a key, so that organisations which share a key share its limit."""
    name = (sha256(key.encode()).hexdigest(), requests_per_second)
    with _throttles_lock:
        return _throttles.setdefault(name, Throttle(requests_per_second))
