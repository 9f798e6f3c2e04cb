"""`billing_usage`: Hologram's total per SIM for the billing period in force at the end of each day."""

from functools import partial
from typing import Any

from dagster import AssetExecutionContext, AssetsDefinition, PartitionsDefinition

from hologram_assets.api.queries import BillingQuery
from hologram_assets.api.records import BillingTotal, Rejected
from hologram_assets.assets.daywise import Days, asking
from hologram_assets.assets.declare import declared
from hologram_assets.partitions import OrgDay, days_by_org
from hologram_assets.resources.hologram import HologramResource
from hologram_assets.resources.warehouse import WarehouseResource
from hologram_assets.warehouse import billing
from hologram_assets.warehouse.known import known_linkids
from hologram_assets.warehouse.loads import utc_now
from hologram_assets.warehouse.tables import BILLING_USAGE, PLAN_CATALOG, SIM_INVENTORY


def billing_usage_asset(partitions: PartitionsDefinition[Any]) -> AssetsDefinition:
    """The asset."""

    @declared(
        BILLING_USAGE,
        partitions,
        group="ingest",
        asks_hologram=True,
        deps=[PLAN_CATALOG, SIM_INVENTORY],
        description=(
            "Hologram's total per SIM for the billing period in force at the end of each day, from "
            "`/usage/data/billing`. Every period that Hologram names is kept in `hologram.billing_periods`. Depends on "
            "plans and SIMs because a period lasts 30 days times the plan's `billingperiod`."
        ),
    )
    def billing_usage(context: AssetExecutionContext, hologram: HologramResource, warehouse: WarehouseResource) -> None:
        load_billing_usage(context, hologram, warehouse)

    return billing_usage


def load_billing_usage(
    context: AssetExecutionContext, hologram: HologramResource, warehouse: WarehouseResource
) -> None:
    """Fetch the organisation's totals once for the run and write each day's periods from them."""
    with Days(context) as days:
        for org_id, wanted in days_by_org(day.key for day in days.partitions).items():
            fetched_at = utc_now()
            with hologram.client(org_id) as client, asking(org_id):
                known = known_linkids(warehouse.warehouse, org_id)
                answer = client.billing_totals(BillingQuery(orgid=org_id), known)
                calls = client.calls
            for day in wanted:
                days.store(
                    OrgDay(org_id, day),
                    warehouse.warehouse,
                    partial(
                        billing.merge_day,
                        org_id=org_id,
                        day=day,
                        totals=[row for row in answer if isinstance(row, BillingTotal)],
                        fetched_at=fetched_at,
                        rejected=[(row.reason, row.raw) for row in answer if isinstance(row, Rejected)],
                        run_id=context.run.run_id,
                    ),
                    # The run asks once for all its days; the calls are counted for the first.
                    api_calls=calls if day == wanted[0] else 0,
                )
