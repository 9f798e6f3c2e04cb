"""One sandbox for the tests that only read, another for those that break things, and a plain client for both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
import requests

from hologram_assets.sandbox import Sandbox

NOON = datetime.fromisoformat("2026-11-20T12:00:00")
Get = Callable[..., requests.Response]
Ask = Callable[..., dict[str, Any]]
Chain = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """Two organisations, more history than retention, standing still. Nobody may change it."""
    with Sandbox(sims=20, days=95, now=NOON) as running:
        yield running


@pytest.fixture(scope="module")
def shared_breakable() -> Iterator[Sandbox]:
    with Sandbox(orgs=(144,), sims=20, days=0, now=NOON) as running:
        yield running


@pytest.fixture
def breakable(shared_breakable: Sandbox) -> Iterator[Sandbox]:
    """A sandbox to switch faults on in; they are off again for the next test."""
    yield shared_breakable
    shared_breakable.faults.clear()
    shared_breakable.clock.freeze(NOON)
    shared_breakable.requests.clear()


@pytest.fixture(scope="session")
def http() -> Iterator[requests.Session]:
    """A client with a key, keeping its connections."""
    with requests.Session() as session:
        session.auth = ("apikey", "any-key")
        session.trust_env = False
        yield session


@pytest.fixture(scope="session")
def ask(http: requests.Session) -> Ask:
    """One answer, which has to be a success."""

    def ask(sandbox: Sandbox, endpoint: str, **params: str | int) -> dict[str, Any]:
        response = http.get(f"{sandbox.base_url}/{endpoint}", params=params, timeout=20)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        assert answer["success"] is True
        return answer

    return ask


@pytest.fixture(scope="session")
def chain(ask: Ask) -> Chain:
    """All rows of a list, page by page, the way another project's client would: by `lastid`."""

    def chain(sandbox: Sandbox, endpoint: str, **params: str | int) -> list[dict[str, Any]]:
        answer = ask(sandbox, endpoint, **params)
        rows: list[dict[str, Any]] = answer["data"]
        while answer.get("continues"):
            answer = ask(sandbox, endpoint, **{**params, "startafter": answer["lastid"]})
            rows += answer["data"]
            assert len(rows) < 100_000
        return rows

    return chain


@pytest.fixture
def get(breakable: Sandbox, http: requests.Session) -> Get:
    """One answer of the breakable sandbox, whatever it is."""

    def get(endpoint: str = "usage/data", **params: str | int) -> requests.Response:
        return http.get(
            f"{breakable.base_url}/{endpoint}", params={"orgid": 144, **params}, timeout=10, allow_redirects=False
        )

    return get
