"""Failures of one cause are one, whatever differs in their texts; an incident is told once and then once an hour."""

from __future__ import annotations

import json

import pytest

from hologram_assets.domain.alerts import CRITICAL, WARN
from hologram_assets.domain.causes import Cause, advice, cause_of, crash, normalised, was_stopped
from hologram_assets.domain.incidents import (
    MOST_INCIDENTS,
    OVER_SECONDS,
    QUIET_BY_HAND_SECONDS,
    QUIET_SECONDS,
    Failed,
    Incident,
    Incidents,
    packed,
    unpacked,
)

DOWN = Cause("hologram_down")
DAY = "2026-11-20"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("no API key for organisation 144: set HOLOGRAM_API_KEY, or HOLOGRAM_API_KEY_144 for this one", "key_missing"),
        ("organisation 144: /usage/data answered 401: Unauthorized. Check HOLOGRAM_API_KEY: …", "key_refused"),
        ("raw_sessions failed for 2026-11-20|144: organisation 144: /plans answered 401", "key_refused"),
        ("organisation 144: /links/cellular answered 403: no. Check HOLOGRAM_API_KEY_144: …", "key_forbidden"),
        ("organisation 144: /usage/data answered 503: Internal server error", "hologram_down"),
        ("organisation 144: /usage/data answered 408", "hologram_down"),
        ("organisation 144: no answer from /plans: ConnectionError: [Errno 111] refused", "hologram_down"),
        ("organisation 144: /plans answered 200 with a body that is not a JSON object: '<html>'", "hologram_down"),
        ("organisation 144: /plans answered 200 with success: False", "hologram_down"),
        ("organisation 144: /usage/data answered 429: Too many requests", "rate_limited"),
        ("organisation 144: /usage/data answered 400: no such parameter", "unknown"),
        ("the warehouse /data/x.duckdb was busy for 300 s; last writer known: process 7", "warehouse_busy"),
        ("the warehouse /data/x.duckdb is held by a program; close it. DuckDB says: IO Error", "warehouse_busy"),
        ("raw_sessions: a blocking check failed for 2026-11-20|144", "check_failed"),
        ("2026-08-01 is older than what Hologram keeps (90 days); the first day that", "too_old"),
        ("raw_sessions of 2026-11-20 were never loaded for organisation 144; load them first", "not_loaded"),
        ("overage_report of 2026-11-20 was never derived for organisation 144; materialise it first", "not_loaded"),
        ("there is no warehouse at /data/x.duckdb; yet; load data first (hologram-assets backfill)", "no_warehouse"),
        ("division by zero", "unknown"),
        ("", "unknown"),
    ],
)
def test_what_is_known_to_happen_is_known_by_its_text(text: str, kind: str) -> None:
    assert cause_of(text).kind == kind


def test_what_the_api_answers_does_not_decide() -> None:
    hostile = "organisation 144: /usage/data answered 503: x: /y answered 401, no API key for organisation 1"
    assert cause_of(hostile) == DOWN
    assert cause_of("organisation 1: no answer from /plans: x: /y answered 401") == DOWN


def test_a_failed_check_is_a_cause_per_asset_however_dagster_words_it() -> None:
    alone = "1 blocking asset check failed with ERROR severity:\nraw_sessions: keys_are_sound"
    assert cause_of(alone, ["DagsterAssetCheckFailedError"]) == Cause("check_failed", "raw_sessions")
    assert cause_of("raw_sessions: a blocking check failed for 2026-11-20|144, 2026-11-21|144") == cause_of(
        alone, ["DagsterAssetCheckFailedError"]
    )
    assert cause_of("sim_inventory: a blocking check failed for 2026-11-20|144").text == "sim_inventory"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("row 17 of 2026-11-20", "row 4,711.5 of 2026-11-21"),
        ("at 2026-11-20T10:00:00.123Z", "at 2026-11-21 23:59:59 UTC"),
        ("for 2026-11-20|144, 2026-11-21|144", "for 2026-11-20|145"),
        ("run 1f0c7f6e-4a53-4b6f-9f4e-0c1d2e3f4a5b", "run c304b071-e167-45f0-b741-c03cd59adb3e"),
        ("<object at 0x7fc4895d6890>", "<object at 0x7fbaf55e65d0>"),
        ("https://x.example/a?key=1&b=c is bad", "https://x.example/a?key=2 is bad"),
        ("two\nlines", "two   lines"),
        ("IMEI 490154203237518", "IMEI 35-209900-176148-1"),
    ],
)
def test_ids_dates_and_numbers_make_no_other_cause(one: str, other: str) -> None:
    if "IMEI" in one:
        other = other.replace("-", "")
    assert normalised(one) == normalised(other)
    assert cause_of(one, ["ValueError"]) == cause_of(other, ["ValueError"])


