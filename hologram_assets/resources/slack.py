"""The Slack resource: posts a message and says what became of it, in errors grouped by what to do about them."""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Iterable
from http.client import HTTPException, InvalidURL
from typing import TYPE_CHECKING, Any
from urllib.error import URLError

from dagster import ConfigurableResource
from pydantic import Field, PrivateAttr

from hologram_assets.domain.messages import Message

if TYPE_CHECKING:
    from slack_sdk.errors import SlackApiError

# Slack's words for what may pass by itself. Any other word means that somebody has to change something: a word that is
# missing here costs a visible refusal at every tick, while one too many would hold back the other organisations' alerts.
_PASSING = {
    "accesslimited",
    "external_channel_migrating",
    "request_timeout",
    "service_unavailable",
    "team_added_to_org",
}
# Of these Slack says that it may have done what was asked nevertheless.
_UNCLEAR = {"fatal_error", "internal_error"}
_GATEWAY_TIMEOUT = 504
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
# What to do about Slack's words; {channel} is the variable that names the channel.
_ADVICE = {
    "channel_not_found": "there is none of that name, or it is private and the app is not in it: check {channel}, and "
    "invite the app (/invite @your-app)",
    "not_in_channel": "invite the app there (/invite @your-app), or check {channel}",
    "is_archived": "unarchive it, or name another in {channel}",
    "missing_scope": "give the app the scope chat:write, install it again, and check SLACK_BOT_TOKEN",
    **dict.fromkeys(
        ("account_inactive", "invalid_auth", "not_allowed_token_type", "not_authed", "token_expired", "token_revoked"),
        "set SLACK_BOT_TOKEN to the Bot User OAuth Token (xoxb-…) of the installed app",
    ),
}
_WORD = re.compile("[a-z_]+")
_TOO_MANY = 429
_SERVER_ERROR = 500
_DEFAULT_RETRY_AFTER = 30.0
LONGEST_PAUSE = 3600.0
"""Seconds: a sensor rests no longer, whatever Slack, or a proxy before it, asks for."""


class SlackError(RuntimeError):
    """Slack didn't take a message."""


class SlackRefusedError(SlackError):
    """Slack won't take messages until somebody changes something; the text says what."""


class _BadFormError(SlackRefusedError):
    """Slack didn't like blocks or metadata."""


class SlackDownError(SlackError):
    """Slack didn't take the message this time."""


class SlackUnclearError(SlackDownError):
    """Slack may have taken the message: it was asked, and no answer came."""


