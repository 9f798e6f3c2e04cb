"""`fleet_summary`: what the fleet costs, and what made that change. The last asset: what it makes, people look at."""

from collections.abc import Callable
from functools import partial
from typing import Any

import duckdb
from dagster import AssetExecutionContext, AssetsDefinition, PartitionsDefinition

from hologram_assets.assets.daywise import Days, Metadata
from hologram_assets.assets.declare import declared
from hologram_assets.assets.published import Reports, publish
from hologram_assets.assets.shown import shown_table
from hologram_assets.domain.pricing import PricingRules
from hologram_assets.partitions import OrgDay
from hologram_assets.resources.warehouse import WarehouseResource
from hologram_assets.warehouse.money import write_fleet_summary
from hologram_assets.warehouse.tables import (
    COST_EFFECTS,
    FLEET_COST_CHANGES,
    FLEET_SUMMARY,
    OVERAGE_REPORT,
    PLAN_CATALOG,
    PLAN_RECOMMENDATIONS,
)


def fleet_summary_asset(
    partitions: PartitionsDefinition[Any],
    calendar_month: Callable[[int], bool],
    pricing: Callable[[int], PricingRules],
    reports: Reports,
) -> AssetsDefinition:
    """The asset; of an organisation says `calendar_month` whether it is invoiced by month. What it makes is published."""

    @declared(
        FLEET_SUMMARY,
        partitions,
        group="money",
        deps=[OVERAGE_REPORT, PLAN_CATALOG, PLAN_RECOMMENDATIONS],
        description=(
            "Cost to date and expected at the periods' ends, per plan and in all. Why that differs from yesterday's and "
            f"from the last period's stands in `{FLEET_COST_CHANGES.qualified}`."
        ),
    )
    def fleet_summary(context: AssetExecutionContext, warehouse: WarehouseResource) -> None:
        with Days(context) as days:
            days.derive(
                warehouse.warehouse,
                lambda day: partial(
                    write_fleet_summary,
                    org_id=day.org_id,
                    day=day.day,
                    calendar_month=calendar_month(day.org_id),
                    pricing=pricing(day.org_id),
                    run_id=context.run.run_id,
                ),
                lambda day: partial(_shown, partition=day),
            )
            publish(context, days, warehouse.warehouse, reports)

    return fleet_summary


def _shown(connection: duckdb.DuckDBPyConnection, partition: OrgDay) -> Metadata:
    row = connection.execute(
        f"""SELECT sims, cost_to_date, projected_cost, bound_cost, overage_cost, uncapped_sims
            FROM {FLEET_SUMMARY.qualified} WHERE org_id = ? AND day = ? AND scope = 'total'""",
        list(partition),
    ).fetchone()
    sims, to_date, projected, bound, overage, uncapped = row or (0,) * 6
    changes = connection.execute(
        f"""SELECT since, compared_day, before_cost, {", ".join(COST_EFFECTS)}, after_cost
            FROM {FLEET_COST_CHANGES.qualified} WHERE org_id = ? AND day = ? AND scope = 'total' ORDER BY since DESC""",
        list(partition),
    ).fetchall()
    names = ("since", "day", "was $", *(effect.replace("_", " ") for effect in COST_EFFECTS), "is $")
    return {
        "sims": sims,
        # Dagster plots floats; the exact sums are in the table.
        "cost_to_date_usd": float(to_date),
        "projected_cost_usd": float(projected),
        "bound_cost_usd": float(bound),
        "overage_cost_usd": float(overage),
        "uncapped_sims": uncapped,
        **(
            {"what_changed": shown_table(dict(zip(names, change, strict=True)) for change in changes)}
            if changes
            else {}
        ),
    }
