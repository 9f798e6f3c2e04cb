"""When days are loaded: every hour those that still change, later again for what came late.

All times are UTC, like the days. Each tick asks for one run per organisation, a contiguous range of days.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from dagster import (
    DagsterRunStatus,
    DefaultScheduleStatus,
    RunRequest,
    RunsFilter,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SkipReason,
    schedule,
)
from dagster._check import CheckError
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from hologram_assets.jobs import REFRESH, run_of_days
from hologram_assets.partitions import ORG, DayRange, Loadable, tagged_days, today

_UNFINISHED = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


@dataclass(frozen=True)
class Rhythm:
    """A schedule: its name, when (cron, UTC), and which days, as days ago: `first` to `last`."""

    name: str
    cron: str
    first: int
    last: int
    description: str

    def days(self, now: date) -> DayRange:
        """The days as of `now`."""
        return DayRange(now - timedelta(days=self.first), now - timedelta(days=self.last))


# Not on the hour, when everybody's jobs start. Sessions that come late do so within hours (the sandbox's do; what
# Hologram's do, `greatest_lateness_seconds` tells), a device that was out of reach for a week within the second look.
HOURLY = Rhythm("refresh_schedule", "7 * * * *", 1, 0, "Today and yesterday of every organisation, hourly.")
DAILY = Rhythm("settle_schedule", "37 3 * * *", 3, 1, "The three days before today once more, daily: late sessions.")
WEEKLY = Rhythm(
    "weekly_settle_schedule",
    "37 1 * * 0",
    14,
    4,
    "The eleven days before those once more, on Sundays: sessions that came very late.",
)


def schedule_of(
    rhythm: Rhythm,
    job: UnresolvedAssetJobDefinition,
    read_org_ids: Callable[[], Sequence[int]],
    loadable: Loadable,
    status: DefaultScheduleStatus,
) -> ScheduleDefinition:
    """The schedule of a rhythm. `read_org_ids` reads HOLOGRAM_ORG_IDS anew at each tick."""

    @schedule(
        name=rhythm.name,
        job=job,
        cron_schedule=rhythm.cron,
        execution_timezone="UTC",
        description=rhythm.description,
        default_status=status,
    )
    def tick(context: ScheduleEvaluationContext) -> list[RunRequest] | SkipReason:
        scheduled = _scheduled(context)
        days = loadable.within(rhythm.days(scheduled.date() if scheduled else today()), today())
        if days is None:
            return SkipReason(f"no day can be loaded: the first partition is {loadable.start_date}")
        wanted = [str(org_id) for org_id in read_org_ids()]
        known = set(context.instance.get_dynamic_partitions(ORG))
        org_ids = [int(org) for org in wanted if org in known]
        if not org_ids:
            return SkipReason(
                "org_registry_sensor has not made the organisations partitions yet"
                if wanted
                else "HOLOGRAM_ORG_IDS is empty: set it to your organisations' ids, like 144,145"
            )
        # A slow hour must not fill the queue with runs that all ask for the same days. A settle asks for its own days.
        busy = sorted(_busy(context, job.name) & set(org_ids)) if job.name == REFRESH else []
        if busy:
            context.log.info(f"the last {job.name} of organisation {', '.join(map(str, busy))} has not ended yet")
        requests = [
            run_of_days(job.name, org_id, days, f"{scheduled:%Y-%m-%dT%H:%M}|{org_id}" if scheduled else None)
            for org_id in org_ids
            if org_id not in busy
        ]
        return requests or SkipReason(f"the last {job.name} of every organisation has not ended yet")

    return tick


def _scheduled(context: ScheduleEvaluationContext) -> datetime | None:
    """When the tick was due (a daemon that was down makes up for what it missed); None if somebody ticks by hand."""
    try:
        return context.scheduled_execution_time
    except CheckError:
        return None


def _busy(context: ScheduleEvaluationContext, job: str) -> set[int]:
    """Organisations of which a run of the job has not ended, whoever started it."""
    # Not by the job's name: SQLite would then go through all runs that the job ever had, for the few that have not ended.
    unfinished = context.instance.get_runs(filters=RunsFilter(statuses=_UNFINISHED))
    return {day.org_id for run in unfinished if run.job_name == job for day in tagged_days(run.tags)}
