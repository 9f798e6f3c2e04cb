"""`report`: the overage report of a day, for people (table) and programs (csv, json, parquet)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TextIO

import duckdb
import pyarrow as pa
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from hologram_assets.warehouse.connection import Warehouse
from hologram_assets.warehouse.pictures import worst_of
from hologram_assets.warehouse.tables import OVERAGE_REPORT, PARTITION_LOADS

_SHOWN = 20
_WIDTH = 160
_COLUMNS = (
    "org", "SIM", "device", "plan", "period ends", "used MB", "of MB", "%", "overage $", "usage $", "expected $", "runs out",
    "status",
)  # fmt: skip
_NAMES = ("device", "plan")
# A column's border and its blanks.
_PADDING = 3
# A spreadsheet takes these at the start of a cell for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 - the wide ones of East Asian keyboards
_PLACES = 6
_CHOSEN = "day = $day AND (len($orgs) = 0 OR org_id IN (SELECT unnest($orgs)))"


class NoReportError(LookupError):
    """There is no report for the day."""


def read_report(warehouse: Warehouse, day: date, org_ids: Sequence[int]) -> pa.Table:
    """The report's rows of a day, by organisation and cost; all organisations if none is named.

    Raises:
        NoReportError: no report was derived for the day.
        WarehouseMissingError: there is no warehouse yet.
    """
    with warehouse.read() as connection:
        require_report(connection, day, org_ids)
        table: pa.Table = connection.execute(
            f"""SELECT * FROM {OVERAGE_REPORT.qualified} WHERE {_CHOSEN}
                ORDER BY org_id, overage_cost DESC NULLS LAST, usage_charge DESC NULLS LAST, linkid""",
            {"day": day, "orgs": list(org_ids)},
        ).to_arrow_table()
    return table


def has_report(connection: duckdb.DuckDBPyConnection, day: date, org_ids: Sequence[int]) -> bool:
    """Whether a report of the day was derived, for one of these organisations or for any; one without a SIM has no rows."""
    found = connection.execute(
        f"""SELECT 1 FROM {OVERAGE_REPORT.qualified} WHERE {_CHOSEN} UNION ALL
            SELECT 1 FROM {PARTITION_LOADS.qualified} WHERE asset = '{OVERAGE_REPORT.name}' AND {_CHOSEN} LIMIT 1""",
        {"day": day, "orgs": list(org_ids)},
    ).fetchone()
    return found is not None


def require_report(connection: duckdb.DuckDBPyConnection, day: date, org_ids: Sequence[int]) -> None:
    """See that there is something to report.

    Raises:
        NoReportError: no report was derived for the day.
    """
    if not has_report(connection, day, org_ids):
        named = f" of organisation {', '.join(map(str, org_ids))}" if org_ids else ""
        msg = f"no overage report{named} for {day}; materialise it: hologram-assets backfill --from {day} --to {day}"
        raise NoReportError(msg)


def wide_console(file: TextIO) -> Console:
    """A console as wide as the terminal; what isn't one (a pipe, a file, a CI log) gets room for the whole table."""
    return Console(file=file, width=None if file.isatty() else _WIDTH)


