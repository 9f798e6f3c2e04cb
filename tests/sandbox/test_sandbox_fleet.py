"""The fleet itself: repeatable, and everything that was promised is in it."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hologram_assets.sandbox import PROFILES, Fleet, Sandbox, SandboxClock, Session, Sim
from hologram_assets.sandbox.draws import number_of

NOON = datetime.fromisoformat("2026-11-20T12:00:00")


def fleet_at(now: datetime, *, seed: int = 1, sims: int = 20) -> tuple[Fleet, SandboxClock]:
    clock = SandboxClock(now)
    return Fleet(clock, orgs=(144,), sims=sims, days=0, seed=seed), clock


def of_kind(sandbox: Sandbox, name: str) -> Sim:
    return next(sim for sim in sandbox.fleet.sims(144) if sim.kind.name == name)


def sessions_of(sandbox: Sandbox, sim: Sim) -> list[Session]:
    return [session for session in sandbox.fleet.sessions(sim.org_id) if session.linkid == sim.linkid]


def test_the_same_seed_and_day_give_the_same_fleet() -> None:
    one, two, three = fleet_at(NOON)[0], fleet_at(NOON)[0], fleet_at(NOON, seed=2)[0]
    assert one.sims(144) == two.sims(144)
    assert one.sessions(144) == two.sessions(144)
    assert one.sessions(144) != three.sessions(144)


def test_the_same_fleet_is_drawn_in_every_process() -> None:
    """Python's own `hash` is salted; what is drawn here must not be."""
    assert number_of(1, "traffic", 14400001, date(2026, 11, 20)) == 12_483_443_818_272_298_524
    fleet, _ = fleet_at(NOON)
    assert len(fleet.sessions(144)) == 12_004


def test_an_organisation_is_the_same_whoever_else_is_served(sandbox: Sandbox) -> None:
    alone = Fleet(SandboxClock(NOON), orgs=(145,), sims=20, days=95)
    assert alone.sessions(145) == sandbox.fleet.sessions(145)


@settings(max_examples=6, deadline=None)
@given(steps=st.lists(st.integers(min_value=1, max_value=200_000), min_size=1, max_size=4))
def test_a_later_clock_only_adds(steps: list[int]) -> None:
    fleet, clock = fleet_at(NOON)
    for seconds in steps:
        before = list(fleet.sessions(144))
        clock.advance(timedelta(seconds=seconds))
        assert list(fleet.sessions(144))[: len(before)] == before
    late, _ = fleet_at(NOON)
    # Asked once, late, or many times on the way: the same rows.
    assert list(late.sessions(144, clock.now())) == list(fleet.sessions(144))


def test_record_ids_ascend_with_receipt_exceed_32_bits_and_are_unique_across_organisations(sandbox: Sandbox) -> None:
    both = [*sandbox.fleet.sessions(144), *sandbox.fleet.sessions(145)]
    by_receipt = sorted(both, key=lambda session: (session.received_at, session.record_id))
    ids = [session.record_id for session in by_receipt]
    assert ids == sorted(set(ids))
    assert len({session.received_at for session in both}) < len(both)
    assert 2**32 < min(ids) < max(ids) < 2**53


def test_late_arrivals_have_higher_ids_than_sessions_that_ended_after_them(sandbox: Sandbox) -> None:
    sessions = sandbox.fleet.sessions(144)
    lags = [session.received_at - session.timestamp for session in sessions]
    late = sum(lag > timedelta(minutes=5) for lag in lags)
    assert 0.01 < late / len(lags) < 0.1
    assert timedelta(hours=6) < max(lags) < timedelta(hours=12)
    assert any(later.timestamp < earlier.timestamp - timedelta(hours=1) for earlier, later in pairwise(sessions))
    assert max(session.received_at for session in sessions) <= sandbox.clock.now()


def test_sessions_have_the_shapes_of_the_field(sandbox: Sandbox) -> None:
    sessions = sandbox.fleet.sessions(144)
    lengths = [session.timestamp - session.session_begin for session in sessions]
    assert timedelta(seconds=2) <= min(lengths) < timedelta(seconds=30)
    assert timedelta(hours=5) < max(lengths) <= timedelta(hours=16)
    assert 0.05 < sum(session.bytes == 0 for session in sessions) / len(sessions) < 0.2
    assert sum(session.session_begin.date() < session.timestamp.date() for session in sessions) > 100


