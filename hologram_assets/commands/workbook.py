"""Tables as an Excel workbook: numbers that add up, dates that sort, and nothing in it that runs.

Excel holds every number as a double and works with 15 digits of it. Money to the sixth place is exact below a billion USD;
add up more than that in the warehouse. Whole numbers of more digits, which Excel would change, are texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pyarrow as pa
from xlsxwriter import Workbook
from xlsxwriter.exceptions import XlsxFileError

from hologram_assets.warehouse.tables import Table
from hologram_assets.warehouse.workbook import SHEETS
from hologram_assets.whole_files import whole_file

ROWS_PER_SHEET: Final = 1_048_575
"""What an Excel sheet holds below its header."""

_MOST_CHARACTERS = 32_767
_MOST_OF_A_NAME = 31
_EXACT_BELOW = 10**15
# The calendar of Excel begins here.
_FIRST_YEAR = 1900
# What XML 1.0 can't hold or reads as something else.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")
_NOT_IN_A_NAME = re.compile(r"[\[\]:*?/\\\t\n]")
# Excel takes a text that begins so for a formula once somebody edits the cell.
_FORMULA = ("=", "+", "-", "@")
# Nothing of when it was made is in the file: the same tables give the same bytes.
_CREATED = datetime(1980, 1, 1)
_ROWS_AT_ONCE = 10_000
_LOOKED_AT = 1_000
_WIDEST = 80

# Puts a value into a sheet's row and column.
_Put = Callable[[Any, int, int, Any], object]


def write_workbook(
    sheets: Mapping[str, pa.Table],
    output: Path,
    tables: Mapping[str, Table] = SHEETS,
    rows_per_sheet: int = ROWS_PER_SHEET,
) -> None:
    """Write each table to a sheet of its own, and what the columns are to a last one. The file is there whole or not at all.

    Numbers, dates and booleans are Excel's own; null is an empty cell. Times are UTC, as the last sheet says. A text is
    always a text, never a formula or a link; what XML can't hold is replaced in it, and more than 32,767 characters are cut.
    A table that is longer than a sheet goes on in the sheet `name (2)`. The same tables give the same bytes.

    Args:
        sheets: tables by the names of their sheets, in order; names are made fit for Excel.
        output: the file; one of that name is replaced.
        tables: by the same names, the warehouse's tables that say what the columns are.
        rows_per_sheet: what a sheet takes below its header.

    Raises:
        OSError: the file can't be written.
    """
    with whole_file(output) as partial, TemporaryDirectory(prefix=".workbook-", dir=partial.parent) as folder:
        try:
            with Workbook(partial, {"constant_memory": True, "tmpdir": folder, "use_zip64": True}) as book:
                book.set_properties({"created": _CREATED})
                writer = _Writer(book, rows_per_sheet)
                names = {sheet: writer.add(sheet, table) for sheet, table in sheets.items()}
                writer.add("columns", _described(sheets, names, tables))
        except XlsxFileError as error:
            raise OSError(str(error)) from error


class _Writer:
    """A workbook that sheets are added to, one after the other."""

    def __init__(self, book: Any, rows_per_sheet: int) -> None:
        self._book = book
        self._rows_per_sheet = rows_per_sheet
        # Excel keeps this name for itself.
        self._taken = {"history"}
        self._bold = book.add_format({"bold": True})
        # What the user types as 'text: it stays a text when the cell is edited.
        self._quoted = book.add_format({"quote_prefix": True})
        self._shown_as = cache(lambda number_format: book.add_format({"num_format": number_format}))

    def add(self, name: str, table: pa.Table) -> str:
        """Write a table to as many sheets as it needs; the name of the first."""
        starts = range(0, max(table.num_rows, 1), self._rows_per_sheet)
        first, *_ = [self._add_sheet(name, table.slice(start, self._rows_per_sheet)) for start in starts]
        return first

    def _add_sheet(self, name: str, table: pa.Table) -> str:
        name = self._free_name(name)
        sheet = self._book.add_worksheet(name)
        columns = [_in_utc(column) for column in table.columns]
        puts = [self._put_of(field.name, field.type) for field in table.schema]
        for position, (field, column) in enumerate(zip(table.schema, columns, strict=True)):
            header = _clean(field.name)
            sheet.write_string(0, position, header, self._bold)
            # The button of the filter covers the header's end.
            sheet.set_column(position, position, max(len(header) + 3, _width(column)))
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, table.num_rows, len(columns) - 1)
        for start in range(0, table.num_rows, _ROWS_AT_ONCE):
            values = [column.slice(start, _ROWS_AT_ONCE).to_pylist() for column in columns]
            for row, cells in enumerate(zip(*values, strict=True), start + 1):
                for position, value in enumerate(cells):
                    if value is not None:
                        puts[position](sheet, row, position, value)
        return name

    def _free_name(self, name: str) -> str:
        base = _NOT_IN_A_NAME.sub(" ", _clean(name)).strip("' ") or "sheet"
        suffixes = (f" ({n})" if n > 1 else "" for n in count(1))
        names = (_cut(base, _MOST_OF_A_NAME - len(suffix)).rstrip("' ") + suffix for suffix in suffixes)
        free = next(name for name in names if name.casefold() not in self._taken)
        self._taken.add(free.casefold())
        return free

    def _put_of(self, name: str, kind: pa.DataType) -> _Put:
        """How the values of a column are written."""
        if pa.types.is_boolean(kind):
            return lambda sheet, row, position, value: sheet.write_boolean(row, position, value)
        if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
            return self._date("yyyy-mm-dd" if pa.types.is_date(kind) else "yyyy-mm-dd hh:mm:ss")
        if pa.types.is_decimal(kind):
            return self._number("#,##0" + ("." + "0" * kind.scale if kind.scale > 0 else ""))
        if pa.types.is_integer(kind):
            # Nobody reads an id by its thousands.
            return self._number("0" if name.endswith("id") else "#,##0")
        if pa.types.is_floating(kind):
            return self._number('#,##0.0" %"' if {"pct", "percent"} & set(name.split("_")) else "#,##0.00")
        return self._text

    def _number(self, number_format: str) -> _Put:
        shown_as = self._shown_as(number_format)

        def put(sheet: Any, row: int, position: int, value: float | Decimal) -> None:
            if -_EXACT_BELOW < value < _EXACT_BELOW:  # which NaN isn't
                sheet.write_number(row, position, float(value), shown_as)
            else:
                self._text(sheet, row, position, value)

        return put

    def _date(self, number_format: str) -> _Put:
        shown_as = self._shown_as(number_format)

        def put(sheet: Any, row: int, position: int, value: date) -> None:
            if value.year < _FIRST_YEAR:
                self._text(sheet, row, position, value.isoformat())
            else:
                sheet.write_datetime(row, position, value, shown_as)

        return put

    def _text(self, sheet: Any, row: int, position: int, value: object) -> None:
        text = _clean(str(value))
        sheet.write_string(row, position, text, self._quoted if text.startswith(_FORMULA) else None)


def _described(sheets: Mapping[str, pa.Table], names: Mapping[str, str], tables: Mapping[str, Table]) -> pa.Table:
    """A row per sheet and column: its type and what it is, as the warehouse has it."""
    rows = []
    for sheet, table in sheets.items():
        known = {column.name: column for column in tables[sheet].columns} if sheet in tables else {}
        for field in table.schema:
            column = known.get(field.name)
            kind, description = (column.type, column.description) if column else (str(field.type), None)
            rows.append((names[sheet], field.name, kind, description))
    columns = ("sheet", "column", "type", "description")
    return pa.table({name: pa.array([row[n] for row in rows], pa.string()) for n, name in enumerate(columns)})


def _in_utc(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Times as naive UTC to the microsecond; anything else as it is."""
    return column.cast(pa.timestamp("us"), safe=False) if pa.types.is_timestamp(column.type) else column


def _width(column: pa.ChunkedArray) -> int:
    """In characters: what numbers and times take, or as the first texts are long."""
    if pa.types.is_timestamp(column.type):
        return 19
    if not pa.types.is_string(column.type):
        return 15
    longest = max((len(text or "") for text in column.slice(0, _LOOKED_AT).to_pylist()), default=0)
    return min(longest + 1, _WIDEST)


def _clean(text: str) -> str:
    """A text as an Excel cell can hold it."""
    text = _cut(_UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text), _MOST_CHARACTERS)
    # XlsxWriter takes such a text for markup of its own and writes it as it is: a name would become a part of the file.
    return text[:-1] + "\N{REPLACEMENT CHARACTER}" if text.startswith("<r>") and text.endswith("</r>") else text


def _cut(text: str, most: int) -> str:
    """At most so many characters as Excel counts them: in UTF-16, where an emoji is two."""
    if len(text) * 2 <= most:
        return text
    return text.encode("utf-16-le")[: most * 2].decode("utf-16-le", "ignore")
