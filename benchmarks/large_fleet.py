"""A warehouse with a large made-up fleet, filled by SQL: what the assets that derive something start from.

Nothing is fetched here: `raw_sessions`, plans, SIMs and billing totals stand as the ingest would have left them, sessions in
order of `record_id`, which is their order of time.
"""

from __future__ import annotations

import json
import sys
from datetime import date, datetime, time, timedelta
from pathlib import Path
from time import perf_counter

import duckdb

from hologram_assets.warehouse.connection import Warehouse
from hologram_assets.warehouse.loads import Load, record_load

ORG = 144
DAYS = 31
LAST = date(2026, 10, 31)
FIRST = LAST - timedelta(days=DAYS - 1)

_SESSIONS = (Path(__file__).parent / "large_fleet.sql").read_text(encoding="utf-8")
# 10 MB, 50 MB and pay as you go: of the SIMs some are over, some will be, most are not.
_PLANS = """
    INSERT INTO hologram.plan_catalog BY NAME
    SELECT
        CAST($org_id AS BIGINT) AS org_id, CAST($day AS DATE) AS day, plan_id, name, 'standard' AS tier, 'global' AS zone,
        included_bytes, 1.500000 AS recurring_amount, rate AS overage_rate_per_mb, 0.190000 AS sms_rate, TRUE AS is_offered,
        1 AS billingperiod, 1 AS coverage_region_id, TRUE AS is_current_tier, FALSE AS is_dynamic_pool,
        FALSE AS use_variable_rates, TRUE AS is_enabled, 'own' AS snapshot_basis,
        CAST($day AS TIMESTAMP) + INTERVAL 1 DAY AS fetched_at
    FROM (VALUES (1, 'Ten MB', 10000000, 0.210000), (2, 'Fifty MB', 50000000, 0.150000), (3, 'Pay as you go', 0, 0.030000))
        AS plans(plan_id, name, included_bytes, rate)"""
# Every SIM's period ends at another second of the 30 days after the day.
_INVENTORY = """
    INSERT INTO hologram.sim_inventory BY NAME
    SELECT
        CAST($org_id AS BIGINT) AS org_id, CAST($day AS DATE) AS day, 1000000 + i AS linkid, 2000000 + i AS simcardid,
        3000000 + i AS device_id, 'device ' || i AS device_name, '[]' AS tags,
        '8944' || lpad(CAST(i AS VARCHAR), 15, '0') AS iccid,
        i % 3 + 1 AS plan_id, 'global' AS zone, 'LIVE' AS state, -1 AS overage_limit_bytes,
        CAST($last AS TIMESTAMP) + INTERVAL 1 DAY + to_seconds(CAST(hash(i, 10) % 2592000 AS BIGINT)) AS period_end,
        'own' AS snapshot_basis, CAST($day AS TIMESTAMP) + INTERVAL 1 DAY AS fetched_at
    FROM range($sims) AS fleet(i)"""
# Hologram's totals were fetched in the morning: what the sessions say is more.
_TOTALS = """
    INSERT INTO hologram.{table} BY NAME
    SELECT
        org_id, {day} AS day, linkid, period_end - INTERVAL 30 DAY AS period_start, period_end, 0 AS periods_back,
        0 AS bytes,
        CAST($last AS TIMESTAMP) + INTERVAL 6 HOUR AS fetched_at
    FROM hologram.sim_inventory WHERE org_id = $org_id AND day = $last AND $sims > 0"""

# COPY takes no parameters, but variables. The last day is the one that was set last.
_SESSIONS_OF_A_DAY = """
    SELECT record_id, linkid, session_end, bytes, imei, radio_access_technology, network_name, country
    FROM hologram.raw_sessions WHERE day = getvariable('day')"""
_SIMS = "SELECT linkid, plan_id, period_end FROM hologram.sim_inventory WHERE day = getvariable('day')"
_PRICES = """
    SELECT plan_id, included_bytes, CAST(overage_rate_per_mb * 1000000 AS BIGINT) AS rate_micros
    FROM hologram.plan_catalog WHERE day = getvariable('day')"""


def fill(path: Path, sims: int) -> Warehouse:
    """A warehouse with `DAYS` days of sessions of so many SIMs, and what prices them on the last day and the one before."""
    warehouse = Warehouse(path)
    for number in range(DAYS):
        day = FIRST + timedelta(days=number)
        with warehouse.write() as connection:
            key = {"org_id": ORG, "day": day, "first": FIRST, "last": LAST, "sims": sims}
            connection.execute(f"INSERT INTO hologram.raw_sessions BY NAME {_SESSIONS}", key)
            _loaded(connection, day, "raw_sessions")
            if number >= DAYS - 2:
                connection.execute(_PLANS, {"org_id": ORG, "day": day})
                connection.execute(_INVENTORY, {"org_id": ORG, "day": day, "last": LAST, "sims": sims})
                _loaded(connection, day, "plan_catalog")
                _loaded(connection, day, "sim_inventory")
    with warehouse.write() as connection:
        last = {"org_id": ORG, "last": LAST, "sims": sims}
        connection.execute(_TOTALS.format(table="billing_usage", day="day"), last)
        _loaded(connection, LAST, "billing_usage")
    return warehouse


def export(warehouse: Warehouse, folder: Path) -> None:
    """What a peer reads: a Parquet file of sessions per day, the SIMs and the plans of the last day."""
    folder.mkdir(parents=True, exist_ok=True)
    with warehouse.read() as connection:
        for number in range(DAYS):
            day = FIRST + timedelta(days=number)
            connection.execute("SET VARIABLE day = CAST(? AS DATE)", [day])
            connection.execute(f"COPY ({_SESSIONS_OF_A_DAY}) TO '{folder}/sessions-{day}.parquet'")
        connection.execute(f"COPY ({_SIMS}) TO '{folder}/sims.parquet'")
        connection.execute(f"COPY ({_PRICES}) TO '{folder}/plans.parquet'")


def _loaded(connection: duckdb.DuckDBPyConnection, day: date, asset: str) -> None:
    through = datetime.combine(day, time()) + timedelta(days=1)
    record_load(connection, ORG, day, asset, Load(rows=0, new_rows=1, complete_through=through), run_id="benchmark")


def main(sims: int, path: Path, folder: Path | None) -> None:
    """Fill, and export if there is a folder to export to; prints a line of JSON as the measured steps do."""
    began = perf_counter()
    warehouse = fill(path, sims)
    if folder is not None:
        export(warehouse, folder)
    print(json.dumps({"seconds": perf_counter() - began, "found": {}}))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]) if sys.argv[3:] else None)
