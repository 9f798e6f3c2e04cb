"""A session with its words read: RAT as a level, networks and countries folded, the IMEI without its check digit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from hologram_assets.domain.imei import device_of
from hologram_assets.domain.network_change import Seen
from hologram_assets.domain.networks import normalized


class Event(NamedTuple):
    """A session. `level` is its RAT's, None if the RAT is missing or not in the table; so is every other null."""

    at: datetime
    record_id: int | None
    bytes: int
    level: int | None
    rat: str | None
    network: str | None
    country: str | None
    device: str | None


class Words:
    """Reads words; one for a whole fleet, which has few RATs, networks and countries, and as many IMEIs as SIMs."""

    def __init__(self, rat_levels: Mapping[str, int], network_aliases: Mapping[str, str]) -> None:
        self._rat_levels = rat_levels
        self._aliases = network_aliases
        self._levels: dict[str | None, int | None] = {None: None}
        self._networks: dict[str | None, str | None] = {None: None}
        self._countries: dict[str | None, str | None] = {None: None}
        self._imei: str | None = None
        self._device: str | None = None

    def level(self, rat: str | None) -> int | None:
        """The RAT's level; None if missing or not in the table."""
        try:
            return self._levels[rat]
        except KeyError:
            level = self._levels[rat] = self._rat_levels.get((rat or "").strip().casefold())
            return level

    def network(self, name: str | None) -> str | None:
        """The name that the network is compared by."""
        try:
            return self._networks[name]
        except KeyError:
            network = self._networks[name] = normalized(name, self._aliases)
            return network

    def country(self, name: str | None) -> str | None:
        """The name that the country is compared by."""
        try:
            return self._countries[name]
        except KeyError:
            country = self._countries[name] = " ".join((name or "").casefold().split()) or None
            return country

    def device(self, imei: str | None) -> str | None:
        """The 14 digits of the IMEI; nearly every session has that of the one before."""
        if imei != self._imei:
            self._imei, self._device = imei, device_of(imei)
        return self._device

    def event(self, seen: Seen) -> Event:
        """A session, read."""
        _, record_id, at, volume, imei, rat, network, country = seen
        return Event(
            at,
            record_id,
            volume,
            self.level(rat),
            rat,
            self.network(network),
            self.country(country),
            self.device(imei),
        )
