"""`overage_report`: per SIM the usage of its billing period against the allowance, and what the overage costs.

Also writes `closed_periods`: the periods that ended on the day, with Hologram's total beside ours.
"""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import duckdb
from dagster import AssetExecutionContext, AssetsDefinition, PartitionsDefinition

from hologram_assets.assets import shown
from hologram_assets.assets.daywise import Days, Metadata
from hologram_assets.assets.declare import declared
from hologram_assets.assets.shown import MOST_SHOWN, Picture, shown_table
from hologram_assets.domain.forecast import ForecastRules
from hologram_assets.domain.inventory import PlanAssignment
from hologram_assets.domain.pricing import PricingRules
from hologram_assets.partitions import OrgDay
from hologram_assets.pictures import cost, usage
from hologram_assets.pictures.words import one_line
from hologram_assets.resources.warehouse import WarehouseResource
from hologram_assets.warehouse.derived import write_overage_report
from hologram_assets.warehouse.pictures import day_costs, fleet_usage, worst_sims
from hologram_assets.warehouse.tables import (
    BILLING_USAGE,
    DAILY_LINK_USAGE,
    OVERAGE_REPORT,
    PLAN_CATALOG,
    SIM_INVENTORY,
)

_LONGEST_NAME = 24


def overage_report_asset(
    partitions: PartitionsDefinition[Any],
    calendar_month: Callable[[int], bool],
    rules: Callable[[int], PricingRules],
    forecast_rules: Callable[[int], ForecastRules],
    assignments: tuple[PlanAssignment, ...],
) -> AssetsDefinition:
    """The asset; of an organisation says `calendar_month` whether it is invoiced by month, `rules` how it is measured."""

    @declared(
        OVERAGE_REPORT,
        partitions,
        group="overage",
        deps=[DAILY_LINK_USAGE, BILLING_USAGE, PLAN_CATALOG, SIM_INVENTORY],
        description=(
            "Which SIMs are over their allowance at the end of the day, what it costs so far, and where they will stand at "
            "the end of their period. Periods that ended on the day go to `hologram.closed_periods`, with Hologram's "
            "total beside ours."
        ),
    )
    def overage_report(context: AssetExecutionContext, warehouse: WarehouseResource) -> None:
        derive_overage_report(context, warehouse, calendar_month, rules, forecast_rules, assignments)

    return overage_report


def derive_overage_report(
    context: AssetExecutionContext,
    warehouse: WarehouseResource,
    calendar_month: Callable[[int], bool],
    rules: Callable[[int], PricingRules],
    forecast_rules: Callable[[int], ForecastRules],
    assignments: tuple[PlanAssignment, ...],
) -> None:
    """Write the report of each of the run's days; the arguments are those of `overage_report_asset`."""
    with Days(context) as days:
        days.derive(
            warehouse.warehouse,
            lambda day: partial(
                write_overage_report,
                org_id=day.org_id,
                day=day.day,
                calendar_month=calendar_month(day.org_id),
                rules=rules(day.org_id),
                forecast_rules=forecast_rules(day.org_id),
                assignments=assignments,
                run_id=context.run.run_id,
            ),
            lambda day: partial(_shown, partition=day),
        )
        shown.add_pictures(context, days, warehouse.warehouse, _PICTURES)


def _usage(connection: duckdb.DuckDBPyConnection, org_id: int, first: date, last: date) -> Callable[[date], str]:
    fleets = fleet_usage(connection, org_id, first, last)
    return lambda day: usage.usage_against_allowance(org_id, day, fleets[day])


def _cost(connection: duckdb.DuckDBPyConnection, org_id: int, first: date, last: date) -> Callable[[date], str]:
    costs = day_costs(connection, org_id, first - timedelta(days=cost.DAYS - 1), last)
    return lambda day: cost.cost_per_day(org_id, day, costs)


_PICTURES: dict[str, Picture] = {"usage_against_allowance": _usage, "cost_per_day": _cost}


def _shown(connection: duckdb.DuckDBPyConnection, partition: OrgDay) -> Metadata:
    worst = worst_sims(connection, *partition, MOST_SHOWN)
    return dict(_totals(connection, partition)) | ({"worst_sims": shown_table(map(_sim, worst))} if worst else {})


def _sim(row: dict[str, Any]) -> dict[str, str]:
    """A row of the report as text; money to its last digit, ? where something isn't known."""

    def megabytes(size: int | None) -> str:
        return "?" if size is None else f"{size / 1e6:,.2f}"

    def usd(*amounts: Decimal | None) -> str:
        known = [amount for amount in amounts if amount is not None]
        return f"{sum(known, Decimal(0)):,.6f}" if known else "?"

    # The UI cuts a wide table off at the right: what matters most stands left.
    return {
        "SIM": str(row["linkid"]),
        "status": row["status"] if row["pricing_status"] == "priced" else f"{row['status']} ({row['pricing_status']})",
        "%": "" if row["pct_used"] is None else f"{row['pct_used']:.0f}",
        "cost $": usd(row["overage_cost"], row["usage_charge"]),
        "expected $": usd(row["projected_overage_cost"], row["projected_usage_charge"]),
        "device": one_line(row["device_name"] or "", _LONGEST_NAME),
        "used MB": megabytes(row["usage_bytes"]),
        "of MB": megabytes(row["included_bytes"]),
    }


def _totals(connection: duckdb.DuckDBPyConnection, partition: OrgDay) -> Metadata:
    row = connection.execute(
        """SELECT count(*) FILTER (WHERE status = 'over'),
                  count(*) FILTER (WHERE status = 'will_exceed'),
                  count(*) FILTER (WHERE status = 'at_risk'),
                  count(*) FILTER (WHERE status = 'payg'),
                  count(*) FILTER (WHERE status = 'unknown'),
                  count(*) FILTER (WHERE pricing_status <> 'priced'),
                  coalesce(sum(overage_cost), 0),
                  coalesce(sum(projected_overage_cost), 0),
                  coalesce(sum(usage_charge), 0),
                  coalesce(sum(usage_bytes), 0)
           FROM hologram.overage_report WHERE org_id = ? AND day = ?""",
        list(partition),
    ).fetchone()
    zero = Decimal(0)
    over, exceeding, at_risk, payg, unknown, unpriced, overage, projected, usage, size = row or (
        (0,) * 6 + (zero, zero, zero, 0)
    )
    return {
        "sims_over": over,
        "sims_will_exceed": exceeding,
        "sims_at_risk": at_risk,
        "sims_payg": payg,
        "sims_unknown": unknown,
        "unpriced_sims": unpriced,
        # Dagster plots floats; the exact sums are in the table.
        "overage_cost_usd": float(overage),
        "projected_overage_cost_usd": float(projected),
        "usage_charge_usd": float(usage),
        "bytes": int(size),
    }
