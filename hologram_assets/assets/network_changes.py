"""`network_changes`: SIMs that fell back to an older RAT, or turned up on a network or in a country never seen before."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from dagster import AssetExecutionContext, AssetsDefinition, PartitionsDefinition

from hologram_assets.assets.daywise import Days
from hologram_assets.assets.declare import declared
from hologram_assets.domain.network_change import Change
from hologram_assets.domain.network_changes import is_inhibited, sim_changes
from hologram_assets.domain.network_rules import NetworkRules
from hologram_assets.partitions import OrgDay
from hologram_assets.resources.warehouse import WarehouseResource
from hologram_assets.warehouse.connection import Warehouse
from hologram_assets.warehouse.loads import utc_now
from hologram_assets.warehouse.network import sims, write_changes
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
            for partition in days.partitions:
                try:
                    found, read_at = _found(
                        warehouse.warehouse, partition, rules(partition.org_id), rat_levels, network_aliases
                    )
                except Exception as error:  # noqa: BLE001 - this day's alone; it is raised at the end
                    days.failed(partition, error)
                    continue
                days.store(
                    partition,
                    warehouse.warehouse,
                    partial(
                        write_changes,
                        org_id=partition.org_id,
                        day=partition.day,
                        changes=found,
                        read_at=read_at,
                        run_id=context.run.run_id,
                    ),
                    more=partial(_numbers, found),
                )

    return network_changes


def _found(
    warehouse: Warehouse,
    partition: OrgDay,
    rules: NetworkRules,
    rat_levels: Mapping[str, int],
    network_aliases: Mapping[str, str],
) -> tuple[list[Change], datetime]:
    """The day's changes; read beside other readers, so that no writer waits for the rules."""
    read_at = utc_now()
    with warehouse.read() as connection:
        of_fleet = sims(connection, partition.org_id, partition.day)
        return sim_changes(partition.org_id, partition.day, of_fleet, rules, rat_levels, network_aliases), read_at


def _numbers(found: list[Change], _connection: object) -> dict[str, int]:
    severities = Counter(change.severity for change in found)
    return {
        "critical": severities["critical"],
        "warn": severities["warn"],
        "info": severities["info"],
        "inhibited": sum(map(is_inhibited, found)),
    }
