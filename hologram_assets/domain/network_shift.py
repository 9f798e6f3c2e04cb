"""`network_shift`: the SIM still works, but most of its sessions are on another network than usual.

Told at the first session on the other network that makes its share of the last three days 60 %, if that was not so at
any session of the seven days before: so a shift that lasts is told once, and one that comes back within seven days isn't
told again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from hologram_assets.domain.network_baseline import Baseline
from hologram_assets.domain.network_change import NETWORK_SHIFT, WARN, Finding
from hologram_assets.domain.network_rules import NetworkRules
from hologram_assets.domain.network_sim import SimView
from hologram_assets.domain.network_words import Event


class UsualNetwork(NamedTuple):
    """The dominant network of a baseline and its share of the sessions whose network is known."""

    network: str
    share: float


def usual_network(baseline: Baseline, rules: NetworkRules) -> UsualNetwork | None:
    """The dominant network; None if none has 60 %, or if too few sessions with a known network are known."""
    known = sum(baseline.networks.values())
    if known < rules.min_sessions or baseline.network_days < rules.min_days:
        return None
    network = max(baseline.networks, key=lambda of: (baseline.networks[of], of))
    share = baseline.networks[network] / known
    return UsualNetwork(network, share) if share >= rules.shift_baseline_share else None


class Shares:
    """The networks of the last days' sessions, as sessions come in."""

    def __init__(self, days: int) -> None:
        self._span = timedelta(days=days)
        self._events: list[Event] = []
        self._oldest = 0
        self._counts: dict[str, int] = {}

    def add(self, event: Event) -> None:
        """One more session with a known network; those that lie the span back, or more, go."""
        assert event.network is not None  # noqa: S101 - callers leave the others out
        self._events.append(event)
        self._counts[event.network] = self._counts.get(event.network, 0) + 1
        while event.at - self._events[self._oldest].at >= self._span:
            gone = self._events[self._oldest].network
            assert gone is not None  # noqa: S101
            self._counts[gone] -= 1
            self._oldest += 1

    @property
    def recent(self) -> Sequence[Event]:
        """The sessions of the span."""
        return self._events[self._oldest :]

    @property
    def sessions(self) -> int:
        """How many sessions lie in the span."""
        return len(self._events) - self._oldest

    def of(self, network: str) -> int:
        """How many of them were on a network."""
        return self._counts.get(network, 0)

    def is_dominant(self, network: str, rules: NetworkRules) -> bool:
        """Whether the network has 60 % of at least ten sessions."""
        return self.sessions >= rules.shift_sessions and self.of(network) >= rules.shift_share * self.sessions


def network_shifts(sim: SimView) -> list[Finding]:
    """The changes of every day of the window."""
    rules = sim.rules
    usual = usual_network(sim.baseline(sim.day), rules)
    if usual is not None:
        away = sum(event.network is not None and event.network != usual.network for event in sim.events)
        # Nearly every SIM stops here: too few sessions elsewhere for any three days.
        if away < rules.shift_share * rules.shift_sessions:
            return []
    start = sim.window_start - timedelta(days=rules.shift_days)
    shares = Shares(rules.shift_days)
    for event in sim.earlier:
        if event.network is not None and event.at >= start:
            shares.add(event)
    pause = timedelta(days=rules.shift_again_days)
    last: dict[tuple[str, str], datetime] = {}
    findings = []
    for event in sim.events:
        network = event.network
        if network is None:
            continue
        shares.add(event)
        if not shares.is_dominant(network, rules):
            continue
        baseline = sim.baseline(event.at.date())
        usual = usual_network(baseline, rules)
        if usual is None or usual.network == network:
            continue
        pair = (usual.network, network)
        before, last[pair] = last.get(pair), event.at
        if before is not None and event.at - before <= pause:
            continue
        began = _beginning(shares.recent, network)
        detail: dict[str, Any] = {
            "baseline_share": round(usual.share, 4),
            "share": round(shares.of(network) / shares.sessions, 4),
            "sessions": shares.sessions,
            "days": rules.shift_days,
        }
        findings.append(
            Finding(
                NETWORK_SHIFT,
                WARN,
                usual.network,
                network,
                event.at,
                event.record_id,
                began.at,
                detail,
                "network",
                network,
                baseline.home(rules),
            )
        )
    return findings


def _beginning(events: Sequence[Event], network: str) -> Event:
    """Where the shift began: the session from which on the sessions on `network` outnumber the others by most.

    The first of a row would do if a network were left for good; a single session back would make it look late.
    """
    best, best_score, score = events[-1], 0, 0
    for event in reversed(events):
        score += 1 if event.network == network else -1
        if score >= best_score:
            best, best_score = event, score
    return best
