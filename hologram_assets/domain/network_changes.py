"""`network_changes` of one day and organisation: all eight rules, SIM by SIM, then the fleet.

A change belongs to the day on which its condition was complete. Going day by day therefore tells each change once, and
nothing depends on what was run before: everything is read from the sessions of D-7 to D and the history of D-91 to D-1.

Of a large fleet nearly every SIM has nothing to tell. `sim_changes` takes those alone of which a rule might, if it is told
what the rules ask of the others (`Fleet`); which SIMs those are, `warehouse.network_suspects` finds out.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from hologram_assets.domain.network_change import (
    COUNTRY_CHANGE,
    FLAPPING,
    IMEI_CHANGE,
    INHIBITED_BY,
    NETWORK_RULES,
    NETWORK_SHIFT,
    NEW_NETWORK,
    RAT_DOWNGRADE,
    SHARED_IMEI,
    WARN,
    Change,
    DailyUse,
    Finding,
    Seen,
)
from hologram_assets.domain.network_flapping import Flapping, flapping
from hologram_assets.domain.network_fleet import HomesOn, incidents
from hologram_assets.domain.network_imei import Stay, imei_changes, shared_imeis, stays
from hologram_assets.domain.network_rat import rat_downgrades
from hologram_assets.domain.network_rules import NetworkRules
from hologram_assets.domain.network_sets import country_changes, new_networks
from hologram_assets.domain.network_shift import network_shifts
from hologram_assets.domain.network_sim import SimView
from hologram_assets.domain.network_words import Words

Sim = tuple[int, Sequence[Seen], Sequence[DailyUse]]
"""A SIM's linkid, its sessions and its history."""


OF_ONE_SIM: Mapping[str, Callable[[SimView], list[Finding]]] = {
    RAT_DOWNGRADE: rat_downgrades,
    NEW_NETWORK: new_networks,
    NETWORK_SHIFT: network_shifts,
    COUNTRY_CHANGE: country_changes,
    IMEI_CHANGE: imei_changes,
}
"""The rules that a SIM's own view is enough for; flapping is one too, and also speaks for others."""


class Fleet(NamedTuple):
    """What is known of all SIMs of an organisation before the rules look at any.

    `suspects` are the SIMs of which a rule might tell something, each with those rules: no other SIM and no other rule has
    anything to tell on any day of the window. `networks` are those that any SIM was on before the window (day-91 to day-8);
    `homes_on` tells of a day of the window how many SIMs were mostly on each network in its baseline (`SimView.homes`).
    """

    suspects: Mapping[int, Collection[str]]
    networks: Collection[str | None]
    homes_on: HomesOn


def fleet_changes(
    org_id: int,
    day: date,
    sessions: Iterable[Seen],
    history: Iterable[DailyUse],
    rules: NetworkRules,
    rat_levels: Mapping[str, int],
    network_aliases: Mapping[str, str],
) -> list[Change]:
    """The changes of an organisation that were complete on `day`, in order of SIM, moment and rule; the fleet's last.

    `sessions` are those of day-7 to day, `history` the daily sums of day-91 to day-1; both in any order, and anything
    outside is not looked at. For a large fleet, `sim_changes` takes the same SIM by SIM.
    """
    by_sim: dict[int, tuple[list[Seen], list[DailyUse]]] = {}
    for seen in sessions:
        by_sim.setdefault(seen.linkid, ([], []))[0].append(seen)
    for use in history:
        by_sim.setdefault(use.linkid, ([], []))[1].append(use)
    sims = ((linkid, *by_sim[linkid]) for linkid in sorted(by_sim))
    return sim_changes(org_id, day, sims, rules, rat_levels, network_aliases)


def sim_changes(
    org_id: int,
    day: date,
    sims: Iterable[Sim],
    rules: NetworkRules,
    rat_levels: Mapping[str, int],
    network_aliases: Mapping[str, str],
    fleet: Fleet | None = None,
) -> list[Change]:
    """As `fleet_changes`, from SIMs that come one by one in order of `linkid`; in memory stay a few words per SIM.

    With `fleet` its suspects come. Without it every SIM must, one with history but without sessions too: it counts among
    those of its network.
    """
    words = Words(rat_levels, network_aliases)
    told = _Told([], {}, [])
    networks: set[str | None] = set()
    homes: defaultdict[date, Counter[str]] = defaultdict(Counter)
    for linkid, sessions, history in sims:
        sim = SimView(linkid, day, sessions, history, rules, words)
        if fleet is None:
            networks |= sim.networks_before
            for of_day, network in sim.homes().items():
                homes[of_day][network] += 1
        # No rule tells of a SIM before it is known, and a SIM without sessions never becomes it.
        if sim.known_from < len(sim.events):
            told.add(sim, NETWORK_RULES if fleet is None else fleet.suspects[linkid])
    findings = told.findings + list(shared_imeis(told.stays, rules))
    whole = fleet or Fleet({}, networks, homes.__getitem__)
    found = incidents(org_id, findings, whole.homes_on, rules)
    changes = []
    for linkid, finding in findings:
        if finding.observed_at.date() != day:
            continue
        spoken = finding
        if finding.rule == NEW_NETWORK and finding.current not in whole.networks:
            spoken = finding._replace(severity=WARN, detail={**finding.detail, "new_to_organisation": True})
        by = told.flaps[linkid].speaks_for(finding) if linkid in told.flaps else None
        inhibited_by = by.change(org_id, linkid).change_id if by is not None else None
        if inhibited_by is None:
            inhibited_by = next((each.change.change_id for each in found if each.takes_in(finding)), None)
        changes.append(spoken.change(org_id, linkid, inhibited_by))
    changes.sort(key=_order)
    of_fleet = [each.change for each in found if each.change.observed_at.date() == day]
    return changes + sorted(of_fleet, key=_order)


class _Told(NamedTuple):
    """What the SIMs told so far, one by one: a few words per SIM."""

    findings: list[tuple[int, Finding]]
    flaps: dict[int, Flapping]
    stays: list[Stay]

    def add(self, sim: SimView, suspected: Collection[str]) -> None:
        """Ask a SIM's rules; those that aren't suspected have nothing to tell."""
        if FLAPPING in suspected:
            flaps = flapping(sim)
            if flaps.findings:
                self.flaps[sim.linkid] = flaps
                self.findings.extend((sim.linkid, finding) for finding in flaps.findings)
        if SHARED_IMEI in suspected:
            self.stays.extend(stays(sim))
        for rule, tell in OF_ONE_SIM.items():
            if rule in suspected:
                self.findings.extend((sim.linkid, finding) for finding in tell(sim))


def _order(change: Change) -> tuple[int, object, str, str, str]:
    return (
        change.linkid or 0,
        change.observed_at,
        change.rule,
        change.previous or "",
        change.current or "",
    )


def is_inhibited(change: Change) -> bool:
    """Whether flapping or a fleet incident speaks for the change."""
    return INHIBITED_BY in change.detail


def unmapped_rats(sessions: Iterable[Seen], rat_levels: Mapping[str, int]) -> Counter[str]:
    """How many sessions have a RAT that the table lacks, by the API's word: such a RAT is null to every rule."""
    return Counter(
        seen.rat
        for seen in sessions
        if seen.rat is not None and seen.rat.strip() and seen.rat.strip().casefold() not in rat_levels
    )
