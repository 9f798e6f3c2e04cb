"""`rat_downgrade`: 80 % dominance, then k sessions in a row below it, over midnight too."""

from __future__ import annotations

import pytest

from hologram_assets.domain.network_rat import sessions_in_a_row
from hologram_assets.domain.network_rules import NetworkRules
from tests.domain.network_world import RULES, World, at, day


@pytest.mark.parametrize(
    ("per_day", "below", "k"),
    [
        (10, 0.0, 3),  # ln(0.00003) / ln(0.005) = 1.97: the minimum
        (10, 0.02, 3),  # 2.66
        (10, 0.05, 4),  # 3.48
        (10, 0.10, 5),  # 4.52
        (10, 0.20, 7),  # 6.47
        (1, 0.05, 3),  # 2.71
        (100, 0.05, 5),  # 4.25
        (1000, 0.005, 3),  # 2.83
    ],
)
def test_k_follows_the_formula(per_day: float, below: float, k: int) -> None:
    assert sessions_in_a_row(per_day, below, RULES) == k


def test_k_sessions_in_a_row_are_told_and_one_less_is_not() -> None:
    world = World().usual()
    world.row(2, at(0, 1), rat="3G")
    assert not world.told("rat_downgrade")
    third = world.row(1, at(0, 2), rat="3G")[0]
    (change,) = world.told("rat_downgrade")
    assert (change.severity, change.previous, change.current) == ("warn", "LTE", "3G")
    assert (change.observed_at, change.record_id) == (third.session_end, third.record_id)
    assert change.detail["began_at"] == at(0, 1).isoformat()
    assert (change.detail["k"], change.detail["sessions_in_a_row"]) == (3, 3)
    assert (change.detail["n"], change.detail["p"], change.detail["baseline_share"]) == (10, 0.005, 1)


def test_a_sim_that_falls_back_now_and_then_needs_a_longer_row() -> None:
    world = World().usual(per_day=19)
    for back in range(40, 0, -1):
        world.see(at(back, 0.5), rat="3G")
    # n = 20, p = 0.05: ln(0.000015) / ln(0.05) = 3.71.
    world.row(3, at(0, 1), rat="3G")
    assert not world.told("rat_downgrade")
    world.row(1, at(0, 5), rat="3G")
    (change,) = world.told("rat_downgrade")
    assert (change.detail["k"], change.detail["n"], change.detail["p"]) == (4, 20, 0.05)


def test_a_session_that_is_back_starts_the_row_anew() -> None:
    world = World().usual()
    world.row(2, at(0, 1), rat="3G")
    world.see(at(0, 3))
    world.row(2, at(0, 4), rat="3G")
    assert not world.told("rat_downgrade")


@pytest.mark.parametrize("unknown", [None, "", "Mystery-RAT"])
def test_a_session_without_a_known_rat_neither_counts_nor_breaks_the_row(unknown: str | None) -> None:
    world = World().usual()
    world.row(2, at(0, 1), rat="3G")
    world.row(5, at(0, 3), rat=unknown)
    assert not world.told("rat_downgrade")
    world.see(at(0, 8), rat="3G")
    assert len(world.told("rat_downgrade")) == 1


@pytest.mark.parametrize(("lower", "severity"), [("3G", "warn"), ("NB-IoT", "warn"), ("2G", "critical")])
def test_only_2g_is_critical(lower: str, severity: str) -> None:
    world = World().usual()
    world.row(3, at(0, 1), rat=lower)
    assert [change.severity for change in world.told("rat_downgrade")] == [severity]


@pytest.mark.parametrize("same", ["LTE-M", "4G", "lte cat-m1", "5G", "lte"])
def test_the_same_level_and_a_higher_one_are_no_downgrade(same: str) -> None:
    world = World().usual()
    world.row(10, at(0, 1), rat=same)
    assert not world.changes()


def test_from_3g_to_2g_in_one_run_is_a_second_change_and_critical() -> None:
    world = World().usual()
    world.row(3, at(0, 1), rat="3G")
    world.row(3, at(0, 5), rat="2G")
    told = world.told("rat_downgrade")
    assert [(change.current, change.severity) for change in told] == [("3G", "warn"), ("2G", "critical")]


@pytest.mark.parametrize(("lower", "told"), [(2, 1), (3, 0)])
def test_a_dominance_of_80_percent_is_enough_and_less_is_none(lower: int, told: int) -> None:
    world = World()
    for back in range(40, 0, -1):
        world.row(lower, at(back, 1), rat="3G")
        world.row(10 - lower, at(back, 10))
    world.row(12, at(0, 1), rat="3G")
    assert len(world.told("rat_downgrade")) == told


def test_a_run_across_midnight_is_told_on_the_day_that_completes_it_and_only_there() -> None:
    world = World().usual(last=2)
    world.row(8, at(1, 1), minutes=60)
    world.row(2, at(1, 23), rat="3G")
    world.row(20, at(0, 0.5), rat="3G")
    assert not world.told("rat_downgrade", day(1))
    assert [change.observed_at for change in world.told("rat_downgrade")] == [at(0, 0.5)]


def test_a_lasting_downgrade_is_told_once() -> None:
    world = World().usual(last=13)
    world.usual(first=12, last=0, rat="3G")
    told = world.day_by_day(14)
    assert [(change.rule, change.observed_at.date()) for change in told] == [("rat_downgrade", day(12))]


def test_a_sim_with_a_session_every_other_day_is_told_although_its_row_began_before_the_window() -> None:
    world = World()
    for back in range(90, 9, -2):
        world.see(at(back, 6))
    for back in range(8, -1, -4):
        world.see(at(back, 6), rat="3G")
    for back in (4, 8):
        assert not world.told("rat_downgrade", day(back))
    assert [change.observed_at for change in world.told("rat_downgrade")] == [at(0, 6)]
    world.see(at(-2, 6), rat="3G")
    assert not world.told("rat_downgrade", day(-2))


def test_the_same_pair_is_told_again_only_24_hours_after_the_last_run() -> None:
    world = World().usual(last=2)
    world.row(3, at(1, 1), rat="3G")
    world.row(6, at(1, 4))
    world.row(5, at(1, 20), rat="3G")  # within 24 hours
    assert len(world.told("rat_downgrade", day(1))) == 1
    assert not world.told("rat_downgrade")
    lasting = world.row(8, at(0, 0), rat="3G")
    # The second run lasts: 24 hours after the end of the first one it is told.
    (change,) = world.told("rat_downgrade")
    assert change.observed_at == at(0, 2) == lasting[4].session_end
    assert change.detail["began_at"] == at(1, 20).isoformat()


def test_a_run_is_not_told_again_while_the_first_is_not_resolved() -> None:
    world = World().usual(last=4)
    world.usual(first=3, last=3, rat="3G")
    world.row(2, at(2, 1))  # k - 1 in a row back
    world.usual(first=1, last=0, rat="3G")
    assert len([change for change in world.day_by_day(4) if change.rule == "rat_downgrade"]) == 1
    resolved = World().usual(last=4)
    resolved.usual(first=3, last=3, rat="3G")
    resolved.row(3, at(2, 1))
    resolved.usual(first=1, last=0, rat="3G")
    assert len([change for change in resolved.day_by_day(4) if change.rule == "rat_downgrade"]) == 2


def test_thresholds_are_settings() -> None:
    world = World().usual()
    world.row(2, at(0, 1), rat="3G")
    assert world.told("rat_downgrade", rules=NetworkRules(rat_run_min=2))
