"""`fleet_incident`: many SIMs of one network begin the same change within hours, so it is the network and not the SIMs.

Only changes that the SIMs' own rules confirmed count; they are placed where they began (the first session of the run), and
the incident is found when the last one needed is confirmed. Changes are the same if the SIMs were usually on the same
network N and the same became of them: the same pair of RAT levels, the same other network, the same other country.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from math import ceil
from typing import Any, NamedTuple

from hologram_assets.domain.network_change import CRITICAL, FLEET_INCIDENT, Change, Finding
from hologram_assets.domain.network_rules import NetworkRules

Key = tuple[str, str, str]
"""What makes changes the same: kind (rat, network, country), usual network N, what became of the SIM."""
HomesOn = Callable[[date], Mapping[str, int]]
"""How many SIMs are usually on each network, as the baseline of a day says."""


class Member(NamedTuple):
    """A SIM's own change, as the fleet rule sees it; sorts by when it was confirmed."""

    observed_at: datetime
    linkid: int
    finding: Finding


class Incident(NamedTuple):
    """An incident: what is told, and the time in which a change of its key began if it belongs to it."""

    key: Key
    change: Change
    first: datetime
    last: datetime

    def takes_in(self, finding: Finding) -> bool:
        """Whether the change is part of the incident, whenever it was confirmed."""
        return key_of(finding) == self.key and self.first <= finding.began_at <= self.last


def key_of(finding: Finding) -> Key | None:
    """The changes that it is the same as; None if it is none that a fleet can have in common."""
    if finding.kind is None or finding.target is None or finding.home is None:
        return None
    return finding.kind, finding.home, finding.target


def incidents(
    org_id: int,
    findings: Sequence[tuple[int, Finding]],
    homes_on: HomesOn,
    rules: NetworkRules,
) -> list[Incident]:
    """Every incident that the window shows, of any day.

    `findings` are SIM and change; `homes_on` counts the SIMs whose baseline network on a day is a network, and is asked only
    where enough SIMs for any incident began the same change. An incident goes on while further SIMs join within 24 hours,
    and is one change at the moment when it became one.
    """
    members: dict[Key, list[Member]] = {}
    for linkid, finding in findings:
        key = key_of(finding)
        if key is not None:
            members.setdefault(key, []).append(Member(finding.observed_at, linkid, finding))
    found: list[Incident] = []
    for key in sorted(members):
        of_key = sorted(members[key], key=lambda member: (member.observed_at, member.linkid, member.finding.began_at))
        once = _once_per_sim(of_key, timedelta(hours=rules.incident_hours))
        episodes = _episodes(_moments(key[1], once, homes_on, rules), rules)
        found += [_incident(org_id, key, moments, of_key) for moments in episodes]
    return found


class _Moment(NamedTuple):
    """A confirmed change with which the condition holds: its window of beginnings, and the numbers."""

    member: Member
    start: datetime
    end: datetime
    sims: int
    population: int
    needed: int


def _once_per_sim(members: Sequence[Member], span: timedelta) -> list[Member]:
    """Without a SIM's second word on the same change: a new network is also a shift, two days later."""
    last: dict[int, datetime] = {}
    kept = []
    for member in members:
        began = member.finding.began_at
        known = last.get(member.linkid)
        if known is None or abs(began - known) > span:
            kept.append(member)
            last[member.linkid] = began
    return kept


def _moments(home: str, members: Sequence[Member], homes_on: HomesOn, rules: NetworkRules) -> Iterator[_Moment]:
    span = timedelta(hours=rules.incident_hours)
    begins: list[datetime] = []
    for member in members:
        began = member.finding.began_at
        insort(begins, began)
        day = member.observed_at.date()
        oldest = datetime.combine(day, datetime.min.time()) - timedelta(days=rules.incident_days - 1)
        low = bisect_left(begins, max(oldest, began - span))
        high = bisect_right(begins, began + span)
        if high - low < rules.incident_sims:
            continue
        sims = homes_on(day).get(home, 0)
        needed = max(rules.incident_sims, ceil(round(rules.incident_share * sims, 9)))
        if high - low < needed:
            continue
        # The member is somewhere among `needed` beginnings in a row that lie within the span.
        position = bisect_left(begins, began)
        for first in range(max(low, position - needed + 1), min(position, high - needed) + 1):
            if begins[first + needed - 1] - begins[first] <= span:
                inside = bisect_right(begins, begins[first] + span) - first
                yield _Moment(member, begins[first], begins[first] + span, inside, sims, needed)
                break


def _episodes(moments: Iterator[_Moment], rules: NetworkRules) -> Iterator[list[_Moment]]:
    """Moments that follow one another within 24 hours are one incident."""
    again = timedelta(hours=rules.incident_again_hours)
    episode: list[_Moment] = []
    for moment in moments:
        if episode and moment.member.observed_at - episode[-1].member.observed_at > again:
            yield episode
            episode = []
        episode.append(moment)
    if episode:
        yield episode


def _incident(org_id: int, key: Key, moments: Sequence[_Moment], members: Sequence[Member]) -> Incident:
    moment = moments[0]
    kind, home, target = key
    first = min(each.start for each in moments)
    last = max(each.end for each in moments)
    inside = [member for member in members if first <= member.finding.began_at <= last]
    sims = sorted({member.linkid for member in inside})
    finding = moment.member.finding
    detail: dict[str, Any] = {
        "began_at": first.isoformat(),
        "kind": kind,
        "network": home,
        "target": target,
        "sims": sims,
        "sims_count": len(sims),
        "peak": len(sims),
        "sims_when_found": moment.sims,
        "sims_needed": moment.needed,
        "sims_on_network": moment.population,
        "rules": sorted({member.finding.rule for member in inside}),
    }
    if kind == "rat":
        detail["previous_level"] = finding.detail["previous_level"]
        detail["current_level"] = finding.detail["current_level"]
        # Two networks may lose the same RAT with the same session.
        previous, current = f"{finding.previous} on {home}", finding.current
    else:
        previous, current = home, finding.current
    change = Change(
        org_id,
        None,
        FLEET_INCIDENT,
        CRITICAL,
        previous,
        current,
        finding.observed_at,
        finding.record_id,
        detail,
    )
    return Incident(key, change, first, last)
