"""Where a SIM's sessions take place: network, country, radio technology and cell."""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache
from random import Random
from typing import Final

from hologram_assets.sandbox import networks
from hologram_assets.sandbox.draws import number_of, share_of
from hologram_assets.sandbox.kinds import Change
from hologram_assets.sandbox.networks import Network
from hologram_assets.sandbox.sims import Sim

_BLOCK_HOURS: Final = 8
"""Networks change a few times a day at most: a SIM that changes with every session would count as flapping."""
_DAYS_PER_COUNTRY: Final = 2
_AWAY_BLOCK: Final = 0.05
_EXCURSION: Final = 0.015
_OTHER_SPELLING: Final = 0.05


class Radio:
    """The radio side of one SIM's sessions of one UTC day."""

    def __init__(self, seed: int, sim: Sim, day: date) -> None:
        self._sim = sim
        self._day = day.toordinal()
        self._usual = tuple(self._network_of_block(seed, block) for block in range(24 // _BLOCK_HOURS))

    def _network_of_block(self, seed: int, block: int) -> Network:
        key = (seed, "radio", self._sim.linkid, self._day, block)
        if not self._sim.kind.travels:
            return self._sim.home[share_of(*key) < _AWAY_BLOCK]
        # Two networks per country; every SIM starts its tour elsewhere.
        stop = (self._day // _DAYS_PER_COUNTRY + self._sim.index) % (len(networks.ROAMING) // 2)
        return networks.ROAMING[2 * stop + (share_of(*key) < 0.4)]

    def at(self, chance: Random, moment: datetime, change: Change | None) -> tuple[Network, str]:
        """Network and radio technology of a session that begins at `moment`, after the SIM's planted change if any."""
        block = moment.hour // _BLOCK_HOURS
        network = self._usual[block]
        technology = self._sim.kind.technology
        # Coverage has holes: a lone session on 3G is no downgrade, and a rule that takes it for one cries wolf.
        if chance.random() < _EXCURSION:
            technology = "3G"
        if change is Change.DOWN_TO_3G:
            technology = "3G"
        elif change is Change.DOWN_TO_2G:
            technology = "2G"
        elif change is Change.NEW_NETWORK and (block + self._day) % 2:
            network = networks.NEVER_SEEN
        return network, technology

    def spelling(self, chance: Random, network: Network) -> str:
        """The network's name; now and then in another spelling."""
        return network.spelling if chance.random() < _OTHER_SPELLING else network.name

    def cell(self, chance: Random, network: Network) -> int:
        """One of the SIM's three cells in a network."""
        return 10_000_000 + _place(self._sim.linkid, network.name, chance.randrange(3)) % 90_000_000

    def area(self, network: Network) -> int:
        """The SIM's location area in a network."""
        return 1 + _place(self._sim.linkid, network.name, -1) % 65_000


@lru_cache(maxsize=65_536)
def _place(linkid: int, network: str, number: int) -> int:
    return number_of(linkid, network, number)
