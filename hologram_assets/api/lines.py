"""Pages of data sessions as JSON lines: what a slice's file holds, and what DuckDB reads in one go.

What a row means is said once, by `records.session`. A page whose rows are all of the usual make is checked by msgspec as
a whole, which takes a tenth of the time; any other page goes row by row. Both give the same (a test holds them together).

Lines, and not Arrow batches: msgspec checks and writes a page in 0.2 ms, where its columns as Python lists and then as Arrow
take 0.7 ms of Python's lock, which all workers share; DuckDB reads lines without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import Annotated, NamedTuple, TypeAlias

import msgspec

from hologram_assets.api.records import (
    OPTIONAL_FIELDS,
    Rejected,
    Row,
    Session,
    as_json,
    as_json_lines,
    session,
    unknown_names,
)
from hologram_assets.api.values import is_null, may_be_null, text

_Whole: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_Time: TypeAlias = Annotated[datetime, msgspec.Meta(tz=False)]
_TIME_LENGTH = len("YYYY-MM-DD HH:MM:SS")
_encoder = msgspec.json.Encoder()


class SessionLines(NamedTuple):
    """The sessions of a page as JSON lines, in the page's order, and the rows set aside.

    Attributes:
        text: a JSON object a line, with the fields of `Session` (`session_end` as `timestamp`) and `fetched_at`; times are
            ISO 8601 in UTC.
        sessions: how many lines.
        newest: `session_end` of the first of them, None without any.
        oldest: of the last.
        rejected: rows set aside.
    """

    text: bytes
    sessions: int
    newest: datetime | None
    oldest: datetime | None
    rejected: list[Rejected]


class _Line(msgspec.Struct, rename={"session_end": "timestamp"}):
    """A `Session` and when it was fetched; read from rows that have every field as the documentation writes it."""

    record_id: _Whole
    linkid: _Whole
    session_end: _Time
    bytes: _Whole
    session_begin: _Time | None = None
    imei: str | None = None
    imeisv: str | None = None
    cellid: _Whole | None = None
    lac: _Whole | None = None
    radio_access_technology: str | None = None
    network_name: str | None = None
    country: str | None = None
    simcardid: _Whole | None = None
    profile_name: str | None = None
    data_plan_id: _Whole | None = None
    extra: str | None = None
    fetched_at: datetime | None = None


_TEXTS = {name: attrgetter(name) for name, read in OPTIONAL_FIELDS.items() if read is text}
# Rows don't have these; a field of that name is one that this version doesn't know.
_OURS = frozenset({"extra", "fetched_at"})


class _UnusualError(Exception):
    """A row that msgspec reads otherwise than `session`."""


def session_lines(rows: Sequence[Row], fetched_at: datetime) -> SessionLines:
    """Rows of `/usage/data`, fetched at a moment (naive UTC)."""
    try:
        lines, rejected = _usual(rows), list[Rejected]()
    except (msgspec.ValidationError, _UnusualError):
        read = [session(row) for row in rows]
        rejected = [row for row in read if isinstance(row, Rejected)]
        lines = [_Line(**row._asdict()) for row in read if isinstance(row, Session)]
    for line in lines:
        line.fetched_at = fetched_at
    return SessionLines(
        _encoder.encode_lines(lines),
        len(lines),
        lines[0].session_end if lines else None,
        lines[-1].session_end if lines else None,
        rejected,
    )


def _usual(rows: Sequence[Row]) -> list[_Line]:
    """The rows of a page.

    Raises:
        msgspec.ValidationError, _UnusualError: some row is one that `session` would set aside or has to look at closely.
    """
    makes = set(map(tuple, rows))
    if any(not _OURS.isdisjoint(names) for names in makes):
        raise _UnusualError
    lines = msgspec.convert(rows, list[_Line])
    # msgspec rounds longer fractions, where `moment` cuts them off.
    times = {len(row["timestamp"]) for row in rows} | {
        len(row.get("session_begin") or row["timestamp"]) for row in rows
    }
    if not times <= {_TIME_LENGTH}:
        raise _UnusualError
    for name, value_of in _TEXTS.items():
        values = set(map(value_of, lines)) - {None}
        if may_be_null(values) and (nulls := set(filter(is_null, values))):
            for line in lines:
                if value_of(line) in nulls:
                    setattr(line, name, None)
    if any(map(unknown_names, makes)):
        for line, extra in zip(lines, _extras(rows, makes), strict=True):
            line.extra = extra
    return lines


def _extras(rows: Sequence[Row], makes: set[tuple[str, ...]]) -> list[str | None]:
    names = {make: unknown_names(make) for make in makes}
    extras = [{name: row[name] for name in names[tuple(row)]} for row in rows]
    if not {type(value) for extra in extras for value in extra.values()}.isdisjoint((dict, list)):
        return [as_json(extra) if extra else None for extra in extras]
    return [line if extra else None for extra, line in zip(extras, as_json_lines(extras), strict=True)]
