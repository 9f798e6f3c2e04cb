"""A workbook is what the tables are: read back by another program, and its XML looked at."""

from __future__ import annotations

import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from openpyxl import load_workbook
from openpyxl.worksheet.worksheet import Worksheet

from hologram_assets.commands.report import read_report
from hologram_assets.commands.workbook import write_workbook
from hologram_assets.warehouse.connection import Warehouse
from hologram_assets.warehouse.tables import FLEET_SUMMARY, SCHEMA
from hologram_assets.warehouse.workbook import SHEETS, workbook_sheets

DAY = date(2026, 11, 1)
MONEY = pa.decimal128(18, 6)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "report.xlsx"


def written(path: Path, **columns: pa.Array) -> Worksheet:
    """The columns, written to a sheet and read back."""
    write_workbook({"overage": pa.table(columns)}, path)
    return load_workbook(path)["overage"]


def column(sheet: Worksheet, letter: str = "A") -> list[Any]:
    return [cell.value for cell in sheet[letter][1:]]


def xml_of(path: Path) -> str:
    with zipfile.ZipFile(path) as file:
        return "".join(file.read(name).decode() for name in file.namelist() if name.startswith("xl/worksheets/"))


def test_numbers_dates_and_booleans_are_excels_own_and_null_is_empty(path: Path) -> None:
    sheet = written(
        path,
        overage_cost=pa.array([Decimal("1234.567890"), None], MONEY),
        overage_rate_per_mb=pa.array([Decimal("0.123456789"), None], pa.decimal128(18, 9)),
        usage_bytes=pa.array([12_000_001, None], pa.int64()),
        linkid=pa.array([14400001, None], pa.int64()),
        pct_used=pa.array([120.5, None], pa.float64()),
        reconciled=pa.array([False, None]),
        exhausted_on=pa.array([date(2026, 11, 20), None]),
        period_end=pa.array([datetime(2026, 11, 20, 10, 0, 1), None], pa.timestamp("us")),
        device_name=pa.array(["pump", None]),
    )
    first, second = sheet[2], sheet[3]
    assert [cell.value for cell in first] == [
        1234.56789, 0.123456789, 12_000_001, 14400001, 120.5, False, datetime(2026, 11, 20),
        datetime(2026, 11, 20, 10, 0, 1), "pump",
    ]  # fmt: skip
    assert [cell.data_type for cell in first] == ["n", "n", "n", "n", "n", "b", "d", "d", "s"]
    assert [cell.number_format for cell in first[:5]] == [
        "#,##0.000000", "#,##0.000000000", "#,##0", "0", '#,##0.0" %"',
    ]  # fmt: skip
    assert [cell.number_format for cell in first[6:8]] == ["yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss"]
    assert [cell.value for cell in second] == [None] * 9
    assert sheet["H1"].value == "period_end"
    assert sheet["G1"].value == "exhausted_on"


def test_the_header_is_bold_stays_in_view_and_filters(path: Path) -> None:
    sheet = written(path, linkid=pa.array([1, 2]), device_name=pa.array(["a" * 500, "b"]))
    assert sheet["A1"].font.bold
    assert not sheet["A2"].font.bold
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == "A1:B3"
    assert 9 < sheet.column_dimensions["A"].width < 30
    assert 60 < sheet.column_dimensions["B"].width < 100


@pytest.mark.parametrize(
    "hostile",
    [
        '=HYPERLINK("http://x","y")', "+1+1", "-2+3", "@SUM(A1)", "{=1+1}", "http://x/", "mailto:x@y", "12", "",
        " blanks ", "two\nlines", "水泵 🚰", "</t><f>1</f>", "<r>&</r", "_x0041_",
    ],
)  # fmt: skip
def test_a_text_is_a_text_and_nothing_else(path: Path, hostile: str) -> None:
    sheet = written(path, device_name=pa.array([hostile]))
    # Another reader shows Excel's own escape of what looks like one.
    assert sheet["A2"].value == hostile.replace("_x", "_x005F_x")
    assert sheet["A2"].data_type == "s"
    assert sheet["A2"].hyperlink is None
    assert "<f" not in xml_of(path)
    # What looks like a formula stays a text when somebody edits it.
    assert bool(sheet["A2"].quotePrefix) is hostile.startswith(("=", "+", "-", "@"))


def test_a_name_is_no_markup_of_the_file(path: Path) -> None:
    sheet = written(path, device_name=pa.array(["<r><t>x</t></r></is><f>1+1</f><is></r>"]))
    assert sheet["A2"].value.startswith("<r><t>x</t></r></is><f>1+1</f>")
    assert "<f" not in xml_of(path)


