"""What becomes of a message, in errors grouped by what to do about them; against the sandbox's Slack over HTTP."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator

import pytest

from hologram_assets.domain.messages import Message
from hologram_assets.resources.slack import (
    SlackBusyError,
    SlackDownError,
    SlackError,
    SlackRefusedError,
    SlackResource,
    SlackUnclearError,
    _seconds,
    what_to_do,
)
from hologram_assets.sandbox import Sandbox

TOKEN = "xoxb-that-must-never-be-seen"
METADATA = {"event_type": "hologram_alert", "event_payload": {"alert_ids": ["a"]}}
HELLO = Message("hello", [{"type": "section", "text": {"type": "mrkdwn", "text": "*hello*"}}], METADATA)


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(orgs=(144,), sims=0, days=0) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.setenv("SLACK_BOT_TOKEN", f" {TOKEN}\n")
    yield running
    running.faults.clear()
    running.slack.clear()


@pytest.fixture
def slack(sandbox: Sandbox) -> SlackResource:
    return SlackResource(base_url=sandbox.slack.base_url.rstrip("/"), channel="#alerts", channels={"145": "#own"})


def test_a_message_is_posted_as_it_is_and_its_thread_has_a_name(slack: SlackResource, sandbox: Sandbox) -> None:
    channel, ts = slack.post("#alerts", HELLO)
    assert slack.post(channel, HELLO, ts)[0] == channel
    first, reply = sandbox.slack.messages
    assert (first.channel, first.text, first.blocks, first.metadata) == ("#alerts", *HELLO)
    assert (first.ts, first.thread_ts, reply.thread_ts) == (ts, None, ts)


def test_an_organisation_without_a_channel_of_its_own_has_the_one_for_all(slack: SlackResource) -> None:
    assert [slack.channel_for(org) for org in (144, 145, None)] == ["#alerts", "#own", "#alerts"]


def test_without_any_channel_the_error_says_what_to_set() -> None:
    with pytest.raises(SlackRefusedError, match="SLACK_CHANNEL is not set"):
        SlackResource().channel_for(144)


def test_what_is_confined_to_organisations_has_no_channel_for_all(slack: SlackResource) -> None:
    confined = slack.confined_to([144, 145])
    assert [confined.channel_for(org) for org in (144, 145)] == ["#alerts", "#own"]
    assert (confined.base_url, confined.timeout_seconds) == (slack.base_url, slack.timeout_seconds)
    for org in (None, 146):
        with pytest.raises(SlackRefusedError):
            confined.channel_for(org)


def test_a_token_of_blanks_is_none(slack: SlackResource, monkeypatch: pytest.MonkeyPatch) -> None:
    assert slack.has_token
    monkeypatch.setenv("SLACK_BOT_TOKEN", "  ")
    assert not slack.has_token


@pytest.mark.parametrize(
    ("channel", "words"),
    [("#missing", "check SLACK_CHANNEL, and invite"), ("#not-joined", "invite the app"), ("#archived", "unarchive it")],
)
def test_a_channel_that_somebody_has_to_mend_is_named(slack: SlackResource, channel: str, words: str) -> None:
    with pytest.raises(SlackRefusedError, match=f"for channel {channel}: .*{words}"):
        SlackResource(base_url=slack.base_url, channel=channel).post(channel, HELLO)


def test_a_refusal_names_the_variable_that_names_the_channel(slack: SlackResource) -> None:
    named = SlackResource(base_url=slack.base_url, channel="#missing", channels={"145": "#archived"})
    for resource in (named, named.confined_to([144, 145])):
        with pytest.raises(SlackRefusedError, match="check SLACK_CHANNEL, and"):
            resource.post(resource.channel_for(144), HELLO)
        with pytest.raises(SlackRefusedError, match=r"name another in SLACK_CHANNEL_145$"):
            resource.post(resource.channel_for(145), HELLO)
        with pytest.raises(SlackRefusedError, match=r"check SLACK_CHANNEL \(or SLACK_CHANNEL_<ORGID>\)"):
            resource.post("#not-joined", HELLO)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("token_revoked", "SLACK_BOT_TOKEN"),
        ("missing_scope", "chat:write"),
        ("of_tomorrow", "SLACK_BOT_TOKEN and SLACK_CHANNEL_7"),
    ],
)
def test_each_word_of_slacks_has_its_own_advice(said: str, words: str) -> None:
    assert words in what_to_do(said, "SLACK_CHANNEL_7")


@pytest.mark.parametrize("token", ["xoxb-revoked", "xoxb-wrong", "secret"])
def test_a_token_that_slack_does_not_know_is_refused(
    slack: SlackResource, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", token)
    with pytest.raises(SlackRefusedError, match=r"token_revoked|invalid_auth"):
        slack.post("#alerts", HELLO)


def test_a_limited_rate_says_how_long_to_wait(slack: SlackResource, sandbox: Sandbox) -> None:
    sandbox.faults.set("slack_rate_limited", value=7, times=1)
    with pytest.raises(SlackBusyError, match="wait 7 s") as busy:
        slack.post("#alerts", HELLO)
    assert busy.value.retry_after == 7


@pytest.mark.parametrize("status", [500, 503, 504])
def test_a_slack_that_is_down_may_be_up_again(slack: SlackResource, sandbox: Sandbox, status: int) -> None:
    sandbox.faults.set("slack_down", value=status)
    with pytest.raises(SlackDownError, match=f"^Slack says {status}$"):
        slack.post("#alerts", HELLO)
    assert len(sandbox.slack.calls) == 1


def test_a_dropped_connection_is_not_tried_again_for_slack_may_have_taken_the_message(
    slack: SlackResource, sandbox: Sandbox
) -> None:
    sandbox.faults.set("slack_drop_after_accept", times=1)
    with pytest.raises(SlackUnclearError, match="doesn't answer, and may have taken the message: RemoteDisconnected"):
        slack.post("#alerts", HELLO)
    assert len(sandbox.slack.messages) == 1


def test_a_slack_that_answers_too_late_may_have_taken_the_message(slack: SlackResource, sandbox: Sandbox) -> None:
    sandbox.faults.set("slack_slow", value=1.3, times=1)
    hasty = slack.model_copy(update={"timeout_seconds": 1})
    with pytest.raises(SlackUnclearError, match="may have taken the message: TimeoutError"):
        hasty.post("#alerts", HELLO)
    assert len(sandbox.slack.messages) == 1


def test_a_gateway_that_gave_up_waiting_for_slack_does_not_know_either(slack: SlackResource, sandbox: Sandbox) -> None:
    sandbox.faults.set("slack_down", value=504)
    with pytest.raises(SlackUnclearError, match="Slack says 504"):
        slack.post("#alerts", HELLO)


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:9/", "nowhere", "http://not a host/", "http://127.0.0.1:port/"])
def test_what_was_never_sent_was_not_taken(slack: SlackResource, base_url: str) -> None:
    with pytest.raises(SlackDownError) as caught:
        slack.model_copy(update={"base_url": base_url}).post("#alerts", HELLO)
    assert not isinstance(caught.value, SlackUnclearError)


def test_a_message_whose_blocks_slack_does_not_take_has_one_messages_time(
    slack: SlackResource, sandbox: Sandbox
) -> None:
    sandbox.faults.set("slack_slow", value=1.2)
    hasty = slack.model_copy(update={"timeout_seconds": 2})
    with pytest.raises(SlackUnclearError):
        hasty.post("#alerts", HELLO._replace(blocks=[{"type": "of tomorrow"}]))


@pytest.mark.parametrize(("asked", "waits"), [(0, 0), (7, 7), (1e9, 3600), (1e400, 3600), (float("nan"), 30)])
def test_no_pause_is_longer_than_an_hour(asked: float, waits: float) -> None:
    assert _seconds(f"{asked:g}") == waits


@pytest.mark.parametrize("header", [None, "", "soon", "Fri, 20 Nov 2026 10:00:00 GMT"])
def test_a_pause_without_a_number_is_half_a_minute(header: str | None) -> None:
    assert _seconds(header) == 30


def test_a_slack_that_nobody_reaches_is_down(slack: SlackResource) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = SlackResource(base_url=f"http://127.0.0.1:{unused.getsockname()[1]}/api/", channel="#alerts")
        with pytest.raises(SlackDownError, match="doesn't answer: URLError"):
            nobody.post("#alerts", HELLO)


def test_blocks_that_slack_does_not_take_leave_the_text(slack: SlackResource, sandbox: Sandbox) -> None:
    slack.post("#alerts", HELLO._replace(blocks=[{"type": "of tomorrow"}]))
    (message,) = sandbox.slack.messages
    assert (message.text, message.blocks, message.metadata) == ("hello", [], None)


def test_a_message_that_slack_never_takes_is_refused(slack: SlackResource) -> None:
    with pytest.raises(SlackRefusedError, match="msg_too_long"):
        slack.post("#alerts", Message("x" * 40_001, [], METADATA))


def test_no_error_holds_the_token(
    slack: SlackResource, sandbox: Sandbox, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    seen = [repr(slack), str(slack.model_dump())]
    for fault in ("slack_down", "slack_drop_after_accept", "slack_rate_limited", "slack_revoked"):
        sandbox.faults.set(fault)
        with pytest.raises(SlackError) as caught:
            slack.post("#alerts", HELLO)
        seen += [repr(caught.value), repr(caught.value.__context__), repr(caught.value.__cause__)]
        sandbox.faults.clear()
    assert TOKEN not in "".join([*seen, caplog.text, *capfd.readouterr()])
