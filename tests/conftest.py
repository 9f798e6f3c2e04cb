"""What the tests share: a deployment on real parts. Real HTTP on loopback, a real DuckDB file, a real Dagster instance."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInstance, Definitions

from hologram_assets.backfill import Backfill, Summary, asset_names, checked_request, register_orgs
from hologram_assets.build import build_defs
from hologram_assets.partitions import today
from hologram_assets.sandbox import Sandbox
from hologram_assets.settings import Settings, load_settings
from hologram_assets.warehouse.connection import Warehouse

KEY = "key-that-must-never-be-seen"
_OWN_VARIABLES = ("HOLOGRAM_", "SLACK_", "DAGSTER_HOME")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine that runs the tests reaches them."""
    import os

    for variable in list(os.environ):
        if variable.startswith(_OWN_VARIABLES):
            monkeypatch.delenv(variable)


@dataclass
class Deployment:
    """A sandbox and everything of ours that runs against it, in a folder of its own."""

    sandbox: Sandbox
    folder: Path
    instance: DagsterInstance

    @property
    def settings(self) -> Settings:
        """The environment as it is now: change it with `monkeypatch`, then call."""
        return load_settings()

    @property
    def defs(self) -> Definitions:
        """The code location under the settings of now."""
        return build_defs(self.settings)

    @property
    def warehouse(self) -> Warehouse:
        """The warehouse file."""
        return Warehouse(self.settings.hologram_warehouse)

    def backfill(
        self, first: date, last: date | None = None, orgs: Sequence[int] = (144,), assets: Sequence[str] = ()
    ) -> Summary:
        """What `hologram-assets backfill` does, in this process and without retries' waits of whole steps."""
        defs, settings = self.defs, self.settings
        request = checked_request(
            first,
            last or first,
            orgs,
            assets,
            start_date=settings.hologram_start_date,
            known_assets=asset_names(defs),
        )
        register_orgs(self.instance, request.org_ids)
        return Backfill(defs, self.instance).run(request)

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Ask the warehouse."""
        with self.warehouse.read() as connection:
            return connection.execute(query, list(parameters)).fetchall()


@pytest.fixture(scope="session")
def fresh_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance folder whose SQLite files are there already: to copy them takes a tenth of the time to make them."""
    home = tmp_path_factory.mktemp("fresh-home")
    with DagsterInstance.local_temp(str(home)) as instance:
        assert not instance.get_runs()
    return home


@pytest.fixture
def deploy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_home: Path) -> Iterator[Callable[..., Deployment]]:
    """Make a deployment: keyword arguments go to the `Sandbox`; the environment is set up for it.

    `instance` is taken instead of one on SQLite, Dagster's default.
    """
    with ExitStack() as stack:

        def make(instance: DagsterInstance | None = None, **sandbox_options: Any) -> Deployment:
            options: dict[str, Any] = {"orgs": (144, 145), "sims": 20, "days": 40} | sandbox_options
            sandbox = stack.enter_context(Sandbox(**options))
            for name, value in {
                "HOLOGRAM_API_KEY": KEY,
                "HOLOGRAM_BASE_URL": sandbox.base_url,
                "HOLOGRAM_ORG_IDS": ",".join(str(org) for org in options["orgs"]),
                "HOLOGRAM_START_DATE": str(today() - timedelta(days=200)),
                "HOLOGRAM_WAREHOUSE": str(tmp_path / "warehouse.duckdb"),
                # Published for nobody: a second of each run.
                "HOLOGRAM_REPORTS_KEPT": "0",
                "HOLOGRAM_BI_COPY": "off",
            }.items():
                monkeypatch.setenv(name, value)
            if instance is None:
                home = shutil.copytree(fresh_home, tmp_path / "dagster", dirs_exist_ok=True)
                instance = stack.enter_context(DagsterInstance.local_temp(str(home)))
            return Deployment(sandbox, tmp_path, instance)

        yield make
