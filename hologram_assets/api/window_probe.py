"""Which time `timestart` and `timeend` of `/usage/data` filter, found out by asking, since no document tells.

For sessions that are known, windows of a second or two around their end and their begin are asked for, and it is looked
whether the session comes back: by its `record_id`, since other sessions lie in the same seconds. A window can have six
meanings: three columns, its end included or not. `possible` keeps those that every answer agrees with, `judged` says
what that is enough for; both are pure. The time of receipt is in no row, so that it is any time from the end on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import accumulate, islice
from operator import attrgetter
from statistics import median_low
from typing import NamedTuple

from hologram_assets.api.client import HologramClient
from hologram_assets.api.errors import HologramError
from hologram_assets.api.queries import SessionQuery
from hologram_assets.api.records import Session

MOST_REQUESTS = 40
"""No probe asks more often; what is sent again after a failure counts, and only the last request may exceed it so."""

_ROWS_PER_PAGE = 250  # the API's documentation recommends no more
_SAMPLE_PAGES = 4
_ZERO, _SECOND, _HOUR, _DAY = timedelta(0), timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
# Windows of a second to either side of begin and end must not touch.
_SHORTEST_SESSION = timedelta(seconds=3)
_FIRST_ASKED = 3
# Most sessions are received within seconds of their end: one that comes back for the seconds around its end proves
# little. Twelve are a matter of chance once in 4,000 times if every second session were received in the same second.
_ENOUGH = 12
# And sessions received later are those in which end and receipt differ for certain. `record_id` tells them: it ascends
# with receipt, and a session that was given a higher one than others that ended a minute later was received late.
_LATE = timedelta(minutes=1)
_ENOUGH_LATE = 2
# How many are asked for the greatest lateness, and to find one that was received in the second of its end.
_MEASURED = 8
_PROMPT = 8
_RETENTION = timedelta(days=90)  # what the API keeps; nothing of a session is farther apart


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
    """Whether a session came back for the window from `start` to `stop`; not `asked`: it came along with another."""

    session: Known
    start: datetime
    stop: datetime
    seen: bool
    asked: bool = True


@dataclass(frozen=True)
class Verdict:
    """What a probe found: either `column`, or what is `unknown` and why.

    `inclusive` is None where no answer told. `reach` is the longest time by which the column was off a session's end:
    the longest session for the begin, the greatest lateness for the receipt, zero for the end; `sessions` is how many
    that rests on. A window needs so much of a margin.
    """

    column: Column | None = None
    inclusive: bool | None = None
    reach: timedelta = _ZERO
    sessions: int = 0
    unknown: str = ""


def possible(sightings: Iterable[Sighting]) -> set[Meaning]:
    """The meanings that agree with every sighting."""
    histories = _by_session(sightings)
    return {meaning for meaning in MEANINGS if all(moments(meaning, history) for history in histories)}


def moments(meaning: Meaning, history: Sequence[Sighting]) -> tuple[datetime, datetime] | None:
    """From when to when the column of one session can lie; None if there is no such moment."""
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
    for start, stop in sorted((start, stop) for start, stop, seen in spans if not seen):
        if start <= earliest <= stop:
            earliest = stop + _SECOND
    return (earliest, latest) if earliest <= latest else None


def judged(sightings: Collection[Sighting], sampled: Sequence[Known] = ()) -> Verdict:
    """What the sightings prove. `sampled` are all sessions that are known, for the longest of them."""
    meanings = possible(sightings)
    columns = {meaning.column for meaning in meanings}
    histories = _by_session(sightings)
    found = [history for history in histories if any(one.seen for one in history)]
    if not columns:
        return Verdict(unknown=_contradiction(histories))
    if not found:
        return Verdict(unknown="no session came back when its own time was asked for")
    if columns == {Column.BEGIN} and len(found) >= _FIRST_ASKED:
        lasted = {one.record_id: one.end - one.begin for one in (*sampled, *(one.session for one in sightings))}
        return _verdict(meanings, Column.BEGIN, max(lasted.values()), len(lasted))
    if columns == {Column.RECEIPT}:
        return _receipt(meanings, found)
    if columns == {Column.END, Column.RECEIPT}:
        return _end(meanings, found)
    return Verdict(unknown=f"what came back of {len(found)} sessions fits more than one time")


def probe_window(client: HologramClient, org_id: int) -> Verdict:
    """Ask about some sessions of an organisation; at most `MOST_REQUESTS`, one after the other.

    What the API fails with makes the verdict unknown.
    """
    asking = _Asking(client, org_id)
    try:
        sampled = asking.sample()
        chosen = chosen_of(sampled)
        if len(chosen) < _FIRST_ASKED:
            return Verdict(
                unknown=f"{len(chosen)} of {len(sampled)} sessions lasted {_SHORTEST_SESSION.seconds} s or longer, "
                f"but {_ENOUGH} are needed"
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
    """Sessions as they are listed, newest first; those without a begin, or with times that can't be, are left out."""
    # Times are asked for in whole seconds.
    found = [
        Known(
            one.record_id, one.linkid, one.session_begin.replace(microsecond=0), one.session_end.replace(microsecond=0)
        )
        for one in sessions
        if one.session_begin is not None and _ZERO <= one.session_end - one.session_begin <= _RETENTION
    ]
    if not found:
        return []
    # One end in a far year would make every session since look late.
    middle = median_low(one.end for one in found)
    found = [one for one in found if abs(one.end - middle) <= _RETENTION]
    newest_ends = accumulate((one.end for one in reversed(found)), max)
    return [one._replace(lag=newest - one.end) for one, newest in zip(reversed(found), newest_ends, strict=True)][::-1]


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
        self.sightings += [Sighting(known, start, stop, seen=True, asked=False) for known in others]
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
        asking.sees(one, one.end - _SECOND, one.end if Meaning(Column.END, True) in left else one.end + _SECOND)
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
            if seen is None or above > _RETENTION:
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


