"""What the workspace remembers: messages, and the calls that made them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

_MENTION: Final = re.compile(r"<(![a-z]+|@[UW][A-Z0-9]+|!subteam\^[A-Z0-9]+)(?:[|^][^>]*)?>")
Block = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SlackMessage:
    """A message as it stands now.

    `channel` is the name with `#`, `channel_id` what Slack's answers call it. `ts` is the message's id within the
    channel, `thread_ts` that of the message it answers (None: not in a thread). `text`, `blocks`, `attachments` and
    `metadata` are as they were sent, or as an update left them. `arrived_at` and `edited_at` are real time (naive UTC),
    whatever the sandbox's clock says. `edits` counts the updates.
    """

    channel: str
    channel_id: str
    ts: str
    thread_ts: str | None
    text: str
    blocks: list[Block]
    attachments: list[Block]
    metadata: dict[str, Any] | None
    arrived_at: datetime
    edited_at: datetime | None = None
    edits: int = 0

    @property
    def mentions(self) -> set[str]:
        """Whom the message would ring for: `!channel`, `!here`, `!everyone`, `@U…`; empty for a quiet message."""
        sent = json.dumps([self.text, self.blocks, self.attachments], ensure_ascii=False)
        return {found for found in _MENTION.findall(sent) if found != "!date"}

    @property
    def all_text(self) -> str:
        """Every text of the message, one a line, for tests that ask whether something is said."""
        return "\n".join([self.text, *_texts(self.blocks), *_texts(self.attachments)])

    def as_slack_has_it(self) -> dict[str, Any]:
        """The `message` of Slack's answers."""
        answer: dict[str, Any] = {
            "type": "message",
            "subtype": "bot_message",
            "bot_id": "B0SANDBOX",
            "app_id": "A0SANDBOX",
            "text": self.text,
            "ts": self.ts,
        }
        if self.blocks:
            # Slack names every block that came without a name.
            answer["blocks"] = [{"block_id": f"b{number}", **block} for number, block in enumerate(self.blocks)]
        if self.attachments:
            answer["attachments"] = self.attachments
        if self.thread_ts:
            answer["thread_ts"] = self.thread_ts
        if self.metadata:
            answer["metadata"] = self.metadata
        if self.edited_at:
            answer["edited"] = {"user": "B0SANDBOX", "ts": self.ts}
        return answer


@dataclass(frozen=True, slots=True)
class SlackCall:
    """One call of the API, whatever came of it.

    `method` is like `chat.postMessage`, `arguments` what was sent without the token, `error` what was wrong (None:
    nothing; for a fault that answers in Slack's place its name), `arrived_at` real time (naive UTC).
    """

    method: str
    arguments: dict[str, Any]
    error: str | None
    arrived_at: datetime


def _texts(value: Any) -> list[str]:
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    if isinstance(value, dict):
        return [
            text
            for name, item in value.items()
            for text in ([item] if name in {"text", "alt_text", "title"} and isinstance(item, str) else _texts(item))
        ]
    return []
