"""Progress of long work on standard error: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from hologram_assets.partitions import OrgDay

_SECONDS_BETWEEN_LINES = 5


@contextmanager
def day_progress(total: int, console: Console) -> Iterator[Callable[[str, OrgDay], None]]:
    """Yields what to call for every finished day of an asset, out of `total`."""
    if not console.is_terminal:
        yield _lines(total, console)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=total)

        def advance(asset: str, day: OrgDay) -> None:
            bar.update(task, advance=1, description=f"{asset} {day.day} of {day.org_id}")

        yield advance


def _lines(total: int, console: Console) -> Callable[[str, OrgDay], None]:
    done, last_line = 0, time.monotonic()

    def advance(asset: str, day: OrgDay) -> None:
        nonlocal done, last_line
        done += 1
        now = time.monotonic()
        if now - last_line >= _SECONDS_BETWEEN_LINES or done == total:
            last_line = now
            console.print(f"{done} of {total}: {asset} {day.key}", highlight=False)

    return advance
