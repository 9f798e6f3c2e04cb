"""The Slack resource: posts a message and says what became of it, in errors grouped by what to do about them."""

from __future__ import annotations

import os
from typing import Any

from dagster import ConfigurableResource
from pydantic import Field
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from hologram_assets.domain.messages import Message

# What no second try mends: somebody has to change the token or the channel.
_PERMANENT = {
    "account_inactive",
    "channel_not_found",
    "ekm_access_denied",
    "invalid_auth",
    "is_archived",
    "missing_scope",
    "no_permission",
    "not_authed",
    "not_in_channel",
    "restricted_action",
    "token_expired",
    "token_revoked",
}
_TOO_MANY = 429
_DEFAULT_RETRY_AFTER = 30.0


class SlackError(RuntimeError):
    """Slack didn't take a message."""


class SlackRefusedError(SlackError):
    """Slack won't take messages until somebody changes something; the text says what."""


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

    def post(self, channel: str, message: Message, thread: str | None = None) -> tuple[str, str]:
        """Post a message; returns Slack's id of the channel and the message's `ts`, which names its thread.

        Raises:
            SlackRefusedError: unknown channel, revoked token and the like.
            SlackBusyError: rate limited.
            SlackDownError: anything else that may pass: no answer, 5xx.
        """
        # No retries by the client: it posts again when a connection drops, and Slack may have taken the first one.
        client = WebClient(
            token=_token(),
            base_url=self.base_url.rstrip("/") + "/",
            timeout=self.timeout_seconds,
            retry_handlers=[],
        )
        arguments: dict[str, Any] = {"thread_ts": thread} if thread else {}
        problem: SlackError
        try:
            answer = client.chat_postMessage(
                channel=channel,
                text=message.text,
                blocks=message.blocks,
                metadata=message.metadata,
                unfurl_links=False,
                **arguments,
            )
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
    if response.status_code == _TOO_MANY or said in {"ratelimited", "rate_limited"}:
        waits = {name.lower(): value for name, value in (response.headers or {}).items()}.get("retry-after")
        return SlackBusyError(_seconds(waits))
    if said in _PERMANENT:
        return SlackRefusedError(
            f"Slack says {said} for channel {channel}: check SLACK_BOT_TOKEN and SLACK_CHANNEL, and invite the app"
        )
    return SlackDownError(f"Slack says {said or response.status_code}")


def _seconds(text: object) -> float:
    try:
        return max(0.0, float(str(text)))
    except ValueError:
        return _DEFAULT_RETRY_AFTER


def _token() -> str:
    return os.environ.get("SLACK_BOT_TOKEN", "").strip()
