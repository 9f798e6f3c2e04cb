"""Which runs the schedules ask for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from dagster import (
    DagsterInstance,
    DagsterRunStatus,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    ScheduleDefinition,
    build_schedule_context,
)
from dagster._core.definitions.schedule_definition import ScheduleExecutionData
from dagster._core.test_utils import create_run_for_test

from hologram_assets.build import build_defs
from hologram_assets.jobs import refresh_job, run_of_days, settle_job
from hologram_assets.partitions import ORG, DayRange, Loadable, today
from hologram_assets.schedules import DAILY, HOURLY, WEEKLY, Rhythm, schedule_of

LONG_AGO = date(2020, 1, 1)
ALL_KEPT = Loadable(LONG_AGO, 90)
JOBS = {HOURLY: refresh_job(), DAILY: settle_job(), WEEKLY: settle_job()}


def at(hour: int = 5, minute: int = 7, days_ago: int = 0) -> datetime:
    return datetime.now(UTC).replace(hour=hour, minute=minute, second=0, microsecond=0) - timedelta(days=days_ago)


def tick(
    instance: DagsterInstance,
    rhythm: Rhythm,
    org_ids: Sequence[int] = (144, 145),
    due: datetime | None = None,
    loadable: Loadable = ALL_KEPT,
) -> ScheduleExecutionData:
    schedule = schedule_of(rhythm, JOBS[rhythm], lambda: org_ids, loadable, DefaultScheduleStatus.RUNNING)
    with build_schedule_context(instance=instance, scheduled_execution_time=due or at()) as context:
        return schedule.evaluate_tick(context)


def asked(result: ScheduleExecutionData) -> list[tuple[str, str]]:
    """First and last partition of each run that is asked for."""
    ranges = [request.partition_key_range for request in result.run_requests or []]
    return [(found.start, found.end) for found in ranges if found is not None]


def ago(days: int) -> date:
    return today() - timedelta(days=days)


@pytest.fixture
def instance(fresh_home: Path, tmp_path: Path) -> Iterator[DagsterInstance]:
    """On SQLite: a schedule opens the instance anew from where it lies."""
    home = shutil.copytree(fresh_home, tmp_path / "dagster")
    with DagsterInstance.local_temp(str(home)) as instance:
        instance.add_dynamic_partitions(ORG, ["144", "145"])
        yield instance


@pytest.mark.parametrize(("rhythm", "first", "last"), [(HOURLY, 1, 0), (DAILY, 3, 1), (WEEKLY, 14, 4)])
def test_each_organisation_gets_one_run_of_contiguous_days(
    instance: DagsterInstance, rhythm: Rhythm, first: int, last: int
) -> None:
    result = tick(instance, rhythm)
    assert asked(result) == [(f"{ago(first)}|{org}", f"{ago(last)}|{org}") for org in (144, 145)]
    assert [request.tags["hologram/org"] for request in result.run_requests or []] == ["144", "145"]
    assert len({request.run_key for request in result.run_requests or []}) == 2


def test_a_tick_that_was_missed_asks_for_the_days_of_its_own_time(instance: DagsterInstance) -> None:
    assert asked(tick(instance, DAILY, [144], due=at(3, 37, days_ago=4))) == [(f"{ago(7)}|144", f"{ago(5)}|144")]


def test_the_same_tick_has_the_same_keys_and_another_one_others(instance: DagsterInstance) -> None:
    def keys(due: datetime) -> set[str | None]:
        return {request.run_key for request in tick(instance, HOURLY, due=due).run_requests or []}

    assert keys(at(5)) == keys(at(5))
    assert not keys(at(5)) & keys(at(6))


def test_only_organisations_of_the_list_that_are_partitions_are_loaded(instance: DagsterInstance) -> None:
    assert asked(tick(instance, HOURLY, [145, 146])) == [(f"{ago(1)}|145", f"{today()}|145")]


@pytest.mark.parametrize(("org_ids", "reason"), [((), "HOLOGRAM_ORG_IDS is empty"), ((146,), "org_registry_sensor")])
def test_without_an_organisation_the_tick_says_why_it_does_nothing(
    instance: DagsterInstance, org_ids: tuple[int, ...], reason: str
) -> None:
    result = tick(instance, HOURLY, org_ids)
    assert not result.run_requests
    assert reason in (result.skip_message or "")


@pytest.mark.parametrize("status", [DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTED])
def test_an_organisation_whose_last_refresh_has_not_ended_is_not_asked_for_again(
    instance: DagsterInstance, status: DagsterRunStatus
) -> None:
    create_run_for_test(
        instance,
        job_name="refresh",
        tags=dict(run_of_days("refresh", 144, DayRange(ago(1), today())).tags),
        status=status,
    )
    assert asked(tick(instance, HOURLY)) == [(f"{ago(1)}|145", f"{today()}|145")]
    create_run_for_test(instance, job_name="refresh", tags={"dagster/partition": f"{today()}|145"}, status=status)
    assert "has not ended yet" in (tick(instance, HOURLY).skip_message or "")
    # A settle asks for days of its own, which nobody asks for again.
    assert len(asked(tick(instance, DAILY))) == 2


@pytest.mark.parametrize("status", [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED])
def test_a_refresh_that_ended_holds_up_nothing(instance: DagsterInstance, status: DagsterRunStatus) -> None:
    create_run_for_test(
        instance,
        job_name="refresh",
        tags=dict(run_of_days("refresh", 144, DayRange(ago(1), today())).tags),
        status=status,
    )
    assert len(asked(tick(instance, HOURLY))) == 2


def test_days_before_the_first_partition_or_beyond_the_retention_are_left_out(instance: DagsterInstance) -> None:
    for loadable in (Loadable(ago(5), 90), Loadable(LONG_AGO, 6)):
        assert asked(tick(instance, WEEKLY, [144], loadable=loadable)) == [(f"{ago(5)}|144", f"{ago(4)}|144")]
    assert "no day can be loaded" in (tick(instance, WEEKLY, loadable=Loadable(ago(2), 90)).skip_message or "")


@pytest.mark.parametrize(("written", "running"), [(None, True), ("on", True), ("off", False)])
def test_schedules_and_sensors_run_unless_they_are_switched_off(
    monkeypatch: pytest.MonkeyPatch, written: str | None, running: bool
) -> None:
    if written:
        monkeypatch.setenv("HOLOGRAM_AUTOMATION", written)
    repository = build_defs().get_repository_def()
    schedules: Sequence[ScheduleDefinition] = repository.schedule_defs
    assert len(schedules) == 3
    assert {schedule.default_status == DefaultScheduleStatus.RUNNING for schedule in schedules} == {running}
    assert {sensor.default_status == DefaultSensorStatus.RUNNING for sensor in repository.sensor_defs} == {running}
    assert all(schedule.description and schedule.execution_timezone == "UTC" for schedule in schedules)


def test_what_is_about_today_goes_before_what_is_about_the_past() -> None:
    jobs = {job.name: job for job in build_defs().get_repository_def().get_all_jobs()}
    refresh, settle = (int(jobs[name].tags["dagster/priority"]) for name in ("refresh", "settle"))
    assert refresh > 0 > settle
