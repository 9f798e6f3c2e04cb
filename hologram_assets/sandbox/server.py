"""The sandbox as a whole: a fleet, its API on loopback, a Slack workspace beside it, and the switches of all."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Final, Self

import uvicorn

from hologram_assets.sandbox.app import Api, build_app
from hologram_assets.sandbox.clock import SandboxClock
from hologram_assets.sandbox.connections import ClosableConnection
from hologram_assets.sandbox.endpoints import API_PATH, Endpoints
from hologram_assets.sandbox.faults import Fault, FaultBoard
from hologram_assets.sandbox.fleet import Fleet
from hologram_assets.sandbox.requestlog import AskedRequest
from hologram_assets.sandbox.sending import Patience
from hologram_assets.sandbox.slack.api import SLACK_PATH, SlackApi
from hologram_assets.sandbox.slack.workspace import Slack

_HOST: Final = "127.0.0.1"
_START_SECONDS: Final = 10.0
_KEEP_ALIVE_SECONDS: Final = 120


class Sandbox:
    """A Hologram API on loopback.

    As a context manager it serves from a thread until the block ends; `serve_forever` serves in the foreground. `fleet`
    is the truth behind the API, `clock` its time, `faults` what goes wrong, `requests` what was asked, `slack` what was
    said in Slack.
    """

    def __init__(
        self,
        *,
        orgs: Sequence[int] = (144, 145),
        sims: int = 40,
        days: int = 60,
        seed: int = 1,
        now: datetime | None = None,
        port: int = 0,
        latency_seconds: float = 0.0,
        filter_column: str = "timestamp",
        end_inclusive: bool = True,
        keys: Collection[str] | None = None,
        faults: Iterable[Fault | str] = (),
        profile: str = "mixed",
    ) -> None:
        """Make the fleet; nothing is served yet.

        Args:
            orgs: the organisations.
            sims: SIMs per organisation; from 20 on every kind of the default profile is there.
            days: days of history (UTC) before today; every SIM has at least that many.
            seed: what the fleet is drawn from, together with organisation and today's date.
            now: the clock stands still at this moment (naive UTC); None: it runs.
            port: the TCP port on loopback; 0: a free one.
            latency_seconds: what every answer takes in addition.
            filter_column: what `timestart`/`timeend` filter: `timestamp`, `session_begin` or `received_at`.
            end_inclusive: whether a session exactly at `timeend` is in.
            keys: the keys that are let in; None: any.
            faults: what goes wrong from the start, as `Fault` or in the notation of `parse_fault`.
            profile: the kind of fleet; see `PROFILES`.

        Raises:
            ValueError: something above is out of range, unknown, or makes no sense.
        """
        self.clock = SandboxClock(now)
        self.fleet = Fleet(self.clock, orgs=orgs, sims=sims, days=days, seed=seed, profile=profile)
        self.faults = FaultBoard(faults)
        self.requests: list[AskedRequest] = []
        endpoints = Endpoints(self.fleet, self.clock, filter_column=filter_column, end_inclusive=end_inclusive)
        self.slack = Slack()
        self._patience = Patience()
        self._api = Api(
            endpoints,
            self.faults,
            self.requests,
            keys=keys,
            latency_seconds=latency_seconds,
            patience=self._patience,
        )
        self._port = port
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def base_url(self) -> str:
        """What `HOLOGRAM_BASE_URL` is to be set to."""
        return f"http://{_HOST}:{self._port}{API_PATH.rstrip('/')}"

    @property
    def control_url(self) -> str:
        """Where the page and `/_sandbox/…` are."""
        return f"http://{_HOST}:{self._port}"

    def __enter__(self) -> Self:
        """Serve from a thread.

        Raises:
            OSError: the port is taken.
            RuntimeError: the server did not start.
        """
        listening = self._listen()
        server = self._server = self._build_server()
        self._thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listening]}, name="hologram-sandbox", daemon=True
        )
        self._thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError(f"the sandbox did not start on {self.control_url}")
            time.sleep(0.002)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop serving; requests that hang are answered at once."""
        self._patience.stopping = True
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(_START_SECONDS)

    def serve_forever(self, on_ready: Callable[[], None] | None = None) -> None:
        """Serve in the foreground until the process is told to stop (SIGINT, SIGTERM).

        Args:
            on_ready: called once the port is taken and the fleet is drawn, when `base_url` is right.

        Raises:
            OSError: the port is taken.
        """
        listening = self._listen()
        self.fleet.prepare()
        if on_ready is not None:
            on_ready()
        # uvicorn shuts down on the signal and then raises it again, for whoever started it.
        with contextlib.suppress(KeyboardInterrupt):
            self._build_server().run(sockets=[listening])

    def _listen(self) -> socket.socket:
        """Take the port (a free one for 0), so that the URL is right before the server runs."""
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((_HOST, self._port))
            listening.listen(256)
        except OSError:
            listening.close()
            raise
        self._port = listening.getsockname()[1]
        self.slack.base_url = f"{self.control_url}{SLACK_PATH}"
        self.slack.page_url = f"{self.control_url}/slack"
        return listening

    def _build_server(self) -> uvicorn.Server:
        slack_api = SlackApi(self.slack, self.faults, self._patience)
        app = build_app(self._api, slack_api, self.slack, self.fleet, self.clock, self.faults, self.requests)
        return uvicorn.Server(
            uvicorn.Config(
                app,
                http=ClosableConnection,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="error",
                access_log=False,
                proxy_headers=False,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=1,
            )
        )
