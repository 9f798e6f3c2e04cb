"""`fleet_incident`: ten SIMs and 5 % of a network begin the same change within six hours, and one message says so."""

from __future__ import annotations

import pytest

from hologram_assets.domain.network_change import INHIBITED_BY, Change
from hologram_assets.domain.network_rules import NetworkRules
from tests.domain.network_world import FAR, HOME, HOME_FOLDED, OTHER, OTHER_FOLDED, World, at, day


def fleet(sims: int, network: str = HOME, first: int = 1) -> World:
    """SIMs that are usually on one network, until yesterday noon."""
    world = World()
    for linkid in range(first, first + sims):
        world.usual(first=12, last=2, linkid=linkid, per_day=4, network=network)
    return world


def fall(world: World, linkids: range, begins: float, back: int = 0, step: float = 0.0) -> None:
    """Three sessions on 3G within half an hour; each SIM begins `step` hours after the one before."""
    for number, linkid in enumerate(linkids):
        world.row(3, at(back, begins + step * number), minutes=10, linkid=linkid, rat="3G")


def incidents(changes: list[Change]) -> list[Change]:
    return [change for change in changes if change.rule == "fleet_incident"]


@pytest.mark.parametrize(("sims", "told"), [(10, 1), (9, 0)])
def test_ten_sims_are_an_incident(sims: int, told: int) -> None:
    world = fleet(20)
    fall(world, range(1, 1 + sims), begins=3)
    changes = world.changes()
    assert len(incidents(changes)) == told
    own = [change for change in changes if change.rule == "rat_downgrade"]
    assert len(own) == sims
    assert len({change.detail.get(INHIBITED_BY) for change in own}) == 1
    for change in incidents(changes):
        assert (change.linkid, change.severity) == (None, "critical")
        assert (change.previous, change.current) == (f"LTE on {HOME_FOLDED}", "3G")
        assert change.observed_at == at(0, 3) + (at(0, 1) - at(0, 0)) / 3
        assert change.detail["sims"] == list(range(1, 11))
        assert (change.detail["sims_on_network"], change.detail["sims_needed"], change.detail["peak"]) == (20, 10, 10)
        assert {own_change.detail[INHIBITED_BY] for own_change in own} == {change.change_id}


@pytest.mark.parametrize(("fleet_size", "told"), [(240, 1), (241, 0)])
def test_five_percent_of_the_network_are_needed(fleet_size: int, told: int) -> None:
    world = fleet(fleet_size)
    fall(world, range(1, 13), begins=3)
    assert len(incidents(world.changes())) == told


def test_sims_of_another_network_count_neither_among_those_affected_nor_in_the_share() -> None:
    world = fleet(20)
    world.sessions += fleet(300, OTHER, first=1000).sessions
    fall(world, range(1, 10), begins=3)
    fall(world, range(1000, 1005), begins=3)
    assert not incidents(world.changes())
    fall(world, range(10, 11), begins=3)
    assert [change.detail["sims_on_network"] for change in incidents(world.changes())] == [20]


@pytest.mark.parametrize(("step", "told"), [(6 / 9, 1), (6 / 9 + 0.01, 0)])
def test_the_changes_begin_within_six_hours(step: float, told: int) -> None:
    world = fleet(20)
    fall(world, range(1, 11), begins=3, step=step)
    assert len(incidents(world.changes())) == told


def test_an_incident_across_midnight_is_told_on_the_day_that_completes_it() -> None:
    world = fleet(20)
    fall(world, range(1, 6), begins=22, back=1)
    fall(world, range(6, 16), begins=1)
    assert not incidents(world.changes(day(1)))
    (incident,) = incidents(world.changes())
    assert incident.detail["sims"] == list(range(1, 16))
    assert incident.detail["began_at"] == at(1, 22).isoformat()


def test_an_incident_is_told_once_while_further_sims_join() -> None:
    world = fleet(60)
    for number, linkid in enumerate(range(1, 41)):
        fall(world, range(linkid, linkid + 1), begins=number * 0.5 % 24, back=1 - int(number * 0.5 // 24))
    told = [change for back in (1, 0, -1) for change in world.changes(day(back))]
    assert len(incidents(told)) == 1
    (incident,) = incidents(told)
    assert all(change.detail[INHIBITED_BY] == incident.change_id for change in told if change.rule == "rat_downgrade")


def test_different_changes_do_not_add_up() -> None:
    world = fleet(20)
    fall(world, range(1, 7), begins=3)
    for linkid in range(7, 13):
        world.row(3, at(0, 3), minutes=10, linkid=linkid, rat="2G")
    assert not incidents(world.changes())


def test_a_network_that_everybody_moves_to_is_one_incident_though_two_rules_speak() -> None:
    world = fleet(20)
    for linkid in range(1, 13):
        world.row(12, at(1, 8 + linkid / 10), minutes=240, linkid=linkid, network=FAR)
    told = [change for back in (1, 0, -1) for change in world.changes(day(back))]
    assert {change.rule for change in told} == {"new_network", "network_shift", "fleet_incident"}
    (incident,) = incidents(told)
    assert (incident.previous, incident.current) == (HOME_FOLDED, "swisscom schweiz")
    assert all(
        change.detail.get(INHIBITED_BY) == incident.change_id for change in told if change.rule != "fleet_incident"
    )


def test_a_sim_counts_once_though_two_of_its_rules_speak() -> None:
    world = fleet(20)
    for linkid in range(1, 7):
        world.row(12, at(1, 8 + linkid / 10), minutes=90, linkid=linkid, network=FAR)
    told = [change for back in (1, 0, -1) for change in world.changes(day(back))]
    assert len([change for change in told if change.rule in {"new_network", "network_shift"}]) == 12
    assert not incidents(told)


def test_a_change_long_before_belongs_to_no_incident() -> None:
    world = fleet(20)
    fall(world, range(20, 21), begins=2, back=1)
    fall(world, range(1, 11), begins=12)
    (early,) = [change for change in world.changes(day(1)) if change.rule == "rat_downgrade"]
    assert INHIBITED_BY not in early.detail
    assert incidents(world.changes())[0].detail["sims_count"] == 10


def test_beginnings_before_yesterday_are_not_read() -> None:
    world = fleet(20)
    for linkid in range(1, 11):
        for back in (2, 1, 0):
            world.see(at(back, 23), linkid, rat="3G")
    assert not incidents(world.changes())
    assert len(incidents(world.changes(rules=NetworkRules(incident_days=3)))) == 1


def test_shares_and_counts_are_settings() -> None:
    world = fleet(20)
    fall(world, range(1, 3), begins=3)
    assert incidents(world.changes(rules=NetworkRules(incident_sims=2)))
    assert OTHER_FOLDED != HOME_FOLDED
