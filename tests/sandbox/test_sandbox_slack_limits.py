"""Slack's limits: what is just within them is posted, what is just beyond is refused with the place named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from hologram_assets.sandbox import Sandbox

Block = dict[str, Any]


def mrkdwn(text: str) -> Block:
    return {"type": "mrkdwn", "text": text}


def plain(text: str) -> Block:
    return {"type": "plain_text", "text": text, "emoji": True}


def section(text: str = "x", **more: Any) -> Block:
    return {"type": "section", "text": mrkdwn(text), **more}


def button(**more: Any) -> Block:
    return {"type": "button", "text": plain("Open"), "url": "https://x.y", **more}


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(orgs=(144,), sims=0, days=0) as sandbox:
        yield sandbox


def post(running: Sandbox, **arguments: Any) -> dict[str, Any]:
    response = requests.post(
        f"{running.slack.base_url}chat.postMessage",
        json={"channel": "#a", **arguments},
        headers={"Authorization": "Bearer xoxb-a"},
        timeout=5,
    )
    assert response.status_code == 200
    answer: dict[str, Any] = response.json()
    return answer


@pytest.mark.parametrize(
    ("blocks", "beyond", "place"),
    [
        ([section()] * 50, [section()] * 51, "/blocks"),
        ([section("x" * 3000)], [section("x" * 3001)], "/blocks/0/text/text"),
        ([section("x")], [section("")], "/blocks/0/text/text"),
        (
            [{"type": "header", "text": plain("x" * 150)}],
            [{"type": "header", "text": plain("x" * 151)}],
            "/blocks/0/text/text",
        ),
        ([{"type": "header", "text": plain("x")}], [{"type": "header", "text": mrkdwn("x")}], "/blocks/0/text/type"),
        ([section(fields=[mrkdwn("x")] * 10)], [section(fields=[mrkdwn("x")] * 11)], "/blocks/0/fields"),
        (
            [section(fields=[mrkdwn("x" * 2000)])],
            [section(fields=[mrkdwn("x" * 2001)])],
            "/blocks/0/fields/0/text",
        ),
        (
            [{"type": "actions", "elements": [button(action_id=str(n)) for n in range(25)]}],
            [{"type": "actions", "elements": [button(action_id=str(n)) for n in range(26)]}],
            "/blocks/0/elements",
        ),
        (
            [{"type": "actions", "elements": [button(text=plain("x" * 75))]}],
            [{"type": "actions", "elements": [button(text=plain("x" * 76))]}],
            "/blocks/0/elements/0/text/text",
        ),
        (
            [{"type": "actions", "elements": [button(url="https://" + "x" * 2992)]}],
            [{"type": "actions", "elements": [button(url="https://" + "x" * 2993)]}],
            "/blocks/0/elements/0/url",
        ),
        (
            [{"type": "actions", "elements": [button(style="danger")]}],
            [{"type": "actions", "elements": [button(style="default")]}],
            "/blocks/0/elements/0/style",
        ),
        (
            [{"type": "context", "elements": [mrkdwn("x")] * 10}],
            [{"type": "context", "elements": [mrkdwn("x")] * 11}],
            "/blocks/0/elements",
        ),
        ([section(), {"type": "divider"}], [section(), {"type": "devider"}], "/blocks/1/type"),
        ([section(block_id="a"), section(block_id="b")], [section(block_id="a")] * 2, "/blocks/1/block_id"),
        ([section(accessory=button())], [section(accessory={"type": "knob"})], "/blocks/0/accessory/type"),
        ([section()], [{**section(), "txt": "x"}], "/blocks/0"),
        ([section()], [{"type": "section"}], "/blocks/0"),
        ([section()], ["x"], "/blocks/0"),
    ],
)
def test_blocks_beyond_a_limit_are_refused(
    running: Sandbox, blocks: list[Block], beyond: list[Any], place: str
) -> None:
    running.slack.clear()
    assert post(running, text="x", blocks=blocks)["ok"] is True
    refused = post(running, text="x", blocks=beyond)
    assert (refused["ok"], refused["error"]) == (False, "invalid_blocks")
    assert any(problem.endswith(f"[json-pointer:{place}]") for problem in refused["errors"])
    assert refused["response_metadata"]["messages"] == [f"[ERROR] {problem}" for problem in refused["errors"]]
    assert len(running.slack.messages) == 1


def test_a_refusal_is_worded_as_slack_words_it(running: Sandbox) -> None:
    refused = post(running, blocks=[section("x" * 3001)])
    assert refused["errors"] == ["must be less than 3001 characters [json-pointer:/blocks/0/text/text]"]


def test_a_text_has_40_000_characters_at_most(running: Sandbox) -> None:
    assert post(running, text="ü" * 40_000)["ok"] is True
    assert post(running, text="ü" * 40_001)["error"] == "msg_too_long"


@pytest.mark.parametrize("nothing", [{}, {"text": ""}, {"blocks": []}, {"text": "", "blocks": [], "attachments": []}])
def test_a_message_says_something(running: Sandbox, nothing: dict[str, Any]) -> None:
    assert post(running, **nothing)["error"] == "no_text"


@pytest.mark.parametrize(
    ("metadata", "error"),
    [
        ({"event_type": "a", "event_payload": {"id": 1}}, None),
        ({"event_type": "a"}, "invalid_metadata_schema"),
        ({"event_type": "", "event_payload": {}}, "invalid_metadata_schema"),
        ({"event_type": "a", "event_payload": ["id"]}, "invalid_metadata_schema"),
        ({"event_type": "a", "event_payload": {}, "more": 1}, "invalid_metadata_schema"),
        (["a"], "invalid_metadata_format"),
        ("{", "invalid_metadata_format"),
    ],
)
def test_metadata_is_a_type_and_a_payload(running: Sandbox, metadata: Any, error: str | None) -> None:
    assert post(running, text="x", metadata=metadata).get("error") == error


def test_what_is_no_list_of_blocks_is_refused(running: Sandbox) -> None:
    assert post(running, text="x", blocks="{}")["error"] == "invalid_blocks_format"
    assert post(running, text="x", blocks="[")["error"] == "invalid_blocks_format"
    assert post(running, text="x", attachments=["x"])["error"] == "invalid_attachments"
