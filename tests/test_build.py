"""What the code location holds, as the UI will show it."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetKey, Definitions, LocalFileCodeReference
from dagster._core.definitions.backfill_policy import BackfillPolicyType

from hologram_assets import build
from hologram_assets.build import build_defs
from hologram_assets.warehouse.tables import TABLES

ASSETS = {
    "raw_sessions": set(),
    "sim_inventory": set(),
    "plan_catalog": {"sim_inventory"},
    "billing_usage": {"plan_catalog", "sim_inventory"},
    "daily_link_usage": {"raw_sessions"},
    "network_changes": {"daily_link_usage", "raw_sessions"},
    "overage_report": {"daily_link_usage", "billing_usage", "plan_catalog", "sim_inventory"},
    "alerts": {"network_changes", "overage_report"},
    "plan_recommendations": {"alerts", "overage_report", "plan_catalog"},
    "fleet_summary": {"overage_report", "plan_catalog", "plan_recommendations"},
}
INGEST = {"raw_sessions", "sim_inventory", "plan_catalog", "billing_usage"}


@pytest.fixture(scope="module")
def defs() -> Definitions:
    return build_defs()


def test_the_location_loads_without_a_key_and_holds_every_asset(defs: Definitions) -> None:
    graph = defs.resolve_asset_graph()
    found = {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }
    assert found == ASSETS


@pytest.mark.parametrize("name", ASSETS)
def test_an_asset_tells_who_what_and_how(defs: Definitions, name: str) -> None:
    node = defs.resolve_asset_graph().get(AssetKey(name))
    assert node.owners
    assert node.group_name != "default"
    assert node.description is not None
    assert f"hologram.{name}" in node.description
    assert "duckdb" in node.kinds
    assert node.backfill_policy is not None
    assert node.backfill_policy.policy_type is BackfillPolicyType.SINGLE_RUN
    assert (node.pools == {"hologram_api"}) is (name in INGEST)
    assert node.freshness_policy is not None


@pytest.mark.parametrize("name", ASSETS)
def test_an_asset_leads_to_its_code(defs: Definitions, name: str) -> None:
    metadata = defs.resolve_asset_graph().get(AssetKey(name)).metadata
    (reference,) = metadata["dagster/code_references"].code_references
    assert isinstance(reference, LocalFileCodeReference)
    code = Path(reference.file_path)
    assert (code.parent.name, code.name) == ("assets", f"{name}.py")
    assert reference.line_number
    assert f"def {name}(" in "".join(code.read_text().splitlines(keepends=True)[reference.line_number - 1 :][:25])


@pytest.mark.parametrize("name", ASSETS)
def test_an_assets_column_schema_is_its_tables(defs: Definitions, name: str) -> None:
    node = defs.resolve_asset_graph().get(AssetKey(name))
    table = next(table for table in TABLES if table.name == name)
    columns = node.metadata["dagster/column_schema"].columns
    assert [(column.name, column.type) for column in columns] == [(c.name, c.type) for c in table.columns]
    assert all(column.description for column in columns)
    assert node.metadata["dagster/table_name"] == table.qualified


@pytest.mark.parametrize("name", ASSETS)
def test_every_asset_has_a_blocking_check_of_its_keys_and_others_that_warn(defs: Definitions, name: str) -> None:
    keys = defs.resolve_asset_graph().get_check_keys_for_assets({AssetKey(name)})
    specs = {key.name: defs.get_asset_checks_def(key).get_spec_for_check_key(key) for key in keys}
    assert specs["keys_are_sound"].blocking
    assert [name for name, spec in specs.items() if spec.blocking] == ["keys_are_sound"]
    assert all(spec.description for spec in specs.values())
    assert len(specs) >= 2


def test_the_sensors_and_resources_have_their_names(defs: Definitions) -> None:
    repository = defs.get_repository_def()
    assert {sensor.name for sensor in repository.sensor_defs} == {
        "org_registry_sensor",
        "overage_alert_sensor",
        "network_change_sensor",
        "run_failure_alert_sensor",
        "asset_check_alert_sensor",
        "lost_run_sensor",
    }
    assert {"hologram", "warehouse", "slack"} <= set(defs.resources or {})


def test_what_the_files_say_reaches_the_assets_and_checks_by_organisation(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for variable, text in {
        "HOLOGRAM_RULES_FILE": (
            "organisations: {144: {network: {min_days: 5}, pricing: {increment_bytes: 1}, forecast: {quiet_days: 4},"
            " overage: {payg_usd: 7}}}"
        ),
        "HOLOGRAM_RAT_LEVELS_FILE": "rat,level\n6G,6\n",
        "HOLOGRAM_NETWORK_ALIASES_FILE": "alias,network\nMa Bell,AT&T\n",
        "HOLOGRAM_SILENCES_FILE": "- {until: 2026-12-31, reason: known, sim: 7}",
    }.items():
        (tmp_path / variable).write_text(text)
        monkeypatch.setenv(variable, str(tmp_path / variable))
    given: dict[str, Any] = {}
    for name in ("network_changes_asset", "overage_report_asset", "alerts_asset", "every_rat_mapped"):
        real = getattr(build, name)

        def recorded(*args: Any, _name: str = name, _real: Any = real, **kwargs: Any) -> Any:
            given[_name] = inspect.signature(_real).bind(*args, **kwargs).arguments
            return _real(*args, **kwargs)

        monkeypatch.setattr(build, name, recorded)
    build_defs()
    network, overage, alerts = given["network_changes_asset"], given["overage_report_asset"], given["alerts_asset"]
    assert [network["rules"](org).min_days for org in (144, 145)] == [5, 3]
    assert [overage["rules"](org).increment_bytes for org in (144, 145)] == [1, 1000]
    assert [overage["forecast_rules"](org).quiet_days for org in (144, 145)] == [4, 3]
    assert [alerts["rules"](org).overage.payg_usd for org in (144, 145)] == [7, 5]
    assert [alerts["rules"](org).network.min_days for org in (144, 145)] == [5, 3]
    assert [silence.sim for silence in alerts["rules"](145).silences] == [7]
    for levels in (network["rat_levels"], given["every_rat_mapped"]["known"], alerts["rules"](144).rat_levels):
        assert {"6g", "lte"} <= set(levels)
    for aliases in (network["network_aliases"], alerts["rules"](144).network_aliases):
        assert aliases["ma bell"] == aliases["at t"]
