"""A backfill that is asked to stop, stops: what is stored stays, and the command goes on from there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from hologram_assets.partitions import today
from tests.conftest import Deployment


@pytest.mark.parametrize("asked", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.campaign)])
def test_a_backfill_that_is_asked_to_stop_stops_and_keeps_what_it_has(
    deploy: Callable[..., Deployment], monkeypatch: pytest.MonkeyPatch, asked: signal.Signals
) -> None:
    deployment = deploy(sims=20, days=40, latency_seconds=0.3)
    monkeypatch.setenv("DAGSTER_HOME", str(deployment.folder / "home"))
    first = today() - timedelta(days=30)
    process = subprocess.Popen(
        [sys.executable, "-m", "hologram_assets.cli", "backfill", "--from", str(first), "--to", str(today())],
        cwd=deployment.folder,
        env=os.environ | {"HOLOGRAM_MAX_CONNECTIONS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 60
    while len(deployment.sandbox.requests) < 6 and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(asked)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130, said
    assert "stopped" in said
    asked_for = len(deployment.sandbox.requests)
    assert asked_for < 40  # the range would take hundreds
    time.sleep(0.5)
    assert len(deployment.sandbox.requests) == asked_for