def test_other_words_and_other_classes_are_other_causes() -> None:
    assert cause_of("no space left", ["OSError"]) != cause_of("permission denied", ["OSError"])
    assert cause_of("x", ["KeyError"]) != cause_of("x", ["ValueError"])
    assert cause_of("x", ["DagsterExecutionStepExecutionError", "KeyError"]) == cause_of("x", ["KeyError"])


def test_a_cause_says_how_bad_it_is_and_has_a_short_name() -> None:
    assert [Cause(kind).severity for kind in ("key_refused", "check_failed", "unknown", "crashed")] == [CRITICAL] * 4
    assert [Cause(kind).severity for kind in ("hologram_down", "rate_limited", "warehouse_busy")] == [WARN] * 3
    assert DOWN.key == "hologram_down"
    assert len(cause_of("x" * 10_000).key) < 20
    assert crash("Run worker 7 died") == crash("Run worker 8 died")
    assert Cause("of tomorrow").title == "of tomorrow"


def test_advice_names_the_variable_that_the_error_names() -> None:
    refused = cause_of("organisation 144: /plans answered 401: no. Check HOLOGRAM_API_KEY_144: the key must be valid")
    assert advice(refused, "… Check HOLOGRAM_API_KEY_144: …").startswith("Check HOLOGRAM_API_KEY_144: the key")
    assert "HOLOGRAM_API_KEY or HOLOGRAM_API_KEY_7" in advice(
        Cause("key_missing"), "set HOLOGRAM_API_KEY, or HOLOGRAM_API_KEY_7"
    )
    assert advice(refused, "{evil} HOLOGRAM_API_KEY_9").startswith("Check HOLOGRAM_API_KEY_144:")
    assert advice(Cause("key_refused"), "{evil}").startswith("Check HOLOGRAM_API_KEY:")
    for kind in (
        "warehouse_busy",
        "no_warehouse",
        "check_failed",
        "too_old",
        "not_loaded",
        "crashed",
        "unknown",
        "various",
        "new",
    ):
        assert advice(Cause(kind), "{x}")


def test_what_was_not_made_yet_passes_and_says_which_asset_is_to_be_made_first() -> None:
    text = "network_changes of 2026-11-20 was never derived for organisation 144; materialise it first"
    cause = cause_of(text, ["DagsterExecutionStepExecutionError", "NotLoadedError"])
    assert cause.severity == WARN
    assert advice(cause, text).startswith("Materialise network_changes of these days first")
    loads = "raw_sessions of 2026-11-20 were never loaded for organisation 144; load them first"
    assert cause_of(loads) == cause
    assert advice(cause, loads).startswith("Materialise raw_sessions of these days first")
    assert "HOLOGRAM_WAREHOUSE" in advice(Cause("no_warehouse"), "there is no warehouse at x")


def test_a_key_for_all_and_a_key_of_one_organisation_are_refused_each_for_itself() -> None:
    refused = "organisation {}: /plans answered 401: no. Check {}: the key must be valid"
    for_all, own = (
        cause_of(refused.format(*words)) for words in ((144, "HOLOGRAM_API_KEY"), (145, "HOLOGRAM_API_KEY_145"))
    )
    assert for_all != own
    assert cause_of(refused.format(146, "HOLOGRAM_API_KEY")) == for_all
    assert (for_all.kind, own.kind) == ("key_refused", "key_refused")
    missing = "no API key for organisation {0}: set HOLOGRAM_API_KEY, or HOLOGRAM_API_KEY_{0} for this one"
    assert cause_of(missing.format(144)) == cause_of(missing.format(145))


def test_a_stopped_run_is_known_by_its_error() -> None:
    assert was_stopped(["DagsterExecutionStepExecutionError", "StoppedError"])
    assert not was_stopped(["ValueError"])


# Incidents.


def failed(at: float, org: int = 144, cause: Cause = DOWN, day: str = DAY, *, by_hand: bool = False) -> Failed:
    return Failed(f"run-{at}", at, cause, f"error of {org}", frozenset({(org, day)}), by_hand)


def say(incidents: Incidents, now: float) -> list[Incident]:
    due = incidents.due(now)
    for incident in due:
        incident.was_said(incident.thread or ("C1", str(now)), now)
    return due


