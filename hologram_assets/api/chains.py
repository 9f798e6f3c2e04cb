"""Who fetches what next: chains of pages, and how idle workers share those that are still running.

A cursor is a chain, each page waiting for the one before, and density is never even: nights, bursts, a day that holds half
of all rows. So a worker that finds nothing waiting takes the older half of what the longest running chain has left. That
chain keeps its cursor and asks from a later start on; which column the start filters doesn't matter, as every row is on
one side of it or the other, and one that comes twice is dropped by its `record_id`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

# Splitting costs a request: what is left must be worth that, and more than the seconds that both halves ask for.
_FEWEST_PAGES = 2.0
_SHORTEST = timedelta(seconds=20)


@dataclass(eq=False)
class Chain:
    """Pages of one slice, newest first: what is asked for, and how far it is.

    Attributes:
        number: which slice.
        start: from when on (naive UTC); later once the chain was split.
        end: until when.
        reached: the end of the last session that came, kept within start and end.
        last_page: the time that the sessions of the last page span; None before the first.
    """

    number: int
    start: datetime
    end: datetime
    reached: datetime = field(init=False)
    last_page: timedelta | None = None

    def __post_init__(self) -> None:
        self.reached = self.end

    @property
    def pages_left(self) -> float:
        """An estimate from the density of the last page."""
        if self.last_page is None or self.reached - self.start < _SHORTEST:
            return 0.0
        return (self.reached - self.start) / max(self.last_page, timedelta(seconds=1))


class Chains:
    """The chains of a fetch, handed out to workers; thread-safe."""

    def __init__(self, chains: Iterable[Chain]) -> None:
        self._waiting = deque(chains)
        self._running: set[Chain] = set()
        self._open: dict[int, int] = {}
        for chain in self._waiting:
            self._open[chain.number] = self._open.get(chain.number, 0) + 1
        self._changed = threading.Condition()

    def take(self) -> Chain | None:
        """The next chain to follow, waiting for one if need be; None when nothing is left to share."""
        with self._changed:
            while True:
                chain = self._waiting.popleft() if self._waiting else self._split_off()
                if chain is not None:
                    self._running.add(chain)
                    return chain
                if not self._running:
                    return None
                self._changed.wait()

    def advanced(self, chain: Chain, newest: datetime, oldest: datetime) -> None:
        """A page came, with sessions that ended between two moments."""
        with self._changed:
            # Not the least so far: one session that came late would make the chain look done.
            chain.reached = min(max(oldest, chain.start), chain.end)
            chain.last_page = max(newest - oldest, timedelta(0))
            self._changed.notify()

    def ended(self, chain: Chain) -> None:
        """The chain's last page came, or it broke."""
        with self._changed:
            self._running.discard(chain)
            self._changed.notify_all()

    def stored(self, chain: Chain) -> bool:
        """What the chain brought is in files: whether that was the last of its slice."""
        with self._changed:
            self._open[chain.number] -= 1
            return self._open[chain.number] == 0

    def _split_off(self) -> Chain | None:
        longest = max(self._running, key=lambda chain: chain.pages_left, default=None)
        if longest is None or longest.pages_left < _FEWEST_PAGES:
            return None
        # Whole seconds, as in the question.
        middle = (longest.start + (longest.reached - longest.start) / 2).replace(microsecond=0)
        older = Chain(longest.number, longest.start, middle)
        longest.start = middle
        self._open[older.number] += 1
        return older
