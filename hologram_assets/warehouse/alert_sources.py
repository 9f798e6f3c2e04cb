"""What the alerts of a day are made from, read for one organisation."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import chain, groupby
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from hologram_assets.domain.imei import IMEI_DIGITS
from hologram_assets.domain.network_alerts import look_back
from hologram_assets.domain.network_change import FLEET_INCIDENT, SHARED_IMEI, Change, Seen
from hologram_assets.domain.network_rules import NetworkRules
from hologram_assets.domain.overage_alerts import ClosedCharge
from hologram_assets.domain.overage_rules import OverageRules
from hologram_assets.domain.overage_standings import ClosedRow, ReportRow
from hologram_assets.domain.periods import PERIOD, end_of_day
from hologram_assets.warehouse.connection import sql, streamed
from hologram_assets.warehouse.derived import NotLoadedError
from hologram_assets.warehouse.loads import complete_through_of
from hologram_assets.warehouse.tables import NETWORK_CHANGES, OVERAGE_REPORT

# A change's condition looks at the 24 hours before it too.
_LEAD = timedelta(hours=24)
# A calendar month is a day longer than a period, and a period's start may be a day early.
_MONTH_MORE = timedelta(days=2)
_WEEK = timedelta(days=7)
_CHARGES_OF = timedelta(days=400)


class SimRows(NamedTuple):
    """A SIM's report rows by day, its periods that ended on the day, and what its earlier pay-as-you-go periods cost."""

    rows: Sequence[ReportRow]
    closed: Sequence[ClosedRow]
    closed_charges: Sequence[ClosedCharge]


def known_through(connection: duckdb.DuckDBPyConnection, org_id: int, day: date) -> datetime:
    """Up to which moment of the day everything that alerts are made from is known: its end, or earlier for today.

    Raises:
        NotLoadedError: the day's report or network changes were never derived: "no alert" and "not looked" must not look
            the same.
    """
    moments = [end_of_day(day)]
    for table in (OVERAGE_REPORT, NETWORK_CHANGES):
        through = complete_through_of(connection, org_id, day, table.name)
        if through is None:
            msg = f"{table.name} of {day} was never derived for organisation {org_id}; materialise it first"
            raise NotLoadedError(msg)
        moments.append(through)
    return min(moments)


def sims_near_a_rule(
    connection: duckdb.DuckDBPyConnection, org_id: int, day: date, rules: OverageRules
) -> Iterator[SimRows]:
    """The SIMs that came near one of the overage rules, one by one."""
    row = connection.execute(
        """SELECT max(billingperiod) FROM hologram.plan_catalog
           WHERE org_id = $org_id AND day BETWEEN CAST($day AS DATE) - 90 AND $day""",
        {"org_id": org_id, "day": day},
    ).fetchone()
    longest = (row and row[0]) or 1
    parameters = {
        "org_id": org_id,
        "first": day - PERIOD * longest - _MONTH_MORE,
        "day": day,
        "share": Decimal(rules.steps[0]) / 100,
        "overage_usd": rules.will_exceed_usd,
        "payg_usd": rules.payg_usd,
    }
    closed = _by_sim(map(ClosedRow._make, _closed_on(connection, org_id, day)))
    charges = _closed_charges(connection, org_id, day)
    rows = streamed(connection, sql("overage_standings"), parameters, ReportRow._make)
    for linkid, of_sim in groupby(rows, key=attrgetter("linkid")):
        yield SimRows(list(of_sim), closed.get(linkid, ()), charges.get(linkid, ()))


def _closed_on(connection: duckdb.DuckDBPyConnection, org_id: int, day: date) -> list[tuple[Any, ...]]:
    return connection.execute(
        """SELECT linkid, plan_id, included_bytes, period_end,
                  greatest(session_bytes, coalesce(hologram_bytes, 0)),
                  overage_cost, usage_charge
           FROM hologram.closed_periods
           WHERE org_id = ? AND day = ? AND usage_source <> 'incomplete'
             AND plan_id IS NOT NULL AND included_bytes IS NOT NULL""",
        [org_id, day],
    ).fetchall()


def _by_sim(rows: Iterable[ClosedRow]) -> dict[int, list[ClosedRow]]:
    found: dict[int, list[ClosedRow]] = {}
    for row in rows:
        found.setdefault(row.linkid, []).append(row)
    return found


