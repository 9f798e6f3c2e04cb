"""`flapping`: the SIM goes back and forth between networks or RATs, so that no other rule can say where it is.

A change is a session whose network or RAT level differs from the last known one (one change, even if both differ).
Sessions of which neither is known don't count. What a SIM does on any day isn't flapping: see `chance_of`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from math import comb, exp, lgamma, log
from typing import Any, NamedTuple

from hologram_assets.domain.network_change import (
    FLAPPING,
    NETWORK_SHIFT,
    NEW_NETWORK,
    RAT_DOWNGRADE,
    WARN,
    Finding,
)
from hologram_assets.domain.network_rules import NetworkRules
from hologram_assets.domain.network_sim import SimView
from hologram_assets.domain.network_words import Event

_LARGEST_LOG = 700.0  # of a number that a float holds
SILENCED_BY_FLAPPING = frozenset({RAT_DOWNGRADE, NEW_NETWORK, NETWORK_SHIFT})
"""The network and RAT rules. Another country costs money and another device may be theft: those speak all the same."""


class Flap(NamedTuple):
    """A session at which a SIM is flapping, with the 24 hours up to it."""

    event: Event
    began_at: datetime
    changes: int
    sessions: int
    networks: tuple[str, ...]
    levels: tuple[int, ...]


def flaps(events: Iterable[Event], rules: NetworkRules) -> Iterator[Flap]:
    """The sessions that change network or RAT and find at least 6 such changes, in half of the sessions, in 24 hours."""
    span = timedelta(hours=rules.flapping_hours)
    network: str | None = None
    level: int | None = None
    recent: list[tuple[Event, bool]] = []
    oldest = changes = 0
    for event in events:
        if event.network is None and event.level is None:
            continue
        changed = (network is not None and event.network not in {None, network}) or (
            level is not None and event.level not in {None, level}
        )
        network, level = event.network or network, level if event.level is None else event.level
        recent.append((event, changed))
        changes += changed
        while event.at - recent[oldest][0].at >= span:
            changes -= recent[oldest][1]
            oldest += 1
        sessions = len(recent) - oldest
        if changed and changes >= rules.flapping_changes and changes >= rules.flapping_share * sessions:
            lately = [each for each, _ in recent[oldest:]]
            first = next(each for each, change in recent[oldest:] if change)
            yield Flap(
                event,
                first.at,
                changes,
                sessions,
                tuple(sorted({each.network for each in lately if each.network is not None})),
                tuple(sorted({each.level for each in lately if each.level is not None})),
            )


def chance_of(changes: int, sessions: int, excursions: float, rules: NetworkRules) -> float:
    """How likely a SIM with its usual share of `excursions` makes so many changes in so many sessions, at most.

    Two changes are one excursion and the way back; x excursions that don't touch fit into m sessions in C(m - x + 1, x)
    ways. With 5 % random fallback and 10 sessions a day, 6 changes in 24 hours happen on 12 of 1,000 SIM-days: alone, the
    count would be an alert on a healthy fleet.
    """
    trips = changes // 2
    share = max(rules.rat_share_floor, excursions)
    if not 0 < trips <= sessions - trips + 1 or not share:
        return comb(sessions - trips + 1, trips) * share**trips
    # By logarithms: 1,000 changes in 2,000 sessions are more ways than a float can hold.
    ways = lgamma(sessions - trips + 2) - lgamma(trips + 1) - lgamma(sessions - 2 * trips + 2)
    return exp(min(ways + trips * log(share), _LARGEST_LOG))


def is_unusual(flap: Flap, excursions: float, rules: NetworkRules) -> bool:
    """Whether the SIM's usual excursions don't explain it; with `flapping_false_alarms` 1 nothing does."""
    likely = chance_of(flap.changes, flap.sessions, excursions, rules)
    return rules.flapping_false_alarms >= 1 or likely < rules.flapping_false_alarms


class Flapping(NamedTuple):
    """A SIM's flapping in the window: what it tells, and from when to when each silences other rules."""

    findings: list[Finding]
    spans: list[tuple[datetime, datetime]]

    def speaks_for(self, finding: Finding) -> Finding | None:
        """The flapping that silences another finding of the SIM."""
        if finding.rule in SILENCED_BY_FLAPPING:
            for told, (start, end) in zip(self.findings, self.spans, strict=True):
                if start <= finding.observed_at <= end:
                    return told
        return None


def flapping(sim: SimView) -> Flapping:
    """Told at the first session that finds it, if none of the 24 hours before did ("again after 24 h").

    It silences what the SIM tells from 24 hours before (the changes that it is made of) until 24 hours after the last
    session that finds it.
    """
    rules = sim.rules
    span, pause = timedelta(hours=rules.flapping_hours), timedelta(hours=rules.flapping_again_hours)
    findings: list[Finding] = []
    spans: list[tuple[datetime, datetime]] = []
    last: datetime | None = None
    # Flapping of a SIM that is not known yet is not looked at: it may be in a test.
    known_at = sim.events[sim.known_from].at if sim.known_from < len(sim.events) else datetime.max
    for flap in flaps(sim.events, rules):
        at = flap.event.at
        baseline = sim.baseline(at.date())
        if at < known_at or not baseline.is_known(rules) or not is_unusual(flap, baseline.excursions, rules):
            continue
        if last is None or at - last > pause:
            findings.append(_finding(flap, baseline.excursions))
            spans.append((at - span, at + pause))
        else:
            spans[-1] = (spans[-1][0], at + pause)
        last = at
    return Flapping(findings, spans)


def _finding(flap: Flap, excursions: float) -> Finding:
    detail: dict[str, Any] = {
        "changes": flap.changes,
        "sessions": flap.sessions,
        "networks": list(flap.networks),
        "rat_levels": list(flap.levels),
        "baseline_excursions": excursions,
    }
    return Finding(FLAPPING, WARN, None, None, flap.event.at, flap.event.record_id, flap.began_at, detail)