def test_some_sessions_cross_the_end_of_a_billing_period(sandbox: Sandbox) -> None:
    ends = {(period.linkid, period.period_end) for period in sandbox.fleet.billing_periods(144)}
    own: defaultdict[int, list[datetime]] = defaultdict(list)
    for linkid, end in ends:
        own[linkid].append(end)
    crossing = {
        session.linkid
        for session in sandbox.fleet.sessions(144)
        for end in own[session.linkid]
        if session.session_begin < end <= session.timestamp
    }
    assert len(crossing) >= 4


def test_a_period_ends_at_its_own_second(sandbox: Sandbox) -> None:
    for period in sandbox.fleet.billing_periods(144):
        for moment, expected in (
            (period.period_start, period.index),
            (period.period_end - timedelta(seconds=1), period.index),
            (period.period_end, period.index + 1),
        ):
            if moment <= sandbox.clock.now():
                then = sandbox.fleet.billing_periods(144, moment)
                running = next(p for p in then if p.linkid == period.linkid and p.periods_back == 0)
                assert running.index == expected


def test_a_sim_connects_six_to_twenty_times_a_day_and_more_by_day_than_by_night(sandbox: Sandbox) -> None:
    counts = Counter(
        (session.linkid, session.session_begin.date())
        for session in sandbox.fleet.sessions(144)
        if session.session_begin.date() < date(2026, 11, 18)
    )
    quiet = of_kind(sandbox, "idle").linkid
    busy = [count for (linkid, _), count in counts.items() if linkid != quiet]
    # A few days are cut by an activation or a pause, or have one session more across a period's end.
    assert sum(6 <= count <= 20 for count in busy) / len(busy) > 0.98
    hours = Counter(session.session_begin.hour for session in sandbox.fleet.sessions(144))
    assert hours[10] > 3 * hours[2]


@pytest.mark.parametrize(("seed", "hour"), [(1, 0), (2, 12), (3, 23)])
def test_the_planted_sims_are_over_near_and_under_today(seed: int, hour: int) -> None:
    fleet, clock = fleet_at(NOON.replace(hour=hour, minute=30), seed=seed, sims=60)
    running = {period.linkid: period for period in fleet.billing_periods(144) if period.periods_back == 0}
    over = {"over", "variable_rate", "pooled", "zone_1", "zone_not_offered", "disabled_plan"}
    for sim in fleet.sims(144):
        period = running[sim.linkid]
        share = period.bytes / sim.plan.included_bytes if sim.plan.included_bytes else 0
        if sim.kind.name in over:
            assert share > 1, sim.kind.name
            assert clock.now() - period.period_start > timedelta(days=25)
        elif sim.kind.name == "near":
            assert 0.8 <= share <= 0.99
        elif sim.kind.name == "large":
            assert period.bytes > 2**32 * 0.9
        else:
            assert share < 0.8, sim.kind.name


