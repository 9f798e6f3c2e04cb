"""Ten assets that do nothing, with the partitions, executor and dependencies of ours: what Dagster itself takes."""

import warnings

from dagster import AssetsDefinition, BackfillPolicy, Definitions, asset, in_process_executor
from dagster_shared.utils.warnings import BetaWarning

from hologram_assets.jobs import refresh_job
from hologram_assets.partitions import day_by_org
from hologram_assets.settings import load_settings

_PARTITIONS = day_by_org(load_settings().hologram_start_date)
_UPSTREAM: dict[str, list[str]] = {
    "raw_sessions": [],
    "sim_inventory": [],
    "plan_catalog": ["sim_inventory"],
    "billing_usage": ["plan_catalog", "sim_inventory"],
    "daily_link_usage": ["raw_sessions"],
    "network_changes": ["daily_link_usage", "raw_sessions"],
    "overage_report": ["daily_link_usage", "billing_usage", "plan_catalog", "sim_inventory"],
    "alerts": ["network_changes", "overage_report"],
    "plan_recommendations": ["alerts", "overage_report", "plan_catalog"],
    "fleet_summary": ["overage_report", "plan_catalog", "plan_recommendations"],
}


def _empty(name: str) -> AssetsDefinition:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BetaWarning)

        @asset(
            name=name,
            deps=_UPSTREAM[name],
            partitions_def=_PARTITIONS,
            backfill_policy=BackfillPolicy.single_run(),
        )
        def nothing() -> None:
            pass

    return nothing


defs = Definitions(assets=[_empty(name) for name in _UPSTREAM], jobs=[refresh_job()], executor=in_process_executor)
