"""Inside a range, every day stands alone: what an asset does when some days succeed and some fail.

When a step raises, Dagster marks all partitions of its range failed, stored ones included. So each day is tried; if
all went well the step returns and Dagster records them; if some failed, the good ones are recorded here and one
`Failure` names the bad ones.

A run's days are not all that it changes: what was derived from them on later days (the report looks back 90 days) is old
now. So a derived asset goes on with the organisation's other stale days, whoever asked for the run: the UI, a schedule or
the command line. A mapping of 90 days to one would say the same to Dagster, but takes the asset out of the run of a range.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Self, TypeVar

import duckdb
from dagster import (
    AssetExecutionContext,
    AssetMaterialization,
    DagsterError,
    DagsterExecutionInterruptedError,
    Failure,
    MetadataValue,
)
from dagster._core.definitions.metadata import RawMetadataValue

from hologram_assets.api.errors import ForbiddenError, HologramError, KeyMissingError, KeyRefusedError, PermanentError
from hologram_assets.partitions import OrgDay, days_by_org, days_of_run
from hologram_assets.processes import this_process
from hologram_assets.resources.hologram import key_variable
from hologram_assets.run_tags import PROCESS_TAG
from hologram_assets.warehouse.connection import Warehouse, WarehouseError
from hologram_assets.warehouse.derived import NotLoadedError
from hologram_assets.warehouse.known import LOOK_BACK, stale_days
from hologram_assets.warehouse.loads import Load, utc_now

T = TypeVar("T")
Metadata = Mapping[str, RawMetadataValue]
# Told of every finished day of an asset, with its error if it failed. Steps run in their caller's process here, and the
# `backfill` command learns from it what Dagster's events don't say: which days of a failed range are stored.
DayListener = Callable[[str, OrgDay, BaseException | None], None]
day_finished: ContextVar[DayListener] = ContextVar("day_finished", default=lambda _asset, _day, _error: None)


class StoppedError(DagsterError, DagsterExecutionInterruptedError):
    """The run was asked to stop (Ctrl-C, Terminate).

    Dagster answers an interrupt of a step with a retry policy by trying the step again. A `DagsterError` passes by the
    policy, and as an interrupt it then ends the run as one.
    """


class RefusedError(PermanentError):
    """A partition that can't be loaded, whatever is tried: the text says which can."""


def load_metadata(load: Load, api_calls: int | None = None) -> dict[str, RawMetadataValue]:
    """A load as the numbers that Dagster plots per partition; those of fetching only where something was fetched."""
    numbers: dict[str, RawMetadataValue] = {
        "dagster/partition_row_count": load.rows,
        "rows": load.rows,
        "new_rows": load.new_rows,
        "changed_rows": load.changed_rows,
    }
    if load.bytes is not None:
        numbers["bytes"] = load.bytes
    if api_calls is not None:
        numbers |= {
            "late_rows": load.late_rows,
            **({} if load.late_bytes is None else {"late_bytes": load.late_bytes}),
            **({} if load.lateness_seconds is None else {"greatest_lateness_hours": load.lateness_seconds / 3600}),
            "missing_upstream": load.missing_upstream,
            "rejected_rows": load.rejected_rows,
            "api_calls": api_calls,
        }
    if load.complete_through is not None:
        numbers["complete_through"] = MetadataValue.text(f"{load.complete_through:%Y-%m-%d %H:%M:%S} UTC")
    return numbers