def test_an_incident_is_told_at_once_then_once_an_hour_and_over_after_a_day() -> None:
    incidents = Incidents()
    incidents.add(failed(0), [])
    assert len(say(incidents, 10)) == 1
    incidents.add(failed(60), [])
    assert incidents.due(10 + QUIET_SECONDS - 1) == []
    (going_on,) = say(incidents, 10 + QUIET_SECONDS)
    assert (going_on.said_runs, going_on.thread) == (2, ("C1", "10"))
    incidents.add(failed(60 + OVER_SECONDS), [])
    assert len(list(incidents)) == 1
    incidents.add(failed(60 + 2 * OVER_SECONDS + 1), [])
    assert len(list(incidents)) == 2
    say(incidents, 3 * OVER_SECONDS)
    incidents.prune(60 + 3 * OVER_SECONDS)
    assert len(list(incidents)) == 1


def test_what_is_untold_outlives_the_incident() -> None:
    incidents = Incidents()
    incidents.add(failed(0), [])
    incidents.prune(10 * OVER_SECONDS)
    assert len(incidents.due(10 * OVER_SECONDS)) == 1


def test_a_run_by_hand_waits_for_five_minutes_only() -> None:
    incidents = Incidents()
    incidents.add(failed(0), [])
    say(incidents, 0)
    incidents.add(failed(10, by_hand=True), [])
    assert incidents.due(QUIET_BY_HAND_SECONDS - 1) == []
    assert len(incidents.due(QUIET_BY_HAND_SECONDS)) == 1


def test_critical_causes_are_told_first_and_new_ones_before_those_that_go_on() -> None:
    incidents = Incidents()
    incidents.add(failed(0, cause=Cause("key_refused")), [])
    say(incidents, 0)
    incidents.add(failed(1, cause=Cause("key_refused")), [])
    incidents.add(failed(2), [])
    incidents.add(failed(3, cause=Cause("key_missing")), [])
    assert [one.cause.kind for one in incidents.due(9_999)] == ["key_missing", "hologram_down", "key_refused"]


def test_one_organisation_with_a_channel_is_told_there_and_the_second_is_everybodys() -> None:
    incidents = Incidents()
    incidents.add(failed(0, 144), [144, 145])
    (own,) = say(incidents, 0)
    assert own.org_id == 144
    incidents.add(failed(1, 145), [144, 145])
    incidents.add(failed(2, 146), [144, 145])
    incidents.add(failed(3, 144), [144, 145])
    assert [(one.org_id, one.untold.orgs) for one in incidents] == [(144, [144]), (None, [145, 146])]


def test_two_organisations_before_the_first_word_are_one_message_for_all() -> None:
    incidents = Incidents()
    incidents.add(failed(0, 144), [144, 145])
    incidents.add(failed(1, 145), [144, 145])
    (both,) = incidents.due(2)
    assert (both.org_id, both.untold.orgs, both.untold.runs) == (None, [144, 145], 2)


def test_a_thousand_different_errors_are_a_few_messages() -> None:
    incidents = Incidents()
    for number in range(1_000):
        word = "".join(chr(ord("g") + int(digit)) for digit in str(number))
        incidents.add(failed(number, cause=cause_of(f"{word} went wrong")), [])
    assert len(incidents.due(2_000)) == MOST_INCIDENTS + 1
    assert [one.untold.runs for one in incidents if one.cause.kind == "various"] == [1_000 - MOST_INCIDENTS]


def test_a_hundred_refused_keys_are_a_few_messages() -> None:
    incidents = Incidents()
    for org in range(100):
        incidents.add(failed(org, org, Cause("key_refused", f"HOLOGRAM_API_KEY_{org}")), [])
    assert len(incidents.due(2_000)) == MOST_INCIDENTS + 1


def test_the_memory_comes_back_from_the_cursor_as_it_was() -> None:
    incidents = Incidents()
    incidents.add(failed(0, 144), [144])
    say(incidents, 1)
    incidents.add(failed(2, 145, cause_of("odd")), [])
    incidents.add(failed(3, 144, by_hand=True), [144])
    again = Incidents.from_json(json.loads(json.dumps(incidents.as_json())))
    assert list(again) == list(incidents)


@pytest.mark.parametrize("values", [[{}], [1], 3, "x", [{"kind": "x"}]])
def test_a_memory_of_another_shape_is_an_error(values: object) -> None:
    with pytest.raises((LookupError, TypeError, ValueError, AttributeError)):
        Incidents.from_json(values)  # type: ignore[arg-type]


def test_partitions_are_packed_by_day() -> None:
    partitions = {(org, day) for org in range(100, 200) for day in ("2026-11-20", "2026-11-21")}
    assert unpacked(packed(partitions)) == partitions
    assert len(json.dumps(packed(partitions))) < 1_100
