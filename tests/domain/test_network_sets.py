"""`new_network` and `country_change`: where the SIM has not been for 90 days."""

from __future__ import annotations

import pytest

from tests.domain.network_world import FAR, FAR_FOLDED, HOME_FOLDED, OTHER, OTHER_FOLDED, World, at, day


def test_a_new_network_is_told_at_its_second_session() -> None:
    world = World().usual()
    world.see(at(1, 12.5), network=OTHER)
    assert not world.changes(day(1))
    assert not world.changes()
    second = world.see(at(0, 1), network=OTHER)
    (change,) = world.changes()
    assert (change.rule, change.previous, change.current) == ("new_network", HOME_FOLDED, OTHER_FOLDED)
    assert change.record_id == second.record_id
    assert (change.detail["sessions"], change.detail["bytes"]) == (2, 2_000)


@pytest.mark.parametrize(("volume", "told"), [(10_000, 0), (10_001, 1)])
def test_more_than_10_kb_are_enough(volume: int, told: int) -> None:
    world = World().usual()
    world.see(at(0, 1), network=OTHER, bytes=volume)
    assert len(world.told("new_network")) == told


def test_it_is_told_once_in_90_days() -> None:
    world = World().usual(last=0)
    for back in (20, 20, 19, 10, 3, 3, 1, 0):
        world.see(at(back, 12.1), network=OTHER)
    assert [change.observed_at.date() for change in world.day_by_day(20)] == [day(20)]


@pytest.mark.parametrize(("first_seen", "told"), [(7, 1), (8, 0)])
def test_first_seen_more_than_7_days_ago_is_not_new(first_seen: int, told: int) -> None:
    world = World().usual()
    world.see(at(first_seen, 5), network=OTHER)
    world.see(at(0, 5), network=OTHER)
    assert len(world.told("new_network")) == told


@pytest.mark.parametrize(("last_seen", "told"), [(91, 0), (92, 1)])
def test_a_network_of_the_90_days_before_is_known(last_seen: int, told: int) -> None:
    world = World().usual()
    world.see(at(last_seen, 5), network=OTHER)
    world.row(2, at(0, 5), network=OTHER)
    assert len(world.told("new_network")) == told


def test_a_network_that_is_new_to_the_whole_organisation_is_a_warning_else_an_info() -> None:
    world = World().usual()
    world.row(2, at(0, 5), network=OTHER)
    assert [change.severity for change in world.told("new_network")] == ["warn"]
    world.usual(linkid=8, network="AT&T WIRELESS")
    assert [change.severity for change in world.told("new_network")] == ["info"]


def test_another_spelling_is_the_same_network() -> None:
    world = World().usual()
    world.row(5, at(0, 5), network="T-MOBILE USA")
    world.row(5, at(0, 8), network="T-Mobile US Inc.")  # by the alias table
    assert not world.changes()


def test_another_country_is_told_at_its_first_session_with_bytes() -> None:
    world = World().usual()
    world.row(3, at(0, 1), country="Switzerland", bytes=0)
    assert not world.changes()
    session = world.see(at(0, 4), country="switzerland ", bytes=1)
    (change,) = world.changes()
    assert (change.rule, change.severity) == ("country_change", "warn")
    assert (change.previous, change.current) == ("united states", "switzerland")
    assert change.record_id == session.record_id


def test_a_country_of_the_90_days_before_is_known_even_without_bytes_there() -> None:
    world = World().usual()
    world.see(at(60, 3), country="Canada", bytes=0)
    world.row(3, at(0, 3), country="Canada")
    assert not world.changes()


def test_another_new_country_within_24_hours_waits_and_is_told_if_the_sim_stays() -> None:
    world = World().usual(last=2)
    world.see(at(1, 6), country="France")
    world.row(3, at(1, 12), country="Germany", minutes=120)
    assert [change.current for change in world.told("country_change", day(1))] == ["france"]
    world.row(12, at(0, 1), country="Germany", minutes=60)
    (change,) = world.told("country_change")
    assert (change.current, change.observed_at) == ("germany", at(0, 6))


def test_the_same_country_is_not_told_twice() -> None:
    world = World().usual(last=5)
    for back in range(4, -1, -1):
        world.row(3, at(back, 3), country="France")
    assert [change.observed_at for change in world.day_by_day(6)] == [at(4, 3)]


def test_a_new_country_on_a_new_network_speaks_for_both() -> None:
    world = World().usual()
    world.row(2, at(0, 3), country="Switzerland", network=FAR)
    assert [(change.rule, change.current) for change in world.changes()] == [
        ("country_change", "switzerland"),
        ("new_network", FAR_FOLDED),
    ]
