"""Which time `timestart` and `timeend` of `/usage/data` filter, found out by asking, since no document tells.

For sessions that are known, windows of a second or two around their end and their begin are asked for, and it is looked
whether the session comes back: by its `record_id`, since other sessions lie in the same seconds. A window can have six
meanings: three columns, its end included or not. `possible` keeps those that every answer agrees with, `judged` says
what that is enough for; both are pure. The time of receipt is in no row, so that it is any time from the end on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import groupby, islice
from operator import attrgetter
from typing import NamedTuple

from hologram_assets.api.client import HologramClient
from hologram_assets.api.errors import HologramError
from hologram_assets.api.queries import SessionQuery
from hologram_assets.api.records import Session

MOST_REQUESTS = 40
"""No probe asks more often (a request that fails on the way is sent again, and may exceed this by one)."""

_ROWS_PER_PAGE = 250  # the API's documentation recommends no more
_SAMPLE_PAGES = 4
_ZERO, _SECOND, _HOUR, _DAY = timedelta(0), timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
# Windows of a second to either side of begin and end must not touch.
_SHORTEST_SESSION = timedelta(seconds=3)
_FIRST_ASKED = 3
# Most sessions are received within seconds of their end: one that comes back for the seconds around its end proves
# little. Twelve are a matter of chance once in 6,000 times if every second session were received in the same second.
_ENOUGH = 12
# And sessions received later are those in which end and receipt differ for certain. `record_id` tells them: it ascends
# with receipt, and a session that was given a higher one than others that ended a minute later was received late.
_LATE = timedelta(minutes=1)
_ENOUGH_LATE = 2
_MEASURED = 8
_PROMPT = 3


class Column(StrEnum):
    """What a window can be about."""

    END = "timestamp"
    BEGIN = "session_begin"
    RECEIPT = "receipt"


class Meaning(NamedTuple):
    """A window's column, and whether a session exactly at `timeend` is in."""

    column: Column
    inclusive: bool


MEANINGS = frozenset(Meaning(column, inclusive) for column in Column for inclusive in (True, False))


class Known(NamedTuple):
    """A session whose times are known, in whole seconds of naive UTC; `lag` is how late it was received at the least."""

    record_id: int
    linkid: int
    begin: datetime
    end: datetime
    lag: timedelta = _ZERO


class Sighting(NamedTuple):
    """Whether a session came back for the window from `start` to `stop`."""

    session: Known
    start: datetime
    stop: datetime
    seen: bool


@dataclass(frozen=True)
class Verdict:
    """What a probe found: either `column`, or what is `unknown` and why.

    `inclusive` is None where no answer told. `reach` is the longest time by which the column was off a session's end:
    the longest of `sampled` sessions for the begin, the greatest lateness of the `asked` ones for the receipt, zero for
    the end. A window needs that much of a margin.
    """

    column: Column | None = None
    inclusive: bool | None = None
    reach: timedelta = _ZERO
    asked: int = 0
    sampled: int = 0
    unknown: str = ""


def possible(sightings: Iterable[Sighting]) -> set[Meaning]:
    """The meanings that agree with every sighting."""
    histories = _by_session(sightings)
    return {meaning for meaning in MEANINGS if all(moments(meaning, history) for history in histories)}


def moments(meaning: Meaning, history: Sequence[Sighting]) -> tuple[datetime, datetime] | None:
    """The earliest and the latest moment at which the column of one session can lie; None if there is none."""
    session = history[0].session
    earliest, latest = {
        Column.END: (session.end, session.end),
        Column.BEGIN: (session.begin, session.begin),
        Column.RECEIPT: (session.end, datetime.max),
    }[meaning.column]
    spans = [(one.start, one.stop if meaning.inclusive else one.stop - _SECOND, one.seen) for one in history]
    for start, stop, seen in spans:
        if seen:
            earliest, latest = max(earliest, start), min(latest, stop)
    missed = [(start, stop) for start, stop, seen in spans if not seen]
    for start, stop in sorted(missed):
        if start <= earliest <= stop:
            earliest = stop + _SECOND
    for start, stop in sorted(missed, key=lambda span: span[1], reverse=True):
        if start <= latest <= stop:
            latest = start - _SECOND
    return (earliest, latest) if earliest <= latest else None


