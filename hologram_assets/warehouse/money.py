"""What the fleet costs, why that changed, and which plans would cost less: derived from the reports, in DECIMAL."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import duckdb

from hologram_assets.domain.periods import end_of_day, same_day_of_last_period
from hologram_assets.domain.pricing import PricingRules
from hologram_assets.domain.recommendation_rules import RecommendationRules
from hologram_assets.warehouse.connection import sql
from hologram_assets.warehouse.derived import NotLoadedError, replace_with_fresh
from hologram_assets.warehouse.loads import Load, load_of, record_load, utc_now
from hologram_assets.warehouse.tables import (
    ALERTS,
    FLEET_COST_CHANGES,
    FLEET_SUMMARY,
    OVERAGE_REPORT,
    PLAN_RECOMMENDATIONS,
    PUBLISHED_COSTS,
    Table,
)

YESTERDAY, LAST_PERIOD = "yesterday", "last_period"
# A day is published when the next one begins: by the first run of that day, which an outage may hold up. What is loaded
# later is history; to call what it lacked then a correction would be about figures that nobody has seen.
_SEEN = timedelta(days=2)


def write_plan_recommendations(
    connection: duckdb.DuckDBPyConnection,
    org_id: int,
    day: date,
    *,
    calendar_month: bool,
    pricing: PricingRules,
    rules: RecommendationRules,
    run_id: str,
) -> Load:
    """The day's recommendations, a row for every SIM of the report. Without the day's alerts nothing is recommended.

    Raises:
        NotLoadedError: the day's report was never derived.
    """
    through = _through(connection, org_id, day, OVERAGE_REPORT)
    known: dict[str, Any] = {
        "org_id": org_id,
        "day": day,
        "calendar_month": calendar_month,
        "increment": pricing.increment_bytes,
        "mb": pricing.mb_bytes,
        "periods": rules.periods,
        "saving_usd": rules.saving_usd,
        "saving_share": rules.saving_share,
        "beyond_times": rules.beyond_times,
        "alerts_known": _is_derived(connection, org_id, day, ALERTS),
    }
    for statement in connection.extract_statements(sql("plan_recommendations")):
        connection.execute(statement, {name: known[name] for name in statement.named_parameters})
    load = replace(replace_with_fresh(connection, PLAN_RECOMMENDATIONS, org_id, day), complete_through=through)
    record_load(connection, org_id, day, PLAN_RECOMMENDATIONS.name, load, run_id)
    return load


def write_fleet_summary(
    connection: duckdb.DuckDBPyConnection,
    org_id: int,
    day: date,
    *,
    calendar_month: bool,
    pricing: PricingRules,
    run_id: str,
) -> Load:
    """The day's costs per plan and in all, and why they differ from yesterday's and from those of the last period.

    The day before is taken for published from now on: what changes in it later is a late correction.

    Raises:
        NotLoadedError: the day's report was never derived.
    """
    through = _through(connection, org_id, day, OVERAGE_REPORT)
    key = {"org_id": org_id, "day": day}
    measures = {"increment": pricing.increment_bytes, "mb": pricing.mb_bytes}
    connection.execute("CREATE OR REPLACE TEMP TABLE fresh AS " + sql("fleet_summary"), key | measures)
    load = replace(replace_with_fresh(connection, FLEET_SUMMARY, org_id, day), complete_through=through)
    yesterday = day - timedelta(days=1)
    _publish(connection, org_id, yesterday)
    compared = {YESTERDAY: yesterday, LAST_PERIOD: same_day_of_last_period(day, calendar_month=calendar_month)}
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE fresh AS SELECT * FROM {FLEET_COST_CHANGES.qualified} LIMIT 0",
    )
    for since, compared_day in compared.items():
        if _is_derived(connection, org_id, compared_day, OVERAGE_REPORT):
            connection.execute(
                "INSERT INTO fresh BY NAME " + sql("fleet_cost_changes"),
                key | measures | {"since": since, "compared_day": compared_day},
            )
    changes = replace_with_fresh(connection, FLEET_COST_CHANGES, org_id, day)
    load = replace(
        load, new_rows=load.new_rows + changes.new_rows, changed_rows=load.changed_rows + changes.changed_rows
    )
    record_load(connection, org_id, day, FLEET_SUMMARY.name, load, run_id)
    return load


def _publish(connection: duckdb.DuckDBPyConnection, org_id: int, day: date) -> None:
    """Keep a day's costs as they stand now, unless they are kept already, or nobody saw them then: it is loaded later."""
    now = utc_now()
    if now > end_of_day(day) + _SEEN:
        return
    connection.execute(
        f"""INSERT INTO {PUBLISHED_COSTS.qualified} BY NAME
            SELECT org_id, day, plan_id, cost_to_date, CAST($now AS TIMESTAMP) AS published_at
            FROM {FLEET_SUMMARY.qualified}
            WHERE org_id = $org_id AND day = $day AND (scope = 'plan' OR sims = 0)
              AND NOT EXISTS (SELECT 1 FROM {PUBLISHED_COSTS.qualified} WHERE org_id = $org_id AND day = $day)
            ORDER BY plan_id""",
        {"org_id": org_id, "day": day, "now": now},
    )


def _is_derived(connection: duckdb.DuckDBPyConnection, org_id: int, day: date, table: Table) -> bool:
    return load_of(connection, org_id, day, table.name) is not None


def _through(connection: duckdb.DuckDBPyConnection, org_id: int, day: date, table: Table) -> datetime | None:
    load = load_of(connection, org_id, day, table.name)
    if load is None:
        raise NotLoadedError(f"{table.name} of {day} was never derived for organisation {org_id}; materialise it first")
    return load[0]
