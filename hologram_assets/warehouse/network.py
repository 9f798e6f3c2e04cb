"""What the network rules tell of a day, from sessions and history SIM by SIM; of a large fleet, of the SIMs that matter."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby

import duckdb

from hologram_assets.domain.network_change import Change, DailyUse, Seen
from hologram_assets.domain.network_changes import sim_changes
from hologram_assets.domain.network_rules import BASELINE_LAG_DAYS, SET_DAYS, WINDOW_DAYS, NetworkRules
from hologram_assets.warehouse.connection import beside, streamed
from hologram_assets.warehouse.derived import NotLoadedError, write_judged
from hologram_assets.warehouse.loads import Load, complete_through_of
from hologram_assets.warehouse.network_suspects import fleet_of
from hologram_assets.warehouse.tables import DAILY_LINK_USAGE, NETWORK_CHANGES

_SMALL_FLEET_SESSIONS = 1_000
"""Of the days that rules look at one by one. To find out of whom one might tell something takes as long as the rules take
with 300 SIMs."""

_SESSIONS = """
    SELECT linkid, record_id, session_end, bytes, imei, radio_access_technology, network_name, country
    FROM hologram.raw_sessions
    WHERE org_id = $org_id AND day BETWEEN $first AND $last{of_sims}
    ORDER BY linkid"""
_HISTORY = """
    SELECT day, linkid, network_name, country, radio_access_technology, imei, sessions, bytes, first_seen, last_seen
    FROM hologram.daily_link_usage
    WHERE org_id = $org_id AND day BETWEEN $first AND $last{of_sims}
    ORDER BY linkid"""
_OF_SIMS = " AND linkid IN (SELECT unnest(CAST($linkids AS BIGINT[])))"


def changes_on(
    connection: duckdb.DuckDBPyConnection,
    org_id: int,
    day: date,
    rules: NetworkRules,
    rat_levels: Mapping[str, int],
    network_aliases: Mapping[str, str],
) -> list[Change]:
    """The changes of an organisation that were complete on a day, from what is stored of it and of the days before.

    Raises:
        NotLoadedError: the day's usage was never derived: "no change" and "not looked" must not look the same.
    """
    if complete_through_of(connection, org_id, day, DAILY_LINK_USAGE.name) is None:
        msg = f"daily_link_usage of {day} was never derived for organisation {org_id}; materialise it first"
        raise NotLoadedError(msg)
    row = connection.execute(
        "SELECT count(*) FROM hologram.raw_sessions WHERE org_id = ? AND day BETWEEN ? AND ?",
        [org_id, day - timedelta(days=7), day],
    ).fetchone()
    fleet = None
    if row and row[0] > _SMALL_FLEET_SESSIONS:
        fleet = fleet_of(connection, org_id, day, rules, rat_levels, network_aliases)
    of_fleet = _sims(connection, org_id, day, None if fleet is None else fleet.suspects)
    return sim_changes(org_id, day, of_fleet, rules, rat_levels, network_aliases, fleet)


def _sims(
    connection: duckdb.DuckDBPyConnection, org_id: int, day: date, linkids: Collection[int] | None
) -> Iterator[tuple[int, Sequence[Seen], Sequence[DailyUse]]]:
    """SIMs of the organisation with their sessions of day-7 to day and their history of the 90 days before.

    Every SIM, or those named. Both sides come sorted by SIM and are merged, so that one SIM at a time is in memory.
    """
    of_sims, chosen = "", {}
    if linkids is not None:
        of_sims, chosen = _OF_SIMS, {"linkids": list(linkids)}
    window = {"org_id": org_id, "first": day - timedelta(days=WINDOW_DAYS), "last": day, **chosen}
    before = {
        "org_id": org_id,
        "first": day - timedelta(days=SET_DAYS + BASELINE_LAG_DAYS - 1),
        "last": day - timedelta(days=1),
        **chosen,
    }
    sessions = groupby(
        streamed(beside(connection), _SESSIONS.format(of_sims=of_sims), window, Seen._make),
        key=lambda seen: seen.linkid,
    )
    history = groupby(
        streamed(beside(connection), _HISTORY.format(of_sims=of_sims), before, DailyUse._make),
        key=lambda use: use.linkid,
    )
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