def test_what_a_cell_cannot_hold_is_replaced_or_cut(path: Path) -> None:
    sheet = written(path, device_name=pa.array(["\x1b[2J\x00|\r|\uffff", "x" * 40_000, "🚰" * 20_000]))
    assert column(sheet) == ["\ufffd[2J\ufffd|\ufffd|\ufffd", "x" * 32_767, "🚰" * 16_383]


def test_a_number_that_excel_would_change_is_a_text(path: Path) -> None:
    exact = 999_999_999_999_999
    ids = [exact, exact + 1, -exact, 8_944_500_000_000_000_017, 2**53 + 1]
    sheet = written(path, record_id=pa.array(ids), days_left=pa.array([1.5, float("nan"), float("inf"), 0.1, 0.0]))
    assert column(sheet) == [exact, "1000000000000000", -exact, "8944500000000000017", "9007199254740993"]
    assert column(sheet, "B") == [1.5, "nan", "inf", 0.1, 0.0]


def test_money_adds_up_to_the_last_of_six_places(path: Path) -> None:
    amounts = [Decimal(n * n * 7919) / 1_000_000 for n in range(300)] + [
        Decimal("999999999.999999"),
        Decimal("-0.000001"),
    ]
    sheet = written(path, overage_cost=pa.array(amounts, MONEY))
    read = [Decimal(str(value)).quantize(Decimal("0.000001")) for value in column(sheet)]
    assert read == amounts
    assert sum(read) == sum(amounts)


def test_times_with_a_zone_and_of_any_unit_are_utc(path: Path) -> None:
    noon = datetime(2026, 11, 1, 12, tzinfo=UTC)
    sheet = written(
        path,
        in_zurich=pa.array([noon], pa.timestamp("ns", tz="Europe/Zurich")),
        long_ago=pa.array([datetime(1871, 1, 2, 3)], pa.timestamp("s")),
    )
    assert sheet["A2"].value == datetime(2026, 11, 1, 12)
    assert sheet["B2"].value == "1871-01-02T03:00:00"


def test_a_table_longer_than_a_sheet_goes_on_in_the_next(path: Path) -> None:
    write_workbook({"a" * 40: pa.table({"linkid": list(range(7))})}, path, rows_per_sheet=3)
    book = load_workbook(path)
    assert book.sheetnames == ["a" * 31, "a" * 27 + " (2)", "a" * 27 + " (3)", "columns"]
    assert [column(book[name]) for name in book.sheetnames[:3]] == [[0, 1, 2], [3, 4, 5], [6]]
    assert [book[name].auto_filter.ref for name in book.sheetnames[:3]] == ["A1:A4", "A1:A4", "A1:A2"]
    assert {book[name]["A1"].value for name in book.sheetnames[:3]} == {"linkid"}


def test_names_of_sheets_are_made_fit_and_stay_apart(path: Path) -> None:
    table = pa.table({"linkid": [1]})
    write_workbook(dict.fromkeys(["a/b", "A:B", "'x'", "", "History", "columns", "🚰" * 16], table), path)
    assert load_workbook(path).sheetnames == [
        "a b", "A B (2)", "x", "sheet", "History (2)", "columns", "🚰" * 15, "columns (2)",
    ]  # fmt: skip


def test_the_same_tables_give_the_same_bytes(path: Path) -> None:
    sheets = {"overage": pa.table({"linkid": [1, 2], "device_name": ["a", "b"]})}
    write_workbook(sheets, path)
    first = path.read_bytes()
    write_workbook(sheets, path)
    assert path.read_bytes() == first
    assert load_workbook(path).properties.created == datetime(1980, 1, 1)


