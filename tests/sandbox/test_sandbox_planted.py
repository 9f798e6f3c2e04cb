"""Planted network faults: each is where the truth says it is, and fulfils its rule's conditions to the letter."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from functools import cache

import pytest

from hologram_assets.sandbox import Fleet, Planted, SandboxClock
from tests.sandbox.literal_rules import (
    Finding,
    History,
    dominant,
    findings_of,
    fleet_incidents,
    histories_of,
    network_of,
)

# Whole fleets, drawn several times.
pytestmark = pytest.mark.campaign
NOON = datetime.fromisoformat("2026-11-20T12:00:00")
RULES = {
    "rat_downgrade",
    "new_network",
    "network_shift",
    "country_change",
    "imei_change",
    "shared_imei",
    "flapping",
    "fleet_incident",
}


@cache
def fleet_of(seed: int = 1, *, sims: int = 40, days: int = 64, hour: int = 12) -> Fleet:
    clock = SandboxClock(NOON.replace(hour=hour))
    return Fleet(clock, orgs=(144,), sims=sims, days=days, seed=seed, profile="network_faults")


@cache
def measured(seed: int, sims: int = 40, days: int = 64, hour: int = 12) -> tuple[list[History], list[Finding]]:
    histories = histories_of(fleet_of(seed, sims=sims, days=days, hour=hour).sessions(144))
    return histories, findings_of(histories)


def planted(seed: int = 1, rule: str = "") -> list[Planted]:
    return [cause for cause in fleet_of(seed).planted(144) if rule in {"", cause.rule}]


def test_the_default_of_40_sims_holds_every_fault_several_times() -> None:
    counts = Counter(cause.rule for cause in planted())
    assert set(counts) == RULES
    assert counts.pop("fleet_incident") == 1
    assert min(counts.values()) >= 2
    assert {cause.detail["to"] for cause in planted(rule="rat_downgrade")} == {"3G", "2G"}
    assert {cause.detail["model_changes"] for cause in planted(rule="imei_change")} == {True, False}
    assert {cause.detail["new_to_org"] for cause in planted(rule="new_network")} == {True, False}
    assert {len(cause.linkids) for cause in planted(rule="shared_imei")} == {2}


def test_every_fault_has_three_days_of_data_after_it_and_the_history_before() -> None:
    fleet = fleet_of(hour=0)
    assert fleet.planted(144) == fleet_of().planted(144)
    for cause in fleet.planted(144):
        assert timedelta(days=3) < fleet.made_on - cause.at.date() <= timedelta(days=9)
        assert NOON.replace(hour=0) - cause.at >= timedelta(days=3)
        for sim in fleet.sims(144):
            if sim.linkid in cause.linkids:
                assert cause.at - sim.activated_at > timedelta(days=54)


def test_faults_stay_where_they_are_when_the_clock_moves() -> None:
    clock = SandboxClock(NOON)
    fleet = Fleet(clock, orgs=(144,), sims=40, days=0, profile="network_faults")
    before = fleet.planted(144)
    clock.advance(timedelta(days=12))
    assert fleet.planted(144) == before


@pytest.mark.parametrize(
    ("seed", "sims", "days", "hour"), [(1, 40, 64, 12), (2, 40, 64, 0), (3, 60, 20, 23), (4, 75, 40, 6)]
)
def test_the_literal_rules_find_every_planted_fault(seed: int, sims: int, days: int, hour: int) -> None:
    histories, findings = measured(seed, sims, days, hour)
    causes = fleet_of(seed, sims=sims, days=days, hour=hour).planted(144)
    assert {cause.rule for cause in causes} == RULES
    for cause in causes:
        if cause.rule == "fleet_incident":
            continue
        for linkid in cause.linkids:
            own = [
                finding
                for finding in findings
                if (finding.rule, finding.linkid) == (cause.rule, linkid)
                and cause.at <= finding.at <= cause.at + timedelta(days=3, hours=12)
            ]
            assert own, cause
            if cause.rule in {"rat_downgrade", "new_network", "network_shift", "country_change", "imei_change"}:
                assert own[0].what == cause.detail["to"]
            if cause.rule in {"rat_downgrade", "new_network", "country_change", "imei_change"}:
                # Nothing before the cause belongs to it.
                assert cause.at <= own[0].begun <= cause.at + timedelta(days=2)
    (incident,) = [cause for cause in causes if cause.rule == "fleet_incident"]
    ((network, linkids, begun),) = fleet_incidents(histories)
    assert network == incident.detail["network"]
    assert linkids == set(incident.linkids)
    assert incident.at <= begun < incident.at + timedelta(hours=6)


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_but_what_was_planted_is_found_on_a_planted_sim_after_its_time(seed: int) -> None:
    """But for flapping, which the rule's text finds in lone fallbacks too."""
    allowed: defaultdict[int, set[str]] = defaultdict(lambda: {"flapping", "rat_downgrade"})
    since: dict[int, datetime] = {}
    for cause in planted(seed):
        for linkid in cause.linkids:
            allowed[linkid] |= {cause.rule, *cause.also}
            since[linkid] = cause.at
    strangers = [
        finding
        for finding in measured(seed)[1]
        if finding.at >= since.get(finding.linkid, datetime.max) and finding.rule not in allowed[finding.linkid]
    ]
    assert strangers == []


