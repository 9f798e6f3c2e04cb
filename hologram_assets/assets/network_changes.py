"""`network_changes`: SIMs that fell back to an older RAT, or turned up on a network or in a country never seen before."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import duckdb
from dagster import AssetExecutionContext, AssetsDefinition, PartitionsDefinition

from hologram_assets.assets.daywise import Days, Metadata
from hologram_assets.assets.declare import declared
from hologram_assets.assets.shown import shown_table
from hologram_assets.domain.alerts import SEVERITIES
from hologram_assets.domain.network_change import Change
from hologram_assets.domain.network_changes import is_inhibited
from hologram_assets.domain.network_rules import NetworkRules
from hologram_assets.partitions import OrgDay
from hologram_assets.resources.warehouse import WarehouseResource
from hologram_assets.warehouse.connection import Warehouse
from hologram_assets.warehouse.loads import Load
from hologram_assets.warehouse.network import changes_on, write_changes
from hologram_assets.warehouse.tables import DAILY_LINK_USAGE, NETWORK_CHANGES, RAW_SESSIONS


def network_changes_asset(
    partitions: PartitionsDefinition[Any],
    rules: Callable[[int], NetworkRules],
    rat_levels: Mapping[str, int],
    network_aliases: Mapping[str, str],
) -> AssetsDefinition:
    """The asset; `rules` are those of an organisation."""

    @declared(
        NETWORK_CHANGES,
        partitions,
        group="network",
        deps=[DAILY_LINK_USAGE, RAW_SESSIONS],
        description=(
            "Unexpected changes of network, RAT, country and device, judged against each SIM's own baseline of four weeks: "
            "eight rules, so that the roaming that IoT SIMs do all the time is no news."
        ),
    )
    def network_changes(context: AssetExecutionContext, warehouse: WarehouseResource) -> None:
        with Days(context) as days:
            for partition in days.to_derive(warehouse.warehouse):
                _derive(
                    days,
                    partition,
                    warehouse.warehouse,
                    rules=rules(partition.org_id),
                    rat_levels=rat_levels,
                    network_aliases=network_aliases,
                    run_id=context.run.run_id,
                )

    return network_changes


def _derive(
    days: Days,
    partition: OrgDay,
    warehouse: Warehouse,
    *,
    rules: NetworkRules,
    rat_levels: Mapping[str, int],
    network_aliases: Mapping[str, str],
    run_id: str,
) -> None:
    org_id, day = partition

    def read(connection: duckdb.DuckDBPyConnection) -> list[Change]:
        return changes_on(connection, org_id, day, rules, rat_levels, network_aliases)

    def write(connection: duckdb.DuckDBPyConnection, found: list[Change], read_at: datetime) -> Load:
        return write_changes(connection, org_id, day, found, read_at=read_at, run_id=run_id)

    days.judge(partition, warehouse, read, write, more=_numbers)


def _numbers(_connection: object, found: list[Change]) -> Metadata:
    severities = Counter(change.severity for change in found)
    numbers = {
        "critical": severities["critical"],
        "warn": severities["warn"],
        "info": severities["info"],
        "inhibited": sum(map(is_inhibited, found)),
    }
    return numbers | ({"worst_changes": shown_table(map(_change, sorted(found, key=_worst_first)))} if found else {})


def _worst_first(change: Change) -> tuple[bool, int, datetime]:
    """What nothing else explains first, then by severity and moment."""
    return is_inhibited(change), -SEVERITIES.index(change.severity), change.observed_at


def _change(change: Change) -> dict[str, str]:
    return {
        "severity": change.severity,
        "rule": change.rule + (" (explained)" if is_inhibited(change) else ""),
        "SIM": "fleet" if change.linkid is None else str(change.linkid),
        "from": change.previous or "",
        "to": change.current or "",
        "when (UTC)": f"{change.observed_at:%Y-%m-%d %H:%M}",
    }
