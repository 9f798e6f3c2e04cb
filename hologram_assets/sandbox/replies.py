"""What goes over HTTP: statuses, bodies, headers, and the faults that replace or break them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Final

import msgspec

from hologram_assets.sandbox.faults import Fault
from hologram_assets.sandbox.tampering import Faults

_HTML: Final = b"<!DOCTYPE html><html><head><title>502</title></head><body><h1>Bad Gateway</h1></body></html>"


class Ending(Enum):
    """How an answer ends on the wire."""

    WHOLE = "whole"
    CUT = "cut"
    """The connection closes before the announced length is reached."""
    DROPPED = "dropped"
    """The connection closes without a byte."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    media_type: str = "application/json"
    ending: Ending = Ending.WHOLE


def success(answer: dict[str, Any]) -> Reply:
    """200 with an envelope."""
    return Reply(200, msgspec.json.encode(answer))


def failure(status: int, error: str, headers: dict[str, str] | None = None) -> Reply:
    """A failure envelope, under any status."""
    return Reply(status, msgspec.json.encode({"success": False, "error": error}), headers or {})


_INSTEAD: Final[dict[str, Callable[[Fault], Reply]]] = {
    "rate_limited": lambda fault: failure(429, "API rate limit exceeded", _wait(fault)),
    "server_error": lambda fault: failure(int(fault.number), "Internal server error"),
    "drop_connection": lambda _: Reply(0, ending=Ending.DROPPED),
    "html": lambda _: Reply(200, _HTML, media_type="text/html; charset=utf-8"),
    "not_success": lambda _: failure(200, "Something went wrong"),
    "unauthorized": lambda _: failure(401, "Invalid API key"),
    "forbidden": lambda _: failure(403, "This key has no access"),
    "redirect": lambda fault: Reply(302, headers={"Location": fault.text}),
}


def _wait(fault: Fault) -> dict[str, str]:
    return {} if fault.value is None else {"Retry-After": f"{fault.number:g}"}


def instead(faults: Faults) -> Reply | None:
    """The answer that a fault gives in place of the real one; None when none of them does."""
    return next((_INSTEAD[name](fault) for name, fault in faults.items() if name in _INSTEAD), None)


def broken(reply: Reply, faults: Faults) -> Reply:
    """The answer after the faults that cut it."""
    if "cut_json" in faults:
        reply = replace(reply, body=reply.body[: len(reply.body) // 2])
    if "cut_body" in faults:
        reply = replace(reply, ending=Ending.CUT)
    return reply
