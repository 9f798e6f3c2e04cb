"""The forecast over stored history: ended periods forecast again from their middle, beside what became of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time

import duckdb
import pyarrow as pa

from hologram_assets.domain.forecast import ForecastRules
from hologram_assets.warehouse.connection import sql
from hologram_assets.warehouse.derived import foresee

AGES = (5, 10, 20)
"""Days into a period from which it is forecast."""


@dataclass(frozen=True)
class Replay:
    """The forecasts of one organisation, and what could not be replayed.

    `forecasts` has a row per period and age: age (days), truth, projected_bytes, projected_bound_bytes.
    """

    forecasts: pa.Table
    periods: int
    """Ended periods of which something was forecast."""
    incomplete: int
    """Ended periods whose own total is not known."""
    without_usage: int
    """Forecasts that lack a day of usage since their period's start."""
    without_history: int
    """Forecasts that have no complete day before them, neither of the SIM nor of its plan."""


@dataclass(frozen=True)
class Score:
    """How good the forecasts from one age of a period were; `age` None: all of them. Per cents."""

    age: int | None
    forecasts: int
    silent: int
    """Of these, periods without a byte: they have no error in per cent, and count in the other numbers."""
    median_error_pct: float | None
    """Half of the forecasts were off by less, in per cent of the truth."""
    bias_pct: float | None
    """All forecasts together, against all truths together: above zero is too high."""
    covered_pct: float
    """How often the truth stayed within the 90 % bound."""


def replay(
    connection: duckdb.DuckDBPyConnection,
    org_id: int,
    first: date,
    last: date,
    rules: ForecastRules,
    *,
    calendar_month: bool,
    advance: Callable[[date, int], None],
    ages: Sequence[int] = AGES,
) -> Replay:
    """Forecast the periods that ended from `first` to `last` as of the midnight after some of their days.

    Each midnight is one query for all SIMs, and reads the days before it only. What came in late counts as if it had been
    there: when a session arrived is not kept. Writes nothing but temporary tables.

    Args:
        connection: to the warehouse; reading is enough.
        org_id: the organisation.
        first: the first UTC day on which a period may have ended.
        last: the last one.
        rules: of the forecast.
        calendar_month: the organisation is invoiced by month.
        advance: called after each midnight with it and how many there are.
        ages: days into a period.
    """
    key = {"org_id": org_id, "first": first, "last": last}
    connection.execute(sql("backtest_points"), key | {"ages": list(ages)})
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE replayed (
            linkid BIGINT, period_end TIMESTAMP, age INTEGER, truth BIGINT, projected_bytes BIGINT,
            projected_bound_bytes BIGINT)"""
    )
    days = connection.execute(
        "SELECT DISTINCT as_of FROM points WHERE usage_bytes IS NOT NULL ORDER BY as_of"
    ).fetchall()
    for (as_of,) in days:
        connection.execute(
            sql("backtest_standings"), {"org_id": org_id, "as_of": as_of, "calendar_month": calendar_month}
        )
        foresee(connection, org_id, datetime.combine(as_of, time()), rules)
        connection.execute(
            """INSERT INTO replayed BY NAME
            SELECT p.linkid, p.period_end, p.age, p.truth, f.projected_bytes, f.projected_bound_bytes
            FROM points AS p JOIN forecasts AS f ON f.linkid = p.linkid
            WHERE p.as_of = $as_of""",
            {"as_of": as_of},
        )
        advance(as_of, len(days))
    counts = connection.execute(
        """SELECT
            (SELECT count(*) FROM (SELECT DISTINCT linkid, period_end FROM replayed)),
            (SELECT count(*) FROM hologram.closed_periods
             WHERE org_id = $org_id AND day BETWEEN $first AND $last AND usage_source = 'incomplete'),
            (SELECT count(*) FROM points WHERE usage_bytes IS NULL),
            (SELECT count(*) FROM points WHERE usage_bytes IS NOT NULL) - (SELECT count(*) FROM replayed)""",
        key,
    ).fetchone()
    forecasts = connection.execute(
        "SELECT age, truth, projected_bytes, projected_bound_bytes FROM replayed ORDER BY linkid, period_end, age"
    ).to_arrow_table()
    return Replay(forecasts, *(counts or (0, 0, 0, 0)))


def scores(replays: Sequence[Replay]) -> list[Score]:
    """How good all forecasts were, by age, and last all of them together; empty if there is none."""
    forecasts = pa.concat_tables([each.forecasts for each in replays]) if replays else None
    if forecasts is None or forecasts.num_rows == 0:
        return []
    with duckdb.connect() as connection:
        connection.register("replayed", forecasts)
        return [Score(*row) for row in connection.execute(sql("backtest_scores")).fetchall()]
