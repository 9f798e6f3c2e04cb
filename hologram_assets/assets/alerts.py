"""`alerts`: one row per condition that holds at the end of the day or ended on it; a function of the data up to the day."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

import duckdb
from dagster import AssetExecutionContext, AssetsDefinition, MetadataValue, PartitionsDefinition

from hologram_assets.assets.daywise import Days, Metadata
from hologram_assets.assets.declare import declared
from hologram_assets.assets.shown import shown_table
from hologram_assets.domain.alert_rules import AlertRules
from hologram_assets.domain.alerts import ESCALATED, OPEN, SILENCED, Alert
from hologram_assets.domain.bulletin import SPEAKING, bulletin, worst_first
from hologram_assets.partitions import OrgDay, today
from hologram_assets.resources.warehouse import WarehouseResource
from hologram_assets.warehouse import alerts as stored
from hologram_assets.warehouse.alert_sources import changes_of
from hologram_assets.warehouse.alerts import DayAlerts
from hologram_assets.warehouse.connection import Warehouse
from hologram_assets.warehouse.loads import Load
from hologram_assets.warehouse.tables import ALERTS, NETWORK_CHANGES, OVERAGE_REPORT


def alerts_asset(partitions: PartitionsDefinition[Any], rules: Callable[[int], AlertRules]) -> AssetsDefinition:
    """The asset; `rules` are by organisation."""

    @declared(
        ALERTS,
        partitions,
        group="alerts",
        deps=[OVERAGE_REPORT, NETWORK_CHANGES],
        description=(
            "What somebody should know: overage and unexpected network and RAT changes, each as one condition with its "
            "life: open, escalated, resolved, accepted, silenced. The same data gives the same rows; what was said in Slack "
            "is the sensors' memory."
        ),
    )
    def alerts(context: AssetExecutionContext, warehouse: WarehouseResource) -> None:
        with Days(context) as days:
            for partition in days.to_derive(warehouse.warehouse):
                _derive(days, partition, warehouse.warehouse, rules(partition.org_id), context.run.run_id)

    return alerts


def _derive(days: Days, partition: OrgDay, warehouse: Warehouse, rules: AlertRules, run_id: str) -> None:
    org_id, day = partition

    def read(connection: duckdb.DuckDBPyConnection) -> DayAlerts:
        return stored.alerts_on(connection, org_id, day, rules, changes_of(connection, org_id, day, rules.network))

    def write(connection: duckdb.DuckDBPyConnection, found: DayAlerts, read_at: datetime) -> Load:
        return stored.write_alerts(
            connection,
            org_id,
            day,
            found.alerts,
            complete_through=found.complete_through,
            read_at=read_at,
            run_id=run_id,
        )

    def more(connection: duckdb.DuckDBPyConnection, _found: DayAlerts) -> Metadata:
        return _metadata(connection, partition)

    days.judge(partition, warehouse, read, write, more=more)


def _metadata(connection: duckdb.DuckDBPyConnection, partition: OrgDay) -> Metadata:
    """Of the rows as they are stored: they may be those of a run beside this one that read later."""
    alerts = stored.alerts_of(connection, *partition)
    hold = sorted((alert for alert in alerts if alert.state in {OPEN, ESCALATED}), key=worst_first)
    holding = Counter(alert.severity for alert in hold)
    speaking = bulletin(
        alerts,
        stored.ended_before(connection, *partition),
        org_id=partition.org_id,
        day=partition.day,
        today=today(),
        newest=stored.is_newest(connection, *partition),
    )
    numbers = {
        "critical": holding["critical"],
        "warn": holding["warn"],
        "info": holding["info"],
        "silenced": sum(alert.state == SILENCED for alert in alerts),
        "ended": sum(alert.has_ended for alert in alerts),
    }
    table = {"worst_alerts": shown_table(map(_row, hold))} if hold else {}
    return numbers | table | ({} if speaking is None else {SPEAKING: MetadataValue.json(speaking)})


def _row(alert: Alert) -> dict[str, str]:
    return {
        "severity": alert.severity,
        "rule": alert.rule,
        "what": f"{alert.subject}: {alert.title}",
        "since (UTC)": f"{alert.opened_at:%Y-%m-%d %H:%M}",
        "state": alert.state,
    }
