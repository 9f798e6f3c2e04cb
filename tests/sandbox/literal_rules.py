"""The network rules as their text says them, word for word and without mercy for speed: what a fleet must be measured by.

Nothing here is of the package but the sandbox's own sessions, so that the fleet and the rules share no mistake. Where the
text leaves room, the comment says which reading was taken.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

from hologram_assets.sandbox import Session
from hologram_assets.sandbox import networks as known_networks
from hologram_assets.sandbox.networks import Network

LEVELS = {"5G": 5, "LTE": 4, "LTE-M": 4, "3G": 3, "NB-IoT": 2, "2G": 1}
_NETWORKS = [value for value in vars(known_networks).values() if isinstance(value, Network)]
_NAMES = {written: network.name for network in _NETWORKS for written in (network.name, network.spelling)}
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Finding:
    """One alert: the rule, the SIM, the end of the session that made it, what was found, and where the run began."""

    rule: str
    linkid: int
    at: datetime
    what: str
    begun: datetime


class History:
    """One SIM's sessions in the order of their ends."""

    def __init__(self, sessions: Iterable[Session]) -> None:
        self.sessions = sorted(sessions, key=lambda session: (session.timestamp, session.record_id))
        self.ends = [session.timestamp for session in self.sessions]
        self.linkid = self.sessions[0].linkid
        # "No alert until 10 sessions on 3 days are known."
        days: set[date] = set()
        self.known_from = datetime.max
        for number, session in enumerate(self.sessions, start=1):
            days.add(session.timestamp.date())
            if number >= 10 and len(days) >= 3:
                self.known_from = session.timestamp
                break

    def between(self, start: datetime, end: datetime) -> Sequence[Session]:
        """Sessions that ended in [start, end)."""
        return self.sessions[bisect_left(self.ends, start) : bisect_left(self.ends, end)]

    def baseline(self, day: date) -> Sequence[Session]:
        """The sessions of D-29 … D-2."""
        midnight = datetime.combine(day, datetime.min.time())
        return self.between(midnight - 29 * DAY, midnight - DAY)

    def days(self) -> Iterator[date]:
        """The days on which the SIM is known well enough."""
        yield from sorted({end.date() for end in self.ends if end > self.known_from})


def network_of(session: Session) -> str | None:
    """The network whatever its spelling."""
    return None if session.network_name is None else _NAMES[session.network_name]


def dominant(values: Iterable[str | None]) -> tuple[str, float] | None:
    """The most frequent known value and its share of the known."""
    counts = Counter(value for value in values if value is not None)
    if not counts:
        return None
    value, count = counts.most_common(1)[0]
    return value, count / counts.total()


def rat_downgrades(history: History) -> Iterator[Finding]:
    """Every run below the dominant technology when it becomes k long."""
    spoken: set[datetime] = set()
    for day in history.days():
        baseline = history.baseline(day)
        found = dominant(session.radio_access_technology for session in baseline)
        if found is None or found[1] < 0.8:
            continue
        level = LEVELS[found[0]]
        rats = [session.radio_access_technology for session in baseline if session.radio_access_technology]
        below = sum(LEVELS[rat] < level for rat in rats) / len(rats)
        a_day = len(baseline) / len({session.timestamp.date() for session in baseline})
        k = max(3, math.ceil(math.log(0.0003 / a_day) / math.log(max(0.005, below))))
        midnight = datetime.combine(day, datetime.min.time())
        run: list[Session] = []
        for session in history.between(midnight - 7 * DAY, midnight + DAY):
            rat = session.radio_access_technology
            if rat is None:
                continue
            run = [*run, session] if LEVELS[rat] < level else []
            if len(run) >= k and session.timestamp >= midnight and run[0].timestamp not in spoken:
                spoken.add(run[0].timestamp)
                worst = min((str(s.radio_access_technology) for s in run), key=LEVELS.__getitem__)
                yield Finding("rat_downgrade", history.linkid, session.timestamp, worst, run[0].session_begin)


def new_networks(history: History) -> Iterator[Finding]:
    """Every network first seen within 7 days and after the SIM was known, once it had 2 sessions or more than 10 kB."""
    seen: dict[str, list[Session]] = defaultdict(list)
    for session in history.sessions:
        network = network_of(session)
        if network is None:
            continue
        before = seen[network]
        before.append(session)
        first = before[0]
        enough = len(before) == 2 or (len(before) == 1 and session.bytes > 10_000)
        spoken = len(before) == 2 and first.bytes > 10_000
        if enough and not spoken and first.timestamp > history.known_from:
            yield Finding("new_network", history.linkid, session.timestamp, network, first.session_begin)


