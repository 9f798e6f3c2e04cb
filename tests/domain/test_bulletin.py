"""What a partition of `alerts` hands to the sensors: everything that may speak, worst first, in a bounded size."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hologram_assets.domain.alerts import ACCEPTED, CRITICAL, ESCALATED, INFO, OPEN, RESOLVED, SILENCED, WARN, Alert
from hologram_assets.domain.bulletin import MOST_ENTRIES, bulletin, worst_first

ORG = 144
DAY = date(2026, 11, 10)
MIDNIGHT = datetime(2026, 11, 10)
LONG_AGO = datetime(2026, 10, 20, 5)
ONE_DAY = timedelta(days=1)


def alert(number: int = 1, rule: str = "overage_step", **words: Any) -> Alert:
    """An overage alert that opened long ago, unless said otherwise; words that are no fields go into its detail."""
    fields = {name: words.pop(name) for name in list(words) if name in Alert._fields}
    detail = {
        "linkid": number, "device_name": "pump", "plan_id": 73, "plan_name": "Maker 10", "included_bytes": 10_000_000,
        "period_end": "2026-11-30 17:24:43", "usage_bytes": 12_000_001, "overage_cost": "0.42",
    }  # fmt: skip
    made = Alert(
        f"id{number:06d}", rule, 100, CRITICAL, f"SIM {number}", OPEN, LONG_AGO, LONG_AGO, None,
        "100 % of the allowance used", detail | words,
    )  # fmt: skip
    return made._replace(**fields)


def network(number: int = 1, **words: Any) -> Alert:
    return alert(number, "rat_downgrade", **{"step": 0, "severity": WARN, "why": "3 sessions in a row"} | words)


def told(
    alerts: Sequence[Alert],
    ended_before: Sequence[Alert] = (),
    *,
    day: date = DAY,
    today: date = DAY,
    newest: bool = True,
) -> dict[str, Any]:
    found = bulletin(alerts, ended_before, org_id=ORG, day=day, today=today, newest=newest)
    assert found is not None
    return found


def ids(found: dict[str, Any]) -> list[str]:
    return [entry["alert_id"] for entry in found["alerts"]]


def in_words(found: dict[str, Any]) -> list[str]:
    return [entry["alert_id"] for entry in found["alerts"] if "title" in entry]


# --- which partitions speak, and of what


@pytest.mark.parametrize(("days", "speaks"), [(0, True), (1, True), (2, False), (60, False)])
def test_only_the_partitions_of_today_and_yesterday_carry_anything(days: int, speaks: bool) -> None:
    found = bulletin([alert()], [alert(2)], org_id=ORG, day=DAY, today=DAY + days * ONE_DAY, newest=True)
    assert (found is not None) == speaks


def test_a_day_without_alerts_says_that_there_are_none() -> None:
    assert told([]) == {"alerts": [], "complete": True, "omitted": {}}


def test_an_entry_says_what_who_how_much_and_why() -> None:
    (entry,) = told([alert(7, device_id=99)])["alerts"]
    why = entry.pop("why")
    assert entry == {
        "alert_id": "id000007",
        "family": "overage",
        "rule": "overage_step",
        "step": 100,
        "severity": CRITICAL,
        "state": OPEN,
        "subject": "SIM 7",
        "title": "100 % of the allowance used",
        "since": "2026-10-20 05:00",
        "sim_url": "https://dashboard.hologram.io/org/144/device/99",
    }
    assert "12.0 MB used of 10.0 MB (Maker 10)" in why
    assert "overage $0.42" in why


def test_a_network_alert_gives_its_own_reason_after_the_devices_name() -> None:
    named, nameless = told([network(2), network(1, device_name=None)])["alerts"][::-1]
    assert (named["family"], named["why"]) == ("network", "pump: 3 sessions in a row")
    assert (nameless["family"], nameless["why"]) == ("network", "3 sessions in a row")


def test_a_sim_without_a_device_has_no_page() -> None:
    (entry,) = told([network()])["alerts"]
    assert entry["sim_url"] is None


def test_information_stays_in_the_table() -> None:
    found = told([alert(1, severity=INFO), alert(2)], [alert(3, severity=INFO, state=RESOLVED)])
    assert ids(found) == ["id000002"]
    assert found["complete"]


@pytest.mark.parametrize("state", [OPEN, ESCALATED, SILENCED, RESOLVED, ACCEPTED])
def test_an_alert_is_carried_in_every_state_so_that_none_is_taken_for_withdrawn(state: str) -> None:
    (entry,) = told([alert(state=state)])["alerts"]
    assert entry["state"] == state


def test_what_ended_on_the_days_before_is_carried_unless_it_is_there_again() -> None:
    over = alert(1, state=RESOLVED, resolved_at=MIDNIGHT - 2 * ONE_DAY)
    assert ids(told([], [over])) == ["id000001"]
    (entry,) = told([alert(1)], [over])["alerts"]
    assert entry["state"] == OPEN
    # Also when what is there again is no more than information.
    assert ids(told([alert(1, severity=INFO)], [over])) == []


# --- order, room and completeness


def test_the_worst_comes_first() -> None:
    ascending = [
        alert(9, state=RESOLVED),
        network(1),
        network(2, event_time=LONG_AGO + ONE_DAY),
        alert(3, severity=WARN, step=80),
        alert(4, overage_cost="0.10", step=120),
        alert(5, overage_cost="9.99"),
        alert(6, overage_cost="10.01"),
        alert(7, overage_cost="10.01", step=120),
        alert(8, overage_cost=None, projected_overage_cost="200.00"),
    ]
    assert ids(told(ascending)) == [each.alert_id for each in ascending[::-1]]
    assert ids(told(ascending[::-1])) == [each.alert_id for each in ascending[::-1]]


def test_two_thousand_are_carried_and_of_more_the_worst() -> None:
    full = [alert(number) for number in range(MOST_ENTRIES)]
    found = told(full)
    assert (len(found["alerts"]), found["complete"]) == (2_000, True)
    found = told([alert(1, severity=WARN, alert_id="the least"), *full])
    assert (len(found["alerts"]), found["complete"]) == (2_000, False)
    assert "the least" not in ids(found)
    found = told([*full, alert(1, overage_cost="99.00", alert_id="the worst")], [alert(5_000, state=RESOLVED)])
    assert (ids(found)[0], found["complete"]) == ("the worst", False)


def test_information_takes_no_room() -> None:
    many = [alert(number) for number in range(MOST_ENTRIES)]
    assert told([*many, *(alert(9_000 + number, severity=INFO) for number in range(50))])["complete"]


def test_a_day_that_is_not_the_newest_is_not_complete() -> None:
    assert not told([alert()], newest=False)["complete"]
    assert not told([alert()], day=DAY, today=DAY + ONE_DAY, newest=False)["complete"]
    assert told([alert()], day=DAY, today=DAY + ONE_DAY)["complete"]


# --- what is told in words


def test_the_ten_worst_of_each_family_and_severity_are_told_in_words() -> None:
    kinds = [
        [make(1_000 * kind + number, severity=severity, overage_cost=f"{number}.00") for number in range(150)]
        for kind, (make, severity) in enumerate(
            [(alert, CRITICAL), (alert, WARN), (network, CRITICAL), (network, WARN)]
        )
    ]
    found = told([each for of_kind in kinds for each in of_kind])
    assert {each.alert_id for of_kind in kinds for each in of_kind[-10:]} <= set(in_words(found))
    assert len(in_words(found)) == 150
    assert len(found["alerts"]) == 600


@pytest.mark.parametrize(
    ("words", "told_in_words"),
    [
        ({"event_time": MIDNIGHT - ONE_DAY}, True),
        ({"event_time": MIDNIGHT - ONE_DAY - timedelta(seconds=1)}, False),
        ({"event_time": MIDNIGHT + timedelta(hours=5)}, True),
        ({"state": RESOLVED, "resolved_at": MIDNIGHT - ONE_DAY}, True),
        ({"state": RESOLVED, "resolved_at": MIDNIGHT - ONE_DAY - timedelta(seconds=1)}, False),
        ({"opened_at": MIDNIGHT}, False),
    ],
)
def test_what_happened_within_48_hours_is_told_in_words_though_others_are_worse(
    words: dict[str, Any], told_in_words: bool
) -> None:
    worse = [alert(number, overage_cost="99.00") for number in range(1, 501)]
    found = told([*worse, alert(900, overage_cost="0.01", **words)])
    assert ("id000900" in in_words(found)) == told_in_words
    assert len(in_words(found)) == 150


def test_everything_is_told_in_words_while_there_is_room() -> None:
    found = told([alert(number) for number in range(100)] + [network(number) for number in range(100, 150)])
    assert in_words(found) == ids(found)
    found = told([alert(number, event_time=MIDNIGHT) for number in range(200)])
    assert in_words(found) == ids(found)[:150]


def test_news_of_one_family_are_carried_whatever_the_other_family_has() -> None:
    """Alerts that are open for long and cost more don't keep out what happened today."""
    old = [alert(number, overage_cost="99.00") for number in range(2_500)]
    new = [alert(9_000, overage_cost="0.01", event_time=MIDNIGHT), network(9_001, event_time=MIDNIGHT)]
    found = told([*old, *new])
    assert {"id009000", "id009001"} <= set(in_words(found))
    assert len(found["alerts"]) == MOST_ENTRIES
    assert found["omitted"] == {"overage": 502}
    assert not found["complete"]


