"""What a team would have seen: `/slack` as a page, `/_sandbox/slack` as JSON for whoever is outside the process."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec
from jinja2 import Environment, Template
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from hologram_assets.sandbox.clock import wall_clock
from hologram_assets.sandbox.slack.channels import bare
from hologram_assets.sandbox.slack.messages import SlackMessage
from hologram_assets.sandbox.slack.mrkdwn import is_safe_link, plain_html, text_html
from hologram_assets.sandbox.slack.workspace import Slack

# Messages come from outside: even if one got past the escaping, nothing of it would run or be fetched.
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_LONGEST_REFRESH: Final = 3600
_BAR_COLOURS: Final = {"good": "#2eb67d", "warning": "#ecb22e", "danger": "#e01e5a"}


@dataclass(slots=True)
class Thread:
    """A message and its answers; no `parent` when the answered message isn't there."""

    parent: SlackMessage | None
    replies: list[SlackMessage] = field(default_factory=list)

    @property
    def day(self) -> date:
        """When it began (UTC)."""
        return (self.parent or self.replies[0]).arrived_at.date()


def threads_of(messages: Iterable[SlackMessage]) -> list[Thread]:
    """The messages of one channel by thread, in the order in which the threads began."""
    threads: dict[str, Thread] = {}
    root_of: dict[str, str] = {}
    for message in messages:
        # An answer to an answer belongs to the thread of that one.
        root = message.thread_ts and root_of.get(message.thread_ts, message.thread_ts)
        root_of[message.ts] = root or message.ts
        if root is None:
            threads[message.ts] = Thread(message)
        else:
            threads.setdefault(root, Thread(None)).replies.append(message)
    return list(threads.values())


class SlackPage:
    """The page at `/slack` and its JSON."""

    def __init__(self, slack: Slack) -> None:
        self._slack = slack

    def routes(self) -> list[Route]:
        """The routes to mount beside Slack's API."""
        return [
            Route("/slack", self._show, methods=["GET"]),
            Route("/_sandbox/slack", self._tell, methods=["GET", "DELETE"]),
        ]

    async def _show(self, request: Request) -> Response:
        asked, refresh = request.query_params.get("channel", ""), request.query_params.get("refresh", "")
        seconds = min(int(refresh), _LONGEST_REFRESH) if refresh.isdecimal() else 0
        page = render(self._slack.messages, asked, refresh_seconds=seconds)
        return HTMLResponse(page, headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"})

    async def _tell(self, request: Request) -> Response:
        body = msgspec.json.encode({"messages": self._slack.messages, "calls": self._slack.calls})
        if request.method == "DELETE":
            self._slack.clear()
        return Response(body, media_type="application/json")


def render(messages: list[SlackMessage], channel: str = "", *, refresh_seconds: int = 0) -> str:
    """The page for one channel, given by name or id; without one, that of the newest message.

    Args:
        messages: all messages of the workspace.
        channel: the channel to show.
        refresh_seconds: how often the page loads itself again; 0: never.
    """
    counts: dict[str, int] = {}
    for message in messages:
        counts[message.channel] = counts.get(message.channel, 0) + 1
    names = {message.channel_id: message.channel for message in messages}
    newest = messages[-1].channel if messages else ""
    shown = names.get(channel) or (f"#{bare(channel)}" if bare(channel) else newest)
    return _template().render(
        channels=sorted(counts.items()),
        shown=shown,
        threads=threads_of(message for message in messages if message.channel == shown),
        now=wall_clock(),
        refresh=refresh_seconds,
    )


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["mrkdwn"] = text_html
    environment.filters["plain"] = lambda text: plain_html(str(text))
    environment.filters["bar"] = _bar
    environment.tests["safe_link"] = lambda address: isinstance(address, str) and is_safe_link(address)
    source = files(__package__).joinpath("channel.html").read_text(encoding="utf-8")
    return environment.from_string(source)


def _bar(colour: object) -> str:
    """The colour of an attachment's bar, which stands in a style and so must be nothing but a colour."""
    text = str(colour)
    if text in _BAR_COLOURS:
        return _BAR_COLOURS[text]
    digits = text.removeprefix("#")
    return f"#{digits}" if len(digits) in {3, 6} and set(digits.casefold()) <= set("0123456789abcdef") else "#8a8a8d"
