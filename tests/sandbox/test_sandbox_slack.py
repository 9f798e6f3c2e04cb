"""Slack's Web API as the sandbox answers it: over plain HTTP, and to Slack's own client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from hologram_assets.sandbox import Sandbox, Slack

TOKEN = "xoxb-sandbox-token"
SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "*Pump 7* is over"}}
METADATA = {"event_type": "hologram_alert", "event_payload": {"alert_ids": ["a1", "b2"]}}
Call = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(orgs=(144,), sims=0, days=0) as sandbox:
        yield sandbox


@pytest.fixture
def slack(running: Sandbox) -> Iterator[Slack]:
    yield running.slack
    running.slack.clear()
    running.slack.channels.existing = None


@pytest.fixture
def client(slack: Slack) -> WebClient:
    return WebClient(TOKEN, base_url=slack.base_url, timeout=5)


@pytest.fixture
def call(slack: Slack) -> Call:
    def call(method: str, **arguments: Any) -> dict[str, Any]:
        response = requests.post(
            slack.base_url + method, json=arguments, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=5
        )
        assert response.status_code == 200
        answer: dict[str, Any] = response.json()
        return answer

    return call


def error_of(call: Callable[[], Any]) -> str:
    with pytest.raises(SlackApiError) as refused:
        call()
    error: str = refused.value.response["error"]
    return error


def test_the_url_is_what_slack_sdk_wants(running: Sandbox) -> None:
    assert running.slack.base_url == f"{running.control_url}/slack/api/"


def test_slacks_own_client_posts_answers_and_updates(slack: Slack, client: WebClient) -> None:
    began = datetime.now(UTC).replace(tzinfo=None)
    first = client.chat_postMessage(channel="#alerts", text="fallback", blocks=[SECTION], metadata=METADATA)
    assert first["ok"] is True
    assert first["channel"].startswith("C")
    assert first["message"]["text"] == "fallback"
    assert first["message"]["blocks"][0]["block_id"]
    reply = client.chat_postMessage(channel="#alerts", text="escalated", thread_ts=first["ts"])
    assert reply["message"]["thread_ts"] == first["ts"]
    updated = client.chat_update(channel=first["channel"], ts=first["ts"], text="resolved", blocks=[])
    assert (updated["ts"], updated["text"]) == (first["ts"], "resolved")

    message, answer = slack.messages
    assert (message.channel, message.channel_id, message.ts) == ("#alerts", first["channel"], first["ts"])
    assert (message.text, message.blocks, message.metadata) == ("resolved", [], METADATA)
    assert (message.edits, answer.edits) == (1, 0)
    assert message.edited_at is not None
    assert message.thread_ts is None
    assert answer.thread_ts == first["ts"]
    assert began <= message.arrived_at <= answer.arrived_at <= began + timedelta(seconds=30)


def test_a_token_can_be_tried(client: WebClient) -> None:
    answer = client.auth_test()
    assert (answer["team"], answer["bot_id"]) == ("Sandbox", "B0SANDBOX")
    assert "chat:write" in answer.headers["x-oauth-scopes"]


def test_every_message_has_an_id_of_its_own_and_later_ones_have_greater(slack: Slack, call: Call) -> None:
    ids = [call("chat.postMessage", channel="#a", text=str(n))["ts"] for n in range(20)]
    assert ids == sorted(set(ids))
    assert all(len(ts.split(".")[0]) == 10 and len(ts.split(".")[1]) == 6 for ts in ids)
    assert [message.text for message in slack.messages] == [str(n) for n in range(20)]


def test_a_form_says_the_same_as_json(slack: Slack, call: Call) -> None:
    import json

    call("chat.postMessage", channel="#a", text="x", blocks=[SECTION], metadata=METADATA)
    form = {"channel": "#a", "text": "x", "blocks": json.dumps([SECTION]), "metadata": json.dumps(METADATA)}
    response = requests.post(
        f"{slack.base_url}chat.postMessage", data={**form, "token": TOKEN}, timeout=5
    )  # a form may hold the token too
    assert response.json()["ok"] is True
    one, other = slack.messages
    assert (one.text, one.blocks, one.metadata) == (other.text, other.blocks, other.metadata)


@pytest.mark.parametrize(
    ("authorization", "error"),
    [
        (None, "not_authed"),
        ("Bearer ", "not_authed"),
        ("Basic eG94Yi1h", "not_authed"),
        ("Bearer s3cret", "invalid_auth"),
        ("Bearer xoxb-wrong", "invalid_auth"),
        ("Bearer xoxb-revoked", "token_revoked"),
    ],
)
def test_a_bad_token_is_refused_under_200(slack: Slack, authorization: str | None, error: str) -> None:
    for method in ("auth.test", "chat.postMessage", "chat.update"):
        response = requests.post(
            slack.base_url + method,
            json={"channel": "#a", "text": "x"},
            headers={"Authorization": authorization} if authorization else {},
            timeout=5,
        )
        assert (response.status_code, response.json()) == (200, {"ok": False, "error": error})
    assert slack.messages == []


def test_no_call_remembers_its_token(slack: Slack, call: Call, running: Sandbox) -> None:
    call("chat.postMessage", channel="#a", text="x")
    requests.post(f"{slack.base_url}auth.test?{urlencode({'token': TOKEN})}", timeout=5)
    requests.post(f"{slack.base_url}auth.test", data={"token": TOKEN}, timeout=5)
    assert [made.error for made in slack.calls] == [None, None, None]
    assert TOKEN not in repr(slack.calls) + repr(slack.messages)
    assert TOKEN not in requests.get(f"{running.control_url}/_sandbox/slack", timeout=5).text


def test_a_channel_that_is_not_there_or_not_ours_is_refused(slack: Slack, client: WebClient) -> None:
    assert error_of(lambda: client.chat_postMessage(channel="#missing", text="x")) == "channel_not_found"
    assert error_of(lambda: client.chat_postMessage(channel="#not-joined", text="x")) == "not_in_channel"
    assert error_of(lambda: client.chat_postMessage(channel="#archived", text="x")) == "is_archived"
    assert error_of(lambda: client.chat_postMessage(channel="", text="x")) == "channel_not_found"
    assert [made.error for made in slack.calls] == [
        "channel_not_found",
        "not_in_channel",
        "is_archived",
        "channel_not_found",
    ]


def test_a_test_says_which_channels_there_are(slack: Slack, client: WebClient) -> None:
    slack.channels.only("#alerts")
    client.chat_postMessage(channel="alerts", text="x")
    assert error_of(lambda: client.chat_postMessage(channel="#alert", text="x")) == "channel_not_found"


def test_a_channel_has_one_id_by_whatever_it_is_called(slack: Slack, call: Call) -> None:
    id = call("chat.postMessage", channel="#alerts", text="x")["channel"]
    assert call("chat.postMessage", channel="alerts", text="x")["channel"] == id
    assert call("chat.postMessage", channel=id, text="x")["channel"] == id
    assert call("chat.postMessage", channel="#org-145", text="x")["channel"] != id
    assert call("chat.postMessage", channel="C0123456789", text="x")["channel"] == "C0123456789"
    assert [message.channel for message in slack.messages] == ["#alerts"] * 3 + ["#org-145", "#C0123456789"]


def test_an_update_takes_the_channels_id_and_not_its_name(slack: Slack, client: WebClient) -> None:
    """As Slack does: https://github.com/slackapi/python-slack-sdk/issues/696."""
    posted = client.chat_postMessage(channel="#alerts", text="x")
    assert error_of(lambda: client.chat_update(channel="#alerts", ts=posted["ts"], text="y")) == "channel_not_found"
    assert error_of(lambda: client.chat_update(channel="alerts", ts=posted["ts"], text="y")) == "channel_not_found"
    assert slack.messages[0].text == "x"


