"""Opening the warehouse: a lock shared to read and exclusive to write, one transaction per write.

DuckDB lets one process write and shuts out even readers meanwhile, so processes queue on a lock beside the file
instead of failing on DuckDB's own. The lock is let go by the operating system when its holder dies.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import duckdb
from filelock import ReadWriteLock, Timeout
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from hologram_assets.warehouse.tables import SCHEMA, TABLES, column_statements, schema_statements
from hologram_assets.whole_files import whole_file

LOCK_TIMEOUT_SECONDS = 300.0
_ROWS_AT_ONCE = 50_000
# Of a new file, and of an older one from its next write on. The default is what DuckDB 1.0 can read; this is read from 1.4
# on, writes text a third faster (one pass for dictionary and FSST) and takes a fifth less.
_FORMAT = "STORAGE_VERSION 'v1.4.0'"
# Tables are the file's; the macros are the engine's (`_engine`).
_SEARCH = "SET search_path = 'warehouse.main,memory.main'"
T = TypeVar("T")


class WarehouseError(RuntimeError):
    """The warehouse can't be opened; the text says what to do."""


class WarehouseBusyError(WarehouseError):
    """Somebody else held the warehouse for longer than we wait."""


class WarehouseMissingError(WarehouseError):
    """There is no warehouse file yet."""


@cache
def sql(name: str) -> str:
    """The text of `warehouse/sql/<name>.sql`."""
    return (files(__package__) / "sql" / f"{name}.sql").read_text(encoding="utf-8")


def streamed(
    connection: duckdb.DuckDBPyConnection,
    query: str,
    parameters: Mapping[str, Any],
    make: Callable[[Iterable[Any]], T],
) -> Iterator[T]:
    """The rows of a query, each as what `make` makes of it, without holding all of them.

    Until the last is taken the connection can't be asked anything else; `beside` gives another one.
    """
    connection.execute(query, dict(parameters))
    while rows := connection.fetchmany(_ROWS_AT_ONCE):
        yield from map(make, rows)


