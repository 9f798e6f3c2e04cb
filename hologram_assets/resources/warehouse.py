"""The warehouse resource: dagster-duckdb's, with our lock and transactions around its connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
from dagster_duckdb import DuckDBResource

from hologram_assets.warehouse.connection import LOCK_TIMEOUT_SECONDS, Warehouse


class WarehouseResource(DuckDBResource):
    """A `DuckDBResource` whose connections queue with those of other processes and write in one transaction."""

    lock_timeout_seconds: float = LOCK_TIMEOUT_SECONDS

    @property
    def warehouse(self) -> Warehouse:
        """The warehouse file."""
        return Warehouse(self.database, self.lock_timeout_seconds)

    @contextmanager
    def get_connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection in a transaction, for assets that were written for `DuckDBResource`."""
        with self.warehouse.write() as connection:
            yield connection
