"""Failed checks are told once with their numbers, and told when they pass again; a backfill doesn't fill a channel."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pytest
from dagster import (
    AssetCheckEvaluation,
    AssetCheckSeverity,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    DagsterEventType,
    DagsterInstance,
)

from hologram_assets.domain.check_topics import GATHERED_SECONDS, REMEMBERED_SECONDS
from hologram_assets.partitions import today
from hologram_assets.resources.slack import SlackDownError, SlackRefusedError, SlackResource
from hologram_assets.sandbox import Sandbox
from hologram_assets.sensors import check_failures, finished_runs, posting
from tests.conftest import Deployment
from tests.sensors.fallen_runs import TOKEN, Clock, Watch, failing, materialize

pytestmark = pytest.mark.usefixtures("token")
URL = "http://dagster.example:3000/"
ADVICE = "Add them to the table of RAT levels."
WARN, ERROR = AssetCheckSeverity.WARN, AssetCheckSeverity.ERROR


@dataclass
class Checked:
    """An asset whose run logs evaluations as a range of ours does, and then succeeds or fails."""

    instance: DagsterInstance
    said: list[AssetCheckEvaluation] = field(default_factory=list)

    def say(
        self,
        org: int = 144,
        day: date | None = None,
        *,
        passed: bool = False,
        severity: AssetCheckSeverity = WARN,
        check: str = "every_rat_mapped",
        numbers: dict[str, Any] | None = None,
        advice: str = ADVICE,
    ) -> None:
        self.said.append(
            AssetCheckEvaluation(
                asset_key=AssetKey("raw_sessions"),
                check_name=check,
                passed=passed,
                severity=severity,
                metadata=numbers if numbers is not None else {"unmapped_sessions": 3, "unmapped_values": {"6G": 3}},
                description=None if passed else advice,
                partition=f"{day or today()}|{org}",
            )
        )

    def run(self, *, succeeds: bool = True) -> None:
        """One finished run of all that was said."""
        said, self.said = self.said, []

        def body(context: AssetExecutionContext) -> None:
            for evaluation in said:
                context.log_event(evaluation)
            assert succeeds

        result = materialize(self.instance, [self._asset(body)], f"{today()}|144")
        assert result.success is succeeds

    @staticmethod
    def _asset(body: Callable[[AssetExecutionContext], None]) -> AssetsDefinition:
        return failing(body)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(check_failures, "time", clock)
    return clock


@pytest.fixture
def watch(instance: DagsterInstance, sandbox: Sandbox) -> Watch:
    """A sensor that has seen all there is."""
    kinds: Any = (DagsterEventType.RUN_SUCCESS, DagsterEventType.RUN_FAILURE, DagsterEventType.RUN_CANCELED)
    newest = [record for kind in kinds for record in instance.fetch_run_status_changes(kind, limit=1).records]
    place = {"after": max((record.storage_id for record in newest), default=0), "at": time.time()}
    return Watch(check_failures.check_failures(URL), instance, sandbox.slack, cursor=json.dumps(place))


@pytest.fixture
def checked(instance: DagsterInstance) -> Checked:
    return Checked(instance)


def test_a_failed_check_is_told_with_its_numbers_and_what_to_do(watch: Watch, checked: Checked) -> None:
    checked.say()
    checked.say(check="keys_are_sound", passed=True)
    checked.run()
    (message,) = watch.hear()
    header, entry, advice, buttons = message.blocks
    assert header["text"]["text"] == (
        "Organisation 144: check every_rat_mapped of raw_sessions failed (warn, 1 partition)"
    )
    plain = entry["text"]["text"].replace("\u200b", "")
    assert plain == (
        f":large_orange_circle: *{today()}*, organisation 144: unmapped sessions 3, unmapped values (6G: 3)"
    )
    assert advice["text"]["text"] == f"*What to do*\n• {ADVICE}"
    assert buttons["elements"][0]["url"] == (
        "http://dagster.example:3000/assets/raw_sessions?view=checks&checkDetail=every_rat_mapped"
    )
    assert watch.words() == "no run finished"


def test_an_hourly_refresh_says_nothing_new(watch: Watch, checked: Checked, clock: Clock) -> None:
    checked.say()
    checked.run()
    assert len(watch.hear()) == 1
    for hour in range(1, 4):
        clock.ahead = hour * 3600
        checked.say(numbers={"unmapped_sessions": 3 + hour})
        checked.run()
        assert watch.hear() == []


def test_a_check_that_passes_again_is_a_word_in_the_thread_and_so_is_the_next_failure(
    watch: Watch, checked: Checked
) -> None:
    checked.say()
    checked.run()
    (first,) = watch.hear()
    checked.say(passed=True)
    checked.run()
    (reply,) = watch.hear()
    assert reply.thread_ts == first.ts
    assert f"passes again for 1 partition\n*{today()}*, organisation 144" in reply.text
    checked.say(passed=True)
    checked.run()
    assert watch.hear() == []
    checked.say()
    checked.run()
    (again,) = watch.hear()
    assert again.thread_ts == first.ts
    assert "fails again for 1 partition" in again.text
    checked.say(passed=True)
    checked.run()
    assert "passes again" in watch.hear()[0].text


def test_what_failed_and_passed_between_two_ticks_is_not_told(watch: Watch, checked: Checked) -> None:
    checked.say(severity=ERROR)
    checked.run(succeeds=False)
    checked.say(severity=ERROR, passed=True)
    checked.run()
    assert watch.hear() == []


def test_the_newest_ten_are_shown_and_how_many_more(watch: Watch, checked: Checked) -> None:
    for ago in range(1, 8):
        for org in (145, 144):
            checked.say(org, today() - timedelta(days=ago), severity=ERROR, advice=f"Restore {ago} rows.")
    checked.run(succeeds=False)
    (message,) = watch.hear()
    assert "2 organisations: check " in message.text
    assert "(critical, 14 partitions)" in message.text
    entries = [block["text"]["text"] for block in message.blocks if ":red_circle:" in str(block)]
    assert len(entries) == 10
    assert f"*{today() - timedelta(days=1)}*, organisation 144" in entries[0]
    assert f"*{today() - timedelta(days=1)}*, organisation 145" in entries[1]
    assert "and 4 more" in message.all_text
    assert message.all_text.count("Restore") == 1


def test_a_backfills_warnings_are_silent_and_its_errors_speak(watch: Watch, checked: Checked) -> None:
    for ago in range(2, 8):
        checked.say(144, today() - timedelta(days=ago))
    checked.run()
    assert watch.hear() == []
    assert watch.state()["topics"] == []
    checked.say(144, today() - timedelta(days=300), severity=ERROR, check="keys_are_sound")
    checked.run(succeeds=False)
    (message,) = watch.hear()
    assert "check keys_are_sound of raw_sessions failed (critical, 1 partition)" in message.text
    checked.say(144, today() - timedelta(days=1))
    checked.run()
    (message,) = watch.hear()
    assert "(warn, 1 partition)" in message.text


def test_a_fault_of_the_whole_fleet_gathers_in_one_thread_for_an_hour(
    watch: Watch, checked: Checked, clock: Clock
) -> None:
    checked.say(144)
    checked.run()
    (first,) = watch.hear()
    checked.say(145)
    checked.say(144)
    checked.run()
    (reply,) = watch.hear()
    assert reply.thread_ts == first.ts
    assert "fails too for 1 partition" in reply.text
    clock.ahead = GATHERED_SECONDS + 1
    checked.say(146)
    checked.run()
    (second,) = watch.hear()
    assert second.thread_ts is None


def test_an_organisation_with_a_channel_hears_its_own_and_all_hear_what_concerns_several(
    watch: Watch, checked: Checked
) -> None:
    watch.channels = {"144": "#pumps"}
    checked.say(144)
    checked.say(144, check="keys_are_sound", severity=ERROR)
    checked.say(145, check="keys_are_sound", severity=ERROR)
    checked.run()
    assert [message.channel for message in watch.hear()] == ["#ops", "#pumps"]


def test_a_stopped_run_has_its_checks_told_too(watch: Watch, checked: Checked) -> None:
    checked.say()
    checked.run()
    (run,) = watch.instance.get_runs(limit=1)
    place = watch.instance.fetch_run_status_changes(DagsterEventType.RUN_SUCCESS, limit=1).records[0]
    # As if its success were known already: all that is new is that somebody stopped it.
    watch.cursor = json.dumps({"after": place.storage_id, "at": place.timestamp})
    assert watch.hear() == []
    watch.instance.report_run_canceled(run)
    assert len(watch.hear()) == 1


def test_what_was_said_is_forgotten_after_35_days(watch: Watch, checked: Checked, clock: Clock) -> None:
    checked.say()
    checked.run()
    watch.tick()
    (topic,) = watch.state()["topics"]
    assert topic["failing"] == {str(today()): [144]}
    clock.ahead = REMEMBERED_SECONDS + 60
    checked.say(check="other", passed=True)
    checked.run()
    watch.tick()
    assert watch.state()["topics"] == []


def test_a_lost_cursor_starts_now(watch: Watch, checked: Checked) -> None:
    checked.say(149)
    checked.run()
    for cursor in (None, "no json", '{"after":"x","topics":[{"asset":1}]}', '{"topics":"x"}'):
        watch.cursor = cursor
        watch.tick()
        assert any("149" in str(topic["failing"]) for topic in watch.state()["topics"])
        assert watch.words() == "no run finished"


def test_slack_down_and_up_again_loses_nothing_and_repeats_nothing(
    watch: Watch, checked: Checked, sandbox: Sandbox
) -> None:
    checked.say()
    checked.say(check="keys_are_sound", severity=ERROR)
    checked.run(succeeds=False)
    before = watch.cursor
    sandbox.faults.set("slack_down", times=1)
    with pytest.raises(SlackDownError):
        watch.tick()
    assert watch.cursor == before
    sandbox.faults.set("slack_down", after=1, times=1)
    assert "1 of 2 messages posted; Slack says 503" in watch.words()
    (message,) = watch.hear()
    assert "(warn, 1 partition)" in message.text
    assert watch.hear() == []
    assert len(sandbox.slack.messages) == 2


def test_a_long_pause_that_slack_asks_for_is_kept(watch: Watch, checked: Checked, sandbox: Sandbox) -> None:
    checked.say()
    checked.run()
    sandbox.faults.set("slack_rate_limited", value=40, times=1)
    assert "asks to wait 40 s" in watch.words()
    assert "asked to wait" in watch.words()
    watch.cursor = json.dumps(watch.state() | {"not_before": time.time() - 1})
    assert len(watch.hear()) == 1


def test_slack_that_gave_no_answer_hears_it_again_after_a_minute_and_then_ever_later(
    watch: Watch, checked: Checked, sandbox: Sandbox
) -> None:
    checked.say()
    checked.run()
    sandbox.faults.set("slack_drop_after_accept")
    for rest in (60, 300):
        assert "doesn't answer, and may have taken the message" in watch.words()
        assert watch.state()["not_before"] == pytest.approx(time.time() + rest, abs=10)
        assert "it did not answer" in watch.words()
        watch.cursor = json.dumps(watch.state() | {"not_before": time.time() - 1})
    sandbox.faults.clear()
    assert len(watch.hear()) == 1
    assert watch.words() == "no run finished"
    assert len(sandbox.slack.messages) == 3


def test_reading_that_took_the_ticks_time_leaves_the_messages_to_the_next_one(
    watch: Watch, checked: Checked, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked.say()
    checked.run()
    with monkeypatch.context() as slow:
        slow.setattr(posting, "TICK_SECONDS", 25.0)
        assert "0 of 1 messages posted" in watch.words()
    assert len(watch.hear()) == 1


def test_reading_and_the_last_message_end_before_dagster_ends_the_tick() -> None:
    budget = posting.TICK_SECONDS - SlackResource().timeout_seconds
    assert budget > finished_runs._READ_SECONDS
    assert posting.TICK_SECONDS < 60


def test_without_a_token_it_says_so_and_tells_later(
    watch: Watch, checked: Checked, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked.say()
    checked.run()
    before = watch.cursor
    monkeypatch.delenv("SLACK_BOT_TOKEN")
    assert "SLACK_BOT_TOKEN is not set" in watch.words()
    assert watch.cursor == before
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)
    assert len(watch.hear()) == 1


def test_an_unknown_channel_fails_the_tick_and_the_cursor_stays(watch: Watch, checked: Checked) -> None:
    checked.say()
    checked.run()
    before = watch.cursor
    watch.channel = "#missing"
    with pytest.raises(SlackRefusedError, match="channel_not_found"):
        watch.tick()
    assert watch.cursor == before


def test_hostile_numbers_and_advice_are_only_text(watch: Watch, checked: Checked) -> None:
    hostile = "<!channel> *x* <https://evil.example|y>"
    checked.say(numbers={"unmapped_values": {hostile: 3}, hostile: [hostile] * 500}, advice=hostile)
    checked.run()
    (message,) = watch.hear()
    assert "&lt;!channel&gt;" in message.all_text
    assert "<" not in message.all_text


def test_rows_that_nobody_can_read_are_told_by_the_real_project(
    deploy: Callable[..., Deployment], monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = deploy(orgs=(144,), sims=2, days=3)
    watch = Watch(check_failures.check_failures(URL), deployment.instance, deployment.sandbox.slack)
    watch.definitions = deployment.defs
    deployment.sandbox.faults.set("bad_rows", endpoint="usage/data")
    day = today() - timedelta(days=1)
    deployment.backfill(day, assets=("raw_sessions",))
    (message,) = watch.hear()
    plain = message.all_text.replace("\u200b", "")
    assert "Organisation 144: check every_row_readable of raw_sessions failed (warn, 1 partition)" in plain
    assert f"*{day}*, organisation 144: rejected rows" in plain
    assert "hologram.rejected_rows with the reason" in plain
    deployment.sandbox.faults.clear()
    deployment.backfill(day, assets=("raw_sessions",))
    deployment.backfill(day, assets=("raw_sessions",))
    (reply,) = watch.hear()
    assert reply.thread_ts == message.ts
    assert "passes again" in reply.text
