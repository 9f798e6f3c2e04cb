"""What a run leaves for people and programs that must not open the warehouse: a copy of it, and a page per organisation."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dagster import AssetKey, PathMetadataValue, TextMetadataValue

from hologram_assets.backfill import register_orgs
from hologram_assets.jobs import run_of_days
from hologram_assets.partitions import DayRange
from hologram_assets.settings import load_settings
from hologram_assets.warehouse.tables import TABLES
from tests.conftest import Deployment
from tests.integration.conftest import Base, Deploy

ORG = 144
ASSET = "fleet_summary"
# The base has the reports; what is derived from them is what these tests are about.
MONEY = ("network_changes", "alerts", "plan_recommendations", ASSET)


@pytest.fixture
def publishing(loaded: Deploy, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    deployment = loaded()
    monkeypatch.setenv("HOLOGRAM_REPORTS_KEPT", "2")
    monkeypatch.setenv("HOLOGRAM_BI_COPY", "on")
    return deployment


def metadata(deployment: Deployment, day: object) -> dict[str, Any]:
    """Of the newest materialisation of a day's summary."""
    records = deployment.instance.fetch_materializations(AssetKey(ASSET), limit=200).records
    event = next(record.asset_materialization for record in records if record.partition_key == f"{day}|{ORG}")
    assert event is not None
    return dict(event.metadata)


def pages(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "reports" / str(ORG)).iterdir())


def test_a_run_publishes_a_copy_and_the_page_of_its_newest_day_and_keeps_the_last_pages(
    publishing: Deployment, base: Base
) -> None:
    days = [base.today - timedelta(days=back) for back in (3, 2, 1)]
    assert publishing.backfill(days[0], days[1], [ORG], MONEY).ok
    assert pages(publishing.folder) == [f"{days[1]}.html"]
    told = metadata(publishing, days[1])
    path = told["report"]
    assert isinstance(path, PathMetadataValue)
    assert f"{told['cost_to_date_usd'].value:,.2f}" in Path(path.path or "").read_text(encoding="utf-8")
    assert "report" not in metadata(publishing, days[0])

    # A later day, then one that is too old to be kept, then an hourly run.
    assert publishing.backfill(days[2], days[2], [ORG], MONEY).ok
    assert publishing.backfill(days[0], days[0], [ORG], [ASSET]).ok
    assert pages(publishing.folder) == [f"{day}.html" for day in days[1:]]
    assert "HOLOGRAM_REPORTS_KEPT" in metadata(publishing, days[0])["report"].text
    register_orgs(publishing.instance, [ORG])
    refresh = run_of_days("refresh", ORG, DayRange(base.today, base.today))
    assert (
        publishing.defs.resolve_job_def("refresh")
        .execute_in_process(
            instance=publishing.instance, tags=dict(refresh.tags), asset_selection=[AssetKey(asset) for asset in MONEY]
        )
        .success
    )
    assert pages(publishing.folder) == [f"{day}.html" for day in days[1:]]
    assert "report" not in metadata(publishing, base.today)

    copy = publishing.folder / "reports" / "current.duckdb"
    assert metadata(publishing, base.today)["copy_for_bi"] == PathMetadataValue(str(copy))
    with duckdb.connect(str(copy), read_only=True) as connection, publishing.warehouse.read() as warehouse:
        for table in TABLES:
            count = f"SELECT count(*) FROM {table.qualified}"
            assert connection.execute(count).fetchone() == warehouse.execute(count).fetchone(), table.name


def test_what_can_not_be_published_fails_no_day_and_says_why(publishing: Deployment, base: Base) -> None:
    (publishing.folder / "reports").write_text("a file where a folder should be")
    day = base.today - timedelta(days=1)
    assert publishing.backfill(day, day, [ORG], MONEY).ok
    told = metadata(publishing, day)
    for name in ("copy_for_bi", "report"):
        assert isinstance(told[name], TextMetadataValue)
        assert (told[name].text or "").startswith("not ")
        assert "reports" in (told[name].text or "")
    assert told["sims"].value == 20


def test_the_folder_is_beside_the_warehouse_unless_it_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOLOGRAM_WAREHOUSE", str(tmp_path / "a" / "w.duckdb"))
    assert load_settings().reports_folder == tmp_path / "a" / "reports"
    monkeypatch.setenv("HOLOGRAM_REPORTS", str(tmp_path / "elsewhere"))
    assert load_settings().reports_folder == tmp_path / "elsewhere"
