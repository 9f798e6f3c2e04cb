"""Ticking sensors without a daemon: what it would do once a minute, done until nothing is left to do."""

from __future__ import annotations

from dagster import DagsterInstance, Definitions, build_sensor_context

_MOST_TICKS = 50


def tick_sensor(
    defs: Definitions, instance: DagsterInstance, name: str, cursor: str | None = None
) -> tuple[str | None, list[str]]:
    """Tick a Slack sensor until its cursor stands still; returns the cursor, and what each tick gave for a reason.

    Raises:
        Exception: whatever makes a tick fail.
    """
    sensor = defs.get_repository_def().get_sensor_def(name)
    resources = {key: value for key, value in (defs.resources or {}).items() if key in sensor.required_resource_keys}
    reasons: list[str] = []
    for _ in range(_MOST_TICKS):
        with build_sensor_context(instance=instance, cursor=cursor, sensor_name=name, resources=resources) as context:
            ticked = sensor.evaluate_tick(context)
        reasons.append(ticked.skip_message or "")
        if ticked.cursor in {None, cursor}:
            break
        cursor = ticked.cursor
    return cursor, reasons
