"""Messages about runs and checks say what, who, since when and what to do, within Slack's limits, and only text."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from typing import Any

import pytest

from hologram_assets.domain.causes import Cause, cause_of
from hologram_assets.domain.check_topics import FAILS, FAILS_AGAIN, PASSES_AGAIN, STILL_FAILS, Evaluation, Topics
from hologram_assets.domain.incidents import Batch, Incident
from hologram_assets.domain.messages import Message
from hologram_assets.domain.operations_messages import (
    Finding,
    check_message,
    check_reply,
    failure_message,
    newest_first,
    still_failing_message,
)
from hologram_assets.sandbox.slack.limits import problem_of_metadata, problems_of

TODAY = date(2026, 11, 20)
URL = "http://dagster.example:3000"
NOON = 1795176000.0
HOSTILE = [
    "<!channel> <@U024BE7LH> <https://evil.example|Click>",
    "*bold* _it_ ~s~ `c` ```b```",
    "a & b < c > d " * 500,
    "&" * 10_000,
    "\u202ereversed\x00\n\n",
    "{0} {x} %s",
]


def incident(error: str = "boom", runs: int = 3, orgs: int = 2, cause: Cause | None = None) -> Incident:
    partitions = {(144 + org, f"2026-11-{day:02}") for org in range(orgs) for day in (19, 20)}
    batch = Batch(runs, 1, NOON, "first", "last", error, partitions)
    return Incident(cause or cause_of(error), None, NOON, NOON, untold=batch)


def texts(message: Message) -> list[str]:
    return [
        part["text"]
        for block in message.blocks
        if block["type"] in {"section", "context"}
        for part in block.get("elements", [block.get("text")])
    ]


def check_limits(message: Message) -> None:
    assert problems_of(message.blocks) == []
    assert problem_of_metadata(message.metadata) is None
    assert len(message.text) <= 3_000
    assert len(json.dumps(message.metadata)) < 8_000
    for text in [message.text, *texts(message)]:
        assert "<" not in text
        assert ">" not in text
        assert "://" not in text
        assert not re.search(r"&(?!amp;|lt;|gt;)", text)
        assert "\u202e" not in text


def test_a_failure_says_how_many_for_whom_since_when_why_and_what_to_do() -> None:
    message = failure_message(incident("organisation 144: /plans answered 503: x"), URL)
    header, facts, error, advice, actions = message.blocks
    assert header["text"]["text"] == "2 organisations: Hologram doesn't answer as it should (warn, 3 runs failed)"
    assert facts["text"]["text"] == (
        ":large_orange_circle: *3 runs failed* since 2026-11-20 12:00 UTC\n"
        "4 partitions of organisations 144, 145, 2026-11-19 to 2026-11-20"
    )
    assert error["text"]["text"] == "*The first error*\norganisation 144: /plans answered 503: x"
    assert advice["text"]["text"].startswith("*What to do*\nNothing to do")
    assert [(b["text"]["text"], b["url"]) for b in actions["elements"]] == [
        ("First run", f"{URL}/runs/first"),
        ("Last run", f"{URL}/runs/last"),
        ("All runs", f"{URL}/runs"),
    ]
    assert message.metadata["event_payload"] == {"subject": "hologram_down", "org_ids": [144, 145], "runs": 3}


def test_a_failure_of_no_organisation_and_without_links_is_told_too() -> None:
    message = failure_message(incident(orgs=0), None)
    assert message.text.startswith("Hologram assets: an error that nobody foresaw")
    assert all(block["type"] != "actions" for block in message.blocks)


def test_the_word_in_the_thread_counts_on() -> None:
    going_on = incident()
    going_on.said_runs = 40
    message = still_failing_message(going_on, URL)
    assert (
        "*3 more runs failed since 2026-11-20 12:00 UTC, 1 of them run again by hand (43 in all)*" in texts(message)[0]
    )


def test_a_large_fleet_is_cut_and_counted() -> None:
    message = failure_message(incident(orgs=500), URL)
    assert "and 490 more" in texts(message)[0]
    assert len(message.metadata["event_payload"]["org_ids"]) == 100


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text_and_within_the_limits(text: str) -> None:
    numbers = {text: text, "many": {text: text}, "list": [text] * 100}
    findings = [Finding((org, "2026-11-20"), numbers, f"{text} {org}") for org in range(40)]
    for message in (
        failure_message(incident(text), URL),
        still_failing_message(incident(text), URL),
        check_message(text[:500], text[:500], "critical", findings, None),
        check_reply("fails again", text[:500], text[:500], findings),
        check_reply("passes again", text[:500], text[:500], findings),
    ):
        check_limits(message)


def test_a_check_shows_plain_numbers_first_and_leaves_out_what_is_empty() -> None:
    numbers: dict[str, Any] = {"by_reason": {"pooled": 2}, "sims": 3, "ranges": [], "note": None, "dagster/x": 1}
    message = check_message(
        "overage_report", "every_sim_priced", "warn", [Finding((7, "2026-11-20"), numbers, "")], URL
    )
    (entry,) = texts(message)
    assert entry == ":large_orange_circle: *2026-11-20*, organisation 7: sims 3, by reason (pooled: 2)"
    assert message.metadata["event_payload"]["subject"] == "overage_report.every_sim_priced"


def test_without_its_blocks_a_check_message_still_names_all_that_it_shows() -> None:
    findings = [Finding((org, "2026-11-20"), {"rows": org}, "") for org in range(1, 13)]
    text = check_message("a", "b", "warn", findings, URL).text
    assert text.count("*2026-11-20*") == 10
    assert "organisation 10: rows 10" in text


def test_advice_with_numbers_of_one_partition_says_whose_they_are() -> None:
    def advised(*advices: str) -> str:
        findings = [Finding((org, "2026-11-20"), {}, advice) for org, advice in enumerate(advices, start=1)]
        return texts(check_message("a", "b", "warn", findings, None))[-1]

    assert advised("Restore 16 rows.", "Restore 3 rows.", "Restore 4 rows.", "Look.") == (
        "*What to do*\n• *2026-11-20*, organisation 1, and likewise 2 others: Restore 16 rows.\n• Look."
    )
    assert advised("Restore 16 rows.", "Restore 16 rows.") == "*What to do*\n• Restore 16 rows."


@pytest.mark.parametrize("url", ["localhost:3000", "ftp://x", "http://x/" + "y" * 3_000])
def test_an_address_that_slack_would_refuse_makes_no_button(url: str) -> None:
    finding = Finding((7, "2026-11-20"), {}, "")
    for message in (failure_message(incident(), url), check_message("a", "b", "warn", [finding], url)):
        assert all(block["type"] != "actions" for block in message.blocks)
        check_limits(message)


def test_an_asset_as_a_whole_has_no_partition() -> None:
    message = check_message("a", "b", "warn", [Finding((0, ""), {}, "")], None)
    assert texts(message) == [":large_orange_circle: *the whole asset*: no numbers"]


def test_the_newest_day_comes_first() -> None:
    found = [Finding(partition, {}, "") for partition in ((1, "2026-11-19"), (2, "2026-11-20"), (1, "2026-11-20"))]
    assert [finding.partition for finding in newest_first(found)] == [
        (1, "2026-11-20"),
        (2, "2026-11-20"),
        (1, "2026-11-19"),
    ]


# What is to be said of checks.


def evaluation(org: int = 144, ago: int = 0, *, passed: bool = False, severity: str = "warn") -> Evaluation:
    day = str(TODAY - timedelta(days=ago))
    return Evaluation("raw_sessions", "every_rat_mapped", severity, passed, Finding((org, day), {}, ""))


def test_a_partition_is_said_once_and_then_only_what_changes() -> None:
    topics = Topics()
    (first,) = topics.sayings([evaluation(144), evaluation(145)], [], 0, TODAY)
    assert (first.kind, len(first.findings)) == (FAILS, 2)
    topics.was_said(first, ("C1", "1"), 0)
    assert topics.sayings([evaluation(144)], [], 1, TODAY) == []
    (passes,) = topics.sayings([evaluation(144, passed=True)], [], 2, TODAY)
    assert (passes.kind, [finding.partition[0] for finding in passes.findings]) == (PASSES_AGAIN, [144])
    topics.was_said(passes, ("C1", "1"), 2)
    (fails,) = topics.sayings([evaluation(144)], [], 3, TODAY)
    assert fails.kind == FAILS_AGAIN
    topics.was_said(fails, ("C1", "1"), 3)
    again = Topics.from_json(json.loads(json.dumps(topics.as_json())))
    assert again.as_json() == topics.as_json()
    assert again.sayings([evaluation(144), evaluation(145)], [], 4, TODAY) == []


def test_warnings_of_days_before_yesterday_are_silent_and_errors_are_not() -> None:
    kinds = [
        len(Topics().sayings([evaluation(ago=ago, severity=severity)], [], 0, TODAY))
        for severity in ("warn", "critical")
        for ago in (0, 1, 2, 300)
    ]
    assert kinds == [1, 1, 0, 0, 1, 1, 1, 1]


def test_the_memory_of_a_large_fleet_is_small() -> None:
    topics = Topics()
    (news,) = topics.sayings([evaluation(org) for org in range(1, 201)], [], 0, TODAY)
    topics.was_said(news, ("C0123456789", "1795176000.000100"), NOON)
    assert len(json.dumps(topics.as_json(), separators=(",", ":"))) < 1_000


class Week:
    """Days of a check, each told at its end: what was posted, as kind and thread."""

    def __init__(self) -> None:
        self.topics = Topics()
        self.posted: list[tuple[str, str]] = []

    def day(self, number: int, *evaluations: Evaluation) -> list[tuple[str, str]]:
        """What these evaluations made it post; evaluations count their days from TODAY backwards."""
        now, today = NOON + number * 86400, TODAY + timedelta(days=number)
        new = []
        for saying in self.topics.sayings(evaluations, [], now, today):
            thread = saying.topic.thread if saying.topic else ("C1", str(now))
            self.topics.was_said(saying, thread, now)
            new.append((saying.kind, thread[1]))
        self.topics.prune(now)
        self.topics = Topics.from_json(json.loads(json.dumps(self.topics.as_json())))
        self.posted += new
        return new


@pytest.mark.parametrize("severity", ["warn", "critical"])
def test_what_fails_day_after_day_is_one_message_and_a_word_a_day_in_its_thread(severity: str) -> None:
    week = Week()
    ((kind, thread),) = week.day(0, evaluation(severity=severity))
    assert kind == FAILS
    for number in range(1, 8):
        assert week.day(number, evaluation(ago=-number, severity=severity)) == [(STILL_FAILS, thread)]


def test_a_check_that_had_passed_for_a_day_is_a_new_message() -> None:
    week = Week()
    ((_, first),) = week.day(0, evaluation())
    week.day(1, evaluation(ago=-1))
    assert week.day(2, evaluation(ago=-2, passed=True)) == []
    ((kind, second),) = week.day(3, evaluation(ago=-3))
    assert (kind, second != first) == (FAILS, True)


def test_a_check_that_passes_again_and_fails_on_the_day_after_the_next_is_a_new_message() -> None:
    week = Week()
    week.day(0, evaluation())
    week.day(1, evaluation(ago=-1))
    assert [kind for kind, _ in week.day(1, evaluation(ago=-1, passed=True))] == [PASSES_AGAIN]
    assert [kind for kind, _ in week.day(2, evaluation(ago=-2))] == [FAILS]


def test_a_day_that_passes_while_it_has_hardly_begun_is_no_day_that_passed() -> None:
    week = Week()
    ((_, thread),) = week.day(0, evaluation())
    for number in range(1, 4):
        assert week.day(number, evaluation(ago=-number, passed=True)) == []
        assert week.day(number, evaluation(ago=-number)) == [(STILL_FAILS, thread)]


def test_a_day_that_fails_after_all_is_no_day_that_passed_though_nothing_was_said_of_it() -> None:
    week = Week()
    ((_, thread),) = week.day(0, evaluation(144), evaluation(145))
    week.day(1, evaluation(144, -1), evaluation(145, -1, passed=True))
    assert week.day(1, evaluation(145, -1)) == []
    assert week.day(2, evaluation(145, -2)) == [(STILL_FAILS, thread)]


def test_many_organisations_that_warn_on_get_one_word_a_day_between_them() -> None:
    week = Week()
    week.day(0, *[evaluation(org) for org in (144, 145, 146)])
    for number in (1, 2):
        assert [kind for kind, _ in week.day(number, evaluation(144, -number))] == [STILL_FAILS]
        assert week.day(number, evaluation(145, -number), evaluation(146, -number)) == []
    week.day(3, evaluation(145, -3, passed=True))
    assert [kind for kind, _ in week.day(4, evaluation(145, -4), evaluation(144, -4))] == [FAILS, STILL_FAILS]


def test_after_a_week_without_a_word_and_for_earlier_days_it_is_a_new_message() -> None:
    week = Week()
    week.day(0, evaluation(severity="critical"))
    assert [kind for kind, _ in week.day(1, evaluation(ago=3, severity="critical"))] == [FAILS]
    assert [kind for kind, _ in week.day(8, evaluation(ago=-8, severity="critical"))] == [FAILS]


def test_what_fails_for_a_year_does_not_fill_the_memory() -> None:
    week = Week()
    for number in range(400):
        week.day(number, *[evaluation(org, -number) for org in range(1, 51)])
    assert len({thread for _, thread in week.posted}) == 1
    assert len(json.dumps(week.topics.as_json(), separators=(",", ":"))) < 10_000
