"""What was planted, by the rule that has to find it: the truth for whoever tests rules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from hologram_assets.sandbox.kinds import Change
from hologram_assets.sandbox.networks import NEVER_SEEN, Network
from hologram_assets.sandbox.sims import Sim

_RULES: Final[dict[Change, tuple[str, tuple[str, ...]]]] = {
    Change.DOWN_TO_3G: ("rat_downgrade", ()),
    Change.DOWN_TO_2G: ("rat_downgrade", ()),
    Change.NEW_NETWORK: ("new_network", ("country_change", "network_shift")),
    Change.NEW_IMEI: ("imei_change", ()),
    Change.NEW_MODEL: ("imei_change", ()),
    Change.NEW_PIECE: ("imei_change", ()),
    Change.BORROWED_IMEI: ("shared_imei", ("imei_change",)),
    Change.VISIT: ("new_network", ()),
    Change.SHIFT: ("network_shift", ()),
    Change.EMIGRATE: ("country_change", ("new_network", "network_shift")),
    Change.FLAP: ("flapping", ()),
    Change.OUTAGE: ("fleet_incident", ("rat_downgrade",)),
}
FEWEST_IN_INCIDENT: Final = 10
SHARE_IN_INCIDENT: Final = 0.05


@dataclass(frozen=True, slots=True)
class Planted:
    """One cause, and the rule of the network rules whose conditions it fulfils.

    `linkids` are the SIMs that the rule has to name, `at` is the moment of the cause (naive UTC): the first session that
    shows it begins then or later. `also` names the rules that may rightly speak of the same SIMs for the same cause.
    `detail` says what changes: `from`, `to`, and `until` (naive UTC; None: it stays), and by rule `model_changes`,
    `new_to_org`, `network`.
    """

    rule: str
    linkids: tuple[int, ...]
    at: datetime
    detail: dict[str, Any] = field(default_factory=dict)
    also: tuple[str, ...] = ()


def planted_in(sims: Sequence[Sim]) -> tuple[Planted, ...]:
    """The planted faults of one organisation's SIMs, by time.

    What only many SIMs make (an incident), or two (a shared IMEI), is left out where the organisation has too few.
    """
    found = []
    outages: defaultdict[tuple[datetime, str], list[Sim]] = defaultdict(list)
    by_index = {sim.index: sim for sim in sims}
    for sim in sims:
        if sim.kind.change is None or sim.changed_at is None:
            continue
        if sim.kind.change is Change.OUTAGE:
            outages[sim.changed_at, sim.home[0].name].append(sim)
            continue
        linkids: tuple[int, ...] = (sim.linkid,)
        if sim.kind.change is Change.BORROWED_IMEI:
            if sim.index + 1 not in by_index:
                continue
            linkids = (sim.linkid, by_index[sim.index + 1].linkid)
        rule, also = _RULES[sim.kind.change]
        found.append(Planted(rule, linkids, sim.changed_at, _detail(sim, sims), also))
    for (at, network), hit in outages.items():
        there = sum(not sim.tour and sim.home[0].name == network for sim in sims)
        if len(hit) >= FEWEST_IN_INCIDENT and len(hit) >= SHARE_IN_INCIDENT * there:
            rule, also = _RULES[Change.OUTAGE]
            detail = {"from": hit[0].kind.technology, "to": "3G", "network": network, "until": hit[0].changed_until}
            found.append(Planted(rule, tuple(sim.linkid for sim in hit), at, detail, also))
    return tuple(sorted(found, key=lambda planted: (planted.at, planted.linkids)))


def _detail(sim: Sim, sims: Sequence[Sim]) -> dict[str, Any]:
    change, until = sim.kind.change, sim.changed_until
    if change in {Change.DOWN_TO_3G, Change.DOWN_TO_2G}:
        return {"from": sim.kind.technology, "to": "3G" if change is Change.DOWN_TO_3G else "2G", "until": until}
    if change in {Change.NEW_IMEI, Change.NEW_MODEL, Change.NEW_PIECE, Change.BORROWED_IMEI}:
        changes = sim.imei[:8] != sim.next_imei[:8]
        return {"from": sim.imei, "to": sim.next_imei, "until": until, "model_changes": changes}
    if change is Change.FLAP:
        return {"from": sim.home[0].name, "to": sim.home[1].name, "until": until}
    if change is Change.SHIFT:
        return {"from": sim.home[0].name, "to": sim.home[1].name, "until": until}
    target = sim.kind.target or NEVER_SEEN
    by_country = change is Change.EMIGRATE
    return {
        "from": sim.home[0].country if by_country else sim.home[0].name,
        "to": target.country if by_country else target.name,
        "until": until,
        "network": target.name,
        "new_to_org": not any(_met_before(other, target, sim) for other in sims),
    }


def _met_before(other: Sim, network: Network, sim: Sim) -> bool:
    """Whether another SIM met the network before this one's change."""
    if other is sim:
        return False
    if network in other.home and not other.tour and not other.kind.travels:
        return True
    if any(network in pair for pair in other.tour):
        return True
    changes = other.changed_at is not None and sim.changed_at is not None and other.changed_at < sim.changed_at
    goes_there = (other.kind.target or (NEVER_SEEN if other.kind.change is Change.NEW_NETWORK else None)) == network
    return changes and goes_there
