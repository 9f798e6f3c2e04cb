"""What the tests of sensors that look at runs share: a Slack over HTTP and an instance, each for a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from dagster import DagsterInstance

from hologram_assets.sandbox import Sandbox
from hologram_assets.sensors import posting
from tests.sensors.fallen_runs import TOKEN


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    with Sandbox(orgs=(144,), sims=0, days=0) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared: Sandbox) -> Iterator[Sandbox]:
    yield shared
    shared.faults.clear()
    shared.slack.clear()


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token is set, and no second lies between two messages."""
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)
    monkeypatch.setattr(posting, "SPACING_SECONDS", 0.0)


@pytest.fixture(scope="module")
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.local_temp() as instance:
        yield instance
