"""`org_registry_sensor`: organisations of `HOLOGRAM_ORG_IDS` become partitions and are loaded. Nothing is ever removed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from dagster import DefaultSensorStatus, SensorDefinition, SensorEvaluationContext, SensorResult, SkipReason, sensor
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from hologram_assets.jobs import make_pool_known, run_of_days
from hologram_assets.partitions import ORG, DayRange, Loadable, missing_orgs, orgs, today

# A list of a hundred new ids fills the queue bit by bit, and the hourly runs of the others come in between.
MOST_NEW_ORGS = 5


def org_registry(
    read_org_ids: Callable[[], Sequence[int]],
    job: UnresolvedAssetJobDefinition,
    first_days: int,
    loadable: Loadable,
    status: DefaultSensorStatus,
) -> SensorDefinition:
    """The sensor; a failed read of the list fails the tick, not the partitions.

    Args:
        read_org_ids: reads HOLOGRAM_ORG_IDS, anew at each tick.
        job: loads the days of a new organisation.
        first_days: how many days, today included; 0 for none.
        loadable: which days can be loaded.
        status: whether it runs without having been switched on.
    """

    @sensor(
        name="org_registry_sensor",
        job=job,
        minimum_interval_seconds=60,
        default_status=status,
        description=(
            "Registers the organisations of HOLOGRAM_ORG_IDS as partitions, and asks for the last days of those that are "
            "new. Never removes one."
        ),
    )
    def org_registry_sensor(context: SensorEvaluationContext) -> SensorResult | SkipReason:
        make_pool_known(context.instance)
        desired = read_org_ids()
        new = missing_orgs(desired, context.instance.get_dynamic_partitions(ORG))
        if not new:
            if not desired:
                return SkipReason("HOLOGRAM_ORG_IDS is empty: set it to your organisations' ids, like 144,145")
            return SkipReason(f"all {len(set(desired))} organisations are partitions already")
        now, welcome = today(), new[:MOST_NEW_ORGS]
        days = loadable.within(DayRange(now - timedelta(days=first_days - 1), now), now) if first_days else None
        if len(new) > len(welcome):
            context.log.info(f"{len(new) - len(welcome)} more organisations come with the next ticks")
        return SensorResult(
            dynamic_partitions_requests=[orgs.build_add_request(welcome)],
            run_requests=[run_of_days(job.name, int(org), days, f"first days of {org}") for org in welcome]
            if days
            else [],
        )

    return org_registry_sensor
