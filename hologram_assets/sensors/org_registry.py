"""`org_registry_sensor`: organisations of `HOLOGRAM_ORG_IDS` become partitions and are loaded. Nothing is ever removed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from dagster import (
    DagsterInstance,
    DagsterRunStatus,
    DefaultSensorStatus,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from hologram_assets.jobs import FIRST_DAYS_TAGS, make_pool_known, run_of_days
from hologram_assets.partitions import ORG, DayRange, Loadable, missing_orgs, orgs, today
from hologram_assets.run_tags import FIRST_DAYS_TAG, ORG_TAG

# A list of a hundred new ids fills the queue bit by bit, and the hourly runs of the others come in between.
MOST_NEW_ORGS = 5
_PAUSE_SECONDS = 3600


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
            "new, every hour until they came. Never removes one."
        ),
    )
    def org_registry_sensor(context: SensorEvaluationContext) -> SensorResult | SkipReason:
        make_pool_known(context.instance)
        desired = read_org_ids()
        new = missing_orgs(desired, context.instance.get_dynamic_partitions(ORG))
        tries = _failed_tries(context.instance)
        again = [str(org_id) for org_id in desired if org_id in tries]
        if not new and not again:
            if not desired:
                return SkipReason("HOLOGRAM_ORG_IDS is empty: set it to your organisations' ids, like 144,145")
            return SkipReason(f"all {len(set(desired))} organisations are partitions already")
        now, welcome = today(), new[:MOST_NEW_ORGS]
        asked = [*welcome, *again][:MOST_NEW_ORGS]
        days = loadable.within(DayRange(now - timedelta(days=first_days - 1), now), now) if first_days else None
        if len(new) > len(welcome):
            context.log.info(f"{len(new) - len(welcome)} more organisations come with the next ticks")
        return SensorResult(
            dynamic_partitions_requests=[orgs.build_add_request(welcome)] if welcome else [],
            run_requests=[
                run_of_days(
                    job.name,
                    int(org),
                    days,
                    f"first days of {org}, try {tries.get(int(org), 0) + 1}",
                    FIRST_DAYS_TAGS,
                )
                for org in asked
                if days
            ],
        )

    return org_registry_sensor


def _failed_tries(instance: DagsterInstance) -> dict[int, int]:
    """Organisations whose first days were asked for and never came, the last time over an hour ago: how often by now."""
    statuses: dict[int, list[DagsterRunStatus]] = {}
    resting = set()
    for record in instance.get_run_records(RunsFilter(tags={FIRST_DAYS_TAG: "true"})):
        org_id = int(record.dagster_run.tags[ORG_TAG])
        statuses.setdefault(org_id, []).append(record.dagster_run.status)
        if time.time() - (record.end_time or record.create_timestamp.timestamp()) < _PAUSE_SECONDS:
            resting.add(org_id)
    # Newest first. One that somebody cancelled is not asked for again.
    return {
        org_id: len(tried)
        for org_id, tried in statuses.items()
        if org_id not in resting and tried[0] is DagsterRunStatus.FAILURE and DagsterRunStatus.SUCCESS not in tried
    }