def beside(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """A second connection to the same warehouse; it sees what is committed."""
    cursor = connection.cursor()
    cursor.execute(_SEARCH)
    return cursor


def forget_blocks(connection: duckdb.DuckDBPyConnection) -> None:
    """Let go of what was read and written and is not in use: DuckDB keeps a file's blocks until memory is short."""
    with suppress(duckdb.Error):  # it says that more is in use, having let go of what is not
        connection.execute("SET memory_limit = '1MiB'")
    # RESET says the default again without keeping to it; its text, which is rounded down, would shrink from call to call.
    connection.execute("RESET memory_limit")
    row = connection.execute("SELECT current_setting('memory_limit')").fetchone()
    connection.execute(f"SET memory_limit = '{row[0] if row else '1GiB'}'")


class Warehouse:
    """A DuckDB file with schema `hologram`.

    Args:
        path: the file; made, with its folder, by the first write.
        lock_timeout_seconds: how long to wait for others before giving up.
    """

    def __init__(self, path: str | Path, lock_timeout_seconds: float = LOCK_TIMEOUT_SECONDS) -> None:
        self.path = Path(path)
        self._timeout = lock_timeout_seconds
        self._lock_path = self.path.with_name(self.path.name + ".lock")
        self._holder_path = self.path.with_name(self.path.name + ".holder")

    @contextmanager
    def read(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A read-only connection, beside other readers.

        Raises:
            WarehouseMissingError: nothing has been written yet.
            WarehouseBusyError: a writer held the warehouse for too long.
        """
        if not self.path.exists():
            msg = f"there is no warehouse at {self.path} yet; load data first (hologram-assets backfill)"
            raise WarehouseMissingError(msg)
        with self._locked(write=False), self._opened(read_only=True) as connection:
            if _sound.get(self.path) != _version(self.path) and not _lacking(connection) < _wanted():
                msg = f"{self.path} holds no table of ours yet; load data first (hologram-assets backfill)"
                raise WarehouseMissingError(msg)
            yield connection

    @contextmanager
    def write(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection inside one transaction: committed at the end, rolled back on any error.

        Raises:
            WarehouseBusyError: others held the warehouse for too long; the text names the last one known.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._locked(write=True):
            with self._opened(read_only=False) as connection:
                if _sound.get(self.path) != _version(self.path):
                    _ensure_schema(connection)
                connection.begin()
                try:
                    yield connection
                except BaseException:
                    with suppress(duckdb.Error):
                        connection.rollback()
                    raise
                connection.commit()
            _sound[self.path] = _version(self.path)

    def copy_to(self, target: Path) -> None:
        """Write everything to a new file, compacted; writers wait meanwhile. The file is there whole or not at all.

        Raises:
            WarehouseMissingError: nothing has been written yet.
            WarehouseBusyError: a writer held the warehouse for too long.
            WarehouseError: there is such a file already, or it can't be written.
        """
        if target.exists():
            msg = f"{target} is there already; name a new file"
            raise WarehouseError(msg)
        try:
            with self.read() as connection, whole_file(target) as partial:
                partial.unlink()
                _copy_database(connection, partial)
        except (duckdb.Error, OSError) as error:
            msg = f"{target} can't be written: {error}"
            raise WarehouseError(msg) from error

    def publish(self, target: Path) -> None:
        """Put a copy of the file, as it is now, in the place of `target`, which readers have whole: the old one or the new.

        Writers wait meanwhile, for as long as the file takes to be read. So of two that publish at once both have the same.

        Raises:
            WarehouseMissingError: nothing has been written yet.
            WarehouseBusyError: a writer held the warehouse for too long.
            WarehouseError: the copy can't be written.
        """
        try:
            # Held open, so that no program that doesn't know our lock writes to it meanwhile.
            with self.read() as connection, whole_file(target) as partial:
                if self.path.with_name(self.path.name + ".wal").exists():
                    partial.unlink()
                    _copy_database(connection, partial)  # a writer was killed: part of the data is not in the file yet
                else:
                    shutil.copyfile(self.path, partial)
                # Who may not read the warehouse may not read its copy.
                shutil.copymode(self.path, partial)
        except (duckdb.Error, OSError) as error:
            msg = f"{target} can't be written: {error}"
            raise WarehouseError(msg) from error

    @contextmanager
    def _locked(self, *, write: bool) -> Iterator[None]:
        # An instance per use: threads must wait for each other as processes do.
        lock = ReadWriteLock(self._lock_path, timeout=self._timeout, is_singleton=False)
        try:
            with lock.write_lock() if write else lock.read_lock():
                if write:
                    self._say_who()
                try:
                    yield
                finally:
                    if write:
                        self._holder_path.unlink(missing_ok=True)
        except Timeout:
            msg = (
                f"the warehouse {self.path} was busy for {self._timeout:.0f} s; last writer known: {self._holder()}. "
                "Wait for it or stop it, then try again"
            )
            raise WarehouseBusyError(msg) from None
        finally:
            lock.close()

    @contextmanager
    def _opened(self, *, read_only: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        # Programs that don't know our lock (the duckdb shell, a notebook) still hold DuckDB's own.
        retrying = Retrying(
            retry=retry_if_exception(_is_locked),
            stop=stop_after_delay(min(self._timeout, 30)),
            wait=wait_random_exponential(multiplier=0.05, max=2),
            reraise=True,
        )
        # Attached under a name of our own: a file `hologram.duckdb` opened directly is a catalogue `hologram`, which
        # DuckDB can't tell from the schema `hologram` inside it.
        mode = "READ_ONLY" if read_only else _FORMAT
        attach = f"ATTACH {_literal(self.path)} AS warehouse ({mode})"
        with _engine() as engine:
            try:
                retrying(engine.execute, attach)
            except duckdb.Error as error:
                if _is_locked(error):
                    msg = f"the warehouse {self.path} is held by a program; close it. DuckDB says: {error}"
                    raise WarehouseBusyError(msg) from error
                msg = f"the warehouse {self.path} can't be opened; check HOLOGRAM_WAREHOUSE. DuckDB says: {error}"
                raise WarehouseError(msg) from error
            connection = engine.cursor()
            try:
                connection.execute(_SEARCH)
                yield connection
            finally:
                connection.close()
            engine.execute("DETACH warehouse")

    def _say_who(self) -> None:
        who = {"process": os.getpid(), "host": socket.gethostname(), "since": _now().isoformat(timespec="seconds")}
        self._holder_path.write_text(json.dumps(who), encoding="utf-8")

    def _holder(self) -> str:
        try:
            who = json.loads(self._holder_path.read_text(encoding="utf-8"))
            return f"process {who['process']} on {who['host']} since {who['since']} UTC"
        except (OSError, ValueError, KeyError):
            return "a reader, or somebody who left no name"


# Making an engine takes 14 ms, its macros 2 and looking at a file's tables 15, of 31 in all, and a run opens the warehouse
# some 30 times: a thread keeps its engine (with no file attached), and what this process has written is known to be sound.
_idle = threading.local()
_sound: dict[Path, tuple[int, int, int]] = {}


@contextmanager
def _engine() -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB without a file: the thread's own, or a new one while that is in use. After an error it is thrown away."""
    process, engine = getattr(_idle, "engine", (0, None))
    _idle.engine = (0, None)
    if engine is None or process != os.getpid():
        engine = duckdb.connect()
        engine.execute("SET GLOBAL TimeZone = 'UTC'")
        engine.execute(sql("macros"))
    try:
        yield engine
    except BaseException:
        engine.close()
        raise
    _idle.engine = (os.getpid(), engine)


def _version(path: Path) -> tuple[int, int, int]:
    """What differs once somebody else has written the file, or put another in its place."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _is_locked(error: BaseException) -> bool:
    return isinstance(error, duckdb.IOException) and "lock on file" in str(error)


def _wanted() -> set[tuple[str, str]]:
    return {(table.name, column) for table in TABLES for column in table.column_names}


def _lacking(connection: duckdb.DuckDBPyConnection) -> set[tuple[str, str]]:
    """Tables' columns (table, column) that the file doesn't have."""
    stored = connection.execute(
        "SELECT table_name, column_name FROM duckdb_columns() WHERE database_name = 'warehouse' AND schema_name = ?",
        [SCHEMA],
    ).fetchall()
    return _wanted() - set(stored)


def _ensure_schema(connection: duckdb.DuckDBPyConnection) -> None:
    """Create what is missing, at once and for good. A look at the catalogue spares some 200 statements."""
    if _lacking(connection):
        connection.begin()
        for statement in schema_statements():
            connection.execute(statement)
        for statement in column_statements(_lacking(connection)):
            connection.execute(statement)
        connection.commit()


def _copy_database(connection: duckdb.DuckDBPyConnection, target: Path) -> None:
    connection.execute(f"ATTACH {_literal(target)} AS copy ({_FORMAT})")
    connection.execute("COPY FROM DATABASE warehouse TO copy")
    connection.execute("DETACH copy")


def _literal(path: Path) -> str:
    """ATTACH takes no parameter."""
    return "'" + str(path).replace("'", "''") + "'"


def _now() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC).replace(tzinfo=None)