class Days:
    """The days of a step: what became of each, told to Dagster when the `with` block ends.

    Raises (at the end):
        Failure: some day failed; names each with its reason. Not retried if trying again can't help.
    """

    def __init__(self, context: AssetExecutionContext) -> None:
        self._context = context
        self._asset = context.asset_key.to_user_string()
        self._good: dict[OrgDay, Metadata] = {}
        self._bad: dict[OrgDay, Exception] = {}
        _name_process(context)
        try:
            self.partitions = days_of_run(context)
        except ValueError as error:
            raise Failure(
                f"{error}: no day of an organisation. An organisation is a number, Hologram's id of it",
                allow_retries=False,
            ) from error

    def to_derive(self, warehouse: Warehouse) -> Iterator[OrgDay]:
        """The run's days, and then the stale ones within 90 days of them, by organisation, ascending."""
        yield from self.partitions
        for org_id, days in days_by_org(day.key for day in self.partitions).items():
            try:
                with warehouse.read() as connection:
                    stale = stale_days(connection, self._asset, org_id, days[0] - LOOK_BACK, days[-1] + LOOK_BACK)
            except WarehouseError as error:
                # The run's own days are done; the check `up_to_date` names what stayed old.
                self._context.log.warning(f"{self._asset}: can't see which other days are stale: {error}")
                return
            others = [OrgDay(org_id, day) for day in stale if day not in days]
            if others:
                self._context.log.info(f"{self._asset}: {len(others)} more days were made from what has changed since")
            yield from others

    def __enter__(self) -> Self:
        return self

    def done(self, day: OrgDay, metadata: Metadata) -> None:
        """A day is stored."""
        self._good[day] = metadata
        if len(self.partitions) > 1:  # of one day its materialisation says it
            self._context.log.info(f"{self._asset} {day.key}: {metadata.get('rows')} rows")
        day_finished.get()(self._asset, day, None)

    def failed(self, day: OrgDay, error: Exception) -> None:
        """A day failed; the others go on. One that the run was not asked for doesn't fail it: it stays as it was."""
        self._good.pop(day, None)
        if day in self.partitions:
            self._bad[day] = error
        self._context.log.error(f"{self._asset} {day.key}: {error}")
        day_finished.get()(self._asset, day, error)

    def has_failed(self, day: OrgDay) -> bool:
        """Whether a day of the run has failed: nothing may make it look done."""
        return day in self._bad

    def store(
        self,
        day: OrgDay,
        warehouse: Warehouse,
        write: Callable[[duckdb.DuckDBPyConnection], Load],
        *,
        api_calls: int | None = None,
        more: Callable[[duckdb.DuckDBPyConnection], Metadata] | None = None,
    ) -> None:
        """Write a day in a transaction of its own; any error is that day's alone.

        Args:
            day: the partition.
            warehouse: where to.
            write: does the work.
            api_calls: requests that were made for the day.
            more: further metadata, read before the transaction ends.
        """
        try:
            with warehouse.write() as connection:
                load = write(connection)
                metadata = load_metadata(load, api_calls) | dict(more(connection) if more else {})
        except Exception as error:  # noqa: BLE001 - whatever it is, the other days go on, and it is raised at the end
            self.failed(day, error)
        else:
            self.done(day, metadata)

    def derive(
        self,
        warehouse: Warehouse,
        write: Callable[[OrgDay], Callable[[duckdb.DuckDBPyConnection], Load]],
        more: Callable[[OrgDay], Callable[[duckdb.DuckDBPyConnection], Metadata]] | None = None,
    ) -> None:
        """Write the run's days and the stale ones, each as in `store`.

        Args:
            warehouse: where from and where to.
            write: of a day, what does the work.
            more: of a day, what reads its further metadata before the transaction ends.
        """
        for day in self.to_derive(warehouse):
            self.store(day, warehouse, write(day), more=more(day) if more else None)

    def judge(
        self,
        day: OrgDay,
        warehouse: Warehouse,
        read: Callable[[duckdb.DuckDBPyConnection], T],
        write: Callable[[duckdb.DuckDBPyConnection, T, datetime], Load],
        *,
        more: Callable[[duckdb.DuckDBPyConnection, T], Metadata],
    ) -> None:
        """Write what rules make of the warehouse, read beside other readers: no writer waits for the rules.

        Args:
            day: the partition; any error is that day's alone.
            warehouse: where from and where to.
            read: reads and judges.
            write: stores what `read` gave; it also gets when that was read.
            more: further metadata, of what `read` gave or of what is stored now.
        """
        read_at = utc_now()
        try:
            with warehouse.read() as connection:
                found = read(connection)
        except Exception as error:  # noqa: BLE001 - as in `store`
            self.failed(day, error)
            return
        self.store(
            day,
            warehouse,
            lambda connection: write(connection, found, read_at),
            more=lambda connection: more(connection, found),
        )

    @property
    def stored(self) -> list[OrgDay]:
        """The days that are stored, the run's and others."""
        return list(self._good)

    def add(self, day: OrgDay, name: str, value: RawMetadataValue) -> None:
        """Further metadata of a day that is stored; the UI shows it first."""
        self._good[day] = {name: value, **self._good[day]}

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if error is not None:
            # Nobody can ask a stopped step for the days it has stored; without this they would look unmaterialised.
            self._record(self._good)
            if isinstance(error, (KeyboardInterrupt, DagsterExecutionInterruptedError)):
                for day in self._untried:
                    day_finished.get()(self._asset, day, error)
                raise StoppedError(f"{self._asset} was stopped; the days that were done are stored") from error
            if isinstance(error, Exception):
                for day in self._untried:
                    self.failed(day, error)
                raise _failure(self._asset, self._bad) from error
            return
        if self._bad:
            self._record(self._good)
            raise _failure(self._asset, self._bad) from next(iter(self._bad.values()))
        for day in self.partitions:
            if day in self._good:
                # Of one partition there is nothing to tell apart, and Dagster need not look it up.
                key = day.key if len(self.partitions) > 1 else None
                self._context.add_asset_metadata(self._good.pop(day), partition_key=key)
        self._record(self._good)

    @property
    def _untried(self) -> list[OrgDay]:
        return [day for day in self.partitions if day not in self._good and day not in self._bad]

    def _record(self, stored: Mapping[OrgDay, Metadata]) -> None:
        for day, metadata in stored.items():
            self._context.log_event(
                AssetMaterialization(self._context.asset_key, partition=day.key, metadata=dict(metadata))
            )


