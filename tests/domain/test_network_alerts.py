"""Network alerts day by day: open until resolved or accepted, folded while open, silenced while something explains them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hologram_assets.domain.alerts import ACCEPTED, OPEN, RESOLVED, SILENCED, Alert
from hologram_assets.domain.network_alerts import look_back, needed, network_alerts, title, why
from hologram_assets.domain.network_change import INHIBITED_BY, NETWORK_RULES, Change, Seen
from hologram_assets.domain.network_ended import accepted_at, ended_at
from hologram_assets.domain.network_rules import NetworkRules
from hologram_assets.domain.networks import default_network_aliases
from hologram_assets.domain.periods import end_of_day
from hologram_assets.domain.radio import default_rat_levels
from tests.domain.network_world import ONE_DAY, ORG, OTHER, OTHER_FOLDED, RULES, SIM, World, at, day
from tests.domain.test_network_day_by_day import random_fleet

RAT_LEVELS, ALIASES = default_rat_levels(), default_network_aliases()
DETAILS: dict[str, dict[str, Any]] = {
    "rat_downgrade": {
        "sessions_in_a_row": 3, "baseline_share": 0.97, "k": 3, "previous_level": 4, "current_level": 3,
    },
    "new_network": {"sessions": 2, "bytes": 20_000, "networks_known": 1},
    "network_shift": {"share": 0.8, "sessions": 12, "days": 3, "baseline_share": 0.9},
    "country_change": {"bytes": 1_000, "network": OTHER_FOLDED, "countries_known": ["United States"]},
    "imei_change": {"another_model": True, "sessions_in_a_row": 1, "imeis_known": 1},
    "shared_imei": {"other_sim": 8, "other_last_seen": "2026-06-15T01:00:00", "sims_count": 2},
    "flapping": {"changes": 8, "sessions": 10, "baseline_excursions": 0.0},
    "fleet_incident": {
        "kind": "rat", "target": "3", "network": "t mobile usa", "previous_level": 4, "current_level": 3, "sims": [SIM],
        "sims_count": 1, "peak": 1, "sims_on_network": 12, "sims_needed": 10, "began_at": "2026-06-15T01:00:00",
    },
}  # fmt: skip
USUAL = {
    "rat_downgrade": ("LTE", "3G"),
    "new_network": (None, OTHER_FOLDED),
    "network_shift": ("t mobile usa", OTHER_FOLDED),
    "country_change": ("United States", "France"),
    "imei_change": ("86815905000007", "35938610000005"),
    "shared_imei": (None, "86815905000007"),
    "flapping": (None, None),
    "fleet_incident": ("LTE on t mobile usa", "3G"),
}


def change(rule: str = "rat_downgrade", when: datetime | None = None, **words: Any) -> Change:
    """A change as `network_changes` keeps it; words that are no fields go into its detail."""
    previous, current = USUAL[rule]
    fields = {name: words.pop(name) for name in list(words) if name in Change._fields}
    made = Change(
        ORG, None if rule == "fleet_incident" else SIM, rule, "warn", previous, current, when or at(0, 2), 4711,
        DETAILS[rule] | words,
    )  # fmt: skip
    return made._replace(**fields)


def told(
    on: date,
    changes: Sequence[Change],
    sessions: Iterable[Seen] = (),
    *,
    rules: NetworkRules = RULES,
    until: datetime | None = None,
) -> list[Alert]:
    """What a day says: of changes and sessions only those that are known by its end."""
    since = on - look_back(rules)
    known = [each for each in changes if since <= each.observed_at.date() <= on]
    return network_alerts(
        needed(known, on, rules),
        lambda of: sessions_of(of, sessions, on),
        rules,
        RAT_LEVELS,
        ALIASES,
        day=on,
        until=until or end_of_day(on),
    )


def sessions_of(of: Change, sessions: Iterable[Seen], on: date) -> list[Seen]:
    """What the warehouse hands over: the SIM's sessions, or those of all that may have part in it."""
    sims = set(of.detail["sims"]) if of.rule == "fleet_incident" else None if of.rule == "shared_imei" else {of.linkid}
    return [
        seen
        for seen in sessions
        if of.observed_at - ONE_DAY <= seen.session_end < end_of_day(on) and (sims is None or seen.linkid in sims)
    ]


