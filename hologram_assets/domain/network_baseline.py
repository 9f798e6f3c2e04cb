"""What was usual for a SIM on a day: sums of its sessions of day-29 to day-2 by RAT and network.

Days that are missing from the history are days without sessions. Averages are over days with sessions, so that a hole
makes no SIM look quiet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from hologram_assets.domain.network_change import DailyUse
from hologram_assets.domain.network_rules import NetworkRules
from hologram_assets.domain.network_words import Words


class DaySum(NamedTuple):
    """A SIM's sessions of one day, counted; those with a null are in `sessions` only.

    `placed` counts the sessions whose network and RAT are both known, `usually_placed` those on the day's most frequent
    pair of them: the rest are excursions.
    """

    sessions: int
    rats: Mapping[tuple[int, str], int]
    networks: Mapping[str, int]
    placed: int
    usually_placed: int


def day_sum(uses: Iterable[DailyUse], words: Words) -> DaySum:
    """The rows of a SIM and day, counted."""
    sessions = 0
    rats: dict[tuple[int, str], int] = {}
    networks: dict[str, int] = {}
    places: dict[tuple[str, int], int] = {}
    for use in uses:
        count = use.sessions
        sessions += count
        level, network = words.level(use.rat), words.network(use.network)
        if level is not None and use.rat is not None:
            rats[level, use.rat] = rats.get((level, use.rat), 0) + count
        if network is not None:
            networks[network] = networks.get(network, 0) + count
            if level is not None:
                places[network, level] = places.get((network, level), 0) + count
    return DaySum(sessions, rats, networks, sum(places.values()), max(places.values(), default=0))


class Baseline(NamedTuple):
    """28 days of a SIM. `levels` and `networks` count sessions whose RAT or network is known."""

    sessions: int
    days: int
    levels: Mapping[int, int]
    level_days: int
    rats: Mapping[tuple[int, str], int]
    networks: Mapping[str, int]
    network_days: int
    excursions: float
    """Share of the sessions that were not on the day's most frequent pair of network and RAT."""

    def rat_of(self, level: int) -> str:
        """The RAT's word that the SIM used most for a level."""
        return most({rat: count for (of, rat), count in self.rats.items() if of == level}) or str(level)

    def is_known(self, rules: NetworkRules) -> bool:
        """Whether 10 sessions on 3 days lie in it."""
        return self.sessions >= rules.min_sessions and self.days >= rules.min_days

    def home(self, rules: NetworkRules) -> str | None:
        """The network that the SIM was on most, if enough is known of it."""
        return most(self.networks) if self.is_known(rules) else None


def baseline_of(sums: Iterable[DaySum]) -> Baseline:
    """The sum of days."""
    sessions = days = level_days = network_days = placed = usually_placed = 0
    levels: dict[int, int] = {}
    rats: dict[tuple[int, str], int] = {}
    networks: dict[str, int] = {}
    for each in sums:
        sessions += each.sessions
        days += 1
        level_days += bool(each.rats)
        network_days += bool(each.networks)
        placed += each.placed
        usually_placed += each.usually_placed
        for key, count in each.rats.items():
            rats[key] = rats.get(key, 0) + count
            levels[key[0]] = levels.get(key[0], 0) + count
        for network, count in each.networks.items():
            networks[network] = networks.get(network, 0) + count
    excursions = 1 - usually_placed / placed if placed else 0.0
    return Baseline(sessions, days, levels, level_days, rats, networks, network_days, excursions)


def most(counts: Mapping[str, int]) -> str | None:
    """The key with the highest count, the first in order among equals; None if there is none."""
    return min(counts, key=lambda key: (-counts[key], key), default=None)
