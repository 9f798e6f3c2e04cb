"""The sandbox's clock: naive UTC, and it can be stopped or pushed forward."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta


class SandboxClock:
    """What time it is for the sandbox.

    Every datetime that goes in or comes out is naive UTC. The clock runs with the wall clock until it is frozen; an
    aware datetime is turned into UTC first.
    """

    def __init__(self, now: datetime | None = None) -> None:
        """Start frozen at `now`, or running with the wall clock when `now` is None."""
        self._lock = threading.Lock()
        self._frozen: datetime | None = None if now is None else naive_utc(now)
        self._offset = timedelta(0)

    def now(self) -> datetime:
        """The sandbox's present moment (naive UTC)."""
        with self._lock:
            return self._frozen if self._frozen is not None else wall_clock() + self._offset

    def freeze(self, moment: datetime | None = None) -> None:
        """Stop the clock at `moment`, or where it stands."""
        stop_at = self.now() if moment is None else naive_utc(moment)
        with self._lock:
            self._frozen = stop_at

    def advance(self, step: timedelta) -> None:
        """Push the clock forward by `step`: a frozen clock stays frozen, a running one keeps running."""
        with self._lock:
            if self._frozen is not None:
                self._frozen += step
            else:
                self._offset += step

    def unfreeze(self) -> None:
        """Run with the wall clock again; earlier steps of `advance` are forgotten."""
        with self._lock:
            self._frozen = None
            self._offset = timedelta(0)

    @property
    def frozen(self) -> bool:
        """Whether the clock stands still."""
        with self._lock:
            return self._frozen is not None


def naive_utc(moment: datetime) -> datetime:
    """`moment` as naive UTC: an aware one is converted, a naive one is taken to be UTC already."""
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def wall_clock() -> datetime:
    """The real time (naive UTC)."""
    return datetime.now(UTC).replace(tzinfo=None)
