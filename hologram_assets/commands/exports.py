"""The formats of `report`: for people (table, html, xlsx), for programs (csv, json, parquet), for FinOps tools (focus)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from hologram_assets.commands.report import (
    as_csv,
    as_json,
    has_report,
    print_report,
    read_report,
    require_report,
    wide_console,
)
from hologram_assets.warehouse.connection import Warehouse
from hologram_assets.warehouse.loads import utc_now
from hologram_assets.whole_files import whole_file

_Export = Callable[[Warehouse, date, Sequence[int], Path | None], str]
NEED_A_FILE: Final = ("parquet", "xlsx")


def export(form: str, warehouse: Warehouse, day: date, org_ids: Sequence[int], output: Path | None) -> str:
    """Write the report of a day, to the terminal where no file is named; returns what was written, in words.

    A file is there whole or not at all.

    Args:
        form: one of `FORMATS`.
        warehouse: where from.
        day: UTC day.
        org_ids: organisations; all if none is named.
        output: the file; those of `NEED_A_FILE` need one.

    Raises:
        NoReportError: nothing is stored for the day.
        WarehouseError: the warehouse can't be read.
        OSError: the file can't be written.
    """
    return _FORMATS[form](warehouse, day, org_ids, output)


def without_report(warehouse: Warehouse, day: date, org_ids: Sequence[int]) -> list[int]:
    """Of these organisations those whose report of the day was never derived."""
    with warehouse.read() as connection:
        return [org_id for org_id in org_ids if not has_report(connection, day, [org_id])]


def _table(warehouse: Warehouse, day: date, org_ids: Sequence[int], output: Path | None) -> str:
    rows = read_report(warehouse, day, org_ids)
    if output is None:
        print_report(rows, wide_console(sys.stdout))
    else:
        with whole_file(output) as path, path.open("w", encoding="utf-8") as file:
            print_report(rows, wide_console(file))
    return f"{rows.num_rows} SIMs"


def _csv(warehouse: Warehouse, day: date, org_ids: Sequence[int], output: Path | None) -> str:
    rows = read_report(warehouse, day, org_ids)
    _put(as_csv(rows), output)
    return f"{rows.num_rows} SIMs"


def _json(warehouse: Warehouse, day: date, org_ids: Sequence[int], output: Path | None) -> str:
    rows = read_report(warehouse, day, org_ids)
    _put(as_json(rows), output)
    return f"{rows.num_rows} SIMs"


def _parquet(warehouse: Warehouse, day: date, org_ids: Sequence[int], output: Path | None) -> str:
    rows = read_report(warehouse, day, org_ids)
    write_parquet(rows, _file(output))
    return f"{rows.num_rows} SIMs"


def _html(warehouse: Warehouse, day: date, org_ids: Sequence[int], output: Path | None) -> str:
    from hologram_assets.page.render import render_page
    from hologram_assets.warehouse.page_view import read_page_view

    with warehouse.read() as connection:
        require_report(connection, day, org_ids)
        view = read_page_view(connection, day, org_ids, utc_now())
    page = render_page(view)
    _put(page, output)
    return f"a page of {len(page.encode()):,} bytes"


def _xlsx(warehouse: Warehouse, day: date, org_ids: Sequence[int], output: Path | None) -> str:
    from hologram_assets.commands.workbook import write_workbook
    from hologram_assets.warehouse.workbook import SHEETS, workbook_sheets

    with warehouse.read() as connection:
        require_report(connection, day, org_ids)
        sheets = workbook_sheets(connection, day, org_ids)
    write_workbook(sheets, _file(output), tables=SHEETS)
    return f"{len(sheets)} sheets, {sheets['overage'].num_rows} SIMs"


def _focus(warehouse: Warehouse, day: date, org_ids: Sequence[int], output: Path | None) -> str:
    from hologram_assets.warehouse.focus import FOCUS_VERSION, left_out, read_focus, with_text_times

    with warehouse.read() as connection:
        require_report(connection, day, org_ids)
        charges = read_focus(connection, day, org_ids)
        without = left_out(connection, day, org_ids)
    if output is not None and output.suffix == ".parquet":
        write_parquet(charges, output)
    else:
        _put(as_csv(with_text_times(charges)), output)
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(without.items()))
    return f"{charges.num_rows} charges of FOCUS {FOCUS_VERSION}" + (f", left out: {reasons};" if reasons else "")


_FORMATS: Final[Mapping[str, _Export]] = {
    "table": _table,
    "csv": _csv,
    "json": _json,
    "parquet": _parquet,
    "html": _html,
    "xlsx": _xlsx,
    "focus": _focus,
}
FORMATS: Final = tuple(_FORMATS)


def _file(output: Path | None) -> Path:
    if output is None:
        raise ValueError("this format needs a file")
    return output


def _put(text: str, output: Path | None) -> None:
    """To the terminal, or into a file."""
    if output is None:
        sys.stdout.write(text)
        return
    with whole_file(output) as file:
        file.write_text(text, encoding="utf-8")


def write_parquet(table: pa.Table, output: Path) -> None:
    """With the table's own types: decimals stay decimals."""
    with whole_file(output) as file:
        pq.write_table(table, file, compression="zstd")
