"""`org_registry_sensor`: organisations of `HOLOGRAM_ORG_IDS` become partitions. Nothing is ever removed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dagster import DefaultSensorStatus, SensorDefinition, SensorEvaluationContext, SensorResult, SkipReason, sensor

from hologram_assets.partitions import ORG, missing_orgs, orgs


def org_registry(read_org_ids: Callable[[], Sequence[int]]) -> SensorDefinition:
    """The sensor; `read_org_ids` reads the list anew at each tick, and a failed read fails the tick, not the partitions."""

    @sensor(
        name="org_registry_sensor",
        minimum_interval_seconds=60,
        default_status=DefaultSensorStatus.RUNNING,
        description="Registers the organisations of HOLOGRAM_ORG_IDS as partitions. Never removes one.",
    )
    def org_registry_sensor(context: SensorEvaluationContext) -> SensorResult | SkipReason:
        desired = read_org_ids()
        existing = context.instance.get_dynamic_partitions(ORG)
        new = missing_orgs(desired, existing)
        if not new:
            if not desired:
                return SkipReason("HOLOGRAM_ORG_IDS is empty: set it to your organisations' ids, like 144,145")
            return SkipReason(f"all {len(set(desired))} organisations are partitions already")
        return SensorResult(dynamic_partitions_requests=[orgs.build_add_request(new)])

    return org_registry_sensor