def test_twenty_sims_hold_every_kind_and_forty_hold_each_twice() -> None:
    mix = PROFILES["mixed"].mix
    for sims in (20, 40):
        fleet, _ = fleet_at(NOON, sims=sims)
        assert Counter(sim.kind.name for sim in fleet.sims(144)) == Counter(
            {kind.name: sims // 20 for kind in mix}
        )  # fmt: skip


def test_every_sim_has_the_history_that_was_asked_for(sandbox: Sandbox) -> None:
    for sim in sandbox.fleet.sims(144):
        assert sim.activated_at <= NOON - timedelta(days=95)


def test_rat_downgrades_begin_some_days_ago_and_last(sandbox: Sandbox) -> None:
    for kind, technology in (("rat_3g", "3G"), ("rat_2g", "2G")):
        sim = of_kind(sandbox, kind)
        assert sim.changed_at is not None
        assert timedelta(days=1) < NOON - sim.changed_at < timedelta(days=8)
        known = [s for s in sessions_of(sandbox, sim) if s.radio_access_technology]
        before = Counter(s.radio_access_technology for s in known if s.session_begin < sim.changed_at)
        after = Counter(s.radio_access_technology for s in known if s.session_begin >= sim.changed_at)
        assert before["LTE"] > 0.9 * before.total()
        assert set(after) == {technology}
        assert after.total() >= 10


def test_a_new_network_appears_that_nobody_met_before(sandbox: Sandbox) -> None:
    sim = of_kind(sandbox, "new_network")
    assert sim.changed_at is not None
    before = {s.network_name for s in sandbox.fleet.sessions(144) if s.session_begin < sim.changed_at}
    after = [s for s in sessions_of(sandbox, sim) if s.session_begin >= sim.changed_at and s.network_name]
    new = [s for s in after if s.network_name not in before]
    assert len(new) >= 2
    assert {s.country for s in new} == {"Switzerland"}
    assert len(new) < len(after)


def test_a_swapped_imei_stays_and_is_another_model(sandbox: Sandbox) -> None:
    sim = of_kind(sandbox, "imei_swap")
    assert sim.changed_at is not None
    seen = [s for s in sessions_of(sandbox, sim) if s.imei]
    assert {s.imei for s in seen if s.session_begin < sim.changed_at} == {sim.imei}
    assert {s.imei for s in seen if s.session_begin >= sim.changed_at} == {sim.next_imei}
    assert sim.imei[:8] != sim.next_imei[:8]
    assert {s.imeisv for s in seen} == {sim.imeisv, sim.next_imeisv}
    assert {len(sim.imei), len(sim.imeisv)} == {15, 16}


def test_no_two_sims_share_an_imei(sandbox: Sandbox) -> None:
    numbers = [imei for sim in sandbox.fleet.sims(144) for imei in (sim.imei[:14], sim.next_imei[:14])]
    assert len(set(numbers)) == len(numbers)


def test_a_roaming_sim_travels_without_flapping(sandbox: Sandbox) -> None:
    known = [s for s in sessions_of(sandbox, of_kind(sandbox, "roaming")) if s.network_name and s.country]
    assert len({s.country for s in known}) == 3
    assert len({s.network_name for s in known}) >= 6
    by_day: defaultdict[date, list[str]] = defaultdict(list)
    for session in sorted(known, key=lambda s: s.session_begin):
        by_day[session.session_begin.date()].append(str(session.country))
    assert max(sum(a != b for a, b in pairwise(day)) for day in by_day.values()) <= 1


def test_idle_paused_and_dead_sims_are_quiet(sandbox: Sandbox) -> None:
    idle = sessions_of(sandbox, of_kind(sandbox, "idle"))
    assert 5 < len(idle) < 80
    assert {session.bytes for session in idle} == {0}
    for kind, state in (("paused", "PAUSED-USER"), ("dead", "DEAD")):
        sim = of_kind(sandbox, kind)
        assert sim.stopped_at is not None
        assert (sim.state(sim.stopped_at), sim.state(sim.stopped_at - timedelta(seconds=1))) == (state, "LIVE")
        ends = [session.timestamp for session in sessions_of(sandbox, sim)]
        assert sim.stopped_at - timedelta(days=1) < max(ends) <= sim.stopped_at


def test_planted_events_stay_where_they_are_when_the_clock_moves() -> None:
    fleet, clock = fleet_at(NOON)
    before = [(sim.changed_at, sim.stopped_at, sim.activated_at) for sim in fleet.sims(144)]
    clock.advance(timedelta(days=9))
    fleet.sessions(144)
    assert [(sim.changed_at, sim.stopped_at, sim.activated_at) for sim in fleet.sims(144)] == before


@pytest.mark.parametrize(
    "wrong", [{"orgs": ()}, {"orgs": (144, 100_144)}, {"sims": -1}, {"days": -1}, {"profile": "none"}]
)
def test_a_fleet_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"organisations|SIMs|days|profile"):
        Fleet(SandboxClock(NOON), **wrong)  # type: ignore[arg-type]
