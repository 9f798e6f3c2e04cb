"""The one table that `make bench` prints, and the JSON that it writes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Row:
    """A comparison: our figure, the peer's, their ratio, what it should be, and whether it is."""

    what: str
    ours: str
    peer: str
    ratio: str
    target: str
    met: bool


def show(rows: Sequence[Row], console: Console) -> None:
    """Print the table."""
    table = Table(title="Benchmarks")
    for heading in ("what", "ours", "peer", "ratio", "target", "met"):
        table.add_column(heading)
    for row in rows:
        table.add_row(row.what, row.ours, row.peer, row.ratio, row.target, "yes" if row.met else "NO")
    console.print(table)


def write(rows: Sequence[Row], path: Path) -> None:
    """Write the rows as a JSON list."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", encoding="utf-8")
