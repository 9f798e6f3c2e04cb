"""After a range, each partition has its own numbers and its own check evaluations in Dagster."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import duckdb
import pytest
from dagster import AssetCheckKey, AssetKey, DagsterEventType

from hologram_assets.partitions import OrgDay
from tests.conftest import Deployment
from tests.integration.conftest import Deploy, this_second

ORG = 144
ASSETS = ("raw_sessions", "billing_usage", "plan_catalog", "sim_inventory", "daily_link_usage", "overage_report")


def key(day: date) -> str:
    return str(OrgDay(ORG, day).key)


def metadata_of(deployment: Deployment, asset: str) -> dict[str, dict[str, Any]]:
    """The numbers of each partition's latest materialisation."""
    records = deployment.instance.fetch_materializations(AssetKey(asset), limit=200).records
    found: dict[str, dict[str, Any]] = {}
    for record in records:
        materialization = record.asset_materialization
        assert materialization is not None
        assert record.partition_key is not None
        found.setdefault(record.partition_key, {name: value.value for name, value in materialization.metadata.items()})
    return found


def evaluations_of(deployment: Deployment, asset: str, check: str) -> dict[str, Any]:
    """Each partition's latest evaluation of a check."""
    history = deployment.instance.event_log_storage.get_asset_check_execution_history(
        AssetCheckKey(AssetKey(asset), check), limit=200
    )
    found: dict[str, Any] = {}
    for record in history:
        dagster_event = record.event.dagster_event if record.event else None
        if dagster_event is None or dagster_event.event_type is not DagsterEventType.ASSET_CHECK_EVALUATION:
            continue
        evaluation = dagster_event.asset_check_evaluation_data
        found.setdefault(str(evaluation.partition), evaluation)
    return found


@pytest.fixture
def real(deploy: Deploy) -> Callable[..., Deployment]:
    """A deployment whose Dagster events lie in files, as a user's do."""
    return lambda **options: deploy(**{"orgs": (ORG,), "sims": 20, "days": 35, "now": this_second()} | options)


def days_of(deployment: Deployment, *ago: int) -> list[date]:
    return [deployment.sandbox.clock.now().date() - timedelta(days=number) for number in ago]


def test_each_partition_of_a_range_has_its_own_numbers(real: Callable[..., Deployment]) -> None:
    deployment = real()
    days = days_of(deployment, 3, 2, 1)
    assert deployment.backfill(days[0], days[-1], [ORG]).ok
    for asset in ASSETS:
        found = metadata_of(deployment, asset)
        assert set(found) == {key(day) for day in days}
        counted = dict(
            deployment.rows(f"SELECT day, count(*) FROM hologram.{asset} WHERE org_id = ? GROUP BY day", [ORG])
        )
        for day in days:
            numbers = found[key(day)]
            assert numbers["rows"] == numbers["dagster/partition_row_count"] == counted[day]
            assert numbers["changed_rows"] == 0
            # Only what is asked for can be late.
            assert numbers.get("late_rows") == (0 if "api_calls" in numbers else None)
    sizes = dict(deployment.rows("SELECT day, sum(bytes) FROM hologram.raw_sessions GROUP BY day"))
    for asset in ("raw_sessions", "daily_link_usage"):
        assert {name: numbers["bytes"] for name, numbers in metadata_of(deployment, asset).items()} == {
            key(day): sizes[day] for day in days
        }
    for asset in ("raw_sessions", "billing_usage", "plan_catalog", "sim_inventory"):
        path = {
            "raw_sessions": "usage/data", "billing_usage": "usage/data/billing", "plan_catalog": "plans",
            "sim_inventory": "links/cellular",
        }[asset]  # fmt: skip
        asked = [request for request in deployment.sandbox.requests if request.path.removeprefix("/api/1/") == path
                 or (asset == "plan_catalog" and request.path.startswith("/api/1/plans/"))]  # fmt: skip
        assert sum(numbers["api_calls"] for numbers in metadata_of(deployment, asset).values()) == len(asked) > 0
    totals = {
        day: (cost, unpriced)
        for day, cost, unpriced in deployment.rows(
            "SELECT day, sum(overage_cost), count(*) FILTER (WHERE pricing_status <> 'priced') FROM hologram.overage_report "
            "GROUP BY day"
        )
    }
    for day in days:
        numbers = metadata_of(deployment, "overage_report")[key(day)]
        assert numbers["overage_cost_usd"] == pytest.approx(float(totals[day][0] or 0))
        assert numbers["unpriced_sims"] == totals[day][1] > 0


