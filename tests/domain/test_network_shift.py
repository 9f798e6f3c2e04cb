"""`network_shift`: 60 % of ten sessions in three days are on another network than the dominant one."""

from __future__ import annotations

import pytest

from tests.domain.network_world import HOME_FOLDED, OTHER, OTHER_FOLDED, World, at, day


def known(world: World) -> World:
    """The other network is no new one."""
    world.row(2, at(60, 5), network=OTHER)
    return world


@pytest.mark.parametrize(("elsewhere", "told"), [(6, 1), (5, 0)])
def test_60_percent_of_ten_sessions_shift(elsewhere: int, told: int) -> None:
    world = known(World().usual(last=4, per_day=4))
    world.row(10 - elsewhere, at(2, 1))
    world.row(elsewhere, at(0, 1), network=OTHER)
    changes = world.told("network_shift")
    assert len(changes) == told
    for change in changes:
        assert (change.severity, change.previous, change.current) == ("warn", HOME_FOLDED, OTHER_FOLDED)
        assert (change.detail["share"], change.detail["sessions"]) == (0.6, 10)
        assert change.detail["began_at"] == at(0, 1).isoformat()


@pytest.mark.parametrize(("sessions", "told"), [(10, 1), (9, 0)])
def test_fewer_than_ten_sessions_in_three_days_say_nothing(sessions: int, told: int) -> None:
    world = known(World().usual(last=5, per_day=4))
    world.row(sessions, at(1, 5), network=OTHER)
    assert len(world.told("network_shift", day(1))) == told


def test_sessions_of_three_days_ago_no_longer_count() -> None:
    world = known(World().usual(last=5, per_day=4))
    world.row(9, at(3, 5), minutes=0, network=OTHER)
    world.see(at(0, 5), network=OTHER)
    assert not world.told("network_shift")
    world.see(at(0, 4.99), network=OTHER)
    assert [change.observed_at for change in world.told("network_shift")] == [at(0, 4.99)]


@pytest.mark.parametrize(("at_home", "told"), [(6, 1), (5, 0)])
def test_the_baseline_needs_a_dominant_network_of_60_percent(at_home: int, told: int) -> None:
    world = World()
    for back in range(40, 2, -1):
        world.row(at_home, at(back, 1))
        # Two networks share the rest, so that none of them is dominant either.
        for number in range(10 - at_home):
            world.see(at(back, 12 + number), network=(OTHER, "Verizon Wireless")[number % 2])
    for back in (2, 1, 0):
        world.row(10, at(back, 5), network=OTHER)
    assert len([change for change in world.day_by_day(2) if change.rule == "network_shift"]) == told


def test_a_shift_that_lasts_is_told_once() -> None:
    world = known(World().usual(last=15))
    world.usual(first=14, last=0, network=OTHER)
    assert [change.rule for change in world.day_by_day(16)] == ["network_shift"]


def test_a_shift_that_comes_back_within_7_days_is_not_told_again() -> None:
    world = known(World().usual(last=12))
    world.usual(first=11, last=10, network=OTHER)
    world.usual(first=9, last=6)
    world.usual(first=5, last=4, network=OTHER)
    world.usual(first=3, last=0)
    assert len([change for change in world.day_by_day(12) if change.rule == "network_shift"]) == 1


def test_some_sessions_elsewhere_are_no_shift() -> None:
    world = known(World().usual(last=8))
    world.row(6, at(0, 1), network=OTHER)
    world.row(20, at(0, 5))
    assert not world.told("network_shift")


def test_a_session_without_a_network_counts_nowhere() -> None:
    world = known(World().usual(last=4, per_day=4))
    world.row(10, at(1, 1), network=None)
    world.row(9, at(0, 1), network=OTHER)
    assert not world.told("network_shift")
