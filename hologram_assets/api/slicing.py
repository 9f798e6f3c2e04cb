"""Reading a window of sessions as time slices side by side, each staged to files of JSON lines.

Slices are chains of pages (see chains) that run next to each other behind one throttle. Which column `timestart`/`timeend`
filter is unknown, so the caller asks for a window with a margin on both sides and keeps rows by `session_end`. Whether
bounds are inclusive is unknown too: chains overlap by a second on both sides and the writer drops repeated `record_id`s.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from queue import SimpleQueue
from typing import IO, NamedTuple

from hologram_assets.api.chains import Chain, Chains
from hologram_assets.api.client import HologramClient
from hologram_assets.api.errors import HologramError, PagingError, PermanentError, TransientError
from hologram_assets.api.lines import SessionLines
from hologram_assets.api.queries import SessionQuery
from hologram_assets.api.records import Rejected

_OVERLAP = timedelta(seconds=1)
_SHORTEST_SLICE = timedelta(hours=1)
_LONGEST_SLICE = timedelta(days=1)
_LINES_PER_FILE = 20_000
_BUFFER = 2**20
# This many slices in a row that fail after all their retries mean that the API is down, not that a slice is unlucky. Of a
# slice's chains the first failure counts.
_FAILURES_THAT_MEAN_DOWN = 3


class Slice(NamedTuple):
    """A piece of a window, `[start, end)` in naive UTC."""

    start: datetime
    end: datetime


# Makes one file of complete files of lines; in threads of its own, so that workers go on to the next page.
Pack = Callable[[Sequence[Path], Path], None]
_PACKERS = 2


@dataclass
class StagedSlice:
    """What a slice brought: packed files of sessions (one or more), rows set aside, and the error if a chain of it broke.

    With an error the files are incomplete and must not be used. `unpacked` is on its way to `files`.
    """

    slice: Slice
    files: list[Path] = field(default_factory=list)
    unpacked: list[Path] = field(default_factory=list, repr=False)
    rows: int = 0
    pages: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    error: HologramError | None = None

    def is_useless(self) -> bool:
        """Whether a chain of it broke: what the others bring doesn't help."""
        return self.error is not None


def cut(start: datetime, end: datetime, workers: int) -> list[Slice]:
    """Cut a window into slices: about two per worker, none shorter than an hour or longer than a day.

    A slice is what fails as one: fewer would take more days along. Workers that are done help the others (see chains).
    """
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
    client: HologramClient, query: SessionQuery, slices: Sequence[Slice], folder: Path, workers: int, pack: Pack
) -> Iterator[StagedSlice]:
    """Fetch slices with `workers` chains at a time and yield each as it ends, in the order in which they end.

    A failed slice is yielded with its error; the others go on, unless the API is down for everybody.

    Args:
        client: the API.
        query: what to ask for besides the time.
        slices: the pieces of the window.
        folder: where files go; a new one for every fetch, as DuckDB remembers what a file of that name held.
        workers: how many requests there may be at a time.
        pack: makes one file to keep of files of lines (see `lines.SessionLines`), which are then deleted.
    """
    with _executor(_PACKERS, "pack") as packers, _executor(workers, "fetch") as fetchers:
        staging = _Staging(client, query, slices, folder, pack, packers)
        try:
            for _ in range(workers):
                fetchers.submit(staging.work)
            for _ in slices:
                ended = staging.ended.get()
                if isinstance(ended, BaseException):
                    raise ended
                yield ended
        finally:
            staging.outage.stop()


@contextmanager
def _executor(workers: int, name: str) -> Iterator[ThreadPoolExecutor]:
    executor = ThreadPoolExecutor(workers, thread_name_prefix=f"hologram-{name}")
    try:
        yield executor
    finally:
        # A caller that stops listening (an error, a cancelled run) doesn't wait for slices that nobody wants.
        executor.shutdown(wait=True, cancel_futures=True)


