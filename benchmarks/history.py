"""A Dagster instance with a past: years of partitions, put into SQLite in bulk instead of 17 ms for each event.

One partition of `alerts` per organisation and day, each made by a run of its own that ended: rows of the run storage and of
the event log's index, as Dagster writes them. The text of an event is that of one serialised by Dagster in which run,
partition and time are replaced; at the end one is stored for real, and both kinds are read back.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from dagster import AssetRecordsFilter, DagsterEventType, DagsterInstance
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import AssetEventTagsTable, SqlEventLogStorageTable
from dagster._core.storage.runs import SqlRunStorage
from dagster._core.storage.runs.schema import RunsTable, RunTagsTable
from dagster._serdes import serialize_value

from benchmarks.partition_events import ALERTS, Made, template
from hologram_assets.backfill import register_orgs
from hologram_assets.jobs import FIRST_DAYS_TAGS, REFRESH
from hologram_assets.partitions import OrgDay, today

_SETTINGS = Path(__file__).resolve().parents[1] / "dagster.yaml"
_FAILED_OF = 100  # one run of so many failed


@contextmanager
def instance_with_past(home: Path, org_ids: Sequence[int], days: int) -> Iterator[DagsterInstance]:
    """An instance on SQLite, set up as `dagster.yaml` says, with organisations × days up to yesterday materialised.

    The first day of each organisation was loaded by a run for its first days.

    Raises:
        RuntimeError: Dagster doesn't read back what was put in.
    """
    home.mkdir(parents=True)
    shutil.copy(_SETTINGS, home / "dagster.yaml")
    with DagsterInstance.from_config(str(home)) as instance:
        register_orgs(instance, org_ids)
        dates = [today() - timedelta(days=ago) for ago in range(days, 0, -1)]
        past = list(_past(org_ids, dates))
        _insert_runs(instance, past, first=len(org_ids))
        _insert_events(instance, past)
        _check_past(instance, past)
        yield instance


def _past(org_ids: Sequence[int], days: Sequence[date]) -> Iterator[Made]:
    number = 0
    for day in days:
        noon = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() + 12 * 3600
        for org_id in org_ids:
            number += 1
            yield Made(str(UUID(int=number)), OrgDay(org_id, day), noon + number % 3600, number % _FAILED_OF == 0)


def _insert_runs(instance: DagsterInstance, past: Sequence[Made], first: int) -> None:
    """The runs with their tags, the `first` of them as those of organisations that were new."""
    storage = instance.run_storage
    assert isinstance(storage, SqlRunStorage)
    bodies = {failed: serialize_value(template(failed=failed).run()) for failed in (False, True)}
    tags = list(template().run().tags.items())
    with storage.connect() as connection:
        connection.execute(
            RunsTable.insert(),
            [
                {
                    "run_id": made.run_id,
                    "pipeline_name": REFRESH,
                    "status": made.status.value,
                    "run_body": made.put_into(bodies[made.failed]),
                    "create_timestamp": _naive(made.at - 60),
                    "update_timestamp": _naive(made.at),
                    "start_time": made.at - 50,
                    "end_time": made.at,
                }
                for made in past
            ],
        )
        connection.execute(
            RunTagsTable.insert(),
            [
                {"run_id": made.run_id, "key": key, "value": made.put_into(value)}
                for number, made in enumerate(past)
                for key, value in [*tags, *(FIRST_DAYS_TAGS.items() if number < first and not made.failed else ())]
            ],
        )


def _insert_events(instance: DagsterInstance, past: Sequence[Made]) -> None:
    """What SQLite's index shard has of them: materialisations with their tags, and the ends of runs."""
    storage = instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    materialised = _row(storage, template().materialised())
    ends = {failed: _row(storage, template(failed=failed).ended()) for failed in (False, True)}
    events: list[dict[str, Any]] = []
    tags: list[dict[str, Any]] = []
    for number, made in enumerate(past):
        for row in (materialised, ends[made.failed]):
            texts = {key: made.put_into(value) for key, value in row.items() if isinstance(value, str)}
            events.append(row | texts | {"id": len(events) + 1, "timestamp": _naive(made.at)})
        tags += [
            {"event_id": 2 * number + 1, "asset_key": ALERTS.to_string(), "key": key, "value": value,
             "event_timestamp": _naive(made.at)}
            for key, value in made.dimensions.items()
        ]  # fmt: skip
    with storage.index_connection() as connection:
        connection.execute(SqlEventLogStorageTable.insert(), events)
        connection.execute(AssetEventTagsTable.insert(), tags)
    storage.store_asset_event(past[-1].materialised(), 2 * len(past) - 1)


def _row(storage: SqlEventLogStorage, entry: EventLogEntry) -> dict[str, Any]:
    """The columns of an event, as Dagster fills them."""
    return dict(storage.prepare_insert_event(entry).compile().params)


def _check_past(instance: DagsterInstance, past: Sequence[Made]) -> None:
    """Store one more event for real, which a later one replaces, and read it and some of the past back."""
    again = replace(past[-1], at=past[-1].at + 1)
    instance.event_log_storage.store_event(again.materialised())
    for made in (past[0], past[len(past) // 2], again):
        wanted = AssetRecordsFilter(ALERTS, asset_partitions=[str(made.partition.key)])
        (record,) = instance.fetch_materializations(wanted, limit=1).records
        run = instance.get_run_by_id(made.run_id)
        if record.event_log_entry != made.materialised() or run != made.run():
            raise RuntimeError(f"{made.partition.key} is not read back as it was put in: {record}, {run}")
    ends = instance.fetch_run_status_changes(DagsterEventType.RUN_SUCCESS, limit=1).records
    known = instance.get_materialized_partitions(ALERTS)
    if len(known) != len(past) or ends[0].event_log_entry != [made for made in past if not made.failed][-1].ended():
        raise RuntimeError(f"{len(past)} partitions were put in, {len(known)} are read back")


def _naive(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC).replace(tzinfo=None)
