"""The daemon by itself: killed in the middle of a backfill, and before the first backfill of a new instance."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hologram_assets.partitions import OrgDay, rectangle
from hologram_assets.sandbox import Sandbox, parse_fault
from hologram_assets.warehouse.connection import Warehouse, WarehouseMissingError
from tests.browser.dagster_dev import ORGS, Home, make_home, wait_for
from tests.browser.test_dagster_ui import days_ago

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(300)]
ASSETS = ("raw_sessions", "daily_link_usage")
LOOK = """
import json
from dagster import DagsterInstance
with DagsterInstance.get() as instance:
    (backfill,) = instance.get_backfills()
    print(json.dumps([backfill.status.value, [[run.status.value, run.tags] for run in instance.get_runs()]]))
"""


def stored(home: Home) -> set[tuple[str, OrgDay]]:
    """What the warehouse holds."""
    try:
        with Warehouse(home.environment["HOLOGRAM_WAREHOUSE"]).read() as connection:
            rows = connection.execute("SELECT asset, org_id, day FROM hologram.partition_loads").fetchall()
    except WarehouseMissingError:
        return set()
    return {(asset, OrgDay(org_id, day)) for asset, org_id, day in rows}


def backfill_of(home: Home) -> tuple[str, list[tuple[str, dict[str, str]]]]:
    """The status of the one backfill, and of its runs with their tags."""
    status, runs = json.loads(home.python(LOOK))
    return status, runs


def test_a_backfill_goes_on_where_a_killed_daemon_left_it(tmp_path: Path) -> None:
    days = days_ago(4, 0)
    with Sandbox(orgs=ORGS, sims=20, days=30) as sandbox:
        home = make_home(tmp_path, sandbox)
        sandbox.faults.add(parse_fault("hang=6@usage/data$+5"))
        home.run(
            "backfill", "--detach", "--from", str(days.first), "--to", str(days.last), "--assets", ",".join(ASSETS)
        )
        daemon = ("dagster-daemon", "run", "-w", "workspace.yaml")
        with home.started(*daemon) as first:
            wait_for("a day is stored", lambda: bool(stored(home)), 90)
            first.kill()  # the run that it started, and what serves the code, live on
            assert first.left()
            kept = stored(home)
            status, runs = backfill_of(home)
            assert status == "REQUESTED"
            assert "STARTED" in {run for run, _ in runs}
            sandbox.faults.clear()
            with home.started(*daemon) as second:
                try:
                    wait_for("the backfill ends", lambda: backfill_of(home)[0] != "REQUESTED", 200, every=3)
                except AssertionError as error:
                    raise AssertionError(f"{error}\n{second.tail()}") from error
        status, runs = backfill_of(home)
        assert (status, [run for run, _ in runs]) == ("COMPLETED_SUCCESS", ["SUCCESS"] * len(ORGS))
        assert {tags["dagster/asset_partition_range_start"] for _, tags in runs} == {
            OrgDay(org, days.first).key for org in ORGS
        }
        assert kept <= stored(home) == {(asset, day) for asset in ASSETS for day in rectangle(ORGS, days)}


def test_the_first_runs_of_a_new_instance_ask_hologram_one_after_the_other(tmp_path: Path) -> None:
    with Sandbox(orgs=ORGS, sims=20, days=30) as sandbox:
        home = make_home(tmp_path, sandbox)
        sandbox.faults.add(parse_fault("hang=20"))
        home.run("backfill", "--detach", "--from", str(days_ago(1, 0).first), "--to", str(days_ago(1, 0).last))

        def states() -> list[str]:
            return sorted(run for run, _ in backfill_of(home)[1])

        with home.started("dagster-daemon", "run", "-w", "workspace.yaml"):
            wait_for("a run is started", lambda: "STARTED" in states(), 60)
            assert states() == ["QUEUED", "STARTED"]
