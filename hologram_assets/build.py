"""The only place that wires: settings to resources, tables to assets and checks, all of it to `Definitions`."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from dagster import (
    AssetChecksDefinition,
    AssetsDefinition,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    Definitions,
    PartitionsDefinition,
    ScheduleDefinition,
    SensorDefinition,
    in_process_executor,
    with_source_code_references,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster_shared.utils.warnings import BetaWarning

from hologram_assets.assets.alerts import alerts_asset
from hologram_assets.assets.billing_usage import billing_usage_asset
from hologram_assets.assets.daily_link_usage import daily_link_usage_asset
from hologram_assets.assets.fleet_summary import fleet_summary_asset
from hologram_assets.assets.network_changes import network_changes_asset
from hologram_assets.assets.overage_report import overage_report_asset
from hologram_assets.assets.plan_catalog import plan_catalog_asset
from hologram_assets.assets.plan_recommendations import plan_recommendations_asset
from hologram_assets.assets.published import Reports
from hologram_assets.assets.raw_sessions import raw_sessions_asset
from hologram_assets.assets.sim_inventory import sim_inventory_asset
from hologram_assets.checks.derived import CHANGES_ADD_UP, CLOSED_PERIODS_RECONCILE, EVERY_SIM_PRICED, up_to_date
from hologram_assets.checks.evaluate import asset_checks
from hologram_assets.checks.ingest import every_rat_mapped, every_row_readable, nothing_missing_upstream
from hologram_assets.checks.keys import keys_are_sound
from hologram_assets.domain.alerts import NETWORK, OVERAGE
from hologram_assets.domain.pricing import PricingRules
from hologram_assets.jobs import refresh_job, settle_job
from hologram_assets.partitions import Loadable, day_by_org
from hologram_assets.resources.hologram import HologramResource
from hologram_assets.resources.slack import SlackResource
from hologram_assets.resources.warehouse import WarehouseResource
from hologram_assets.schedules import DAILY, HOURLY, WEEKLY, schedule_of
from hologram_assets.sensors.alert_delivery import alert_delivery
from hologram_assets.sensors.check_failures import check_failures
from hologram_assets.sensors.lost_runs import lost_runs
from hologram_assets.sensors.org_registry import org_registry
from hologram_assets.sensors.run_failures import run_failures
from hologram_assets.settings import Settings, load_settings
from hologram_assets.warehouse.tables import (
    ALERTS,
    BILLING_USAGE,
    DAILY_LINK_USAGE,
    FLEET_SUMMARY,
    NETWORK_CHANGES,
    OVERAGE_REPORT,
    PLAN_CATALOG,
    PLAN_RECOMMENDATIONS,
    RAW_SESSIONS,
    SIM_INVENTORY,
)

Partitions = PartitionsDefinition[Any]


def build_defs(settings: Settings | None = None, resources: Mapping[str, object] | None = None) -> Definitions:
    """Everything the code location holds.

    Args:
        settings: instead of the environment's.
        resources: instead of some of `hologram`, `warehouse` and `slack`.

    Raises:
        SettingsError: the environment can't be used. A missing API key is no reason: the location loads without one.
    """
    settings = settings or load_settings()
    partitions = day_by_org(settings.hologram_start_date)
    refresh, settle = refresh_job(), settle_job()
    with warnings.catch_warnings():
        # In beta: it only adds where in these files an asset is, for the UI to open.
        warnings.simplefilter("ignore", BetaWarning)
        assets = with_source_code_references(_assets(settings, partitions))
    return Definitions(
        assets=assets,
        asset_checks=_checks(settings, partitions),
        jobs=[refresh, settle],
        schedules=_schedules(settings, refresh, settle),
        sensors=_sensors(settings, refresh),
        resources=_resources(settings) | dict(resources or {}),
        # Runs are short and wait on the network: eight empty steps take 46 s as processes and 6 s in one.
        executor=in_process_executor,
    )


def _assets(settings: Settings, partitions: Partitions) -> list[AssetsDefinition]:
    assignments = settings.plan_assignments()
    # Read once, and now: a mistake in what one organisation has of its own is found when the location loads.
    rules = settings.rules
    rat_levels, network_aliases = settings.rat_levels(), settings.network_aliases()

    def calendar_month(org_id: int) -> bool:
        return settings.billing_mode(org_id) == "calendar_month"

    def pricing(org_id: int) -> PricingRules:
        return rules.of(org_id).pricing

    return [
        raw_sessions_asset(partitions),
        billing_usage_asset(partitions),
        plan_catalog_asset(partitions, assignments),
        sim_inventory_asset(partitions),
        daily_link_usage_asset(partitions),
        network_changes_asset(partitions, lambda org_id: rules.of(org_id).network, rat_levels, network_aliases),
        overage_report_asset(
            partitions,
            calendar_month=calendar_month,
            rules=pricing,
            forecast_rules=lambda org_id: rules.of(org_id).forecast,
            assignments=assignments,
        ),
        alerts_asset(partitions, settings.alert_rules()),
        plan_recommendations_asset(
            partitions, calendar_month, pricing, rules=lambda org_id: rules.of(org_id).recommendations
        ),
        fleet_summary_asset(
            partitions,
            calendar_month,
            pricing,
            Reports(settings.reports_folder, settings.hologram_reports_kept, settings.hologram_bi_copy),
        ),
    ]


def _schedules(
    settings: Settings, refresh: UnresolvedAssetJobDefinition, settle: UnresolvedAssetJobDefinition
) -> list[ScheduleDefinition]:
    status = DefaultScheduleStatus.RUNNING if settings.hologram_automation else DefaultScheduleStatus.STOPPED
    return [
        schedule_of(rhythm, job, _org_ids_of_now, _loadable(settings), status)
        for rhythm, job in ((HOURLY, refresh), (DAILY, settle), (WEEKLY, settle))
    ]


def _sensors(settings: Settings, refresh: UnresolvedAssetJobDefinition) -> list[SensorDefinition]:
    webserver = settings.dagster_webserver_url
    status = DefaultSensorStatus.RUNNING if settings.hologram_automation else DefaultSensorStatus.STOPPED
    return [
        org_registry(_org_ids_of_now, refresh, settings.hologram_new_org_days, _loadable(settings), status),
        alert_delivery(
            "overage_alert_sensor",
            OVERAGE,
            webserver,
            "Tells Slack about overage: steps of an allowance, a forecast overage, pay-as-you-go spend.",
            status,
        ),
        alert_delivery(
            "network_change_sensor",
            NETWORK,
            webserver,
            "Tells Slack about unexpected changes of network, RAT, country and device.",
            status,
        ),
        run_failures(webserver, status),
        check_failures(webserver, status),
        lost_runs(status),
    ]


def _org_ids_of_now() -> tuple[int, ...]:
    return load_settings().hologram_org_ids


def _loadable(settings: Settings) -> Loadable:
    return Loadable(settings.hologram_start_date, settings.hologram_retention_days)


def _checks(settings: Settings, partitions: Partitions) -> list[AssetChecksDefinition]:
    by_table = {
        RAW_SESSIONS: [
            every_row_readable(RAW_SESSIONS),
            nothing_missing_upstream(RAW_SESSIONS),
            every_rat_mapped(settings.rat_levels().keys()),
        ],
        BILLING_USAGE: [every_row_readable(BILLING_USAGE), nothing_missing_upstream(BILLING_USAGE)],
        PLAN_CATALOG: [every_row_readable(PLAN_CATALOG), nothing_missing_upstream(PLAN_CATALOG)],
        SIM_INVENTORY: [every_row_readable(SIM_INVENTORY), nothing_missing_upstream(SIM_INVENTORY)],
        DAILY_LINK_USAGE: [up_to_date(DAILY_LINK_USAGE)],
        NETWORK_CHANGES: [up_to_date(NETWORK_CHANGES)],
        ALERTS: [up_to_date(ALERTS)],
        PLAN_RECOMMENDATIONS: [up_to_date(PLAN_RECOMMENDATIONS)],
        FLEET_SUMMARY: [up_to_date(FLEET_SUMMARY), CHANGES_ADD_UP],
        OVERAGE_REPORT: [up_to_date(OVERAGE_REPORT), EVERY_SIM_PRICED, CLOSED_PERIODS_RECONCILE],
    }
    return [asset_checks(table, [keys_are_sound(table), *checks], partitions) for table, checks in by_table.items()]


def hologram_resource(settings: Settings, attempts: int = 5) -> HologramResource:
    """The Hologram resource of the settings; `attempts` per request before a failure that may pass is given up."""
    return HologramResource(
        base_url=settings.hologram_base_url,
        page_size=settings.hologram_page_size,
        max_connections=settings.hologram_max_connections,
        requests_per_second=settings.hologram_requests_per_second,
        timeout_seconds=settings.hologram_timeout_seconds,
        window_margin_hours=settings.hologram_window_margin_hours,
        retention_days=settings.hologram_retention_days,
        attempts=attempts,
    )


def _resources(settings: Settings) -> dict[str, object]:
    return {
        "hologram": hologram_resource(settings),
        "warehouse": WarehouseResource(database=settings.hologram_warehouse),
        "slack": SlackResource(
            base_url=settings.slack_base_url,
            channel=settings.slack_channel or "",
            channels={str(org_id): channel for org_id, channel in settings.slack_channels.items()},
        ),
    }