# --- a step that was reached on the day


def last_hours(**words: Any) -> Alert:
    moment = MIDNIGHT + timedelta(hours=17)
    ended: dict[str, Any] = {"state": RESOLVED, "event_time": moment, "resolved_at": moment}
    return alert(**ended | words)


@pytest.mark.parametrize("state", [OPEN, ESCALATED, RESOLVED])
@pytest.mark.parametrize("rule", ["overage_step", "payg_spend"])
def test_a_step_that_was_reached_on_the_day_says_so_also_if_it_ended_on_it(rule: str, state: str) -> None:
    (entry,) = told([last_hours(rule=rule, state=state)])["alerts"]
    assert entry["reached_today"] is True


@pytest.mark.parametrize(
    "words",
    [
        {"event_time": MIDNIGHT},
        {"event_time": MIDNIGHT - ONE_DAY},
        {"event_time": MIDNIGHT - ONE_DAY, "state": OPEN, "resolved_at": None},
        {"rule": "will_exceed"},
        {"rule": "rat_downgrade", "why": "so"},
        {"silenced_until": "2026-12-01"},
    ],
    ids=["at midnight", "the day before", "still open", "a forecast", "a network rule", "silenced"],
)
def test_nothing_else_was_reached_on_the_day(words: dict[str, Any]) -> None:
    (entry,) = told([last_hours(**words)])["alerts"]
    assert "reached_today" not in entry


