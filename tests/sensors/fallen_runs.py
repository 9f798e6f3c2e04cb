"""Runs that fail, a sensor that looks at them minute by minute, and the Slack that hears of it. All of it real."""

# Without postponed annotations: Dagster looks at that of an asset's `context` as it stands.
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, cast
from uuid import uuid4

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    BackfillPolicy,
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    Definitions,
    ExecuteInProcessResult,
    SensorDefinition,
    asset,
    build_sensor_context,
)
from dagster._core.definitions.sensor_definition import SensorExecutionData
from dagster._core.events.log import EventLogEntry
from dagster._core.remote_origin import CodeLocationOrigin
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.runs import SqlRunStorage
from dagster._core.storage.runs.schema import RunsTable, RunTagsTable
from dagster._time import get_current_datetime

from hologram_assets.partitions import ORG, day_by_org
from hologram_assets.resources.slack import SlackResource
from hologram_assets.sandbox.slack.messages import SlackMessage
from hologram_assets.sandbox.slack.workspace import Slack

DAY_ZERO = date(2026, 1, 1)
TOKEN = "xoxb-token-that-must-never-be-seen"
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class Clock:
    """The sensor's clock: the real one, set forward by `ahead` seconds."""

    ahead = 0.0

    def time(self) -> float:
        return time.time() + self.ahead

    def monotonic(self) -> float:
        return time.monotonic()


@dataclass
class Watch:
    """A sensor with its cursor, as the daemon keeps it."""

    sensor: SensorDefinition
    instance: DagsterInstance
    slack: Slack
    channels: dict[str, str] = field(default_factory=dict)
    channel: str = "#ops"
    definitions: Definitions | None = None
    cursor: str | None = None
    location: CodeLocationOrigin | None = None

    def tick(self) -> SensorExecutionData:
        """One tick; the cursor moves as the daemon would move it."""
        resource = SlackResource(base_url=self.slack.base_url, channel=self.channel, channels=self.channels)
        with build_sensor_context(
            instance=self.instance, cursor=self.cursor, resources={"slack": resource}, definitions=self.definitions
        ) as context:
            context._code_location_origin = self.location
            result = self.sensor.evaluate_tick(context)
        assert TOKEN not in repr(result)
        if result.cursor is not None:
            self.cursor = result.cursor
        return result

    def words(self) -> str:
        """The skip reason of one tick."""
        return str(self.tick().skip_message)

    def hear(self) -> list[SlackMessage]:
        """The messages of one tick."""
        before = len(self.slack.messages)
        self.tick()
        heard = self.slack.messages[before:]
        for message in heard:
            assert TOKEN not in message.all_text + json.dumps(message.metadata)
            assert not message.mentions
        return heard

    def state(self) -> dict[str, Any]:
        """The cursor's object."""
        return cast("dict[str, Any]", json.loads(self.cursor or "{}"))


def failing(
    body: Callable[[AssetExecutionContext], None], name: str = "raw_sessions", **options: Any
) -> AssetsDefinition:
    """An asset of ours whose body is the test's."""

    def run(context: AssetExecutionContext) -> None:
        body(context)

    made: AssetsDefinition = asset(
        name=name, partitions_def=day_by_org(DAY_ZERO), backfill_policy=BackfillPolicy.single_run(), **options
    )(run)
    return made


def materialize(
    instance: DagsterInstance, assets: Iterable[Any], key: str | None = None, **options: Any
) -> ExecuteInProcessResult:
    """Run assets in this process as the implicit asset job, as Dagster does for its UI."""
    if key:
        instance.add_dynamic_partitions(ORG, [key.partition("|")[2]])
    job = Definitions(assets=list(assets)).resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        instance=instance, partition_key=key, raise_on_error=False, run_config=_QUIET, **options
    )


def end_of(instance: DagsterInstance, run_id: str) -> EventLogEntry:
    """The event with which a run failed."""
    (entry,) = instance.all_logs(run_id, of_type=DagsterEventType.RUN_FAILURE)
    return entry


def fell(
    instance: DagsterInstance, entry: EventLogEntry, tags: Iterable[dict[str, str]] = ({},), **run: Any
) -> list[str]:
    """Further failed runs that end as this one did, one per set of tags: put in at once, a thousand in a second."""
    now = get_current_datetime()
    options = {"asset_selection": frozenset({AssetKey("raw_sessions")})} | run
    runs = [
        DagsterRun(
            job_name=options.pop("job_name", "__ASSET_JOB"),
            run_id=str(uuid4()),
            status=DagsterRunStatus.FAILURE,
            tags=tag,
            **options,
        )
        for tag in tags
    ]
    storage, events = instance.run_storage, instance.event_log_storage
    assert isinstance(storage, SqlRunStorage)
    assert isinstance(events, SqlEventLogStorage)
    with storage.connect() as connection:
        connection.execute(RunsTable.insert(), [storage._get_run_insertion_values(run, now) for run in runs])
        pairs = [{"run_id": run.run_id, "key": k, "value": v} for run in runs for k, v in run.tags.items()]
        if pairs:
            connection.execute(RunTagsTable.insert(), pairs)
    entries = [entry._replace(run_id=run.run_id, timestamp=time.time()) for run in runs]
    with events.index_connection() as connection:
        connection.execute(events.prepare_insert_event_batch(entries))
    return [run.run_id for run in runs]
