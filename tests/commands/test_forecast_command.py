"""`forecast backtest` over periods whose numbers are known by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from hologram_assets.cli import main
from hologram_assets.partitions import today
from hologram_assets.warehouse.connection import Warehouse

ORG = 144
MB = 1_000_000
DAY = timedelta(days=1)
START, END = datetime(2026, 10, 1, 6), datetime(2026, 10, 31, 6)
FIRST_LOADED = date(2026, 9, 1)
LOADED = [FIRST_LOADED + n * DAY for n in range(70)]


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    path = tmp_path / "warehouse.duckdb"
    monkeypatch.setenv("HOLOGRAM_WAREHOUSE", str(path))
    monkeypatch.setenv("HOLOGRAM_ORG_IDS", str(ORG))
    monkeypatch.setenv("HOLOGRAM_RETENTION_DAYS", "100000")
    monkeypatch.chdir(tmp_path)
    return Warehouse(path)


def stored(
    warehouse: Warehouse,
    daily: Mapping[int, Mapping[date, int]],
    *,
    loaded: Sequence[date] = tuple(LOADED),
    source: str = "sessions",
    extra: int = 0,
    org: int = ORG,
) -> None:
    """Sessions at noon of each day, their daily sums, and the period of each SIM that they make."""
    with warehouse.write() as connection:
        for day in loaded:
            connection.execute(
                """INSERT INTO hologram.partition_loads BY NAME
                SELECT ? AS org_id, ? AS day, 'daily_link_usage' AS asset, ? AS complete_through""",
                [org, day, datetime.combine(day + DAY, datetime.min.time())],
            )
        for link, days in daily.items():
            for day, size in days.items():
                noon = datetime.combine(day, datetime.min.time()) + DAY / 2
                connection.execute(
                    """INSERT INTO hologram.raw_sessions BY NAME
                    SELECT ? AS org_id, ? AS day, ? AS linkid, ? AS bytes, ? AS session_end""",
                    [org, day, link, size, noon],
                )
                connection.execute(
                    """INSERT INTO hologram.daily_link_usage BY NAME
                    SELECT ? AS org_id, ? AS day, ? AS linkid, ? AS bytes""",
                    [org, day, link, size],
                )
            total = sum(size for day, size in days.items() if START.date() <= day < END.date())
            connection.execute(
                """INSERT INTO hologram.closed_periods BY NAME
                SELECT ? AS org_id, ? AS day, ? AS linkid, 1 AS plan_id, ? AS period_start, ? AS period_end,
                       ? AS session_bytes, ? AS hologram_bytes, ? AS usage_source""",
                [org, END.date(), link, START, END, total, total + extra, source],
            )


def run(*arguments: str, first: str = "2026-10-01", last: str = "2026-11-01") -> Result:
    return CliRunner().invoke(main, ["forecast", "backtest", "--from", first, "--to", last, *arguments])


def found(*arguments: str) -> dict[str, Any]:
    result = run("--json", *arguments)
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def every_day(size: int) -> dict[date, int]:
    return dict.fromkeys(LOADED, size)


def test_a_sim_that_does_the_same_every_day_is_foreseen_to_the_byte(warehouse: Warehouse) -> None:
    stored(warehouse, {1: every_day(24 * MB)})
    answer = found()
    assert [(score["age"], score["forecasts"]) for score in answer["ages"]] == [(5, 1), (10, 1), (20, 1)]
    # As of the midnight after day 5: six noons of usage, then 24.25 days to go, of which the last quarter holds no noon.
    assert answer["ages"][0]["median_error_pct"] == pytest.approx(100 * 0.25 / 30, abs=1e-4)
    assert answer["total"] == {
        "forecasts": 3,
        "silent": 0,
        "median_error_pct": pytest.approx(0.8333, abs=1e-4),
        "bias_pct": pytest.approx(0.8333, abs=1e-4),
        "covered_pct": 100,
    }
    assert answer["periods"] == 1


def test_a_forecast_sees_the_days_before_it_only(warehouse: Warehouse) -> None:
    """What comes after 11 October, the midnight after the day 10, is a thousand times as much, and nobody foresees it."""
    turn = date(2026, 10, 12)
    stored(warehouse, {1: {day: MB if day < turn else 1000 * MB for day in LOADED}})
    by_age = {score["age"]: score for score in found()["ages"]}
    truth = 11 * MB + 19 * 1000 * MB
    for age in (5, 10):
        assert by_age[age]["bias_pct"] == pytest.approx(100 * (30.25 * MB - truth) / truth, abs=1e-4)
        assert by_age[age]["covered_pct"] == 0
    assert by_age[20]["bias_pct"] > by_age[10]["bias_pct"]


def test_a_silent_period_has_no_error_in_per_cent_but_counts(warehouse: Warehouse) -> None:
    stored(warehouse, {1: every_day(24 * MB), 2: {}, 3: {FIRST_LOADED + 20 * DAY: 28 * MB}})
    total = found()["total"]
    assert (total["forecasts"], total["silent"], total["covered_pct"]) == (9, 6, 100)
    assert total["median_error_pct"] == pytest.approx(0.8333, abs=1e-4)
    assert total["bias_pct"] > 0.8333


def test_the_truth_is_holograms_total_where_that_was_priced(warehouse: Warehouse) -> None:
    stored(warehouse, {1: every_day(24 * MB)}, source="billing", extra=6 * MB)
    assert found()["total"]["bias_pct"] == pytest.approx(0, abs=1e-4)


def test_the_table_says_what_the_json_says(warehouse: Warehouse) -> None:
    stored(warehouse, {1: every_day(24 * MB), 2: {}})
    text = run().stdout
    for part in (
        "2 periods",
        "day 5",
        "day 20",
        "all",
        "0.8 %",
        "+0.8 %",
        "100.0 %",
        "3 forecasts are of periods without",
    ):
        assert part in text


def test_all_organisations_of_the_settings_are_replayed_or_the_named_ones(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLOGRAM_ORG_IDS", "144,145")
    stored(warehouse, {1: every_day(MB)})
    stored(warehouse, {1: every_day(MB), 2: every_day(MB)}, org=145)
    assert found()["periods"] == 3
    assert found("--org", "145")["periods"] == 2
    twice = found("--org", "145", "--org", "145")
    assert (twice["periods"], twice["orgs"]) == (2, [145])


def test_what_lacks_is_left_out_and_counted(warehouse: Warehouse) -> None:
    gap = date(2026, 10, 8)
    stored(warehouse, {1: every_day(MB)}, loaded=[day for day in LOADED if day != gap])
    answer = found()
    assert [score["age"] for score in answer["ages"]] == [5]
    assert answer["left_out"]["forecasts_without_usage"] == 2
    assert "2 forecasts are left out" in run().stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"source": "incomplete"}, "is whole"),
        ({"loaded": LOADED[60:]}, "backfill --from 2026-08-02 --to 2026-11-01"),
    ],
)
def test_where_nothing_can_be_replayed_it_says_what_lacks_and_exits_with_1(
    warehouse: Warehouse, arguments: dict[str, Any], says: str
) -> None:
    stored(warehouse, {1: every_day(MB)}, **arguments)
    result = run()
    assert result.exit_code == 1
    assert says in result.stderr


def test_a_range_without_a_period_and_a_warehouse_that_is_not_there_say_what_to_load(warehouse: Warehouse) -> None:
    missing = run()
    assert (missing.exit_code, "there is no warehouse" in missing.stderr) == (1, True)
    stored(warehouse, {1: every_day(MB)})
    result = run(first="2026-11-02", last="2026-11-09")
    assert result.exit_code == 1
    assert "backfill --from 2026-11-02 --to 2026-11-09" in result.stderr


def test_the_advice_names_the_organisations_that_were_named(warehouse: Warehouse) -> None:
    stored(warehouse, {1: every_day(MB)})
    result = run("--org", "144", "--org", "145", first="2026-11-02", last="2026-11-09")
    assert "16 of 16 days have no report" in result.stderr
    assert "backfill --from 2026-11-02 --to 2026-11-09 --org 144 --org 145" in result.stderr


def test_where_no_period_ended_nothing_is_to_be_loaded(warehouse: Warehouse) -> None:
    stored(warehouse, {1: every_day(MB)})
    with warehouse.write() as connection:
        connection.execute("INSERT INTO hologram.partition_loads BY NAME SELECT * REPLACE ('overage_report' AS asset) "
                           "FROM hologram.partition_loads")  # fmt: skip
    result = run(first="2026-11-02", last="2026-11-09")
    assert result.exit_code == 1
    assert "no period ended from 2026-11-02 to 2026-11-09, though every day has its report" in result.stderr
    assert "backfill" not in result.stderr


def test_what_hologram_no_longer_keeps_is_not_to_be_loaded(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(warehouse, {1: every_day(MB)})
    monkeypatch.setenv("HOLOGRAM_RETENTION_DAYS", "90")
    first = today() - 100 * DAY
    result = run("--org", "145", first=str(first), last=str(first + 5 * DAY))
    assert "can't be loaded any more: Hologram keeps 90 days" in result.stderr
    assert "backfill" not in result.stderr
    result = run("--org", "145", first=str(first), last=str(today()))
    assert f"backfill --from {today() - 89 * DAY} --to {today()} --org 145 (Hologram no longer has" in result.stderr


def test_what_cannot_be_asked_is_refused(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    stored(warehouse, {1: every_day(MB)})
    assert run(first="2026-11-02", last="2026-11-01").exit_code == 2
    early = run(first="0001-01-01")
    assert (early.exit_code, "HOLOGRAM_START_DATE" in early.stderr) == (2, True)
    assert run("--org", "145", last="9999-12-31").exit_code == 1
    monkeypatch.setenv("HOLOGRAM_ORG_IDS", "")
    result = run()
    assert (result.exit_code, "HOLOGRAM_ORG_IDS" in result.stderr) == (2, True)


def test_nothing_is_written(warehouse: Warehouse) -> None:
    stored(warehouse, {1: every_day(MB)})
    before = sha256(warehouse.path.read_bytes()).digest()
    found()
    assert sha256(warehouse.path.read_bytes()).digest() == before
