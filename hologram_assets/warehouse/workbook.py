"""What the workbook of a day holds: a sheet per question, each a table of the warehouse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Final

import duckdb
import pyarrow as pa

from hologram_assets.warehouse.tables import (
    ALERTS,
    CLOSED_PERIODS,
    FLEET_COST_CHANGES,
    FLEET_SUMMARY,
    OVERAGE_REPORT,
    PLAN_RECOMMENDATIONS,
    SCHEMA,
    Table,
)

SHEETS: Final[Mapping[str, Table]] = MappingProxyType(
    {
        # What `report` is about comes first: programs read the first sheet.
        "overage": OVERAGE_REPORT,
        "summary": FLEET_SUMMARY,
        "changes": FLEET_COST_CHANGES,
        "recommendations": PLAN_RECOMMENDATIONS,
        "alerts": ALERTS,
        "closed periods": CLOSED_PERIODS,
    }
)
"""Each sheet's name and the table that it shows."""

# What somebody should look at comes first; the last columns make the order that of no chance.
_ORDER: Final = {
    "summary": "org_id, scope = 'total' DESC, cost_to_date DESC NULLS LAST, plan_id",
    "changes": """org_id, since = 'yesterday' DESC, scope = 'total' DESC, abs(after_cost - before_cost) DESC NULLS LAST,
        plan_id""",
    # As in the other formats of the report.
    "overage": "org_id, overage_cost DESC NULLS LAST, usage_charge DESC NULLS LAST, linkid",
    "recommendations": """coalesce(verdict = 'recommended', false) DESC, saving_per_period DESC NULLS LAST, org_id,
        linkid""",
    "alerts": """org_id, list_position(['critical', 'warn', 'info'], severity) NULLS LAST, event_time DESC NULLS LAST,
        alert_id""",
    "closed periods": "org_id, overage_cost DESC NULLS LAST, usage_charge DESC NULLS LAST, linkid, period_end",
}


def workbook_sheets(connection: duckdb.DuckDBPyConnection, day: date, org_ids: Sequence[int]) -> dict[str, pa.Table]:
    """The rows of each of `SHEETS` of a day, closed periods by the day they ended; all organisations if none is named.

    A sheet of which nothing is stored has its columns and no row.
    """
    found = connection.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = ?", [SCHEMA]).fetchall()
    sheets = {}
    for sheet, table in SHEETS.items():
        # A warehouse that an older version wrote lacks the newer tables until it is written to.
        if (table.name,) in found:
            sheets[sheet] = _rows(connection, table, _ORDER[sheet], day, org_ids)
        else:
            sheets[sheet] = _empty(connection, table)
    return sheets


def _rows(
    connection: duckdb.DuckDBPyConnection, table: Table, order: str, day: date, org_ids: Sequence[int]
) -> pa.Table:
    return connection.execute(
        f"""SELECT * FROM {table.qualified}
            WHERE day = $day AND (len($orgs) = 0 OR org_id IN (SELECT unnest($orgs)))
            ORDER BY {order}""",
        {"day": day, "orgs": list(org_ids)},
    ).to_arrow_table()


def _empty(connection: duckdb.DuckDBPyConnection, table: Table) -> pa.Table:
    columns = ", ".join(f"NULL::{column.type} AS {column.name}" for column in table.columns)
    return connection.execute(f"SELECT {columns} LIMIT 0").to_arrow_table()
