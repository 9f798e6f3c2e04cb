"""`GET /usage/data` on loopback, in a process of its own: what the benchmarks measure against.

It is not the package's sandbox, which draws a fleet and answers every endpoint: that takes as much of a processor for a
page as the client does, and what is measured shares two cores with it. Here a page is a piece of text that is there
already; the latency is a wait, counted from the request's arrival.

    with usage_traffic.usage_server([day], 300_000, latency=0.05) as server:
        requests.get(f"{server.base_url}/usage/data", params={"orgid": 144, "limit": 250})
        server.traffic().pages
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict
from datetime import date
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from benchmarks.usage_sessions import Sessions
from benchmarks.usage_traffic import Asked, Traffic

PATH: Final = "/api/1/usage/data"
_DEFAULT_LIMIT, _MOST_ROWS = 100, 5_000
_REFUSED: Final = b'{"success":false,"error":"API rate limit exceeded"}'
_NOT_FOUND: Final = b'{"success":false,"error":"API method does not exist"}'


class Api:
    """The sessions, and what was asked for.

    Args:
        sessions: what is served.
        latency: seconds from a request's arrival to its answer.
        refuse_nth: the request, counted from 1, that is answered with 429; 0 for none.
        retry_after: the `Retry-After` of that answer, in seconds.
    """

    def __init__(self, sessions: Sessions, *, latency: float, refuse_nth: int, retry_after: float) -> None:
        self._sessions = sessions
        self.latency = latency
        self._refuse_nth = refuse_nth
        self._retry_after = retry_after
        self.asked: list[Asked] = []

    def page(self, params: dict[str, str], asked: Asked) -> bytes:
        """The answer to a request for a page; what it holds is written down in `asked`."""
        self.asked.append(asked)
        if len(self.asked) == self._refuse_nth:
            asked.refused = True
            return _answer(_REFUSED, "429 Too Many Requests", f"Retry-After: {self._retry_after:g}\r\n")
        limit = max(1, min(int(params.get("limit", _DEFAULT_LIMIT)), _MOST_ROWS))
        start, end, after = (params.get(name) for name in ("timestart", "timeend", "startafter"))
        low, high = self._sessions.within(
            None if start is None else float(start), None if end is None else float(end), int(after) if after else None
        )
        first = max(low, high - limit)
        rows = self._sessions.newest_first(
            first, high, plan=_asks(params, "getplaninfo"), country=_asks(params, "getcountryinfo")
        )
        body = b'%s,"data":[%s]}' % (
            _envelope(limit, high - first, self._last_id(first, high, after), continues=first > low),
            rows,
        )
        asked.first, asked.rows, asked.size = first, high - first, len(body)
        return _answer(body)

    def _last_id(self, first: int, high: int, after: str | None) -> int | None:
        if high > first:
            return int(self._sessions.ids[first])
        return None if after is None else int(after)

    def traffic(self) -> bytes:
        """What was asked for since the last reset, and what there is to ask for."""
        there = Traffic(len(self._sessions), self._sessions.bytes, self.asked)
        return _answer(json.dumps(asdict(there)).encode())


def _asks(params: dict[str, str], flag: str) -> bool:
    return params.get(flag, "0").casefold() in {"1", "true"}


def _envelope(limit: int, size: int, last_id: int | None, *, continues: bool) -> bytes:
    """The envelope without its closing brace.

    As in the documented examples `size` is a text, `continues` is absent on the last page, the host of `links` is not ours,
    and `next` lacks the caller's filters.
    """
    links: dict[str, Any] = {"path": PATH, "base": "staging.hologram.example"}
    answer: dict[str, Any] = {"success": True, "limit": limit, "size": f"{size}s"}
    if continues:
        answer["continues"] = True
        links["next"] = f"{PATH}?limit={limit}&startafter={last_id}"
    answer["links"] = links
    if last_id is not None:
        answer["lastid"] = last_id
    return json.dumps(answer, separators=(",", ":")).encode()[:-1]


def _answer(body: bytes, status: str = "200 OK", headers: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Connection(asyncio.Protocol):
    """One client's connection: requests without a body, one after the other."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, _error: Exception | None) -> None:
        """Nobody waits for the answer any more."""
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Answer whatever requests are complete."""
        arrived = time.monotonic()
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            self._request(head.split(b"\r\n", 1)[0].decode(), arrived)

    def _request(self, line: str, arrived: float) -> None:
        method, target, _ = line.split(" ")
        url = urlsplit(target)
        if (method, url.path) == ("GET", PATH):
            asked = Asked(arrived)
            answer = self._api.page(dict(parse_qsl(url.query)), asked)
            # The event loop's clock is the monotonic one.
            asyncio.get_running_loop().call_at(arrived + self._api.latency, self._send, answer, asked)
        elif (method, url.path) == ("GET", "/stats"):
            self._send(self._api.traffic())
        elif (method, url.path) == ("POST", "/reset"):
            self._api.asked.clear()
            self._send(_answer(b"{}"))
        else:
            self._send(_answer(_NOT_FOUND, "404 Not Found"))

    def _send(self, answer: bytes, asked: Asked | None = None) -> None:
        if asked is not None:
            asked.answered = time.monotonic()
        if self._transport is not None:
            self._transport.write(answer)


async def _serve(api: Api) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(api), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    """Serve what the first argument says, until the process is ended. Prints the port."""
    order = json.loads(sys.argv[1])
    sessions = Sessions([date.fromisoformat(day) for day in order.pop("days")], order.pop("per_day"))
    sessions.prepare()
    asyncio.run(_serve(Api(sessions, **order)))


if __name__ == "__main__":
    main()
