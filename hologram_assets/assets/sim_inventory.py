"""`sim_inventory`: which SIMs there are, and which plan each is on: a snapshot a day is the only history there is."""

from typing import Any

from dagster import AssetExecutionContext, AssetsDefinition, PartitionsDefinition

from hologram_assets.api.client import HologramClient
from hologram_assets.api.errors import ForbiddenError, NotFoundError
from hologram_assets.api.queries import LinkQuery
from hologram_assets.api.records import Link, Rejected
from hologram_assets.assets.daywise import Days, asking
from hologram_assets.assets.declare import declared
from hologram_assets.assets.snapshots import store_snapshots
from hologram_assets.partitions import days_by_org
from hologram_assets.resources.hologram import HologramResource
from hologram_assets.resources.warehouse import WarehouseResource
from hologram_assets.warehouse.loads import utc_now
from hologram_assets.warehouse.tables import SIM_INVENTORY


def sim_inventory_asset(partitions: PartitionsDefinition[Any]) -> AssetsDefinition:
    """The asset."""

    @declared(
        SIM_INVENTORY,
        partitions,
        group="ingest",
        asks_hologram=True,
        description=(
            "Every SIM with its plan, zone, state and overage limit from `/links/cellular`. The API tells only the "
            "present, so a snapshot each day is the only history there is. SIM secrets are never stored."
        ),
    )
    def sim_inventory(context: AssetExecutionContext, hologram: HologramResource, warehouse: WarehouseResource) -> None:
        load_sim_inventory(context, hologram, warehouse)

    return sim_inventory


def load_sim_inventory(
    context: AssetExecutionContext, hologram: HologramResource, warehouse: WarehouseResource
) -> None:
    """Fetch the organisation's SIMs once for the run and write each day's snapshot."""
    with Days(context) as days:
        for org_id, wanted in days_by_org(day.key for day in days.partitions).items():
            fetched_at = utc_now()
            with hologram.client(org_id) as client, asking(org_id):
                answer = _links(context, client, org_id)
                calls = client.calls
            store_snapshots(
                context,
                days,
                warehouse.warehouse,
                SIM_INVENTORY,
                org_id,
                wanted,
                answer,
                fetched_at=fetched_at,
                api_calls=calls,
            )


def _links(context: AssetExecutionContext, client: HologramClient, org_id: int) -> list[Link | Rejected]:
    """The SIMs; none if the key may not read links but is good for the rest."""
    try:
        return client.links(LinkQuery(orgid=org_id))
    except (ForbiddenError, NotFoundError) as error:
        # A key that may not read plans either is a wrong key, and that stops the run.
        client.probe("plans", org_id)
        context.log.warning(
            f"organisation {org_id}: the key may not read links ({error}). Plans come from HOLOGRAM_PLAN_ASSIGNMENTS "
            "or from the sessions; what is stored stays"
        )
        return []
