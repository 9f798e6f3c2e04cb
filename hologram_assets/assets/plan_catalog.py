"""`plan_catalog`: what every plan costs, per tier and zone; also plans no longer offered that SIMs still sit on."""

from typing import Any

from dagster import AssetExecutionContext, AssetsDefinition, PartitionsDefinition

from hologram_assets.api.errors import PermanentError
from hologram_assets.api.plans import PlanPrice
from hologram_assets.api.queries import PlanQuery
from hologram_assets.assets.daywise import Days, asking
from hologram_assets.assets.declare import declared
from hologram_assets.assets.snapshots import store_snapshots
from hologram_assets.domain.inventory import PlanAssignment
from hologram_assets.partitions import days_by_org
from hologram_assets.resources.hologram import HologramResource
from hologram_assets.resources.warehouse import WarehouseResource
from hologram_assets.warehouse.known import plans_in_use
from hologram_assets.warehouse.loads import utc_now
from hologram_assets.warehouse.tables import PLAN_CATALOG, SIM_INVENTORY


def plan_catalog_asset(
    partitions: PartitionsDefinition[Any], assignments: tuple[PlanAssignment, ...]
) -> AssetsDefinition:
    """The asset."""

    @declared(
        PLAN_CATALOG,
        partitions,
        group="ingest",
        asks_hologram=True,
        deps=[SIM_INVENTORY],
        description=(
            "Prices per plan, tier and zone from `/plans`; plans that SIMs are on but the list lacks come from "
            "`/plans/{id}`. A day's prices are frozen when the day is over."
        ),
    )
    def plan_catalog(context: AssetExecutionContext, hologram: HologramResource, warehouse: WarehouseResource) -> None:
        load_plan_catalog(context, hologram, warehouse, assignments)

    return plan_catalog


def load_plan_catalog(
    context: AssetExecutionContext,
    hologram: HologramResource,
    warehouse: WarehouseResource,
    assignments: tuple[PlanAssignment, ...],
) -> None:
    """Fetch the plans once for the run, those in use but missing from the list by their ids, and write each day."""
    with Days(context) as days:
        for org_id, wanted in days_by_org(day.key for day in days.partitions).items():
            fetched_at = utc_now()
            in_use = {*plans_in_use(warehouse.warehouse, org_id, wanted), *(row.plan_id for row in assignments)}
            with hologram.client(org_id) as client, asking(org_id):
                answer = client.plans(PlanQuery(orgid=org_id))
                listed = {row.plan_id for row in answer if isinstance(row, PlanPrice)}
                for plan_id in sorted(in_use - listed):
                    try:
                        answer += client.plan(org_id, plan_id)
                    except PermanentError as error:
                        # One plan that can't be read leaves its SIMs unpriced, and the others priced.
                        context.log.warning(f"organisation {org_id}: plan {plan_id} is not known: {error}")
                calls = client.calls
            store_snapshots(
                context,
                days,
                warehouse.warehouse,
                PLAN_CATALOG,
                org_id,
                wanted,
                answer,
                fetched_at=fetched_at,
                api_calls=calls,
            )
