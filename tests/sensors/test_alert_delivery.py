"""The alert sensors on real parts: materialisations in Dagster's log, and a Slack that answers over HTTP."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from dagster import (
    AssetKey,
    AssetMaterialization,
    DagsterInstance,
    DefaultSensorStatus,
    MetadataValue,
    build_sensor_context,
)

from hologram_assets.domain.alerts import ACCEPTED, CRITICAL, ESCALATED, INFO, NETWORK, OPEN, OVERAGE, RESOLVED, WARN
from hologram_assets.domain.delivery import Entry
from hologram_assets.partitions import OrgDay, today
from hologram_assets.resources.slack import SlackDownError, SlackError, SlackRefusedError, SlackResource
from hologram_assets.sandbox import Sandbox
from hologram_assets.sandbox.slack.messages import SlackMessage
from hologram_assets.sensors import alert_memory, posting
from hologram_assets.sensors.alert_delivery import alert_delivery

TOKEN = "xoxb-that-must-never-be-seen"
DAY = timedelta(days=1)
PUMP = Entry(
    "pump",
    OVERAGE,
    "overage_step",
    100,
    CRITICAL,
    OPEN,
    "SIM 7",
    "100 % of the allowance used",
    "2026-11-20 10:00",
    "12 MB of 10 MB",
    "https://dashboard.hologram.io/org/144/device/7",
)
TRUCK = PUMP._replace(alert_id="truck", subject="SIM 8", severity=WARN, step=80, title="80 % of the allowance used")
ROAMER = PUMP._replace(alert_id="roamer", family=NETWORK, rule="flapping", step=0, severity=WARN, subject="SIM 9")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(orgs=(144,), sims=0, days=0) as running:
        yield running


@pytest.fixture(scope="module")
def dagster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagsterInstance]:
    with DagsterInstance.local_temp(str(tmp_path_factory.mktemp("dagster"))) as instance:
        yield instance


@dataclass
class Team:
    """A sensor, its cursor, and the channels that it posts to."""

    instance: DagsterInstance
    sandbox: Sandbox
    slack: SlackResource
    family: str = OVERAGE
    cursor: str | None = None
    _read: int = field(default=0)

    def later(self, seconds: float) -> None:
        """So much of the time has passed for which the sensor leaves Slack alone."""
        state = json.loads(self.cursor or "")
        self.cursor = json.dumps(state | {"not_before": state["not_before"] - seconds})

    def materialise(
        self, *entries: Entry, org: int = 144, ago: int = 0, complete: bool = True, **metadata: Any
    ) -> None:
        """A materialisation of the partition `ago` days before today."""
        carried = {"alerts": [entry._asdict() for entry in entries], "complete": complete}
        self.log(metadata or {"speaking": MetadataValue.json(carried)}, org, ago)

    def log(self, metadata: dict[str, Any], org: int = 144, ago: int = 0) -> None:
        partition = OrgDay(org, today() - ago * DAY).key
        self.instance.report_runless_asset_event(AssetMaterialization("alerts", partition=partition, metadata=metadata))

    def tick(self) -> str:
        """One tick; returns its skip reason."""
        sensor = alert_delivery("the_sensor", self.family, "http://dagster:3000/", "what it is for")
        with build_sensor_context(
            instance=self.instance, cursor=self.cursor, resources={"slack": self.slack}, sensor_name="the_sensor"
        ) as context:
            result = sensor.evaluate_tick(context)
        self.cursor = result.cursor
        assert result.skip_message
        assert not result.run_requests
        return result.skip_message

    def messages(self) -> list[SlackMessage]:
        """What was posted since this was last asked."""
        messages = self.sandbox.slack.messages[self._read :]
        self._read += len(messages)
        return messages

    def heard(self) -> list[tuple[str, list[str]]]:
        """The same: what each message is, and of which alerts."""
        return [(_kind(message), _ids(message)) for message in self.messages()]

    def said(self) -> list[tuple[str, list[str]]]:
        """A tick that must not fail, and what it posted."""
        self.tick()
        return self.heard()


def _kind(message: SlackMessage) -> str:
    assert message.metadata is not None
    kind = str(message.metadata["event_type"]).removeprefix("hologram_")
    return f"{kind} in thread" if message.thread_ts else kind


def _ids(message: SlackMessage) -> list[str]:
    assert message.metadata is not None
    return list(message.metadata["event_payload"]["alert_ids"])


@pytest.fixture
def team(sandbox: Sandbox, dagster: DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> Iterator[Team]:
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)
    monkeypatch.setattr(posting, "SPACING_SECONDS", 0.0)
    channels = {"145": "#org-145", "146": "#missing"}
    yield Team(
        dagster,
        sandbox,
        SlackResource(base_url=sandbox.slack.base_url, channel="#alerts", channels=channels, timeout_seconds=5),
    )
    dagster.wipe_assets([AssetKey("alerts")])
    sandbox.faults.clear()
    sandbox.slack.clear()


def test_what_is_open_is_said_once(team: Team) -> None:
    team.materialise(PUMP, TRUCK)
    assert team.said() == [("alert", ["pump"]), ("alert", ["truck"])]
    assert team.said() == []
    team.materialise(PUMP, TRUCK)
    assert team.said() == []


def test_a_message_says_who_why_and_where_to_look(team: Team) -> None:
    team.materialise(PUMP, ago=1)
    team.tick()
    (message,) = team.messages()
    assert message.channel == "#alerts"
    assert f"Organisation 144, {today() - DAY}: data usage needs a look (critical, 1 alert)" in message.all_text
    assert "*SIM 7*: 100 % of the allowance used\n12 MB of 10 MB" in message.all_text
    buttons = [element for block in message.blocks for element in block.get("elements", []) if "url" in element]
    buttons += [block["accessory"] for block in message.blocks if "accessory" in block]
    key = f"{today() - DAY}%7C144"
    assert {button["text"]["text"]: button["url"] for button in buttons} == {
        "Partition": f"http://dagster:3000/assets/alerts?view=partitions&partition={key}",
        "At Hologram": "https://dashboard.hologram.io/org/144/device/7",
    }


def test_partitions_that_finish_between_two_ticks_all_speak(team: Team) -> None:
    for org in (144, 145, 147, 148):
        team.materialise(PUMP._replace(alert_id=f"pump-{org}"), org=org)
    assert team.said() == [("alert", [f"pump-{org}"]) for org in (144, 145, 147, 148)]


def test_a_day_that_is_materialised_again_and_again_speaks_once(team: Team) -> None:
    for step in (100, 120, 200):
        team.materialise(PUMP._replace(step=step, title=f"{step} %"))
    team.tick()
    (message,) = team.messages()
    assert "200 %" in message.all_text
    assert team.said() == []


def test_yesterday_and_today_are_said_as_they_are_now(team: Team) -> None:
    team.materialise(PUMP, TRUCK, complete=False, ago=1)
    team.materialise(PUMP._replace(step=120, state=ESCALATED))
    team.tick()
    (message,) = team.messages()
    assert _ids(message) == ["pump"]
    assert str(today()) in message.text


def test_an_older_day_that_finishes_late_withdraws_nothing(team: Team) -> None:
    team.materialise(PUMP)
    assert team.said() == [("alert", ["pump"])]
    team.materialise(ago=1, complete=True)
    assert team.said() == []
    assert team.said() == []


def test_what_became_of_it_goes_into_the_thread(team: Team) -> None:
    team.materialise(PUMP, TRUCK)
    team.tick()
    first, second = team.messages()
    team.materialise(PUMP._replace(step=120, state=ESCALATED), TRUCK._replace(state=RESOLVED, why="the period ended"))
    team.tick()
    further, resolved = team.messages()
    assert (_kind(further), further.thread_ts) == ("escalated in thread", first.ts)
    assert (_kind(resolved), resolved.thread_ts) == ("resolved in thread", second.ts)
    assert "the period ended" in resolved.all_text


def test_the_new_normal_and_a_correction_go_into_the_thread(team: Team) -> None:
    team.materialise(PUMP, TRUCK)
    team.tick()
    first, second = team.messages()
    team.materialise(TRUCK._replace(state=ACCEPTED))
    team.tick()
    replies = team.messages()
    assert [(_kind(reply), reply.thread_ts) for reply in replies] == [
        ("accepted in thread", second.ts),
        ("withdrawn in thread", first.ts),
    ]
    assert "*SIM 7*: overage step" in replies[1].all_text
    assert team.said() == []


def test_a_higher_severity_is_a_new_message(team: Team) -> None:
    team.materialise(TRUCK)
    assert team.said() == [("alert", ["truck"])]
    team.materialise(TRUCK._replace(step=100, severity=CRITICAL))
    assert team.said() == [("alert", ["truck"])]


def test_an_overage_of_a_periods_last_hours_is_told_although_it_is_over(team: Team) -> None:
    team.materialise(PUMP._replace(state=RESOLVED, reached_today=True), ago=1)
    team.materialise(TRUCK)
    assert team.said() == [("alert", ["pump"]), ("alert", ["truck"])]
    team.materialise(PUMP._replace(state=RESOLVED), TRUCK)
    assert team.said() == []


def test_a_step_of_last_night_is_told_although_it_is_over_this_morning(team: Team) -> None:
    team.materialise(PUMP._replace(reached_today=True), complete=False, ago=1)
    team.materialise(PUMP._replace(state=RESOLVED))
    assert team.said() == [("alert", ["pump"])]
    assert team.said() == []


def test_two_families_do_not_mix(team: Team) -> None:
    network = Team(team.instance, team.sandbox, team.slack, NETWORK)
    team.materialise(PUMP, ROAMER)
    assert team.said() == [("alert", ["pump"])]
    network.tick()
    (_, message) = network.messages()
    assert _ids(message) == ["roamer"]
    assert "unexpected network changes" in message.text
    team.materialise(PUMP)
    assert team.said() == [("alert", ["roamer"])]  # the network sensor's message, read here
    assert network.said() == [("withdrawn in thread", ["roamer"])]


def test_an_organisation_has_its_own_channel(team: Team) -> None:
    team.materialise(PUMP)
    team.materialise(PUMP._replace(alert_id="other"), org=145)
    team.tick()
    assert [message.channel for message in team.messages()] == ["#alerts", "#org-145"]


def test_a_backfill_of_old_days_is_silent(team: Team) -> None:
    team.materialise(PUMP)
    team.tick()
    team.messages()
    for ago in range(2, 30):
        team.log({}, ago=ago)
    team.log({}, ago=1)
    assert team.said() == []
    before = team.cursor
    assert team.said() == []
    assert team.cursor == before


def test_after_an_outage_of_days_only_what_is_open_is_said(team: Team) -> None:
    team.materialise(PUMP, TRUCK, ago=3)
    team.materialise(PUMP._replace(state=RESOLVED), TRUCK, ago=2)
    team.materialise(TRUCK._replace(state=RESOLVED), PUMP._replace(alert_id="new"), ago=1)
    team.materialise(PUMP._replace(alert_id="new"), PUMP._replace(alert_id="newest"))
    assert team.said() == [("alert", ["new", "newest"])]


def test_a_day_before_yesterday_has_no_word_any_more(team: Team) -> None:
    team.materialise(PUMP, ago=2)
    assert team.said() == []
    assert json.loads(team.cursor or "")["waiting"] == {}


def test_after_an_outage_what_was_said_before_is_said_to_be_over(team: Team) -> None:
    team.materialise(PUMP, ago=1)
    team.tick()
    team.messages()
    team.materialise(PUMP._replace(state=RESOLVED, why="the period ended"), TRUCK)
    assert team.said() == [("alert", ["truck"]), ("resolved in thread", ["pump"])]


def test_with_nothing_new_a_tick_says_so_and_keeps_its_cursor(team: Team) -> None:
    assert team.tick() == "no partition of alerts was materialised since the last tick"
    assert team.cursor is None
    team.materialise(PUMP)
    assert team.tick() == "messages posted: 1"
    before = team.cursor
    assert team.tick() == "no partition of alerts was materialised since the last tick"
    assert team.cursor == before


def test_without_a_token_nothing_is_lost(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    team.materialise(PUMP)
    monkeypatch.delenv("SLACK_BOT_TOKEN")
    assert "SLACK_BOT_TOKEN is not set" in team.tick()
    assert team.cursor is None
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)
    assert team.said() == [("alert", ["pump"])]


def test_an_outage_of_slack_loses_nothing_and_repeats_nothing(team: Team) -> None:
    team.materialise(PUMP, TRUCK)
    team.tick()
    team.messages()
    team.sandbox.faults.set("slack_down")
    for step in (120, 200, 500):
        team.materialise(PUMP._replace(step=step, state=ESCALATED), TRUCK, PUMP._replace(alert_id="new"))
        before = team.cursor
        for _ in range(2):
            with pytest.raises(SlackDownError, match="503"):
                team.tick()
        assert team.cursor == before
    team.sandbox.faults.clear()
    assert team.said() == [("alert", ["new"]), ("escalated in thread", ["pump"])]
    assert team.said() == []


def test_an_error_after_the_first_message_keeps_what_was_said(team: Team) -> None:
    team.materialise(PUMP, TRUCK)
    team.sandbox.faults.set("slack_down", after=1)
    reason = team.tick()
    assert reason == "Slack says 503. messages posted: 1, partitions with more to say: 1"
    with pytest.raises(SlackDownError):
        team.tick()
    team.sandbox.faults.clear()
    assert team.said() == [("alert", ["pump"]), ("alert", ["truck"])]


def test_a_connection_that_breaks_after_slack_took_the_message_repeats_only_that(team: Team) -> None:
    team.materialise(PUMP, TRUCK, PUMP._replace(alert_id="other"), org=144)
    team.materialise(PUMP._replace(alert_id="third"), org=145)
    team.sandbox.faults.set("slack_drop_after_accept", after=1, times=1)
    assert "Slack doesn't answer" in team.tick()
    team.later(61)
    team.tick()
    heard = [ids for _, ids in team.heard()]
    assert heard == [["pump", "other"], ["truck"], ["truck"], ["third"]]


@pytest.mark.campaign
def test_slack_that_is_slow_for_hours_hears_a_message_again_after_1_5_15_minutes_and_then_every_hour(
    team: Team,
) -> None:
    team.slack = SlackResource(base_url=team.slack.base_url, channel="#alerts", timeout_seconds=1)
    team.materialise(PUMP)
    team.sandbox.faults.set("slack_slow", value=1.3)
    for rest in (60, 300, 900, 3_600, 3_600):
        assert "doesn't answer, and may have taken the message" in team.tick()
        assert team.heard() == [("alert", ["pump"])]
        team.later(rest - 5)
        assert "it did not answer" in team.tick()
        assert team.heard() == []
        team.later(10)
    team.sandbox.faults.clear()
    assert team.said() == [("alert", ["pump"])]
    assert json.loads(team.cursor or "")["unanswered"] == 0
    assert team.said() == []


def test_of_a_tick_whose_last_message_got_no_answer_only_that_is_said_again(team: Team) -> None:
    team.slack = SlackResource(base_url=team.slack.base_url, channel="#alerts", timeout_seconds=1)
    others = [PUMP._replace(alert_id=f"other-{number}") for number in range(2)]
    for unanswered in range(2):
        team.materialise(PUMP, TRUCK, *others[: unanswered + 1])
        team.sandbox.faults.set("slack_slow", value=1.3, times=1, after=1 - unanswered)
        team.tick()
        assert json.loads(team.cursor or "")["unanswered"] == unanswered + 1
        team.later(301)
    team.sandbox.faults.clear()
    team.tick()
    assert [ids for _, ids in team.heard()] == [
        ["pump", "other-0"],
        ["truck"],
        ["other-1"],
        ["other-1"],
        ["truck"],
    ]


def test_slack_that_nobody_reaches_fails_the_tick_for_it_took_nothing(team: Team) -> None:
    team.materialise(PUMP)
    there = team.slack
    team.slack = SlackResource(base_url="http://127.0.0.1:9/api/", channel="#alerts", timeout_seconds=1)
    with pytest.raises(SlackDownError, match="doesn't answer: URLError"):
        team.tick()
    assert team.cursor is None
    team.slack = there
    assert team.said() == [("alert", ["pump"])]


def test_slack_that_asks_for_no_pause_again_and_again_is_not_asked_in_a_loop(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "_SHORTEST_PAUSE", 0.01)
    team.materialise(PUMP)
    team.sandbox.faults.set("slack_rate_limited", value=0)
    assert "asks to wait 0 s" in team.tick()
    assert len(team.sandbox.slack.calls) == 6
    assert json.loads(team.cursor or "")["not_before"] == pytest.approx(time.time() + 60, abs=10)
    team.sandbox.faults.clear()
    team.later(61)
    assert team.said() == [("alert", ["pump"])]


@pytest.mark.parametrize("not_before", ["Infinity", "1e12", "NaN"])
def test_no_sensor_rests_for_ever(team: Team, not_before: str) -> None:
    team.materialise(PUMP)
    team.cursor = f'{{"after": null, "sent": {{}}, "not_before": {not_before}}}'
    assert team.said() == [("alert", ["pump"])]


def test_a_reply_that_was_refused_too_late_is_not_said_elsewhere_within_the_tick(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    team.materialise(PUMP)
    team.tick()
    team.messages()
    team.materialise(PUMP._replace(step=120), TRUCK)
    team.sandbox.faults.set("slack_slow", value=0.5, times=1, after=1)
    team.sandbox.faults.set("slack_channel_not_found", times=1, after=1)
    with monkeypatch.context() as short:
        short.setattr(posting, "TICK_SECONDS", team.slack.timeout_seconds + 0.4)
        assert "channel_not_found" in team.tick()
    assert team.heard() == [("alert", ["truck"])]
    assert team.said() == [("escalated in thread", ["pump"])]


def test_a_thread_that_slack_refuses_costs_the_channel_nothing(team: Team) -> None:
    team.materialise(PUMP, TRUCK)
    team.tick()
    _, second = team.messages()
    channel = json.loads(team.cursor or "")["sent"]["144"]["pump"][2]
    team.slack = SlackResource(base_url=team.slack.base_url, channel=channel)
    team.materialise(PUMP._replace(step=120), TRUCK._replace(state=RESOLVED))
    team.materialise(PUMP._replace(alert_id="other"), org=145)
    team.sandbox.faults.set("slack_channel_not_found", times=1)
    assert "messages posted: 3" in team.tick()
    further, resolved, other = team.messages()
    assert (further.thread_ts, _ids(further)) == (None, ["pump"])
    assert (resolved.thread_ts, _ids(resolved)) == (second.ts, ["truck"])
    assert _ids(other) == ["other"]
    assert team.said() == []


def test_an_overage_that_a_plan_of_a_day_interrupted_goes_on_in_its_thread(team: Team) -> None:
    team.materialise(PUMP, ago=1)
    team.tick()
    (first,) = team.messages()
    team.materialise(PUMP._replace(state=RESOLVED, why="the plan changed"))
    assert team.said() == [("resolved in thread", ["pump"])]
    for _ in range(2):
        team.materialise(PUMP)
        team.tick()
    (again,) = team.messages()
    assert (_kind(again), again.thread_ts) == ("again in thread", first.ts)
    assert "holds again" in again.text
    team.materialise(PUMP._replace(step=120, state=ESCALATED))
    assert team.said() == [("escalated in thread", ["pump"])]


def test_yesterday_run_again_does_not_reopen_what_ended_today(team: Team) -> None:
    team.materialise(PUMP, ago=1)
    team.materialise(PUMP)
    assert team.said() == [("alert", ["pump"])]
    team.materialise(PUMP._replace(state=RESOLVED))
    assert team.said() == [("resolved in thread", ["pump"])]
    team.materialise(PUMP, ago=1)
    assert team.said() == []


def test_alerts_that_had_no_room_are_counted(team: Team) -> None:
    carried = {"alerts": [entry._asdict() for entry in (PUMP, TRUCK)], "complete": False}
    for org, omitted in ((144, {"overage": 7, "network": 9}), (145, {})):
        team.log({"speaking": MetadataValue.json(carried | {"omitted": omitted})}, org=org)
    team.tick()
    assert [message.text.partition("(")[2].partition(")")[0] for message in team.messages()] == [
        "critical, 1 alert",
        "warn, 8 alerts",
        "critical, 1 alert",
        "warn, 1 alert",
    ]


def test_a_short_pause_that_slack_asks_for_is_waited_out(team: Team) -> None:
    team.materialise(PUMP, TRUCK)
    team.sandbox.faults.set("slack_rate_limited", value=1, times=1, after=1)
    began = time.monotonic()
    assert team.tick() == "messages posted: 2"
    assert time.monotonic() - began >= 1
    assert team.heard() == [("alert", ["pump"]), ("alert", ["truck"])]


def test_a_long_pause_ends_the_tick_and_slack_is_left_alone_until_it_is_over(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    team.materialise(PUMP, TRUCK)
    team.sandbox.faults.set("slack_rate_limited", value=120, times=1, after=1)
    assert "asks to wait 120 s" in team.tick()
    team.sandbox.faults.clear()
    asked = len(team.sandbox.slack.calls)
    assert "asked to wait" in team.tick()
    assert len(team.sandbox.slack.calls) == asked
    now = time.time()
    with monkeypatch.context() as later:
        later.setattr(time, "time", lambda: now + 121)
        assert team.said() == [("alert", ["pump"]), ("alert", ["truck"])]


def test_a_long_pause_before_the_first_message_is_kept_in_the_cursor(team: Team) -> None:
    team.materialise(PUMP)
    team.sandbox.faults.set("slack_rate_limited", value=120)
    assert "asks to wait 120 s" in team.tick()
    assert "asked to wait" in team.tick()
    assert len(team.sandbox.slack.calls) == 1


def test_a_lost_cursor_says_again_only_what_may_still_speak(team: Team) -> None:
    gone = PUMP._replace(alert_id="gone")
    team.materialise(gone, ago=5)
    team.materialise(PUMP, gone, ago=1)
    team.materialise(PUMP, gone._replace(state=RESOLVED), TRUCK._replace(severity=INFO))
    team.tick()
    assert [ids for _, ids in team.heard()] == [["pump"]]
    team.cursor = None
    assert team.said() == [("alert", ["pump"])]
    assert team.said() == []


@pytest.mark.parametrize(
    "cursor",
    [
        "17",
        "not json",
        "[]",
        "null",
        '{"after": 3}',
        '{"after": "x", "sent": {}}',
        '{"after": 3, "sent": {"144": {"pump": []}}}',
        '{"after": 3, "sent": {"144": {"pump": "abcde"}}}',
        '{"after": 3, "sent": {}, "waiting": {"2026": 1}}',
    ],
)
def test_a_cursor_that_cannot_be_read_counts_as_lost_and_the_log_says_so(
    team: Team, cursor: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    team.cursor = cursor
    team.materialise(PUMP)
    assert team.said() == [("alert", ["pump"])]
    assert "The cursor can't be read" in caplog.text + capfd.readouterr().err


def test_a_cursor_of_a_later_version_is_read(team: Team) -> None:
    team.materialise(PUMP)
    team.tick()
    team.messages()
    stored = json.loads(team.cursor or "")
    stored["sent"]["144"]["pump"] += ["from tomorrow", 7]
    team.cursor = json.dumps(stored | {"from_tomorrow": {}})
    team.materialise(PUMP._replace(state=RESOLVED))
    assert team.said() == [("resolved in thread", ["pump"])]


def test_a_log_that_begins_anew_is_read_from_its_beginning(team: Team) -> None:
    for _ in range(3):
        team.materialise(PUMP)
    assert team.said() == [("alert", ["pump"])]
    team.instance.wipe_assets([AssetKey("alerts")])
    team.materialise(PUMP, TRUCK)
    assert team.said() == [("alert", ["truck"])]


@pytest.mark.parametrize("few", [2, 3, 200])
def test_what_came_since_the_last_tick_is_found_be_it_much_or_little(
    team: Team, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_memory, "_FEW", few)
    team.materialise(PUMP)
    assert team.said() == [("alert", ["pump"])]
    team.materialise(TRUCK, org=145)
    team.materialise(PUMP, TRUCK)
    team.materialise(PUMP._replace(state=RESOLVED), TRUCK)
    assert sorted(team.said()) == [("alert", ["truck"]), ("alert", ["truck"]), ("resolved in thread", ["pump"])]
    assert team.said() == []


def test_an_unknown_channel_fails_the_tick_and_the_cursor_stays(team: Team) -> None:
    team.materialise(PUMP, org=146)
    for _ in range(2):
        with pytest.raises(SlackRefusedError, match="channel_not_found for channel #missing"):
            team.tick()
        assert team.cursor is None
    team.slack = SlackResource(base_url=team.slack.base_url, channel="#alerts")
    assert team.said() == [("alert", ["pump"])]


def test_no_channel_at_all_fails_the_tick(team: Team) -> None:
    team.slack = SlackResource(base_url=team.slack.base_url)
    team.materialise(PUMP)
    with pytest.raises(SlackRefusedError, match="SLACK_CHANNEL is not set"):
        team.tick()


def test_a_broken_channel_of_one_organisation_holds_back_no_other_and_is_seen_at_every_tick(team: Team) -> None:
    team.materialise(PUMP._replace(alert_id="unheard"), org=146)
    team.materialise(PUMP)
    reason = team.tick()
    assert "channel_not_found for channel #missing" in reason
    assert "messages posted: 1, partitions with more to say: 1" in reason
    assert team.heard() == [("alert", ["pump"])]
    with pytest.raises(SlackRefusedError, match="#missing"):
        team.tick()
    team.materialise(PUMP, TRUCK)
    assert "#missing" in team.tick()
    assert team.heard() == [("alert", ["truck"])]
    team.slack = SlackResource(base_url=team.slack.base_url, channel="#alerts")
    assert team.said() == [("alert", ["unheard"])]
    assert team.said() == []


def test_a_revoked_token_fails_the_tick(team: Team) -> None:
    team.materialise(PUMP)
    team.sandbox.faults.set("slack_revoked")
    with pytest.raises(SlackRefusedError, match="token_revoked"):
        team.tick()
    assert team.cursor is None


def test_a_tick_posts_ten_messages_and_the_next_one_goes_on(team: Team) -> None:
    for org in range(200, 215):
        team.materialise(PUMP._replace(alert_id=f"pump-{org}"), org=org)
    assert team.tick() == "messages posted: 10, partitions with more to say: 5"
    assert len(team.messages()) == 10
    assert team.tick() == "messages posted: 5"
    assert [ids for _, ids in team.heard()] == [[f"pump-{org}"] for org in range(210, 215)]


def test_a_tick_asks_slack_for_nothing_with_less_time_left_than_it_may_take_to_answer(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "TICK_SECONDS", team.slack.timeout_seconds + 0.3)
    monkeypatch.setattr(posting, "SPACING_SECONDS", 0.4)
    team.materialise(PUMP, TRUCK)
    assert team.tick() == "messages posted: 1, partitions with more to say: 1"
    assert team.said() == [("alert", ["pump"]), ("alert", ["truck"])]


def test_metadata_that_cannot_be_read_holds_nothing_back(team: Team) -> None:
    for speaking in (
        MetadataValue.text("x"),
        MetadataValue.json([1]),
        MetadataValue.json({"alerts": [1], "complete": 1}),
    ):
        team.log({"speaking": speaking}, org=150)
        team.materialise(PUMP._replace(alert_id=str(speaking)))
        assert team.tick() == "messages posted: 1"
        team.materialise(PUMP._replace(alert_id=str(speaking), state=RESOLVED))
        assert team.tick() == "messages posted: 1"


def test_alerts_of_one_organisation_that_cannot_be_told_hold_back_no_other(team: Team) -> None:
    team.materialise(PUMP)
    team.tick()
    team.messages()
    broken = PUMP._asdict() | {"step": "a hundred"}
    team.log({"speaking": MetadataValue.json({"alerts": [broken], "complete": True})})
    team.materialise(TRUCK, org=145)
    assert "TypeError" in (reason := team.tick())
    assert "messages posted: 1, partitions with more to say: 1" in reason
    assert team.heard() == [("alert", ["truck"])]
    with pytest.raises(TypeError):
        team.tick()
    team.materialise(PUMP._replace(state=RESOLVED))
    assert team.said() == [("resolved in thread", ["pump"])]


def test_partitions_of_another_shape_are_passed_over(team: Team) -> None:
    team.instance.report_runless_asset_event(AssetMaterialization("alerts", partition="2026-11-01"))
    team.instance.report_runless_asset_event(AssetMaterialization("alerts"))
    team.materialise(PUMP)
    assert team.said() == [("alert", ["pump"])]


def test_what_is_still_carried_is_remembered_beyond_thirty_five_days(team: Team) -> None:
    team.materialise(PUMP)
    team.tick()
    assert json.loads(team.cursor or "")["sent"]["144"]["pump"][4] == pytest.approx(time.time(), abs=60)
    stored = json.loads(team.cursor or "")
    stored["sent"]["144"]["pump"][4] -= 36 * 24 * 60 * 60
    team.cursor = json.dumps(stored)
    team.messages()
    for _ in range(2):
        team.materialise(PUMP)
        assert team.said() == []


def test_the_sensor_runs_by_itself_every_minute() -> None:
    sensor = alert_delivery("overage_alert_sensor", OVERAGE, None, "what it is for")
    assert (sensor.name, sensor.description) == ("overage_alert_sensor", "what it is for")
    assert sensor.minimum_interval_seconds == 60
    assert sensor.default_status is DefaultSensorStatus.RUNNING
    assert sensor.required_resource_keys == {"slack"}


def test_what_was_said_is_small_enough_for_a_cursor(team: Team) -> None:
    fleet = [
        PUMP._replace(alert_id=f"{number:024x}", subject=f"SIM 144{number:05d}", title="", since="", why="")
        for number in range(2_000)
    ]
    team.materialise(*fleet)
    team.tick()
    assert len(team.cursor or "") < 2_000 * 130
    team.materialise(*(entry._replace(state=RESOLVED) for entry in fleet))
    team.tick()
    assert len(team.cursor or "") < 2_000 * 100
    assert [_kind(message) for message in team.messages()] == ["alert", "resolved in thread"]


def test_the_token_appears_in_no_error_log_or_cursor(
    team: Team, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    team.materialise(PUMP, TRUCK)
    seen = [repr(team.slack)]
    for fault in ("slack_down", "slack_revoked", "slack_channel_not_found"):
        team.sandbox.faults.set(fault)
        with pytest.raises(SlackError) as caught:
            team.tick()
        seen += [repr(caught.value), repr(caught.value.__context__), repr(caught.value.__cause__)]
        team.sandbox.faults.clear()
    team.sandbox.faults.set("slack_drop_after_accept", times=1)
    seen += [team.tick(), team.cursor or ""]
    team.later(61)
    team.tick()
    seen += [team.cursor or "", caplog.text, *capfd.readouterr()]
    assert TOKEN not in "".join(seen)
    assert "pump" in seen[-4]