def _closed_charges(connection: duckdb.DuckDBPyConnection, org_id: int, day: date) -> dict[int, list[ClosedCharge]]:
    """What pay-as-you-go periods that ended up to the day cost, by SIM."""
    rows = connection.execute(
        """SELECT linkid, period_end, usage_charge FROM hologram.closed_periods
           WHERE org_id = ? AND day BETWEEN ? AND ? AND included_bytes = 0 AND usage_charge IS NOT NULL
           ORDER BY linkid, period_end""",
        [org_id, day - _CHARGES_OF, day],
    ).fetchall()
    return {linkid: [ClosedCharge(*row[1:]) for row in of_sim] for linkid, of_sim in groupby(rows, key=itemgetter(0))}


def changes_of(connection: duckdb.DuckDBPyConnection, org_id: int, day: date, rules: NetworkRules) -> list[Change]:
    """The network changes that the day's alerts are made from, as they were found."""
    rows = connection.execute(
        """SELECT org_id, linkid, rule, severity, previous, current, observed_at, record_id, detail
           FROM hologram.network_changes WHERE org_id = ? AND day BETWEEN ? AND ?
           ORDER BY observed_at, change_id""",
        [org_id, day - look_back(rules), day],
    ).fetchall()
    return [Change._make((*row[:-1], json.loads(row[-1]))) for row in rows]


def sessions_since(
    connection: duckdb.DuckDBPyConnection, org_id: int, changes: Sequence[Change], day: date
) -> Callable[[Change], Iterable[Seen]]:
    """For each of the changes, the sessions that tell whether it is over: its SIMs', from a day before it to `day`."""
    sims_of = {change.change_id: _sims_of(connection, org_id, change, day) for change in changes}
    since: dict[int, datetime] = {}
    for change in changes:
        for linkid in sims_of[change.change_id]:
            since[linkid] = min(since.get(linkid, datetime.max), change.observed_at - _LEAD)
    by_sim: dict[int, list[Seen]] = {}
    if since:
        wanted = pa.table(
            {
                "linkid": pa.array(since.keys(), pa.int64()),
                "since": pa.array(since.values(), pa.timestamp("us")),
            }
        )
        connection.register("wanted", wanted)
        rows = connection.execute(
            """SELECT linkid, record_id, session_end, bytes, imei, radio_access_technology, network_name, country
               FROM hologram.raw_sessions JOIN wanted USING (linkid)
               WHERE org_id = $org_id AND day BETWEEN $first AND $last AND session_end >= since
               ORDER BY linkid, session_end, record_id""",
            {"org_id": org_id, "first": min(since.values()).date(), "last": day},
        ).fetchall()
        connection.unregister("wanted")
        by_sim = {linkid: list(seen) for linkid, seen in groupby(map(Seen._make, rows), key=attrgetter("linkid"))}

    def of(change: Change) -> Iterable[Seen]:
        return chain.from_iterable(by_sim.get(linkid, ()) for linkid in sims_of[change.change_id])

    return of


def _sims_of(connection: duckdb.DuckDBPyConnection, org_id: int, change: Change, day: date) -> list[int]:
    if change.rule == FLEET_INCIDENT:
        return list(change.detail["sims"])
    if change.rule == SHARED_IMEI:
        rows = connection.execute(
            f"""SELECT DISTINCT linkid FROM hologram.daily_link_usage
                WHERE org_id = ? AND day BETWEEN ? AND ?
                  AND left(regexp_replace(imei, '[-/ .]', '', 'g'), {IMEI_DIGITS}) = ?""",
            [org_id, (change.observed_at - _LEAD).date(), day, change.current],
        ).fetchall()
        return [linkid for (linkid,) in rows]
    return [change.linkid] if change.linkid is not None else []


def devices_of(
    connection: duckdb.DuckDBPyConnection, org_id: int, day: date, linkids: Iterable[int]
) -> dict[int, dict[str, Any]]:
    """`device_id` and `device_name` by SIM, as far as the day's inventory or the latest of the week before has them."""
    rows = connection.execute(
        """SELECT linkid, arg_max(device_id, day), arg_max(device_name, day) FROM hologram.sim_inventory
           WHERE org_id = ? AND day BETWEEN ? AND ? AND linkid IN (SELECT unnest(?)) GROUP BY linkid""",
        [org_id, day - _WEEK, day, sorted(set(linkids))],
    ).fetchall()
    names = ("device_id", "device_name")
    return {
        linkid: {name: value for name, value in zip(names, values, strict=True) if value is not None}
        for linkid, *values in rows
    }
