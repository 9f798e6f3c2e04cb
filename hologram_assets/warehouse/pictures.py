"""What the pictures and tables of a partition show, summed over the fleet where it is stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import duckdb
import pyarrow as pa

from hologram_assets.pictures.cost import DayCost
from hologram_assets.pictures.mix import DayMix
from hologram_assets.pictures.usage import OVER_UP_TO, TENTHS, FleetUsage
from hologram_assets.warehouse.connection import sql
from hologram_assets.warehouse.tables import DAILY_LINK_USAGE, OVERAGE_REPORT, PARTITION_LOADS

# By what they will cost at the period's end, or cost already where nothing is foreseen.
_WORST_FIRST = """
    greatest(
        coalesce(overage_cost, 0) + coalesce(usage_charge, 0),
        coalesce(projected_overage_cost, 0) + coalesce(projected_usage_charge, 0)) DESC,
    coalesce(pct_used, 0) DESC, org_id, overage_cost DESC NULLS LAST, usage_charge DESC NULLS LAST, linkid"""


def fleet_usage(connection: duckdb.DuckDBPyConnection, org_id: int, first: date, last: date) -> dict[date, FleetUsage]:
    """How much of their allowances an organisation's SIMs have used, on each stored day from `first` to `last`."""
    days = _stored(connection, OVERAGE_REPORT.name, org_id, first, last)
    sims: defaultdict[date, dict[tuple[int, str], int]] = defaultdict(dict)
    others: defaultdict[date, dict[str, int]] = defaultdict(dict)
    highest: defaultdict[date, list[float]] = defaultdict(list)
    rows = connection.execute(
        sql("picture_usage"),
        {"org_id": org_id, "first": first, "last": last, "tenths": TENTHS, "over_up_to": list(OVER_UP_TO)},
    ).fetchall()
    for day, band, status, count, percent in rows:
        if band is None:
            others[day][status] = count
        else:
            sims[day][band, status] = count
            highest[day].append(percent)
    return {
        day: FleetUsage(
            sims[day],
            others[day].get("payg", 0),
            others[day].get("unknown", 0),
            max(highest[day], default=None),
            complete_through,
        )
        for day, complete_through in days.items()
    }


def day_costs(connection: duckdb.DuckDBPyConnection, org_id: int, first: date, last: date) -> dict[date, DayCost]:
    """What each stored day from `first` to `last` added to an organisation's costs."""
    rows = connection.execute(sql("picture_costs"), {"org_id": org_id, "first": first, "last": last}).fetchall()
    return {day: DayCost(*cost) for day, *cost in rows}


def day_mixes(connection: duckdb.DuckDBPyConnection, org_id: int, first: date, last: date) -> dict[date, DayMix]:
    """An organisation's sessions by RAT and by network, on each stored day from `first` to `last`."""

    def by(column: str) -> Mapping[date, Mapping[str | None, int]]:
        found: defaultdict[date, dict[str | None, int]] = defaultdict(dict)
        rows = connection.execute(
            f"""SELECT day, {column}, sum(sessions) FROM {DAILY_LINK_USAGE.qualified}
                WHERE org_id = ? AND day BETWEEN ? AND ? GROUP BY ALL""",
            [org_id, first, last],
        ).fetchall()
        for day, name, sessions in rows:
            found[day][name] = int(sessions)
        return found

    rats, networks = by("radio_access_technology"), by("network_name")
    return {
        day: DayMix(rats.get(day, {}), networks.get(day, {}), complete_through)
        for day, complete_through in _stored(connection, DAILY_LINK_USAGE.name, org_id, first, last).items()
    }


def worst_sims(connection: duckdb.DuckDBPyConnection, org_id: int, day: date, most: int) -> list[dict[str, Any]]:
    """Rows of the day's report that somebody should look at (any status but ok), worst first."""
    report = f"(SELECT * FROM {OVERAGE_REPORT.qualified} WHERE org_id = $org_id AND day = $day)"
    return _worst(connection, report, {"org_id": org_id, "day": day, "most": most})


def worst_of(report: pa.Table, most: int) -> list[dict[str, Any]]:
    """As `worst_sims`, of a report that was read before; columns that an older version of it lacks are null."""
    for column in OVERAGE_REPORT.columns:
        if column.name not in report.column_names:
            report = report.append_column(column.name, pa.nulls(report.num_rows))
    with duckdb.connect() as connection:
        connection.register("report", report)
        return _worst(connection, "report", {"most": most})


def _worst(connection: duckdb.DuckDBPyConnection, report: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    query = f"SELECT * FROM {report} WHERE status <> 'ok' ORDER BY {_WORST_FIRST} LIMIT $most"
    rows: list[dict[str, Any]] = connection.execute(query, dict(parameters)).to_arrow_table().to_pylist()
    return rows


def _stored(
    connection: duckdb.DuckDBPyConnection, asset: str, org_id: int, first: date, last: date
) -> dict[date, datetime | None]:
    """The stored days, each with the moment up to which its data was seen."""
    rows = connection.execute(
        f"""SELECT day, complete_through FROM {PARTITION_LOADS.qualified}
            WHERE org_id = ? AND asset = ? AND day BETWEEN ? AND ?""",
        [org_id, asset, first, last],
    ).fetchall()
    return dict(rows)
