"""`flapping`: six changes of network or RAT in 24 hours, in half of the sessions, beyond what is usual for the SIM."""

from __future__ import annotations

from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hologram_assets.domain.network_change import INHIBITED_BY
from hologram_assets.domain.network_flapping import chance_of
from hologram_assets.domain.network_rules import NetworkRules
from tests.domain.network_world import OTHER, World, at, day


def steady() -> World:
    """A SIM that knows both networks, from long ago."""
    world = World().usual(last=1)
    world.row(2, at(60, 5), network=OTHER)
    return world


def alternating(world: World, changes: int, quiet: int = 0, back: int = 0) -> None:
    """So many changes, an hour apart, after sessions without any."""
    for number in range(quiet):
        world.see(at(back, 0.1 + number / 100))
    for number in range(changes):
        world.see(at(back, 2 + number), network=(OTHER, "T-Mobile USA")[number % 2])


def without_yesterday() -> World:
    """As `steady`, with nothing in the 24 hours before."""
    world = World().usual(last=2)
    world.row(2, at(60, 5), network=OTHER)
    return world


@pytest.mark.parametrize(("changes", "told"), [(6, 1), (5, 0)])
def test_six_changes_in_24_hours(changes: int, told: int) -> None:
    world = without_yesterday()
    alternating(world, changes)
    found = world.told("flapping")
    assert len(found) == told
    for change in found:
        assert (change.severity, change.previous, change.current) == ("warn", None, None)
        assert change.observed_at == at(0, 7)
        assert change.detail["changes"] == 6
        assert change.detail["networks"] == ["at t wireless", "t mobile usa"]


@pytest.mark.parametrize(("quiet", "told"), [(6, 1), (7, 0)])
def test_in_at_least_half_of_the_sessions(quiet: int, told: int) -> None:
    world = without_yesterday()
    alternating(world, 6, quiet)
    assert len(world.told("flapping")) == told


@pytest.mark.parametrize(("hours", "told"), [(24, 0), (23.99, 1)])
def test_changes_24_hours_ago_no_longer_count(hours: float, told: int) -> None:
    world = World().usual(last=3)
    world.row(2, at(60, 5), network=OTHER)
    first = world.see(at(1, 2), network=OTHER)
    for number in range(4):
        world.see(at(1, 3 + number), network=("T-Mobile USA", OTHER)[number % 2])
    world.see(at(1, 2 + hours), network="T-Mobile USA")
    assert first.session_end == at(1, 2)
    assert len([change for change in world.day_by_day(1) if change.rule == "flapping"]) == told


def test_changes_of_rat_level_count_and_changes_of_its_word_do_not() -> None:
    world = without_yesterday()
    for number in range(8):
        world.see(at(0, 1 + number), rat=("LTE", "LTE-M", "4G")[number % 3])
    assert not world.changes()
    for number in range(8):
        world.see(at(0, 14 + number), rat=("3G", "LTE")[number % 2])
    assert len(world.told("flapping")) == 1


def test_nulls_are_no_change() -> None:
    world = without_yesterday()
    for number in range(20):
        world.see(at(0, 1 + number), network=None if number % 2 else "T-Mobile USA", rat=None if number % 3 else "LTE")
    assert not world.changes()


def test_what_the_sim_does_every_day_is_not_flapping() -> None:
    world = World()
    for back in range(40, -1, -1):
        for number in range(10):
            world.see(at(back, 1 + number), network=(OTHER, "T-Mobile USA")[number % 2])
    assert not world.changes()
    assert world.told("flapping", rules=NetworkRules(flapping_false_alarms=1)) == []  # it never stopped
    quiet = [seen for seen in world.sessions if seen.session_end.date() != day(1)]
    world.sessions = quiet
    assert not world.told("flapping")
    assert len(world.told("flapping", rules=NetworkRules(flapping_false_alarms=1))) == 1


def test_it_is_told_again_only_after_24_hours_without() -> None:
    world = World().usual(last=6)
    world.row(2, at(60, 5), network=OTHER)
    for back in (5, 4, 3, 0):
        alternating(world, 12, back=back)
    told = [change.observed_at.date() for change in world.day_by_day(6) if change.rule == "flapping"]
    assert told == [day(5), day(0)]


def test_it_silences_the_other_network_and_rat_rules_but_not_country_and_imei() -> None:
    world = without_yesterday()
    for number in range(10):
        world.see(at(0, 1 + number), network=("New One", "T-Mobile USA")[number % 2])
    world.row(3, at(0, 14), rat="2G", country="France", imei="99999999123456")
    changes = {change.rule: change for change in world.changes()}
    by = changes["flapping"].change_id
    assert changes["new_network"].detail[INHIBITED_BY] == by
    assert changes["rat_downgrade"].detail[INHIBITED_BY] == by
    assert INHIBITED_BY not in changes["country_change"].detail
    assert INHIBITED_BY not in changes["imei_change"].detail


def test_24_hours_after_the_last_flap_the_other_rules_speak_again() -> None:
    world = without_yesterday()
    alternating(world, 10, back=1)  # the last change at 11:00 on the day before
    world.row(3, at(0, 10.5), minutes=20, rat="2G")
    assert [change.detail.get(INHIBITED_BY) for change in world.told("rat_downgrade")] == [None]
    world = without_yesterday()
    alternating(world, 10, back=1)
    world.row(3, at(0, 10.0), minutes=20, rat="2G")
    assert world.told("rat_downgrade")[0].detail[INHIBITED_BY] is not None


@given(st.integers(0, 60), st.integers(0, 60), st.floats(0.0, 1.0))
def test_the_chance_is_that_of_so_many_excursions(changes: int, sessions: int, excursions: float) -> None:
    trips, share = changes // 2, max(NetworkRules().rat_share_floor, excursions)
    if sessions - trips + 1 >= 0:
        expected = comb(sessions - trips + 1, trips) * share**trips
        assert chance_of(changes, sessions, excursions, NetworkRules()) == pytest.approx(expected, rel=1e-9)


def test_a_sim_with_thousands_of_sessions_a_day_has_a_chance_too() -> None:
    assert chance_of(1_000, 2_000, 0.0, NetworkRules()) >= 0
    assert chance_of(1_000, 2_000, 1.0, NetworkRules()) > 1
