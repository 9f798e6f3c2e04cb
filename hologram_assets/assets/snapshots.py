"""What the two snapshot assets share: one answer of the API, written to each of the run's days."""

from collections.abc import Sequence
from datetime import date, datetime
from functools import partial

from dagster import AssetExecutionContext

from hologram_assets.api.plans import PlanPrice
from hologram_assets.api.records import Link, Rejected
from hologram_assets.assets.daywise import Days
from hologram_assets.partitions import OrgDay
from hologram_assets.warehouse.connection import Warehouse
from hologram_assets.warehouse.snapshots import merge_snapshot
from hologram_assets.warehouse.tables import Table


def store_snapshots(
    context: AssetExecutionContext,
    days: Days,
    warehouse: Warehouse,
    table: Table,
    org_id: int,
    wanted: Sequence[date],
    answer: Sequence[PlanPrice | Link | Rejected],
    *,
    fetched_at: datetime,
    api_calls: int,
) -> None:
    """Write the answer to each day; its requests are counted for the first, since the run asks once for all."""
    for day in wanted:
        days.store(
            OrgDay(org_id, day),
            warehouse,
            partial(
                merge_snapshot,
                table=table,
                org_id=org_id,
                day=day,
                rows=[row._asdict() for row in answer if not isinstance(row, Rejected)],
                is_today=day == fetched_at.date(),
                fetched_at=fetched_at,
                rejected=[(row.reason, row.raw) for row in answer if isinstance(row, Rejected)],
                run_id=context.run.run_id,
            ),
            api_calls=api_calls if day == wanted[0] else 0,
        )
