"""Peak resident memory of a load, for a day of one organisation and for one with ten times as many sessions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from benchmarks.backfill_process import past_day, place, verify
from benchmarks.table import Row
from benchmarks.usage_traffic import usage_server

_SESSIONS: Final = 300_000
_TIMES_AS_MANY: Final = 10
_MOST: Final = 1.3


def rows(sessions: int = _SESSIONS, times_as_many: int = _TIMES_AS_MANY) -> Iterator[Row]:
    """The row of the table."""
    many = sessions * times_as_many
    small, large = _peak_mb(sessions), _peak_mb(many)
    yield Row(
        f"peak memory of the load of a day of one organisation, {many:,} sessions (MB)",
        f"{large:,.0f}",
        f"{small:,.0f} ({sessions:,} sessions)",
        f"{large / small:.2f}",
        f"<= {_MOST:g}",
        large <= _MOST * small,
    )


def _peak_mb(sessions: int) -> float:
    day = past_day()
    with usage_server([day], sessions) as server, place(server, day) as at:
        finished = at.backfill(day, day)
        verify(at.warehouse, "hologram.raw_sessions", server.traffic())
    return finished.peak_mb