def walk(
    changes: Sequence[Change],
    sessions: Iterable[Seen] = (),
    *,
    first: int = 0,
    last: int = -40,
    rules: NetworkRules = RULES,
) -> dict[date, list[Alert]]:
    """What each day says, from D minus `first` to D minus `last`."""
    days = [day(back) for back in range(first, last - 1, -1)]
    return {each: told(each, changes, list(sessions), rules=rules) for each in days}


def states(course: Mapping[date, Sequence[Alert]], alert_id: str | None = None) -> list[str | None]:
    """The state on each day of a walk; None where it has no row."""
    found: list[str | None] = []
    for alerts in course.values():
        of_day = [alert.state for alert in alerts if alert_id in {None, alert.alert_id}]
        assert len(of_day) <= 1
        found.append(of_day[0] if of_day else None)
    return found


# --- the life of one change


def test_a_change_is_open_from_the_day_it_was_observed() -> None:
    (alert,) = told(day(0), [change()])
    assert (alert.rule, alert.step, alert.severity, alert.state) == ("rat_downgrade", 0, "warn", OPEN)
    assert (alert.opened_at, alert.event_time, alert.resolved_at) == (at(0, 2), at(0, 2), None)
    assert (alert.subject, alert.title) == (f"SIM {SIM}", "fell from LTE to 3G")
    assert (alert.detail["linkid"], alert.detail["record_id"]) == (SIM, 4711)
    assert alert.detail["change_id"] == change().change_id


def test_a_change_that_ends_is_resolved_on_that_day_only() -> None:
    world = World()
    world.row(3, at(-2, 5))
    course = walk([change()], world.sessions)
    assert states(course) == [OPEN, OPEN, RESOLVED, *[None] * 38]
    (alert,) = course[day(-2)]
    assert (alert.resolved_at, alert.opened_at) == (at(-2, 6), at(0, 2))
    assert len({alert.alert_id for alerts in course.values() for alert in alerts}) == 1


def test_a_change_that_begins_and_ends_on_one_day_is_resolved_at_once() -> None:
    world = World()
    world.row(3, at(0, 5))
    assert states(walk([change()], world.sessions)) == [RESOLVED, *[None] * 40]


def test_a_change_that_lasts_is_accepted_on_the_fourteenth_day_only() -> None:
    course = walk([change()])
    assert states(course) == [*[OPEN] * 14, ACCEPTED, *[None] * 26]
    assert course[day(-14)][0].resolved_at == at(-14, 2)


def test_how_long_until_a_change_is_accepted_is_a_setting() -> None:
    assert states(walk([change()], rules=NetworkRules(accepted_days=3), last=-6)) == [
        *[OPEN] * 3,
        ACCEPTED,
        *[None] * 3,
    ]


def test_what_ends_after_it_was_accepted_is_no_news() -> None:
    world = World()
    world.row(3, at(-14, 2))
    assert states(walk([change()], world.sessions, last=-20)) == [*[OPEN] * 14, ACCEPTED, *[None] * 6]


def test_what_ends_on_the_day_on_which_it_would_be_accepted_is_resolved_if_that_came_first() -> None:
    world = World()
    world.row(3, at(-14, 0), minutes=30)
    (alert,) = told(day(-14), [change()], world.sessions)
    assert (alert.state, alert.resolved_at) == (RESOLVED, at(-14, 1))


def test_an_end_at_midnight_belongs_to_the_day_that_begins() -> None:
    course = walk([change(when=at(0, 0))], last=-16)
    assert states(course) == [*[OPEN] * 14, ACCEPTED, None, None]
    assert course[day(-14)][0].resolved_at == at(-14, 0)
    assert course[day(-13)][0].resolved_at is None


def test_today_only_what_is_known_of_it_counts() -> None:
    world = World()
    world.row(3, at(0, 5))
    (alert,) = told(day(0), [change()], world.sessions, until=at(0, 6))
    assert alert.state == OPEN
    (alert,) = told(day(0), [change()], world.sessions, until=at(0, 6.5))
    assert alert.state == RESOLVED
    (alert,) = told(day(-14), [change()], until=at(-14, 1.9))
    assert alert.state == OPEN
    (alert,) = told(day(-14), [change()], until=at(-14, 2))
    assert alert.state == ACCEPTED


def test_without_changes_there_are_no_alerts() -> None:
    assert told(day(0), []) == []


# --- repetition


def test_a_repetition_of_an_open_change_is_part_of_it() -> None:
    changes = [change(), change(when=at(-5, 3))]
    course = walk(changes)
    assert states(course) == [*[OPEN] * 14, ACCEPTED, *[None] * 26]
    assert {alert.opened_at for alerts in course.values() for alert in alerts} == {at(0, 2)}


