"""Where the sessions of one day take place for the newer profiles: network, country and radio technology, in order.

At home: one network, and on every second day a run of sessions in another. On tour: two networks a day, one after the
other, and again from the beginning on the third day. So whatever belongs to a SIM is met within any two days: the rules
speak from the third day on, and nothing but what was planted is new to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Final

from hologram_assets.sandbox.draws import random_for
from hologram_assets.sandbox.kinds import Change
from hologram_assets.sandbox.networks import Network
from hologram_assets.sandbox.sims import Sim

_EVERY_DAYS: Final = 2
_AWAY: Final = 0.25
_VISITING: Final = 0.4
_STAYING: Final = 0.12
FALLBACK: Final = 0.05
"""The share of sessions on another technology than the SIM's own, each by its own chance."""
_FALLBACKS: Final = {"LTE": ("3G", "3G", "3G", "2G"), "LTE-M": ("2G", "2G", "3G"), "NB-IoT": ("2G",)}
_STEP_DOWN: Final = {Change.DOWN_TO_3G: "3G", Change.DOWN_TO_2G: "2G", Change.OUTAGE: "3G"}
_CALM_BEFORE: Final = timedelta(days=1)
_CALM_AFTER: Final = timedelta(days=4)


class Itinerary:
    """The places of one SIM's sessions of one UTC day, of which there are `count`."""

    def __init__(self, seed: int, sim: Sim, day: date, count: int) -> None:
        self._sim = sim
        chance = random_for(seed, "itinerary", sim.linkid, day)
        self._usual = _on_tour(chance, sim, day, count) if sim.tour else _at_home(chance, sim, day, count)
        self._technologies = [_technology(chance, sim) for _ in range(count)]
        self._calm = _is_calm(sim, day)
        # The planted day's own run, so that the two networks alternate twice a day and not with every session.
        self._visit = _run(chance, count, _VISITING)
        self._stay = _run(chance, count, _STAYING) if count > 3 else range(0)

    def at(self, number: int, moment: datetime) -> tuple[Network, str]:
        """Network and technology of the day's session `number` (from 0), which begins at `moment`."""
        sim = self._sim
        network = self._usual[number]
        # A lone fallback in the middle would make what was planted something else.
        technology = sim.kind.technology if self._calm else self._technologies[number]
        if sim.kind.change is None or not sim.is_changed(moment):
            return network, technology
        return self._changed(sim.kind.change, number, network, technology)

    def _changed(self, change: Change, number: int, network: Network, technology: str) -> tuple[Network, str]:
        """What the planted change makes of a session; a new modem leaves everything where it was."""
        usual, second = self._sim.home
        target = self._sim.kind.target or network
        if change in _STEP_DOWN:
            network, technology = usual, _STEP_DOWN[change]
        elif change is Change.FLAP:
            network = second if number % 2 else usual
            technology = "3G" if number % 4 > 1 else technology
        elif change is Change.SHIFT:
            network = usual if number in self._stay else second
        elif change is Change.EMIGRATE:
            network = target
        elif change is Change.VISIT:
            network = target if number in self._visit else usual
        return network, technology


def _at_home(chance: Random, sim: Sim, day: date, count: int) -> Sequence[Network]:
    away = range(0)
    if day.toordinal() % _EVERY_DAYS == sim.index % _EVERY_DAYS and count > 1:
        away = _run(chance, count, _AWAY)
    return [sim.home[number in away] for number in range(count)]


def _on_tour(chance: Random, sim: Sim, day: date, count: int) -> Sequence[Network]:
    first, second = sim.tour[(day.toordinal() + sim.index) % len(sim.tour)]
    cut = chance.randint(-(-count // 3), 2 * count // 3) if count > 1 else (day.toordinal() // len(sim.tour)) % 2
    return [first if number < cut else second for number in range(count)]


def _run(chance: Random, count: int, share: float) -> range:
    """Sessions in a row: `share` of the day's, at least one."""
    length = max(1, round(share * count))
    start = chance.randint(0, count - length)
    return range(start, start + length)


def _technology(chance: Random, sim: Sim) -> str:
    own = sim.kind.technology
    drawn, other = chance.random(), chance.choice(_FALLBACKS[own])
    return other if drawn < FALLBACK else own


def _is_calm(sim: Sim, day: date) -> bool:
    """Whether the day lies around the SIM's planted change, where nothing happens by chance."""
    if sim.changed_at is None:
        return False
    midnight = datetime.combine(day, time.min)
    return sim.changed_at - _CALM_BEFORE < midnight + timedelta(days=1) and midnight < sim.changed_at + _CALM_AFTER
