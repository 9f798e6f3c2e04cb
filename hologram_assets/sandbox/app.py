"""The ASGI application under `/api/1`: who asks, what goes wrong, what is answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from typing import Final
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

from hologram_assets.sandbox.access import admit, key_from
from hologram_assets.sandbox.clock import SandboxClock, wall_clock
from hologram_assets.sandbox.connections import close_connection
from hologram_assets.sandbox.control import Control
from hologram_assets.sandbox.endpoints import API_PATH, Endpoints
from hologram_assets.sandbox.faults import FaultBoard
from hologram_assets.sandbox.fleet import Fleet
from hologram_assets.sandbox.query import Query, RefusedError
from hologram_assets.sandbox.replies import Ending, Reply, broken, failure, instead, success
from hologram_assets.sandbox.requestlog import AskedRequest, keep

_NAP_SECONDS: Final = 0.05


class Api:
    """Answers requests below `/api/1` and writes them down."""

    def __init__(
        self,
        endpoints: Endpoints,
        faults: FaultBoard,
        requests: list[AskedRequest],
        *,
        keys: Collection[str] | None,
        latency_seconds: float,
    ) -> None:
        self.stopping = False
        self._endpoints = endpoints
        self._faults = faults
        self._requests = requests
        self._keys = keys
        self._latency_seconds = latency_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        params = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        key_in_query = params.pop("apikey", None)
        asked = AskedRequest(scope["path"], params, wall_clock(), key_in_query is not None)
        keep(self._requests, asked)
        began = time.perf_counter()
        try:
            admit(key_from(_header(scope, b"authorization"), key_in_query), self._keys)
            reply = await self._reply(scope, Query(params))
        except RefusedError as refused:
            reply = failure(refused.status, refused.error)
        # Written before the answer goes out: who has the answer finds the request complete.
        asked.status, asked.seconds = reply.status, time.perf_counter() - began
        await _send(reply, scope, receive, send)

    async def _reply(self, scope: Scope, query: Query) -> Reply:
        await self._wait(self._latency_seconds)
        if scope["method"] != "GET":
            raise RefusedError(405, "Method not allowed")
        endpoint = scope["path"].removeprefix(API_PATH).strip("/")
        faults = self._faults.take(endpoint)
        if "hang" in faults:
            await self._wait(faults["hang"].number)
        return instead(faults) or broken(success(self._endpoints.answer(endpoint, query, faults)), faults)

    async def _wait(self, seconds: float) -> None:
        """Sleep, in naps when it is long: a server that is to stop must not wait for a request that hangs."""
        until = time.monotonic() + seconds
        while not self.stopping and (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(left, _NAP_SECONDS))


def _header(scope: Scope, name: bytes) -> str:
    values = [value for header, value in scope["headers"] if header == name]
    return values[0].decode("latin-1") if values else ""


async def _send(reply: Reply, scope: Scope, receive: Receive, send: Send) -> None:
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


def build_app(
    api: Api, fleet: Fleet, clock: SandboxClock, faults: FaultBoard, requests: list[AskedRequest]
) -> Starlette:
    """The whole application: the API, the control endpoints, and the page that explains both."""
    return Starlette(
        routes=[Mount(API_PATH.rstrip("/"), app=api), *Control(fleet, clock, faults, requests).routes()],
    )
