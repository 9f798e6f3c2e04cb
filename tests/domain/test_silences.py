"""A silence holds for its alerts on its days, whenever they are computed, and a list with a mistake is refused."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hologram_assets.domain.network_change import NETWORK_RULES
from hologram_assets.domain.overage_rules import OVERAGE_RULES
from hologram_assets.domain.silences import SILENCEABLE, Silence, by_state, read_silences, silenced_by

DAY = date(2026, 11, 23)
ALERT: dict[str, Any] = {"org_id": 144, "rule": "flapping", "linkid": 7, "alert_id": "abc", "day": DAY}
MATCHERS: dict[str, Any] = {"organisation": 144, "rule": "flapping", "sim": 7, "alert_id": "abc"}
OTHERS: dict[str, Any] = {"organisation": 145, "rule": "new_network", "sim": 8, "alert_id": "abd"}
days = st.dates(date(2020, 1, 1), date(2035, 1, 1))


@given(days, days, st.booleans(), days)
def test_a_silence_holds_on_exactly_its_days(first: date, second: date, open_start: bool, day: date) -> None:
    since, until = min(first, second), max(first, second)
    silence = Silence(until, "known", None if open_start else since, sim=7)
    found = silenced_by([silence], **{**ALERT, "day": day})
    within = (open_start or day >= since) and day < until + timedelta(days=1)
    assert (found is silence) is within


@given(st.sets(st.sampled_from(sorted(MATCHERS)), min_size=1), st.sets(st.sampled_from(sorted(MATCHERS))))
def test_a_silence_is_for_what_agrees_with_all_that_it_names(named: set[str], different: set[str]) -> None:
    silence = Silence(DAY, "known", **{name: (OTHERS if name in different else MATCHERS)[name] for name in named})
    assert (silenced_by([silence], **ALERT) is silence) is named.isdisjoint(different)


def test_the_first_silence_that_holds_is_the_one_that_is_told() -> None:
    over, first, second = (
        Silence(DAY - timedelta(days=1), "over", sim=7),
        Silence(DAY, "first", sim=7),
        Silence(DAY, "second", rule="flapping"),
    )
    assert silenced_by([over, first, second], **ALERT) is first
    assert silenced_by([], **ALERT) is None


def test_an_alert_of_no_single_sim_is_not_silenced_by_a_sim() -> None:
    incident = {**ALERT, "rule": "fleet_incident", "linkid": None}
    assert silenced_by([Silence(DAY, "known", sim=7)], **incident) is None
    assert silenced_by([Silence(DAY, "known", rule="fleet_incident")], **incident) is not None


def test_every_rule_that_makes_alerts_can_be_silenced() -> None:
    assert set(SILENCEABLE) == {*OVERAGE_RULES, *NETWORK_RULES}
    assert len(SILENCEABLE) == 11
    for rule in SILENCEABLE:
        assert read_silences(f"- {{until: 2026-12-31, reason: x, rule: {rule}}}")[0].rule == rule


def test_a_list_is_read() -> None:
    text = """
# What we know of
- until: 2026-12-31
  reason: "  antenna, replaced in January "
  sim: 7
  rule: rat_downgrade
- {since: '2026-11-01', until: '2026-11-30', reason: moving, organisation: 144}
- until: 2026-11-30
  reason: told
  alert_id: "012345678901234567890123"
