"""A day's costs as a FOCUS Cost and Usage dataset: one row per SIM, billing period and charge.

FOCUS is the FinOps Open Cost and Usage Specification; `FOCUS_VERSION` is the one that the columns follow, and
`docs/focus.md` says what stands in each and why. An export of day D has, of each organisation:

* `x_PeriodStatus` `Open`: the periods in force at the end of D, each with its plan fee and what its usage cost so far;
* `Closed`, `ChargeClass` null: the periods that ended on D, as they were known at the end of D;
* `Closed`, `ChargeClass` `Correction`: what was learnt on D about periods that ended before it, as differences.

So costs are counted once by loading the `Closed` rows of every day, and the `Open` rows of each organisation's newest day
only: an open row comes again on every day until its period closes. An export of a day that was loaded before takes the place
of the earlier one. Nothing that is only foreseen is in any row.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from hologram_assets.warehouse.connection import sql

FOCUS_VERSION: Final = "1.4"

_UTC: Final = pa.timestamp("us", tz="UTC")
_TIME_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"
_METADATA: Final = {"FocusVersion": FOCUS_VERSION, "DataGenerator": "hologram-assets"}


def read_focus(connection: duckdb.DuckDBPyConnection, day: date, org_ids: Sequence[int]) -> pa.Table:
    """The day's charges, by organisation, SIM and charge period; all organisations if none is named.

    Money is USD as `decimal128`; times are UTC to the second. FOCUS columns come first and then ours (`x_`), both by name. A
    day without a report has no rows. Makes temp tables on the connection.
    """
    _gather(connection, day, org_ids)
    connection.execute(sql("focus_changes"), {"day": day, "orgs": list(org_ids)})
    connection.execute(sql("focus_corrections"), {"day": day})
    table = connection.execute(sql("focus"), {"day": day}).to_arrow_table()
    for position, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            table = table.set_column(position, pa.field(field.name, _UTC), table.column(position).cast(_UTC))
    return _with_tags(table).replace_schema_metadata(_METADATA)


def left_out(connection: duckdb.DuckDBPyConnection, day: date, org_ids: Sequence[int]) -> dict[str, int]:
    """How many of the day's periods, open or just ended, lack a row since their cost is not known, by reason.

    Reasons are those of `pricing_status`, and `incomplete` (usage is not wholly known), `no_period` (nobody knows when the
    SIM's period ends, so it has no row at all) and `no_recurring_amount` (only the plan fee lacks). A SIM counts once per
    period.
    """
    _gather(connection, day, org_ids)
    return dict(connection.execute(sql("focus_left_out")).fetchall())


def with_text_times(table: pa.Table) -> pa.Table:
    """The table with its times as texts in the format that FOCUS asks for in files without a type for them, like CSV.

    >>> times = pa.table({"BillingPeriodStart": pa.array([0], _UTC)})
    >>> with_text_times(times).column(0).to_pylist()
    ['1970-01-01T00:00:00Z']
    """
    for position, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            texts = pc.strftime(table.column(position).cast(pa.timestamp("s", tz="UTC")), format=_TIME_FORMAT)
            table = table.set_column(position, pa.field(field.name, pa.string()), texts)
    return table


def _gather(connection: duckdb.DuckDBPyConnection, day: date, org_ids: Sequence[int]) -> None:
    connection.execute(sql("focus_periods"), {"day": day, "orgs": list(org_ids)})


def _with_tags(table: pa.Table) -> pa.Table:
    """Tags as FOCUS writes them. SIMs share most of their texts, so each is read once."""
    position = table.schema.get_field_index("Tags")
    encoded = table.column(position).combine_chunks().dictionary_encode()
    written = pa.array([_key_values(text) for text in encoded.dictionary.to_pylist()], pa.string())
    return table.set_column(position, pa.field("Tags", pa.string()), written.take(encoded.indices))


def _key_values(text: str) -> str | None:
    """A device's tags as one flat JSON object; None without any.

    Hologram's tags are names without a value, and FOCUS writes `true` as the value of such a key.

    >>> _key_values('[{"id":501,"name":"pilot"},{"id":502,"name":"field"}]')
    '{"field": true, "pilot": true}'
    """
    try:
        tags = json.loads(text, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        tags = text
    found: dict[str, Any] = {}
    if isinstance(tags, dict):
        found = {key: _scalar(value) for key, value in tags.items()}
    else:
        for tag in tags if isinstance(tags, list) else [tags]:
            key, value = _named(tag)
            found[key] = value
    found = {key: value for key, value in found.items() if key.strip()}
    if not found:
        return None
    # Half a surrogate pair is text in JSON but not in UTF-8.
    return json.dumps(found, ensure_ascii=False, sort_keys=True).encode("utf-8", "replace").decode("utf-8")


def _named(tag: object) -> tuple[str, Any]:
    """The key and the value of one tag of a list."""
    if isinstance(tag, dict):
        return _text(tag.get("name", tag.get("id"))), _scalar(tag.get("value", True))
    return _text(tag), True


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _scalar(value: object) -> Any:
    """FOCUS allows no object and no array as a value."""
    return value if value is None or isinstance(value, (str, bool, int)) else _text(value)
