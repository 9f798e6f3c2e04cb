"""A healthy fleet: it roams and falls back at random, and the network and RAT rules leave it alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from random import Random

import pytest

from hologram_assets.domain.network_change import Change, DailyUse, Seen
from hologram_assets.domain.network_changes import sim_changes
from hologram_assets.domain.networks import default_network_aliases
from hologram_assets.domain.radio import default_rat_levels
from tests.domain.network_world import HOME, ONE_DAY, ORG, OTHER, RULES, World, at, daily_use, day

ROAMING = (
    ("Telefonica Moviles Espana S.A.", "Spain"),
    ("Vodafone Espana S.A.U.", "Spain"),
    ("Orange S.A.", "France"),
    ("SFR", "France"),
    ("Telekom Deutschland GmbH", "Germany"),
    ("Vodafone GmbH", "Germany"),
)
DAYS = 120


def healthy_sim(linkid: int, chance: Random) -> list[Seen]:
    """120 days with 2 to 12 sessions each; every third SIM roams, every one falls back to 3G in 5 % of its sessions."""
    world = World()
    per_day = chance.choice((2, 4, 6, 8, 10, 12))
    for back in range(DAYS - 1, -1, -1):
        for number in range(per_day):
            falls = chance.random() < 0.05
            network, country = (OTHER if falls else HOME), "United States"
            if linkid % 3 == 0:
                stop = (back // 2 + linkid) % 3
                network, country = ROAMING[2 * stop + (chance.random() < 0.4)]
            world.see(
                at(back, (number + chance.random()) * 24 / per_day),
                linkid,
                rat="3G" if falls else "LTE",
                network=None if chance.random() < 0.02 else network,
                country=country,
            )
    return world.sessions


class Fleet:
    """SIMs with their sessions and daily sums by day, so that going day by day takes only what a day may see."""

    def __init__(self, sims: int, seed: int) -> None:
        chance = Random(seed)
        self.sessions: dict[int, dict[date, list[Seen]]] = {}
        self.uses: dict[int, list[DailyUse]] = {}
        for linkid in range(1, sims + 1):
            of_day: dict[date, list[Seen]] = {}
            sessions = healthy_sim(linkid, chance)
            for seen in sessions:
                of_day.setdefault(seen.session_end.date(), []).append(seen)
            self.sessions[linkid] = of_day
            self.uses[linkid] = daily_use(sessions)

    def on(self, when: date) -> Iterator[tuple[int, list[Seen], list[DailyUse]]]:
        """What a day may see."""
        for linkid, of_day in self.sessions.items():
            window = [seen for back in range(8) for seen in of_day.get(when - back * ONE_DAY, ())]
            yield linkid, window, [use for use in self.uses[linkid] if when - 91 * ONE_DAY <= use.day < when]

    def changes(self, days: int) -> list[Change]:
        """The last days, one by one."""
        levels, aliases = default_rat_levels(), default_network_aliases()
        return [
            change
            for back in range(days - 1, -1, -1)
            for change in sim_changes(ORG, day(back), self.on(day(back)), RULES, levels, aliases)
        ]

    def naive(self, days: int) -> int:
        """How often the RAT or the network differs from the last session's."""
        since = at(days - 1)
        count = 0
        for of_day in self.sessions.values():
            ordered = [
                seen for sessions in of_day.values() for seen in sorted(sessions, key=lambda one: one.session_end)
            ]
            for before, seen in pairwise(ordered):
                if seen.session_end >= since:
                    count += before.rat != seen.rat
                    count += None not in {before.network, seen.network} and before.network != seen.network
        return count


@pytest.mark.campaign
def test_a_healthy_fleet_hears_less_than_one_alert_per_1000_sim_days() -> None:
    sims, days = 90, 25
    fleet = Fleet(sims, seed=20260615)
    changes = fleet.changes(days)
    per_1000 = 1000 / (sims * days)
    assert len(changes) * per_1000 < 1, changes
    # The rule that isn't one, on the same sessions.
    assert fleet.naive(days) * per_1000 > 1000
