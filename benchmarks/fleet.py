"""A sandbox fleet in a warehouse of its own, loaded through Dagster."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from dagster import DagsterInstance

from hologram_assets.backfill import Backfill, asset_names, checked_request, register_orgs
from hologram_assets.build import build_defs
from hologram_assets.partitions import today
from hologram_assets.sandbox import Sandbox
from hologram_assets.settings import Settings, load_settings
from hologram_assets.warehouse.connection import Warehouse

ORG = 144


@dataclass(frozen=True)
class Loaded:
    """A loaded fleet and the days of it, the last of them today."""

    sandbox: Sandbox
    settings: Settings
    warehouse: Warehouse
    first: date
    last: date


@contextmanager
def loaded_fleet(profile: str, *, sims: int, days: int, assets: Sequence[str]) -> Iterator[Loaded]:
    """Load a fleet of the sandbox.

    Raises:
        RuntimeError: a partition failed.
    """
    last = today()
    first = last - timedelta(days=days - 1)
    with (
        TemporaryDirectory(prefix="hologram-bench-") as folder,
        Sandbox(orgs=(ORG,), sims=sims, days=days + 1, profile=profile) as sandbox,
    ):
        os.environ |= {
            "HOLOGRAM_API_KEY": "sandbox",
            "HOLOGRAM_BASE_URL": sandbox.base_url,
            "HOLOGRAM_ORG_IDS": str(ORG),
            "HOLOGRAM_START_DATE": str(first),
            "HOLOGRAM_WAREHOUSE": str(Path(folder) / "warehouse.duckdb"),
        }
        settings = load_settings()
        defs, warehouse = build_defs(settings), Warehouse(settings.hologram_warehouse)
        with DagsterInstance.local_temp(folder) as instance:
            register_orgs(instance, [ORG])
            request = checked_request(first, last, [ORG], assets, start_date=first, known_assets=asset_names(defs))
            summary = Backfill(defs, instance).run(request)
        if not summary.ok:
            raise RuntimeError(f"{profile}: {list(summary.failed.items())[:1]} {summary.errors[:1]}")
        yield Loaded(sandbox, settings, warehouse, first, last)
