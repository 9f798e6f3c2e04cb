"""Imports run one way: what stands below in `MAY_IMPORT` knows nothing of what stands above."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "hologram_assets"
# What each room may import of ours, and which libraries it must not know.
MAY_IMPORT = {
    "domain": {"domain"},
    "api": {"api", "domain"},
    "pictures": {"pictures"},
    "page": {"page", "pictures"},
    "whole_files": set(),
    "warehouse": {"warehouse", "domain", "pictures", "page", "whole_files"},
    "resources": {"resources", "api", "warehouse", "domain"},
    "partitions": set(),
    "run_tags": set(),
    "processes": set(),
    "jobs": {"partitions", "run_tags"},
    "schedules": {"jobs", "partitions", "run_tags"},
    "assets": {
        "assets",
        "resources",
        "partitions",
        "processes",
        "run_tags",
        "api",
        "warehouse",
        "domain",
        "pictures",
        "page",
        "whole_files",
    },
    "checks": {"checks", "assets", "resources", "partitions", "warehouse", "domain"},
    "sensors": {"sensors", "jobs", "processes", "run_tags", "resources", "partitions", "domain"},
    "settings": {"domain"},
    "sandbox": {"sandbox"},
    "backfill": {"assets", "partitions"},
}
MUST_NOT_KNOW = {
    "domain": {"dagster", "duckdb", "requests", "pyarrow"},
    "api": {"dagster", "duckdb"},
    "pictures": {"dagster", "duckdb", "pyarrow"},
    "page": {"dagster", "duckdb", "pyarrow"},
    "warehouse": {"dagster", "requests"},
    "sandbox": {"dagster", "duckdb"},
}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module


def modules(room: str) -> list[Path]:
    folder = PACKAGE / room
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [PACKAGE / f"{room}.py"]


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_lies_below_it(room: str) -> None:
    paths = modules(room)
    assert paths
    for path in paths:
        ours = {name.split(".")[1] for name in imports(path) if name.startswith("hologram_assets.")}
        assert ours <= MAY_IMPORT[room], path


@pytest.mark.parametrize("room", MUST_NOT_KNOW)
def test_a_room_does_not_know_the_libraries_of_another(room: str) -> None:
    for path in modules(room):
        assert not {name.split(".")[0] for name in imports(path)} & MUST_NOT_KNOW[room], path


def test_every_module_says_what_belongs_in_it() -> None:
    for path in sorted(PACKAGE.rglob("*.py")):
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path
