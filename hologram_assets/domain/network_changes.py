"""`network_changes` of one day and organisation: all eight rules, SIM by SIM, then the fleet.

A change belongs to the day on which its condition was complete. Going day by day therefore tells each change once, and
nothing depends on what was run before: everything is read from the sessions of D-7 to D and the history of D-91 to D-1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from hologram_assets.domain.network_change import INHIBITED_BY, NEW_NETWORK, WARN, Change, DailyUse, Finding, Seen
from hologram_assets.domain.network_flapping import Flapping, flapping
from hologram_assets.domain.network_fleet import incidents
from hologram_assets.domain.network_imei import Stay, imei_changes, shared_imeis, stays
from hologram_assets.domain.network_rat import rat_downgrades
from hologram_assets.domain.network_rules import NetworkRules
from hologram_assets.domain.network_sets import country_changes, new_networks
from hologram_assets.domain.network_shift import network_shifts
from hologram_assets.domain.network_sim import SimView
from hologram_assets.domain.network_words import Words

Sim = tuple[int, Sequence[Seen], Sequence[DailyUse]]
"""A SIM's linkid, its sessions and its history."""


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
) -> list[Change]:
    """As `fleet_changes`, from SIMs that come one by one, each once; in memory stay a few words per SIM.

    A SIM with history but without sessions must come too: it counts among those of its network.
    """
    words = Words(rat_levels, network_aliases)
    findings: list[tuple[int, Finding]] = []
    flaps: dict[int, Flapping] = {}
    fleet_stays: list[Stay] = []
    population: Counter[tuple[date, str]] = Counter()
    networks: set[str | None] = set()
    for linkid, sessions, history in sims:
        sim = SimView(linkid, day, sessions, history, rules, words)
        networks |= sim.networks_before
        population.update(sim.homes().items())
        # No rule tells of a SIM before it is known, and a SIM without sessions never becomes it.
        if sim.known_from == len(sim.events):
            continue
        flaps_of_sim = flapping(sim)
        if flaps_of_sim.findings:
            flaps[linkid] = flaps_of_sim
        fleet_stays += stays(sim)
        findings += [(linkid, finding) for finding in _own(sim, flaps_of_sim)]
    findings += shared_imeis(fleet_stays, rules)
    found = incidents(org_id, findings, population, rules)
    changes = []
    for linkid, finding in findings:
        if finding.observed_at.date() != day:
            continue
        told = finding
        if finding.rule == NEW_NETWORK and finding.current not in networks:
            told = finding._replace(severity=WARN, detail={**finding.detail, "new_to_organisation": True})
        by = flaps[linkid].speaks_for(finding) if linkid in flaps else None
        inhibited_by = by.change(org_id, linkid).change_id if by is not None else None
        if inhibited_by is None:
            inhibited_by = next((each.change.change_id for each in found if each.takes_in(finding)), None)
        changes.append(told.change(org_id, linkid, inhibited_by))
    changes.sort(key=_order)
    of_fleet = [each.change for each in found if each.change.observed_at.date() == day]
    return changes + sorted(of_fleet, key=_order)


def _own(sim: SimView, flaps: Flapping) -> list[Finding]:
    return [
        *flaps.findings,
        *rat_downgrades(sim),
        *new_networks(sim),
        *network_shifts(sim),
        *country_changes(sim),
        *imei_changes(sim),
    ]


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
