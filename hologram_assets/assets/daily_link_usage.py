"""`daily_link_usage`: a day's sessions summed per SIM, network, country, RAT and IMEI.

It exists so that a 30-day period and a 28-day baseline are sums over small rows.
"""

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from typing import Any

import duckdb
from dagster import AssetExecutionContext, AssetsDefinition, PartitionsDefinition

from hologram_assets.assets import shown
from hologram_assets.assets.daywise import Days
from hologram_assets.assets.declare import declared
from hologram_assets.pictures import mix
from hologram_assets.resources.warehouse import WarehouseResource
from hologram_assets.warehouse.derived import write_daily_link_usage
from hologram_assets.warehouse.pictures import day_mixes
from hologram_assets.warehouse.tables import DAILY_LINK_USAGE, RAW_SESSIONS


def daily_link_usage_asset(partitions: PartitionsDefinition[Any]) -> AssetsDefinition:
    """The asset."""

    @declared(
        DAILY_LINK_USAGE,
        partitions,
        group="usage",
        deps=[RAW_SESSIONS],
        description="A day's sessions summed, so that periods and baselines are sums over small rows.",
    )
    def daily_link_usage(context: AssetExecutionContext, warehouse: WarehouseResource) -> None:
        derive_daily_link_usage(context, warehouse)

    return daily_link_usage


def derive_daily_link_usage(context: AssetExecutionContext, warehouse: WarehouseResource) -> None:
    """Sum each of the run's days."""
    with Days(context) as days:
        days.derive(
            warehouse.warehouse,
            lambda day: partial(write_daily_link_usage, org_id=day.org_id, day=day.day, run_id=context.run.run_id),
        )
        shown.add_pictures(context, days, warehouse.warehouse, {"network_and_rat_mix": _mix})


def _mix(connection: duckdb.DuckDBPyConnection, org_id: int, first: date, last: date) -> Callable[[date], str]:
    mixes = day_mixes(connection, org_id, first - timedelta(days=mix.DAYS - 1), last)
    return lambda day: mix.network_and_rat_mix(org_id, day, mixes)
