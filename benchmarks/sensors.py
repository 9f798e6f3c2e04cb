"""What a tick of each sensor takes on an instance with a long history, beside the same tick on one that is nearly empty.

Both instances have the same organisations and, for the ticks that find something, the same new partitions of `alerts`; only
the history differs. So a ratio well above 1 says that a tick reads history.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch
from uuid import uuid4

from dagster import (
    AssetCheckEvaluation,
    AssetCheckSeverity,
    DagsterEventType,
    DagsterInstance,
    DagsterRunStatus,
    Definitions,
    MetadataValue,
    build_schedule_context,
    build_sensor_context,
)

from benchmarks.history import instance_with_past
from benchmarks.partition_events import ALERTS, Made
from benchmarks.table import Row
from hologram_assets.build import build_defs
from hologram_assets.domain.alerts import CRITICAL, OPEN, Alert
from hologram_assets.domain.bulletin import SPEAKING, bulletin
from hologram_assets.domain.periods import start_of_day
from hologram_assets.partitions import OrgDay, today
from hologram_assets.sandbox import Sandbox
from hologram_assets.schedules import HOURLY
from hologram_assets.sensors import posting
from hologram_assets.settings import load_settings

_ORGS = 100
_DAYS = 1_000
_NEARLY_EMPTY_DAYS = 1
_NEW = 50
_FAILED_OF = 10  # one of so many new runs fails after it has stored its partition
_IDLE_TIMES = 25
_BUSY_TIMES = 5
_MOST = 1.5
_SPEAKING = ("overage_alert_sensor", "network_change_sensor", "run_failure_alert_sensor", "asset_check_alert_sensor")
_SILENT = ("org_registry_sensor", "lost_run_sensor")


@dataclass
class Watched:
    """An instance, and where each sensor's cursor stands."""

    instance: DagsterInstance
    defs: Definitions
    cursors: dict[str, str | None] = field(default_factory=dict)

    def tick(self, name: str) -> str:
        """One tick of a sensor, from where its first one ended; returns what it says."""
        sensor = self.defs.get_repository_def().get_sensor_def(name)
        resources = (
            {key: self.defs.resources[key] for key in sensor.required_resource_keys} if self.defs.resources else {}
        )
        with build_sensor_context(
            self.instance, self.cursors.get(name), sensor_name=name, definitions=self.defs, resources=resources
        ) as context:
            ticked = sensor.evaluate_tick(context)
        self.cursors.setdefault(name, ticked.cursor)
        return ticked.skip_message or f"{len(ticked.run_requests or [])} runs"

    def schedule(self) -> str:
        """One tick of the hourly schedule; returns how many runs it asks for."""
        schedule = self.defs.get_repository_def().get_schedule_def(HOURLY.name)
        with build_schedule_context(self.instance, scheduled_execution_time=datetime.now(UTC)) as context:
            return f"{len(schedule.evaluate_tick(context).run_requests or [])} runs"


