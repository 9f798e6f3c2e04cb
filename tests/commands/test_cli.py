"""The console script as a user runs it: another process, a real sandbox, files in a folder of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from hologram_assets.partitions import today
from tests.conftest import KEY, Deployment

SCRIPT = Path(sys.executable).parent / "hologram-assets"


def run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SCRIPT), *arguments],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


@pytest.fixture
def deployment(deploy: Callable[..., Deployment], monkeypatch: pytest.MonkeyPatch) -> Deployment:
    deployment = deploy(sims=20, days=10)
    monkeypatch.setenv("DAGSTER_HOME", str(deployment.folder / "home"))
    return deployment


def test_every_command_explains_itself(tmp_path: Path) -> None:
    for command in (
        (),
        ("backfill",),
        ("report",),
        ("sandbox",),
        ("doctor",),
        ("orgs", "sync"),
        ("demo",),
        ("forecast", "backtest"),
    ):
        result = run(*command, "--help", cwd=tmp_path)
        assert result.returncode == 0
        assert "Usage" in result.stdout


def test_backfill_prints_one_json_object_and_report_reads_what_it_stored(deployment: Deployment) -> None:
    day = today()
    result = run(
        "backfill",
        "--from",
        str(day - timedelta(days=1)),
        "--to",
        str(day),
        "--org",
        "145",
        "--json",
        cwd=deployment.folder,
    )
    assert result.returncode == 0, result.stderr
    summary = json.loads(result.stdout)
    assert summary["ok"]
    assert summary["orgs"] == [145]
    assert summary["materialized"]["raw_sessions"] == 2
    assert len(summary["runs"]) == 1
    assert "registered organisation 145" in result.stderr
    assert KEY not in result.stdout + result.stderr
    shown = run("report", "--day", str(day), cwd=deployment.folder)
    assert shown.returncode == 0, shown.stderr
    assert "145" in shown.stdout
    written = run(
        "report",
        "--day",
        str(day),
        "--org",
        "145",
        "--format",
        "parquet",
        "--output",
        "r.parquet",
        cwd=deployment.folder,
    )
    assert written.returncode == 0
    assert (deployment.folder / "r.parquet").read_bytes().startswith(b"PAR1")


def test_orgs_sync_registers_once(deployment: Deployment) -> None:
    assert "registered 144, 145" in run("orgs", "sync", cwd=deployment.folder).stdout
    assert "registered none; 2 known already" in run("orgs", "sync", cwd=deployment.folder).stdout


def test_a_detached_backfill_is_left_to_the_daemon(deployment: Deployment) -> None:
    day = str(today())
    result = run("backfill", "--from", day, "--to", day, "--detach", "--json", cwd=deployment.folder)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["backfill_id"]
    assert not deployment.sandbox.requests


def test_doctor_finds_nothing_wrong_with_what_works(deployment: Deployment) -> None:
    result = run("doctor", cwd=deployment.folder)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("ok ") >= 4


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"HOLOGRAM_API_KEY": ""}, "HOLOGRAM_API_KEY"),
        ({"HOLOGRAM_API_KEY_145": "wrong"}, "HOLOGRAM_API_KEY_145"),
        ({"HOLOGRAM_ORG_IDS": ""}, "HOLOGRAM_ORG_IDS"),
        ({"HOLOGRAM_ORG_IDS": "144,999"}, "organisation 999"),
        ({"HOLOGRAM_WAREHOUSE": "/proc/no/x.duckdb"}, "HOLOGRAM_WAREHOUSE"),
        ({"HOLOGRAM_PLAN_ASSIGNMENTS": "missing.csv"}, "HOLOGRAM_PLAN_ASSIGNMENTS"),
        ({"SLACK_BOT_TOKEN": "xoxb-1"}, "SLACK_CHANNEL"),
    ],
)
def test_doctor_names_what_is_wrong_and_exits_with_1(
    deployment: Deployment, environment: dict[str, str], named: str
) -> None:
    result = run("doctor", cwd=deployment.folder, **environment)
    assert result.returncode == 1
    assert any("FAIL" in line and named in line for line in result.stdout.splitlines()), result.stdout
    assert "xoxb-1" not in result.stdout


def test_doctor_only_notes_that_links_may_not_be_read(deployment: Deployment) -> None:
    deployment.sandbox.faults.set("forbidden", endpoint="links/cellular")
    result = run("doctor", cwd=deployment.folder)
    assert result.returncode == 0
    assert "may not read links" in result.stdout


def test_a_wrong_setting_is_refused_with_its_name(tmp_path: Path) -> None:
    result = run("report", "--day", "2026-11-01", cwd=tmp_path, HOLOGRAM_PAGE_SIZE="many")
    assert result.returncode == 2
    assert "HOLOGRAM_PAGE_SIZE" in result.stderr


def test_a_dotenv_file_of_the_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("HOLOGRAM_PAGE_SIZE=many\n")
    result = run("report", "--day", "2026-11-01", cwd=tmp_path)
    assert "HOLOGRAM_PAGE_SIZE" in result.stderr


def test_without_dagster_home_the_instance_is_below_the_folder(tmp_path: Path) -> None:
    result = run("orgs", "sync", cwd=tmp_path, HOLOGRAM_ORG_IDS="7")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "data" / "dagster").is_dir()


def test_an_instance_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run("orgs", "sync", cwd=tmp_path, HOLOGRAM_ORG_IDS="7", DAGSTER_HOME=str(tmp_path / "file" / "home"))
    assert result.returncode == 1
    assert "DAGSTER_HOME" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_sandbox_says_where_it_serves_and_pages_right(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [str(SCRIPT), "sandbox", "--port", "0", "--sims", "20", "--orgs", "7", "--seed", "3", "--days", "5"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        with process.stdout as out:
            found = re.search(r"http://127\.0\.0\.1:\d+/api/1", out.readline())
        assert found
        answer = requests.get(
            f"{found[0]}/usage/data", params={"orgid": 7, "limit": 3}, auth=("apikey", "k"), timeout=20
        )
        assert len(answer.json()["data"]) == 3
    finally:
        process.terminate()
        process.wait(timeout=10)


def test_a_sandbox_that_cannot_be_is_refused(tmp_path: Path) -> None:
    result = run("sandbox", "--fault", "gremlins", cwd=tmp_path)
    assert result.returncode == 2
    assert "gremlins" in result.stderr
    listed = run("sandbox", "--fault", "list", cwd=tmp_path)
    assert "rate_limited" in listed.stdout


def test_progress_goes_to_standard_error_while_it_runs(deployment: Deployment) -> None:
    began = time.monotonic()
    result = run(
        "backfill", "--from", str(today()), "--to", str(today()), "--org", "144", "--assets", "raw_sessions",
        cwd=deployment.folder,
    )  # fmt: skip
    assert result.returncode == 0
    assert result.stdout == ""
    assert f"raw_sessions {today()}|144" in result.stderr
    assert time.monotonic() - began < 60
