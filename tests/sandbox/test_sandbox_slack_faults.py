"""What goes wrong at Slack on request, as Slack's own client and a plain one see it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import requests
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from hologram_assets.sandbox import Fault, Sandbox, parse_fault

HEADERS = {"Authorization": "Bearer xoxb-a"}


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    with Sandbox(orgs=(144,), sims=0, days=0) as sandbox:
        yield sandbox


@pytest.fixture
def running(shared: Sandbox) -> Iterator[Sandbox]:
    yield shared
    shared.faults.clear()
    shared.slack.clear()


def post(running: Sandbox, text: str = "x", timeout: float = 5) -> requests.Response:
    return requests.post(
        f"{running.slack.base_url}chat.postMessage",
        json={"channel": "#a", "text": text},
        headers=HEADERS,
        timeout=timeout,
    )


def texts(running: Sandbox) -> list[str]:
    return [message.text for message in running.slack.messages]


def test_slack_down_is_503_without_json_for_whoever_asks(running: Sandbox) -> None:
    running.faults.set("slack_down", times=2)
    assert post(running).status_code == 503
    response = requests.post(f"{running.slack.base_url}auth.test", timeout=5)
    assert (response.status_code, response.headers["Content-Type"]) == (503, "text/plain")
    assert post(running).json()["ok"] is True
    assert len(texts(running)) == 1
    assert [made.error for made in running.slack.calls] == ["slack_down", "slack_down", None]


def test_slack_down_can_have_another_status(running: Sandbox) -> None:
    running.faults.set("slack_down", value=500)
    assert post(running).status_code == 500


def test_slack_slow_keeps_the_message_and_answers_late(running: Sandbox) -> None:
    running.faults.set("slack_slow", value=0.4, times=1)
    with pytest.raises(requests.ReadTimeout):
        post(running, "slow", timeout=0.1)
    assert texts(running) == ["slow"]
    running.faults.set("slack_slow", value=0.3, times=1)
    began = time.monotonic()
    assert post(running, "slow again").json()["ok"] is True
    assert time.monotonic() - began >= 0.3
    began = time.monotonic()
    post(running)
    assert time.monotonic() - began < 0.3


def test_a_sandbox_stops_at_once_however_slow_slack_is() -> None:
    with Sandbox(orgs=(144,), sims=0, faults=["slack_slow=60"]) as sandbox:
        with pytest.raises(requests.ReadTimeout):
            post(sandbox, timeout=0.1)
        began = time.monotonic()
    assert time.monotonic() - began < 3


def test_a_rate_limit_says_how_long_to_wait(running: Sandbox) -> None:
    running.faults.set("slack_rate_limited", value=7, times=1)
    response = post(running)
    assert (response.status_code, response.headers["Retry-After"]) == (429, "7")
    assert response.json() == {"ok": False, "error": "ratelimited"}
    assert texts(running) == []


def test_slacks_client_sees_the_rate_limit_and_its_wait(running: Sandbox) -> None:
    running.faults.set("slack_rate_limited", value=3, times=1)
    client = WebClient("xoxb-a", base_url=running.slack.base_url, timeout=5)
    with pytest.raises(SlackApiError) as refused:
        client.chat_postMessage(channel="#a", text="x")
    assert (refused.value.response.status_code, refused.value.response.headers["retry-after"]) == (429, "3")
    client.chat_postMessage(channel="#a", text="y")
    assert texts(running) == ["y"]


@pytest.mark.parametrize(
    ("fault", "error"), [("slack_revoked", "token_revoked"), ("slack_channel_not_found", "channel_not_found")]
)
def test_a_refusal_comes_under_200_and_keeps_nothing(running: Sandbox, fault: str, error: str) -> None:
    running.faults.set(fault)
    response = post(running)
    assert (response.status_code, response.json()) == (200, {"ok": False, "error": error})
    assert texts(running) == []
    assert running.slack.calls[-1].error == error


def test_a_dropped_answer_leaves_the_message_behind(running: Sandbox) -> None:
    running.faults.set("slack_drop_after_accept", times=1)
    with pytest.raises(requests.ConnectionError):
        post(running, "in flight")
    assert texts(running) == ["in flight"]
    assert running.slack.calls[-1].error == "slack_drop_after_accept"
    assert post(running, "in flight").json()["ok"] is True
    assert texts(running) == ["in flight"] * 2


def test_slacks_client_repeats_a_dropped_message_unless_told_not_to(running: Sandbox) -> None:
    """Its default is one retry after a lost connection: whoever must not post twice has to hand over no handlers."""
    running.faults.set("slack_drop_after_accept", times=1)
    WebClient("xoxb-a", base_url=running.slack.base_url).chat_postMessage(channel="#a", text="twice")
    assert texts(running) == ["twice", "twice"]
    running.slack.clear()
    running.faults.set("slack_drop_after_accept", times=1)
    cautious = WebClient("xoxb-a", base_url=running.slack.base_url, retry_handlers=[])
    with pytest.raises(OSError, match="closed connection"):
        cautious.chat_postMessage(channel="#a", text="once")
    assert texts(running) == ["once"]


def test_slacks_faults_leave_hologram_alone_and_the_other_way_round(running: Sandbox) -> None:
    plans = f"{running.base_url}/plans"
    running.faults.set("slack_down")
    assert requests.get(plans, auth=("apikey", "k"), timeout=5).status_code == 200
    running.faults.clear()
    # A call of Slack's is not counted against it either.
    running.faults.set("server_error", times=1)
    assert post(running).json()["ok"] is True
    assert requests.get(plans, auth=("apikey", "k"), timeout=5).status_code == 503


def test_a_fault_can_be_about_one_method(running: Sandbox) -> None:
    running.faults.set("slack_down", endpoint="slack/chat.update")
    assert post(running).status_code == 200
    assert requests.post(f"{running.slack.base_url}chat.update", headers=HEADERS, timeout=5).status_code == 503


def test_a_fault_at_slack_can_be_written_on_a_command_line() -> None:
    assert parse_fault("slack_down") == Fault("slack_down", endpoint="slack")
    assert parse_fault("slack_rate_limited=3@slack*2") == Fault(
        "slack_rate_limited", value=3, endpoint="slack", times=2
    )
    assert parse_fault("slack_slow=0.5@chat.postMessage+1").endpoint == "slack/chat.postMessage"
    assert parse_fault("slack_down@slack/chat.update") == Fault("slack_down", endpoint="slack/chat.update")


def test_a_fault_of_hologram_at_slack_is_refused() -> None:
    with pytest.raises(ValueError, match="slack_"):
        parse_fault("server_error@slack")


def test_faults_at_slack_can_be_set_from_another_process(running: Sandbox) -> None:
    requests.post(f"{running.control_url}/_sandbox/faults", json="slack_rate_limited=2*1", timeout=5)
    assert [post(running).status_code for _ in range(2)] == [429, 200]