def test_before_its_fault_a_planted_sim_is_at_home_in_one_network() -> None:
    histories = {history.linkid: history for history in measured(1)[0]}
    for cause in planted():
        for linkid in cause.linkids:
            before = [s for s in histories[linkid].sessions if s.timestamp < cause.at]
            network = dominant(map(network_of, before))
            technology = dominant(session.radio_access_technology for session in before)
            assert network is not None
            assert network[1] > 0.75
            assert technology is not None
            assert technology[1] > 0.9


def test_a_downgrade_lasts_until_the_truth_says_it_ends() -> None:
    histories = {history.linkid: history for history in measured(1)[0]}
    ends = 0
    for cause in planted(rule="rat_downgrade"):
        (linkid,) = cause.linkids
        until = cause.detail["until"] or datetime.max
        for session in histories[linkid].sessions:
            known = session.radio_access_technology
            if known and cause.at <= session.session_begin < until:
                assert known == cause.detail["to"]
            elif known and session.session_begin >= until:
                ends += known == cause.detail["from"]
    assert ends > 20


def test_an_incident_is_ten_sims_or_more_and_a_twentieth_of_the_networks_own() -> None:
    (incident,) = planted(rule="fleet_incident")
    fleet = fleet_of()
    there = [sim for sim in fleet.sims(144) if sim.home[0].name == incident.detail["network"] and not sim.tour]
    assert len(incident.linkids) >= 10
    assert len(incident.linkids) >= 0.05 * len(there)
    assert incident.also == ("rat_downgrade",)


def test_a_borrowed_imei_goes_on_being_used_by_its_owner() -> None:
    for cause in planted(rule="shared_imei"):
        borrower, lender = cause.linkids
        users = {
            session.linkid
            for session in fleet_of().sessions(144)
            if session.imei == cause.detail["to"] and session.session_begin >= cause.at
        }
        assert users == {borrower, lender}
        before = {s.linkid for s in fleet_of().sessions(144) if s.imei == cause.detail["to"] and s.timestamp < cause.at}
        assert before == {lender}


def test_too_few_sims_make_no_incident_and_the_truth_does_not_claim_one() -> None:
    fleet = Fleet(SandboxClock(NOON), orgs=(144,), sims=30, days=0, profile="network_faults")
    assert "fleet_incident" not in {cause.rule for cause in fleet.planted(144)}
    lone = Fleet(SandboxClock(NOON), orgs=(144,), sims=19, days=0, profile="network_faults")
    assert "shared_imei" not in {cause.rule for cause in lone.planted(144)}


def test_the_default_fleet_tells_what_is_planted_in_it_too() -> None:
    fleet = Fleet(SandboxClock(NOON), orgs=(144,), sims=40, days=0)
    assert Counter(cause.rule for cause in fleet.planted(144)) == {
        "rat_downgrade": 4,
        "new_network": 2,
        "imei_change": 2,
    }
    moments = {sim.linkid: sim.changed_at for sim in fleet.sims(144)}
    assert all(cause.at == moments[cause.linkids[0]] for cause in fleet.planted(144))
