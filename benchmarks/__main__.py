"""Run every benchmark, print one table, write it as JSON. Exit code 1 if a target isn't met."""

from __future__ import annotations

import logging
import sys
import warnings
from pathlib import Path

from dagster_shared.utils.warnings import BetaWarning, PreviewWarning
from rich.console import Console

from benchmarks import alert_noise, light_run
from benchmarks.table import show, write

_RESULTS = Path("data/bench.json")


def main() -> int:
    """Everything, one after the other: side by side means in one run, not at once."""
    for category in (BetaWarning, PreviewWarning):
        warnings.simplefilter("ignore", category)
    logging.getLogger("dagster._core.execution.plan.active").setLevel(logging.ERROR)
    rows = [*light_run.rows(), *alert_noise.rows()]
    show(rows, Console(width=160))
    write(rows, _RESULTS)
    print(f"written to {_RESULTS}")
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