# --- size and form


def test_two_thousand_entries_stay_below_500_kb_whatever_devices_are_called() -> None:
    name = "\N{PILE OF POO}<!channel>&" * 200
    crowd = [
        (alert if number % 2 else network)(
            10**12 + number, device_name=name, plan_name="Global Flexible 5 MB", event_time=MIDNIGHT, step=number % 900,
            subject=f"SIM {10**12 + number}", alert_id=f"{number:024x}", device_id=10**12 + number,
            severity=(WARN, CRITICAL)[number % 3 == 0], why="12 of 12 sessions in three days, " * 5,
        )
        for number in range(2_500)
    ]  # fmt: skip
    found = told(crowd)
    assert len(found["alerts"]) == MOST_ENTRIES
    assert len(in_words(found)) == 150
    text = json.dumps(found)
    assert len(text.encode()) < 500_000
    assert json.loads(text) == found


@st.composite
def crowds(draw: st.DrawFn) -> list[Alert]:
    found = []
    for number in range(draw(st.integers(0, 40))):
        make = draw(st.sampled_from((alert, network)))
        state = draw(st.sampled_from((OPEN, ESCALATED, SILENCED, RESOLVED, ACCEPTED)))
        moment = MIDNIGHT + timedelta(hours=draw(st.integers(-80, 23)))
        found.append(
            make(
                number,
                state=state,
                severity=draw(st.sampled_from((INFO, WARN, CRITICAL))),
                step=draw(st.sampled_from((0, 80, 100, 1_000))),
                event_time=moment,
                resolved_at=moment if state in {RESOLVED, ACCEPTED} else None,
                overage_cost=draw(st.none() | st.decimals(0, 10**6, places=6).map(str)),
                usage_charge=draw(st.none() | st.just("3.000000")),
            )
        )
    return found


@given(crowds(), crowds(), st.booleans(), st.integers(0, 1), st.integers(0, 10**6))
@settings(max_examples=60)
def test_of_any_alerts_everything_but_information_is_carried_once_in_an_order_that_does_not_depend_on_theirs(
    alerts: list[Alert], before: list[Alert], newest: bool, days: int, seed: int
) -> None:
    found = told(alerts, before, newest=newest, today=DAY + days * ONE_DAY)
    present = {each.alert_id for each in alerts}
    expected = {each.alert_id for each in alerts if each.severity != INFO}
    expected |= {each.alert_id for each in before if each.severity != INFO and each.alert_id not in present}
    assert Counter(ids(found)) == Counter(expected)
    assert found["complete"] == newest
    assert json.loads(json.dumps(found)) == found
    shuffled, shuffled_before = list(alerts), list(before)
    Random(seed).shuffle(shuffled)
    Random(seed).shuffle(shuffled_before)
    assert told(shuffled, shuffled_before, newest=newest, today=DAY + days * ONE_DAY) == found


def test_alerts_sort_by_money_as_numbers_and_without_it_too() -> None:
    dear, cheap, free = (alert(n, overage_cost=cost) for n, cost in enumerate(("100.00", "20.00", None)))
    assert sorted([free, cheap, dear], key=worst_first) == [dear, cheap, free]
    assert worst_first(dear)[2] == Decimal("-100.00")