def test_a_change_that_comes_again_after_its_end_speaks_again_under_another_id() -> None:
    world = World()
    world.row(3, at(-2, 5))
    course = walk([change(), change(when=at(-4, 3))], world.sessions)
    assert states(course)[:6] == [OPEN, OPEN, RESOLVED, None, OPEN, OPEN]
    assert states(course)[18:20] == [ACCEPTED, None]
    assert course[day(0)][0].alert_id != course[day(-4)][0].alert_id


def test_a_change_that_was_accepted_speaks_when_it_comes_anew_later() -> None:
    course = walk([change(), change(when=at(-15, 3))])
    assert states(course)[13:17] == [OPEN, ACCEPTED, OPEN, OPEN]


@pytest.mark.parametrize(
    "other",
    [{"linkid": 8}, {"current": "2G"}, {"previous": "5G"}, {"rule": "new_network", "detail": DETAILS["new_network"]}],
    ids=["SIM", "to", "from", "rule"],
)
def test_a_change_of_another_kind_is_an_alert_of_its_own(other: dict[str, Any]) -> None:
    alerts = told(day(-1), [change(), change(when=at(-1, 3))._replace(**other)])
    assert [alert.state for alert in alerts] == [OPEN, OPEN]
    assert len({alert.alert_id for alert in alerts}) == 2


def test_an_alert_keeps_its_id_when_a_late_session_moves_it_within_its_day() -> None:
    (one,), (other,) = told(day(0), [change()]), told(day(0), [change(when=at(0, 23.9), record_id=5)])
    assert one.alert_id == other.alert_id
    (later,) = told(day(-1), [change(when=at(-1, 2))])
    assert later.alert_id != one.alert_id


# Thresholds that let a rule speak twice on a day are allowed: `rat_again_hours: 1`.
TWICE_ON_A_DAY = [change(when=at(0, 2)), change(when=at(0, 12))]


def _back_in_between() -> list[Seen]:
    world = World()
    return world.row(3, at(0, 5))


def test_ids_are_unique_though_a_change_comes_twice_on_a_day() -> None:
    for alerts in walk(TWICE_ON_A_DAY, _back_in_between(), last=-20).values():
        assert len({alert.alert_id for alert in alerts}) == len(alerts)


def test_of_two_changes_of_a_kind_on_a_day_the_one_that_is_open_at_its_end_is_told() -> None:
    (alert,) = told(day(0), TWICE_ON_A_DAY, _back_in_between())
    assert alert.state == OPEN


# --- inhibited


def inhibited(by: Change, when: datetime, **words: Any) -> Change:
    return change(when=when, **{INHIBITED_BY: by.change_id, **words})


def flapping_world(last: int) -> World:
    """Network after network on D, then at home with many sessions; nothing after D minus `last`."""
    world = World()
    for number in range(12):
        world.see(at(0, 1 + number), network=(OTHER, "T-Mobile USA")[number % 2], rat="3G")
    for back in range(-1, last - 1, -1):
        world.row(20, at(back, 1), rat="3G")
    return world


def test_a_change_that_flapping_explains_is_silent_while_that_is_open_and_a_day_longer() -> None:
    flapping = change("flapping", at(0, 6))
    own = inhibited(flapping, at(0, 8))
    course = walk([flapping, own], flapping_world(-30).sessions, last=-20)
    of_sim = {alert.rule: alert.alert_id for alert in course[day(0)]}
    assert states(course, of_sim["flapping"])[:4] == [OPEN, RESOLVED, None, None]
    assert states(course, of_sim["rat_downgrade"])[:5] == [SILENCED, SILENCED, SILENCED, OPEN, OPEN]
    assert states(course, of_sim["rat_downgrade"])[13:16] == [OPEN, ACCEPTED, None]
    assert course[day(-3)][0].event_time == at(0, 8)


def incident_world(comes_back: int, sims: range) -> World:
    """The first nine SIMs are back on LTE on D minus `comes_back`; the others stay on 3G."""
    world = World()
    for linkid in sims:
        world.row(3, at(0, 1), minutes=10, linkid=linkid, rat="3G")
        for back in range(-1, -20, -1):
            returned = back <= comes_back and linkid < sims[9]
            world.row(4, at(back, 3), linkid=linkid, rat="LTE" if returned else "3G")
    return world