"""
    assert read_silences(text) == (
        Silence(date(2026, 12, 31), "antenna, replaced in January", sim=7, rule="rat_downgrade"),
        Silence(date(2026, 11, 30), "moving", date(2026, 11, 1), organisation=144),
        Silence(date(2026, 11, 30), "told", alert_id="012345678901234567890123"),
    )


@pytest.mark.parametrize("text", ["", "# nothing\n", "[]", "---\n"])
def test_a_list_of_nothing_is_empty(text: str) -> None:
    assert read_silences(text) == ()


GOOD = "- {until: 2026-12-31, reason: x, sim: 7}\n"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("- until: 2026-12-31\n  reason: x\n  sims: 7\n", "line 4: 'sims' is not known; there are until, reason"),
        ("- {until: 2026-12-31, reason: x, sim: 1.5}", "line 2: sim must be a whole number above zero, not 1.5"),
        ("- {until: 2026-12-31, reason: x, sim: 0x10}", "line 2: '0x10' can't be read: write the number in decimal"),
        ("- {until: 2026-12-31, reason: x, sim: !!timestamp 'abc'}", "line 2: 'abc' is no timestamp"),
        ("- {until: 2026-12-31, reason: x, organisation: 0144}", "line 2: '0144' can't be read"),
        ("- {reason: x, sim: 7}", "line 2: a silence needs until"),
        ("- {until: 2026-12-31, sim: 7}", "line 2: a silence needs reason"),
        ("- {sim: 7}", "line 2: a silence needs until and reason"),
        ("- {until: 2026-12-31, reason: x}", "line 2: would silence everything; name at least one of"),
        ("- {until: soon, reason: x, sim: 7}", "line 2: until must be a UTC day like 2026-12-31, not 'soon'"),
        ("- {until: 2026-12-31 10:00:00, reason: x, sim: 7}", "line 2: until must be a UTC day"),
        ("- {until: '2026-W53-4', reason: x, sim: 7}", "line 2: until must be a UTC day"),
        ("- {until: '20261231', reason: x, sim: 7}", "line 2: until must be a UTC day"),
        ("- {until: 20261231, reason: x, sim: 7}", "line 2: until must be a UTC day"),
        ("- {until: , reason: x, sim: 7}", "line 2: until must be a UTC day like 2026-12-31, not None"),
        ("- reason: x\n  until: 2026-02-30\n  sim: 7", "line 3: '2026-02-30' can't be read"),
        ("- {until: 2026-12-31, reason: x, since: 1}", "line 2: since must be a UTC day"),
        ("- since: 2027-01-01\n  until: 2026-12-31\n  reason: x\n  sim: 7", "line 3: until 2026-12-31 is before since"),
        (
            "- {until: 2026-12-31, reason: x, rule: flaping}",
            "line 2: rule must be one of overage_step, .*, not 'flaping'",
        ),
        ("- {until: 2026-12-31, reason: x, rule: }", "line 2: rule must be one of"),
        ("- {until: 2026-12-31, reason: x, sim: seven}", "line 2: sim must be a whole number above zero, not 'seven'"),
        ("- {until: 2026-12-31, reason: x, sim: '7'}", "line 2: sim must be a whole number"),
        ("- {until: 2026-12-31, reason: x, sim: 7.0}", "line 2: sim must be a whole number"),
        ("- {until: 2026-12-31, reason: x, sim: true}", "line 2: sim must be a whole number"),
        ("- {until: 2026-12-31, reason: x, sim: [7, 8]}", "line 2: sim must be a whole number"),
        ("- {until: 2026-12-31, reason: x, organisation: 0}", "line 2: organisation must be a whole number above zero"),
        ("- {until: 2026-12-31, reason: x, alert_id: 12}", r"line 2: alert_id must be .* \(in quotes\), not 12"),
        ("- {until: 2026-12-31, reason: ' ', sim: 7}", "line 2: reason must be text that says why, not ' '"),
        ("- {until: 2026-12-31, reason: 5, sim: 7}", "line 2: reason must be text"),
        ("- {until: 2026-12-31, reason: x, sim: 7, sim: 8}", "line 2: 'sim' stands twice"),
        ("- known\n", "line 2: expected a silence"),
        ("-\n", "line 2: expected a silence"),
        ("- {until: 2026-12-31", "line [23]: is not YAML"),
        ("until: 2026-12-31", "line 2: is not YAML"),
        ("- &a {until: *a, reason: x, sim: 7}", "line 2: holds itself"),
        ("- {? [a] : 7}", "line 2: expected a name"),
        (
            "- !!python/object:os.system {a: 1}",
            "line 2: expected a silence|line 2: is not YAML|line 2: 'a' is not known",
        ),
        ("- \x07", "line 2: the character '.x07' can't stand in YAML"),
    ],
)
def test_a_list_with_a_mistake_is_refused_with_line_and_reason(entry: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        read_silences(GOOD + entry)


@pytest.mark.parametrize("text", ["until: 2026-12-31", "silences", "5", "{}"])
def test_what_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^line 1: expected a list of silences"):
        read_silences(text)


def test_silences_are_sorted_by_where_the_day_lies() -> None:
    def silence(since: int, until: int) -> Silence:
        return Silence(DAY + timedelta(days=until), "x", DAY + timedelta(days=since), sim=7)

    ended, first, last, ahead = silence(-2, -1), silence(-1, 0), silence(0, 0), silence(1, 1)
    found = by_state([ahead, last, ended, first], DAY)
    assert found == {"active": [last, first], "ended": [ended], "ahead": [ahead]}
