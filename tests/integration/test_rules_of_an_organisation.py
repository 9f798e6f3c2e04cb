"""Two organisations in one code location, each measured by its own rules, through Dagster."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from hologram_assets.partitions import today
from tests.conftest import Deployment

PAYG = "SELECT billable_bytes FROM hologram.overage_report WHERE org_id = ? AND status = 'payg' AND billable_bytes > 0"


@pytest.mark.campaign
def test_each_organisation_is_billed_in_its_own_increments(
    deploy: Callable[..., Deployment], monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = deploy(sims=20, days=3)
    rules = deployment.folder / "rules.yaml"
    rules.write_text("pricing: {increment_bytes: 10}\norganisations: {145: {pricing: {increment_bytes: 1000000}}}\n")
    monkeypatch.setenv("HOLOGRAM_RULES_FILE", str(rules))
    last = today()
    wanted = ("raw_sessions", "sim_inventory", "plan_catalog", "billing_usage", "daily_link_usage", "overage_report")
    summary = deployment.backfill(last - timedelta(days=1), last, orgs=(144, 145), assets=wanted)
    assert summary.ok, (summary.failed, summary.errors)
    common, own = ([size for (size,) in deployment.rows(PAYG, [org])] for org in (144, 145))
    assert common
    assert own
    assert all(size % 10 == 0 for size in common)
    assert any(size % 1000 for size in common)
    assert all(size % 1_000_000 == 0 for size in own)
