"""The Slack resource: posts a message and says what became of it, in errors grouped by what to do about them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Any

from dagster import ConfigurableResource
from pydantic import Field
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from hologram_assets.domain.messages import Message

# Slack's words for what may pass by itself. Any other word means that somebody has to change something: a word that is
# missing here costs a visible refusal at every tick, while one too many would hold back the other organisations' alerts.
_PASSING = {
    "accesslimited",
    "external_channel_migrating",
    "fatal_error",
    "internal_error",
    "request_timeout",
    "service_unavailable",
    "team_added_to_org",
}
_BUSY = {"message_limit_exceeded", "rate_limited", "ratelimited"}
# What is wrong with blocks or metadata is ours: the text alone says the same.
_BAD_FORM = {
    "invalid_blocks",
    "invalid_blocks_format",
    "invalid_metadata_format",
    "invalid_metadata_schema",
    "metadata_too_large",
    "msg_blocks_too_long",
}
_WORD = re.compile("[a-z_]+")
_TOO_MANY = 429
_SERVER_ERROR = 500
_DEFAULT_RETRY_AFTER = 30.0


class SlackError(RuntimeError):
    """Slack didn't take a message."""


class SlackRefusedError(SlackError):
    """Slack won't take messages until somebody changes something; the text says what."""


class _BadFormError(SlackRefusedError):
    """Slack didn't like blocks or metadata."""


class SlackDownError(SlackError):
    """Slack didn't take the message this time."""


class SlackBusyError(SlackDownError):
    """Slack wants to be left alone for `retry_after` seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"Slack limits the rate and asks to wait {retry_after:.0f} s")
        self.retry_after = retry_after


class SlackResource(ConfigurableResource[None]):
    """Where messages go.

    The token is read from `SLACK_BOT_TOKEN` when it is needed and is part of no configuration, so that it appears in no
    repr, log or metadata.
    """

    base_url: str = "https://slack.com/api/"
    channel: str = ""
    channels: dict[str, str] = Field(default_factory=dict)
    timeout_seconds: int = 10

    @property
    def has_token(self) -> bool:
        """Whether anything can be posted at all."""
        return bool(_token())

    def channel_for(self, org_id: int | None) -> str:
        """The organisation's own channel, else the one for all.

        Raises:
            SlackRefusedError: neither is set.
        """
        channel = self.channels.get(str(org_id), self.channel)
        if not channel:
            msg = "SLACK_CHANNEL is not set: say where alerts go, like #iot-alerts"
            raise SlackRefusedError(msg)
        return channel

    def confined_to(self, org_ids: Iterable[int]) -> SlackResource:
        """The same for these organisations only, without a channel for what concerns several.

        What one of them should hear is then said where it belongs or not at all.
        """
        own = {str(org_id): self.channels.get(str(org_id), self.channel) for org_id in org_ids}
        return SlackResource(base_url=self.base_url, channels=own, timeout_seconds=self.timeout_seconds)

    def post(self, channel: str, message: Message, thread: str | None = None) -> tuple[str, str]:
        """Post a message; returns Slack's id of the channel and the message's `ts`, which names its thread.

        Raises:
            SlackRefusedError: unknown channel, revoked token and the like.
            SlackBusyError: rate limited.
            SlackDownError: anything else that may pass: no answer, 5xx.
        """
        try:
            return self._post(channel, thread, text=message.text, blocks=message.blocks, metadata=message.metadata)
        except _BadFormError:
            # An alert that can't be posted would fail every tick for good. That it lacks its buttons is better.
            return self._post(channel, thread, text=message.text)

    def _post(self, channel: str, thread: str | None, **content: Any) -> tuple[str, str]:
        # No retries by the client: it posts again when a connection drops, and Slack may have taken the first one.
        client = WebClient(
            token=_token(),
            base_url=self.base_url.rstrip("/") + "/",
            timeout=self.timeout_seconds,
            retry_handlers=[],
        )
        arguments: dict[str, Any] = content | ({"thread_ts": thread} if thread else {})
        problem: SlackError
        try:
            answer = client.chat_postMessage(channel=channel, unfurl_links=False, **arguments)
            return str(answer["channel"]), str(answer["ts"])
        except SlackApiError as error:
            problem = _refusal(error, channel)
        except Exception as error:  # noqa: BLE001 - whatever the network does, it is one thing to the caller
            problem = SlackDownError(f"Slack doesn't answer: {type(error).__name__}")
        # Raised out here: urllib's errors hold the request, and with it the token, and would be kept as the context.
        raise problem


def _refusal(error: SlackApiError, channel: str) -> SlackError:
    response = error.response
    said = str(response.get("error", "")) if isinstance(response.data, dict) else ""
    if not _WORD.fullmatch(said):
        said = ""  # not Slack's: the client puts a proxy's page here
    if response.status_code == _TOO_MANY or said in _BUSY:
        waits = {name.lower(): value for name, value in (response.headers or {}).items()}.get("retry-after")
        return SlackBusyError(_seconds(waits))
    if not said or said in _PASSING or response.status_code >= _SERVER_ERROR:
        return SlackDownError(f"Slack says {said or response.status_code}")
    refused = _BadFormError if said in _BAD_FORM else SlackRefusedError
    return refused(
        f"Slack says {said} for channel {channel}: check SLACK_BOT_TOKEN and SLACK_CHANNEL, and invite the app"
    )


def _seconds(text: object) -> float:
    try:
        return max(0.0, float(str(text)))
    except ValueError:
        return _DEFAULT_RETRY_AFTER


def _token() -> str:
    return os.environ.get("SLACK_BOT_TOKEN", "").strip()
