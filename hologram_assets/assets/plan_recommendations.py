"""`plan_recommendations`: per SIM the plan that would have cost least, and whether to change to it."""

from collections.abc import Callable
from functools import partial
from typing import Any

import duckdb
from dagster import AssetExecutionContext, AssetsDefinition, PartitionsDefinition

from hologram_assets.assets.daywise import Days, Metadata
from hologram_assets.assets.declare import declared
from hologram_assets.assets.shown import MOST_SHOWN, shown_table
from hologram_assets.domain.pricing import PricingRules
from hologram_assets.domain.recommendation_rules import RecommendationRules
from hologram_assets.partitions import OrgDay
from hologram_assets.resources.warehouse import WarehouseResource
from hologram_assets.warehouse.money import write_plan_recommendations
from hologram_assets.warehouse.tables import ALERTS, OVERAGE_REPORT, PLAN_CATALOG, PLAN_RECOMMENDATIONS


def plan_recommendations_asset(
    partitions: PartitionsDefinition[Any],
    calendar_month: Callable[[int], bool],
    pricing: Callable[[int], PricingRules],
    rules: Callable[[int], RecommendationRules],
) -> AssetsDefinition:
    """The asset; of an organisation says `calendar_month` whether it is invoiced by month."""

    @declared(
        PLAN_RECOMMENDATIONS,
        partitions,
        group="money",
        deps=[OVERAGE_REPORT, PLAN_CATALOG, ALERTS],
        description=(
            "Per SIM the plan on which its last closed periods and the running one, at what it stays below nine times out "
            "of ten, would have cost least together. Recommended where that saves enough and nothing is wrong on the SIM; "
            "`arithmetic` shows how. And where overage is expected: upgrade now, or pay it."
        ),
    )
    def plan_recommendations(context: AssetExecutionContext, warehouse: WarehouseResource) -> None:
        with Days(context) as days:
            days.derive(
                warehouse.warehouse,
                lambda day: partial(
                    write_plan_recommendations,
                    org_id=day.org_id,
                    day=day.day,
                    calendar_month=calendar_month(day.org_id),
                    pricing=pricing(day.org_id),
                    rules=rules(day.org_id),
                    run_id=context.run.run_id,
                ),
                lambda day: partial(_shown, partition=day),
            )

    return plan_recommendations


def _shown(connection: duckdb.DuckDBPyConnection, partition: OrgDay) -> Metadata:
    row = connection.execute(
        f"""SELECT count(*) FILTER (WHERE verdict = 'recommended'),
                   coalesce(sum(saving_per_period) FILTER (WHERE verdict = 'recommended'), 0),
                   count(*) FILTER (WHERE verdict = 'anomaly_open'),
                   count(*) FILTER (WHERE verdict = 'too_little_history'),
                   count(*) FILTER (WHERE upgrade_advice = 'upgrade_now')
            FROM {PLAN_RECOMMENDATIONS.qualified} WHERE org_id = ? AND day = ?""",
        list(partition),
    ).fetchone()
    recommended, saving, held_back, unknown, upgrades = row or (0, 0, 0, 0, 0)
    best = connection.execute(
        f"""SELECT linkid, plan_name, recommended_plan_name, saving_per_period, arithmetic
            FROM {PLAN_RECOMMENDATIONS.qualified} WHERE org_id = ? AND day = ? AND verdict = 'recommended'
            ORDER BY saving_per_period DESC, linkid LIMIT {MOST_SHOWN}""",
        list(partition),
    ).fetchall()
    table = [
        {"SIM": linkid, "from": own, "to": other, "saves $ a period": saved, "how": arithmetic}
        for linkid, own, other, saved, arithmetic in best
    ]
    return {
        "recommended": recommended,
        # Dagster plots floats; the exact sums are in the table.
        "saving_per_period_usd": float(saving),
        "anomaly_open": held_back,
        "too_little_history": unknown,
        "upgrade_now": upgrades,
        **({"best_changes": shown_table(table)} if table else {}),
    }