def test_an_update_of_nothing_is_refused(slack: Slack, client: WebClient) -> None:
    posted = client.chat_postMessage(channel="#alerts", text="x")
    other = client.chat_postMessage(channel="#other", text="x")
    missing = posted["channel"]
    assert error_of(lambda: client.chat_update(channel=missing, ts="1.000100", text="y")) == "message_not_found"
    assert error_of(lambda: client.chat_update(channel=missing, ts=other["ts"], text="y")) == "message_not_found"


def test_an_update_leaves_what_it_does_not_name(slack: Slack, call: Call) -> None:
    posted = call("chat.postMessage", channel="#a", text="x", blocks=[SECTION], metadata=METADATA)
    call("chat.update", channel=posted["channel"], ts=posted["ts"], text="y")
    (message,) = slack.messages
    assert (message.text, message.blocks, message.metadata) == ("y", [SECTION], METADATA)


def test_a_reply_to_an_unknown_message_is_taken(slack: Slack, call: Call) -> None:
    assert call("chat.postMessage", channel="#a", text="x", thread_ts="1600000000.000100")["ok"] is True
    assert slack.messages[0].thread_ts == "1600000000.000100"


def test_what_is_no_call_is_told_so(slack: Slack, call: Call) -> None:
    assert call("chat.delete", channel="#a", ts="1")["error"] == "unknown_method"
    header = {"Authorization": f"Bearer {TOKEN}"}
    for body, kind, error in (
        (b"{", "application/json", "invalid_json"),
        (b"[]", "application/json; charset=utf-8", "json_not_object"),
        (b"x", "text/plain", "invalid_post_type"),
    ):
        response = requests.post(
            f"{slack.base_url}chat.postMessage", data=body, headers={**header, "Content-Type": kind}, timeout=5
        )
        assert (response.status_code, response.json()["error"]) == (200, error)


def test_what_would_ring_is_seen_and_escaped_names_do_not_ring(slack: Slack, call: Call) -> None:
    call("chat.postMessage", channel="#a", text="&lt;!channel&gt; Tracker 3 and <https://a.b|a link>")
    call(
        "chat.postMessage", channel="#a", text="x", blocks=[{**SECTION, "text": {"type": "mrkdwn", "text": "<!here>"}}]
    )
    call("chat.postMessage", channel="#a", text="<!channel|channel> <@U0123ABC> <!date^1700000000^{date}|then>")
    assert [message.mentions for message in slack.messages] == [set(), {"!here"}, {"!channel", "@U0123ABC"}]


def test_all_text_of_a_message_can_be_searched(slack: Slack, call: Call) -> None:
    button = {"type": "button", "text": {"type": "plain_text", "text": "Open run"}, "url": "http://x.y"}
    call("chat.postMessage", channel="#a", text="t", blocks=[SECTION, {"type": "actions", "elements": [button]}])
    assert slack.messages[0].all_text == "t\n*Pump 7* is over\nOpen run"


def test_the_workspace_can_be_emptied_and_read_from_another_process(slack: Slack, call: Call, running: Sandbox) -> None:
    call("chat.postMessage", channel="#a", text="x")
    url = f"{running.control_url}/_sandbox/slack"
    told = requests.get(url, timeout=5).json()
    assert (told["messages"][0]["channel"], told["messages"][0]["text"]) == ("#a", "x")
    assert told["calls"][0]["method"] == "chat.postMessage"
    requests.delete(url, timeout=5)
    assert (slack.messages, slack.calls) == ([], [])


def test_slack_is_no_request_to_hologram(slack: Slack, call: Call, running: Sandbox) -> None:
    before = len(running.requests)
    call("chat.postMessage", channel="#a", text="x")
    assert len(running.requests) == before
