"""What can't be done is refused before anything changes; what fails for one day leaves the others done."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result
from dagster import AssetKey, DagsterInstance

from hologram_assets.cli import main
from hologram_assets.commands.instance import dagster_instance
from hologram_assets.partitions import OrgDay
from tests.conftest import KEY, Deployment
from tests.integration.conftest import Deploy

DERIVED = (
    "daily_link_usage", "network_changes", "overage_report", "alerts", "plan_recommendations", "fleet_summary",
)  # fmt: skip
ORG = 144
INGEST = ("raw_sessions", "billing_usage", "plan_catalog", "sim_inventory")


def run(*arguments: object) -> Result:
    """The command line in this process, with the environment of now."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert KEY not in result.output
    assert "Traceback" not in result.output
    return result


def backfill(first: date, last: date, *more: object) -> Result:
    return run("backfill", "--from", first, "--to", last, *more)


def said(result: Result) -> str:
    """What was said, on one line."""
    return " ".join(result.stderr.split())


def summary_of(result: Result) -> dict[str, Any]:
    """The one JSON object on standard output."""
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


def small(quick: Deploy, monkeypatch: pytest.MonkeyPatch, **options: Any) -> Deployment:
    monkeypatch.setenv("HOLOGRAM_MAX_CONNECTIONS", "2")
    monkeypatch.setenv("HOLOGRAM_TIMEOUT_SECONDS", "5")
    return quick(**{"orgs": (ORG,), "sims": 4, "days": 10} | options)


def days_ago(deployment: Deployment, ago: int) -> date:
    return deployment.sandbox.clock.now().date() - timedelta(days=ago)


def everything(deployment: Deployment, *but: str) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables."""
    tables = [
        name for (name,) in deployment.rows("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'hologram'")
    ]
    return {
        name: sorted(deployment.rows(f"SELECT * FROM hologram.{name}"), key=repr) for name in tables if name not in but
    }


def sessions_of(deployment: Deployment, org: int, days: Sequence[date]) -> list[tuple[int, int]]:
    return sorted(
        (session.record_id, session.bytes)
        for session in deployment.sandbox.fleet.sessions(org)
        if session.timestamp.date() in days
    )


def stored_of(deployment: Deployment, org: int) -> list[tuple[Any, ...]]:
    return deployment.rows("SELECT record_id, bytes FROM hologram.raw_sessions WHERE org_id = ? ORDER BY 1", [org])


def materialized(asset: str) -> Counter[str]:
    """Partitions of an asset that Dagster counts as materialised in the command line's own instance."""
    with DagsterInstance.from_config(os.environ["DAGSTER_HOME"]) as instance:
        records = instance.fetch_materializations(AssetKey(asset), limit=500).records
    return Counter(str(record.partition_key) for record in records)


# Refused before anything is asked: exit code 2.