_named: set[str] = set()


def _name_process(context: AssetExecutionContext) -> None:
    """Say in the run's tags which process runs it, once: `lost_run_sensor` looks whether it is still there."""
    if context.run.run_id not in _named:
        _named.add(context.run.run_id)
        context.instance.add_run_tags(context.run.run_id, {PROCESS_TAG: f"{context.run.run_id} {this_process()}"})


def _failure(asset: str, bad: Mapping[OrgDay, Exception]) -> Failure:
    reasons: dict[str, list[str]] = {}
    for day, error in sorted(bad.items(), key=lambda item: item[0]):
        reasons.setdefault(str(error) or type(error).__name__, []).append(day.key)
    text = "; ".join(f"{', '.join(days)}: {reason}" for reason, days in reasons.items())
    days = ", ".join(day.key for day in sorted(bad))
    return Failure(
        description=f"{asset} failed for {text}",
        metadata={"failed_partitions": days, "reasons": MetadataValue.json(reasons)},
        allow_retries=not all(isinstance(error, (PermanentError, NotLoadedError)) for error in bad.values()),
    )


@contextmanager
def asking(org_id: int) -> Iterator[None]:
    """Around requests: their errors name the organisation and what to check."""
    try:
        yield
    except HologramError as error:
        raise explained(error, org_id) from error


def explained(error: HologramError, org_id: int) -> HologramError:
    """The error with the organisation, and for a refused key the variable to change."""
    if isinstance(error, KeyMissingError):
        return error
    advice = ""
    if isinstance(error, (KeyRefusedError, ForbiddenError)):
        advice = (
            f". Check {key_variable(org_id)}: the key must be valid and belong to an owner of organisation {org_id}"
        )
    return type(error)(f"organisation {org_id}: {error}{advice}")
