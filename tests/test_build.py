"""What the code location holds, as the UI will show it."""

from __future__ import annotations

import pytest
from dagster import AssetKey, Definitions
from dagster._core.definitions.backfill_policy import BackfillPolicyType

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
    assert [sensor.name for sensor in repository.sensor_defs] == ["org_registry_sensor"]
    assert {"hologram", "warehouse"} <= set(defs.resources or {})
