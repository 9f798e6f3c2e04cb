"""A tiny HTTP server on loopback for answers that the sandbox can't give, and what an API's page looks like."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

Row = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """One request; `target` is the path with the query, as it came."""

    target: str
    path: str
    params: dict[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Loopback:
    """Serves `answer(asked)` below `/api/1` until the block ends; `asked` is what came."""

    def __init__(self, answer: Callable[[Asked], Answer]) -> None:
        self.asked: list[Asked] = []
        loopback = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                asked = Asked(
                    self.path,
                    parts.path.removeprefix("/api/1/"),
                    dict(parse_qsl(parts.query, keep_blank_values=True)),
                    dict(self.headers.items()),
                )
                loopback.asked.append(asked)
                given = answer(asked)
                self.send_response(given.status)
                for name, value in {"Content-Type": "application/json", **given.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(given.body)))
                self.end_headers()
                self.wfile.write(given.body)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def host(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def base_url(self) -> str:
        return f"{self.host}/api/1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def said(value: object, status: int = 200, **headers: str) -> Answer:
    """An answer of JSON."""
    return Answer(status, json.dumps(value).encode(), headers)


def page(rows: object, **envelope: object) -> Answer:
    """A page; `continues` and the like as keyword arguments."""
    return said({"success": True, "data": rows, **envelope})
