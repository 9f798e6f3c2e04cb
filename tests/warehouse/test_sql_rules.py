"""The SQL of a fleet and the Python of a rule give the same answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hologram_assets.domain.periods import period_on, period_start, stepped_period_on
from hologram_assets.domain.pricing import PricingRules, billable_bytes, cost
from hologram_assets.warehouse.connection import sql

moments = st.datetimes(min_value=datetime(2024, 1, 1), max_value=datetime(2028, 1, 1)).map(
    lambda t: t.replace(microsecond=0)
)
days = st.dates(min_value=date(2024, 6, 1), max_value=date(2027, 6, 1))
bytes_used = st.integers(min_value=0, max_value=10**15)
rates = st.decimals(min_value=0, max_value=1000, places=9)
billingperiods = st.integers(min_value=1, max_value=12)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(sql("macros"))
        yield connection


def ask(connection: duckdb.DuckDBPyConnection, expression: str, *parameters: object) -> object:
    row = connection.execute(f"SELECT {expression}", list(parameters)).fetchone()
    assert row is not None
    return row[0]


@given(size=bytes_used, rate=rates, mb=st.sampled_from([1_000_000, 1_048_576]))
def test_a_cost_is_the_same_to_the_sixth_decimal(
    connection: duckdb.DuckDBPyConnection, size: int, rate: Decimal, mb: int
) -> None:
    expected = cost(size, rate, PricingRules(mb_bytes=mb))
    if expected >= Decimal(10**12):
        return  # a million million dollars doesn't fit the column, and no SIM has used that
    found = ask(connection, "usd(CAST(? AS BIGINT), CAST(? AS DECIMAL(18,9)), ?)", size, rate, mb)
    assert found == expected
    assert isinstance(found, Decimal)


@given(over=bytes_used, increment=st.sampled_from([1, 1000, 1024, 1_000_000]))
def test_billable_bytes_are_the_same(connection: duckdb.DuckDBPyConnection, over: int, increment: int) -> None:
    rules = PricingRules(increment_bytes=increment)
    assert ask(connection, "billable_bytes(CAST(? AS BIGINT), ?)", over, increment) == billable_bytes(over, rules)


@given(end=moments, gap_hours=st.none() | st.integers(min_value=1, max_value=24 * 400), billingperiod=billingperiods)
def test_a_period_starts_at_the_same_moment(
    connection: duckdb.DuckDBPyConnection, end: datetime, gap_hours: int | None, billingperiod: int
) -> None:
    previous = None if gap_hours is None else end - timedelta(hours=gap_hours)
    found = ask(connection, "period_start(CAST(? AS TIMESTAMP), CAST(? AS TIMESTAMP), ?)", end, previous, billingperiod)
    assert found == period_start(end, previous, billingperiod)


@given(known=moments, day=days, billingperiod=billingperiods)
def test_a_period_counted_in_steps_ends_at_the_same_moment(
    connection: duckdb.DuckDBPyConnection, known: datetime, day: date, billingperiod: int
) -> None:
    found = ask(connection, "stepped_period_end(CAST(? AS TIMESTAMP), CAST(? AS DATE), ?)", known, day, billingperiod)
    expected = stepped_period_on(day, known, billingperiod)
    assert found == expected.end
    last_second = datetime.combine(day, datetime.max.time()).replace(microsecond=0)
    assert expected.start <= last_second < expected.end


@given(first=moments, jitters=st.lists(st.integers(min_value=-30, max_value=30), min_size=1, max_size=5), day=days)
def test_the_period_of_a_day_is_the_same(
    connection: duckdb.DuckDBPyConnection, first: datetime, jitters: list[int], day: date
) -> None:
    ends = [first + timedelta(days=30 * n, seconds=jitter) for n, jitter in enumerate(jitters)]
    with connection.cursor() as cursor:
        cursor.execute(sql("macros"))
        cursor.execute("CREATE OR REPLACE TEMP TABLE ends_of_test (period_end TIMESTAMP)")
        cursor.executemany("INSERT INTO ends_of_test VALUES (?)", [[end] for end in ends])
        cursor.execute("CREATE SCHEMA IF NOT EXISTS hologram")
        cursor.execute(
            """CREATE OR REPLACE TABLE hologram.billing_periods AS
            SELECT CAST(1 AS BIGINT) AS org_id, CAST(period_end AS DATE) AS day, CAST(7 AS BIGINT) AS linkid, period_end,
                   0 AS periods_back, CAST(1 AS BIGINT) AS bytes, period_end AS fetched_at FROM ends_of_test"""
        )
        cursor.execute(
            "CREATE OR REPLACE TABLE hologram.sim_inventory (org_id BIGINT, day DATE, linkid BIGINT, plan_id BIGINT)"
        )
        cursor.execute(
            "CREATE OR REPLACE TABLE hologram.plan_catalog (org_id BIGINT, day DATE, plan_id BIGINT, billingperiod INTEGER)"
        )
        rows = cursor.execute(sql("billing_usage"), {"org_id": 1, "day": day}).fetchall()
    expected = period_on(day, ends)
    assert [row[3:5] for row in rows] == ([] if expected is None else [tuple(expected)])
