"""Rows of the API as typed records. A row that can't be one becomes a `Rejected` with its reason, never an exception."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import msgspec

from hologram_assets.api.values import moment, signed, text, whole

Row = dict[str, Any]
T = TypeVar("T")
# Secrets and personal data that links (and perhaps one day sessions) carry: never stored, not even in `extra`.
NEVER_STORED = frozenset({"pin", "pin1", "pin2", "puk", "puk1", "puk2", "msisdn", "priv_ip_address", "apikey"})
_DEEPEST = 50
_encoder = msgspec.json.Encoder(decimal_format="number", order="sorted")


class Rejected(NamedTuple):
    """A row set aside: why, the row itself as JSON (without what is never stored), and its `timestamp` if readable."""

    reason: str
    raw: str
    moment: datetime | None = None


class Session(NamedTuple):
    """One closed data session. `session_end` is the API's `timestamp`; times are naive UTC.

    `extra` is a JSON object of the fields that this version doesn't know, and of known ones it couldn't read.
    """

    record_id: int
    linkid: int
    session_begin: datetime | None
    session_end: datetime
    bytes: int
    imei: str | None
    imeisv: str | None
    cellid: int | None
    lac: int | None
    radio_access_technology: str | None
    network_name: str | None
    country: str | None
    simcardid: int | None
    profile_name: str | None
    data_plan_id: int | None
    extra: str | None


class BillingTotal(NamedTuple):
    """Hologram's total for one SIM and billing period; `periods_back` 0 is the running one and provisional."""

    linkid: int
    period_end: datetime
    periods_back: int | None
    bytes: int


class Link(NamedTuple):
    """A SIM as the API shows it now. `plan_id` 0 is unclaimed; `overage_limit_bytes` -1 is no limit."""

    linkid: int
    simcardid: int | None
    device_id: int | None
    device_name: str | None
    tags: str | None
    iccid: str | None
    plan_id: int | None
    zone: str | None
    state: str | None
    overage_limit_bytes: int | None
    period_end: datetime | None


OPTIONAL_FIELDS: dict[str, Callable[[Any], Any]] = {
    "imei": text,
    "imeisv": text,
    "cellid": whole,
    "lac": whole,
    "radio_access_technology": text,
    "network_name": text,
    "country": text,
    "simcardid": whole,
    "profile_name": text,
    "data_plan_id": whole,
}
_KNOWN = frozenset({"record_id", "linkid", "session_begin", "timestamp", "bytes", *OPTIONAL_FIELDS})


def rejected(row: Row, reason: str) -> Rejected:
    """Set a row aside."""
    try:
        at = moment(row.get("timestamp"))
    except ValueError:
        at = None
    return Rejected(reason, as_json(row), at)


def as_json(value: object) -> str:
    """JSON text with sorted keys; decimals keep their digits. What is never stored is left out at every depth."""
    return _encoder.encode(_storable(value)).decode()


def as_json_lines(values: Sequence[dict[str, Any]]) -> list[str]:
    """What `as_json` gives for each of the objects, which must be flat and hold nothing that is never stored."""
    return _encoder.encode_lines(values).decode().split("\n")[:-1]


def _storable(value: object, depth: int = 0) -> object:
    if depth > _DEEPEST:
        return "(nested too deeply)"
    if isinstance(value, dict):
        return {name: _storable(inner, depth + 1) for name, inner in value.items() if name.lower() not in NEVER_STORED}
    if isinstance(value, list):
        return [_storable(inner, depth + 1) for inner in value]
    return value


def read_optional(row: Row, name: str, read: Callable[[Any], T | None]) -> T | None:
    """A field of a row, None for null; the ValueError for what can't be read names the field."""
    try:
        return read(row.get(name))
    except ValueError as error:
        msg = f"{name}: {error}"
        raise ValueError(msg) from None


def read_required(row: Row, name: str, read: Callable[[Any], T | None]) -> T:
    """A field of a row; also a ValueError when it is missing or null."""
    value = read_optional(row, name, read)
    if value is None:
        msg = f"{name} is missing"
        raise ValueError(msg)
    return value


def session(row: Row) -> Session | Rejected:
    """A row of `/usage/data`.

    Rejected are rows without `record_id`, `linkid`, `timestamp` or `bytes`, with a time that can't be read or with a
    negative number among these. Whatever else can't be read goes to `extra` as it came: its bytes still count.
    """
    try:
        record_id, linkid, size = whole(row.get("record_id")), whole(row.get("linkid")), whole(row.get("bytes"))
        session_end, session_begin = moment(row.get("timestamp")), moment(row.get("session_begin"))
    except ValueError:
        return rejected(row, _why_not_a_session(row))
    if record_id is None or linkid is None or size is None or session_end is None:
        return rejected(row, _why_not_a_session(row))
    extra = {name: row[name] for name in unknown_names(tuple(row))}
    optional: list[Any] = []
    for name, read in OPTIONAL_FIELDS.items():
        value = row.get(name)
        try:
            optional.append(read(value))
            unread = isinstance(value, (dict, list)) and bool(value)
        except ValueError:
            optional.append(None)
            unread = True
        if unread:
            extra[name] = value
    optional.append(as_json(extra) if extra else None)
    return Session(record_id, linkid, session_begin, session_end, size, *optional)


@lru_cache(maxsize=256)
def unknown_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Of a row's fields those that this version doesn't know; nearly all rows of an answer have the same."""
    return tuple(name for name in names if name not in _KNOWN and name.lower() not in NEVER_STORED)


def _why_not_a_session(row: Row) -> str:
    """The first field that a session can't be without, or that can't be read."""
    try:
        read_required(row, "record_id", whole)
        read_required(row, "linkid", whole)
        read_required(row, "timestamp", moment)
        read_optional(row, "session_begin", moment)
        read_required(row, "bytes", whole)
    except ValueError as error:
        return str(error)
    raise AssertionError(row)


def billing_total(row: Row) -> BillingTotal | Rejected:
    """A row of `/usage/data/billing`; its `record_id` names another period every month and is not kept."""
    try:
        linkid = read_required(row, "linkid", whole)
        period_end = read_required(row, "cur_period_end", moment)
        size = read_required(row, "bytes", whole)
        periods_back = read_optional(row, "periods_back", whole)
    except ValueError as error:
        return rejected(row, str(error))
    return BillingTotal(linkid, period_end, periods_back, size)


def link(row: Row) -> Link | Rejected:
    """A row of `/links/cellular`; pins, numbers and addresses of the SIM are left where they are."""
    try:
        linkid = read_required(row, "id", whole)
    except ValueError as error:
        return rejected(row, str(error))
    tags = row.get("tags")
    try:
        period_end = moment(row.get("whenexpires"))
    except ValueError:
        period_end = None
    return Link(
        linkid=linkid,
        simcardid=signed(row.get("simcardid")),
        device_id=signed(row.get("deviceid")),
        device_name=text(row.get("devicename")),
        tags=as_json(tags) if isinstance(tags, (list, dict)) else text(tags),
        iccid=text(row.get("sim")),
        plan_id=signed(row.get("dataplansubscriptionid")),
        zone=text(row.get("zone")),
        state=text(row.get("state")),
        overage_limit_bytes=signed(row.get("overagelimit")),
        period_end=period_end,
    )