@pytest.mark.campaign
def test_each_partition_of_a_range_has_its_own_check_evaluations(quick: Deploy) -> None:
    deployment = quick(orgs=(ORG,), days=35)
    days = days_of(deployment, 3, 2, 1)
    assert deployment.backfill(days[0], days[-1], [ORG]).ok
    for asset in ASSETS:
        found = evaluations_of(deployment, asset, "keys_are_sound")
        assert set(found) == {key(day) for day in days}
        counted = dict(
            deployment.rows(f"SELECT day, count(*) FROM hologram.{asset} WHERE org_id = ? GROUP BY day", [ORG])
        )
        for day in days:
            assert found[key(day)].passed
            assert found[key(day)].metadata["rows"].value == counted[day]
    priced = evaluations_of(deployment, "overage_report", "every_sim_priced")
    assert set(priced) == {key(day) for day in days}
    for day in days:
        reasons = dict(
            deployment.rows(
                "SELECT pricing_status, count(*) FROM hologram.overage_report WHERE org_id = ? AND day = ? "
                "AND pricing_status <> 'priced' GROUP BY 1",
                [ORG, day],
            )
        )
        assert reasons
        assert priced[key(day)].metadata["by_reason"].value == reasons
        assert priced[key(day)].passed is ("unknown_plan" not in reasons)
    # A single day's evaluation names its partition too.
    (today,) = days_of(deployment, 0)
    assert deployment.backfill(today, today, [ORG], ["raw_sessions"]).ok
    assert key(today) in evaluations_of(deployment, "raw_sessions", "keys_are_sound")
    # So does one that is materialised in the UI by its key.
    other = days_of(deployment, 4)[0]
    job = deployment.defs.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        partition_key=key(other), asset_selection=[AssetKey("raw_sessions")], instance=deployment.instance
    )
    assert result.success
    assert evaluations_of(deployment, "raw_sessions", "keys_are_sound")[key(other)].passed
    assert "None" not in evaluations_of(deployment, "raw_sessions", "keys_are_sound")


@pytest.mark.parametrize("single", [True, False], ids=["one day", "a range"])
def test_a_row_corrupted_by_hand_stops_what_follows_for_its_day(quick: Deploy, single: bool) -> None:
    deployment = quick(orgs=(ORG,), sims=6, days=10)
    days = days_of(deployment, 3, 2, 1)
    sick = days[1]
    chosen = [sick] if single else days
    usage = ["raw_sessions", "daily_link_usage"]
    assert deployment.backfill(days[0], days[-1], [ORG], usage).ok
    with deployment.warehouse.write() as connection:
        connection.execute(
            "INSERT INTO hologram.raw_sessions SELECT * FROM hologram.raw_sessions WHERE day = ? LIMIT 1", [sick]
        )
    before = deployment.rows("SELECT * FROM hologram.daily_link_usage WHERE day = ? ORDER BY ALL", [sick])
    loads = deployment.rows(
        "SELECT loaded_at FROM hologram.partition_loads WHERE asset = 'daily_link_usage' AND day = ?", [sick]
    )
    summary = deployment.backfill(chosen[0], chosen[-1], [ORG], usage)
    assert set(summary.failed) == {(asset, OrgDay(ORG, sick)) for asset in usage}
    assert "keys_are_sound" in summary.failed["raw_sessions", OrgDay(ORG, sick)]
    assert "not tried" in summary.failed["daily_link_usage", OrgDay(ORG, sick)]
    evaluation = evaluations_of(deployment, "raw_sessions", "keys_are_sound")[key(sick)]
    assert (evaluation.passed, evaluation.metadata["repeated_rows"].value) == (False, 1)
    assert deployment.rows("SELECT * FROM hologram.daily_link_usage WHERE day = ? ORDER BY ALL", [sick]) == before
    assert loads == deployment.rows(
        "SELECT loaded_at FROM hologram.partition_loads WHERE asset = 'daily_link_usage' AND day = ?", [sick]
    )
    # The other days of the range went on.
    assert {day for asset, (_, day) in summary.stored if asset == "daily_link_usage"} == set(chosen) - {sick}
    for day in set(chosen) - {sick}:
        assert evaluations_of(deployment, "raw_sessions", "keys_are_sound")[key(day)].passed


def test_a_check_of_a_range_counts_for_the_day_that_it_is_about(quick: Deploy) -> None:
    deployment = quick(orgs=(ORG,), sims=6, days=10)
    days = days_of(deployment, 3, 2)
    assert deployment.backfill(days[0], days[-1], [ORG], ["raw_sessions"]).ok
    with deployment.warehouse.write() as connection:
        assert isinstance(connection, duckdb.DuckDBPyConnection)
        connection.execute("UPDATE hologram.raw_sessions SET radio_access_technology = '6G' WHERE day = ?", [days[0]])
    with deployment.warehouse.read() as connection:
        known = connection.execute("SELECT count(*) FROM hologram.raw_sessions WHERE day = ?", [days[0]]).fetchone()
    assert deployment.backfill(days[0], days[-1], [ORG], ["raw_sessions"]).ok
    # The latest fetch wins, so the mended rows are mapped again, and were counted as changed.
    assert all(
        evaluation.passed for evaluation in evaluations_of(deployment, "raw_sessions", "every_rat_mapped").values()
    )
    assert known is not None
    changed = metadata_of(deployment, "raw_sessions")
    assert changed[key(days[0])]["changed_rows"] == known[0]
    assert changed[key(days[1])]["changed_rows"] == 0
