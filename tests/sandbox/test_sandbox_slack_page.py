"""The page that looks like a channel: everything that was sent is on it, and nothing of it runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
import requests
from slack_sdk import WebClient

from hologram_assets.sandbox import Sandbox
from hologram_assets.sandbox.slack.mrkdwn import mrkdwn_html, plain_html

HOSTILE = """<script>alert(1)</script> "><img src=x onerror=alert(1)> & <!channel> '=1+1"""


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    with Sandbox(orgs=(144,), sims=0, days=0) as sandbox:
        yield sandbox


@pytest.fixture
def running(shared: Sandbox) -> Iterator[Sandbox]:
    yield shared
    shared.slack.clear()


@pytest.fixture
def client(running: Sandbox) -> WebClient:
    return WebClient("xoxb-a", base_url=running.slack.base_url)


def page(running: Sandbox, **params: str) -> str:
    response = requests.get(f"{running.control_url}/slack", params=params, timeout=5)
    assert response.status_code == 200
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    return response.text


def main(html: str) -> str:
    """The messages, without the channel list and with single blanks."""
    return re.sub(r"\s+", " ", html.partition("<main>")[2])


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def tags_of(html: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = _Tags()
    parser.feed(html)
    return parser.tags


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*bold* and _italic_ and ~gone~", "<strong>bold</strong> and <em>italic</em> and <s>gone</s>"),
        ("*bold _both_*", "<strong>bold <em>both</em></strong>"),
        ("`a *b* &lt;c&gt;`", "<code>a *b* &lt;c&gt;</code>"),
        ("2*3*4 and snake_case_name and 3 * 4 * 5", "2*3*4 and snake_case_name and 3 * 4 * 5"),
        (
            "<https://a.b/?x=1&amp;y=2|Pump &lt;7&gt;>",
            '<a href="https://a.b/?x=1&amp;y=2" rel="noreferrer">Pump &lt;7&gt;</a>',
        ),
        ("<https://a.b>", '<a href="https://a.b" rel="noreferrer">https://a.b</a>'),
        ("<javascript:alert(1)|x>", "&lt;javascript:alert(1)|x&gt;"),
        ("&lt;!channel&gt; &amp;lt;", "&lt;!channel&gt; &amp;lt;"),
        ("<!channel>", '<span class="mention">@channel</span>'),
        ("<@U0123>, <#C0123|ops>", '<span class="mention">@U0123</span>, <span class="mention">#ops</span>'),
        ("<!date^1700000000^{date}|14 November>", "14 November"),
        ("<!date^1700000000^{date}>", "2023-11-14 22:13 UTC"),
        ("a\nb", "a<br>b"),
        ("&gt; quoted\nnot", "<blockquote>quoted</blockquote>not"),
        ("```\na  *b*\nc\n```", "<pre>a  *b*<br>c</pre>"),
        (":warning: 12:30:45 :nope:", "⚠️ 12:30:45 :nope:"),
        ('"><img src=x onerror=alert(1)>', "&#34;&gt;&lt;img src=x onerror=alert(1)&gt;"),
        ("*<b>*", "<strong>&lt;b&gt;</strong>"),
        ("\ue0000\ue001 `x`", "0 <code>x</code>"),
    ],
)
def test_slacks_markup_becomes_html(text: str, html: str) -> None:
    assert str(mrkdwn_html(text)) == html


def test_plain_text_has_no_markup() -> None:
    assert str(plain_html("*a* &amp; <b> :x:")) == "*a* &amp; &lt;b&gt; ❌"


def test_every_part_of_a_message_is_shown(running: Sandbox, client: WebClient) -> None:
    client.chat_postMessage(
        channel="#alerts",
        text="only for the notification",
        blocks=[
            {"type": "header", "text": {"type": "plain_text", "text": "3 SIMs are over"}},
            {"type": "section", "text": {"type": "mrkdwn", "text": "*Pump* `7`"}},
            {"type": "section", "fields": [{"type": "mrkdwn", "text": "*Cost*\n$0.42"}]},
            {"type": "divider"},
            {
                "type": "actions",
                "elements": [
                    {
                        "type": "button",
                        "text": {"type": "plain_text", "text": "Open run"},
                        "url": "http://127.0.0.1:3000/runs/1?a=1&b=2",
                        "style": "primary",
                    }
                ],
            },
            {"type": "context", "elements": [{"type": "mrkdwn", "text": "since _yesterday_"}]},
        ],
        metadata={"event_type": "hologram_alert", "event_payload": {"alert_id": "a1b2"}},
    )
    html = main(page(running, channel="alerts"))
    for part in (
        "<h2>3 SIMs are over</h2>",
        "<strong>Pump</strong> <code>7</code>",
        "<strong>Cost</strong><br>$0.42",
        "<hr>",
        '<a class="button primary" href="http://127.0.0.1:3000/runs/1?a=1&amp;b=2" rel="noreferrer">Open run</a>',
        "since <em>yesterday</em>",
        "hologram_alert",
        "a1b2",
    ):
        assert part in html
    assert "only for the notification" not in html


