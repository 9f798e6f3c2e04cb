"""When a change is over: by the baseline that it opened with, from the sessions since."""

from __future__ import annotations

from datetime import datetime, timedelta

from hologram_assets.domain.network_change import Change
from hologram_assets.domain.network_ended import accepted_at, ended_at
from hologram_assets.domain.networks import default_network_aliases
from hologram_assets.domain.radio import default_rat_levels
from tests.domain.network_world import FAR, OTHER, RULES, SIM, World, at, imei


def only(world: World, rule: str) -> Change:
    (change,) = world.told(rule)
    return change


def end(change: Change, world: World, until: datetime) -> datetime | None:
    since = [seen for seen in world.sessions if seen.session_end > change.observed_at - timedelta(hours=24)]
    return ended_at(change, since[::-1], RULES, default_rat_levels(), default_network_aliases(), until)


def test_a_change_that_lasts_14_days_is_accepted() -> None:
    world = World().usual()
    world.row(3, at(0, 1), rat="3G")
    change = only(world, "rat_downgrade")
    assert accepted_at(change, RULES) == at(-14, 2)


def test_a_downgrade_ends_with_k_sessions_in_a_row_back() -> None:
    world = World().usual()
    world.row(3, at(0, 1), rat="3G")
    change = only(world, "rat_downgrade")
    world.row(2, at(0, 3))
    world.see(at(0, 5), rat="3G")
    world.row(2, at(0, 6), rat="LTE-M")
    assert end(change, world, at(-1)) is None
    world.see(at(0, 8), rat=None)
    world.see(at(0, 9), rat="5G")
    assert end(change, world, at(0, 9)) is None  # not known yet
    assert end(change, world, at(-1)) == at(0, 9)


def test_a_new_network_ends_after_seven_days_without_it() -> None:
    world = World().usual()
    world.row(2, at(0, 1), minutes=60, network=OTHER)
    change = only(world, "new_network")
    world.see(at(-2, 5), network=OTHER)
    assert end(change, world, at(-9, 4)) is None
    assert end(change, world, at(-9, 5)) == at(-9, 5)


def test_a_shift_ends_when_the_old_network_is_dominant_again() -> None:
    world = World().usual(last=4)
    world.row(2, at(60, 5), network=OTHER)
    world.row(10, at(0, 1), network=OTHER)
    change = only(world, "network_shift")
    world.row(9, at(-1, 1))
    assert end(change, world, at(-9)) is None
    world.see(at(-1, 9))
    assert end(change, world, at(-9)) == at(-1, 9)


def test_a_country_ends_24_hours_after_the_last_session_there() -> None:
    world = World().usual()
    world.see(at(0, 1), country="France")
    change = only(world, "country_change")
    world.see(at(0, 5), country="France", bytes=0)
    world.row(3, at(0, 20))
    world.see(at(-1, 4.9))
    assert end(change, world, at(-3)) is None
    world.see(at(-1, 5))
    assert end(change, world, at(-3)) == at(-1, 5)


def test_another_imei_ends_with_the_old_one_twice_in_a_row() -> None:
    world = World().usual()
    world.see(at(0, 1), imei=imei(5, "35938610"))
    change = only(world, "imei_change")
    world.see(at(0, 2))
    world.see(at(0, 3), imei=imei(5, "35938610"))
    world.see(at(0, 4))
    assert end(change, world, at(-1)) is None
    world.see(at(0, 5), imei=None)
    world.see(at(0, 6))
    assert end(change, world, at(-1)) == at(0, 6)


def test_a_shared_imei_ends_after_seven_days_without_sharing() -> None:
    world = World()
    for linkid in (1, 2):
        world.usual(linkid=linkid)
    world.see(at(0, 1), 1)
    world.row(2, at(0, 2), linkid=2, imei=imei(1))
    change = only(world, "shared_imei")
    world.see(at(-1, 1), 1)  # still within 24 hours of the other
    world.usual(first=-3, last=-12, linkid=1)
    assert end(change, world, at(-8, 0.9)) is None
    assert end(change, world, at(-13)) == at(-8, 1)


def test_flapping_ends_after_24_hours_without() -> None:
    world = World().usual(last=2)
    world.row(2, at(60, 5), network=OTHER)
    for number in range(12):
        world.see(at(0, 1 + number), network=(OTHER, "T-Mobile USA")[number % 2])
    change = only(world, "flapping")
    world.row(40, at(0, 14))
    assert end(change, world, at(-1, 11)) is None
    assert end(change, world, at(-1, 12)) == at(-1, 12)


def test_an_incident_ends_below_20_percent_of_its_peak() -> None:
    world = World()
    for linkid in range(1, 11):
        world.usual(first=12, last=1, linkid=linkid, per_day=4)
        world.row(3, at(0, 3), minutes=10, linkid=linkid, rat="3G")
    change = only(world, "fleet_incident")
    for linkid in range(1, 9):
        world.row(3, at(0, 4 + linkid), minutes=10, linkid=linkid)
    assert end(change, world, at(-1)) is None  # 2 of 10 are left: not below 20 %
    world.row(3, at(0, 20), minutes=10, linkid=9)
    assert end(change, world, at(-1)) == at(0, 20) + timedelta(minutes=20)


def test_an_incident_of_a_network_ends_when_the_sims_are_off_it() -> None:
    world = World()
    for linkid in range(1, 12):
        world.usual(first=12, last=1, linkid=linkid, per_day=4)
        world.row(3, at(0, 3), minutes=10, linkid=linkid, network=FAR)
    change = only(world, "fleet_incident")
    for linkid in range(1, 12):
        world.row(3, at(0, 8), minutes=10, linkid=linkid)
    assert end(change, world, at(-1)) == at(0, 8) + timedelta(minutes=20)
    assert change.linkid != SIM
