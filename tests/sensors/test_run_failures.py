"""Failed runs are told once per cause, to whom they concern, with what to do; and an outage is one message."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    AssetExecutionContext,
    AssetKey,
    DagsterEventType,
    DagsterInstance,
    DagsterRunStatus,
    Definitions,
    Failure,
    MetadataValue,
    RetryPolicy,
    asset,
)
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.test_utils import create_run_for_test

from hologram_assets.assets.daywise import StoppedError
from hologram_assets.domain.incidents import OVER_SECONDS, QUIET_SECONDS
from hologram_assets.partitions import today
from hologram_assets.resources.slack import SlackDownError, SlackRefusedError
from hologram_assets.sandbox import Sandbox
from hologram_assets.sensors import finished_runs, posting, run_failures
from tests.conftest import KEY, Deployment
from tests.sensors.fallen_runs import TOKEN, Clock, Watch, end_of, failing, fell, materialize

pytestmark = pytest.mark.usefixtures("token")
URL = "http://dagster.example:3000"
DOWN = "organisation {org}: /usage/data answered 503: upstream"
REFUSED = "organisation {org}: /usage/data answered 401: no. Check HOLOGRAM_API_KEY_{org}: the key must be valid"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(run_failures, "time", clock)
    return clock


@pytest.fixture
def watch(instance: DagsterInstance, sandbox: Sandbox) -> Watch:
    """A sensor that has seen all there is."""
    newest = instance.fetch_run_status_changes(DagsterEventType.RUN_FAILURE, limit=1).records
    place = {"after": newest[0].storage_id if newest else 0, "at": time.time()}
    return Watch(run_failures.run_failures(URL), instance, sandbox.slack, cursor=json.dumps(place))


def daywise(reason: str, key: str) -> Callable[[AssetExecutionContext], None]:
    """Fails as our assets do."""

    def body(context: AssetExecutionContext) -> None:
        raise Failure(
            f"raw_sessions failed for {key}: {reason}",
            metadata={"failed_partitions": key, "reasons": MetadataValue.json({reason: [key]})},
        )

    return body


def fail(instance: DagsterInstance, reason: str = DOWN, org: int = 144, day: str = "2026-11-20", **tags: Any) -> str:
    key = f"{day}|{org}"
    result = materialize(instance, [failing(daywise(reason.format(org=org), key))], key, tags=tags)
    assert not result.success
    return result.run_id


def test_a_failed_run_is_told_with_its_error_and_what_to_do(watch: Watch) -> None:
    run_id = fail(watch.instance, REFUSED)
    (message,) = watch.hear()
    assert message.channel == "#ops"
    assert message.thread_ts is None
    assert (
        message.blocks[0]["text"]["text"] == "Organisation 144: Hologram refuses the API key (critical, 1 run failed)"
    )
    assert "1 partition of organisation 144, 2026-11-20" in message.all_text
    assert "answered 401" in message.all_text
    assert "Check HOLOGRAM_API_KEY_144: the key is unknown" in message.all_text.replace("\u200b", "")
    buttons = [(b["text"]["text"], b["url"]) for b in message.blocks[-1]["elements"]]
    assert buttons == [("Run", f"{URL}/runs/{run_id}"), ("All runs", f"{URL}/runs")]
    assert watch.words() == "no run failed"


def test_many_runs_of_one_cause_are_one_message(watch: Watch) -> None:
    first = fail(watch.instance, DOWN, 144, "2026-11-20")
    fail(watch.instance, "organisation {org}: no answer from /plans: ConnectionError: refused", 145, "2026-11-21")
    last = fail(watch.instance, DOWN, 145, "2026-11-21")
    (message,) = watch.hear()
    assert message.blocks[0]["text"]["text"] == (
        "2 organisations: Hologram doesn't answer as it should (warn, 3 runs failed)"
    )
    assert "2 partitions of organisations 144, 145, 2026-11-20 to 2026-11-21" in message.all_text
    assert "Nothing to do" in message.all_text
    assert [b["url"].rpartition("/")[2] for b in message.blocks[-1]["elements"]] == [first, last, "runs"]


def test_another_cause_is_another_message(watch: Watch) -> None:
    fail(watch.instance, DOWN)
    fail(watch.instance, REFUSED, 145)
    heads = [message.blocks[0]["text"]["text"] for message in watch.hear()]
    assert [head.split(" (")[1].split(",")[0] for head in heads] == ["critical", "warn"]


def test_every_failed_step_of_a_run_says_its_cause(watch: Watch) -> None:
    key = "2026-11-20|144"
    parts = [
        failing(daywise(DOWN, key)),
        failing(daywise("the warehouse x was busy for 300 s; last writer known: none", key), "sim_inventory"),
    ]
    materialize(watch.instance, parts, key)
    assert {message.text.split(" (")[0].partition(": ")[2] for message in watch.hear()} == {
        "Hologram doesn't answer as it should",
        "the warehouse was busy for too long",
    }


def test_an_unforeseen_error_is_one_cause_over_days_and_organisations(watch: Watch) -> None:
    for org, day in ((144, "2026-11-20"), (145, "2026-11-21")):

        def body(context: AssetExecutionContext, org: int = org, day: str = day) -> None:
            raise ValueError(f"row 17{org} of {day}T10:00:00Z is odd, see https://x.example/a?id={org}")

        materialize(watch.instance, [failing(body)], f"{day}|{org}")
    (message,) = watch.hear()
    assert "an error that nobody foresaw (critical, 2 runs failed)" in message.text
    assert "row 17144 of 2026-11-20T10:00:00Z is odd" in message.all_text


def test_tries_of_a_step_are_one_failure(watch: Watch) -> None:
    key = "2026-11-20|144"
    retried = failing(daywise(DOWN, key), retry_policy=RetryPolicy(max_retries=2))
    materialize(watch.instance, [retried], key)
    (message,) = watch.hear()
    assert "1 run failed" in message.text
    assert "answered 503" in message.all_text


def test_a_retry_by_dagster_is_not_told_but_another_cause_of_it_is(watch: Watch) -> None:
    root = fail(watch.instance, DOWN)
    other = fail(watch.instance, REFUSED, 145)
    assert len(watch.hear()) == 2
    retry = {"dagster/retry_number": "1", "dagster/parent_run_id": root, "dagster/root_run_id": root}
    fell(watch.instance, end_of(watch.instance, root), [retry], parent_run_id=root, root_run_id=root)
    assert watch.hear() == []
    assert all("untold" not in incident for incident in watch.state()["incidents"])
    fell(watch.instance, end_of(watch.instance, other), [retry], parent_run_id=root, root_run_id=root)
    watch.tick()
    assert [incident["untold"]["runs"] for incident in watch.state()["incidents"] if "untold" in incident] == [1]


def test_a_run_that_is_started_again_by_hand_and_fails_is_a_word_in_the_thread(watch: Watch, clock: Clock) -> None:
    root = fail(watch.instance, DOWN)
    (first,) = watch.hear()
    again = {"dagster/parent_run_id": root, "dagster/root_run_id": root}
    fell(watch.instance, end_of(watch.instance, root), [again], parent_run_id=root, root_run_id=root)
    clock.ahead = 301
    (reply,) = watch.hear()
    assert reply.thread_ts == first.ts
    assert "1 more run failed" in reply.text
    assert "1 of them run again by hand" in reply.text


@pytest.mark.campaign
def test_an_outage_of_a_thousand_runs_is_one_message(watch: Watch) -> None:
    def body(context: AssetExecutionContext) -> None:
        raise RuntimeError(DOWN.format(org=1))

    # An error without partitions of its own: they are those of the run's tags.
    run_id = materialize(watch.instance, [failing(body)], "2026-11-10|1").run_id
    tags = [{"dagster/partition": f"2026-11-{day:02}|{org}"} for org in range(2, 102) for day in range(1, 11)]
    fell(watch.instance, end_of(watch.instance, run_id), tags[:999])
    began = time.monotonic()
    (message,) = watch.hear()
    assert time.monotonic() - began < 15
    assert "101 organisations: Hologram doesn't answer as it should (warn, 1000 runs failed)" in message.text
    assert "1000 partitions of organisations 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 91 more" in message.all_text
    assert len(watch.cursor or "") < 1_000


def test_a_tick_without_time_to_read_on_leaves_the_rest_to_the_next(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = end_of(watch.instance, fail(watch.instance, DOWN))
    fell(watch.instance, entry, [{}] * 2)
    monkeypatch.setattr(finished_runs, "_READ_SECONDS", -1.0)
    assert "(warn, 1 run failed)" in watch.hear()[0].text
    for runs in (1, 2):
        watch.tick()
        assert watch.state()["incidents"][0]["untold"]["runs"] == runs
    assert watch.words() == "no run failed"


@pytest.mark.campaign
def test_an_outage_of_hours_says_one_word_an_hour_in_the_thread(watch: Watch, clock: Clock) -> None:
    entry = end_of(watch.instance, fail(watch.instance, DOWN))
    (first,) = watch.hear()
    for minute in range(1, 122):
        clock.ahead = minute * 60
        if minute % 10 == 0:
            fell(watch.instance, entry)
        heard = watch.hear()
        if minute in {60, 120}:
            (reply,) = heard
            assert (reply.thread_ts, reply.channel_id) == (first.ts, first.channel_id)
            assert f"6 more runs failed since {time.strftime('%Y-%m-%d', time.gmtime())}" in reply.text
            assert f"({1 + minute // 10} in all)" in reply.text
        else:
            assert heard == []


def test_after_a_day_without_it_a_cause_is_a_new_message(watch: Watch, clock: Clock) -> None:
    entry = end_of(watch.instance, fail(watch.instance, DOWN))
    assert len(watch.hear()) == 1
    state = watch.state()
    ago = OVER_SECONDS + 60
    for incident in state["incidents"]:
        incident.update({name: incident[name] - ago for name in ("since", "last", "said_at")})
    watch.cursor = json.dumps(state)
    fell(watch.instance, entry)
    (second,) = watch.hear()
    assert second.thread_ts is None
    assert "(warn, 1 run failed)" in second.text
    assert len(watch.state()["incidents"]) == 1


@pytest.mark.campaign
def test_a_tick_posts_five_messages_and_the_next_one_goes_on(watch: Watch) -> None:
    for name in ("alpha", "beta", "gamma", "delta", "epsilon", "zeta"):
        fail(watch.instance, f"{name} went wrong")
    assert len(watch.hear()) == 5
    assert len(watch.hear()) == 1
    assert watch.hear() == []


def test_a_cause_of_one_organisation_goes_to_its_channel_and_of_more_to_the_one_for_all(watch: Watch) -> None:
    watch.channels = {"144": "#pumps", "145": "#cars"}
    fail(watch.instance, DOWN, 144)
    assert [message.channel for message in watch.hear()] == ["#pumps"]
    fail(watch.instance, DOWN, 145)
    fail(watch.instance, DOWN, 146)
    (message,) = watch.hear()
    assert message.channel == "#ops"
    assert "2 organisations" in message.text


def test_an_organisations_wrong_channel_does_not_silence_anybody(watch: Watch) -> None:
    watch.channels = {"144": "#missing", "145": "#cars"}
    fail(watch.instance, REFUSED, 144)
    fail(watch.instance, "alpha went wrong", 145)
    result = watch.tick()
    assert "channel_not_found" in str(result.skip_message)
    assert sorted(message.channel for message in watch.slack.messages) == ["#cars", "#ops"]


def test_a_thread_whose_channel_was_archived_goes_on_in_a_new_message(watch: Watch, clock: Clock) -> None:
    watch.channel = "#old"
    entry = end_of(watch.instance, fail(watch.instance, DOWN))
    assert len(watch.hear()) == 1
    watch.slack.channels.archived.add("old")
    watch.channel = "#new"
    fell(watch.instance, entry)
    clock.ahead = QUIET_SECONDS + 1
    (second,) = watch.hear()
    assert (second.channel, second.thread_ts) == ("#new", None)
    fell(watch.instance, entry)
    clock.ahead *= 2
    (third,) = watch.hear()
    assert third.thread_ts == second.ts
    watch.slack.channels.archived.discard("old")


LOST = [
    None,
    "no json",
    "[]",
    '{"after":null}',
    '{"after":"x","incidents":{"a":1}}',
    '{"not_before":"x","incidents":3}',
]


def test_a_lost_cursor_starts_now_with_the_last_two_hours(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        entry = end_of(instance, fail(instance, DOWN))
        old = time.time() - 3 * 3600
        with monkeypatch.context() as patched:
            patched.setattr(time, "time", lambda: old)
            fell(instance, entry, [{}] * 3)
        fell(instance, entry)
        (newest,) = instance.fetch_run_status_changes(DagsterEventType.RUN_FAILURE, limit=1).records
        watch = Watch(run_failures.run_failures(URL), instance, sandbox.slack)
        for cursor in LOST:
            watch.cursor = cursor
            (message,) = watch.hear()
            assert "(warn, 2 runs failed)" in message.text
            assert watch.state()["after"] == newest.storage_id
            assert watch.words() == "no run failed"
        # The event log was wiped: its ids begin again, and what was read is known by its time.
        watch.cursor = json.dumps(watch.state() | {"after": 99_999})
        assert watch.hear() == []
        watch.cursor = json.dumps(watch.state() | {"after": 99_999})
        fell(instance, entry)
        watch.tick()
        assert watch.state()["incidents"][0]["untold"]["runs"] == 1


def test_an_empty_event_log_is_nothing_new(tmp_path: Path, sandbox: Sandbox) -> None:
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        watch = Watch(run_failures.run_failures(None), instance, sandbox.slack)
        watch.tick()
        assert watch.words() == "no run failed"
        fail(instance)
        (message,) = watch.hear()
        assert all(block["type"] != "actions" for block in message.blocks)


def test_slack_down_and_up_again_loses_nothing_and_repeats_nothing(watch: Watch, sandbox: Sandbox) -> None:
    fail(watch.instance, DOWN)
    before = watch.cursor
    sandbox.faults.set("slack_down", times=2)
    for _ in range(2):
        with pytest.raises(SlackDownError):
            watch.tick()
        assert watch.cursor == before
    fail(watch.instance, REFUSED, 145)
    sandbox.faults.set("slack_down", after=1, times=1)
    assert "503" in watch.words()
    assert len(sandbox.slack.messages) == 1
    assert len(watch.hear()) == 1
    assert watch.words() == "no run failed"


def test_a_rate_limit_is_waited_for_if_it_is_short_and_else_noted(watch: Watch, sandbox: Sandbox) -> None:
    fail(watch.instance, DOWN)
    sandbox.faults.set("slack_rate_limited", value=0.2, times=1)
    assert len(watch.hear()) == 1
    fail(watch.instance, REFUSED, 145)
    sandbox.faults.set("slack_rate_limited", value=40, times=1)
    assert "asks to wait 40 s" in watch.words()
    calls = len(sandbox.slack.calls)
    assert "asked to wait" in watch.words()
    assert len(sandbox.slack.calls) == calls
    assert watch.state()["not_before"] == pytest.approx(time.time() + 40, abs=10)
    watch.cursor = json.dumps(watch.state() | {"not_before": time.time() - 1})
    assert len(watch.hear()) == 1


def test_slack_that_gave_no_answer_hears_it_again_after_a_minute_and_then_ever_later(
    watch: Watch, sandbox: Sandbox
) -> None:
    fail(watch.instance, DOWN)
    sandbox.faults.set("slack_drop_after_accept")
    for rest in (60, 300, 900):
        assert "doesn't answer, and may have taken the message" in watch.words()
        assert watch.state()["not_before"] == pytest.approx(time.time() + rest, abs=10)
        assert "it did not answer" in watch.words()
        watch.cursor = json.dumps(watch.state() | {"not_before": time.time() - 1})
    assert len(sandbox.slack.messages) == 3
    sandbox.faults.clear()
    assert len(watch.hear()) == 1
    assert watch.state()["unanswered"] == 0
    assert watch.words() == "no run failed"


def test_a_second_lies_between_two_posts(watch: Watch, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "SPACING_SECONDS", 0.4)
    fail(watch.instance, DOWN)
    fail(watch.instance, REFUSED)
    first, second = watch.hear()
    assert (second.arrived_at - first.arrived_at).total_seconds() >= 0.39


def test_without_a_token_it_says_so_and_tells_later(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    before = watch.cursor
    fail(watch.instance)
    monkeypatch.delenv("SLACK_BOT_TOKEN")
    assert "SLACK_BOT_TOKEN is not set" in watch.words()
    assert watch.cursor == before
    assert watch.slack.calls == []
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)
    assert len(watch.hear()) == 1


@pytest.mark.parametrize(("channel", "words"), [("#missing", "channel_not_found"), ("", "SLACK_CHANNEL is not set")])
def test_an_unknown_channel_fails_the_tick_and_the_cursor_stays(watch: Watch, channel: str, words: str) -> None:
    before = watch.cursor
    fail(watch.instance)
    watch.channel = channel
    with pytest.raises(SlackRefusedError, match=words):
        watch.tick()
    assert watch.cursor == before


def test_a_stopped_run_is_no_failure(watch: Watch) -> None:
    run = create_run_for_test(
        watch.instance,
        job_name="__ASSET_JOB",
        asset_selection=frozenset({AssetKey("raw_sessions")}),
        status=DagsterRunStatus.STARTED,
    )
    watch.instance.report_run_canceled(run)

    def stopped(context: AssetExecutionContext) -> None:
        raise StoppedError("raw_sessions was stopped; the days that were done are stored")

    materialize(watch.instance, [failing(stopped)], "2026-11-20|144")
    assert watch.hear() == []


def test_a_run_that_died_is_told_with_what_dagster_says(watch: Watch) -> None:
    run = create_run_for_test(
        watch.instance,
        job_name="__ASSET_JOB",
        asset_selection=frozenset({AssetKey("raw_sessions")}),
        status=DagsterRunStatus.STARTED,
        tags={
            "dagster/asset_partition_range_start": "2026-11-01|144",
            "dagster/asset_partition_range_end": "2026-11-30|144",
        },
    )
    watch.instance.report_run_failed(run, "Run worker process 4711 died")
    (message,) = watch.hear()
    assert "Organisation 144: the run died or did not start" in message.text
    assert "Run worker process 4711 died" in message.all_text
    assert "30 partitions of organisation 144, 2026-11-01 to 2026-11-30" in message.all_text


def test_runs_of_other_jobs_and_other_code_locations_are_not_told(watch: Watch) -> None:
    entry = end_of(watch.instance, fail(watch.instance, DOWN))
    watch.tick()
    watch.slack.clear()
    fell(watch.instance, entry, job_name="somebody_elses_job")
    watch.tick()
    watch.definitions = Definitions(assets=[failing(daywise(DOWN, "2026-11-20|144"))])
    fell(watch.instance, entry, asset_selection=frozenset({AssetKey("a_table_of_theirs")}))
    watch.tick()
    assert all("untold" not in incident for incident in watch.state()["incidents"])
    fell(watch.instance, entry)
    watch.tick()
    assert any("untold" in incident for incident in watch.state()["incidents"])


def test_runs_that_another_code_location_launched_are_not_told(watch: Watch) -> None:
    entry = end_of(watch.instance, fail(watch.instance, DOWN))
    watch.tick()
    watch.location = GrpcServerCodeLocationOrigin("localhost", 4000, location_name="hologram")
    for name, untold in (("theirs", 0), ("hologram", 1)):
        location = GrpcServerCodeLocationOrigin("localhost", 4001, location_name=name)
        repository = RemoteRepositoryOrigin(location, "__repository__")
        code = JobPythonOrigin("__ASSET_JOB", RepositoryPythonOrigin("python", ModuleCodePointer("m", "defs")))
        fell(
            watch.instance,
            entry,
            remote_job_origin=RemoteJobOrigin(repository, "__ASSET_JOB"),
            job_code_origin=code,
        )
        watch.tick()
        assert sum("untold" in incident for incident in watch.state()["incidents"]) == untold


def test_hostile_text_in_an_error_is_only_text(watch: Watch) -> None:
    @asset
    def raw_sessions() -> None:
        raise RuntimeError("<!channel> <https://evil.example|click> *bold* " + "x" * 5_000)

    materialize(watch.instance, [raw_sessions])
    (message,) = watch.hear()
    assert "&lt;!channel&gt;" in message.all_text
    assert "<" not in message.all_text
    assert len(message.text) < 3_000


def test_a_wrong_key_of_one_organisation_of_the_real_project_is_told(
    deploy: Callable[..., Deployment], monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = deploy(sims=2, days=3, keys={KEY})
    monkeypatch.setenv("HOLOGRAM_API_KEY_144", "wrong-key-that-must-never-be-seen")
    watch = Watch(run_failures.run_failures(URL), deployment.instance, deployment.sandbox.slack)
    watch.definitions = deployment.defs
    watch.channels = {"144": "#pumps"}
    day = today() - timedelta(days=1)
    deployment.backfill(day, orgs=(144, 145), assets=("raw_sessions", "daily_link_usage"))
    (message,) = watch.hear()
    assert message.channel == "#pumps"
    assert message.text.startswith("Organisation 144: Hologram refuses the API key (critical, ")
    assert f"1 partition of organisation 144, {day}" in message.all_text
    assert "HOLOGRAM_API_KEY_144" in message.all_text.replace("\u200b", "")
    assert os.environ["HOLOGRAM_API_KEY_144"] not in message.all_text
