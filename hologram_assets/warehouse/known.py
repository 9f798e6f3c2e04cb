"""What the warehouse already knows of an organisation's SIMs and plans, to ask the API for what its lists leave out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

import duckdb

from hologram_assets.warehouse.connection import Warehouse, WarehouseMissingError
from hologram_assets.warehouse.replay import stored_days
from hologram_assets.warehouse.tables import DAILY_LINK_USAGE, RAW_SESSIONS

LOOK_BACK = timedelta(days=90)
"""How far back a derived day looks."""


def known_linkids(warehouse: Warehouse, org_id: int) -> list[int]:
    """Every SIM that was ever stored for the organisation; empty before the first load."""
    return _ids(
        warehouse,
        """SELECT linkid FROM hologram.sim_inventory WHERE org_id = $org_id
           UNION SELECT linkid FROM hologram.billing_periods WHERE org_id = $org_id
           UNION SELECT linkid FROM hologram.daily_link_usage WHERE org_id = $org_id""",
        {"org_id": org_id},
    )


def loaded_days(connection: duckdb.DuckDBPyConnection, org_id: int, days: Collection[date]) -> list[date]:
    """Of some days those whose sessions were loaded, ascending."""
    if not days:
        return []
    return sorted(stored_days(connection, org_id, min(days), max(days), [RAW_SESSIONS.name]).intersection(days))


def plans_in_use(warehouse: Warehouse, org_id: int, days: Sequence[date]) -> list[int]:
    """Plans that SIMs are on in the days' inventories, or that sessions of the days and 90 before name."""
    return _ids(
        warehouse,
        """SELECT plan_id FROM hologram.sim_inventory
           WHERE org_id = $org_id AND day BETWEEN $first AND $last AND plan_id > 0
           UNION SELECT data_plan_id FROM hologram.raw_sessions
           WHERE org_id = $org_id AND day BETWEEN $since AND $last AND data_plan_id > 0""",
        {"org_id": org_id, "first": min(days), "since": min(days) - LOOK_BACK, "last": max(days)},
    )


def _ids(warehouse: Warehouse, query: str, parameters: dict[str, object]) -> list[int]:
    try:
        with warehouse.read() as connection:
            return sorted(row[0] for row in connection.execute(query, parameters).fetchall())
    except WarehouseMissingError:
        return []


class DifferingPeriod(NamedTuple):
    """A SIM's ended period whose sessions don't add up to Hologram's total; `[start, end)` in naive UTC."""

    linkid: int
    start: datetime
    end: datetime


def differing_periods(
    connection: duckdb.DuckDBPyConnection, org_id: int, ended: Collection[date]
) -> list[DifferingPeriod]:
    """Periods that ended on these days and don't agree with Hologram's total; those that lack most bytes first."""
    rows = connection.execute(
        """SELECT linkid, period_start, period_end FROM hologram.closed_periods
           WHERE org_id = ? AND day IN (SELECT unnest(CAST(? AS DATE[]))) AND NOT reconciled
           ORDER BY session_bytes - hologram_bytes, linkid""",
        [org_id, list(ended)],
    ).fetchall()
    return [DifferingPeriod(*row) for row in rows]


def stale_days(
    connection: duckdb.DuckDBPyConnection, asset: str, org_id: int, first: date, last: date | None = None
) -> list[date]:
    """Days `first` to `last` whose derived partition is older than the data it was made from, ascending.

    Without `last` those that build on `first`: 90 days from it on.

    A day of `daily_link_usage` is made from that day's sessions; one of the others from the sessions and the usage of the
    day and of up to 90 days before it, the report from the day's own totals, plans and SIMs as well, alerts from the
    reports and the network changes of these days, and money from the reports, prices and alerts.
    """
    look_back = timedelta(0) if asset == DAILY_LINK_USAGE.name else LOOK_BACK
    rows = connection.execute(
        """SELECT d.day FROM hologram.partition_loads AS d
        JOIN hologram.partition_loads AS s
          ON s.org_id = d.org_id AND s.data_changed_at > d.loaded_at AND (
            ($asset = 'daily_link_usage' AND s.asset = 'raw_sessions' AND s.day = d.day)
            OR ($asset NOT IN ('daily_link_usage', 'plan_recommendations', 'fleet_summary')
                AND s.asset IN ('raw_sessions', 'daily_link_usage') AND s.day BETWEEN d.day - $days AND d.day)
            OR ($asset = 'alerts' AND s.asset IN ('overage_report', 'network_changes')
                AND s.day BETWEEN d.day - $days AND d.day)
            -- Closed periods are the reports'; three months ended up to 93 days ago.
            OR ($asset = 'plan_recommendations' AND s.asset = 'overage_report' AND s.day BETWEEN d.day - $days - 3 AND d.day)
            OR ($asset = 'plan_recommendations' AND s.asset IN ('plan_catalog', 'alerts') AND s.day = d.day)
            -- Compared with the day before, and with the same day of a period or a month before.
            OR ($asset = 'fleet_summary' AND s.asset IN ('overage_report', 'plan_catalog')
                AND (s.day BETWEEN d.day - 1 AND d.day OR s.day BETWEEN d.day - 31 AND d.day - 28))
            OR ($asset IN ('overage_report', 'plan_recommendations') AND s.day = d.day AND s.asset = 'billing_usage')
            -- What ended on a day is priced as on the day before.
            OR ($asset = 'overage_report' AND s.day BETWEEN d.day - 1 AND d.day
                AND s.asset IN ('plan_catalog', 'sim_inventory')))
        WHERE d.org_id = $org_id AND d.asset = $asset AND d.day BETWEEN $first AND $last
        GROUP BY d.day ORDER BY d.day""",
        {"asset": asset, "org_id": org_id, "first": first, "last": last or first + LOOK_BACK, "days": look_back.days},
    ).fetchall()
    return [day for (day,) in rows]
