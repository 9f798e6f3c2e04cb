"""The notebook runs as it ships: as a script, and against a copy as it is published."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from hologram_assets.warehouse.tables import schema_statements

NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "fleet_costs.py"
DAY = date(2026, 11, 10)


def as_script(folder: Path, **named: Path) -> str:
    """What it prints, where the environment names these and no other place."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("HOLOGRAM_")}
    done = subprocess.run(
        [sys.executable, NOTEBOOK],
        env=others | {name: str(path) for name, path in named.items()},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def in_process(reports: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The values that its cells define."""
    monkeypatch.setenv("HOLOGRAM_REPORTS", str(reports))
    _, definitions = imported().app.run()
    return dict(definitions)


def imported() -> Any:
    """The module as it is for this environment: none of its cells has run."""
    spec = importlib.util.spec_from_file_location("fleet_costs", NOTEBOOK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def insert(connection: duckdb.DuckDBPyConnection, table: str, *rows: dict[str, Any]) -> None:
    for row in rows:
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        connection.execute(f"INSERT INTO hologram.{table} ({names}) VALUES ({marks})", list(row.values()))


def summary(org_id: int, days_ago: int, cost: str, expected: str, **more: Any) -> dict[str, Any]:
    counts = {"sims": 3, "priced_sims": 2, "sims_over": 1, "sims_will_exceed": 1, "uncapped_sims": 1}
    money = {"recurring_cost": "0.5", "cost_to_date": cost, "projected_cost": expected, "bound_cost": expected}
    row = {"org_id": org_id, "day": DAY - timedelta(days_ago), "scope": "total", **counts, **money}
    return row | {"overage_cost": "0.25", "usage_charge": "0.000001"} | more


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The folder of a published copy without a row."""
    with duckdb.connect(tmp_path / "current.duckdb") as connection:
        for statement in schema_statements():
            connection.execute(statement)
    return tmp_path


@pytest.fixture
def filled(copy: Path) -> Path:
    with duckdb.connect(copy / "current.duckdb") as connection:
        insert(
            connection,
            "fleet_summary",
            summary(144, 1, "1.5", "4"),
            summary(144, 0, "2.500001", "5.25"),
            summary(144, 0, "2.500001", "5.25", scope="plan", plan_id=7, plan_name="<script>alert(1)</script>"),
            summary(145, 0, "0.1", "0.2"),
            summary(145, 1, "99", "99"),
        )
        change = {"org_id": 144, "day": DAY, "since": "yesterday", "before_cost": "1.5", "after_cost": "2.500001"}
        effects = {
            "late_corrections": "0.2",
            "sim_count": "0.000001",
            "became_known": "0.5",
            "periods_begun": "-0.2",
            "usage_per_sim": "0.5",
        }
        insert(
            connection,
            "fleet_cost_changes",
            change | effects | {"scope": "total"},
            change | effects | {"scope": "plan", "plan_id": 7},
            change | {"scope": "total", "since": "last_period", "before_cost": "70"},
        )
        sim = {
            "org_id": 144,
            "day": DAY,
            "period_end": datetime(2026, 11, 20),
            "device_name": "=1+1",
            "plan_name": "$x$",
        }
        insert(
            connection,
            "overage_report",
            sim | {"linkid": 1, "status": "over", "overage_cost": "0.25", "overage_limit_bytes": -1, "pct_used": 120.0},
            sim | {"linkid": 2, "status": "will_exceed", "projected_overage_cost": "3", "overage_limit_bytes": -1},
            sim | {"linkid": 3, "status": "ok", "overage_limit_bytes": 1_000_000},
        )
        insert(
            connection,
            "plan_recommendations",
            sim_change(1, "recommended", "0.5"),
            sim_change(2, "recommended", "1.5"),
            sim_change(3, "saving_too_small", "9"),
        )
    return copy


def sim_change(linkid: int, verdict: str, saving: str) -> dict[str, Any]:
    return {"org_id": 144, "day": DAY, "linkid": linkid, "verdict": verdict, "saving_per_period": saving}


def test_as_a_script_it_prints_what_the_newest_day_costs(filled: Path) -> None:
    assert as_script(filled, HOLOGRAM_REPORTS=filled) == (
        "Organisation 144, 145 at the end of 2026-11-10: 2.600001 USD to date, 5.450000 USD expected.\n"
    )


def test_without_a_copy_it_says_what_to_do(tmp_path: Path) -> None:
    printed = as_script(tmp_path, HOLOGRAM_REPORTS=tmp_path)
    assert f"There is no {tmp_path / 'current.duckdb'}" in printed
    assert "HOLOGRAM_REPORTS" in printed
    assert "Each run that stores `fleet_summary` publishes it" in printed


@pytest.mark.campaign
def test_it_finds_the_copy_beside_the_warehouse_and_takes_the_demos_where_no_place_is_named(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo = filled / "data" / "demo" / "reports" / "current.duckdb"
    demo.parent.mkdir(parents=True)
    demo.hardlink_to(filled / "current.duckdb")
    printed = as_script(filled)
    assert "This is the demo's copy" in printed
    assert "2.600001 USD" in printed
    monkeypatch.chdir(filled)
    monkeypatch.delenv("HOLOGRAM_REPORTS", raising=False)
    # A place that is named and holds none is an error, and not the demo.
    monkeypatch.setenv("HOLOGRAM_WAREHOUSE", str(filled / "a" / "w.duckdb"))
    found = imported()
    assert str(found.COPY) == str(filled / "a" / "reports" / "current.duckdb")
    assert not found.IS_DEMO
    monkeypatch.delenv("HOLOGRAM_WAREHOUSE")
    assert imported().IS_DEMO
    (filled / "data" / "reports").mkdir()
    (filled / "data" / "reports" / "current.duckdb").touch()
    found = imported()
    assert str(found.COPY) == "data/reports/current.duckdb"
    assert not found.IS_DEMO


def test_its_totals_are_exact_and_its_tables_in_order(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = in_process(filled, monkeypatch)
    assert found["chosen"] == {"day": DAY, "org_id": None}
    assert found["headline"] == {
        "organisations": [144, 145], "sims": 6, "not_priced": 2, "sims_over": 2, "sims_will_exceed": 2, "uncapped_sims": 2,
        "cost_to_date": Decimal("2.600001"), "projected_cost": Decimal("5.45"), "bound_cost": Decimal("5.45"),
        "recurring_cost": Decimal(1), "usage_charge": Decimal("0.000002"), "overage_cost": Decimal("0.5"),
        "projected_overage_cost": None, "uncapped_bound_cost": None,
    }  # fmt: skip
    assert [tuple(row.values()) for row in found["history"]] == [
        (DAY - timedelta(1), Decimal("100.5"), Decimal(103)),
        (DAY, Decimal("2.600001"), Decimal("5.45")),
    ]
    effects = [row["USD"] for row in found["changes"]]
    assert Decimal("0.5") == found["changes"][3]["USD"] == found["changes_by_plan"][0]["became known"]
    assert effects[0] + sum(effects[1:-1]) == effects[-1] == Decimal("2.500001")
    assert [(row["plan"], row["difference, USD"]) for row in found["changes_by_plan"]] == [("7", Decimal("1.000001"))]
    assert [row["plan"] for row in found["plans"]] == ["<script>alert(1)</script>"]
    assert [row["SIM"] for row in found["recommended"]] == [2, 1]
    assert [row["SIM"] for row in found["without_limit"]] == [2, 1]
    assert [row["SIM"] for row in found["worst"]] == [2, 1]


def test_a_copy_without_a_row_is_told_and_one_with_a_summary_alone_is_shown(
    copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "headline" not in in_process(copy, monkeypatch)
    assert "has no fleet summary yet" in capsys.readouterr().out
    with duckdb.connect(copy / "current.duckdb") as connection:  # nothing holds it
        insert(connection, "fleet_summary", summary(144, 0, "1", "2"), summary(145, 1, "1", "2"))
    found = in_process(copy, monkeypatch)
    assert found["headline"]["organisations"] == [144]
    assert "Not in it, for that day has no summary of them: 145" in capsys.readouterr().out
    assert found["worst"] == found["recommended"] == found["plans"] == found["changes"] == []


def test_a_file_that_is_no_copy_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "current.duckdb").write_text("not a database" * 1_000)
    assert "headline" not in in_process(tmp_path, monkeypatch)
    assert "can't be read" in capsys.readouterr().out