def test_of_a_fleet_incident_those_that_come_back_say_nothing_and_those_that_stay_speak_a_day_after_its_end() -> None:
    sims = range(1, 11)
    incident = change("fleet_incident", at(0, 2), sims=list(sims), sims_count=10, peak=10)
    own = [inhibited(incident, at(0, 2), linkid=linkid) for linkid in sims]
    course = walk([incident, *own], incident_world(-3, sims).sessions, last=-20)
    by_subject = {alert.subject: alert.alert_id for alert in course[day(0)]}
    assert states(course, by_subject["T Mobile Usa"])[:5] == [OPEN, OPEN, OPEN, RESOLVED, None]
    for linkid in range(1, 10):
        assert states(course, by_subject[f"SIM {linkid}"])[:5] == [SILENCED, SILENCED, SILENCED, RESOLVED, None]
    stays = states(course, by_subject["SIM 10"])
    assert stays[:6] == [SILENCED, SILENCED, SILENCED, SILENCED, SILENCED, OPEN]
    assert stays[13:16] == [OPEN, ACCEPTED, None]


def test_a_change_whose_incident_nobody_knows_any_more_speaks() -> None:
    gone = change("fleet_incident", at(0, 1))
    (alert,) = told(day(0), [inhibited(gone, at(0, 2))])
    assert alert.state == OPEN


def test_the_incident_itself_is_open_and_its_changes_are_accepted_together() -> None:
    incident = change("fleet_incident", at(0, 2))
    course = walk([incident, inhibited(incident, at(0, 2))], last=-20)
    assert [sorted(alert.state for alert in alerts) for alerts in course.values()] == [
        *[[OPEN, SILENCED]] * 14, [ACCEPTED, ACCEPTED], *[[]] * 6,
    ]  # fmt: skip


def test_a_change_that_joined_an_incident_days_later_is_silent_a_day_longer_than_that_though_it_was_accepted() -> None:
    incident = change("fleet_incident", at(0, 2))
    late = inhibited(incident, at(-3, 2), linkid=8)
    course = walk([incident, late], first=0, last=-20)
    (own,) = {alert.alert_id for alerts in course.values() for alert in alerts if alert.subject == "SIM 8"}
    assert states(course, own)[3:18] == [*[SILENCED] * 13, OPEN, ACCEPTED]


# --- what stands in an alert


def test_of_an_incident_fifty_sims_are_named() -> None:
    (alert,) = told(day(0), [change("fleet_incident", sims=list(range(120)), sims_count=120)])
    assert alert.detail["sims"] == list(range(50))
    assert (alert.detail["sims_count"], alert.detail["linkid"], alert.subject) == (120, None, "T Mobile Usa")


@pytest.mark.parametrize("rule", NETWORK_RULES)
def test_every_rule_says_what_happened_and_why(rule: str) -> None:
    (alert,) = told(day(0), [change(rule)])
    assert alert.rule == rule
    assert alert.title
    assert any(character.isdigit() for character in alert.detail["why"])
    assert "None" not in alert.title + alert.detail["why"]


def test_a_network_without_a_name_is_said_to_be_unknown() -> None:
    assert title(change("new_network", current=None)) == "on network unknown for the first time"


@pytest.mark.parametrize("seed", range(6))
def test_whatever_the_rules_find_can_be_said(seed: int) -> None:
    for found in random_fleet(seed).day_by_day(10):
        assert title(found)
        assert why(found)


# --- any history


@pytest.mark.parametrize("seed", range(8))
def test_the_order_of_changes_and_sessions_does_not_matter(seed: int) -> None:
    world = random_fleet(seed)
    changes = world.day_by_day(16)
    shuffled, sessions = list(changes), list(world.sessions)
    Random(seed).shuffle(shuffled)
    Random(seed).shuffle(sessions)
    for back in (9, 3, 0):
        expected = {alert.alert_id: alert for alert in told(day(back), changes, world.sessions)}
        assert {alert.alert_id: alert for alert in told(day(back), shuffled, sessions)} == expected


