"""A partition of `alerts` that a run made: the run and its events, as Dagster writes them, one by one or as templates."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from dagster import AssetKey, AssetMaterialization, DagsterEvent, DagsterEventType, DagsterRun, DagsterRunStatus
from dagster._core.events import JobFailureData, StepMaterializationData
from dagster._core.events.log import EventLogEntry

from hologram_assets.jobs import REFRESH, run_of_days
from hologram_assets.partitions import DayRange, OrgDay
from hologram_assets.processes import this_process
from hologram_assets.run_tags import PROCESS_TAG

ALERTS = AssetKey("alerts")
_NUMBERS = dict.fromkeys(("rows", "new_rows", "changed_rows", "critical", "warn", "info", "silenced", "ended"), 3)
# What stands in a template in the place of a run, a partition and a moment.
_RUN, _WHERE, _AT = str(UUID(int=2**128 - 1)), OrgDay(999_999_937, date(1, 1, 1)), 1234567890.125


@dataclass(frozen=True)
class Made:
    """What became of a partition: the run that made it, when it ended (epoch seconds), and how."""

    run_id: str
    partition: OrgDay
    at: float
    failed: bool = False

    def put_into(self, template: str) -> str:
        """A template's text about this partition."""
        return (
            template.replace(_RUN, self.run_id)
            .replace(_WHERE.day.isoformat(), self.partition.day.isoformat())
            .replace(str(_WHERE.org_id), str(self.partition.org_id))
            .replace(str(_AT), str(self.at))
        )

    @property
    def dimensions(self) -> dict[str, str]:
        """The tags that Dagster gives a materialisation of a partition with dimensions."""
        return {f"dagster/partition/{name}": key for name, key in self.partition.key.keys_by_dimension.items()}

    @property
    def status(self) -> DagsterRunStatus:
        """How the run ended."""
        return DagsterRunStatus.FAILURE if self.failed else DagsterRunStatus.SUCCESS

    def materialised(self, **metadata: Any) -> EventLogEntry:
        """The event of its materialisation."""
        materialisation = AssetMaterialization(
            ALERTS, metadata=_NUMBERS | metadata, partition=self.partition.key, tags=self.dimensions
        )
        return self.event(DagsterEventType.ASSET_MATERIALIZATION, StepMaterializationData(materialisation))

    def ended(self) -> EventLogEntry:
        """The event with which its run ended."""
        if self.failed:
            return self.event(DagsterEventType.RUN_FAILURE, JobFailureData(error=None))
        return self.event(DagsterEventType.RUN_SUCCESS, None)

    def event(self, kind: DagsterEventType, data: Any) -> EventLogEntry:
        """An event of the run."""
        step = ALERTS.to_user_string() if kind is DagsterEventType.ASSET_MATERIALIZATION else None
        event = DagsterEvent(kind.value, REFRESH, step_key=step, event_specific_data=data, message=f"{kind.value}.")
        return EventLogEntry(  # type: ignore[no-untyped-call]
            None, logging.DEBUG, "", self.run_id, self.at, step, REFRESH, event
        )

    def run(self, status: DagsterRunStatus | None = None) -> DagsterRun:
        """The run after its end, or in another status, with the tags that a schedule and the run itself give it."""
        org_id, day = self.partition
        tags = dict(run_of_days(REFRESH, org_id, DayRange(day, day)).tags) | {
            PROCESS_TAG: f"{self.run_id} {this_process()}"
        }
        return DagsterRun(
            REFRESH, self.run_id, asset_selection=frozenset({ALERTS}), status=status or self.status, tags=tags
        )


def template(*, failed: bool = False) -> Made:
    """What `put_into` knows how to replace."""
    return Made(_RUN, _WHERE, _AT, failed)
