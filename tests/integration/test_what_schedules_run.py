"""The runs that schedules ask for, run: they bring what came late, and every day that was made from it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from dagster import DagsterEventType, ExecuteInProcessResult, RunRequest

from hologram_assets.api.errors import TransientError
from hologram_assets.api.slicing import StagedSlice, staged_slices
from hologram_assets.backfill import register_orgs
from hologram_assets.jobs import REFRESH, SETTLE, run_of_days
from hologram_assets.partitions import DayRange, OrgDay
from hologram_assets.warehouse.known import stale_days
from tests.conftest import Deployment
from tests.integration.conftest import Base, Deploy

ORG = 144
DERIVED = ("daily_link_usage", "overage_report")
ONE_DAY = timedelta(days=1)


def start(deployment: Deployment, request: RunRequest) -> ExecuteInProcessResult:
    """What the daemon does with a run request."""
    register_orgs(deployment.instance, [ORG])
    assert request.job_name
    job = deployment.defs.resolve_job_def(request.job_name)
    return job.execute_in_process(instance=deployment.instance, tags=dict(request.tags), raise_on_error=False)


def materialised(result: ExecuteInProcessResult, asset: str) -> dict[str, dict[str, Any]]:
    """Partition to its numbers, of an asset in a run."""
    events = [event for event in result.all_events if event.event_type is DagsterEventType.ASSET_MATERIALIZATION]
    found = [event.step_materialization_data.materialization for event in events]
    return {
        str(one.partition): {name: value.value for name, value in one.metadata.items()}
        for one in found
        if one.asset_key.to_user_string() == asset
    }


@pytest.fixture
def lacking(loaded: Deploy, base: Base) -> tuple[Deployment, int, date, date]:
    """A warehouse that lacks a day of a SIM whose period has ended: (deployment, SIM, the day, the day of the end)."""
    deployment = loaded()
    ((linkid, ended, day),) = deployment.rows(
        """SELECT c.linkid, c.day, max(s.day)
           FROM hologram.closed_periods AS c JOIN hologram.raw_sessions AS s
             ON s.org_id = c.org_id AND s.linkid = c.linkid AND s.bytes > 0
            AND s.session_end >= c.period_start AND s.session_end < c.period_end AND s.day < c.day - 3
           WHERE c.org_id = ? AND c.reconciled AND c.day BETWEEN ? AND ?
           GROUP BY ALL ORDER BY c.day DESC, c.linkid LIMIT 1""",
        [ORG, base.today - 10 * ONE_DAY, base.today - 2 * ONE_DAY],
    )
    with deployment.warehouse.write() as connection:
        connection.execute("DELETE FROM hologram.raw_sessions WHERE org_id = ? AND linkid = ? AND day = ?",
                           [ORG, linkid, day])  # fmt: skip
    assert deployment.backfill(day, ended, [ORG], DERIVED).ok
    assert reconciled(deployment, linkid, ended) is False
    return deployment, linkid, day, ended


def reconciled(deployment: Deployment, linkid: int, ended: date) -> Any:
    ((value,),) = deployment.rows(
        "SELECT reconciled FROM hologram.closed_periods WHERE org_id = ? AND linkid = ? AND day = ?",
        [ORG, linkid, ended],
    )
    return value


def sessions(deployment: Deployment, linkid: int, day: date) -> int:
    ((count,),) = deployment.rows(
        "SELECT count(*) FROM hologram.raw_sessions WHERE org_id = ? AND linkid = ? AND day = ?", [ORG, linkid, day]
    )
    return int(count)


Lacking = tuple[Deployment, int, date, date]


def test_a_settle_reads_the_sims_again_whose_closed_period_lacks_bytes_and_derives_what_follows(
    lacking: Lacking, base: Base
) -> None:
    deployment, linkid, day, ended = lacking
    stored = deployment.rows("SELECT count(*) FROM hologram.raw_sessions WHERE org_id = ?", [ORG])
    result = start(deployment, run_of_days(SETTLE, ORG, DayRange(ended, ended)))
    assert result.success
    assert sessions(deployment, linkid, day) > 0
    assert reconciled(deployment, linkid, ended) is True
    # That SIM's sessions of that day came in, and nobody else's.
    ((now_stored,),) = deployment.rows("SELECT count(*) FROM hologram.raw_sessions WHERE org_id = ?", [ORG])
    assert now_stored - stored[0][0] == sessions(deployment, linkid, day)
    raw = materialised(result, "raw_sessions")
    assert set(raw) == {OrgDay(ORG, ended).key, OrgDay(ORG, day).key}
    numbers = raw[OrgDay(ORG, day).key]
    assert numbers["new_rows"] == numbers["late_rows"] == sessions(deployment, linkid, day)
    # Every later day that was there is made from the new numbers, and Dagster knows it.
    with deployment.warehouse.read() as connection:
        assert [stale_days(connection, asset, ORG, base.first, base.today) for asset in DERIVED] == [[], []]
    later = {OrgDay(ORG, base.today - n * ONE_DAY).key for n in range((base.today - day).days + 1)}
    assert set(materialised(result, "overage_report")) == later


@pytest.mark.campaign
def test_what_a_day_lacked_is_measured_as_late(lacking: Lacking) -> None:
    deployment, linkid, day, ended = lacking
    assert start(deployment, run_of_days(SETTLE, ORG, DayRange(ended, ended))).success
    columns = "late_rows, late_bytes, late_rows_ever, late_bytes_ever, greatest_lateness_seconds, complete_through"
    query = f"SELECT {columns} FROM hologram.partition_loads WHERE org_id = ? AND day = ? AND asset = 'raw_sessions'"
    ((rows, size, rows_ever, bytes_ever, lateness, through),) = deployment.rows(query, [ORG, day])
    came = deployment.rows(
        "SELECT count(*), sum(bytes), min(session_end) FROM hologram.raw_sessions WHERE linkid = ? AND day = ?",
        [linkid, day],
    )
    assert [(rows, size)] == [(rows_ever, bytes_ever)] == [came[0][:2]]
    assert through.date() == day + ONE_DAY
    assert (ended - day).days * 86_400 <= lateness
    # A later look that finds nothing more keeps what was measured.
    assert start(deployment, run_of_days(REFRESH, ORG, DayRange(day, day))).success
    ((rows, size, rows_ever, bytes_ever, still, _),) = deployment.rows(query, [ORG, day])
    assert (rows, size, rows_ever, bytes_ever, still) == (0, 0, came[0][0], came[0][1], lateness)


def test_a_refresh_asks_for_its_own_days_alone(lacking: Lacking) -> None:
    deployment, linkid, day, ended = lacking
    assert start(deployment, run_of_days(REFRESH, ORG, DayRange(ended, ended))).success
    assert sessions(deployment, linkid, day) == 0


def test_an_api_that_fails_while_sims_are_read_again_leaves_the_days_of_the_run_stored(
    lacking: Lacking, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment, linkid, day, ended = lacking

    def broken(*arguments: Any) -> Iterator[StagedSlice]:
        for staged in staged_slices(*arguments):
            staged.error = TransientError("the API is down")
            yield staged

    monkeypatch.setattr("hologram_assets.assets.other_days.staged_slices", broken)
    result = start(deployment, run_of_days(SETTLE, ORG, DayRange(ended, ended)))
    assert result.success
    assert set(materialised(result, "raw_sessions")) == {OrgDay(ORG, ended).key}
    assert sessions(deployment, linkid, day) == 0
    assert reconciled(deployment, linkid, ended) is False