def judged(sightings: Collection[Sighting], sampled: Sequence[Known] = ()) -> Verdict:
    """What the sightings prove. `sampled` are all sessions that are known, for the longest of them."""
    meanings = possible(sightings)
    columns = {meaning.column for meaning in meanings}
    histories = _by_session(sightings)
    found = [history for history in histories if any(one.seen for one in history)]
    if not columns:
        return Verdict(unknown=_contradiction(histories))
    if columns == {Column.BEGIN} and len(found) >= _FIRST_ASKED:
        longest = max(known.end - known.begin for known in [*sampled, *(history[0].session for history in histories)])
        return _verdict(meanings, Column.BEGIN, longest, len(found), len(sampled))
    if columns == {Column.RECEIPT}:
        lateness = [_lateness(meanings, history) for history in found]
        if sum(late > _ZERO for late in lateness) >= _ENOUGH_LATE:
            return _verdict(meanings, Column.RECEIPT, max(lateness), len(found), len(sampled))
        return Verdict(unknown="sessions that it lists don't come back when their own time is asked for")
    if columns == {Column.END, Column.RECEIPT}:
        at_end = [history[0].session for history in found if _is_tight(history)]
        if len(at_end) < _ENOUGH:
            return Verdict(unknown=f"{len(at_end)} sessions came back, {_ENOUGH} are needed to tell end from receipt")
        if sum(session.lag >= _LATE for session in at_end) < _ENOUGH_LATE:
            return Verdict(unknown="no session of late came late, and so end and receipt look the same")
        return _verdict(meanings, Column.END, _ZERO, len(at_end), len(sampled))
    return Verdict(unknown=f"the answers about {len(found)} sessions fit more than one column")


def probe_window(client: HologramClient, org_id: int) -> Verdict:
    """Ask about some sessions of an organisation; at most `MOST_REQUESTS`, one after the other. Never raises."""
    asking = _Asking(client, org_id)
    try:
        sampled = asking.sample()
        chosen = chosen_of(sampled)
        if len(chosen) < _FIRST_ASKED:
            return Verdict(
                unknown=f"{len(chosen)} of its newest sessions lasted {_SHORTEST_SESSION.seconds} s or longer, "
                f"{_ENOUGH} are needed"
            )
        _ask(asking, chosen)
    except HologramError as error:
        return Verdict(unknown=str(error))
    return judged(asking.sightings, sampled)


def chosen_of(sampled: Sequence[Known]) -> list[Known]:
    """The sessions worth asking about, the best first: of every SIM the one that was received latest, then the rest."""
    long = [known for known in sampled if known.end - known.begin >= _SHORTEST_SESSION]
    latest_first = sorted(long, key=attrgetter("lag"), reverse=True)
    first = {known.linkid: known for known in reversed(latest_first)}
    return sorted(latest_first, key=lambda known: first[known.linkid] is not known)


def known_of(sessions: Iterable[Session]) -> list[Known]:
    """Sessions as they are listed, newest first; those without a begin, or that end before it, are left out."""
    found: list[Known] = []
    newest_end = datetime.min
    for one in reversed(list(sessions)):
        if one.session_begin is None or one.session_begin > one.session_end:
            continue
        # Times are asked for in whole seconds.
        begin, end = one.session_begin.replace(microsecond=0), one.session_end.replace(microsecond=0)
        newest_end = max(newest_end, end)
        found.append(Known(one.record_id, one.linkid, begin, end, newest_end - end))
    return found[::-1]


