"""The page about performance: its table and its charts, made of the rows of a run. Its words are written by hand."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import dagster
import duckdb
from matplotlib.figure import Figure

from benchmarks.table import HEADINGS, Row
from hologram_assets.pictures.canvas import BLUE, GREY, INK, VERMILLION

_TABLE = re.compile(r"(<!-- table -->\n).*?(<!-- /table -->)", re.DOTALL)
_NUMBER = re.compile(r"-?[\d,]*\.?\d+")
_BOUND = re.compile(r"(<=|>=) ([\d.]+)")


def update_page(page: Path, rows: Mapping[str, Sequence[Row]]) -> None:
    """Put the table between the page's marks, and write its charts to `images` beside it."""
    table = f"{_machine()}\n\n{_markdown(rows)}\n"
    text = page.read_text(encoding="utf-8")
    page.write_text(_TABLE.sub(lambda marks: f"{marks[1]}{table}{marks[2]}", text), encoding="utf-8")
    images = page.parent / "images"
    _against_targets(rows, images / "performance-targets.svg")
    for group, name, title in (
        ("ingest", "performance-ingest.svg", "Loading a day of one organisation (seconds)"),
        ("report", "performance-report.svg", "The report of a large fleet (seconds)"),
    ):
        if group in rows:
            _beside_peers(rows[group], images / name, title)


def _machine() -> str:
    versions = f"Python {platform.python_version()}, dagster {dagster.__version__}, duckdb {duckdb.__version__}"
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return f"Measured on {datetime.now(UTC):%Y-%m-%d}: {os.cpu_count()} cores, {memory:.0f} GiB, {versions}."


def _markdown(rows: Mapping[str, Sequence[Row]]) -> str:
    lines = ["| " + " | ".join(HEADINGS) + " |", "|" + "---|" * len(HEADINGS)]
    cells = [row.cells for some in rows.values() for row in some]
    return "\n".join([*lines, *("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells)])


def _against_targets(rows: Mapping[str, Sequence[Row]], path: Path) -> None:
    """Every ratio as a share of its target: what reaches to the left of the line is better than asked for."""
    bars: list[tuple[str, float, bool]] = []
    for some in rows.values():
        for row in some:
            bound, ratio = _BOUND.fullmatch(row.target), _NUMBER.search(row.ratio)
            if bound and ratio and _value(ratio):
                share = _value(ratio) / float(bound[2])
                # dlt and pandas are several rows of the same load.
                name = row.what if bound[1] == "<=" else f"{row.what.removesuffix(' (s)')}: beside {_peer(row)}"
                bars.append((name, share if bound[1] == "<=" else 1 / share, row.met))
    figure = Figure(figsize=(10, 0.8 + 0.22 * len(bars)), layout="constrained")
    axes = figure.add_subplot()
    axes.barh(
        range(len(bars)),
        [share - 1 for _, share, _ in bars],
        left=1,
        color=[BLUE if met else VERMILLION for *_, met in bars],
    )
    axes.axvline(1, color=INK)
    axes.set_yticks(range(len(bars)), [name if len(name) < 100 else f"{name[:98]}…" for name, *_ in bars], fontsize=7)
    axes.set(
        xscale="log",
        xlim=(0.2, 20),
        xlabel="ratio as a share of its target (log scale; left of 1 is better than asked for)",
    )
    ticks = (0.2, 0.5, 1, 2, 5, 10, 20)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.invert_yaxis()
    figure.savefig(path, metadata={"Date": None})


def _beside_peers(rows: Sequence[Row], path: Path, title: str) -> None:
    """Ours and each peer's figure, row by row."""
    found = [(row, _NUMBER.search(row.ours), _NUMBER.search(row.peer)) for row in rows if "(s)" in row.what]
    pairs = [
        (row, _value(ours), _value(peer)) for row, ours, peer in found if ours and peer and "growth" not in row.what
    ]
    figure = Figure(figsize=(10, 0.8 + 0.5 * len(pairs)), layout="constrained")
    axes = figure.add_subplot()
    for at, (row, ours, peer) in enumerate(pairs):
        for offset, value, colour, label in ((-0.2, ours, BLUE, "ours"), (0.2, peer, GREY, _peer(row))):
            axes.barh(at + offset, value, 0.38, color=colour)
            axes.text(value, at + offset, f" {value:g} {label}", va="center", fontsize=7)
    axes.set_yticks(range(len(pairs)), [row.what.removesuffix("(s)")[:70] for row, *_ in pairs], fontsize=7)
    axes.set(title=title)
    axes.margins(x=0.35)
    axes.invert_yaxis()
    figure.savefig(path, metadata={"Date": None})


def _value(number: re.Match[str]) -> float:
    return float(number[0].replace(",", ""))


def _peer(row: Row) -> str:
    """The peer's name, without its figure."""
    return row.peer.partition("(")[2].rstrip(")") or row.peer
