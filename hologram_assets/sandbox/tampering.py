"""What faults do to sessions, and to the rows of a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, time, timedelta
from typing import Any

import msgspec

from hologram_assets.sandbox.draws import number_of, share_of
from hologram_assets.sandbox.faults import Fault
from hologram_assets.sandbox.sessions import Session, record_id_of
from hologram_assets.sandbox.wire import moment_text

Faults = Mapping[str, Fault]
Row = dict[str, Any]

FARTHEST_MOVE = timedelta(days=2)
"""No moved session lies farther than this from where it was."""


def chosen(fault: Fault, key: int) -> bool:
    """Whether a fault for a fraction of the rows is about the row with this id: always the same ones."""
    return share_of(fault.name, key) < fault.number


def session_edit(faults: Faults, now: datetime) -> Callable[[Session], Session] | None:
    """How `changed_rows` and `moved_rows` alter sessions; None when neither is on.

    No session is moved beyond `now`. Give it whole hours, and all pages of a chain are altered alike.
    """
    changed, moved = faults.get("changed_rows"), faults.get("moved_rows")
    if changed is None and moved is None:
        return None

    def edit(session: Session) -> Session:
        if changed and chosen(changed, session.record_id):
            session = msgspec.structs.replace(session, bytes=session.bytes + 1)
        if moved and chosen(moved, session.record_id):
            session = _moved(session, now)
        return session

    return edit


def _moved(session: Session, now: datetime) -> Session:
    """The session as a whole, just over the midnight before or after its end; never into the future."""
    midnight = datetime.combine(session.timestamp.date(), time.min)
    if number_of("direction", session.record_id) % 2:
        end = midnight + timedelta(days=1, seconds=30)
        end = end if end <= now else session.timestamp
    else:
        end = midnight - timedelta(seconds=30)
    shift = end - session.timestamp
    return msgspec.structs.replace(session, timestamp=end, session_begin=session.session_begin + shift)


def broken_sessions(org_id: int, linkid: int, newest_id: int | None, moment: datetime) -> list[Row]:
    """Four rows that no client can store: without record_id, without linkid, with a broken date, with negative bytes.

    They come before a page whose newest id is `newest_id`, so that ids still decrease; `moment` is their timestamp.
    """
    top = newest_id or record_id_of(moment.replace(microsecond=0), 0, org_id)
    healthy = {
        "linkid": linkid,
        "session_begin": moment_text(moment - timedelta(minutes=5)),
        "timestamp": moment_text(moment),
        "bytes": 1024,
        "radio_access_technology": "LTE",
        "network_name": "T-Mobile USA, Inc",
    }
    return [
        {**healthy, "record_id": top + 3, "timestamp": "2026-13-45 99:99:99"},
        {**healthy, "record_id": top + 2, "bytes": -1},
        {name: value for name, value in healthy.items() if name != "linkid"} | {"record_id": top + 1},
        healthy,
    ]


def tampered(rows: list[Row], faults: Faults) -> list[Row]:
    """The rows of a page, after the faults that alter their fields or their order."""
    if "unknown_fields" in faults:
        rows = [{**row, "future_field": {"unit": "dBm", "values": [-71, -93]}} for row in rows]
    if "string_numbers" in faults:
        rows = [{name: _as_strings(value) for name, value in row.items()} for row in rows]
    if "ids_not_decreasing" in faults:
        rows = rows[::-1]
    return rows


def _as_strings(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _as_strings(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_as_strings(inner) for inner in value]
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
