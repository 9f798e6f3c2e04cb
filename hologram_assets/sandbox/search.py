"""Finding sessions: filters, the window of time, and retention.

A chain of pages asks the same question again and again, so the answer to each question is kept; a page is then a slice.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Final

from hologram_assets.sandbox.fleet import RETENTION, Fleet
from hologram_assets.sandbox.ledger import Ledger
from hologram_assets.sandbox.sessions import Session
from hologram_assets.sandbox.tampering import FARTHEST_MOVE
from hologram_assets.sandbox.traffic import LONGEST_LAG

FILTER_COLUMNS: Final = ("timestamp", "session_begin", "received_at")
_KEPT_ANSWERS: Final = 64
_ONE_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Window:
    """The sessions asked for: those whose `column` lies between `start` and `end` (naive UTC; None: open)."""

    column: str
    start: datetime | None
    end: datetime | None
    end_inclusive: bool


@dataclass(frozen=True, slots=True)
class _Answer:
    """The sessions that matched when retention began at `oldest`; `first_to_go` is the earliest end among them."""

    sessions: list[Session]
    oldest: datetime
    first_to_go: datetime

    def holds_at(self, oldest: datetime) -> bool:
        """Whether the answer is the same when retention begins at another moment."""
        return self.oldest <= oldest <= self.first_to_go


class SessionSearch:
    """Answers which sessions of which organisations match a question, newest first."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._answers: OrderedDict[object, _Answer] = OrderedDict()

    def find(
        self,
        orgs: tuple[int, ...],
        window: Window,
        *,
        now: datetime,
        linkids: frozenset[int] | None = None,
        edit: Callable[[Session], Session] | None = None,
        edit_name: object = None,
    ) -> list[Session]:
        """The visible sessions in the window, by descending record id.

        Args:
            orgs: the organisations to look in.
            window: the time asked for.
            now: the moment of the request; sessions received later, or older than retention, don't exist.
            linkids: only these SIMs; None for all.
            edit: changes every session before it is looked at (see `tampering`).
            edit_name: what tells one `edit` from another.
        """
        # A session may end, and be received, long after it began; an edited one may have moved by days.
        slack = FARTHEST_MOVE if edit else timedelta(0)
        oldest = now - RETENTION
        earliest = max(window.start or oldest, oldest) - slack
        latest = now if window.end is None else min(now, window.end + LONGEST_LAG + slack)
        ledgers = [self._fleet.ledger(org) for org in orgs]
        ranges = [ledger.range_of(earliest, latest) if earliest <= latest else (0, 0) for ledger in ledgers]
        question = (orgs, tuple(ranges), window, linkids, edit_name)
        answer = self._answers.get(question)
        if answer is None or not answer.holds_at(oldest):
            sessions: list[Session] = []
            for ledger, positions in zip(ledgers, ranges, strict=True):
                sessions += _matching(ledger, positions, window, oldest, linkids, edit)
            if len(ledgers) > 1:
                sessions.sort(key=attrgetter("record_id"), reverse=True)
            first_to_go = min((session.timestamp for session in sessions), default=datetime.max)
            answer = self._answers[question] = _Answer(sessions, oldest, first_to_go)
            if len(self._answers) > _KEPT_ANSWERS:
                self._answers.popitem(last=False)
        self._answers.move_to_end(question)
        return answer.sessions


def _matching(
    ledger: Ledger,
    positions: tuple[int, int],
    window: Window,
    oldest: datetime,
    linkids: frozenset[int] | None,
    edit: Callable[[Session], Session] | None,
) -> list[Session]:
    sessions = reversed(ledger.sessions(*positions))
    if edit is not None:
        sessions = reversed([edit(session) for session in ledger.sessions(*positions)])
    column = attrgetter(window.column)
    start = window.start or datetime.min
    end = window.end or datetime.max
    # Whole seconds only, so an exclusive end is an inclusive one a second earlier.
    if window.end is not None and not window.end_inclusive:
        end = end.replace(microsecond=0) - (_ONE_SECOND if not end.microsecond else timedelta(0))
    return [
        session
        for session in sessions
        if start <= column(session) <= end
        and session.timestamp >= oldest
        and (linkids is None or session.linkid in linkids)
    ]
