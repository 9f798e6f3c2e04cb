"""How loud the network and RAT rules are: on a fleet that is well, and on one with planted faults.

The peer is the rule that everybody writes first: "differs from the SIM's last session".
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from benchmarks.fleet import ORG, Loaded, loaded_fleet
from benchmarks.table import Row
from hologram_assets.domain.network_change import FLEET_INCIDENT, NETWORK_RULES
from hologram_assets.domain.replay import Tally, per_thousand
from hologram_assets.warehouse.connection import Warehouse
from hologram_assets.warehouse.replay import replayed

_ASSETS = (
    "raw_sessions",
    "billing_usage",
    "plan_catalog",
    "sim_inventory",
    "daily_link_usage",
    "network_changes",
    "overage_report",
)
_DAYS = 45
_JUDGED_DAYS = 14
_HEALTHY_SIMS = 300
_FAULTY_SIMS = 100
_FOUND_WITHIN = timedelta(days=5)
_NAIVE = """
    SELECT
        count(*) FILTER (WHERE radio_access_technology <> rat_before),
        count(*) FILTER (WHERE network_name <> network_before)
    FROM (
        SELECT
            day, radio_access_technology, network_name,
            lag(radio_access_technology IGNORE NULLS) OVER sim AS rat_before,
            lag(network_name IGNORE NULLS) OVER sim AS network_before
        FROM hologram.raw_sessions
        WHERE org_id = $org_id
        WINDOW sim AS (PARTITION BY linkid ORDER BY session_end, record_id)
    )
    WHERE day >= $since"""


def rows() -> Iterator[Row]:
    """The rows of the table."""
    with loaded_fleet("healthy", sims=_HEALTHY_SIMS, days=_DAYS, assets=_ASSETS) as healthy:
        tally = _judged(healthy)
        since = healthy.last - timedelta(days=_JUDGED_DAYS - 1)
        rat, network = (per_thousand(count, tally.sim_days) for count in _naive(healthy.warehouse, since))
    told = sum(tally.rules[rule].told for rule in NETWORK_RULES if rule in tally.rules)
    ours = per_thousand(told, tally.sim_days)
    for what, peer in (("RAT", rat), ("network", network)):
        yield Row(
            f"alerts per 1,000 SIM-days, healthy fleet ({tally.sim_days:,} SIM-days)",
            f"{ours:.2f} (all eight rules)",
            f"{peer:,.0f} ({what} differs from the last session)",
            f"{ours / peer:.5f}",
            "below 1",
            ours < 1,
        )
    with loaded_fleet("network_faults", sims=_FAULTY_SIMS, days=_DAYS, assets=_ASSETS) as faulty:
        planted, found, info = _planted_and_found(faulty)
    yield Row(
        f"planted network faults found within {_FOUND_WITHIN.days} days ({_FAULTY_SIMS} SIMs)",
        f"{found} ({info} of them info: new to the SIM, not to the organisation)",
        f"{planted} planted",
        f"{found / planted:.2f}",
        "all",
        found == planted,
    )


def _judged(loaded: Loaded) -> Tally:
    tally = Tally(ORG)
    days = [loaded.last - timedelta(days=back) for back in range(_JUDGED_DAYS - 1, -1, -1)]
    for each in replayed(loaded.warehouse, ORG, days, loaded.settings.alert_rules()(ORG)):
        if each.alerts is not None:
            tally.add(each.day, each.sims, each.alerts.alerts)
    return tally


def _naive(warehouse: Warehouse, since: object) -> tuple[int, int]:
    with warehouse.read() as connection:
        row = connection.execute(_NAIVE, {"org_id": ORG, "since": since}).fetchone()
    return (row[0], row[1]) if row else (0, 0)


def _planted_and_found(loaded: Loaded) -> tuple[int, int, int]:
    """How many faults were planted, how many of them have a change soon after, and how many only one of severity info."""
    with loaded.warehouse.read() as connection:
        told = connection.execute("SELECT rule, linkid, observed_at, severity FROM hologram.network_changes").fetchall()
    planted = loaded.sandbox.fleet.planted(ORG)
    found = info = 0
    for fault in planted:
        linkids = (None,) if fault.rule == FLEET_INCIDENT else fault.linkids
        severities = {
            severity
            for rule, linkid, observed_at, severity in told
            if rule == fault.rule and linkid in linkids and timedelta(0) <= observed_at - fault.at <= _FOUND_WITHIN
        }
        found += bool(severities)
        info += severities == {"info"}
    return len(planted), found, info