@pytest.fixture
def filled(quick: Deploy, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """A warehouse that holds two days of sessions; nobody has asked for anything since."""
    deployment = small(quick, monkeypatch)
    assert deployment.backfill(days_ago(deployment, 2), days_ago(deployment, 1), [ORG], ["raw_sessions"]).ok
    deployment.sandbox.requests.clear()
    return deployment


@pytest.mark.parametrize(
    ("first", "last", "more", "words"),
    [
        (0, -1, [], ["in the future", "{0}"]),
        (1, 2, [], ["--from {1}", "after", "--to {2}"]),
        (300, 299, [], ["before the first partition", "{200}", "HOLOGRAM_START_DATE"]),
        (1, 1, ["--assets", "raw_sessions,overage_rapport"], ["overage_rapport", "raw_sessions", "overage_report"]),
    ],
    ids=["future", "reversed", "before the start date", "unknown asset"],
)
def test_a_request_that_makes_no_sense_is_refused(
    filled: Deployment, first: int, last: int, more: list[str], words: list[str]
) -> None:
    before = everything(filled)
    result = backfill(days_ago(filled, first), days_ago(filled, last), "--org", ORG, "--json", *more)
    assert result.exit_code == 2
    for word in words:
        named = word
        for ago in (0, 1, 2, 200):
            named = named.replace(f"{{{ago}}}", str(days_ago(filled, ago)))
        assert named in said(result)
        assert named in summary_of(result)["error"]
    assert summary_of(result)["ok"] is False
    assert filled.sandbox.requests == []
    assert everything(filled) == before


def test_without_an_organisation_it_is_refused(filled: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOLOGRAM_ORG_IDS")
    result = backfill(days_ago(filled, 1), days_ago(filled, 1))
    assert result.exit_code == 2
    assert "HOLOGRAM_ORG_IDS" in said(result)
    assert filled.sandbox.requests == []


def test_an_organisation_that_hologram_refuses_never_becomes_a_partition(
    filled: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = days_ago(filled, 1)
    for listed in (str(ORG), ""):
        monkeypatch.setenv("HOLOGRAM_ORG_IDS", listed)
        for more in ([], ["--detach"]):
            result = backfill(day, day, "--org", ORG, "--org", 999, "--json", *more)
            assert result.exit_code == 2
            assert "organisation 999 is no partition and not in HOLOGRAM_ORG_IDS" in summary_of(result)["error"]
            assert "HOLOGRAM_API_KEY" in said(result)
    with dagster_instance() as instance:
        assert instance.get_dynamic_partitions("org") == []
        assert instance.get_runs_count() == 0
    # One that it knows is welcome, listed or not.
    assert backfill(day, day, "--org", ORG, "--assets", "plan_catalog").exit_code == 0


# Refused by the partition: exit code 1.


def test_a_day_older_than_the_retention_is_refused_and_the_first_day_to_be_had_is_named(filled: Deployment) -> None:
    gone, first = days_ago(filled, 90), days_ago(filled, 89)
    with filled.warehouse.write() as connection:
        connection.execute(
            "INSERT INTO hologram.raw_sessions BY NAME SELECT * REPLACE (? AS day, session_end - INTERVAL 89 DAY AS "
            "session_end, record_id - 1000000000 AS record_id) FROM hologram.raw_sessions WHERE day = ?",
            [gone, days_ago(filled, 1)],
        )
    before = everything(filled)
    result = backfill(gone, gone, "--org", ORG, "--assets", "raw_sessions", "--json")
    assert result.exit_code == 1
    assert f"{gone} is older than what Hologram keeps" in said(result)
    assert f"first day that can still be had is {first}" in said(result)
    (failure,) = summary_of(result)["failed"]
    assert failure["partition"] == f"{gone}|{ORG}"
    assert str(first) in failure["reason"]
    assert filled.sandbox.requests == []
    assert everything(filled) == before
    # What is stored can always be derived again.
    assert backfill(gone, gone, "--org", ORG, "--assets", "daily_link_usage").exit_code == 1
    with filled.warehouse.write() as connection:
        connection.execute(
            "INSERT INTO hologram.partition_loads BY NAME SELECT * REPLACE (? AS day) FROM hologram.partition_loads "
            "WHERE asset = 'raw_sessions' AND day = ?",
            [gone, days_ago(filled, 1)],
        )
    assert backfill(gone, gone, "--org", ORG, "--assets", "daily_link_usage").exit_code == 0
    assert filled.rows("SELECT count(*) > 0 FROM hologram.daily_link_usage WHERE day = ?", [gone]) == [(True,)]


def test_in_a_range_that_reaches_beyond_the_retention_the_days_that_can_be_had_are_stored(
    quick: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = small(quick, monkeypatch, sims=2, days=95)
    days = [days_ago(deployment, ago) for ago in (91, 90, 89, 88)]
    result = backfill(days[0], days[-1], "--org", ORG, "--assets", "raw_sessions", "--json")
    assert result.exit_code == 1
    assert [failure["partition"] for failure in summary_of(result)["failed"]] == [f"{day}|{ORG}" for day in days[:2]]
    assert summary_of(result)["materialized"] == {"raw_sessions": 2}
    assert stored_of(deployment, ORG) == sessions_of(deployment, ORG, days[2:])


def test_without_a_key_the_code_location_loads_and_the_run_names_the_variable(
    filled: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOLOGRAM_API_KEY")
    assert len(filled.defs.resolve_asset_graph().toposorted_asset_keys) >= 6
    before = everything(filled)
    day = days_ago(filled, 1)
    result = backfill(day, day, "--org", ORG, "--json")
    assert result.exit_code == 1
    failed = {failure["asset"]: failure["reason"] for failure in summary_of(result)["failed"]}
    for asset in ("raw_sessions", "sim_inventory"):
        assert f"no API key for organisation {ORG}" in failed[asset]
        assert "HOLOGRAM_API_KEY" in failed[asset]
        assert f"HOLOGRAM_API_KEY_{ORG}" in failed[asset]
    assert len(failed) == 10
    assert filled.sandbox.requests == []
    assert everything(filled) == before


@pytest.mark.parametrize(("key", "status"), [("wrong", 401), ("forbidden", 403)])
@pytest.mark.parametrize("asset", INGEST)
def test_a_wrong_key_fails_at_once_and_is_asked_once(
    filled: Deployment, monkeypatch: pytest.MonkeyPatch, key: str, status: int, asset: str
) -> None:
    monkeypatch.setenv("HOLOGRAM_API_KEY", key)
    before = everything(filled)
    day = days_ago(filled, 1)
    result = backfill(day, day, "--org", ORG, "--assets", asset)
    assert result.exit_code == 1
    assert f"organisation {ORG}" in said(result)
    assert "Check HOLOGRAM_API_KEY" in said(result)
    assert f"{day}|{ORG}" in said(result)
    asked = Counter((request.path, request.status) for request in filled.sandbox.requests)
    assert {answered for _, answered in asked} == {status}
    # Sessions are asked for on two connections at once; nobody asks twice for the same.
    assert max(asked.values()) <= (2 if asset == "raw_sessions" else 1), asked
    assert everything(filled) == before


def test_one_organisations_wrong_key_does_not_touch_the_other(quick: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    deployment = small(quick, monkeypatch, orgs=(144, 145), keys={KEY})
    monkeypatch.setenv("HOLOGRAM_API_KEY_144", "wrong")
    day = days_ago(deployment, 1)
    result = backfill(day, day, "--assets", "raw_sessions", "--json")
    assert result.exit_code == 1
    (failure,) = summary_of(result)["failed"]
    assert failure["partition"] == f"{day}|144"
    assert "HOLOGRAM_API_KEY_144" in failure["reason"]
    assert summary_of(result)["materialized"] == {"raw_sessions": 1}
    assert stored_of(deployment, 145) == sessions_of(deployment, 145, [day])
    assert stored_of(deployment, 144) == []
    assert materialized("raw_sessions") == {f"{day}|145": 1}


# Some days fail, the others don't.


def break_one_day(deployment: Deployment, monkeypatch: pytest.MonkeyPatch, broken: date) -> None:
    """The API fails for every window that asks for the middle of this day, for good; other windows are fine."""
    from hologram_assets.sandbox.endpoints import Endpoints
    from hologram_assets.sandbox.query import Query, RefusedError

    answer = Endpoints.answer

    def failing(self: Endpoints, endpoint: str, query: Query, faults: Any) -> dict[str, Any]:
        start, end = query.moment("timestart"), query.moment("timeend")
        # Half an hour at noon, which no other day's margin of an hour reaches.
        if endpoint == "usage/data" and start and end and start.date() <= broken <= end.date():
            noon = deployment.sandbox.clock.now().replace(
                year=broken.year, month=broken.month, day=broken.day, hour=12, minute=0, second=0
            )
            if start <= noon < end:
                raise RefusedError(503, "Internal server error")
        return answer(self, endpoint, query, faults)

    monkeypatch.setattr(Endpoints, "answer", failing)


def test_the_good_days_of_a_range_are_stored_and_what_follows_is_run_for_them(
    quick: Deploy, monkeypatch: pytest.MonkeyPatch, no_waiting: None
) -> None:
    monkeypatch.setenv("HOLOGRAM_WINDOW_MARGIN_HOURS", "1")
    deployment = small(quick, monkeypatch, sims=20)
    monkeypatch.setenv("HOLOGRAM_MAX_CONNECTIONS", "8")
    days = [days_ago(deployment, ago) for ago in (6, 5, 4, 3, 2)]
    broken = days[2]
    good = [day for day in days if day != broken]
    break_one_day(deployment, monkeypatch, broken)
    result = backfill(days[0], days[-1], "--org", ORG, "--json")

    assert result.exit_code == 1
    summary = summary_of(result)
    assert summary["ok"] is False
    failed = {(failure["asset"], failure["partition"]): failure["reason"] for failure in summary["failed"]}
    assert "answered 503" in failed.pop(("raw_sessions", f"{broken}|{ORG}"))
    assert set(failed) == {(asset, f"{broken}|{ORG}") for asset in DERIVED}
    assert all("not tried: " in reason for reason in failed.values())
    assert f"FAILED raw_sessions {broken}|{ORG}" in said(result)
    assert summary["materialized"] == dict.fromkeys(
        ("billing_usage", "plan_catalog", "sim_inventory"), 5
    ) | dict.fromkeys(("raw_sessions", *DERIVED), 4)
    assert stored_of(deployment, ORG) == sessions_of(deployment, ORG, good)
    for asset in ("raw_sessions", *DERIVED):
        assert set(materialized(asset)) == {str(OrgDay(ORG, day).key) for day in good}
        loads = deployment.rows("SELECT day FROM hologram.partition_loads WHERE asset = ? ORDER BY day", [asset])
        assert [day for (day,) in loads] == good
    reports = deployment.rows("SELECT DISTINCT day FROM hologram.overage_report ORDER BY day")
    assert [day for (day,) in reports] == good


def test_json_is_one_object_on_standard_output_and_words_go_elsewhere(
    quick: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = small(quick, monkeypatch)
    day = days_ago(deployment, 1)
    result = backfill(day, day, "--org", ORG, "--json")
    assert result.exit_code == 0
    summary = summary_of(result)
    assert result.stdout.lstrip().startswith("{")
    assert result.stdout.rstrip().endswith("}")
    assert summary["ok"] is True
    assert (summary["from"], summary["to"], summary["orgs"]) == (str(day), str(day), [ORG])
    assert summary["failed"] == summary["errors"] == []
    assert set(summary["materialized"].values()) == {1}
    assert len(summary["materialized"]) == 10
    assert "stored in" in said(result)
