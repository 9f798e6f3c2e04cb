"""Going day by day tells every change once, whatever the order of the input: on random fleets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from datetime import timedelta
from itertools import pairwise
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hologram_assets.domain.network_change import Change
from tests.domain.network_world import FAR, HOME, OTHER, World, at, changes_of, day, imei

RATS = ("5G", "LTE", "LTE-M", "3G", "2G", None, "Mystery")
NETWORKS = (HOME, OTHER, FAR, "Vodafone GmbH", None)
COUNTRIES = ("United States", "Canada", "France", "Chad", None)
DAYS = 16


def random_fleet(seed: int) -> World:
    """Three SIMs with habits, and times in which the habits are others."""
    chance = Random(seed)
    world = World()
    for linkid in (1, 2, 3):
        per_day = chance.choice((0.6, 1, 3, 10))
        steady = chance.choice((0.7, 0.9, 0.97, 1.0))
        habit = _habit(chance, linkid)
        for back in range(70, -1, -1):
            if back < DAYS + 8 and chance.random() < 0.25:
                habit = _habit(chance, linkid)
            for _ in range(int(per_day) + (chance.random() < per_day % 1)):
                words = habit if chance.random() < steady else _habit(chance, linkid)
                world.see(at(back, chance.randrange(96) / 4), linkid, bytes=chance.choice((0, 1, 500, 20_000)), **words)
    return world


def _habit(chance: Random, linkid: int) -> dict[str, str | None]:
    usual = chance.random() < 0.6
    return {
        "rat": "LTE" if usual else chance.choice(RATS),
        "network": HOME if usual else chance.choice(NETWORKS),
        "country": "United States" if usual else chance.choice(COUNTRIES),
        "imei": imei(linkid) if usual else chance.choice((imei(1), imei(50 + linkid), imei(9, "35938610"), None)),
    }


@pytest.mark.campaign
@given(st.integers(min_value=0, max_value=10**9))
@example(300446877)
@settings(max_examples=60)
def test_no_change_is_told_twice_when_going_day_by_day(seed: int) -> None:
    told = random_fleet(seed).day_by_day(DAYS)
    assert not _repeated(change.change_id for change in told)
    # A run of sessions, a first meeting, a device: whatever begins a change begins it once.
    once = [
        (change.rule, change.linkid, change.previous, change.current, change.detail["began_at"])
        for change in told
        if change.rule == "rat_downgrade"
    ]
    assert not _repeated(once)
    first_met = [
        (change.rule, change.linkid, change.current)
        for change in told
        if change.rule in {"new_network", "country_change", "imei_change"}
    ]
    assert not _repeated(first_met)
    assert _closest(told, "flapping", lambda change: (change.linkid,)) > timedelta(hours=24)
    assert _closest(told, "shared_imei", lambda change: (change.current,)) > timedelta(days=7)
    # Its seven days reach back to sessions of which only the sums are left.
    assert _closest(told, "network_shift", lambda change: (change.linkid, change.previous, change.current)) > timedelta(
        days=6
    )


@given(st.integers(min_value=0, max_value=10**9), st.integers())
@settings(max_examples=20)
def test_the_order_of_the_input_changes_nothing(seed: int, order: int) -> None:
    sessions = random_fleet(seed).sessions
    shuffled = list(sessions)
    Random(order).shuffle(shuffled)
    for back in (5, 0):
        expected = changes_of(sessions, day(back))
        assert changes_of(shuffled, day(back)) == expected
        assert all(change.observed_at.date() == day(back) for change in expected)


@pytest.mark.campaign
def test_random_fleets_tell_something_of_every_rule_of_a_sim() -> None:
    rules = {change.rule for seed in range(40) for change in random_fleet(seed).day_by_day(DAYS)}
    assert rules == {
        "rat_downgrade",
        "new_network",
        "network_shift",
        "country_change",
        "imei_change",
        "shared_imei",
        "flapping",
    }


def _repeated(values: Iterable[Hashable]) -> list[Hashable]:
    return [value for value, count in Counter(values).items() if count > 1]


def _closest(told: list[Change], rule: str, subject: Callable[[Change], Hashable]) -> timedelta:
    moments: dict[Hashable, list[Change]] = {}
    for change in told:
        if change.rule == rule:
            moments.setdefault(subject(change), []).append(change)
    gaps = [
        later.observed_at - earlier.observed_at
        for of_subject in moments.values()
        for earlier, later in pairwise(of_subject)
    ]
    return min(gaps, default=timedelta.max)
