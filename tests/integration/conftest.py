"""What the integration tests share: a calm midnight, short waits, and words for what is stored."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

_CALM_SECONDS = 60
"""A test that begins on one UTC day must end on it: what is today is a partition."""


@pytest.fixture(autouse=True)
def _no_midnight_in_between() -> None:
    now = datetime.now(UTC)
    left = (now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1) - now).total_seconds()
    if left < _CALM_SECONDS:
        time.sleep(left + 1)


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Pauses between tries take no time; how often is tried stays as it is."""
    naps = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: naps(min(seconds, 0.002)))
    return None


@pytest.fixture(autouse=True)
def _a_folder_for_dagster(tmp_path: Path) -> None:
    """Where the deployment's instance keeps its events."""
    (tmp_path / "dagster").mkdir(exist_ok=True)
