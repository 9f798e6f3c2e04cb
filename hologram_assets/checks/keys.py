"""Do a partition's rows belong to it, once each, with all their keys? These checks block."""

from __future__ import annotations

import duckdb

from hologram_assets.checks.evaluate import Answer, Check
from hologram_assets.partitions import OrgDay
from hologram_assets.warehouse.tables import (
    ALERTS,
    BILLING_USAGE,
    DAILY_LINK_USAGE,
    FLEET_SUMMARY,
    NETWORK_CHANGES,
    OVERAGE_REPORT,
    PLAN_CATALOG,
    PLAN_RECOMMENDATIONS,
    RAW_SESSIONS,
    SIM_INVENTORY,
    Table,
)

# What a row that stands in the wrong partition looks like, per table.
_MISPLACED = {
    RAW_SESSIONS: "CAST(session_end AS DATE) <> day",
    DAILY_LINK_USAGE: "CAST(first_seen AS DATE) <> day OR CAST(last_seen AS DATE) <> day",
    BILLING_USAGE: "period_end <= last_second(day) OR period_start > last_second(day)",
    OVERAGE_REPORT: "period_end <= last_second(day) OR period_start > last_second(day)",
    NETWORK_CHANGES: "CAST(observed_at AS DATE) <> day",
    ALERTS: """opened_at > CAST(day AS TIMESTAMP) + INTERVAL 1 DAY
        OR resolved_at NOT BETWEEN CAST(day AS TIMESTAMP) AND CAST(day AS TIMESTAMP) + INTERVAL 1 DAY""",
    PLAN_RECOMMENDATIONS: "FALSE",
    FLEET_SUMMARY: "FALSE",
    PLAN_CATALOG: "snapshot_basis = 'own' AND CAST(fetched_at AS DATE) <> day",
    SIM_INVENTORY: "snapshot_basis = 'own' AND CAST(fetched_at AS DATE) <> day",
}
# Columns that no row may lack. The other key columns of daily_link_usage are null where a session lacks them.
_REQUIRED = {
    RAW_SESSIONS: ("record_id", "linkid", "session_end", "bytes"),
    DAILY_LINK_USAGE: ("linkid", "bytes"),
    BILLING_USAGE: ("linkid", "period_start", "period_end", "bytes"),
    OVERAGE_REPORT: ("linkid", "status", "pricing_status"),
    NETWORK_CHANGES: ("change_id", "rule", "severity", "observed_at"),
    ALERTS: ("alert_id", "rule", "severity", "state", "opened_at", "event_time"),
    PLAN_RECOMMENDATIONS: ("linkid", "verdict"),
    FLEET_SUMMARY: ("scope", "cost_to_date"),
    PLAN_CATALOG: ("plan_id", "tier", "zone", "included_bytes"),
    SIM_INVENTORY: ("linkid",),
}


def keys_are_sound(table: Table) -> Check:
    """The blocking check of a table's keys."""
    key = ", ".join(table.key)
    lacking = " OR ".join(f"{column} IS NULL" for column in ("org_id", "day", *_REQUIRED[table]))
    # A session's id must be unique in the whole organisation; ids ascend with time, so their range spares most of it.
    scope = (
        f"""org_id = $org_id AND record_id BETWEEN
            (SELECT min(record_id) FROM {table.qualified} WHERE org_id = $org_id AND day = $day) AND
            (SELECT max(record_id) FROM {table.qualified} WHERE org_id = $org_id AND day = $day)"""
        if table is RAW_SESSIONS
        else "org_id = $org_id AND day = $day"
    )
    query = f"""
        SELECT
            count(*),
            count(*) FILTER (WHERE {_MISPLACED[table]}),
            count(*) FILTER (WHERE {lacking}),
            (SELECT coalesce(sum(copies - 1), 0) FROM (
                SELECT count(*) AS copies FROM {table.qualified} WHERE {scope} GROUP BY {key} HAVING count(*) > 1))
        FROM {table.qualified} WHERE org_id = $org_id AND day = $day"""

    def ask(connection: duckdb.DuckDBPyConnection, day: OrgDay) -> Answer:
        row = connection.execute(query, {"org_id": day.org_id, "day": day.day}).fetchone()
        rows, misplaced, lacking_keys, repeated = (int(number) for number in row or (0, 0, 0, 0))
        return Answer(
            passed=not (misplaced or lacking_keys or repeated),
            numbers={
                "rows": rows,
                "rows_of_another_partition": misplaced,
                "rows_without_a_key": lacking_keys,
                "repeated_rows": repeated,
            },
            advice=(
                ""
                if not (misplaced or lacking_keys or repeated)
                else f"Something other than this project wrote to {table.qualified}. Restore the warehouse from a backup, "
                "or delete these rows and materialise the partition again."
            ),
        )

    return Check(
        "keys_are_sound",
        f"Does every row belong to the partition, have its keys, and stand once ({key})?",
        ask,
        blocking=True,
    )
