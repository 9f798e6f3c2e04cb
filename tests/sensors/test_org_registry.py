from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta

import pytest
from dagster import DagsterInstance, DagsterRunStatus, DefaultSensorStatus, RunRequest, build_sensor_context
from dagster._core.definitions.sensor_definition import SensorExecutionData
from dagster._core.test_utils import create_run_for_test

from hologram_assets.jobs import refresh_job
from hologram_assets.partitions import ORG, Loadable, today
from hologram_assets.sensors.org_registry import MOST_NEW_ORGS, org_registry

LONG_AGO = date(2020, 1, 1)
ALL_KEPT = Loadable(LONG_AGO, 90)


def tick(
    instance: DagsterInstance,
    read: Callable[[], Sequence[int]],
    days: int = 3,
    loadable: Loadable = ALL_KEPT,
) -> SensorExecutionData:
    sensor = org_registry(read, refresh_job(), days, loadable, DefaultSensorStatus.RUNNING)
    with build_sensor_context(instance=instance) as context:
        return sensor.evaluate_tick(context)


def added(result: SensorExecutionData) -> list[str]:
    return [key for request in result.dynamic_partitions_requests or [] for key in request.partition_keys]


def asked(requests: Sequence[RunRequest] | None) -> list[tuple[str, str]]:
    """First and last partition of each run that is asked for."""
    ranges = [request.partition_key_range for request in requests or []]
    return [(found.start, found.end) for found in ranges if found is not None]


def ago(days: int) -> date:
    return today() - timedelta(days=days)


def test_a_new_organisation_becomes_a_partition_and_its_last_days_are_asked_for_in_one_run() -> None:
    with DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(ORG, ["144"])
        result = tick(instance, lambda: [144, 145])
        assert added(result) == ["145"]
        assert asked(result.run_requests) == [(f"{ago(2)}|145", f"{today()}|145")]
        (request,) = result.run_requests or []
        assert request.tags["hologram/org"] == "145"


def test_no_day_is_asked_for_that_is_no_partition_or_that_hologram_no_longer_keeps() -> None:
    with DagsterInstance.ephemeral() as instance:
        for loadable, first in ((Loadable(ago(1), 90), ago(1)), (Loadable(LONG_AGO, 2), ago(1))):
            result = tick(instance, lambda: [144], days=35, loadable=loadable)
            assert asked(result.run_requests) == [(f"{first}|144", f"{today()}|144")]


def test_without_first_days_an_organisation_is_registered_only() -> None:
    with DagsterInstance.ephemeral() as instance:
        result = tick(instance, lambda: [144], days=0)
        assert added(result) == ["144"]
        assert not result.run_requests


def test_many_new_organisations_come_a_few_a_tick_until_all_are_there() -> None:
    wanted = list(range(1, MOST_NEW_ORGS + 3))
    with DagsterInstance.ephemeral() as instance:
        first = tick(instance, lambda: wanted)
        assert len(added(first)) == len(first.run_requests or []) == MOST_NEW_ORGS
        instance.add_dynamic_partitions(ORG, added(first))
        second = tick(instance, lambda: wanted)
        assert sorted(map(int, added(first) + added(second))) == wanted
        instance.add_dynamic_partitions(ORG, added(second))
        assert "are partitions already" in (tick(instance, lambda: wanted).skip_message or "")


def test_first_days_that_failed_are_asked_for_again_after_an_hour_until_they_came(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with DagsterInstance.ephemeral() as instance:
        (request,) = tick(instance, lambda: [144]).run_requests or []
        instance.add_dynamic_partitions(ORG, ["144"])
        keys = [request.run_key]
        for status in (DagsterRunStatus.FAILURE, DagsterRunStatus.FAILURE):
            create_run_for_test(instance, job_name="refresh", tags=dict(request.tags), status=status)
            assert not tick(instance, lambda: [144]).run_requests
            monkeypatch.setattr("hologram_assets.sensors.org_registry._PAUSE_SECONDS", -1)
            assert not tick(instance, list).run_requests
            (again,) = tick(instance, lambda: [144]).run_requests or []
            assert asked([again]) == asked([request])
            keys.append(again.run_key)
            monkeypatch.undo()
        assert len(set(keys)) == 3
        monkeypatch.setattr("hologram_assets.sensors.org_registry._PAUSE_SECONDS", -1)
        create_run_for_test(instance, job_name="refresh", tags=dict(request.tags), status=DagsterRunStatus.SUCCESS)
        assert not tick(instance, lambda: [144]).run_requests


@pytest.mark.parametrize("org_ids", [[144], []])
def test_a_shorter_or_empty_list_removes_nothing(org_ids: list[int]) -> None:
    with DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(ORG, ["144", "145"])
        result = tick(instance, lambda: org_ids)
        assert not result.dynamic_partitions_requests
        assert not result.run_requests
        assert result.skip_message
        assert instance.get_dynamic_partitions(ORG) == ["144", "145"]


def test_a_list_that_cannot_be_read_fails_the_tick() -> None:
    def broken() -> list[int]:
        raise ValueError("HOLOGRAM_ORG_IDS: 'x' is not an organisation id")

    with DagsterInstance.ephemeral() as instance, pytest.raises(Exception, match="HOLOGRAM_ORG_IDS"):
        tick(instance, broken)