def test_threads_stand_under_their_parent_with_their_count(running: Sandbox, client: WebClient) -> None:
    first = client.chat_postMessage(channel="#alerts", text="first thing")
    client.chat_postMessage(channel="#alerts", text="second thing")
    reply = client.chat_postMessage(channel="#alerts", text="it grew", thread_ts=first["ts"])
    client.chat_postMessage(channel="#alerts", text="it ended", thread_ts=reply["ts"])
    html = main(page(running))
    places = [html.index(text) for text in ("first thing", "2 replies", "it grew", "it ended", "second thing")]
    assert places == sorted(places)
    assert html.count('class="message small"') == 2


def test_a_reply_whose_parent_is_not_there_is_shown_all_the_same(running: Sandbox, client: WebClient) -> None:
    client.chat_postMessage(channel="#alerts", text="an answer", thread_ts="1600000000.000100")
    html = main(page(running))
    assert "1600000000.000100" in html
    assert "1 reply" in html
    assert "an answer" in html


def test_an_updated_message_is_marked(running: Sandbox, client: WebClient) -> None:
    posted = client.chat_postMessage(channel="#alerts", text="before")
    assert "(edited" not in page(running)
    client.chat_update(channel=posted["channel"], ts=posted["ts"], text="after")
    html = main(page(running))
    assert "(edited)" in html
    assert "after" in html
    assert "before" not in html


def test_a_page_shows_one_channel_and_lists_all(running: Sandbox, client: WebClient) -> None:
    id = client.chat_postMessage(channel="#alerts", text="for all")["channel"]
    client.chat_postMessage(channel="#org-145", text="for one")
    for asked in ("#alerts", "alerts", id):
        html = page(running, channel=asked)
        assert "for all" in html
        assert "for one" not in html
        assert "#org-145 <span>1</span>" in html
    assert "for one" in page(running)
    assert "Nothing was posted to #nowhere" in page(running, channel="nowhere")


def test_an_empty_workspace_says_how_to_fill_it(running: Sandbox) -> None:
    assert "SLACK_BASE_URL" in page(running)


def test_a_page_can_refresh_itself(running: Sandbox) -> None:
    assert '<meta http-equiv="refresh" content="5">' in page(running, refresh="5")
    for refresh in ("", "0", "soon", "-1"):
        assert 'http-equiv="refresh"' not in page(running, refresh=refresh)


def test_an_attachment_has_its_colour_and_nothing_else_in_its_style(running: Sandbox, client: WebClient) -> None:
    client.chat_postMessage(
        channel="#alerts",
        text="x",
        attachments=[
            {"color": "danger", "title": "Run failed", "text": "*401*", "fields": [{"title": "Org", "value": "144"}]},
            {"color": "#2eb67d", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "_inside_"}}]},
            {"color": 'red;background:url("//x")', "text": "y", "title": "t", "title_link": "javascript:alert(1)"},
        ],
    )
    html = page(running)
    styles = [attributes["style"] for tag, attributes in tags_of(html) if "style" in attributes]
    assert styles == ["border-color: #e01e5a", "border-color: #2eb67d", "border-color: #8a8a8d"]
    assert "<em>inside</em>" in html
    assert "<strong>Org</strong>" in html
    assert "javascript:" not in html


def test_nothing_that_was_sent_runs_or_is_fetched(running: Sandbox, client: WebClient) -> None:
    text = {"type": "mrkdwn", "text": HOSTILE}
    label = {"type": "plain_text", "text": HOSTILE[:75]}
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": HOSTILE}},
        {"type": "section", "text": text, "fields": [text]},
        {"type": "context", "elements": [text, {"type": "image", "image_url": "https://x/1.png", "alt_text": HOSTILE}]},
        {"type": "actions", "elements": [{"type": "button", "text": label, "url": 'https://a"onclick="alert(1)'}]},
        {"type": "markdown", "text": HOSTILE},
    ]
    metadata = {"event_type": HOSTILE, "event_payload": {"x": "</pre>" + HOSTILE}}
    client.chat_postMessage(channel=f"#{HOSTILE}", text=HOSTILE, blocks=blocks, metadata=metadata)
    client.chat_postMessage(channel=f"#{HOSTILE}", text=HOSTILE, thread_ts=HOSTILE)
    for html in (page(running), page(running, channel=HOSTILE)):
        for tag, attributes in tags_of(html):
            assert tag not in {"script", "img", "iframe", "object", "link"}
            assert not [name for name in attributes if name.startswith("on")]
            assert str(attributes.get("href", "#")).startswith(("?", "#", "http://", "https://"))
        assert "@channel" in html


def test_the_sandboxes_own_page_leads_there(running: Sandbox) -> None:
    html = requests.get(running.control_url, timeout=5).text
    assert 'href="/slack"' in html
    assert f"export SLACK_BASE_URL={running.slack.base_url}\n" in html