def _receipt(meanings: set[Meaning], found: Sequence[Sequence[Sighting]]) -> Verdict:
    receipts = [(history[0].session.end, *_range(meanings, history)) for history in found]
    after = sum(earliest > end for end, earliest, _ in receipts)
    if after < _ENOUGH_LATE:
        return Verdict(unknown=f"{after} sessions came back for times after their end, too few to conclude from")
    # To the hour where it was measured to the hour, else what is certain.
    reach = max(
        (latest if latest - earliest <= _HOUR + _SECOND else earliest) - end for end, earliest, latest in receipts
    )
    return _verdict(meanings, Column.RECEIPT, reach, len(found))


def _end(meanings: set[Meaning], found: Sequence[Sequence[Sighting]]) -> Verdict:
    at_end = [history for history in found if _is_tight(history)]
    if len(at_end) < _ENOUGH:
        return Verdict(
            unknown=f"the end fits {len(at_end)} sessions, but {_ENOUGH} are needed to tell it from the time of receipt"
        )
    if sum(any(one.session.lag >= _LATE for one in history) for history in at_end) < _ENOUGH_LATE:
        return Verdict(unknown="the end fits, but so few sessions came late that it may be the time of receipt as well")
    return _verdict(meanings, Column.END, _ZERO, len(at_end))


def _by_session(sightings: Iterable[Sighting]) -> list[list[Sighting]]:
    histories: dict[int, list[Sighting]] = {}
    for one in sightings:
        histories.setdefault(one.session.record_id, []).append(one)
    return list(histories.values())


def _range(meanings: Iterable[Meaning], history: Sequence[Sighting]) -> tuple[datetime, datetime]:
    """The earliest and the latest moment of a session's column, whichever of the meanings is true."""
    ranges = [found for meaning in meanings if (found := moments(meaning, history))]
    return min(earliest for earliest, _ in ranges), max(latest for _, latest in ranges)


def _is_tight(history: Sequence[Sighting]) -> bool:
    end = history[0].session.end
    return any(one.seen and one.asked and end - _SECOND <= one.start and one.stop <= end + _SECOND for one in history)


def _contradiction(histories: Iterable[Sequence[Sighting]]) -> str:
    for history in histories:
        seen = [one for one in history if one.seen]
        if seen and max(one.start for one in seen) > min(one.stop for one in seen):
            return "the API seems to ignore one or both: sessions come back in windows that have no moment in common"
    return "the answers contradict each other"


def _verdict(meanings: set[Meaning], column: Column, reach: timedelta, sessions: int) -> Verdict:
    bounds = {meaning.inclusive for meaning in meanings if meaning.column is column}
    return Verdict(column, bounds.pop() if len(bounds) == 1 else None, reach, sessions)
