"""Materialising days × organisations in this process.

The assets are the same as in the UI's backfill, and so is the one run per organisation and contiguous range. What is ours
beyond Dagster: the rectangle (its own command slices key ranges lexicographically and takes other organisations along),
and going on with the good days when some fail.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from dagster import AssetKey, DagsterExecutionInterruptedError, DagsterInstance, Definitions
from dagster._core.execution.backfill import PartitionBackfill
from dagster._core.utils import make_new_backfill_id

from hologram_assets.assets.daywise import day_finished
from hologram_assets.partitions import (
    ORG,
    DayRange,
    OrgDay,
    RangeRefusedError,
    checked_range,
    contiguous,
    missing_orgs,
    range_tags,
    rectangle,
)

# The event log keeps everything; the terminal gets progress and, at the end, what failed and why.
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class BackfillRefusedError(ValueError):
    """The request can't be done; nothing was started."""


@dataclass(frozen=True)
class Request:
    """What to materialise: assets (names), organisations and days."""

    assets: tuple[str, ...]
    org_ids: tuple[int, ...]
    days: DayRange


@dataclass
class Summary:
    """What a backfill did.

    `stored` and `failed` are (asset, partition) pairs, failed ones with their reason; `errors` are failures of steps
    that are no day's, like a check that could not be run.
    """

    runs: list[str] = field(default_factory=list)
    stored: set[tuple[str, OrgDay]] = field(default_factory=set)
    failed: dict[tuple[str, OrgDay], str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    stopped: bool = False

    @property
    def ok(self) -> bool:
        """Whether every partition was stored and every step ran."""
        return not self.failed and not self.errors and not self.stopped

    def settle(self, asset: str, day: OrgDay, error: BaseException | None) -> None:
        """Note what became of a partition; the latest try counts."""
        if isinstance(error, (KeyboardInterrupt, DagsterExecutionInterruptedError)):
            self.stopped = True
            self.failed[asset, day] = "stopped before the day was done"
        elif error is None:
            self.failed.pop((asset, day), None)
            self.stored.add((asset, day))
        else:
            self.stored.discard((asset, day))
            self.failed[asset, day] = str(error) or type(error).__name__

    def as_json(self, request: Request) -> dict[str, object]:
        """The object that `backfill --json` prints."""
        return {
            "from": request.days.first.isoformat(),
            "to": request.days.last.isoformat(),
            "orgs": list(request.org_ids),
            "assets": list(request.assets),
            "ok": self.ok,
            "stopped": self.stopped,
            "runs": self.runs,
            "materialized": dict(Counter(asset for asset, _ in sorted(self.stored))),
            "failed": [
                {"asset": asset, "partition": str(day.key), "reason": reason}
                for (asset, day), reason in sorted(self.failed.items())
            ],
            "errors": self.errors,
        }


def checked_request(
    first: date,
    last: date,
    org_ids: Sequence[int],
    assets: Sequence[str],
    *,
    start_date: date,
    known_assets: Sequence[str],
) -> Request:
    """A request that can be started.

    Raises:
        BackfillRefusedError: a reversed or future range, a day before the first partition, no organisation, or an
            asset that doesn't exist.
    """
    try:
        days = checked_range(first, last, start_date)
    except RangeRefusedError as error:
        raise BackfillRefusedError(str(error)) from None
    if not org_ids:
        msg = "no organisation: give --org, or set HOLOGRAM_ORG_IDS"
        raise BackfillRefusedError(msg)
    unknown = sorted(set(assets) - set(known_assets))
    if unknown:
        msg = f"unknown asset {unknown[0]}; there are {', '.join(known_assets)}"
        raise BackfillRefusedError(msg)
    chosen = tuple(asset for asset in known_assets if asset in assets) if assets else tuple(known_assets)
    return Request(chosen, tuple(dict.fromkeys(org_ids)), days)


def asset_names(defs: Definitions) -> list[str]:
    """Names of all assets, upstream before downstream."""
    return [key.to_user_string() for key in defs.resolve_asset_graph().toposorted_asset_keys]


def register_orgs(instance: DagsterInstance, org_ids: Iterable[int]) -> list[int]:
    """Make organisations partitions; returns those that were not yet."""
    new = missing_orgs(org_ids, instance.get_dynamic_partitions(ORG))
    if new:
        instance.add_dynamic_partitions(ORG, new)
    return [int(org) for org in new]


class Backfill:
    """Runs a request against an instance.

    Args:
        defs: the code location.
        instance: where runs and events are kept.
        on_day: told of each finished (asset, partition), failed or not.
    """

    def __init__(
        self,
        defs: Definitions,
        instance: DagsterInstance,
        on_day: Callable[[str, OrgDay], None] = lambda _asset, _day: None,
    ) -> None:
        self._job = defs.resolve_implicit_global_asset_job_def()
        graph = defs.resolve_asset_graph()
        self._upstream = {
            key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
            for key in graph.toposorted_asset_keys
        }
        self._instance = instance
        self._on_day = on_day

    def run(self, request: Request) -> Summary:
        """Materialise the request, one organisation after the other."""
        summary = Summary()

        def settled(asset: str, day: OrgDay, error: BaseException | None) -> None:
            summary.settle(asset, day, error)
            self._on_day(asset, day)

        token = day_finished.set(settled)
        try:
            for org_id in request.org_ids:
                if not summary.stopped:
                    self._run_days(org_id, request.assets, request.days.days, summary)
        finally:
            day_finished.reset(token)
        return summary

    def _run_days(self, org_id: int, assets: Sequence[str], days: Sequence[date], summary: Summary) -> None:
        """Run everything, then, where a step failed for some days, what was left out for the good ones."""
        pending = {asset: {OrgDay(org_id, day) for day in days} for asset in assets}
        while first := next((asset for asset in assets if pending[asset]), None):
            # Assets that want the same days run together; the first is upstream of the others.
            group = [asset for asset in assets if pending[asset] == pending[first]]
            for window in contiguous(day.day for day in pending[first]):
                self._run_range(org_id, group, window, summary)
                if summary.stopped:
                    return
            for day in list(pending[first]):
                if (first, day) not in summary.stored and (first, day) not in summary.failed:
                    summary.failed[first, day] = "the run ended before the day was tried"
            for asset in assets:
                for parent in sorted(self._upstream[asset] & set(assets)):
                    for day in pending[asset]:
                        if (parent, day) in summary.failed and (asset, day) not in summary.stored:
                            summary.failed.setdefault((asset, day), f"not tried: {parent} failed for the day")
                pending[asset] -= {
                    day for day in pending[asset] if (asset, day) in summary.stored or (asset, day) in summary.failed
                }

    def _run_range(self, org_id: int, assets: Sequence[str], window: DayRange, summary: Summary) -> None:
        failed_before = len(summary.failed)
        result = self._job.execute_in_process(
            instance=self._instance,
            asset_selection=[AssetKey(asset) for asset in assets],
            tags=range_tags(org_id, window),
            run_config=_QUIET,
            raise_on_error=False,
        )
        summary.runs.append(result.run_id)
        if not result.success and len(summary.failed) == failed_before:
            summary.errors += [
                f"{event.step_key}: {event.step_failure_data.error_display_string}"
                for event in result.all_events
                if event.is_step_failure
            ]


def hand_over(defs: Definitions, instance: DagsterInstance, request: Request) -> str:
    """Leave a request to the daemon as a backfill like the UI's; returns its id."""
    backfill_id = make_new_backfill_id()
    graph = defs.resolve_asset_graph()
    keys = [AssetKey(asset) for asset in request.assets]
    partitions = [str(day.key) for day in rectangle(request.org_ids, request.days)]
    instance.add_backfill(
        PartitionBackfill.from_asset_partitions(
            asset_graph=graph,
            backfill_id=backfill_id,
            tags={},
            backfill_timestamp=time.time(),
            asset_selection=keys,
            partition_names=partitions,
            dynamic_partitions_store=instance,
            all_partitions=False,
            title=f"{request.days.first} to {request.days.last}, {len(request.org_ids)} organisations",
            description="hologram-assets backfill --detach",
            run_config=None,
        )
    )
    return backfill_id