def as_csv(table: pa.Table) -> str:
    """Header and rows; decimals with their digits, times as ISO 8601, texts that would be formulas neutralised."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.column_names)
    for row in table.to_pylist():
        writer.writerow([_csv_cell(value) for value in row.values()])
    return out.getvalue()


def as_json(table: pa.Table) -> str:
    """A list of objects; money as strings, so that no reader makes floats of it, times as ISO 8601."""
    rows = [{name: _plain(value) for name, value in row.items()} for row in table.to_pylist()]
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return money(value)
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return value


def _csv_cell(value: Any) -> Any:
    if isinstance(value, str):
        return "'" + value if value.startswith(_FORMULA) else value
    return "" if value is None else _plain(value)


def money(value: Decimal) -> str:
    """A decimal with at least six places and no more than it needs: `0.420210`, `0.123456789`."""
    places = max(_PLACES, -int(value.normalize().as_tuple().exponent))
    return f"{value:.{places}f}"


def print_report(table: pa.Table, console: Console, shown: int = _SHOWN) -> None:
    """The SIMs that will cost most, how many more there are, and the totals per organisation.

    "expected $" is what is foreseen for the period's end, overage and pay-as-you-go usage together.
    """
    rows = table.to_pylist()
    costly = sum(row["status"] != "ok" for row in rows)
    lines = [_line(row) for row in worst_of(table, shown)]
    if not rows:
        console.print("The report has no SIM.")
        return
    grid = RichTable(title=f"Overage report of {rows[0]['day']}: the {len(lines)} SIMs to look at first")
    widths = [max(map(cell_len, column)) for column in zip(_COLUMNS, *lines, strict=True)]
    # Names give way first: everything else stays whole, also on a narrow terminal.
    rest = sum(width + _PADDING for width, name in zip(widths, _COLUMNS, strict=True) if name not in _NAMES) + 1
    for_a_name = max(6, min(26, (console.width - rest) // len(_NAMES) - _PADDING))
    for name, width in zip(_COLUMNS, widths, strict=True):
        if name in _NAMES:
            grid.add_column(name, no_wrap=True, overflow="ellipsis", max_width=for_a_name)
        else:
            grid.add_column(name, justify="left" if name == "status" else "right", no_wrap=True, min_width=width)
    for line in lines:
        grid.add_row(*line)
    console.print(grid)
    if costly > shown:
        console.print(f"… and {costly - shown} more; --format csv has all.")
    console.print(_totals(rows))


def _line(row: dict[str, Any]) -> list[str]:
    """A SIM's cells, one for each of `_COLUMNS`."""
    return [
        str(row["org_id"]),
        str(row["linkid"]),
        _shown(row["device_name"] or ""),
        _shown(row["plan_name"] or "?"),
        f"{row['period_end']:%m-%d %H:%M}" if row["period_end"] else "?",
        _megabytes(row["usage_bytes"]),
        _megabytes(row["included_bytes"]),
        "" if row["pct_used"] is None else f"{row['pct_used']:.0f}",
        _usd(row["overage_cost"]),
        _usd(row["usage_charge"]),
        _usd(_expected(row)),
        f"{row['exhausted_on']:%m-%d}" if row["exhausted_on"] else "",
        row["status"] if row["pricing_status"] == "priced" else f"{row['status']} ({row['pricing_status']})",
    ]


def _totals(rows: list[dict[str, Any]]) -> RichTable:
    grid = RichTable(title="Totals per organisation")
    for name in (
        "org", "SIMs", "over", "will exceed", "at risk", "pay as you go", "unknown", "not priced", "overage $", "usage $",
        "expected $", "used GB",
    ):  # fmt: skip
        grid.add_column(name, justify="right")
    for org_id in sorted({row["org_id"] for row in rows}):
        of_org = [row for row in rows if row["org_id"] == org_id]
        statuses = [row["status"] for row in of_org]
        grid.add_row(
            str(org_id),
            str(len(of_org)),
            str(statuses.count("over")),
            str(statuses.count("will_exceed")),
            str(statuses.count("at_risk")),
            str(statuses.count("payg")),
            str(statuses.count("unknown")),
            str(sum(row["pricing_status"] != "priced" for row in of_org)),
            _usd(_sum(row["overage_cost"] for row in of_org) or Decimal(0)),
            _usd(_sum(row["usage_charge"] for row in of_org) or Decimal(0)),
            _usd(_sum(_expected(row) for row in of_org)),
            f"{sum(row['usage_bytes'] or 0 for row in of_org) / 1e9:.3f}",
        )
    return grid


def _megabytes(size: int | None) -> str:
    return "?" if size is None else f"{size / 1e6:,.2f}"


def _expected(row: dict[str, Any]) -> Decimal | None:
    # A warehouse that an older version wrote lacks the second column until it is written to.
    return _sum([row["projected_overage_cost"], row.get("projected_usage_charge")])


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """The amounts that are known, together; None if none is."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if known else None


def _usd(amount: Decimal | None) -> str:
    return "?" if amount is None else f"{amount:,.4f}"


def _shown(text: str) -> str:
    """A name from outside, without what a terminal or rich would obey."""
    return escape("".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text))