class _Staging:
    """What the workers of a fetch share."""

    def __init__(
        self,
        client: HologramClient,
        query: SessionQuery,
        slices: Sequence[Slice],
        folder: Path,
        pack: Pack,
        packers: ThreadPoolExecutor,
    ) -> None:
        self.outage = _Outage()
        # Slices that have ended, and errors that are nobody's slice: a full disk, a bug.
        self.ended: SimpleQueue[StagedSlice | BaseException] = SimpleQueue()
        self._client = client
        self._query = query
        self._folder = folder
        self._pack = pack
        self._packers = packers
        self._staged = [StagedSlice(piece) for piece in slices]
        self._chains = Chains(Chain(number, piece.start, piece.end) for number, piece in enumerate(slices))
        self._files = 0
        self._lock = threading.Lock()

    def work(self) -> None:
        """Follow chains until none is left."""
        with self._told():
            while (chain := self._chains.take()) is not None:
                staged = self._staged[chain.number]
                lines = _Lines(self._new_file, lambda path: self._packers.submit(_packed, self._pack, [path]))
                try:
                    self._follow(chain, staged, lines)
                    self.outage.report(None)
                except HologramError as error:
                    if staged.error is None:
                        self.outage.report(error)
                        staged.error = error
                finally:
                    self._chains.ended(chain)
                lines.close()
                self._packers.submit(self._store, chain, staged, lines)

    def _follow(self, chain: Chain, staged: StagedSlice, lines: _Lines) -> None:
        self.outage.check()
        if staged.is_useless():
            return
        for page in self._client.session_line_pages(lambda: self._ask(chain)):
            self.outage.check()
            lines.add(page)
            if page.newest is not None and page.oldest is not None:
                self._chains.advanced(chain, page.newest, page.oldest)
            with self._lock:
                staged.pages += 1
                staged.rejected += page.rejected
            if staged.is_useless():
                return

    def _store(self, chain: Chain, staged: StagedSlice, lines: _Lines) -> None:
        with self._told():
            files = [packing.result() for packing in lines.packing]
            with self._lock:
                staged.rows += lines.rows
                staged.files += files
                staged.unpacked += lines.left
            if self._chains.stored(chain):
                self._pack_rest(staged)
                self.ended.put(staged)

    def _pack_rest(self, staged: StagedSlice) -> None:
        if not staged.files and not staged.unpacked:
            staged.unpacked.append(self._new_file())
            staged.unpacked[0].touch()
        if staged.unpacked:
            staged.files.append(_packed(self._pack, staged.unpacked))

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Whatever goes wrong is told to whom waits for the slices."""
        try:
            yield
        except BaseException as error:  # noqa: BLE001 - raised where the slices are waited for
            # In this order: what follows from the stop must not be heard first.
            self.ended.put(error)
            self.outage.stop()

    def _ask(self, chain: Chain) -> SessionQuery:
        return replace(self._query, timestart=chain.start - _OVERLAP, timeend=chain.end + _OVERLAP)

    def _new_file(self) -> Path:
        with self._lock:
            self._files += 1
            return self._folder / f"{self._files}.jsonl"


class _Lines:
    """Lines of a chain on their way into files: full ones are packed at once, the last one with those of the slice."""

    def __init__(self, new_file: Callable[[], Path], pack: Callable[[Path], Future[Path]]) -> None:
        self._new_file = new_file
        self._pack = pack
        self._lines = 0
        self._file: IO[bytes] | None = None
        self.rows = 0
        self.packing: list[Future[Path]] = []
        self.left: list[Path] = []

    def add(self, page: SessionLines) -> None:
        if not page.sessions:
            return
        if self._file is None:
            self.left, self._lines = [self._new_file()], 0
            self._file = self.left[0].open("wb", _BUFFER)
        self._file.write(page.text)
        self._lines += page.sessions
        self.rows += page.sessions
        if self._lines >= _LINES_PER_FILE:
            self.close()
            self.packing.append(self._pack(self.left.pop()))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _packed(pack: Pack, lines: Sequence[Path]) -> Path:
    packed = lines[0].with_suffix(".parquet")
    pack(lines, packed)
    for path in lines:
        path.unlink()
    return packed
