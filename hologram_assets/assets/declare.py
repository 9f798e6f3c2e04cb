"""What every asset has in common, said once: partitions, ranges in one run, owner, retries, column schema."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from dagster import (
    AssetsDefinition,
    BackfillPolicy,
    Backoff,
    FreshnessPolicy,
    Jitter,
    PartitionsDefinition,
    RetryPolicy,
    TableColumn,
    TableColumnConstraints,
    TableSchema,
    asset,
)
from dagster_shared.utils.warnings import BetaWarning

from hologram_assets.run_tags import POOL
from hologram_assets.warehouse.tables import Table

_OWNERS = ["team:data-platform"]
# The client has already tried five times over some seconds; these wait for an outage to pass.
_RETRIES = RetryPolicy(max_retries=2, delay=5, backoff=Backoff.EXPONENTIAL, jitter=Jitter.PLUS_MINUS)

# The schedule brings today every hour: one that was missed is no news, three are, and after a day nobody is told of an
# overage any more. Dagster judges an asset by its newest partition, whichever organisation's that is.
_FRESHNESS = FreshnessPolicy.time_window(warn_window=timedelta(hours=3), fail_window=timedelta(hours=24))


def declared(
    table: Table,
    partitions: PartitionsDefinition[Any],
    *,
    group: str,
    description: str,
    deps: Sequence[Table] = (),
    asks_hologram: bool = False,
) -> Callable[[Callable[..., None]], AssetsDefinition]:
    """An `@asset` for a table of the warehouse. Assets that ask Hologram share its pool."""
    with warnings.catch_warnings():
        # `backfill_policy` is beta; ranges in one run are what this project is built on, and the version is pinned.
        warnings.simplefilter("ignore", BetaWarning)
        return asset(
            name=table.name,
            partitions_def=partitions,
            backfill_policy=BackfillPolicy.single_run(),
            deps=[dep.name for dep in deps],
            group_name=group,
            owners=_OWNERS,
            kinds={"hologram", "duckdb"} if asks_hologram else {"duckdb", "sql"},
            description=f"{description}\n\nGrain: {table.grain}. Table `{table.qualified}`.",
            metadata={"dagster/column_schema": _column_schema(table), "dagster/table_name": table.qualified},
            retry_policy=_RETRIES,
            freshness_policy=_FRESHNESS,
            pool=POOL if asks_hologram else None,
        )


def _column_schema(table: Table) -> TableSchema:
    return TableSchema(
        columns=[
            TableColumn(
                column.name,
                column.type,
                description=column.description,
                constraints=TableColumnConstraints(nullable=column.name not in table.key, unique=False),
            )
            for column in table.columns
        ]
    )
