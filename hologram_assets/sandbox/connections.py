"""HTTP connections that can be closed in the middle of an answer."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_Ends = tuple[object, object]
# Both ends, since several sandboxes may run in one process.
_OPEN: Final[dict[_Ends, asyncio.Transport]] = {}


class ClosableConnection(HttpToolsProtocol):
    """A connection of uvicorn's that can be found by its two addresses."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Remember the connection."""
        super().connection_made(transport)
        _OPEN[self.client, self.server] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        _OPEN.pop((self.client, self.server), None)
        super().connection_lost(exc)


def close_connection(scope: MutableMapping[str, Any]) -> None:
    """Close the connection over which a request came, once what was written so far is sent."""
    transport = _OPEN.get((scope["client"], scope["server"]))
    if transport is not None:
        transport.close()
