"""What the warehouse already knows of an organisation's SIMs and plans, to ask the API for what its lists leave out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import duckdb

from hologram_assets.warehouse.connection import Warehouse, WarehouseMissingError
from hologram_assets.warehouse.tables import DAILY_LINK_USAGE

_LOOK_BACK = timedelta(days=90)


def known_linkids(warehouse: Warehouse, org_id: int) -> list[int]:
    """Every SIM that was ever stored for the organisation; empty before the first load."""
    return _ids(
        warehouse,
        """SELECT linkid FROM hologram.sim_inventory WHERE org_id = $org_id
           UNION SELECT linkid FROM hologram.billing_periods WHERE org_id = $org_id
           UNION SELECT linkid FROM hologram.daily_link_usage WHERE org_id = $org_id""",
        {"org_id": org_id},
    )


def plans_in_use(warehouse: Warehouse, org_id: int, days: Sequence[date]) -> list[int]:
    """Plans that SIMs are on in the days' inventories, or that sessions of the days and 90 before name."""
    return _ids(
        warehouse,
        """SELECT plan_id FROM hologram.sim_inventory
           WHERE org_id = $org_id AND day BETWEEN $first AND $last AND plan_id > 0
           UNION SELECT data_plan_id FROM hologram.raw_sessions
           WHERE org_id = $org_id AND day BETWEEN $since AND $last AND data_plan_id > 0""",
        {"org_id": org_id, "first": min(days), "since": min(days) - _LOOK_BACK, "last": max(days)},
    )


def _ids(warehouse: Warehouse, query: str, parameters: dict[str, object]) -> list[int]:
    try:
        with warehouse.read() as connection:
            return sorted(row[0] for row in connection.execute(query, parameters).fetchall())
    except WarehouseMissingError:
        return []


def first_changed_day(connection: duckdb.DuckDBPyConnection, org_id: int, since: datetime) -> date | None:
    """The earliest day whose data changed at `since` (naive UTC) or later; None if none did."""
    row = connection.execute(
        "SELECT min(day) FROM hologram.partition_loads WHERE org_id = ? AND data_changed_at >= ?", [org_id, since]
    ).fetchone()
    return row[0] if row else None


def stale_days(connection: duckdb.DuckDBPyConnection, asset: str, org_id: int, since: date) -> list[date]:
    """Days from `since` on whose derived partition is older than the data it was made from, ascending.

    A day of `daily_link_usage` is made from that day's sessions; one of the others from the sessions and the usage of the
    day and of up to 90 days before it, the report from the day's own totals, plans and SIMs as well, and alerts from the
    reports and the network changes of these days.
    """
    look_back = timedelta(0) if asset == DAILY_LINK_USAGE.name else _LOOK_BACK
    rows = connection.execute(
        """SELECT d.day FROM hologram.partition_loads AS d
        JOIN hologram.partition_loads AS s
          ON s.org_id = d.org_id AND s.data_changed_at > d.loaded_at AND (
            ($asset = 'daily_link_usage' AND s.asset = 'raw_sessions' AND s.day = d.day)
            OR ($asset <> 'daily_link_usage' AND s.asset IN ('raw_sessions', 'daily_link_usage')
                AND s.day BETWEEN d.day - $days AND d.day)
            OR ($asset = 'alerts' AND s.asset IN ('overage_report', 'network_changes')
                AND s.day BETWEEN d.day - $days AND d.day)
            OR ($asset = 'overage_report' AND s.day = d.day
                AND s.asset IN ('billing_usage', 'plan_catalog', 'sim_inventory')))
        WHERE d.org_id = $org_id AND d.asset = $asset AND d.day BETWEEN $since AND $since + CAST($ahead AS INTEGER)
        GROUP BY d.day ORDER BY d.day""",
        {"asset": asset, "org_id": org_id, "since": since, "days": look_back.days, "ahead": _LOOK_BACK.days},
    ).fetchall()
    return [day for (day,) in rows]
