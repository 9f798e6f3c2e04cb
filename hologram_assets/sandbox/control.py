"""The control endpoints, `/_sandbox/…`, and the page at `/`. No key: whoever reaches loopback may."""

from __future__ import annotations

import html
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from hologram_assets.sandbox.clock import SandboxClock
from hologram_assets.sandbox.faults import FAULTS, Fault, FaultBoard, parse_fault
from hologram_assets.sandbox.fleet import Fleet
from hologram_assets.sandbox.requestlog import AskedRequest


class _ClockOrder(msgspec.Struct, forbid_unknown_fields=True):
    now: datetime | msgspec.UnsetType | None = msgspec.UNSET
    advance_seconds: float | None = None


class _FaultOrder(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    value: float | str | None = None
    endpoint: str = ""
    times: int | None = None
    after: int = 0


class Control:
    """The controls of a running sandbox, for whoever is outside its process (Slack's are beside its page)."""

    def __init__(self, fleet: Fleet, clock: SandboxClock, faults: FaultBoard, requests: list[AskedRequest]) -> None:
        self._fleet = fleet
        self._clock = clock
        self._faults = faults
        self._requests = requests

    def routes(self) -> list[Route]:
        """The routes to mount beside the API."""
        return [
            Route("/_sandbox/faults", self._set_faults, methods=["GET", "POST", "DELETE"]),
            Route("/_sandbox/clock", self._set_clock, methods=["GET", "POST"]),
            Route("/_sandbox/requests", self._show_requests, methods=["GET", "DELETE"]),
            Route("/", self._show_page, methods=["GET"]),
        ]

    async def _set_faults(self, request: Request) -> Response:
        if request.method == "DELETE":
            self._faults.clear(request.query_params.get("name"))
        elif request.method == "POST":
            try:
                self._faults.add(_fault(await request.body()))
            except (ValueError, msgspec.MsgspecError) as error:
                return _json({"error": str(error)}, 400)
        return _json({"active": self._faults.active(), "known": FAULTS})

    async def _set_clock(self, request: Request) -> Response:
        if request.method == "POST":
            try:
                order = msgspec.json.decode(await request.body(), type=_ClockOrder)
            except msgspec.MsgspecError as error:
                return _json({"error": str(error)}, 400)
            if order.now is None:
                self._clock.unfreeze()
            elif isinstance(order.now, datetime):
                self._clock.freeze(order.now)
            if order.advance_seconds is not None:
                self._clock.advance(timedelta(seconds=order.advance_seconds))
        return _json({"now": self._clock.now().replace(microsecond=0), "frozen": self._clock.frozen})

    async def _show_requests(self, request: Request) -> Response:
        answer = _json({"requests": self._requests})
        if request.method == "DELETE":
            self._requests.clear()
        return answer

    async def _show_page(self, request: Request) -> Response:
        return HTMLResponse(_page(self._fleet, self._clock, f"http://{request.url.netloc}"))


def _fault(body: bytes) -> Fault:
    """A fault from an object with the fields of `Fault`, or from a JSON string in the notation of `parse_fault`."""
    order = msgspec.json.decode(body, type=_FaultOrder | str)
    if isinstance(order, str):
        return parse_fault(order)
    return Fault(order.name, value=order.value, endpoint=order.endpoint, times=order.times, after=order.after)


def _json(answer: Mapping[str, Any], status: int = 200) -> Response:
    return Response(msgspec.json.encode(answer), status, media_type="application/json")


def _page(fleet: Fleet, clock: SandboxClock, server: str) -> str:
    orgs = ",".join(map(str, fleet.orgs))
    counts = "".join(f"<li>organisation {org}: {len(fleet.sims(org))} SIMs</li>" for org in fleet.orgs)
    faults = "".join(f"<dt>{name}</dt><dd>{html.escape(text)}</dd>" for name, text in FAULTS.items())
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Hologram sandbox</title></head><body>
<h1>Hologram sandbox</h1>
<p>A Hologram API that runs on this machine. The fleet is made up (seed {fleet.seed}, profile {fleet.profile.name}:
{html.escape(fleet.profile.purpose)}). Its clock says {clock.now():%Y-%m-%d %H:%M:%S} UTC.</p>
<ul>{counts}</ul>
<pre>
export HOLOGRAM_BASE_URL={html.escape(server)}/api/1
export HOLOGRAM_API_KEY=sandbox        # any key but "wrong" (401) and "forbidden" (403)
export HOLOGRAM_ORG_IDS={orgs}
export SLACK_BASE_URL={html.escape(server)}/slack/api/
export SLACK_BOT_TOKEN=xoxb-sandbox    # any token but xoxb-wrong and xoxb-revoked
export SLACK_CHANNEL=#alerts           # any channel but #missing, #not-joined and #archived
</pre>
<p>Endpoints below /api/1: usage/data, usage/data/billing, plans, plans/ID, links/cellular, links/cellular/ID, devices,
devices/ID.</p>
<p>Control: <a href="/_sandbox/faults">/_sandbox/faults</a>, <a href="/_sandbox/clock">/_sandbox/clock</a>,
<a href="/_sandbox/requests">/_sandbox/requests</a>, <a href="/_sandbox/slack">/_sandbox/slack</a>.</p>
<p>Slack: <a href="/slack">/slack</a> shows the messages as a team would see them.</p>
<h2>Faults</h2><dl>{faults}</dl>
</body></html>
"""
