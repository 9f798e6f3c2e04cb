"""`imei_change`, `shared_imei`, and what an IMEI is."""

from __future__ import annotations

import pytest

from hologram_assets.domain.imei import device_of, model_of
from hologram_assets.domain.network_rules import NetworkRules
from tests.domain.network_world import SIM, World, at, day, imei

OTHER_MODEL = "35938610"


@pytest.mark.parametrize(
    ("text", "device"),
    [
        ("868159051234567", "86815905123456"),
        ("8681590512345699", "86815905123456"),  # IMEISV
        ("86815905123456", "86815905123456"),
        ("86-815905-123456-7", "86815905123456"),
        (" 868159051234567 ", "86815905123456"),
        ("8681590512345", None),
        ("000000000000000", None),
        ("00000000000000", None),
        ("", None),
        ("Unknown", None),
        ("86815905123456X", None),
        ("٨٦٨١٥٩٠٥١٢٣٤٥٦٧", None),
        (None, None),
    ],
)
def test_a_device_is_the_first_14_digits_or_nothing(text: str | None, device: str | None) -> None:
    assert device_of(text) == device


def test_a_model_is_the_first_8_digits() -> None:
    assert model_of("86815905123456") == "86815905"


def test_another_model_is_critical_at_once() -> None:
    world = World().usual()
    session = world.see(at(0, 3), imei=imei(1, OTHER_MODEL))
    (change,) = world.changes()
    assert (change.rule, change.severity) == ("imei_change", "critical")
    assert (change.previous, change.current) == (imei(SIM)[:14], imei(1, OTHER_MODEL)[:14])
    assert change.record_id == session.record_id


def test_the_same_model_needs_two_sessions_in_a_row() -> None:
    world = World().usual()
    world.see(at(0, 3), imei=imei(99))
    assert not world.changes()
    world.see(at(0, 4))
    world.see(at(0, 5), imei=imei(99))
    assert not world.changes()
    world.see(at(0, 6), imei=imei(99))
    (change,) = world.changes()
    assert (change.rule, change.severity, change.observed_at) == ("imei_change", "warn", at(0, 6))


def test_two_sessions_in_a_row_may_lie_on_both_sides_of_midnight_and_of_the_window() -> None:
    for back in (0, 7):
        world = World().usual(last=back + 1)
        world.see(at(back + 1, 23.5), imei=imei(99))
        world.usual(first=back, last=0, imei=imei(99))
        assert [change.observed_at for change in world.day_by_day(back + 1)] == [at(back, 1)]


def test_another_check_digit_or_an_imeisv_is_the_same_device() -> None:
    world = World().usual()
    world.row(5, at(0, 3), imei=imei(SIM)[:14] + "0")
    world.row(5, at(0, 8), imei=imei(SIM)[:14] + "42")
    assert not world.changes()


@pytest.mark.parametrize("nothing", [None, "", "0" * 15, "8681590512345"])
def test_a_missing_imei_is_no_change(nothing: str | None) -> None:
    world = World().usual()
    world.row(5, at(0, 3), imei=nothing)
    world.row(5, at(0, 8))
    assert not world.changes()


def test_it_is_told_once_per_sim_and_imei() -> None:
    world = World().usual(last=11)
    world.usual(first=10, last=8, imei=imei(1, OTHER_MODEL))
    world.usual(first=7, last=4)
    world.usual(first=3, last=0, imei=imei(1, OTHER_MODEL))
    assert [change.observed_at for change in world.day_by_day(12)] == [at(10, 1)]


def test_a_device_of_the_90_days_before_is_known() -> None:
    world = World().usual(first=60, last=50, imei=imei(1, OTHER_MODEL)).usual(first=49, last=1)
    world.row(5, at(0, 3), imei=imei(1, OTHER_MODEL))
    assert not world.changes()


def test_the_second_session_in_a_row_may_come_days_after_the_first() -> None:
    world = World().usual(last=10)
    world.see(at(9, 1), imei=imei(99))
    world.see(at(0, 1), imei=imei(99))
    assert [(change.previous, change.current) for change in world.changes()] == [(imei(SIM)[:14], imei(99)[:14])]


def neighbours(gap_hours: float, linkids: tuple[int, int] = (1, 2)) -> World:
    """Two known SIMs; the second shows the first one's IMEI so many hours after the first stopped."""
    world = World()
    for linkid in linkids:
        world.usual(last=5, linkid=linkid)
    world.see(at(2, 0), linkids[0])
    world.row(2, at(2, gap_hours), minutes=1, linkid=linkids[1], imei=imei(linkids[0]))
    return world


@pytest.mark.parametrize(("gap", "told"), [(24, 1), (24.02, 0), (0, 1)])
def test_one_imei_on_two_sims_within_24_hours(gap: float, told: int) -> None:
    found = [change for change in neighbours(gap).day_by_day(3) if change.rule == "shared_imei"]
    assert len(found) == told
    for change in found:
        assert (change.severity, change.linkid, change.current) == ("warn", 2, imei(1)[:14])
        assert change.detail["sims"] == [1, 2]
        assert change.observed_at == at(2, gap)


def test_an_allowed_model_may_share_its_imei() -> None:
    rules = NetworkRules(shared_imei_allowed_models=frozenset({"86815905"}))
    assert not [change for change in neighbours(3).day_by_day(3, rules=rules) if change.rule == "shared_imei"]


def test_a_shared_imei_is_one_change_for_all_sims_and_not_told_again_while_it_lasts() -> None:
    world = World()
    for linkid in (1, 2, 3, 4):
        world.usual(last=13, linkid=linkid)
        world.usual(first=12, last=0, linkid=linkid, imei=imei(1))
    found = [change for change in world.day_by_day(13) if change.rule == "shared_imei"]
    assert [change.observed_at.date() for change in found] == [day(12)]
    assert found[0].detail["sims_count"] >= 2


@pytest.mark.parametrize(("days", "told"), [(6, 1), (8, 2)])
def test_it_is_told_again_after_seven_days_without(days: int, told: int) -> None:
    world = World()
    for linkid in (1, 2):
        world.usual(first=60, last=20, linkid=linkid)
    for back in (12, 12 - days):
        world.see(at(back, 1), 1)
        world.row(2, at(back, 1.5), linkid=2, imei=imei(1))
    found = [change for change in world.day_by_day(14) if change.rule == "shared_imei"]
    assert len(found) == told


def test_a_new_sim_in_the_device_of_an_old_one_is_no_alert() -> None:
    world = World().usual(linkid=1, last=3)
    world.usual(linkid=2, first=2, last=0, imei=imei(1))
    assert not world.day_by_day(4)
