"""The workspace: what Slack does with a call, without HTTP."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from hologram_assets.sandbox.clock import wall_clock
from hologram_assets.sandbox.slack.channels import SlackChannels
from hologram_assets.sandbox.slack.limits import MOST_ATTACHMENTS, MOST_TEXT, problem_of_metadata, problems_of
from hologram_assets.sandbox.slack.messages import SlackCall, SlackMessage

_MOST_CALLS: Final = 100_000
_TS_STEP: Final = 100
Answer = dict[str, Any]
Arguments = Mapping[str, Any]


class SlackError(Exception):
    """Slack says no, under HTTP 200: `error` is its word for it, `problems` say what and where."""

    def __init__(self, error: str, problems: list[str] | None = None) -> None:
        super().__init__(error)
        self.error = error
        self.problems = problems or []


class Slack:
    """The workspace that alerts are sent to: every message, every call, and which channels there are.

    Safe to read from a test while the server writes.
    """

    def __init__(self) -> None:
        self.channels = SlackChannels()
        self.base_url = ""
        """What `SLACK_BASE_URL` is to be set to; right once the sandbox serves."""
        self.page_url = ""
        """Where a browser sees the channels."""
        self._lock = threading.Lock()
        self._messages: list[SlackMessage] = []
        self._calls: list[SlackCall] = []
        self._last_ts = (0, 0)

    @property
    def messages(self) -> list[SlackMessage]:
        """Every message in the order of arrival, as it stands now."""
        with self._lock:
            return list(self._messages)

    @property
    def calls(self) -> list[SlackCall]:
        """Every call in the order of arrival, refused ones included."""
        with self._lock:
            return list(self._calls)

    def clear(self) -> None:
        """Forget messages and calls; channels stay as they are."""
        with self._lock:
            self._messages.clear()
            self._calls.clear()

    def write_down(self, call: SlackCall) -> None:
        """Remember a call; the oldest half goes when there are too many."""
        with self._lock:
            self._calls.append(call)
            if len(self._calls) > _MOST_CALLS:
                del self._calls[: _MOST_CALLS // 2]

    def answer(self, method: str, arguments: Arguments) -> Answer:
        """What a call of an admitted token does and is answered.

        Raises:
            SlackError: whatever Slack would refuse.
        """
        if method == "auth.test":
            return {
                "ok": True,
                "url": "https://sandbox.slack.com/",
                "team": "Sandbox",
                "user": "hologram",
                "team_id": "T0SANDBOX",
                "user_id": "U0SANDBOX",
                "bot_id": "B0SANDBOX",
                "is_enterprise_install": False,
            }
        if method == "chat.postMessage":
            message = self._post(arguments)
            return {"ok": True, "channel": message.channel_id, "ts": message.ts, "message": message.as_slack_has_it()}
        if method == "chat.update":
            message = self._update(arguments)
            return {
                "ok": True,
                "channel": message.channel_id,
                "ts": message.ts,
                "text": message.text,
                "message": message.as_slack_has_it(),
            }
        raise SlackError("unknown_method")

    def _post(self, arguments: Arguments) -> SlackMessage:
        channel_id = self._channel(arguments, by_name=True)
        text, blocks, attachments, metadata = _content(arguments)
        thread = arguments.get("thread_ts")
        with self._lock:
            message = SlackMessage(
                channel=f"#{self.channels.name_of(channel_id)}",
                channel_id=channel_id,
                ts=self._next_ts(),
                # Slack takes the id of a message that it doesn't have, and puts the reply under nothing.
                thread_ts=str(thread) if thread else None,
                text=text or "",
                blocks=blocks or [],
                attachments=attachments or [],
                metadata=metadata or None,
                arrived_at=wall_clock(),
            )
            self._messages.append(message)
        return message

    def _update(self, arguments: Arguments) -> SlackMessage:
        # By id only: Slack finds no channel by its name here.
        channel_id = self._channel(arguments, by_name=False)
        ts = str(arguments.get("ts") or "")
        text, blocks, attachments, metadata = _content(arguments)
        with self._lock:
            place = next((n for n, m in enumerate(self._messages) if (m.channel_id, m.ts) == (channel_id, ts)), None)
            if place is None:
                raise SlackError("message_not_found")
            old = self._messages[place]
            # What an update leaves out stays as it was; an empty list takes it away.
            message = self._messages[place] = replace(
                old,
                text=old.text if text is None else text,
                blocks=old.blocks if blocks is None else blocks,
                attachments=old.attachments if attachments is None else attachments,
                metadata=old.metadata if metadata is None else metadata or None,
                edited_at=wall_clock(),
                edits=old.edits + 1,
            )
        return message

    def _channel(self, arguments: Arguments, *, by_name: bool) -> str:
        channel = arguments.get("channel")
        if not isinstance(channel, str) or not channel:
            raise SlackError("channel_not_found")
        id = self.channels.id_of(channel, by_name=by_name)
        if id is None:
            raise SlackError("channel_not_found")
        if error := self.channels.error_of(id):
            raise SlackError(error)
        return id

    def _next_ts(self) -> str:
        """An id that no other message has, and that is the second of arrival as well."""
        second = int(datetime.now(UTC).timestamp())
        step = (second, _TS_STEP)
        if step <= self._last_ts:
            step = (self._last_ts[0], self._last_ts[1] + _TS_STEP)
        self._last_ts = step
        return f"{step[0]}.{step[1]:06d}"


def _content(
    arguments: Arguments,
) -> tuple[str | None, list[dict[str, Any]] | None, list[dict[str, Any]] | None, dict[str, Any] | None]:
    """Text, blocks, attachments and metadata of a message; None for what was not sent."""
    text = arguments.get("text")
    text = None if text is None else str(text)
    blocks = _listed(arguments.get("blocks"), "invalid_blocks_format")
    attachments = _listed(arguments.get("attachments"), "invalid_attachments")
    if not text and not blocks and not attachments:
        raise SlackError("no_text")
    if text and len(text) > MOST_TEXT:
        raise SlackError("msg_too_long")
    if blocks and (problems := problems_of(blocks)):
        raise SlackError("invalid_blocks", problems)
    if attachments and len(attachments) > MOST_ATTACHMENTS:
        raise SlackError("too_many_attachments")
    for attachment in attachments or []:
        inner = attachment.get("blocks") if isinstance(attachment, dict) else None
        if not isinstance(attachment, dict) or (inner and problems_of(inner)):
            raise SlackError("invalid_attachments")
    metadata = arguments.get("metadata")
    if isinstance(metadata, str):
        metadata = _decoded(metadata, "invalid_metadata_format")
    if metadata and (error := problem_of_metadata(metadata)):
        raise SlackError(error)
    return text, blocks, attachments, metadata


def _listed(value: Any, error: str) -> list[Any] | None:
    """A list, sent as JSON or as text that holds JSON; None when it was not sent."""
    if isinstance(value, str):
        value = _decoded(value, error) if value else None
    if value is not None and not isinstance(value, list):
        raise SlackError(error)
    return value


def _decoded(text: str, error: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        raise SlackError(error) from None
