"""Runs of this code location that finished since a sensor's last tick, in the order in which they finished.

Dagster's run-status sensors move on when they raise, and an outage of Slack would lose what they were told; so the
sensors that speak are plain ones, and this is how they read on from their own place in the event log.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from dagster import (
    DagsterEvent,
    DagsterInstance,
    DagsterRun,
    EventLogRecord,
    RunsFilter,
    RunStatusChangeRecordsFilter,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
)
from dagster._core.definitions.asset_key import AssetKey
from dagster._core.remote_origin import RemoteJobOrigin

from hologram_assets.sensors.posting import Posting

# What a lost cursor looks back: long enough for an outage of the daemon over lunch, short enough not to tell history.
LOST_SECONDS = 2 * 3600
_ASSET_JOB = "__ASSET_JOB"
_MOST_RECORDS = 1_000
# What a tick may take to read the runs' logs (on SQLite a file each): the rest of it is for posting.
_READ_SECONDS = 15.0
T = TypeVar("T")


class Place(NamedTuple):
    """How far a sensor has read: the storage id of the last event, and its time (epoch seconds).

    `after` None: only what happened after `at`, whatever its id.
    """

    after: int | None
    at: float


class Finished(NamedTuple):
    """A run's end: where it stands in the event log, when (epoch seconds), the event, and the run as it is now."""

    place: Place
    event: DagsterEvent
    run: DagsterRun


def read_cursor(context: SensorEvaluationContext) -> dict[str, Any]:
    """The cursor's object; empty, with a word in the log, when there is none or it can't be read."""
    try:
        state = json.loads(context.cursor or "null")
        if isinstance(state, dict):
            return state
    except ValueError:
        pass
    if context.cursor:
        context.log.warning("The cursor can't be read.")
    return {}


def place_in(state: dict[str, Any], context: SensorEvaluationContext) -> Place:
    """Where to read on; without a usable place at what happened within the last two hours."""
    try:
        return Place(int(state["after"]), float(state["at"]))
    except (LookupError, TypeError, ValueError):
        context.log.warning("There is no place to read on from: starting now, with the last two hours.")
        return Place(None, time.time() - LOST_SECONDS)


def remembered(
    context: SensorEvaluationContext, read: Callable[[Sequence[dict[str, Any]]], T], stored: Any, what: str
) -> T:
    """What a sensor said, as `read` makes of what stands in its cursor; nothing, with a word in the log, if it can't."""
    try:
        return read(stored)
    except (LookupError, TypeError, ValueError, AttributeError):
        context.log.warning(f"What was said of {what} can't be read from the cursor: it may be said again.")
        return read([])


def read_each(finished: Sequence[Finished], reached: Place, began: float, read: Callable[[Finished], None]) -> Place:
    """Hand each run to `read`; returns `reached`, or how far that is when there is no time for all.

    `began` is when the tick did (`time.monotonic()`).
    """
    ends = began + _READ_SECONDS
    for number, end in enumerate(finished, start=1):
        read(end)
        if time.monotonic() > ends and number < len(finished):
            return end.place
    return reached


def ticked(place: Place, posting: Posting, words: str, **memory: Any) -> SensorResult:
    """The end of a tick: `words` and what stood in the way as the skip reason, the place and the memory as the cursor.

    Raises:
        SlackError: nothing was posted because of it. The cursor stays as it was.
    """
    why = posting.finish()
    cursor = place._asdict() | memory | {"not_before": posting.not_before, "unanswered": posting.unanswered}
    return SensorResult(
        skip_reason=SkipReason(f"{words}; {why}" if why else words), cursor=json.dumps(cursor, separators=(",", ":"))
    )


def finished_since(
    context: SensorEvaluationContext, place: Place, event_types: Sequence[Any], limit: int = _MOST_RECORDS
) -> tuple[list[Finished], Place]:
    """Runs of ours whose status changed after `place`, in order, and how far that is.

    Args:
        context: of the tick.
        place: how far the sensor had read.
        event_types: RUN_FAILURE and the like.
        limit: the most events per type and tick; what is left comes with the next tick.
    """
    newest = max((record.storage_id for kind in event_types for record in _newest(context.instance, kind)), default=0)
    if newest == place.after:
        return [], place
    if place.after is not None and newest < place.after:
        # The event log was wiped, or the last run deleted: ids say nothing any more, times do.
        context.log.warning("The event log no longer has the last event that was read: reading on by time.")
        place = Place(None, place.at)
    records = _records(context.instance, place, event_types, limit)
    if not records:
        return [], Place(newest, place.at)
    ids = list({record.run_id for record in records})
    runs = {run.run_id: run for run in context.instance.get_runs(filters=RunsFilter(run_ids=ids))}
    finished = [
        Finished(Place(record.storage_id, record.timestamp), event, runs[record.run_id])
        for record in records
        if (event := record.event_log_entry.dagster_event) is not None
        and record.run_id in runs
        and _is_ours(context, runs[record.run_id])
    ]
    return finished, Place(records[-1].storage_id, records[-1].timestamp)


def _newest(instance: DagsterInstance, event_type: Any) -> Sequence[EventLogRecord]:
    return instance.fetch_run_status_changes(event_type, limit=1).records


def _records(
    instance: DagsterInstance, place: Place, event_types: Sequence[Any], limit: int
) -> Sequence[EventLogRecord]:
    found: list[EventLogRecord] = []
    complete_to: float = float("inf")
    for event_type in event_types:
        wanted = RunStatusChangeRecordsFilter(
            event_type, after_storage_id=place.after, after_timestamp=place.at if place.after is None else None
        )
        records = instance.fetch_run_status_changes(wanted, limit=limit, ascending=True).records
        if len(records) == limit:
            complete_to = min(complete_to, records[-1].storage_id)
        found += records
    # A type with more than the limit ends the page for all: a failure and the success after it must keep their order.
    return sorted(
        (record for record in found if record.storage_id <= complete_to), key=lambda record: record.storage_id
    )


def _is_ours(context: SensorEvaluationContext, run: DagsterRun) -> bool:
    """Whether a run is of this code location: by its origin, else by its assets, else by the name of its job.

    A run in somebody's own process (`hologram-assets backfill`) has no origin.
    """
    here, origin = context.code_location_origin, run.remote_job_origin
    if here is not None and isinstance(origin, RemoteJobOrigin):
        return origin.repository_origin.code_location_origin.location_name == here.location_name
    repository = context.repository_def
    if repository is not None and run.asset_selection:
        known: set[AssetKey] = set(repository.asset_graph.get_all_asset_keys())
        return not known.isdisjoint(run.asset_selection)
    if repository is not None and run.job_name != _ASSET_JOB:
        return run.job_name in repository.job_names
    return run.job_name == _ASSET_JOB
