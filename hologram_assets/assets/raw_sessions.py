"""`raw_sessions`: closed data sessions, merged by `record_id`."""

import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from dagster import AssetExecutionContext, AssetsDefinition, PartitionsDefinition

from hologram_assets.api.queries import SessionQuery
from hologram_assets.api.slicing import Slice, StagedSlice, cut, staged_slices
from hologram_assets.assets.daywise import Days, RefusedError, explained
from hologram_assets.assets.declare import declared
from hologram_assets.assets.other_days import merge_whatever_came, reread_differing_periods
from hologram_assets.domain.periods import end_of_day, start_of_day
from hologram_assets.partitions import DayRange, OrgDay, contiguous, days_by_org, first_kept, today
from hologram_assets.resources.hologram import HologramResource
from hologram_assets.resources.warehouse import WarehouseResource
from hologram_assets.run_tags import SETTLE_TAG
from hologram_assets.warehouse import sessions
from hologram_assets.warehouse.loads import utc_now
from hologram_assets.warehouse.staging import packer
from hologram_assets.warehouse.tables import RAW_SESSIONS

# Rows newer than our clock can't exist yet; an hour forgives a clock that runs behind.
_CLOCK_SLACK = timedelta(hours=1)


def raw_sessions_asset(partitions: PartitionsDefinition[Any]) -> AssetsDefinition:
    """The asset."""

    @declared(
        RAW_SESSIONS,
        partitions,
        group="ingest",
        asks_hologram=True,
        description=(
            "Closed data sessions from `/usage/data`. Merged by `record_id`, never replaced: a session once stored "
            "stays, also when Hologram drops it after three months."
        ),
    )
    def raw_sessions(context: AssetExecutionContext, hologram: HologramResource, warehouse: WarehouseResource) -> None:
        load_raw_sessions(context, hologram, warehouse)

    return raw_sessions


def load_raw_sessions(context: AssetExecutionContext, hologram: HologramResource, warehouse: WarehouseResource) -> None:
    """Fetch the run's days, one transaction each. Days outside what Hologram keeps are refused before any request."""
    with Days(context) as days:
        for org_id, wanted in days_by_org(day.key for day in days.partitions).items():
            askable = []
            for day in wanted:
                refusal = refused(day, hologram.retention_days)
                if refusal is None:
                    askable.append(day)
                else:
                    days.failed(OrgDay(org_id, day), refusal)
            for window in contiguous(askable):
                _load_window(context, days, org_id, window, hologram, warehouse)
            if context.run.tags.get(SETTLE_TAG) == "true":
                reread_differing_periods(context, days, org_id, askable, hologram, warehouse)


def refused(day: date, retention_days: int) -> RefusedError | None:
    """Why a day can't be fetched, if it can't."""
    now = today()
    first = first_kept(now, retention_days)
    if day > now:
        return RefusedError(f"{day} is in the future; the last day that can be had is {now}")
    if day < first:
        return RefusedError(
            f"{day} is older than what Hologram keeps ({retention_days} days); the first day that can still be had is "
            f"{first}. What is stored stays as it is"
        )
    return None


def _load_window(
    context: AssetExecutionContext,
    days: Days,
    org_id: int,
    window: DayRange,
    hologram: HologramResource,
    warehouse: WarehouseResource,
) -> None:
    margin = timedelta(hours=hologram.window_margin_hours)
    asked_at = utc_now()
    start, end = start_of_day(window.first), end_of_day(window.last)
    pieces = cut(start - margin, min(end + margin, max(end, asked_at + _CLOCK_SLACK)), hologram.max_connections)
    query = SessionQuery(orgid=org_id, getplaninfo=True, getcountryinfo=True)
    with (
        tempfile.TemporaryDirectory(prefix="hologram-") as folder,
        packer() as packing,
        hologram.client(org_id) as client,
    ):
        progress = _Progress(window, margin, pieces)
        merged: set[tuple[Path, date]] = set()
        came = []
        for staged in staged_slices(client, query, pieces, Path(folder), hologram.max_connections, packing.pack):
            came.append(staged)
            for day, covering in progress.finished_by(staged):
                broken = next((piece.error for piece in covering if piece.error is not None), None)
                if broken is not None:
                    days.failed(OrgDay(org_id, day), explained(broken, org_id))
                    continue
                files = [path for piece in covering for path in piece.files]
                merged |= {(path, day) for path in files}
                days.store(
                    OrgDay(org_id, day),
                    warehouse.warehouse,
                    partial(
                        sessions.merge_day,
                        org_id=org_id,
                        day=day,
                        files=files,
                        complete_through=min(end_of_day(day), asked_at),
                        rejected=_rejected_on(day, covering, window),
                        run_id=context.run.run_id,
                    ),
                    api_calls=sum(piece.pages for piece in covering if _own_day(piece.slice, window) == day),
                )
        merge_whatever_came(context, days, org_id, came, packing, warehouse, merged=merged)
        context.log.info(f"organisation {org_id}, {window.first} to {window.last}: {client.calls} API calls")


class _Progress:
    """Which days can be stored: those of which every slice of their window, margins included, has ended."""

    def __init__(self, window: DayRange, margin: timedelta, pieces: list[Slice]) -> None:
        self._covering = {
            day: [p for p in pieces if p.start < end_of_day(day) + margin and p.end > start_of_day(day) - margin]
            for day in window.days
        }
        self._ended: dict[Slice, StagedSlice] = {}

    def finished_by(self, staged: StagedSlice) -> Iterator[tuple[date, list[StagedSlice]]]:
        """The days that this slice was the last one for, each with the slices of its window."""
        self._ended[staged.slice] = staged
        for day, covering in list(self._covering.items()):
            if all(piece in self._ended for piece in covering):
                del self._covering[day]
                yield day, [self._ended[piece] for piece in covering]


def _own_day(piece: Slice, window: DayRange) -> date:
    """The one day of the window that a slice is counted for."""
    return min(max(piece.start.date(), window.first), window.last)


def _rejected_on(day: date, covering: list[StagedSlice], window: DayRange) -> list[tuple[str, str]]:
    """Rows set aside that belong to the day: by their own timestamp, else by the slice that brought them."""
    return sorted(
        {
            (row.reason, row.raw)
            for staged in covering
            for row in staged.rejected
            if (row.moment.date() if row.moment else _own_day(staged.slice, window)) == day
        }
    )
