"""A range of days in one run beside a run for each of its days, all of them whole processes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from benchmarks.backfill_process import past_day, place, verify
from benchmarks.table import Row
from benchmarks.usage_traffic import Traffic, UsageServer, usage_server

_DAYS: Final = 30
_SESSIONS_A_DAY: Final = 2_000
_LATENCY: Final = 0.01
# Pieces of the window overlap by a second on both sides, since nobody knows whether its ends are inclusive.
_MOST_TWICE: Final = 1.02


def rows(days: int = _DAYS, sessions_a_day: int = _SESSIONS_A_DAY, latency: float = _LATENCY) -> Iterator[Row]:
    """The rows of the table."""
    wanted = [past_day() - timedelta(days=back) for back in range(days - 1, -1, -1)]
    with usage_server(wanted, sessions_a_day, latency=latency) as server:
        at_once, one_run = _loaded(server, [(wanted[0], wanted[-1])])
        one_by_one, many_runs = _loaded(server, [(day, day) for day in wanted])
    what = f"{days} days of one organisation, {sessions_a_day:,} sessions each"
    for figure, ours, peer in (
        (f"{what}, in one run (s)", at_once, one_by_one),
        (f"{what}, in one run (requests)", one_run.pages, many_runs.pages),
    ):
        yield Row(
            figure, f"{ours:,.4g}", f"{peer:,.4g} ({days} runs of a day)", f"{ours / peer:.3f}", "below 1", ours < peer
        )
    yield Row(
        "rows served within that run",
        f"{one_run.rows:,}",
        f"{one_run.distinct_rows:,} (different ones)",
        f"{one_run.rows / one_run.distinct_rows:.4f}",
        f"<= {_MOST_TWICE:g}",
        one_run.rows <= _MOST_TWICE * one_run.distinct_rows,
    )


def _loaded(server: UsageServer, ranges: list[tuple[date, date]]) -> tuple[float, Traffic]:
    """Seconds that the runs take one after the other, and what they ask for."""
    server.reset()
    with place(server, ranges[0][0]) as at:
        seconds = sum(at.backfill(first, last).seconds for first, last in ranges)
        traffic = server.traffic()
        verify(at.warehouse, "hologram.raw_sessions", traffic)
    return seconds, traffic