def expected_course(
    changes: Sequence[Change], sessions: Sequence[Seen], horizon: datetime
) -> dict[date, set[tuple[str, str]]]:
    """Which changes have a row on which day, by change id and state, told from the whole history at once."""
    runs: list[tuple[Change, datetime | None, str]] = []
    rows: dict[date, set[tuple[str, str]]] = {}
    for each in sorted(changes, key=lambda change: change.observed_at):
        accepted = accepted_at(each, RULES)
        known = sessions_of(each, sessions, horizon.date())
        end = ended_at(each, known, RULES, RAT_LEVELS, ALIASES, min(horizon, accepted))
        state = RESOLVED if end is not None else ACCEPTED
        end = end or (accepted if accepted <= horizon else None)
        folded = any(
            (first.rule, first.linkid, first.previous, first.current)
            == (each.rule, each.linkid, each.previous, each.current)
            and (over is None or each.observed_at <= over)
            for first, over, _ in runs
        )
        runs.append((each, end, state))
        if folded:
            continue
        on = each.observed_at.date()
        while end is None or on <= end.date():
            rows.setdefault(on, set()).add((each.change_id, state if end is not None and on == end.date() else OPEN))
            if on >= horizon.date():
                break
            on += ONE_DAY
    return rows


def assert_each_change_has_one_life(changes: Sequence[Change], sessions: Sequence[Seen], first: int, last: int) -> None:
    course = walk(changes, sessions, first=first, last=last)
    expected = expected_course(changes, sessions, at(last - 1))
    said: dict[str, list[tuple[date, Alert]]] = {}
    for on, alerts in course.items():
        assert len({alert.alert_id for alert in alerts}) == len(alerts)
        spoken = {(a.detail["change_id"], OPEN if a.state == SILENCED else a.state) for a in alerts}
        assert spoken == expected.get(on, set())
        for alert in alerts:
            said.setdefault(alert.alert_id, []).append((on, alert))
            assert alert.opened_at.date() <= on
            assert (alert.resolved_at is not None) == alert.has_ended
            assert alert.resolved_at is None or alert.resolved_at.date() == on
    for life in said.values():
        assert all(after == before + ONE_DAY for (before, _), (after, _) in pairwise(life))
        assert life[0][0] == life[0][1].opened_at.date()
        assert not any(alert.has_ended for _, alert in life[:-1])
        assert life[-1][1].has_ended or life[-1][0] == day(last)
        assert len({alert.detail["change_id"] for _, alert in life}) == 1


@pytest.mark.parametrize("seed", range(12))
def test_going_day_by_day_every_change_of_a_fleet_has_one_life_without_gaps(seed: int) -> None:
    world = random_fleet(seed)
    assert_each_change_has_one_life(world.day_by_day(16), world.sessions, 16, 0)


@st.composite
def courses(draw: st.DrawFn) -> tuple[list[Change], list[Seen]]:
    """Changes of two SIMs, one of a kind a day at most, and sessions now at home, now away."""
    rules = st.sampled_from(("rat_downgrade", "country_change", "new_network", "imei_change"))
    drawn = draw(
        st.lists(st.tuples(rules, st.integers(0, 30), st.integers(0, 95), st.sampled_from((1, 2))), max_size=12)
    )
    changes = {
        (rule, number, linkid): change(rule, at(-number, quarter / 4), linkid=linkid)
        for rule, number, quarter, linkid in drawn
    }
    world = World()
    chance = Random(draw(st.integers(0, 10**6)))
    for linkid in (1, 2):
        away = False
        for number in range(-1, 45):
            if chance.random() < draw(st.sampled_from((0.05, 0.3))):
                away = not away
            for quarter in sorted(chance.choices(range(96), k=chance.randrange(4))):
                world.see(
                    at(-number, quarter / 4),
                    linkid,
                    rat="3G" if away else "LTE",
                    country="France" if away else "United States",
                    network=OTHER if away else "T-Mobile USA",
                    imei="359386100000059" if away else "868159050000079",
                )
    return list(changes.values()), world.sessions


@given(courses())
@settings(max_examples=40)
def test_going_day_by_day_any_changes_have_one_life_each_without_gaps(course: tuple[list[Change], list[Seen]]) -> None:
    assert_each_change_has_one_life(*course, 0, -46)


@given(courses(), st.integers(0, 45))
@settings(max_examples=40)
def test_changes_that_are_not_needed_on_a_day_change_nothing(
    course: tuple[list[Change], list[Seen]], number: int
) -> None:
    changes, sessions = course
    on = day(-number)
    known = [each for each in changes if each.observed_at.date() <= on]
    everything = network_alerts(
        known, lambda of: sessions_of(of, sessions, on), RULES, RAT_LEVELS, ALIASES, day=on, until=end_of_day(on)
    )
    assert {alert.alert_id: alert for alert in told(on, changes, sessions)} == {a.alert_id: a for a in everything}
