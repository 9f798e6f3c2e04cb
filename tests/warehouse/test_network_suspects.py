"""Of a SIM that `network_suspects.sql` leaves out no rule tells anything: on random fleets, with random thresholds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from random import Random
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from hologram_assets.domain.network_change import Change, DailyUse, Finding, Seen
from hologram_assets.domain.network_changes import OF_ONE_SIM, Fleet, sim_changes
from hologram_assets.domain.network_flapping import flapping
from hologram_assets.domain.network_imei import shared_imeis, stays
from hologram_assets.domain.network_rules import NetworkRules
from hologram_assets.domain.network_sim import SimView
from hologram_assets.domain.network_words import Words
from hologram_assets.domain.networks import default_network_aliases
from hologram_assets.domain.radio import default_rat_levels
from hologram_assets.warehouse.network_suspects import fleet_of
from hologram_assets.warehouse.tables import schema_statements
from tests.domain.network_world import FAR, HOME, ONE_DAY, ORG, OTHER, RULES, World, at, daily_use, day, imei

LEVELS, ALIASES = default_rat_levels(), default_network_aliases()
RATS = ("5G", "LTE", " lte", "LTE-M", "3G", "NB-IoT", "2G", None, "Mystery")
NETWORKS = (HOME, OTHER, FAR, HOME.upper(), "Vodafone GmbH", None, "Inc.", "  ")
COUNTRIES = ("United States", "united  states", "Canada", "France", None, "")
Sim = tuple[int, list[Seen], list[DailyUse]]


def random_sim(chance: Random, linkid: int) -> list[Seen]:
    """A SIM that is mostly steady, alternates or wanders; some begin late, pause, or change for good in the last weeks."""
    world = World()
    per_day = chance.choice((0.4, 1, 3, 6, 14))
    steady = chance.choice((0.5, 0.9, 0.97, 1.0, 1.0, 1.0))
    habit = other = _habit(chance, linkid, usual=0.9)
    share = chance.choice((0.0, 0.0, 0.0, 0.3, 0.5))
    if share:
        other = _habit(chance, linkid, usual=0.3)
    first = chance.choice((95, 95, 95, 60, 12, 9, 3))
    turn = chance.choice((99, 99, 20, 9, 8, 7, 2, 1, 0)) + chance.choice((0.0, 0.4, 0.9))
    lasts = chance.choice((0.3, 1, 4, 99))
    turned = _habit(chance, linkid, usual=0.4)
    pause = chance.choice((99, 99, 99, 30, 8))
    # Whole hours, so that some sessions end at the same moment and some at midnight.
    grain = chance.choice((24, 24 * 60))
    for back in range(first, -1, -1):
        if pause - 6 < back <= pause:
            continue
        for _ in range(int(per_day) + (chance.random() < per_day % 1)):
            hour = chance.randrange(grain) * 24 / grain
            age = back + 1 - hour / 24
            words = other if chance.random() < share else habit
            if turn + 1 >= age > turn + 1 - lasts:
                words = turned
            if chance.random() > steady:
                words = {**words, **dict([chance.choice(list(_habit(chance, linkid, usual=0.2).items()))])}
            world.see(at(back, hour), linkid, bytes=chance.choice((0, 1, 500, 20_000)), **words)
    return world.sessions


def _habit(chance: Random, linkid: int, *, usual: float) -> dict[str, Any]:
    home = chance.random() < usual
    return {
        "rat": "LTE" if home else chance.choice(RATS),
        "network": HOME if home else chance.choice(NETWORKS),
        "country": "United States" if home else chance.choice(COUNTRIES),
        "imei": imei(linkid)
        if home or chance.random() < 0.5
        else chance.choice(
            (imei(linkid)[:14] + "01", imei(9_000 + linkid), imei(linkid, "35938610"), imei(1), "0" * 15, "?", None)
        ),
    }


def random_rules(chance: Random) -> NetworkRules:
    """The defaults, or thresholds that make every rule speak more often."""
    return chance.choice(
        (
            RULES,
            replace(RULES, incident_sims=2, incident_share=0.02),
            replace(
                RULES, min_sessions=3, min_days=1, rat_run_min=1, rat_dominance=0.55, rat_false_alarms=0.3, imei_run=3
            ),
            replace(RULES, flapping_changes=3, flapping_share=0.2, flapping_false_alarms=1.0, flapping_hours=100),
            replace(
                RULES, flapping_changes=4, flapping_false_alarms=0.2, shift_sessions=4, shift_days=5, shift_share=0.55
            ),
            replace(RULES, shared_imei_hours=70, shared_imei_allowed_models=frozenset({"35938610"}), shift_share=0.9),
        )
    )


def random_fleet(seed: int, sims: int) -> Iterator[tuple[int, list[Seen]]]:
    """SIMs with all their sessions; record ids are unique. In every second fleet something happens to many SIMs at once."""
    chance = Random(seed)
    number = 0
    since = at(chance.choice((3, 1, 0)), chance.randrange(20))
    common: dict[str, Any] = chance.choice(({"rat": "2G"}, {"network": "Salt Mobile"}, {"country": "Chad"}))
    for linkid in range(1, sims + 1):
        sessions = random_sim(chance, linkid)
        if seed % 2 and chance.random() < 0.6:
            sessions = [seen._replace(**common) if seen.session_end >= since else seen for seen in sessions]
        yield linkid, [seen._replace(record_id=number + seen.record_id) for seen in sessions]
        number += len(sessions)


def stored(sims: Iterable[Sim]) -> duckdb.DuckDBPyConnection:
    """A database with the fleet."""
    connection = duckdb.connect()
    for statement in schema_statements():
        connection.execute(statement)
    for table, names, rows in (
        (
            "raw_sessions",
            "linkid record_id session_end bytes imei radio_access_technology network_name country",
            [seen for _, sessions, _ in sims for seen in sessions],
        ),
        (
            "daily_link_usage",
            "day linkid network_name country radio_access_technology imei sessions bytes first_seen last_seen",
            [use for _, _, history in sims for use in history],
        ),
    ):
        columns = dict(zip(names.split(), zip(*rows, strict=True), strict=True))
        columns["org_id"] = (ORG,) * len(rows)
        if "day" not in columns:
            columns["day"] = tuple(moment.date() for moment in columns["session_end"])
        connection.register("rows", pa.table({name: pa.array(values) for name, values in columns.items()}))
        connection.execute(f"INSERT INTO hologram.{table} BY NAME SELECT * FROM rows")
        connection.unregister("rows")
    return connection


def findings_by_rule(sim: SimView) -> dict[str, list[Finding]]:
    """What a SIM tells in the window, without the other SIMs."""
    if sim.known_from == len(sim.events):
        return {}
    return {"flapping": flapping(sim).findings, **{rule: tell(sim) for rule, tell in OF_ONE_SIM.items()}}


def fleet_sims(sims: Iterable[tuple[int, list[Seen]]], last: date) -> list[Sim]:
    """What a day may see of each SIM."""
    seen_of = []
    for linkid, sessions in sims:
        history = daily_use(seen for seen in sessions if last - 91 * ONE_DAY <= seen.session_end.date() < last)
        window = [seen for seen in sessions if last - 7 * ONE_DAY <= seen.session_end.date() <= last]
        if history or window:
            seen_of.append((linkid, window, history))
    return seen_of


def compared(sims: list[Sim], last: date, rules: NetworkRules = RULES) -> tuple[list[Change], Fleet]:
    """What a fleet tells with and without the filter, which must be the same; and what the filter makes of it."""
    fleet = fleet_of(stored(sims), ORG, last, rules, LEVELS, ALIASES)
    assert list(fleet.suspects) == sorted(fleet.suspects)
    words = Words(LEVELS, ALIASES)
    views = [SimView(linkid, last, window, history, rules, words) for linkid, window, history in sims]
    for view in views:
        for rule, findings in findings_by_rule(view).items():
            assert not findings or rule in fleet.suspects.get(view.linkid, ()), (view.linkid, rule, findings)
    for of_day in {of_day for view in views for of_day in view.homes()}:
        homes = Counter(view.homes()[of_day] for view in views if of_day in view.homes())
        assert fleet.homes_on(of_day) == homes, of_day
    known = [view for view in views if view.known_from < len(view.events)]
    for linkid, finding in shared_imeis([stay for view in known for stay in stays(view)], rules):
        assert "shared_imei" in fleet.suspects.get(linkid, ()), (linkid, finding)
    expected = sim_changes(ORG, last, sims, rules, LEVELS, ALIASES)
    chosen = [sim for sim in sims if sim[0] in fleet.suspects]
    assert sim_changes(ORG, last, chosen, rules, LEVELS, ALIASES, fleet) == expected
    return expected, fleet


def random_comparison(seed: int, sims: int) -> tuple[list[Change], int]:
    """What a random fleet tells, and how many of its SIMs were left out."""
    chance = Random(-seed)
    rules, last = random_rules(chance), day(chance.choice((0, 0, 1, 5)))
    of_day = fleet_sims(random_fleet(seed, sims), last)
    changes, fleet = compared(of_day, last, rules)
    return changes, len(of_day) - len(fleet.suspects)


def by_sim(world: World) -> list[Sim]:
    """A fleet made by hand, on D."""
    sims: dict[int, list[Seen]] = {}
    for seen in world.sessions:
        sims.setdefault(seen.linkid, []).append(seen)
    return fleet_sims(sorted(sims.items()), day(0))


def test_what_is_left_out_tells_nothing() -> None:
    for seed in (0, 9):
        changes, left_out = random_comparison(seed, sims=30)
        assert changes
        assert left_out


@pytest.mark.campaign
@pytest.mark.timeout(600)
def test_what_is_left_out_tells_nothing_in_many_fleets() -> None:
    told: set[str] = set()
    for seed in range(100, 220):
        told |= {change.rule for change in random_comparison(seed, sims=60)[0]}
    assert told == {
        "rat_downgrade",
        "new_network",
        "network_shift",
        "country_change",
        "imei_change",
        "shared_imei",
        "flapping",
        "fleet_incident",
    }


def test_a_quiet_fleet_is_left_out_but_for_the_sims_of_which_a_rule_speaks() -> None:
    world = World()
    for linkid in range(1, 41):
        world.usual(linkid=linkid, last=0, per_day=4)
    world.row(6, at(0, 12), linkid=7, rat="2G")
    _, fleet = compared(by_sim(world), day(0))
    assert fleet.suspects == {7: ["rat_downgrade"]}
    assert fleet.networks == {"t mobile usa"}
    assert fleet.homes_on(day(0)) == {"t mobile usa": 40}
    assert fleet.homes_on(day(0) - timedelta(days=7)) == {"t mobile usa": 40}


def test_a_row_of_low_sessions_that_reaches_into_the_window_is_looked_at() -> None:
    world = World().usual(last=8, per_day=4)
    world.row(2, at(8, 23.2), minutes=15, rat="2G")
    world.see(at(7, 0.2), rat="2G")
    world.usual(first=7, last=0, per_day=4)
    _, fleet = compared(by_sim(world), day(0))
    assert fleet.suspects == {7: ["rat_downgrade"]}


def test_flapping_in_half_of_what_a_session_says_is_looked_at() -> None:
    world = World().usual(last=1, per_day=4)
    for hour in (1, 5):
        world.see(at(0, hour), network=OTHER, rat="3G", bytes=0)
        world.see(at(0, hour + 1), rat=None)
        world.see(at(0, hour + 2), network=None)
    changes, _ = compared(by_sim(world), day(0), replace(RULES, new_network_sessions=9))
    assert [change.rule for change in changes] == ["flapping"]


def test_a_device_that_another_sim_left_on_the_windows_eve_is_looked_at() -> None:
    world = World().usual(linkid=1, last=8).usual(linkid=1, first=7, last=0, imei=None)
    world.usual(linkid=2, last=8, imei=None).usual(linkid=2, first=7, last=0, imei=imei(1))
    _, fleet = compared(by_sim(world), day(0))
    assert fleet.suspects == {1: ["shared_imei"], 2: ["shared_imei"]}
