"""Sessions of other days than those a run was asked for: what comes with a window, and SIMs that are read again.

A window is asked for with a margin on both sides, so it brings sessions of the days beside it: what is new among them is
stored as well. A settle asks for all sessions of some days. A session that came later than that is still lacking when its
period has ended; the total then differs, and says which SIM to ask for: that one's period, and nobody else's.
"""

import tempfile
from collections.abc import Collection, Sequence
from datetime import date, timedelta
from functools import partial
from pathlib import Path

from dagster import AssetExecutionContext

from hologram_assets.api.queries import SessionQuery
from hologram_assets.api.slicing import StagedSlice, cut, staged_slices
from hologram_assets.assets.daywise import Days, explained
from hologram_assets.domain.periods import start_of_day
from hologram_assets.partitions import OrgDay, first_kept, today
from hologram_assets.resources.hologram import HologramResource
from hologram_assets.resources.warehouse import WarehouseResource
from hologram_assets.warehouse import sessions
from hologram_assets.warehouse.connection import WarehouseMissingError
from hologram_assets.warehouse.known import DifferingPeriod, differing_periods, loaded_days
from hologram_assets.warehouse.staging import Packer, packer

# Of a fleet of which nothing agrees, reading every SIM's month again every day would load it twice over.
MOST_SIMS = 500
_SIMS_PER_QUERY = 100  # ids of nine digits: a URL of about 1 kB


def reread_differing_periods(
    context: AssetExecutionContext,
    days: Days,
    org_id: int,
    ended: Collection[date],
    hologram: HologramResource,
    warehouse: WarehouseResource,
) -> None:
    """Fetch the sessions of these SIMs' periods and merge what is new or changed into days that are loaded.

    The run's own days were just read whole. An API that fails here leaves the difference for the next settle.

    Args:
        context: of the run.
        days: of the step; days that change are told to Dagster besides its own.
        org_id: organisation.
        ended: the days on which the periods ended.
        hologram: the API.
        warehouse: where to.
    """
    try:
        with warehouse.warehouse.read() as connection:
            periods = differing_periods(connection, org_id, ended)
    except WarehouseMissingError:
        return
    if not periods:
        return
    asked = periods[:MOST_SIMS]
    left = f"; {len(periods) - len(asked)} with smaller differences are left for later" if asked != periods else ""
    context.log.info(
        f"organisation {org_id}: {len(asked)} SIMs whose period ended and doesn't agree with Hologram's total are read "
        f"again{left}"
    )
    for first in range(0, len(asked), _SIMS_PER_QUERY):
        _reread(context, days, org_id, asked[first : first + _SIMS_PER_QUERY], hologram, warehouse)


def _reread(
    context: AssetExecutionContext,
    days: Days,
    org_id: int,
    periods: Sequence[DifferingPeriod],
    hologram: HologramResource,
    warehouse: WarehouseResource,
) -> None:
    margin = timedelta(hours=hologram.window_margin_hours)
    kept = start_of_day(first_kept(today(), hologram.retention_days))
    start = max(min(period.start for period in periods) - margin, kept)
    end = max(period.end for period in periods) + margin
    query = SessionQuery(
        orgid=org_id,
        linkids=sorted({period.linkid for period in periods}),
        getplaninfo=True,
        getcountryinfo=True,
    )
    with (
        tempfile.TemporaryDirectory(prefix="hologram-") as folder,
        packer() as packing,
        hologram.client(org_id) as client,
    ):
        pieces = cut(start, end, 1)
        staged = list(staged_slices(client, query, pieces, Path(folder), hologram.max_connections, packing.pack))
        broken = next((piece.error for piece in staged if piece.error is not None), None)
        if broken is not None:
            context.log.warning(f"their sessions could not be read again: {explained(broken, org_id)}")
            return
        merge_whatever_came(context, days, org_id, staged, packing, warehouse, api_calls=client.calls)


def merge_whatever_came(
    context: AssetExecutionContext,
    days: Days,
    org_id: int,
    staged: Sequence[StagedSlice],
    packing: Packer,
    warehouse: WarehouseResource,
    *,
    merged: Collection[tuple[Path, date]] = (),
    api_calls: int = 0,
) -> None:
    """Merge fetched sessions that are new or changed into the loaded days they ended on, whatever was asked for.

    Args:
        context: of the run.
        days: of the step.
        org_id: organisation.
        staged: what was fetched.
        packing: knows which days the files hold.
        warehouse: where to.
        merged: what need not be looked at: files, and the day that they were merged into.
        api_calls: counted for the first of the days that differ.
    """
    files = [path for piece in staged if piece.error is None for path in piece.files]
    came = packing.days(files)
    left = [day for day, of_day in came.items() if any((path, day) not in merged for path in of_day)]
    if not left:
        return
    try:
        with warehouse.warehouse.read() as connection:
            known = loaded_days(connection, org_id, left)
            changed = [day for day in known if sessions.differs(connection, org_id, day, files)]
    except WarehouseMissingError:
        return
    for day in changed:
        partition = OrgDay(org_id, day)
        if days.has_failed(partition):
            continue
        days.store(
            partition,
            warehouse.warehouse,
            partial(
                sessions.merge_day,
                org_id=org_id,
                day=day,
                files=files,
                complete_through=None,
                rejected=[
                    (row.reason, row.raw)
                    for piece in staged
                    for row in piece.rejected
                    if row.moment is not None and row.moment.date() == day
                ],
                run_id=context.run.run_id,
            ),
            api_calls=api_calls if day == changed[0] else 0,
        )
