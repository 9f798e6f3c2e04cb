"""Runs whose process is gone are ended, others are left alone."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from dagster import DagsterInstance, DagsterRunStatus, build_sensor_context
from dagster._core.test_utils import create_run_for_test

from hologram_assets.processes import is_gone, this_process
from hologram_assets.sensors.lost_runs import lost_runs

SAY = "from hologram_assets.processes import this_process; print(this_process(), flush=True); input()"


@pytest.fixture
def other() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Another process of this machine, and its name."""
    with subprocess.Popen(
        [sys.executable, "-c", SAY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip(), process
        process.kill()


def tick(instance: DagsterInstance) -> str:
    with build_sensor_context(instance=instance) as context:
        return lost_runs().evaluate_tick(context).skip_message or ""


def test_a_run_is_ended_once_its_process_is_gone_and_not_before(other: tuple[str, subprocess.Popen[str]]) -> None:
    name, process = other
    with DagsterInstance.ephemeral() as instance:
        runs = {
            status: create_run_for_test(instance, status=status).run_id
            for status in (DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING, DagsterRunStatus.SUCCESS)
        }
        for run_id in runs.values():
            instance.add_run_tags(run_id, {"hologram/process": f"{run_id} {name}"})
        # A retry that has just begun still has the tag of the run before it.
        born = {"hologram/process": f"{runs[DagsterRunStatus.STARTED]} {name}"}
        retry = create_run_for_test(instance, status=DagsterRunStatus.STARTED, tags=born).run_id

        def statuses() -> list[DagsterRunStatus]:
            return [run.status for run_id in runs.values() if (run := instance.get_run_by_id(run_id)) is not None]

        assert "has its process" in tick(instance)
        assert statuses() == list(runs)
        process.kill()
        time.sleep(0.2)  # it is a zombie now: nobody has collected it
        assert runs[DagsterRunStatus.STARTED] in tick(instance)
        assert statuses() == [DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED, DagsterRunStatus.SUCCESS]
        assert "has its process" in tick(instance)
        retried = instance.get_run_by_id(retry)
        assert retried is not None
        assert retried.status is DagsterRunStatus.STARTED


def test_a_run_of_another_machine_or_of_an_unknown_process_is_left_alone() -> None:
    elsewhere = "|".join(["elsewhere", *this_process().split("|")[1:]])
    with DagsterInstance.ephemeral() as instance:
        for name in (elsewhere, None):
            run_id = create_run_for_test(instance, status=DagsterRunStatus.STARTED).run_id
            if name:
                instance.add_run_tags(run_id, {"hologram/process": f"{run_id} {name}"})
        tick(instance)
        assert {run.status for run in instance.get_runs()} == {DagsterRunStatus.STARTED}


def test_a_process_of_the_boot_before_or_with_a_number_used_anew_is_gone() -> None:
    host, boot, pid, started = this_process().split("|")
    assert not is_gone(this_process())
    assert is_gone(f"{host}|another boot|{pid}|{started}")
    assert is_gone(f"{host}|{boot}|{pid}|{int(started) - 1}")
