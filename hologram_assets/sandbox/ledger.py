"""An organisation's sessions in the order in which Hologram received them.

The ledger is written once and only ever grows: it takes in whole days of receipt, one after the other, and gives each
session its id when it takes it in. Whoever reads it later reads the same.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

import msgspec

from hologram_assets.sandbox.periods import BillingPeriod, period_end, period_index, period_start
from hologram_assets.sandbox.sessions import Session, record_id_of
from hologram_assets.sandbox.sims import Sim
from hologram_assets.sandbox.traffic import sessions_beginning_on

_ONE_DAY: Final = timedelta(days=1)


class _RunningTotal:
    """Bytes of one SIM's period after each receipt."""

    __slots__ = ("bytes", "received")

    def __init__(self) -> None:
        self.received: list[datetime] = []
        self.bytes: list[int] = []

    def add(self, session: Session) -> None:
        self.received.append(session.received_at)
        self.bytes.append(session.bytes + (self.bytes[-1] if self.bytes else 0))

    def as_of(self, now: datetime) -> int:
        count = bisect_right(self.received, now)
        return self.bytes[count - 1] if count else 0


class Ledger:
    """The sessions of one organisation, ascending in `record_id` and in receipt. Safe to use from several threads."""

    def __init__(self, seed: int, org_id: int, sims: Sequence[Sim]) -> None:
        self.org_id = org_id
        self.sims = sims
        self._seed = seed
        self._lock = threading.Lock()
        self._sessions: list[Session] = []
        self._received: list[datetime] = []
        self._totals: defaultdict[tuple[int, int], _RunningTotal] = defaultdict(_RunningTotal)
        # Sessions that began on a day already read and are received on a day that is not.
        self._waiting: defaultdict[date, list[Session]] = defaultdict(list)
        self._next_day = min((sim.activated_at.date() for sim in sims), default=date.max)

    def range_of(self, earliest: datetime, latest: datetime) -> tuple[int, int]:
        """The positions (from, to) of the sessions received from `earliest` to `latest`, both inclusive."""
        self._read_to(latest.date())
        return bisect_left(self._received, earliest), bisect_right(self._received, latest)

    def sessions(self, start: int, stop: int) -> list[Session]:
        """The sessions at the positions from `start` up to `stop`, in ascending order of id."""
        return self._sessions[start:stop]

    def periods_of(self, sim: Sim, now: datetime) -> list[BillingPeriod]:
        """The SIM's billing periods as of `now`, the running one first; none before its activation."""
        self._read_to(now.date())
        running = period_index(sim, now)
        return [
            BillingPeriod(
                org_id=self.org_id,
                linkid=sim.linkid,
                index=index,
                period_start=period_start(sim, index),
                period_end=period_end(sim, index),
                periods_back=running - index,
                bytes=total.as_of(now) if (total := self._totals.get((sim.linkid, index))) else 0,
            )
            for index in range(running, -1, -1)
        ]

    def _read_to(self, day: date) -> None:
        with self._lock:
            while self._next_day <= day:
                self._read(self._next_day)
                self._next_day += _ONE_DAY

    def _read(self, day: date) -> None:
        """Take in all that is received on `day`.

        It began on that day or earlier, so once the day's own sessions are drawn the day of receipt is complete.
        """
        for sim in self.sims:
            for session in sessions_beginning_on(self._seed, sim, day):
                self._waiting[session.received_at.date()].append(session)
        sims = {sim.linkid: sim for sim in self.sims}
        second, rank = datetime.min, 0
        for draft in sorted(self._waiting.pop(day, ()), key=_order_of_receipt):
            rank = rank + 1 if draft.received_at == second else 0
            second = draft.received_at
            session = msgspec.structs.replace(draft, record_id=record_id_of(second, rank, self.org_id))
            self._sessions.append(session)
            self._received.append(second)
            index = period_index(sims[session.linkid], session.timestamp)
            self._totals[session.linkid, index].add(session)


def _order_of_receipt(session: Session) -> tuple[datetime, int, datetime, datetime, int]:
    return session.received_at, session.linkid, session.session_begin, session.timestamp, session.bytes