class _Asking:
    """Asks about one organisation, and keeps what came of it."""

    def __init__(self, client: HologramClient, org_id: int) -> None:
        self._client = client
        self._org_id = org_id
        self._last_call = client.calls + MOST_REQUESTS
        self.sightings: list[Sighting] = []

    def sample(self) -> list[Known]:
        """The newest sessions, a few pages of them."""
        pages = self._client.session_pages(SessionQuery(orgid=self._org_id, limit=_ROWS_PER_PAGE))
        return known_of(row for page in islice(pages, _SAMPLE_PAGES) for row in page if isinstance(row, Session))

    def sees(self, session: Known, start: datetime, stop: datetime) -> bool | None:
        """Whether the session comes back; None when the page was full without it, or there were requests enough."""
        if self._client.calls >= self._last_call:
            return None
        query = SessionQuery(
            orgid=self._org_id, linkid=session.linkid, timestart=start, timeend=stop, limit=_ROWS_PER_PAGE
        )
        rows, more = self._client.session_page(query)
        # Everything that came back is evidence: a server that ignores a bound returns what it should not.
        others = [known for known in known_of(rows) if known.record_id != session.record_id]
        self.sightings += [Sighting(known, start, stop, seen=True) for known in others]
        seen = any(row.record_id == session.record_id for row in rows)
        if not seen and more:
            return None
        self.sightings.append(Sighting(session, start, stop, seen))
        return seen

    @property
    def meanings(self) -> set[Meaning]:
        return possible(self.sightings)


def _ask(asking: _Asking, chosen: Sequence[Known]) -> None:
    for one in chosen[:_FIRST_ASKED]:
        for moment in (one.end, one.begin):
            if asking.sees(one, moment - _SECOND, moment + _SECOND):
                asking.sees(one, moment - _SECOND, moment)
    for one in chosen[_FIRST_ASKED:_ENOUGH]:
        left = asking.meanings
        if not {Column.END, Column.RECEIPT} <= {meaning.column for meaning in left}:
            break
        # As narrow as it may be: the fewer seconds, the fewer sessions are received in them by chance.
        asking.sees(one, one.end - _SECOND, one.end if Meaning(Column.END, True) in left else one.end + _SECOND)  # noqa: FBT003
    if {meaning.column for meaning in asking.meanings} == {Column.RECEIPT}:
        _measure_lateness(asking, chosen[:_MEASURED])
        _ask_inclusive(asking, chosen[: -_PROMPT - 1 : -1])


def _measure_lateness(asking: _Asking, chosen: Sequence[Known]) -> None:
    """Find the greatest lateness to the hour: each session is asked whether it is later than those before it."""
    bound = _ZERO
    for one in chosen:
        if bound and asking.sees(one, one.end - _SECOND, one.end + bound):
            continue
        above = max(_DAY, 2 * bound)
        while not (seen := asking.sees(one, one.end - _SECOND, one.end + above)):
            if seen is None or one.end + above > datetime.now(UTC).replace(tzinfo=None) + _DAY:
                return
            above *= 2
        while above - bound > _HOUR:
            middle = bound + (above - bound) // (2 * _HOUR) * _HOUR
            seen = asking.sees(one, one.end - _SECOND, one.end + middle)
            if seen is None:
                return
            above, bound = (middle, bound) if seen else (above, middle)
        bound = above


def _ask_inclusive(asking: _Asking, prompt: Sequence[Known]) -> None:
    """A session received in the second of its end, or the one after, shows whether the window's end is in."""
    for one in prompt:
        if len(asking.meanings) > 1 and asking.sees(one, one.end - _SECOND, one.end + _SECOND):
            asking.sees(one, one.end - _SECOND, one.end)
            asking.sees(one, one.end + _SECOND, one.end + 2 * _SECOND)


def _verdict(meanings: set[Meaning], column: Column, reach: timedelta, asked: int, sampled: int) -> Verdict:
    bounds = {meaning.inclusive for meaning in meanings if meaning.column is column}
    return Verdict(column, bounds.pop() if len(bounds) == 1 else None, reach, asked, sampled)
