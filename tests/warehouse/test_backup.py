"""`backup` and the copy for BI: whole, made while others work."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import pytest

from hologram_assets.warehouse.connection import Warehouse, WarehouseBusyError
from hologram_assets.warehouse.tables import SCHEMA, TABLES
from tests.integration.test_refusals_and_failures import run
from tests.warehouse.test_connection import count, holder, insert


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "it's.duckdb"
    monkeypatch.setenv("HOLOGRAM_WAREHOUSE", str(path))
    with Warehouse(path).write() as connection:
        insert(connection)
    return path


def test_a_copy_holds_every_row_and_works_in_the_place_of_the_warehouse(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy's.duckdb"
    result = run("backup", str(copy))
    assert result.exit_code == 0
    assert f"copied to {copy}" in result.stderr
    with duckdb.connect(str(copy), read_only=True) as connection:
        found = connection.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = ?", [SCHEMA]).fetchall()
    assert {name for (name,) in found} == {table.name for table in TABLES}
    copy.replace(path)
    with Warehouse(path).write() as connection:
        insert(connection)
    assert count(path) == 2


def test_what_a_killed_writer_had_committed_is_in_the_copy(path: Path, tmp_path: Path) -> None:
    process = os.fork()
    if process == 0:
        with duckdb.connect(str(path)) as connection:
            connection.execute("SET checkpoint_threshold = '1GB'")
            connection.execute(f'INSERT INTO "it\'s".{SCHEMA}.partition_loads (org_id) VALUES (145)')
            os._exit(0)
    os.waitpid(process, 0)
    assert path.with_name(path.name + ".wal").exists()
    Warehouse(path).copy_to(tmp_path / "copy.duckdb")
    Warehouse(path).publish(tmp_path / "published.duckdb")
    assert count(tmp_path / "copy.duckdb") == 2
    assert count(tmp_path / "published.duckdb") == 2


def test_a_file_that_is_there_stays_and_a_folder_is_made(path: Path, tmp_path: Path) -> None:
    there, blocked = tmp_path / "there.duckdb", tmp_path / "there.duckdb" / "copy.duckdb"
    there.write_text("mine")
    for target, words in ((there, "is there already"), (blocked, "can't be written")):
        result = run("backup", str(target))
        assert result.exit_code == 1
        assert words in result.stderr
        assert str(target) in result.stderr
    assert there.read_text() == "mine"
    assert run("backup", str(tmp_path / "backups" / "of" / "today.duckdb")).exit_code == 0
    assert [file for file in tmp_path.rglob("*") if "partial" in file.name] == []


def test_without_a_warehouse_there_is_nothing_to_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLOGRAM_WAREHOUSE", str(tmp_path / "none.duckdb"))
    result = run("backup", str(tmp_path / "copy.duckdb"))
    assert result.exit_code == 1
    assert "there is no warehouse" in result.stderr


def test_a_copy_waits_for_a_writer_and_gives_up_with_its_name(path: Path, tmp_path: Path) -> None:
    writer = holder(path, "write", 30)
    try:
        with pytest.raises(WarehouseBusyError, match=f"process {writer.pid}"):
            Warehouse(path, lock_timeout_seconds=0.5).copy_to(tmp_path / "copy.duckdb")
        with pytest.raises(WarehouseBusyError, match=f"process {writer.pid}"):
            Warehouse(path, lock_timeout_seconds=0.1).publish(tmp_path / "copy.duckdb")
    finally:
        writer.kill()
        writer.wait()
    assert not (tmp_path / "copy.duckdb").exists()


def test_who_reads_a_published_copy_goes_on_while_the_warehouse_is_written_and_the_next_copy_comes(
    path: Path, tmp_path: Path
) -> None:
    published = tmp_path / "reports" / "current.duckdb"
    rows = f"SELECT count(*) FROM {SCHEMA}.partition_loads"
    Warehouse(path).publish(published)
    with duckdb.connect(str(published), read_only=True) as reader:
        with Warehouse(path, lock_timeout_seconds=1).write() as connection:
            insert(connection)
        Warehouse(path).publish(published)
        assert reader.execute(rows).fetchone() == (1,)
    assert [file.name for file in published.parent.iterdir()] == ["current.duckdb"]
    assert count(published) == 2
