"""The ASGI application: Hologram's API under `/api/1`, Slack under `/slack`, and the controls beside them."""

from __future__ import annotations

import time
from collections.abc import Collection
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

from hologram_assets.sandbox.access import admit, key_from
from hologram_assets.sandbox.clock import SandboxClock, wall_clock
from hologram_assets.sandbox.control import Control
from hologram_assets.sandbox.endpoints import API_PATH, Endpoints
from hologram_assets.sandbox.faults import FaultBoard
from hologram_assets.sandbox.fleet import Fleet
from hologram_assets.sandbox.query import Query, RefusedError
from hologram_assets.sandbox.replies import Reply, broken, failure, instead, success
from hologram_assets.sandbox.requestlog import AskedRequest, keep
from hologram_assets.sandbox.sending import Patience, header, send_reply
from hologram_assets.sandbox.slack.api import SLACK_PATH, SlackApi
from hologram_assets.sandbox.slack.page import SlackPage
from hologram_assets.sandbox.slack.workspace import Slack


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
        patience: Patience,
    ) -> None:
        self._endpoints = endpoints
        self._faults = faults
        self._requests = requests
        self._keys = keys
        self._latency_seconds = latency_seconds
        self._patience = patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        params = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        key_in_query = params.pop("apikey", None)
        asked = AskedRequest(scope["path"], params, wall_clock(), key_in_query is not None)
        keep(self._requests, asked)
        began = time.perf_counter()
        try:
            admit(key_from(header(scope, b"authorization"), key_in_query), self._keys)
            reply = await self._reply(scope, Query(params))
        except RefusedError as refused:
            reply = failure(refused.status, refused.error)
        # Written before the answer goes out: who has the answer finds the request complete.
        asked.status, asked.seconds = reply.status, time.perf_counter() - began
        await send_reply(reply, scope, receive, send)

    async def _reply(self, scope: Scope, query: Query) -> Reply:
        await self._patience.wait(self._latency_seconds)
        if scope["method"] != "GET":
            raise RefusedError(405, "Method not allowed")
        endpoint = scope["path"].removeprefix(API_PATH).strip("/")
        faults = self._faults.take(endpoint)
        if "hang" in faults:
            await self._patience.wait(faults["hang"].number)
        return instead(faults) or broken(success(self._endpoints.answer(endpoint, query, faults)), faults)


def build_app(
    api: Api,
    slack_api: SlackApi,
    slack: Slack,
    fleet: Fleet,
    clock: SandboxClock,
    faults: FaultBoard,
    requests: list[AskedRequest],
) -> Starlette:
    """The whole application: both APIs, what Slack shows, the control endpoints, and the page that explains it all."""
    return Starlette(
        routes=[
            Mount(API_PATH.rstrip("/"), app=api),
            Mount(SLACK_PATH.rstrip("/"), app=slack_api),
            *SlackPage(slack).routes(),
            *Control(fleet, clock, faults, requests).routes(),
        ],
    )
