"""What the integration tests share: a fleet that stands still, a warehouse loaded once per test run, short waits."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInstance, RetryPolicy
from filelock import FileLock

from hologram_assets.assets import declare, shown
from hologram_assets.partitions import today
from hologram_assets.sandbox import Sandbox
from tests.conftest import KEY, Deployment

ORGS = (144, 145)
DAYS = 35
Deploy = Callable[..., Deployment]
_CALM_SECONDS = 60
# All but network_changes, which the oracle doesn't know.
_BASE_ASSETS = (
    "raw_sessions", "sim_inventory", "plan_catalog", "billing_usage", "daily_link_usage", "overage_report",
)  # fmt: skip
_FLEET: dict[str, Any] = {"orgs": ORGS, "sims": 20, "days": 40}


def this_second() -> datetime:
    """Now, as the sandbox's clock likes it: naive UTC in whole seconds."""
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


@pytest.fixture(autouse=True)
def _no_midnight_in_between() -> None:
    """A test that begins on one UTC day must end on it: which day is today matters."""
    now = datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    if (midnight - now).total_seconds() < _CALM_SECONDS:
        time.sleep((midnight - now).total_seconds() + 1)


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders for the deployment's instance and for the command line's own."""
    (tmp_path / "dagster").mkdir(exist_ok=True)
    home = tmp_path / "dagster_home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "1")
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def _no_pictures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures are drawn where they are looked at: they take a fifth of a second per organisation and day."""
    if "picture" not in request.path.name:
        monkeypatch.setattr(shown, "add_pictures", lambda *_: None)


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between tries take no time; how often is tried stays as it is."""
    nap = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: nap(min(seconds, 0.002)))
    monkeypatch.setattr(declare, "_RETRIES", RetryPolicy(max_retries=declare._RETRIES.max_retries, delay=0))


@pytest.fixture
def quick(deploy: Deploy) -> Iterator[Deploy]:
    """`deploy`, with the sandbox's clock standing still and Dagster's events in memory."""
    with DagsterInstance.ephemeral() as instance:
        yield lambda **options: deploy(instance, **{"now": this_second()} | options)


@dataclass(frozen=True)
class Base:
    """A warehouse into which 35 days of two organisations were loaded at one moment of the sandbox's clock."""

    path: Path
    now: datetime

    @property
    def today(self) -> date:
        """The last day of it."""
        return self.now.date()

    @property
    def first(self) -> date:
        """The first day of it."""
        return self.today - timedelta(days=DAYS - 1)

    def sandbox(self) -> Sandbox:
        """The truth behind it, not served."""
        return Sandbox(now=self.now, **_FLEET)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    """Loaded through Dagster once per test run, whichever worker comes first."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_TESTRUNUID" in os.environ:
        folder = folder.parent
    folder /= "integration-base"
    folder.mkdir(exist_ok=True)
    made = folder / "made.txt"
    with FileLock(folder / "lock"):
        if not made.exists():
            made.write_text(_load_base(folder).isoformat(), encoding="utf-8")
    return Base(folder / "warehouse.duckdb", datetime.fromisoformat(made.read_text(encoding="utf-8")))


def _load_base(folder: Path) -> datetime:
    now = this_second()
    with pytest.MonkeyPatch.context() as patch, Sandbox(now=now, **_FLEET) as sandbox:
        for variable in [name for name in os.environ if name.startswith("HOLOGRAM_")]:
            patch.delenv(variable)
        patch.setenv("HOLOGRAM_API_KEY", KEY)
        patch.setenv("HOLOGRAM_BASE_URL", sandbox.base_url)
        patch.setenv("HOLOGRAM_WAREHOUSE", str(folder / "warehouse.duckdb"))
        patch.setattr(shown, "add_pictures", lambda *_: None)  # 210 pictures that nobody looks at
        with DagsterInstance.ephemeral() as instance:
            summary = Deployment(sandbox, folder, instance).backfill(
                now.date() - timedelta(days=DAYS - 1), now.date(), ORGS, _BASE_ASSETS
            )
    assert summary.ok, (summary.failed, summary.errors)
    return now


@pytest.fixture
def loaded(base: Base, quick: Deploy, tmp_path: Path) -> Deploy:
    """A deployment whose warehouse is a copy of the base, with the same fleet."""
    if today() != base.today:
        pytest.skip("midnight (UTC) has passed since the base was loaded")
    shutil.copyfile(base.path, tmp_path / "warehouse.duckdb")
    return lambda **options: quick(**_FLEET | {"now": base.now} | options)
