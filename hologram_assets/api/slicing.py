"""Reading a window of sessions as time slices side by side, each staged to a Parquet file.

A cursor is a chain, each page waiting for the one before; slices are chains that run next to each other behind one
throttle. Which column `timestart`/`timeend` filter is unknown, so the caller asks for a window with a margin on both
sides and keeps rows by `session_end`. Whether bounds are inclusive is unknown too: slices overlap by a second on
both sides and the writer drops repeated `record_id`s.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from hologram_assets.api.client import HologramClient
from hologram_assets.api.errors import HologramError, PagingError, PermanentError, TransientError
from hologram_assets.api.queries import SessionQuery
from hologram_assets.api.records import Rejected, Session

_TIME = pa.timestamp("us")
SESSION_SCHEMA = pa.schema(
    [
        ("record_id", pa.int64()),
        ("linkid", pa.int64()),
        ("session_begin", _TIME),
        ("session_end", _TIME),
        ("bytes", pa.int64()),
        ("imei", pa.string()),
        ("imeisv", pa.string()),
        ("cellid", pa.int64()),
        ("lac", pa.int64()),
        ("radio_access_technology", pa.string()),
        ("network_name", pa.string()),
        ("country", pa.string()),
        ("simcardid", pa.int64()),
        ("profile_name", pa.string()),
        ("data_plan_id", pa.int64()),
        ("extra", pa.string()),
        ("fetched_at", _TIME),
    ]
)
_OVERLAP = timedelta(seconds=1)
_SHORTEST_SLICE = timedelta(hours=1)
_LONGEST_SLICE = timedelta(days=1)
_ROWS_PER_ROW_GROUP = 20_000
# This many slices in a row that fail after all their retries mean that the API is down, not that a slice is unlucky.
_FAILURES_THAT_MEAN_DOWN = 3


class Slice(NamedTuple):
    """A piece of a window, `[start, end)` in naive UTC."""

    start: datetime
    end: datetime


@dataclass
class StagedSlice:
    """What a slice brought: a Parquet file of `SESSION_SCHEMA`, rows set aside, and the error if its chain broke.

    With an error the file is incomplete and must not be used.
    """

    slice: Slice
    path: Path
    rows: int = 0
    pages: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    error: HologramError | None = None


def cut(start: datetime, end: datetime, workers: int) -> list[Slice]:
    """Cut a window into fixed slices: about two per worker, none shorter than an hour or longer than a day."""
    length = max(_SHORTEST_SLICE, min(_LONGEST_SLICE, (end - start) / (2 * workers)))
    slices = []
    while start < end:
        slices.append(Slice(start, min(start + length, end)))
        start += length
    return slices


class _Outage:
    """Shared by the workers of a fetch: once the API is known to be down or closed, nobody asks it any more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures_in_a_row = 0
        self._verdict: HologramError | None = None

    def stop(self) -> None:
        """Nobody listens any more."""
        self._verdict = self._verdict or TransientError("stopped: what asked for these sessions ended")

    def check(self) -> None:
        if self._verdict is not None:
            raise self._verdict

    def report(self, error: HologramError | None) -> None:
        with self._lock:
            self._failures_in_a_row = self._failures_in_a_row + 1 if isinstance(error, TransientError) else 0
            down = self._failures_in_a_row >= _FAILURES_THAT_MEAN_DOWN
            closed = isinstance(error, PermanentError) and not isinstance(error, PagingError)
            if self._verdict is None and (down or closed):
                self._verdict = error


def staged_slices(
    client: HologramClient, query: SessionQuery, slices: Sequence[Slice], folder: Path, workers: int
) -> Iterator[StagedSlice]:
    """Fetch slices with `workers` chains at a time and yield each as it ends, in the order in which they end.

    A failed slice is yielded with its error; the others go on, unless the API is down for everybody.
    """
    outage = _Outage()
    with _executor(workers) as executor:
        futures = [
            executor.submit(_stage, client, query, piece, folder / f"{number}.parquet", outage)
            for number, piece in enumerate(slices)
        ]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            outage.stop()


@contextmanager
def _executor(workers: int) -> Iterator[ThreadPoolExecutor]:
    executor = ThreadPoolExecutor(workers, thread_name_prefix="hologram")
    try:
        yield executor
    finally:
        # A caller that stops listening (an error, a cancelled run) doesn't wait for slices that nobody wants.
        executor.shutdown(wait=True, cancel_futures=True)


def _stage(client: HologramClient, query: SessionQuery, piece: Slice, path: Path, outage: _Outage) -> StagedSlice:
    staged = StagedSlice(piece, path)
    query = replace(query, timestart=piece.start - _OVERLAP, timeend=piece.end + _OVERLAP)
    try:
        outage.check()
        with pq.ParquetWriter(path, SESSION_SCHEMA, compression="zstd", compression_level=1) as writer:
            held: list[tuple[object, ...]] = []
            for page in client.session_pages(query):
                outage.check()
                fetched_at = datetime.now(UTC).replace(tzinfo=None)
                for row in page:
                    if isinstance(row, Session):
                        held.append((*row, fetched_at))
                    else:
                        staged.rejected.append(row)
                staged.pages += 1
                if len(held) >= _ROWS_PER_ROW_GROUP:
                    staged.rows += _flush(writer, held)
            staged.rows += _flush(writer, held)
        outage.report(None)
    except HologramError as error:
        outage.report(error)
        staged.error = error
    return staged


def _flush(writer: pq.ParquetWriter, held: list[tuple[object, ...]]) -> int:
    rows = len(held)
    if rows:
        columns = [
            pa.array(values, column.type)
            for values, column in zip(zip(*held, strict=True), SESSION_SCHEMA, strict=True)
        ]
        writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=SESSION_SCHEMA))
        held.clear()
    return rows
