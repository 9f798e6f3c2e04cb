"""Slack's Web API over HTTP, under `/slack/api/`: tokens, bodies, refusals under 200, and what goes wrong on request."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from hologram_assets.sandbox.clock import wall_clock
from hologram_assets.sandbox.faults import SLACK, FaultBoard
from hologram_assets.sandbox.replies import Ending, Reply
from hologram_assets.sandbox.sending import Patience, header, send_reply
from hologram_assets.sandbox.slack.messages import SlackCall
from hologram_assets.sandbox.slack.workspace import Slack, SlackError
from hologram_assets.sandbox.tampering import Faults

SLACK_PATH: Final = "/slack/api/"
_SCOPES: Final = "chat:write,chat:write.public"
_TOKENS: Final = ("xoxb-", "xoxp-", "xoxe.")
_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"


class SlackApi:
    """Answers requests below `/slack/api/`."""

    def __init__(self, slack: Slack, faults: FaultBoard, patience: Patience) -> None:
        self._slack = slack
        self._faults = faults
        self._patience = patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        arrived_at = wall_clock()
        method = scope["path"].removeprefix(SLACK_PATH).strip("/")
        body = await Request(scope, receive).body()
        faults = self._faults.take(f"{SLACK}/{method}")
        arguments: dict[str, Any] = {}
        error: str | None = None
        try:
            arguments = _arguments(scope, body)
            token = _token(scope, arguments)
            reply, error = _instead(faults) or self._reply(method, token, arguments, faults)
        except SlackError as refused:
            error = refused.error
            reply = _refusal(refused)
        self._slack.write_down(SlackCall(method, arguments, error, arrived_at))
        # After the message is stored: a client that gives up waiting can't know whether it was.
        if "slack_slow" in faults:
            await self._patience.wait(faults["slack_slow"].number)
        await send_reply(reply, scope, receive, send)

    def _reply(self, method: str, token: str, arguments: dict[str, Any], faults: Faults) -> tuple[Reply, str | None]:
        """The answer, and the fault that keeps it from arriving."""
        _admit(token)
        for name in faults.keys() & _ERRORS.keys():
            raise SlackError(_ERRORS[name])
        answer = self._slack.answer(method, arguments)
        if "slack_drop_after_accept" in faults:
            return Reply(0, ending=Ending.DROPPED), "slack_drop_after_accept"
        return Reply(200, msgspec.json.encode(answer), {"X-OAuth-Scopes": _SCOPES}), None


_ERRORS: Final = {"slack_revoked": "token_revoked", "slack_channel_not_found": "channel_not_found"}


def _instead(faults: Faults) -> tuple[Reply, str] | None:
    """The answer that a fault gives whoever asks, and the fault's name; None when none of them does."""
    if "slack_down" in faults:
        status = int(faults["slack_down"].number)
        return Reply(status, b"upstream request timeout", media_type="text/plain"), "slack_down"
    if "slack_rate_limited" in faults:
        wait = {"Retry-After": f"{faults['slack_rate_limited'].number:g}"}
        return Reply(429, msgspec.json.encode({"ok": False, "error": "ratelimited"}), wait), "slack_rate_limited"
    return None


def _arguments(scope: Scope, body: bytes) -> dict[str, Any]:
    """The arguments of a call: of the query string, and of a JSON or form body."""
    sent: dict[str, Any] = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    if not body:
        return sent
    kind = header(scope, b"content-type").partition(";")[0].strip().casefold()
    if kind == _FORM:
        return sent | dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
    if kind != _JSON:
        raise SlackError("invalid_post_type" if kind else "missing_post_type")
    try:
        decoded = msgspec.json.decode(body)
    except msgspec.DecodeError:
        raise SlackError("invalid_json") from None
    if not isinstance(decoded, dict):
        raise SlackError("json_not_object")
    return sent | decoded


def _token(scope: Scope, arguments: dict[str, Any]) -> str:
    """The token of a call, taken out of its arguments so that nothing remembers it."""
    sent = str(arguments.pop("token", ""))
    scheme, _, token = header(scope, b"authorization").partition(" ")
    return token.strip() if scheme.casefold() == "bearer" else sent


def _admit(token: str) -> None:
    """Let a token in that looks like one, but for the two that are made to fail."""
    if not token:
        raise SlackError("not_authed")
    if token == "xoxb-revoked":  # noqa: S105
        raise SlackError("token_revoked")
    if not token.startswith(_TOKENS) or token == "xoxb-wrong":  # noqa: S105
        raise SlackError("invalid_auth")


def _refusal(refused: SlackError) -> Reply:
    answer: dict[str, Any] = {"ok": False, "error": refused.error}
    if refused.problems:
        answer["errors"] = refused.problems
        answer["response_metadata"] = {"messages": [f"[ERROR] {problem}" for problem in refused.problems]}
    return Reply(200, msgspec.json.encode(answer))
