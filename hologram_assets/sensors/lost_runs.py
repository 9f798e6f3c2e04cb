"""`lost_run_sensor`: ends runs whose process is gone.

A run is a process of the code server's. A reboot, or a daemon that is restarted with its code server, takes it away, and
Dagster's launcher for one machine never asks: such a run would look started for hours, hold the pool, and keep every other
run in the queue. As a failed one it is retried, and told.
"""

from __future__ import annotations

from dagster import (
    DagsterRunStatus,
    DefaultSensorStatus,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)

from hologram_assets.processes import is_gone
from hologram_assets.run_tags import PROCESS_TAG

_LIVE = [DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]


def lost_runs(status: DefaultSensorStatus = DefaultSensorStatus.RUNNING) -> SensorDefinition:
    """The sensor."""

    @sensor(
        name="lost_run_sensor",
        minimum_interval_seconds=60,
        default_status=status,
        description="Fails runs whose process is gone (a reboot, a restart), so that they are retried and hold nothing up.",
    )
    def lost_run_sensor(context: SensorEvaluationContext) -> SkipReason:
        ended = []
        for found in context.instance.get_runs(filters=RunsFilter(statuses=_LIVE)):
            run_id, _, process = found.tags.get(PROCESS_TAG, "").partition(" ")
            if run_id != found.run_id or not is_gone(process):
                continue
            # A run that ended while it was looked at has said so before its process went.
            run = context.instance.get_run_by_id(found.run_id)
            if run is None or run.status not in _LIVE:
                continue
            if run.status == DagsterRunStatus.CANCELING:
                context.instance.report_run_canceled(run, "Its process is gone.")
            else:
                context.instance.report_run_failed(
                    run, "Its process is gone: the machine or Dagster was restarted. What it had stored is stored."
                )
            ended.append(run.run_id)
        return SkipReason(f"ended {', '.join(ended)}" if ended else "every run that is started has its process")

    return lost_run_sensor
