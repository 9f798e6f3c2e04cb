"""Stored history judged again by the rules of now: what a change of a threshold would have told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import NamedTuple

import duckdb

from hologram_assets.domain.alert_rules import AlertRules
from hologram_assets.domain.network_alerts import look_back
from hologram_assets.warehouse.alert_sources import changes_of
from hologram_assets.warehouse.alerts import DayAlerts, alerts_on
from hologram_assets.warehouse.connection import Warehouse
from hologram_assets.warehouse.derived import NotLoadedError
from hologram_assets.warehouse.network import changes_on
from hologram_assets.warehouse.tables import DAILY_LINK_USAGE, PARTITION_LOADS


class ReplayedDay(NamedTuple):
    """A day's alerts as they would be now; None if the day was never derived. `sims` had a row in the day's report."""

    day: date
    sims: int
    alerts: DayAlerts | None


def replayed(warehouse: Warehouse, org_id: int, days: Sequence[date], rules: AlertRules) -> Iterator[ReplayedDay]:
    """The days of an organisation, ascending, one by one; nothing is written.

    Network changes are looked for again, from the sessions; those of the days before the first are taken as stored.
    Overage is judged from the stored reports: whoever tunes the forecast materialises `overage_report` first.

    Raises:
        WarehouseMissingError: there is no warehouse yet.
    """
    with warehouse.read() as connection:
        changes = changes_of(connection, org_id, days[0] - timedelta(days=1), rules.network)
        known = stored_days(connection, org_id, days[0], days[-1], [DAILY_LINK_USAGE.name])
    for day in days:
        if day not in known:
            yield ReplayedDay(day, 0, None)
            continue
        # Opened anew for each day, so that writers get their turn.
        with warehouse.read() as connection:
            row = connection.execute(
                "SELECT count(*) FROM hologram.overage_report WHERE org_id = ? AND day = ?", [org_id, day]
            ).fetchone()
            try:
                changes += changes_on(connection, org_id, day, rules.network, rules.rat_levels, rules.network_aliases)
                oldest = day - look_back(rules.network)
                changes = [change for change in changes if change.observed_at.date() >= oldest]
                alerts = alerts_on(connection, org_id, day, rules, changes)
            except NotLoadedError:
                alerts = None
        yield ReplayedDay(day, row[0] if row else 0, alerts)


def stored_days(
    connection: duckdb.DuckDBPyConnection, org_id: int, first: date, last: date, assets: Sequence[str]
) -> set[date]:
    """The days of an organisation, both ends included, that hold every one of these assets."""
    rows = connection.execute(
        f"""SELECT day FROM {PARTITION_LOADS.qualified}
            WHERE org_id = $org_id AND day BETWEEN $first AND $last AND list_contains($assets, asset)
            GROUP BY day HAVING count(DISTINCT asset) = len($assets)""",
        {"org_id": org_id, "first": first, "last": last, "assets": list(assets)},
    ).fetchall()
    return {day for (day,) in rows}
