"""Answers on their way: waiting before they go, and sending them over a connection that may break."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from starlette.types import Receive, Scope, Send

from hologram_assets.sandbox.connections import close_connection
from hologram_assets.sandbox.replies import Ending, Reply

_NAP_SECONDS: Final = 0.05


class Patience:
    """Waits for as long as the sandbox runs: a server that is to stop must not wait for a request that hangs."""

    def __init__(self) -> None:
        self.stopping = False

    async def wait(self, seconds: float) -> None:
        """Sleep, in naps when it is long, and no longer once the sandbox stops."""
        until = time.monotonic() + seconds
        while not self.stopping and (left := until - time.monotonic()) > 0:  # noqa: ASYNC110 - set from another thread
            await asyncio.sleep(min(left, _NAP_SECONDS))


def header(scope: Scope, name: bytes) -> str:
    """The first value of a request's header (lower case); empty when it was not sent."""
    values = [value for sent, value in scope["headers"] if sent == name]
    return values[0].decode("latin-1") if values else ""


async def send_reply(reply: Reply, scope: Scope, receive: Receive, send: Send) -> None:
    """Send an answer (ASGI), or as much of it as its `ending` lets through."""
    if reply.ending is not Ending.DROPPED:
        length = len(reply.body) + (1000 if reply.ending is Ending.CUT else 0)
        headers = {"Content-Type": reply.media_type, "Content-Length": str(length), **reply.headers}
        await send(
            {
                "type": "http.response.start",
                "status": reply.status,
                "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
            }
        )
        await send(
            {"type": "http.response.body", "body": reply.body, "more_body": reply.ending is Ending.CUT},
        )
    if reply.ending is not Ending.WHOLE:
        close_connection(scope)
        # Returning earlier, while the connection still counts as open, would make the server send an error page.
        while (await receive())["type"] != "http.disconnect":
            pass