def network_shifts(history: History) -> Iterator[Finding]:
    """Another network on 60 % of 10 sessions or more in the three days to D; not again for 7 days."""
    last = datetime.min
    for day in history.days():
        usual = dominant(map(network_of, history.baseline(day)))
        midnight = datetime.combine(day, datetime.min.time())
        recent = [session for session in history.between(midnight - 2 * DAY, midnight + DAY) if network_of(session)]
        now = dominant(map(network_of, recent))
        if usual is None or now is None or usual[1] < 0.6 or len(recent) < 10 or now[1] < 0.6 or now[0] == usual[0]:
            continue
        if recent[-1].timestamp - last >= 7 * DAY:
            last = recent[-1].timestamp
            yield Finding("network_shift", history.linkid, last, now[0], recent[0].session_begin)


def country_changes(history: History) -> Iterator[Finding]:
    """A country that the SIM never was in, with bytes; not again for 24 hours."""
    seen: set[str] = set()
    last = datetime.min
    for session in history.sessions:
        if session.country is None:
            continue
        new = session.country not in seen and session.timestamp > history.known_from
        if new and session.bytes > 0 and session.timestamp - last >= DAY:
            last = session.timestamp
            yield Finding("country_change", history.linkid, last, session.country, session.session_begin)
        # A session without a byte doesn't make the country known.
        if session.bytes > 0 or not new:
            seen.add(session.country)


def imei_changes(history: History) -> Iterator[Finding]:
    """Another IMEI (14 digits): at once for another model, after two in a row for the same."""
    current: str | None = None
    waiting: Session | None = None
    for session in history.sessions:
        if session.imei is None:
            continue
        digits = session.imei[:14]
        if current is None or digits == current:
            current, waiting = digits, None
        elif digits[:8] != current[:8] or (waiting is not None and str(waiting.imei)[:14] == digits):
            begun = waiting.session_begin if waiting else session.session_begin
            current, waiting = digits, None
            yield Finding("imei_change", history.linkid, session.timestamp, session.imei, begun)
        else:
            waiting = session


def flappings(history: History) -> Iterator[Finding]:
    """Six sessions or more in 24 hours that change network or RAT, and half of the sessions or more; once in 24 hours.

    A session that changes both counts once; what is not known doesn't count.
    """
    changed: list[bool] = []
    network: str | None = None
    rat: str | None = None
    for session in history.sessions:
        here, technology = network_of(session), session.radio_access_technology
        changed.append(
            (network is not None and here not in {None, network}) or (rat is not None and technology not in {None, rat})
        )
        network, rat = here or network, technology or rat
    last = datetime.min
    for number, session in enumerate(history.sessions):
        start = bisect_left(history.ends, session.timestamp - DAY)
        window = changed[start : number + 1]
        if sum(window) >= 6 and sum(window) >= len(window) / 2 and session.timestamp - last >= DAY:
            last = session.timestamp
            if last > history.known_from:
                yield Finding("flapping", history.linkid, last, "", history.sessions[start].session_begin)


def shared_imeis(histories: Iterable[History]) -> Iterator[Finding]:
    """One IMEI on two SIMs within 24 hours; once per IMEI and SIM."""
    uses: defaultdict[str, list[tuple[datetime, int]]] = defaultdict(list)
    for history in histories:
        for session in history.sessions:
            if session.imei:
                uses[session.imei[:14]].append((session.timestamp, history.linkid))
    for imei, used in uses.items():
        spoken: set[int] = set()
        for (earlier, one), (later, other) in pairwise(sorted(used)):
            if one != other and later - earlier <= DAY:
                for linkid in {one, other} - spoken:
                    spoken.add(linkid)
                    yield Finding("shared_imei", linkid, later, imei, earlier)


def fleet_incidents(histories: Sequence[History]) -> Iterator[tuple[str, frozenset[int], datetime]]:
    """Network, SIMs and begin: ten SIMs and 5 % of those at home in a network that begin a downgrade within 6 hours."""
    begun: defaultdict[str, list[tuple[datetime, int]]] = defaultdict(list)
    at_home: Counter[str] = Counter()
    for history in histories:
        usual = dominant(map(network_of, history.sessions))
        if usual is None or usual[1] < 0.6:
            continue
        at_home[usual[0]] += 1
        begun[usual[0]] += [(finding.begun, history.linkid) for finding in rat_downgrades(history)]
    for network, starts in begun.items():
        starts.sort()
        for first, _ in starts:
            together = {linkid for moment, linkid in starts if first <= moment <= first + timedelta(hours=6)}
            if len(together) >= 10 and len(together) >= 0.05 * at_home[network]:
                yield network, frozenset(together), first
                break


def histories_of(sessions: Iterable[Session]) -> list[History]:
    """The sessions SIM by SIM."""
    own: defaultdict[int, list[Session]] = defaultdict(list)
    for session in sessions:
        own[session.linkid].append(session)
    return [History(mine) for _, mine in sorted(own.items())]


def findings_of(histories: Sequence[History]) -> list[Finding]:
    """What the seven rules about single SIMs find."""
    rules = (rat_downgrades, new_networks, network_shifts, country_changes, imei_changes, flappings)
    found = [finding for history in histories for rule in rules for finding in rule(history)]
    return sorted([*found, *shared_imeis(histories)], key=lambda finding: finding.at)
