"""The network rules over a fleet with planted faults: sandbox, sessions, daily sums and changes, through Dagster."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from hologram_assets.partitions import today
from tests.conftest import Deployment

DAYS = 45


@pytest.mark.campaign
@pytest.mark.timeout(240)
def test_every_planted_fault_is_found_and_told_once(deploy: Callable[..., Deployment]) -> None:
    deployment = deploy(orgs=(144,), sims=40, days=DAYS, profile="network_faults")
    last = today()
    first = last - timedelta(days=DAYS - 1)
    summary = deployment.backfill(first, last, assets=("raw_sessions", "daily_link_usage"))
    assert summary.ok, (summary.failed, summary.errors)
    planted = deployment.sandbox.fleet.planted(144)
    assert {fault.rule for fault in planted} >= {
        "rat_downgrade",
        "new_network",
        "imei_change",
        "fleet_incident",
        "flapping",
    }
    summary = deployment.backfill(last - timedelta(days=10), last, assets=("network_changes",))
    assert summary.ok, (summary.failed, summary.errors)
    found = deployment.rows("SELECT rule, linkid, change_id, detail, day, observed_at FROM hologram.network_changes")
    assert len({change_id for _, _, change_id, *_ in found}) == len(found)
    assert all(observed_at.date() == day for *_, day, observed_at in found)
    for fault in planted:
        if fault.rule == "fleet_incident":
            incident = [detail for rule, linkid, _, detail, *_ in found if rule == fault.rule and linkid is None]
            assert incident, "the incident was not found"
        else:
            told = {linkid for rule, linkid, *_ in found if rule == fault.rule}
            assert told & set(fault.linkids), fault