class SlackBusyError(SlackDownError):
    """Slack wants to be left alone for `retry_after` seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"Slack limits the rate and asks to wait {retry_after:.0f} s")
        self.retry_after = retry_after


class SlackResource(ConfigurableResource[None]):
    """Where messages go.

    The token is read from `SLACK_BOT_TOKEN` when it is needed and is part of no configuration, so that it appears in no
    repr, log or metadata.

    `timeout_seconds`, of connecting, sending and waiting each, is long: who gives up doesn't know whether Slack took the
    message, and says it twice.
    """

    base_url: str = "https://slack.com/api/"
    channel: str = ""
    channels: dict[str, str] = Field(default_factory=dict)
    # The channel for all of what this one is a part of; it may stand in `channels`.
    _common: str = PrivateAttr("")
    timeout_seconds: int = 25

    @property
    def has_token(self) -> bool:
        """Whether anything can be posted at all."""
        return bool(_token())

    @property
    def own_channels(self) -> set[int]:
        """The organisations that have a channel of their own."""
        return {int(org) for org in self.channels if org.isdigit()}

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
        confined = SlackResource(base_url=self.base_url, channels=own, timeout_seconds=self.timeout_seconds)
        confined._common = self.channel
        return confined

    def _variable_of(self, channel: str) -> str:
        """The variable that names a channel; of a thread's channel, which Slack calls by its id, both that may."""
        if channel == (self.channel or self._common):
            return "SLACK_CHANNEL"
        own = [f"SLACK_CHANNEL_{org_id}" for org_id, name in self.channels.items() if name == channel]
        return " and ".join(own) or "SLACK_CHANNEL (or SLACK_CHANNEL_<ORGID>)"

    def post(self, channel: str, message: Message, thread: str | None = None) -> tuple[str, str]:
        """Post a message; returns Slack's id of the channel and the message's `ts`, which names its thread.

        Raises:
            SlackRefusedError: unknown channel, revoked token and the like.
            SlackBusyError: rate limited.
            SlackUnclearError: no answer came; Slack may have taken it.
            SlackDownError: anything else that may pass: not reached, 5xx.
        """
        began = time.monotonic()
        try:
            return self._post(channel, thread, 0.0, text=message.text, blocks=message.blocks, metadata=message.metadata)
        except _BadFormError:
            # An alert that can't be posted would fail every tick for good. That it lacks its buttons is better.
            # Both together take no longer than one may.
            return self._post(channel, thread, time.monotonic() - began, text=message.text)

    def _post(self, channel: str, thread: str | None, used_seconds: float, **content: Any) -> tuple[str, str]:
        # Only sensors post, and every run would import it.
        from slack_sdk import WebClient
        from slack_sdk.errors import SlackApiError

        # No retries by the client: it posts again when a connection drops, and Slack may have taken the first one.
        client = WebClient(
            token=_token(),
            base_url=self.base_url.rstrip("/") + "/",
            timeout=max(1, math.ceil(self.timeout_seconds - used_seconds)),
            retry_handlers=[],
        )
        arguments: dict[str, Any] = content | ({"thread_ts": thread} if thread else {})
        problem: SlackError
        try:
            answer = client.chat_postMessage(channel=channel, unfurl_links=False, **arguments)
            return str(answer.get("channel") or channel), str(answer["ts"])
        except SlackApiError as error:
            problem = _refusal(error, channel, self._variable_of(channel))
        except (URLError, InvalidURL) as error:
            # No connection, or one that broke while it was asked: Slack never had all of the message.
            problem = SlackDownError(f"Slack doesn't answer: {type(error).__name__}")
        except (OSError, HTTPException) as error:
            problem = SlackUnclearError(f"Slack doesn't answer, and may have taken the message: {type(error).__name__}")
        except Exception as error:  # noqa: BLE001 - whatever else the network does, it is one thing to the caller
            problem = SlackDownError(f"Slack doesn't answer: {type(error).__name__}")
        # Raised out here: urllib's errors hold the request, and with it the token, and would be kept as the context.
        raise problem


def _refusal(error: SlackApiError, channel: str, variable: str) -> SlackError:
    response = error.response
    said = str(response.get("error", "")) if isinstance(response.data, dict) else ""
    if not _WORD.fullmatch(said):
        said = ""  # not Slack's: the client puts a proxy's page here
    if response.status_code == _TOO_MANY or said in _BUSY:
        waits = {name.lower(): value for name, value in (response.headers or {}).items()}.get("retry-after")
        return SlackBusyError(_seconds(waits))
    if said in _UNCLEAR or response.status_code == _GATEWAY_TIMEOUT:
        return SlackUnclearError(f"Slack says {said or response.status_code}")
    if not said or said in _PASSING or response.status_code >= _SERVER_ERROR:
        return SlackDownError(f"Slack says {said or response.status_code}")
    refused = _BadFormError if said in _BAD_FORM else SlackRefusedError
    return refused(f"Slack says {said} for channel {channel}: {what_to_do(said, variable)}")


def what_to_do(said: str, channel: str = "SLACK_CHANNEL") -> str:
    """What to do about a word of Slack's; `channel` is the variable that names the channel."""
    return _ADVICE.get(said, "check SLACK_BOT_TOKEN and {channel}, and that the app may post there").format(
        channel=channel
    )


def _seconds(text: object) -> float:
    try:
        seconds = float(str(text))
    except ValueError:
        return _DEFAULT_RETRY_AFTER
    return _DEFAULT_RETRY_AFTER if math.isnan(seconds) else min(max(0.0, seconds), LONGEST_PAUSE)


def _token() -> str:
    return os.environ.get("SLACK_BOT_TOKEN", "").strip()
