"""What the checks of derived tables find, over rows that are put there by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import duckdb
import pytest

from hologram_assets.checks.derived import EVERY_SIM_PRICED
from hologram_assets.partitions import OrgDay
from hologram_assets.warehouse.tables import schema_statements

DAY = OrgDay(144, date(2026, 11, 20))


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        for statement in schema_statements():
            connection.execute(statement)
        yield connection


def reported(connection: duckdb.DuckDBPyConnection, *statuses: str) -> None:
    for linkid, status in enumerate(statuses, start=1):
        connection.execute(
            """INSERT INTO hologram.overage_report BY NAME
            SELECT ? AS org_id, ? AS day, ? AS linkid, ? AS pricing_status""",
            [*DAY, linkid, status],
        )


def test_sims_that_have_no_price_by_their_plans_nature_are_counted_and_no_failure(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    reported(connection, "priced", "pooled", "pooled", "variable_rate", "zone_not_offered")
    answer = EVERY_SIM_PRICED.ask(connection, DAY)
    assert (answer.passed, answer.advice) == (True, "")
    assert answer.numbers == {
        "sims": 5,
        "unpriced_sims": 4,
        "by_reason": {"pooled": 2, "variable_rate": 1, "zone_not_offered": 1},
    }


def test_a_sim_whose_plan_nobody_knows_fails_and_the_advice_counts_such_sims_alone(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    reported(connection, "priced", "pooled", "unknown_plan", "unknown_plan")
    answer = EVERY_SIM_PRICED.ask(connection, DAY)
    assert not answer.passed
    assert answer.numbers["unpriced_sims"] == 3
    assert answer.advice.startswith("2 SIMs have no cost in the report")
    assert "HOLOGRAM_PLAN_ASSIGNMENTS" in answer.advice
