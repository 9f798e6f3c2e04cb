"""What must not raise an alert: new SIMs, nulls, holes in the history, disorder, empty days, unknown words."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest

from hologram_assets.domain.network_changes import fleet_changes, sim_changes, unmapped_rats
from hologram_assets.domain.networks import default_network_aliases
from hologram_assets.domain.radio import default_rat_levels
from tests.domain.network_world import HOME, ORG, OTHER, RULES, SIM, D, World, at, changes_of, daily_use, day, imei


def test_a_sim_that_appears_for_the_first_time_is_silent() -> None:
    world = World().usual(linkid=1)
    for back, rat, network, country in ((2, "LTE", HOME, "Spain"), (1, "2G", OTHER, "France"), (0, "3G", HOME, "Chad")):
        world.row(20, at(back, 2), linkid=SIM, rat=rat, network=network, country=country, imei=imei(back, "35938610"))
    assert not world.day_by_day(3)


@pytest.mark.parametrize(("days", "per_day", "told"), [(3, 4, 1), (3, 3, 0), (2, 20, 0)])
def test_ten_sessions_on_three_days_must_be_known(days: int, per_day: int, told: int) -> None:
    # The baseline ends on D-2.
    world = World().usual(first=days + 1, last=2, per_day=per_day)
    world.row(8, at(0, 1), rat="2G")
    assert len(world.told("rat_downgrade")) == told


@pytest.mark.parametrize(("sessions", "told"), [(10, 1), (9, 0)])
def test_the_tenth_known_session_lets_another_imei_be_told(sessions: int, told: int) -> None:
    world = World().usual(first=3, last=1, per_day=3)
    world.row(sessions - 9, at(0, 1))
    world.see(at(0, 2), imei=imei(1, "35938610"))
    assert len(world.told("imei_change")) == told


@pytest.mark.parametrize("field", ["rat", "network", "country", "imei"])
def test_null_is_never_a_change(field: str) -> None:
    world = World().usual()
    for back in range(3, -1, -1):
        nothing: dict[str, Any] = {field: None}
        world.row(20, at(back, 2), **nothing)
    world.usual(first=-1, last=-3)
    assert not world.day_by_day(3, -3)


def test_an_empty_partition_tells_nothing() -> None:
    assert not World().changes()
    assert not World().usual().changes()  # history, and no session on the day


def test_a_sim_that_comes_back_after_a_hole_in_the_history_tells_nothing_new() -> None:
    # What it did on D-60 to D-3 is not known, and it has been on the other network since.
    world = World().usual(first=90, last=61)
    world.usual(first=60, last=0, network=OTHER, country="Canada")
    world.sessions = [seen for seen in world.sessions if not at(60) <= seen.session_end < at(2)]
    assert not world.day_by_day(2)


def test_missing_days_tell_nothing_of_a_sim_that_roams() -> None:
    chance = Random(7)
    world = World()
    for back in range(91, -1, -1):
        for number in range(6):
            world.see(at(back, 1 + 3 * number), network=chance.choice((HOME, OTHER, "Verizon")))
    missing = chance.sample([day(back) for back in range(1, 91)], 45)
    assert not changes_of(world.sessions, D, missing=missing)


def test_missing_days_do_not_make_k_smaller() -> None:
    world = World().usual(per_day=19)
    for back in range(40, 0, -1):
        world.see(at(back, 0.5), rat="3G")
    world.row(3, at(0, 1), rat="3G")
    assert not changes_of(world.sessions, D, missing=[day(back) for back in range(3, 25)])


def test_sessions_out_of_order_and_with_the_same_end_are_sorted_by_record_id() -> None:
    world = World().usual()
    for rat in ("3G", "3G", "LTE", "3G", "3G"):
        world.see(at(0, 1), rat=rat)
    assert not world.told("rat_downgrade")
    Random(1).shuffle(world.sessions)
    assert not world.told("rat_downgrade")


def test_another_plan_is_no_network_change() -> None:
    # Sessions know nothing of plans; what a plan change looks like here is a gap and other volumes.
    world = World().usual(last=2, bytes=1_000)
    world.usual(first=0, last=0, bytes=50_000_000)
    assert not world.day_by_day(2)


def test_unmapped_rats_are_counted_by_their_word_and_change_nothing() -> None:
    world = World().usual()
    world.row(6, at(0, 2), rat="6G-beta")
    world.row(2, at(0, 6), rat=" lte ")
    world.row(2, at(0, 8), rat=None)
    assert not world.changes()
    assert unmapped_rats(world.sessions, default_rat_levels()) == Counter({"6G-beta": 6})


def test_what_lies_outside_the_days_is_not_looked_at() -> None:
    world = World().usual()
    world.row(3, at(0, 2), rat="2G")
    expected = world.changes()
    world.usual(first=-1, last=-5, rat="3G")
    levels, aliases = default_rat_levels(), default_network_aliases()
    everything = fleet_changes(ORG, D, world.sessions, daily_use(world.sessions), RULES, levels, aliases)
    assert everything == expected


def test_sims_one_by_one_are_the_same_as_the_whole_fleet() -> None:
    world = World()
    for linkid in range(1, 15):
        world.usual(linkid=linkid)
        world.row(3, at(0, 2 + linkid / 10), linkid=linkid, rat="2G")
    sims = []
    for linkid in range(14, 0, -1):
        mine = [seen for seen in world.sessions if seen.linkid == linkid]
        sims.append((linkid, mine, daily_use(mine)))
    changes = sim_changes(ORG, D, iter(sims), RULES, default_rat_levels(), default_network_aliases())
    assert changes == world.changes()
    assert len(changes) == 15
