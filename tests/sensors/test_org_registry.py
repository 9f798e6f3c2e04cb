from __future__ import annotations

import pytest
from dagster import DagsterInstance, build_sensor_context
from dagster._core.definitions.sensor_definition import SensorExecutionData

from hologram_assets.partitions import ORG
from hologram_assets.sensors.org_registry import org_registry


def tick(instance: DagsterInstance, org_ids: list[int]) -> SensorExecutionData:
    sensor = org_registry(lambda: org_ids)
    with build_sensor_context(instance=instance) as context:
        return sensor.evaluate_tick(context)


def test_new_organisations_are_asked_for_as_partitions() -> None:
    with DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(ORG, ["144"])
        (request,) = tick(instance, [144, 145]).dynamic_partitions_requests or []
        assert request.partition_keys == ["145"]


@pytest.mark.parametrize("org_ids", [[144], []])
def test_a_shorter_or_empty_list_removes_nothing(org_ids: list[int]) -> None:
    with DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(ORG, ["144", "145"])
        result = tick(instance, org_ids)
        assert not result.dynamic_partitions_requests
        assert result.skip_message
        assert instance.get_dynamic_partitions(ORG) == ["144", "145"]


def test_a_list_that_cannot_be_read_fails_the_tick() -> None:
    def broken() -> list[int]:
        raise ValueError("HOLOGRAM_ORG_IDS: 'x' is not an organisation id")

    sensor = org_registry(broken)
    with (
        DagsterInstance.ephemeral() as instance,
        build_sensor_context(instance=instance) as context,
        pytest.raises(Exception, match="HOLOGRAM_ORG_IDS"),
    ):
        sensor.evaluate_tick(context)
