"""Real HTTP on loopback for the client: a sandbox, servers with scripted answers, and clients with a key of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from itertools import count

import pytest
from hypothesis import settings
from tenacity import wait_none

from hologram_assets.api import transport as transport_module
from hologram_assets.api.client import HologramClient
from hologram_assets.api.transport import Transport
from hologram_assets.sandbox import Sandbox
from tests.api.loopback import Answer, Asked, Loopback

# A busy machine is slow now and then, which is no failure.
settings.register_profile("calm", deadline=None)
settings.load_profile("calm")

NOON = datetime.fromisoformat("2026-11-20T12:00:00")
# The throttle is the key's, and lives as long as the process: no two clients of these tests share one.
_keys = (f"key-{number:05d}-that-nobody-may-see" for number in count())


@pytest.fixture(autouse=True)
def _no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause between two attempts takes no time (that there is one is tested by itself)."""
    monkeypatch.setattr(transport_module, "wait_exponential_jitter", lambda **_: wait_none())


@pytest.fixture(scope="session")
def fleet() -> Iterator[Sandbox]:
    """Two days of one organisation, standing still. Its faults are for the fixture `sandbox` only."""
    with Sandbox(orgs=(144,), sims=20, days=2, now=NOON) as running:
        yield running


@pytest.fixture
def sandbox(fleet: Sandbox) -> Iterator[Sandbox]:
    """The same, to switch faults on in; they are off again for the next test."""
    fleet.requests.clear()
    yield fleet
    fleet.faults.clear()
    fleet.requests.clear()


@pytest.fixture(scope="session")
def transport_to() -> Iterator[Callable[..., Transport]]:
    """A transport to a base URL; three attempts unless told otherwise."""
    with ExitStack() as stack:

        def make(base_url: str, key: str | None = None, **options: float) -> Transport:
            given = {"attempts": 3, "timeout_seconds": 5} | options
            transport = Transport(base_url, key or next(_keys), **given)  # type: ignore[arg-type]
            stack.callback(transport.close)
            return transport

        yield make


@pytest.fixture(scope="session")
def client_to(transport_to: Callable[..., Transport]) -> Callable[..., HologramClient]:
    """A client to a base URL; `page_size` is the client's, all other options are the transport's."""

    def make(base_url: str, key: str | None = None, page_size: int = 250, **options: float) -> HologramClient:
        return HologramClient(transport_to(base_url, key, **options), page_size)

    return make


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[Asked], Answer]], Loopback]]:
    """A server on loopback that answers with a function."""
    with ExitStack() as stack:
        yield lambda answer: stack.enter_context(Loopback(answer))
