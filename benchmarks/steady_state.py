"""A day that is loaded again, nothing having changed at Hologram: what is asked for, and what is written.

What was written is told by the rows, of which those that are written anew carry the time of the new fetch, and by the size
of the file: DuckDB writes new data beside the old, and gives its place free afterwards. A few of its blocks are written
whatever the size of the day, for the catalogue and what `partition_loads` says of the new load.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.backfill_process import past_day, place, query, verify
from benchmarks.table import Row
from benchmarks.usage_traffic import usage_server

_SESSIONS: Final = 300_000
_LATENCY: Final = 0.005
_BLOCK: Final = 262_144
_MOST_BLOCKS: Final = 8
_NEWEST: Final = "SELECT epoch_us(max(fetched_at)) FROM hologram.raw_sessions"
_NEWER: Final = "SELECT count(*) FROM hologram.raw_sessions WHERE epoch_us(fetched_at) > $newest"


def rows(sessions: int = _SESSIONS, latency: float = _LATENCY) -> Iterator[Row]:
    """The rows of the table."""
    day = past_day()
    with usage_server([day], sessions, latency=latency) as server, place(server, day) as at:
        first = at.backfill(day, day)
        first_pages, size = server.traffic().pages, _size(at.warehouse)
        (newest,) = query(at.warehouse, _NEWEST)
        server.reset()
        second = at.backfill(day, day)
        pages, growth = server.traffic().pages, _size(at.warehouse) - size
        (written,) = query(at.warehouse, _NEWER, {"newest": newest})
        verify(at.warehouse, "hologram.raw_sessions", server.traffic())
    again = "a stored day loaded again, nothing new"
    yield Row(
        f"{again}: sessions written",
        f"{written:,}",
        f"{sessions:,} (stored)",
        f"{written / sessions:g}",
        "0",
        not written,
    )
    yield Row(
        f"{again}: growth of the warehouse (MB)",
        f"{growth / 1e6:.2f}",
        f"{size / 1e6:.2f} (first load)",
        f"{growth / size:.3f}",
        f"<= {_MOST_BLOCKS} blocks of {_BLOCK // 1024} KiB",
        growth <= _MOST_BLOCKS * _BLOCK,
    )
    yield Row(
        f"{again} (s)",
        f"{second.seconds:.1f}, {pages} requests",
        f"{first.seconds:.1f}, {first_pages} requests (first load)",
        f"{second.seconds / first.seconds:.2f}",
        "printed",
        met=True,
    )


def _size(warehouse: Path) -> int:
    """Bytes of the file and of its write-ahead log."""
    return sum(file.stat().st_size for file in warehouse.parent.glob(f"{warehouse.name}*") if file.suffix != ".lock")