def test_a_file_is_replaced_whole_or_not_at_all(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_workbook({"overage": pa.table({"linkid": [1]})}, path)
    first = path.read_bytes()
    with path.open("rb") as opened:
        write_workbook({"overage": pa.table({"linkid": [2]})}, path)
        assert opened.read() == first
    second = path.read_bytes()
    assert second != first

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("xlsxwriter.workbook.ZipFile.write", fail)
    with pytest.raises(OSError, match="disk full"):
        write_workbook({"overage": pa.table({"linkid": [3]})}, path)
    assert path.read_bytes() == second
    assert list(path.parent.iterdir()) == [path]


ROWS = {
    "fleet_summary(org_id, scope, plan_id, cost_to_date)": """
        (144, 'plan', 7, 4.5), (144, 'total', NULL, 3.5), (145, 'total', NULL, 9.0), (144, 'plan', 8, 1.0)""",
    "fleet_cost_changes(org_id, since, scope, plan_id, before_cost, after_cost)": """
        (144, 'last_period', 'total', 1, 1.0, 9.0), (144, 'yesterday', 'plan', 2, 5.0, 1.0),
        (144, 'yesterday', 'total', NULL, 5.0, 6.0), (144, 'yesterday', 'plan', 3, 1.0, 4.0)""",
    "overage_report(org_id, linkid, overage_cost, device_name)": """
        (144, 1, 0.42, '=1+1'), (145, 2, 0.1, 'b'), (144, 3, NULL, 'c'), (144, 4, 1.5, 'd')""",
    "plan_recommendations(org_id, linkid, verdict, saving_per_period)": """
        (144, 1, 'cheapest_already', 9.0), (144, 2, NULL, NULL), (144, 3, 'recommended', 1.0),
        (145, 4, 'recommended', 2.0)""",
    "alerts(org_id, alert_id, severity)": """
        (144, 'a', 'info'), (144, 'b', 'critical'), (145, 'c', 'warn'), (144, 'd', 'warn')""",
    "closed_periods(org_id, linkid, overage_cost, reconciled)": "(144, 1, 0.5, true), (144, 2, 2.5, NULL)",
}


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    """The same rows on two days."""
    warehouse = Warehouse(tmp_path / "warehouse" / "x.duckdb")
    with warehouse.write() as connection:
        for table, rows in ROWS.items():
            connection.execute(f"INSERT INTO hologram.{table} VALUES {rows}")
            name = f"hologram.{table.partition('(')[0]}"
            connection.execute(f"UPDATE {name} SET day = ?", [DAY])
            connection.execute(f"INSERT INTO {name} BY NAME SELECT * REPLACE (day + 1 AS day) FROM {name}")
    return warehouse


def values(sheets: dict[str, pa.Table], sheet: str, name: str) -> list[Any]:
    found: list[Any] = sheets[sheet].column(name).to_pylist()
    return found


def test_a_days_sheets_have_its_rows_in_the_order_to_look_at_them(warehouse: Warehouse) -> None:
    with warehouse.read() as connection:
        sheets = workbook_sheets(connection, DAY, [])
        of_one = workbook_sheets(connection, DAY, [145])
        of_nobody = workbook_sheets(connection, date(2026, 11, 3), [])
    assert list(sheets) == list(SHEETS)
    assert values(sheets, "summary", "org_id") == [144, 144, 144, 145]
    assert values(sheets, "summary", "plan_id") == [None, 7, 8, None]
    assert values(sheets, "changes", "plan_id") == [None, 2, 3, 1]
    assert sheets["overage"].equals(read_report(warehouse, DAY, []))
    assert values(sheets, "recommendations", "linkid") == [4, 3, 1, 2]
    assert values(sheets, "alerts", "alert_id") == ["b", "d", "a", "c"]
    assert values(sheets, "closed periods", "linkid") == [2, 1]
    assert {name: table.num_rows for name, table in of_one.items()} == {
        "summary": 1, "changes": 0, "overage": 1, "recommendations": 1, "alerts": 1, "closed periods": 0,
    }  # fmt: skip
    assert {(table.num_rows, table.num_columns > 0) for table in of_nobody.values()} == {(0, True)}


def test_a_days_workbook_says_what_its_columns_are(warehouse: Warehouse, path: Path) -> None:
    with warehouse.read() as connection:
        sheets = workbook_sheets(connection, DAY, [144])
    write_workbook(sheets, path)
    book = load_workbook(path)
    assert book.sheetnames == [*SHEETS, "columns"]
    described = {row[:2]: row[2:] for row in book["columns"].iter_rows(min_row=2, values_only=True)}
    assert len(described) == sum(len(table.columns) for table in SHEETS.values())
    assert described["summary", "cost_to_date"] == ("DECIMAL(18,6)", "USD of the three")
    assert described["closed periods", "period_end"] == ("TIMESTAMP", "end of the period (UTC, exclusive)")
    assert "<f" not in xml_of(path)
    assert book["overage"].max_row == 4


def test_a_table_that_the_warehouse_lacks_is_an_empty_sheet(warehouse: Warehouse, path: Path) -> None:
    with warehouse.write() as connection:
        connection.execute(f"DROP TABLE {SCHEMA}.fleet_summary")
        sheets = workbook_sheets(connection, DAY, [])
    write_workbook(sheets, path)
    book = load_workbook(path)
    assert [str(cell.value) for cell in book["summary"][1]] == list(FLEET_SUMMARY.column_names)
    assert book["summary"].max_row == 1
    assert book["summary"].auto_filter.ref == "A1:Y1"
    assert book["summary"].freeze_panes == "A2"
