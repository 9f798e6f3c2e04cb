"""Are derived partitions as new as what they were made from, is every SIM priced, do closed periods agree?"""

from __future__ import annotations

import duckdb

from hologram_assets.checks.evaluate import Answer, Check
from hologram_assets.partitions import OrgDay, contiguous
from hologram_assets.warehouse.known import LOOK_BACK, stale_days
from hologram_assets.warehouse.tables import (
    CLOSED_PERIODS,
    COST_EFFECTS,
    FLEET_COST_CHANGES,
    FLEET_SUMMARY,
    OVERAGE_REPORT,
    Table,
)

_SHOWN = 10
_MENDABLE = "unknown_plan"


def up_to_date(table: Table) -> Check:
    """Warns of days that were derived before the data they were made from last changed."""

    def ask(connection: duckdb.DuckDBPyConnection, day: OrgDay) -> Answer:
        older = stale_days(connection, table.name, day.org_id, day.day - LOOK_BACK, day.day + LOOK_BACK)
        ranges = [f"{days.first} to {days.last}" for days in contiguous(older)]
        return Answer(
            passed=not older,
            numbers={"older_days": len(older), "ranges": ranges[:_SHOWN]},
            advice=(
                f"{len(older)} days of {table.name} are older than what they were made from: {', '.join(ranges[:_SHOWN])}. "
                f"Materialise {table.name} for these days."
                if older
                else ""
            ),
        )

    return Check(
        "up_to_date",
        "Were this day and those within 90 days of it derived after their data last changed?",
        ask,
    )


def _every_sim_priced(connection: duckdb.DuckDBPyConnection, day: OrgDay) -> Answer:
    counts = dict(
        connection.execute(
            f"SELECT pricing_status, count(*) FROM {OVERAGE_REPORT.qualified} WHERE org_id = ? AND day = ? GROUP BY 1",
            [day.org_id, day.day],
        ).fetchall()
    )
    unpriced = {status: count for status, count in sorted(counts.items()) if status != "priced"}
    # Nobody can mend the others: pooled, variable_rate and zone_not_offered have no price per SIM in Hologram's API.
    unknown = unpriced.get(_MENDABLE, 0)
    return Answer(
        passed=not unknown,
        numbers={"sims": sum(counts.values()), "unpriced_sims": sum(unpriced.values()), "by_reason": unpriced},
        advice=(
            f"{unknown} SIMs have no cost in the report, for nobody knows their plan ({_MENDABLE}): let the key read links, "
            "or set HOLOGRAM_PLAN_ASSIGNMENTS. A plan that is no longer offered has no price: move the SIM to another."
            if unknown
            else ""
        ),
    )


EVERY_SIM_PRICED = Check(
    "every_sim_priced",
    "Has every SIM of the report a price that can have one? What has none by its plan's nature is counted only.",
    _every_sim_priced,
)


def _closed_periods_reconcile(connection: duckdb.DuckDBPyConnection, day: OrgDay) -> Answer:
    row = connection.execute(
        f"""SELECT count(*), count(*) FILTER (WHERE reconciled), count(*) FILTER (WHERE reconciled IS NULL),
                   coalesce(sum(session_bytes - hologram_bytes) FILTER (WHERE NOT reconciled), 0)
            FROM {CLOSED_PERIODS.qualified} WHERE org_id = ? AND day = ?""",
        list(day),
    ).fetchone()
    periods, agree, unknown, difference = (int(number) for number in row or (0, 0, 0, 0))
    worst = connection.execute(
        f"""SELECT linkid, session_bytes, hologram_bytes FROM {CLOSED_PERIODS.qualified}
            WHERE org_id = ? AND day = ? AND NOT reconciled
            ORDER BY abs(session_bytes - hologram_bytes) DESC, linkid LIMIT {_SHOWN}""",
        list(day),
    ).fetchall()
    differing = periods - agree - unknown
    return Answer(
        passed=differing == 0,
        numbers={
            "closed_periods": periods,
            "reconciled": agree,
            "not_comparable": unknown,
            "differing": differing,
            "difference_bytes": difference,
            "worst": [f"SIM {linkid}: {ours} here, {theirs} at Hologram" for linkid, ours, theirs in worst],
        },
        advice=(
            f"{differing} of {periods} periods that ended on this day don't agree with Hologram's total. Sessions may have "
            "come late: read the period's days again (backfill), then this day. What stays is for Hologram to explain."
            if differing
            else ""
        ),
    )


CLOSED_PERIODS_RECONCILE = Check(
    "closed_periods_reconcile",
    "Do the sessions of the periods that ended on this day add up to Hologram's totals?",
    _closed_periods_reconcile,
)


def _changes_add_up(connection: duckdb.DuckDBPyConnection, day: OrgDay) -> Answer:
    effects = " + ".join(f"c.{effect}" for effect in COST_EFFECTS)
    row = connection.execute(
        f"""SELECT count(*), count(*) FILTER (WHERE c.before_cost + {effects} <> c.after_cost
                   OR c.after_cost <> coalesce(s.cost_to_date, 0))
            FROM {FLEET_COST_CHANGES.qualified} AS c
            LEFT JOIN {FLEET_SUMMARY.qualified} AS s ON s.org_id = c.org_id AND s.day = c.day AND s.scope = c.scope
                AND s.plan_id IS NOT DISTINCT FROM c.plan_id
            WHERE c.org_id = ? AND c.day = ?""",
        list(day),
    ).fetchone()
    changes, wrong = row or (0, 0)
    return Answer(
        passed=not wrong,
        numbers={"changes": changes, "not_adding_up": wrong},
        advice=(
            f"{wrong} rows of {FLEET_COST_CHANGES.qualified} don't add up to the day's cost. Materialise "
            f"{FLEET_SUMMARY.name} again; if that doesn't help, it is a mistake of this project's: report it."
            if wrong
            else ""
        ),
    )


CHANGES_ADD_UP = Check(
    "changes_add_up",
    "Do the reasons why costs changed add up to the difference, to the last digit?",
    _changes_add_up,
)
