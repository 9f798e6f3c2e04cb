"""The one table that `make bench` prints, and the JSON that it writes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

HEADINGS = ("what", "ours", "peer", "ratio", "target", "met")


@dataclass(frozen=True)
class Row:
    """A comparison: our figure, the peer's, their ratio, what it should be, and whether it is."""

    what: str
    ours: str
    peer: str
    ratio: str
    target: str
    met: bool

    @property
    def cells(self) -> tuple[str, ...]:
        """As it is shown."""
        return (self.what, self.ours, self.peer, self.ratio, self.target, "yes" if self.met else "NO")


def show(rows: Mapping[str, Sequence[Row]], console: Console) -> None:
    """Print the table, group by group."""
    table = Table(title="Benchmarks")
    for heading in HEADINGS:
        table.add_column(heading)
    for some in rows.values():
        for row in some:
            table.add_row(*map(escape, row.cells))
        table.add_section()
    console.print(table)


def merged(rows: Mapping[str, Sequence[Row]], path: Path, groups: Sequence[str]) -> dict[str, Sequence[Row]]:
    """The rows of a run, and for groups that it left out those of the file, in the order of the groups."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    before: dict[str, list[Row]] = {}
    for one in known:
        before.setdefault(one.pop("group", ""), []).append(Row(**one))
    return {group: rows.get(group, before.get(group, [])) for group in groups if group in rows or group in before}


def write(rows: Mapping[str, Sequence[Row]], path: Path) -> None:
    """Write the rows as a JSON list, each with its group."""
    path.parent.mkdir(parents=True, exist_ok=True)
    flat = [{"group": group, **asdict(row)} for group, some in rows.items() for row in some]
    path.write_text(json.dumps(flat, indent=2) + "\n", encoding="utf-8")
