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
        done: set[tuple[str, OrgDay]] = set()

        def advance(asset: str, day: OrgDay) -> None:
            done.add((asset, day))
            bar.update(
                task, completed=len(done), total=max(total, len(done)), description=f"{asset} {day.day} of {day.org_id}"
            )

        yield advance


def _lines(total: int, console: Console) -> Callable[[str, OrgDay], None]:
    done: set[tuple[str, OrgDay]] = set()  # a step that is tried again finishes its days again
    last_line = time.monotonic()

    def advance(asset: str, day: OrgDay) -> None:
        nonlocal last_line
        done.add((asset, day))
        now = time.monotonic()
        if now - last_line >= _SECONDS_BETWEEN_LINES or len(done) == total:
            last_line = now
            # Other days than those that were asked for, made from what changed, come on top.
            console.print(f"{len(done)} of {max(total, len(done))}: {asset} {day.key}", highlight=False)

    return advance
