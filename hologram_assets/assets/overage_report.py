"""`overage_report`: per SIM the usage of its billing period against the allowance, and what the overage costs.

Also writes `closed_periods`: the periods that ended on the day, with Hologram's total beside ours.
"""

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import duckdb
from dagster import AssetExecutionContext, AssetsDefinition, PartitionsDefinition

from hologram_assets.assets.daywise import Days, Metadata
from hologram_assets.assets.declare import declared
from hologram_assets.domain.inventory import PlanAssignment
from hologram_assets.domain.pricing import PricingRules
from hologram_assets.partitions import OrgDay
from hologram_assets.resources.warehouse import WarehouseResource
from hologram_assets.warehouse.derived import write_overage_report
from hologram_assets.warehouse.tables import (
    BILLING_USAGE,
    DAILY_LINK_USAGE,
    OVERAGE_REPORT,
    PLAN_CATALOG,
    SIM_INVENTORY,
)


def overage_report_asset(
    partitions: PartitionsDefinition[Any],
    calendar_month: Callable[[int], bool],
    rules: PricingRules,
    assignments: tuple[PlanAssignment, ...],
) -> AssetsDefinition:
    """The asset; `calendar_month` says whether an organisation is invoiced by month."""

    @declared(
        OVERAGE_REPORT,
        partitions,
        group="overage",
        deps=[DAILY_LINK_USAGE, BILLING_USAGE, PLAN_CATALOG, SIM_INVENTORY],
        description=(
            "Which SIMs are over their allowance at the end of the day, and what it costs so far. Periods that ended on "
            "the day go to `hologram.closed_periods`, with Hologram's total beside ours."
        ),
    )
    def overage_report(context: AssetExecutionContext, warehouse: WarehouseResource) -> None:
        derive_overage_report(context, warehouse, calendar_month, rules, assignments)

    return overage_report


def derive_overage_report(
    context: AssetExecutionContext,
    warehouse: WarehouseResource,
    calendar_month: Callable[[int], bool],
    rules: PricingRules,
    assignments: tuple[PlanAssignment, ...],
) -> None:
    """Write the report of each of the run's days; `calendar_month` says whether an organisation is invoiced by month."""
    with Days(context) as days:
        for partition in days.partitions:
            days.store(
                partition,
                warehouse.warehouse,
                partial(
                    write_overage_report,
                    org_id=partition.org_id,
                    day=partition.day,
                    calendar_month=calendar_month(partition.org_id),
                    rules=rules,
                    assignments=assignments,
                    run_id=context.run.run_id,
                ),
                more=partial(_totals, partition=partition),
            )


def _totals(connection: duckdb.DuckDBPyConnection, partition: OrgDay) -> Metadata:
    row = connection.execute(
        """SELECT count(*) FILTER (WHERE status = 'over'),
                  count(*) FILTER (WHERE status = 'payg'),
                  count(*) FILTER (WHERE status = 'unknown'),
                  count(*) FILTER (WHERE pricing_status <> 'priced'),
                  coalesce(sum(overage_cost), 0),
                  coalesce(sum(usage_charge), 0),
                  coalesce(sum(usage_bytes), 0)
           FROM hologram.overage_report WHERE org_id = ? AND day = ?""",
        list(partition),
    ).fetchone()
    over, payg, unknown, unpriced, overage, usage, size = row or (0, 0, 0, 0, Decimal(0), Decimal(0), 0)
    return {
        "sims_over": over,
        "sims_payg": payg,
        "sims_unknown": unknown,
        "unpriced_sims": unpriced,
        # Dagster plots floats; the exact sums are in the table.
        "overage_cost_usd": float(overage),
        "usage_charge_usd": float(usage),
        "bytes": int(size),
    }
