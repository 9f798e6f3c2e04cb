"""Running an asset's checks over the partitions of a run, and over the stale days that it derived besides, in one step.

In a range Dagster gives a check result no partition, so each day's evaluation is logged by itself; a day whose
blocking check fails then fails the step, which keeps what follows from running on it.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
from dagster import (
    AssetCheckEvaluation,
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    Failure,
    PartitionsDefinition,
    multi_asset_check,
)
from dagster_shared.utils.warnings import PreviewWarning

from hologram_assets.assets.daywise import day_finished
from hologram_assets.partitions import OrgDay, days_of_run
from hologram_assets.resources.warehouse import WarehouseResource
from hologram_assets.warehouse.loads import partitions_written_by
from hologram_assets.warehouse.tables import Table


@dataclass(frozen=True)
class Answer:
    """What a check found in a partition: numbers, and what to do where it failed."""

    passed: bool
    numbers: Mapping[str, Any] = field(default_factory=dict)
    advice: str = ""


@dataclass(frozen=True)
class Check:
    """A question to a partition. `blocking` ones are errors and stop what follows; the others warn."""

    name: str
    description: str
    ask: Callable[[duckdb.DuckDBPyConnection, OrgDay], Answer]
    blocking: bool = False

    @property
    def severity(self) -> AssetCheckSeverity:
        """ERROR for blocking checks."""
        return AssetCheckSeverity.ERROR if self.blocking else AssetCheckSeverity.WARN


class CheckFailedError(ValueError):
    """A blocking check found a stored partition wanting."""


def asset_checks(table: Table, checks: Sequence[Check], partitions: PartitionsDefinition[Any]) -> AssetChecksDefinition:
    """All checks of an asset, as one step."""
    asset_key = AssetKey(table.name)

    with warnings.catch_warnings():
        # Partitions of checks are in preview; without them a day's answer would overwrite the one of the day before.
        warnings.simplefilter("ignore", PreviewWarning)
        specs = [
            AssetCheckSpec(
                check.name,
                asset=asset_key,
                description=check.description,
                blocking=check.blocking,
                partitions_def=partitions,
            )
            for check in checks
        ]

    @multi_asset_check(name=f"{table.name}_checks", specs=specs, can_subset=True)
    def run_checks(context: AssetCheckExecutionContext, warehouse: WarehouseResource) -> Iterator[AssetCheckResult]:
        selected = {key.name for key in context.selected_asset_check_keys}
        asked = [check for check in checks if check.name in selected]
        own = days_of_run(context.op_execution_context)
        with warehouse.warehouse.read() as connection:
            written = partitions_written_by(connection, context.run.run_id, table.name)
            others = sorted(OrgDay(*partition) for partition in written - set(own))
            answers = {(day, check): check.ask(connection, day) for day in [*own, *others] for check in asked}
        for (day, check), answer in answers.items():
            if check.blocking and not answer.passed:
                day_finished.get()(table.name, day, CheckFailedError(f"check {check.name} failed: {answer.advice}"))
        # One way for a run of one partition and for a range: a result that is yielded has no partition in a range, and
        # costs another event where it has one.
        for (day, check), answer in answers.items():
            context.op_execution_context.log_event(
                # Accepted at run time (dagster 1.13), though its annotation doesn't say so.
                AssetCheckEvaluation(  # type: ignore[arg-type]
                    asset_key=asset_key,
                    check_name=check.name,
                    passed=answer.passed,
                    severity=check.severity,
                    metadata=dict(answer.numbers),
                    description=answer.advice or None,
                    partition=day.key,
                )
            )
        blocked = sorted(
            {day.key for (day, check), answer in answers.items() if check.blocking and not answer.passed and day in own}
        )
        if blocked:
            raise Failure(
                description=f"{table.name}: a blocking check failed for {', '.join(blocked)}",
                metadata={"failed_partitions": ", ".join(blocked)},
                allow_retries=False,
            )
        yield from ()  # Dagster takes a function with several outputs for a generator only if it is one

    return run_checks
