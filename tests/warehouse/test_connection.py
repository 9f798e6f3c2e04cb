from __future__ import annotations

import multiprocessing as mp
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import duckdb
import pytest

from hologram_assets.warehouse.connection import (
    Warehouse,
    WarehouseBusyError,
    WarehouseError,
    WarehouseMissingError,
    forget_blocks,
)
from hologram_assets.warehouse.tables import PARTITION_LOADS, SCHEMA, TABLES

HOLD = """
import sys, time
from hologram_assets.warehouse.connection import Warehouse
with Warehouse(sys.argv[1]).{mode}() as connection:
    connection.execute("SELECT 1")
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def holder(path: Path, mode: str, seconds: float) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD.format(mode=mode), str(path), str(seconds)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process.stdout as out:
        assert out.readline().strip() == "held"
    return process


def count(path: Path) -> int:
    with Warehouse(path).read() as connection:
        row = connection.execute(f"SELECT count(*) FROM {PARTITION_LOADS.qualified}").fetchone()
        assert row is not None
        return int(row[0])


def insert(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(f"INSERT INTO {PARTITION_LOADS.qualified} (org_id, day, asset) VALUES (144, '2026-11-01', 'a')")


@pytest.mark.parametrize("name", ["hologram.duckdb", "it's.duckdb", "x.db"])
def test_any_file_name_works_also_the_schemas_own(tmp_path: Path, name: str) -> None:
    path = tmp_path / "deep" / name
    with Warehouse(path).write() as connection:
        insert(connection)
    assert count(path) == 1


def test_the_first_write_makes_every_table_and_a_second_changes_none(tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    for _ in range(2):
        with Warehouse(path).write() as connection:
            insert(connection)
    with duckdb.connect(str(path), read_only=True) as connection:
        found = connection.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = ?", [SCHEMA]).fetchall()
    assert {name for (name,) in found} == {table.name for table in TABLES}
    assert count(path) == 2


def test_a_column_that_an_older_version_lacked_is_added_and_rows_stay(tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    with Warehouse(path).write() as connection:
        insert(connection)
    with duckdb.connect(str(path)) as connection:
        connection.execute("ALTER TABLE hologram.partition_loads DROP COLUMN run_id")
    with Warehouse(path).write() as connection:
        connection.execute("SELECT run_id FROM hologram.partition_loads")
    assert count(path) == 1


def test_forgetting_blocks_frees_memory_loses_nothing_and_leaves_the_limit(tmp_path: Path) -> None:
    with Warehouse(tmp_path / "w.duckdb").write() as connection:
        connection.execute(
            f"INSERT INTO {SCHEMA}.raw_sessions (org_id, record_id, extra) "
            "SELECT 144, n, md5(n::VARCHAR) FROM range(400000) AS ids(n)"
        )
        used = "SELECT sum(memory_usage_bytes) FROM duckdb_memory()"
        before = connection.execute(used).fetchall()[0][0]
        forget_blocks(connection)
        limit = connection.execute("SELECT current_setting('memory_limit')").fetchone()
        assert connection.execute(used).fetchall()[0][0] < before / 2
        forget_blocks(connection)
        assert connection.execute("SELECT current_setting('memory_limit')").fetchone() == limit
        # More than the limit that was set for a moment.
        assert connection.execute(f"SELECT count(DISTINCT extra) FROM {SCHEMA}.raw_sessions").fetchone() == (400_000,)


def test_an_error_rolls_everything_back(tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    with Warehouse(path).write() as connection:
        insert(connection)
    with pytest.raises(duckdb.Error, match="half way"), Warehouse(path).write() as connection:
        connection.execute("DELETE FROM hologram.partition_loads; SELECT error('half way')").fetchall()
    assert count(path) == 1


def test_a_writer_killed_in_its_transaction_leaves_what_was_there_and_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    with Warehouse(path).write() as connection:
        insert(connection)
    process = holder(path, "write", 60)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert count(path) == 1
    with Warehouse(path, lock_timeout_seconds=5).write() as connection:
        insert(connection)
    assert count(path) == 2


@pytest.mark.parametrize("mode", ["read", "write"])
def test_a_writer_waits_for_another_process(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "x.duckdb"
    with Warehouse(path).write() as connection:
        insert(connection)
    process = holder(path, mode, 1.5)
    with Warehouse(path, lock_timeout_seconds=30).write() as connection:
        assert process.wait(timeout=10) == 0
        insert(connection)
    assert count(path) == 2


def test_readers_read_side_by_side(tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    with Warehouse(path).write() as connection:
        insert(connection)
    process = holder(path, "read", 30)
    assert count(path) == 1
    assert process.poll() is None
    process.kill()
    process.wait()


def test_giving_up_says_who_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    process = holder(path, "write", 60)
    with pytest.raises(WarehouseBusyError, match=f"process {process.pid} on"), Warehouse(path, 0.3).write():
        pass
    process.kill()
    process.wait()


def test_a_program_that_knows_no_lock_of_ours_is_named_by_duckdbs_words(tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    with Warehouse(path).write() as connection:
        insert(connection)
    code = f"import duckdb, time; c = duckdb.connect({str(path)!r}); print('held', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        held = pytest.raises(WarehouseBusyError, match=f"is held by a program.*{process.pid}")
        with held, Warehouse(path, 0.5).write():
            pass
        process.kill()


def test_threads_queue_as_processes_do(tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"

    def work() -> None:
        for _ in range(5):
            with Warehouse(path).write() as connection:
                insert(connection)
                time.sleep(0.005)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(path) == 20


def _many_writes(path: str) -> None:
    for _ in range(10):
        with Warehouse(path).write() as connection:
            insert(connection)


def test_processes_that_write_at_once_all_succeed(tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    context = mp.get_context("spawn")
    processes = [context.Process(target=_many_writes, args=(str(path),)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert count(path) == 30


def test_reading_before_the_first_load_says_what_to_do(tmp_path: Path) -> None:
    with (
        pytest.raises(WarehouseMissingError, match="hologram-assets backfill"),
        Warehouse(tmp_path / "no.duckdb").read(),
    ):
        pass
    duckdb.connect(str(tmp_path / "empty.duckdb")).close()
    with pytest.raises(WarehouseMissingError, match="no table of ours"), Warehouse(tmp_path / "empty.duckdb").read():
        pass


def test_a_file_that_is_no_duckdb_file_is_said_at_once_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    path.write_bytes(b"not a database" * 1000)
    began = time.monotonic()
    with pytest.raises(WarehouseError, match="can't be opened"), Warehouse(path).write():
        pass
    assert time.monotonic() - began < 10
    assert path.read_bytes() == b"not a database" * 1000
