"""Run the benchmarks, print one table, write it as JSON. Exit code 1 if a target isn't met.

Everything runs one after the other: side by side means in one run, not at once.
"""

from __future__ import annotations

import logging
import sys
import time
import warnings
from importlib import import_module
from pathlib import Path

import click
from dagster_shared.utils.warnings import BetaWarning, PreviewWarning
from rich.console import Console

from benchmarks.page import update_page
from benchmarks.table import Row, merged, show, write

# Modules of this package, in the order of the table.
GROUPS = (
    "light_run",
    "ingest",
    "throttling",
    "memory",
    "ranges",
    "steady_state",
    "report",
    "sensors",
    "storage",
    "alert_noise",
)
_RESULTS = Path("data/bench.json")
stderr = Console(stderr=True)


@click.command()
@click.option(
    "--only", multiple=True, type=click.Choice(GROUPS), help="A group of benchmarks (repeatable); all if none."
)
@click.option(
    "--page",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A Markdown page whose table and charts are made anew, docs/performance.md.",
)
def main(only: tuple[str, ...], page: Path | None) -> None:
    """Run the benchmarks: about half an hour on two cores."""
    for category in (BetaWarning, PreviewWarning):
        warnings.simplefilter("ignore", category)
    logging.getLogger("dagster._core.execution.plan.active").setLevel(logging.ERROR)
    rows: dict[str, list[Row]] = {}
    for group in only or GROUPS:
        stderr.print(f"{group} ...", end=" ")
        began = time.perf_counter()
        rows[group] = _rows_of(group)
        stderr.print(f"{time.perf_counter() - began:.0f} s")
    show(rows, Console(width=180))
    everything = merged(rows, _RESULTS, GROUPS)
    write(everything, _RESULTS)
    print(f"written to {_RESULTS}")
    if page is not None:
        update_page(page, everything)
        print(f"table and charts of {page} are new")
    sys.exit(0 if all(row.met for some in rows.values() for row in some) else 1)


def _rows_of(group: str) -> list[Row]:
    """What a group measures; one that fails is a row that says so, and the others go on."""
    try:
        return list(import_module(f"benchmarks.{group}").rows())
    except Exception as error:  # noqa: BLE001 - whatever it is, half an hour of other figures is not lost
        stderr.print_exception()
        return [Row(f"{group} failed: {error}", "", "", "", "", met=False)]


if __name__ == "__main__":
    main()
