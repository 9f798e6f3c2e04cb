"""Sessions and history as the network rules read them, SIM by SIM, and writing the changes that they found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby

import duckdb

from hologram_assets.domain.network_change import Change, DailyUse, Seen
from hologram_assets.domain.network_rules import BASELINE_LAG_DAYS, SET_DAYS, WINDOW_DAYS
from hologram_assets.warehouse.connection import beside, streamed
from hologram_assets.warehouse.derived import NotLoadedError, write_judged
from hologram_assets.warehouse.loads import Load, complete_through_of
from hologram_assets.warehouse.tables import DAILY_LINK_USAGE, NETWORK_CHANGES

_SESSIONS = """
    SELECT linkid, record_id, session_end, bytes, imei, radio_access_technology, network_name, country
    FROM hologram.raw_sessions
    WHERE org_id = $org_id AND day BETWEEN $first AND $last
    ORDER BY linkid"""
_HISTORY = """
    SELECT day, linkid, network_name, country, radio_access_technology, imei, sessions, bytes, first_seen, last_seen
    FROM hologram.daily_link_usage
    WHERE org_id = $org_id AND day BETWEEN $first AND $last
    ORDER BY linkid"""


def sims(
    connection: duckdb.DuckDBPyConnection, org_id: int, day: date
) -> Iterator[tuple[int, Sequence[Seen], Sequence[DailyUse]]]:
    """Every SIM of the organisation with its sessions of day-7 to day and its history of the 90 days before.

    Both sides come sorted by SIM and are merged, so that one SIM at a time is in memory.

    Raises:
        NotLoadedError: the day's usage was never derived: "no change" and "not looked" must not look the same.
    """
    if complete_through_of(connection, org_id, day, DAILY_LINK_USAGE.name) is None:
        msg = f"daily_link_usage of {day} was never derived for organisation {org_id}; materialise it first"
        raise NotLoadedError(msg)
    window = {"org_id": org_id, "first": day - timedelta(days=WINDOW_DAYS), "last": day}
    before = {
        "org_id": org_id,
        "first": day - timedelta(days=SET_DAYS + BASELINE_LAG_DAYS - 1),
        "last": day - timedelta(days=1),
    }
    sessions = groupby(streamed(beside(connection), _SESSIONS, window, Seen._make), key=lambda seen: seen.linkid)
    history = groupby(streamed(beside(connection), _HISTORY, before, DailyUse._make), key=lambda use: use.linkid)
    next_seen, next_use = next(sessions, None), next(history, None)
    while next_seen is not None or next_use is not None:
        linkid = min(group[0] for group in (next_seen, next_use) if group is not None)
        of_sim: tuple[list[Seen], list[DailyUse]] = ([], [])
        if next_seen is not None and next_seen[0] == linkid:
            of_sim[0].extend(next_seen[1])
            next_seen = next(sessions, None)
        if next_use is not None and next_use[0] == linkid:
            of_sim[1].extend(next_use[1])
            next_use = next(history, None)
        yield linkid, *of_sim


def write_changes(
    connection: duckdb.DuckDBPyConnection,
    org_id: int,
    day: date,
    changes: Sequence[Change],
    *,
    read_at: datetime,
    run_id: str,
) -> Load:
    """Put the day's changes in the place of those that were there; `read_at` is when their sessions were read."""
    return write_judged(
        connection,
        NETWORK_CHANGES,
        org_id,
        day,
        [{**change._asdict(), "change_id": change.change_id} for change in changes],
        complete_through=complete_through_of(connection, org_id, day, DAILY_LINK_USAGE.name),
        read_at=read_at,
        run_id=run_id,
    )
