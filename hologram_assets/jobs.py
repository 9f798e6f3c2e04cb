"""The jobs that schedules and sensors start: the whole graph over one organisation's contiguous days, in one run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dagster import AssetSelection, DagsterInstance, RunRequest, define_asset_job
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.storage.tags import (
    MAX_RUNTIME_SECONDS_TAG,
    PRIORITY_TAG,
)

from hologram_assets.partitions import DayRange, range_tags
from hologram_assets.run_tags import FIRST_DAYS_TAG, ORG_TAG, PICTURES_TAG, POOL, SETTLE_TAG

REFRESH: Final = "refresh"
SETTLE: Final = "settle"
# A queue that is full of history must not hold up what is about today. What nobody chose has 0.
_PRIORITY: Final = {REFRESH: 10, SETTLE: -10}
# Seconds. A run whose process was killed (a reboot) is taken for a running one and keeps its slot of the pool until then;
# `dagster.yaml` gives a backfill of months more.
_LONGEST: Final = {REFRESH: 2 * 3600, SETTLE: 6 * 3600}


FIRST_DAYS_TAGS: Final = {
    FIRST_DAYS_TAG: "true",
    # History: it waits for what is about today, and may take as long as a backfill.
    PRIORITY_TAG: "0",
    MAX_RUNTIME_SECONDS_TAG: str(12 * 3600),
}


def make_pool_known(instance: DagsterInstance) -> None:
    """Give the pool its default limit, if it is new.

    Dagster 1.13 does that with the first run that wants it, after it has looked which limits there are: on a new instance
    the first two runs would ask Hologram side by side.
    """
    instance.event_log_storage.initialize_concurrency_limit_to_default(POOL)


def refresh_job() -> UnresolvedAssetJobDefinition:
    """Loads days and derives them, without pictures: the hourly one, and the first load of a new organisation."""
    return define_asset_job(
        REFRESH,
        AssetSelection.all(),
        description="Every asset for days of one organisation: fetches them, and derives what follows.",
        tags=_tags(REFRESH) | {PICTURES_TAG: "no"},
    )


def settle_job() -> UnresolvedAssetJobDefinition:
    """Loads days again for what came late, and what their closed periods lack."""
    return define_asset_job(
        SETTLE,
        AssetSelection.all(),
        description=(
            "Every asset for past days of one organisation, once more: sessions come late. SIMs whose period ended on "
            "these days and doesn't agree with Hologram's total are read again for their whole period."
        ),
        tags=_tags(SETTLE) | {SETTLE_TAG: "true"},
    )


def _tags(job: str) -> dict[str, str]:
    return {PRIORITY_TAG: str(_PRIORITY[job]), MAX_RUNTIME_SECONDS_TAG: str(_LONGEST[job])}


def run_of_days(
    job: str, org_id: int, days: DayRange, run_key: str | None = None, tags: Mapping[str, str] | None = None
) -> RunRequest:
    """A run of `job` over contiguous days of an organisation, as the UI's backfill makes it of a range."""
    return RunRequest(
        run_key=run_key,
        job_name=job,
        tags={**range_tags(org_id, days), ORG_TAG: str(org_id), **(tags or {})},
    )
