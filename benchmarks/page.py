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
    """Every ratio as a share of its target: left of the line is better than asked for."""
    bars: list[tuple[str, float, bool]] = []
    for some in rows.values():
        for row in some:
            bound, ratio = _BOUND.search(row.target), _NUMBER.search(row.ratio)
            if bound and ratio and float(bound[2]) and float(ratio[0].replace(",", "")):
                share = float(ratio[0].replace(",", "")) / float(bound[2])
                bars.append((row.what, share if bound[1] == "<=" else 1 / share, row.met))
    figure = Figure(figsize=(10, 0.6 + 0.24 * len(bars)), layout="constrained")
    axes = figure.add_subplot()
    axes.barh(
        [what if len(what) < 90 else f"{what[:88]}…" for what, _, _ in bars],
        [share for _, share, _ in bars],
        color=[BLUE if met else VERMILLION for *_, met in bars],
    )
    axes.axvline(1, color=INK)
    axes.set(xscale="log", xlabel="ratio as a share of its target (1: the target; further left is better)")
    axes.invert_yaxis()
    axes.tick_params(labelsize=7)
    figure.savefig(path, metadata={"Date": None})


def _beside_peers(rows: Sequence[Row], path: Path, title: str) -> None:
    """Ours and each peer's figure, row by row, on a logarithmic scale."""
    found = [(row, _NUMBER.search(row.ours), _NUMBER.search(row.peer)) for row in rows if "(s)" in row.what]
    pairs = [(row, ours, peer) for row, ours, peer in found if ours and peer]
    figure = Figure(figsize=(10, 0.8 + 0.5 * len(pairs)), layout="constrained")
    axes = figure.add_subplot()
    for at, (row, ours, peer) in enumerate(pairs):
        name = row.peer.partition("(")[2].rstrip(")") or row.peer[peer.end() :].strip()
        for offset, number, colour, label in ((-0.2, ours, BLUE, "ours"), (0.2, peer, GREY, name)):
            value = float(number[0].replace(",", ""))
            axes.barh(at + offset, value, 0.38, color=colour)
            axes.text(value, at + offset, f" {value:g} {label}", va="center", fontsize=7)
    axes.set_yticks(range(len(pairs)), [row.what.removesuffix("(s)")[:70] for row, *_ in pairs], fontsize=7)
    axes.set(xscale="log", title=title)
    axes.margins(x=0.25)
    axes.invert_yaxis()
    figure.savefig(path, metadata={"Date": None})