def rows(orgs: int = _ORGS, days: int = _DAYS, new: int = _NEW) -> Iterator[Row]:
    """The rows of the table, in milliseconds; `orgs` × `days` partitions are the history, `new` come on top of it."""
    org_ids = range(1_000, 1_000 + orgs)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="hologram-bench-")))
        sandbox = stack.enter_context(Sandbox(orgs=(org_ids[0],), sims=0, days=0))
        environment = {
            "HOLOGRAM_API_KEY": "sandbox",
            "HOLOGRAM_ORG_IDS": ",".join(map(str, org_ids)),
            "HOLOGRAM_START_DATE": str(today() - timedelta(days=days)),
            "HOLOGRAM_WAREHOUSE": str(folder / "warehouse.duckdb"),
            "SLACK_BASE_URL": sandbox.slack.base_url,
            "SLACK_BOT_TOKEN": "xoxb-sandbox",
            "SLACK_CHANNEL": "#iot-alerts",
        }
        stack.enter_context(patch.dict(os.environ, environment))
        # The second between two messages of a tick is the same in both; it would hide everything else.
        stack.enter_context(patch.object(posting, "SPACING_SECONDS", 0.0))
        # That the first tick has no cursor is no news here.
        logging.disable(logging.WARNING)
        stack.callback(logging.disable, logging.NOTSET)
        defs = build_defs(load_settings())
        long, short = (
            Watched(stack.enter_context(instance_with_past(folder / str(past), org_ids, past)), defs)
            for past in (days, _NEARLY_EMPTY_DAYS)
        )
        of = f"{orgs * days:,} partitions of {orgs} organisations (ms)"
        for name in (*_SPEAKING, *_SILENT):
            for watched in (long, short):
                watched.tick(name)
            yield _row(f"tick of {name}, nothing new, {of}", _IDLE_TIMES, long, short, partial(Watched.tick, name=name))
        yield _row(f"tick of {HOURLY.name}, {of}", _BUSY_TIMES, long, short, Watched.schedule)
        for watched in (long, short):
            _arrive(watched.instance, org_ids[:new])
        for name in _SPEAKING:
            what = f"tick of {name}, {new} new partitions, {of}"
            yield _row(what, _BUSY_TIMES, long, short, partial(Watched.tick, name=name), "posted")


def _row(what: str, times: int, long: Watched, short: Watched, tick: Callable[[Watched], str], word: str = "") -> Row:
    """The least of several ticks each, turn by turn.

    Raises:
        RuntimeError: the two don't say the same, or not the `word`.
    """
    taken: list[tuple[float, float]] = []
    for _ in range(times):
        (of_long, ours), (of_short, peer) = _timed(tick, long), _timed(tick, short)
        if of_long != of_short or word not in of_long:
            raise RuntimeError(f"{what}: {of_long!r}, nearly empty: {of_short!r}")
        taken.append((ours, peer))
    ours, peer = (min(of_one) * 1000 for of_one in zip(*taken, strict=True))
    return Row(
        what, f"{ours:.1f}", f"{peer:.1f} (nearly empty)", f"{ours / peer:.2f}", f"<= {_MOST:g}", ours <= _MOST * peer
    )


def _timed(tick: Callable[[Watched], str], watched: Watched) -> tuple[str, float]:
    began = time.perf_counter()
    said = tick(watched)
    return said, time.perf_counter() - began


def _arrive(instance: DagsterInstance, org_ids: Sequence[int]) -> None:
    """Today's partition of each organisation, stored event by event as a run does: alerts, a check that fails, the end."""
    for number, org_id in enumerate(org_ids):
        made = Made(str(uuid4()), OrgDay(org_id, today()), time.time(), failed=number % _FAILED_OF == 0)
        check = AssetCheckEvaluation(
            asset_key=ALERTS,
            check_name="up_to_date",
            passed=False,
            severity=AssetCheckSeverity.WARN,
            metadata={"days": MetadataValue.int(1)},
            description="Materialise the days that are older than what they were made from.",
            partition=made.partition.key,
        )
        instance.add_run(made.run(DagsterRunStatus.STARTED))
        for event in (
            made.materialised(**{SPEAKING: MetadataValue.json(_speaking(made.partition))}),
            made.event(DagsterEventType.ASSET_CHECK_EVALUATION, check),
            made.ended(),
        ):
            instance.handle_new_event(event)


def _speaking(partition: OrgDay) -> dict[str, Any]:
    """What the partition lets speak: an alert of each family, as `alerts` carries them."""
    org_id, day = partition
    since = start_of_day(day) + timedelta(hours=1)
    detail = {"linkid": org_id, "device_id": org_id, "device_name": "pump", "why": "3 sessions in a row on 2G"}
    alerts = [
        Alert(f"{rule} {org_id}", rule, step, CRITICAL, f"SIM {org_id}", OPEN, since, since, None, title, detail)
        for rule, step, title in (("overage_step", 100, "100 % used"), ("rat_downgrade", 0, "fell to 2G"))
    ]
    return bulletin(alerts, [], org_id=org_id, day=day, today=today(), newest=True) or {}
