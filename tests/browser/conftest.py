"""One `dagster dev` on one sandbox for all tests of the UI; what takes long is done once, through the UI."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest
from playwright.sync_api import Browser

from hologram_assets.partitions import DayRange, today
from hologram_assets.sandbox import Sandbox
from tests.browser.dagster_dev import ORGS, DagsterDev, dagster_dev, make_home
from tests.browser.ui import KEPT_PICTURES, Ui, chromium_browser, tab_on

_CALM = timedelta(minutes=6)
_tabs: list[Ui] = []


def pytest_exception_interact(node: pytest.Item | pytest.Collector) -> None:
    """A test that fails leaves a picture of what it saw."""
    for ui in _tabs:
        ui.picture(f"failed-{node.name[:80]}", KEPT_PICTURES)


@pytest.fixture(scope="session")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagsterDev]:
    """What a new user has after `orgs sync` and `make dev`, with a fleet of 25 SIMs in each of two organisations."""
    now = datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    if midnight - now < _CALM:  # the tests take some minutes, and which day is today matters
        time.sleep((midnight - now).total_seconds() + 1)
    with Sandbox(orgs=ORGS, sims=25, days=100) as sandbox:
        home = make_home(tmp_path_factory.mktemp("browser"), sandbox)
        assert "registered 144, 145" in home.run("orgs", "sync")
        with dagster_dev(home, sandbox) as running:
            yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The one browser."""
    with chromium_browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def tab(browser: Browser, dev: DagsterDev) -> Iterator[Ui]:
    """Its tab with Dagster's UI."""
    with tab_on(browser, dev.url) as ui:
        _tabs.append(ui)
        yield ui
        _tabs.clear()


@pytest.fixture
def ui(tab: Ui) -> Iterator[Ui]:
    """The browser's tab; a test after which its console holds an error fails."""
    tab.errors.clear()
    yield tab
    assert not tab.errors, tab.errors


@dataclass(frozen=True)
class Backfills:
    """Two backfills that were launched in the dialog one after the other: their pages and days."""

    all_assets: str
    last_days: DayRange
    sessions: str
    too_old: list[date]
    old_days: DayRange


@pytest.fixture(scope="session")
def backfills(dev: DagsterDev, tab: Ui) -> Backfills:
    """One of the last five days, today among them, of both organisations and all assets; it has ended well.

    The other, of days of which Hologram has dropped the first two, is still to be looked at: the daemon takes half a
    minute to begin a backfill and half a minute to see its end, and so begins both at once.
    """
    last_days = DayRange(today() - timedelta(days=4), today())
    old_days = DayRange(today() - timedelta(days=91), today() - timedelta(days=87))
    tab.open_graph()
    dialog = tab.choose(last_days, ORGS)
    tab.picture("backfill-dialog")
    all_assets = tab.launch(dialog)
    tab.page.goto("/assets/raw_sessions")
    sessions = tab.launch(tab.choose(old_days, ORGS[1:]))
    tab.page.goto(all_assets)
    tab.backfill_ends("Succeeded")
    return Backfills(all_assets, last_days, sessions, old_days.days[:2], old_days)
