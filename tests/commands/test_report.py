from __future__ import annotations

import csv
import io
import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import click
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from hologram_assets.cli import main
from hologram_assets.commands.exports import FORMATS, write_parquet
from hologram_assets.commands.report import (
    NoReportError,
    as_csv,
    as_json,
    money,
    print_report,
    read_report,
)
from hologram_assets.warehouse.connection import Warehouse
from tests.integration.test_refusals_and_failures import run

DAY = date(2026, 11, 1)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    warehouse = Warehouse(tmp_path / "x.duckdb")
    with warehouse.write() as connection:
        connection.execute(
            """INSERT INTO hologram.overage_report BY NAME
            SELECT * FROM (VALUES
                (144, DATE '2026-11-01', 1, '=HYPERLINK("http://x")', 12000001, 10000000, 0.420210, 0.0, 'over', 'priced',
                 120.0, 0.21::DECIMAL(18,9), TIMESTAMP '2026-11-20 10:00:00'),
                (145, DATE '2026-11-01', 2, '[red]水泵' || chr(27) || '[2J', 5000000, 0, 0.0, 0.15, 'payg', 'priced', NULL,
                 0.03::DECIMAL(18,9), NULL),
                (144, DATE '2026-11-01', 3, 'quiet', 1, 10, 0.0, 0.0, 'ok', 'priced', 10.0, 0.123456789::DECIMAL(18,9), NULL)
            ) AS t(org_id, day, linkid, device_name, usage_bytes, included_bytes, overage_cost, usage_charge, status,
                   pricing_status, pct_used, overage_rate_per_mb, period_end)"""
        )
    return warehouse


def test_a_csv_has_exact_money_and_no_formula(warehouse: Warehouse) -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(read_report(warehouse, DAY, [])))))
    assert [row["linkid"] for row in rows] == ["1", "3", "2"]
    assert rows[0]["overage_cost"] == "0.420210"
    assert rows[0]["overage_rate_per_mb"] == "0.210000"
    assert rows[1]["overage_rate_per_mb"] == "0.123456789"
    assert rows[0]["device_name"].startswith("'=")
    assert rows[0]["period_end"] == "2026-11-20T10:00:00"
    assert rows[0]["projected_bytes"] == ""


def test_json_keeps_money_as_text_and_names_as_they_are(warehouse: Warehouse) -> None:
    rows = json.loads(as_json(read_report(warehouse, DAY, [145])))
    assert [(row["linkid"], row["usage_charge"]) for row in rows] == [(2, "0.150000")]
    assert "水泵" in rows[0]["device_name"]


def test_parquet_keeps_decimals(warehouse: Warehouse, tmp_path: Path) -> None:
    path = tmp_path / "report.parquet"
    write_parquet(read_report(warehouse, DAY, []), path)
    assert pq.read_table(path).column("overage_cost").to_pylist()[0] == Decimal("0.420210")


def test_the_table_shows_the_costly_sims_and_the_totals_and_obeys_no_name(warehouse: Warehouse) -> None:
    console = Console(file=io.StringIO(), width=150)
    print_report(read_report(warehouse, DAY, []), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "0.4202" in text
    assert "[red]水泵" in text
    assert "\x1b[2J" not in text
    assert "quiet" not in text
    assert "Totals per organisation" in text


def test_what_will_cost_more_comes_first(warehouse: Warehouse) -> None:
    with warehouse.write() as connection:
        connection.execute(
            """INSERT INTO hologram.overage_report BY NAME SELECT 144 AS org_id, DATE '2026-11-02' AS day, *
            FROM (VALUES (7, 90.0, 0.5, 'at_risk', NULL), (8, 70.0, 2.75, 'will_exceed', DATE '2026-11-17'))
            AS t(linkid, pct_used, projected_overage_cost, status, exhausted_on),
            (VALUES (0.0, 0.0, 0.25, 1000000, 2000000, 'priced')) AS u(
                overage_cost, usage_charge, projected_usage_charge, usage_bytes, included_bytes, pricing_status)"""
        )
    console = Console(file=io.StringIO(), width=160)
    print_report(read_report(warehouse, date(2026, 11, 2), []), console)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    first, second = (
        next(n for n, line in enumerate(lines) if f"│ {link} │" in line.replace("  ", "")) for link in (8, 7)
    )
    assert first < second
    assert all(part in lines[first] for part in ("3.0000", "11-17", "will_exceed"))
    assert "3.7500" in lines[-2]


def test_numbers_stay_whole_on_a_narrow_terminal(warehouse: Warehouse) -> None:
    console = Console(file=io.StringIO(), width=80)
    print_report(read_report(warehouse, DAY, []), console)
    assert "0.4202" in console.file.getvalue()  # type: ignore[attr-defined]


def test_names_give_way_before_a_number_or_an_id_does(warehouse: Warehouse) -> None:
    with warehouse.write() as connection:
        connection.execute(
            """UPDATE hologram.overage_report SET linkid = 14400000 + linkid, projected_overage_cost = 1234.5,
            plan_name = 'Global All Standard Flat Rate', device_name = 'a device with a long name',
            pricing_status = 'zone_not_offered'"""
        )
    console = Console(file=io.StringIO(), width=160)
    print_report(read_report(warehouse, DAY, []), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for whole in (" 144 ", " 14400001 ", "11-20 10:00", " 12.00 ", "0.4202", "1,234.5000", "over (zone_not_offered)"):
        assert whole in text
    assert "Global" in text
    assert "Standard Flat" not in text
    assert max(map(len, text.splitlines())) <= 160


def test_a_day_without_a_report_says_how_to_make_one(warehouse: Warehouse) -> None:
    with pytest.raises(NoReportError, match="backfill --from 2026-11-02 --to 2026-11-02"):
        read_report(warehouse, date(2026, 11, 2), [])
    with pytest.raises(NoReportError, match="of organisation 7"):
        read_report(warehouse, DAY, [7])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0.000000"),
        ("1.5", "1.500000"),
        ("0.123456789", "0.123456789"),
        ("1E+3", "1000.000000"),
        ("-2.50", "-2.500000"),
    ],
)
def test_money_has_six_places_or_more_if_it_has_more(value: str, text: str) -> None:
    assert money(Decimal(value)) == text


def test_an_organisation_that_was_named_and_has_no_report_is_said_so(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLOGRAM_WAREHOUSE", str(warehouse.path))
    result = run("report", "--day", str(DAY), "--org", "144", "--org", "999", "--format", "csv")
    assert result.exit_code == 0
    assert "Nothing is stored of organisation 999 for 2026-11-01" in result.stderr
    assert "144" not in result.stderr


def test_a_fleet_without_a_sim_has_a_report_in_every_format(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOLOGRAM_WAREHOUSE", str(warehouse.path))
    with warehouse.write() as connection:
        connection.execute(
            "INSERT INTO hologram.partition_loads (org_id, day, asset) VALUES (146, '2026-11-01', 'overage_report')"
        )
    for form in FORMATS:
        output = tmp_path / f"report.{form}"
        result = run("report", "--day", str(DAY), "--org", "146", "--format", form, "--output", str(output))
        assert result.exit_code == 0, (form, result.stderr)
        assert output.stat().st_size


def test_the_command_offers_every_format() -> None:
    (option,) = (option for option in main.commands["report"].params if option.name == "form")
    assert isinstance(option.type, click.Choice)
    assert tuple(option.type.choices) == FORMATS
