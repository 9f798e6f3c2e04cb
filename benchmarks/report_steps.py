"""What benchmarks.report measures of ours, a process each: `python -m benchmarks.report_steps STEP WAREHOUSE`.

The steps are what the assets do between two events of Dagster: the same functions, a transaction per day. Dagster's own part
is a constant that has nothing to do with how many SIMs there are; benchmarks.light_run measures it.
Prints one line of JSON: seconds, and what was found.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.large_fleet import DAYS, FIRST, LAST, ORG
from hologram_assets.domain.forecast import ForecastRules
from hologram_assets.domain.network_rules import NetworkRules
from hologram_assets.domain.networks import default_network_aliases
from hologram_assets.domain.pricing import PricingRules
from hologram_assets.domain.radio import default_rat_levels
from hologram_assets.warehouse.connection import Warehouse
from hologram_assets.warehouse.derived import write_daily_link_usage, write_overage_report
from hologram_assets.warehouse.loads import utc_now
from hologram_assets.warehouse.network import changes_on, write_changes

_RUN = "benchmark"
# One scan of all sessions, reading each column that daily_link_usage reads, without a group.
_SCAN = """
    SELECT
        count(*), count(*) FILTER (WHERE bytes = 0), sum(bytes),
        min(session_end), max(session_end), min(linkid), max(linkid),
        min(network_name), max(network_name), min(country), max(country), min(radio_access_technology),
        max(radio_access_technology), min(imei), max(imei)
    FROM hologram.raw_sessions WHERE org_id = ?"""

_TOTALS = """
    SELECT
        count(*), sum(usage_bytes), sum(overage_cost), sum(usage_charge), count(*) FILTER (WHERE status = 'over')
    FROM hologram.overage_report WHERE org_id = ? AND day = ?"""


def scan(warehouse: Warehouse) -> dict[str, Any]:
    """The floor."""
    with warehouse.read() as connection:
        row = connection.execute(_SCAN, [ORG]).fetchone() or ()
    return {"sessions": int(row[0]), "bytes": int(row[2])}


def usage(warehouse: Warehouse) -> dict[str, Any]:
    """`daily_link_usage` of every day."""
    rows = size = 0
    for number in range(DAYS):
        with warehouse.write() as connection:
            load = write_daily_link_usage(connection, ORG, FIRST + timedelta(days=number), _RUN)
        rows, size = rows + load.rows, size + (load.bytes or 0)
    return {"rows": rows, "bytes": size}


def report(warehouse: Warehouse) -> dict[str, Any]:
    """`overage_report` of the last day."""
    with warehouse.write() as connection:
        write_overage_report(
            connection,
            ORG,
            LAST,
            calendar_month=False,
            rules=PricingRules(),
            forecast_rules=ForecastRules(),
            assignments=(),
            run_id=_RUN,
        )
        row = connection.execute(_TOTALS, [ORG, LAST]).fetchone() or (0,) * 5
    return {
        "rows": row[0],
        "bytes": int(row[1]),
        "overage_micros": int(row[2] * 1_000_000),
        "usage_micros": int(row[3] * 1_000_000),
        "over": row[4],
    }


def network(warehouse: Warehouse) -> dict[str, Any]:
    """`network_changes` of the last day, as the asset does it: judged beside other readers, then written."""
    read_at = utc_now()
    with warehouse.read() as connection:
        changes = changes_on(connection, ORG, LAST, NetworkRules(), default_rat_levels(), default_network_aliases())
    with warehouse.write() as connection:
        write_changes(connection, ORG, LAST, changes, read_at=read_at, run_id=_RUN)
    sims: dict[str, set[int]] = {}
    for change in changes:
        sims.setdefault(change.rule, set()).add(change.linkid or 0)
    return {rule: sorted(linkids) for rule, linkids in sims.items()}


_STEPS: dict[str, Callable[[Warehouse], dict[str, Any]]] = {
    "scan": scan,
    "usage": usage,
    "report": report,
    "network": network,
}

if __name__ == "__main__":
    _warehouse = Warehouse(Path(sys.argv[2]))
    _began = time.perf_counter()
    _found = _STEPS[sys.argv[1]](_warehouse)
    print(json.dumps({"seconds": time.perf_counter() - _began, "found": _found}))
