"""The alerts of a day: judged, written, and read back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import duckdb

from hologram_assets.domain.alert_rules import AlertRules
from hologram_assets.domain.alerts import ACCEPTED, INFO, RESOLVED, Alert, silenced
from hologram_assets.domain.bulletin import worst_first
from hologram_assets.domain.network_alerts import needed, network_alerts
from hologram_assets.domain.network_change import Change
from hologram_assets.domain.overage_alerts import overage_alerts
from hologram_assets.domain.overage_standings import sim_periods
from hologram_assets.domain.silences import Silence, silenced_by
from hologram_assets.warehouse.alert_sources import devices_of, known_through, sessions_since, sims_near_a_rule
from hologram_assets.warehouse.derived import write_judged
from hologram_assets.warehouse.loads import Load
from hologram_assets.warehouse.tables import ALERTS

_WEEK = timedelta(days=7)


class DayAlerts(NamedTuple):
    """A day's alerts, worst first, and up to which moment of the day they are known."""

    alerts: list[Alert]
    complete_through: datetime


def alerts_on(
    connection: duckdb.DuckDBPyConnection, org_id: int, day: date, rules: AlertRules, changes: Sequence[Change]
) -> DayAlerts:
    """The alerts of a day, from the reports up to it and from `changes`, its own and those of the days before.

    Raises:
        NotLoadedError: the day's report or network changes were never derived.
    """
    until = known_through(connection, org_id, day)
    found = [
        alert
        for sim in sims_near_a_rule(connection, org_id, day, rules.overage)
        for period, standings in sim_periods(org_id, day, sim.rows, sim.closed)
        for alert in overage_alerts(period, standings, sim.closed_charges, rules.overage)
    ]
    lasting = needed(changes, day, rules.network)
    found += network_alerts(
        lasting,
        sessions_since(connection, org_id, lasting, day),
        rules.network,
        rules.rat_levels,
        rules.network_aliases,
        day=day,
        until=until,
    )
    devices = devices_of(connection, org_id, day, (alert.linkid for alert in found if alert.linkid is not None))
    judged = [_silenced(_named(alert, devices), org_id, day, rules.silences) for alert in found]
    return DayAlerts(sorted(judged, key=worst_first), until)


def _named(alert: Alert, devices: Mapping[int, Mapping[str, Any]]) -> Alert:
    """With the device's name, and Hologram's id of it, which the SIM's page goes by."""
    return alert if alert.linkid is None else alert._replace(detail={**alert.detail, **devices.get(alert.linkid, {})})


def _silenced(alert: Alert, org_id: int, day: date, silences: Sequence[Silence]) -> Alert:
    return silenced(
        alert,
        silenced_by(silences, org_id=org_id, rule=alert.rule, linkid=alert.linkid, alert_id=alert.alert_id, day=day),
    )


def write_alerts(
    connection: duckdb.DuckDBPyConnection,
    org_id: int,
    day: date,
    alerts: Sequence[Alert],
    *,
    complete_through: datetime,
    read_at: datetime,
    run_id: str,
) -> Load:
    """Put the day's alerts in the place of those that were there; `read_at` is when what they are made from was read."""
    return write_judged(
        connection,
        ALERTS,
        org_id,
        day,
        [{**alert._asdict(), "family": alert.family, "linkid": alert.linkid} for alert in alerts],
        complete_through=complete_through,
        read_at=read_at,
        run_id=run_id,
    )


def alerts_of(connection: duckdb.DuckDBPyConnection, org_id: int, day: date) -> list[Alert]:
    """The day's alerts as they are stored."""
    rows = connection.execute(
        f"SELECT {', '.join(Alert._fields)} FROM {ALERTS.qualified} WHERE org_id = ? AND day = ? ORDER BY alert_id",
        [org_id, day],
    ).fetchall()
    return [_alert(row) for row in rows]


def _alert(row: tuple[Any, ...]) -> Alert:
    return Alert._make((*row[:-1], json.loads(row[-1])))


def ended_before(connection: duckdb.DuckDBPyConnection, org_id: int, day: date) -> list[Alert]:
    """Alerts that ended on one of the seven days before, with the latest word on each."""
    rows = connection.execute(
        f"""SELECT {", ".join(Alert._fields)}
           FROM hologram.alerts
           WHERE org_id = $org_id AND day >= $first AND day < $day AND severity <> $info
           QUALIFY row_number() OVER (PARTITION BY alert_id ORDER BY day DESC) = 1 AND state IN ($resolved, $accepted)
           ORDER BY alert_id""",
        {
            "org_id": org_id,
            "first": day - _WEEK,
            "day": day,
            "info": INFO,
            "resolved": RESOLVED,
            "accepted": ACCEPTED,
        },
    ).fetchall()
    return [_alert(row) for row in rows]


def is_newest(connection: duckdb.DuckDBPyConnection, org_id: int, day: date) -> bool:
    """Whether the organisation has no later day of alerts."""
    row = connection.execute(
        "SELECT count(*) FROM hologram.partition_loads WHERE org_id = ? AND asset = ? AND day > ?",
        [org_id, ALERTS.name, day],
    ).fetchone()
    return row is None or row[0] == 0
