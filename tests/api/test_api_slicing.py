"""A window of sessions as slices side by side: the same set as one chain, and failures that stay where they happen."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hologram_assets.api.client import HologramClient
from hologram_assets.api.errors import KeyRefusedError, PagingError, TransientError
from hologram_assets.api.queries import SessionQuery
from hologram_assets.api.records import Session
from hologram_assets.api.slicing import Slice, StagedSlice, cut, staged_slices
from hologram_assets.sandbox import Sandbox
from hologram_assets.warehouse.staging import packer
from tests.api.conftest import NOON
from tests.api.loopback import Answer, Asked, Loopback, page, said

Serve = Callable[[Callable[[Asked], Answer]], Loopback]
ClientTo = Callable[..., HologramClient]
QUERY = SessionQuery(orgid=144)
HOUR, DAY, ONE_SECOND = timedelta(hours=1), timedelta(days=1), timedelta(seconds=1)
WINDOW = (NOON - 2 * DAY, NOON)


def stored(staged: Iterable[StagedSlice]) -> list[dict[str, Any]]:
    """The rows of the staged files, each once, without the moment of fetching."""
    rows: dict[int, dict[str, Any]] = {}
    for piece in staged:
        with duckdb.connect() as connection:
            found = connection.read_parquet([str(path) for path in piece.files]) if piece.files else None
            read = found.fetchall() if found else []
            names = found.columns if found else []
        assert len(read) == piece.rows
        for values in read:
            row = dict(zip(names, values, strict=True))
            del row["fetched_at"]
            assert rows.setdefault(row["record_id"], row) == row
    return [rows[number] for number in sorted(rows)]


def fetched(
    client: HologramClient, query: SessionQuery, slices: list[Slice], folder: Path, workers: int
) -> Iterator[StagedSlice]:
    with packer() as packing:
        yield from staged_slices(client, query, slices, folder, workers, packing.pack)


def one_chain(client: HologramClient, start: datetime, end: datetime) -> list[dict[str, Any]]:
    query = SessionQuery(orgid=144, timestart=start, timeend=end)
    rows = [row for some in client.session_pages(query) for row in some if isinstance(row, Session)]
    return sorted((row._asdict() for row in rows), key=lambda row: row["record_id"])


@given(
    start=st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1)),
    length=st.timedeltas(timedelta(0), timedelta(days=95)),
    workers=st.integers(1, 32),
)
def test_slices_cover_the_window_without_gap_and_without_overlap(
    start: datetime, length: timedelta, workers: int
) -> None:
    slices = cut(start, start + length, workers)
    assert bool(slices) == bool(length)
    if slices:
        assert slices[0].start == start
        assert slices[-1].end == start + length
    assert all(one.end == following.start for one, following in pairwise(slices))
    assert all(timedelta(0) < piece.end - piece.start <= DAY for piece in slices)
    assert all(piece.end - piece.start >= HOUR for piece in slices[:-1])


def test_a_day_is_cut_into_about_two_slices_for_each_worker() -> None:
    assert len(cut(NOON, NOON + DAY, 4)) == 8
    assert len(cut(NOON, NOON + DAY, 100)) == 24
    assert len(cut(NOON, NOON + 30 * DAY, 2)) == 30
    assert cut(NOON, NOON, 4) == cut(NOON, NOON - DAY, 4) == []


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("end_inclusive", [True, False])
@pytest.mark.parametrize("column", ["timestamp", "session_begin", "received_at"])
def test_slices_side_by_side_bring_what_one_chain_brings(
    tmp_path: Path, client_to: ClientTo, column: str, end_inclusive: bool, workers: int
) -> None:
    with Sandbox(orgs=(144,), sims=20, days=2, now=NOON, filter_column=column, end_inclusive=end_inclusive) as sandbox:
        client = client_to(sandbox.base_url)
        end = NOON + HOUR
        expected = one_chain(client, WINDOW[0], end)
        staged = list(fetched(client, QUERY, cut(WINDOW[0], end, workers), tmp_path, workers))
    assert not [piece.error for piece in staged if piece.error]
    found, ids = stored(staged), {row["record_id"] for row in expected}
    assert len(expected) > 300
    assert [row for row in found if row["record_id"] in ids] == expected
    # The slices ask a second more on both sides; whoever stores them keeps rows by `session_end`.
    beyond = [row for row in found if row["record_id"] not in ids]
    if column == "timestamp":
        assert all(min(abs(row["session_end"] - edge) for edge in (WINDOW[0], end)) <= ONE_SECOND for row in beyond)
    assert len(beyond) < 10


def test_slices_are_fetched_side_by_side(tmp_path: Path, serve: Serve, client_to: ClientTo) -> None:
    together = threading.Barrier(4)

    def answer(_: Asked) -> Answer:
        together.wait(5)  # breaks, and the test with it, unless four requests are under way at once
        return page([])

    client = client_to(serve(answer).base_url, attempts=1)
    slices = cut(NOON, NOON + DAY, 2)
    staged = list(fetched(client, QUERY, slices, tmp_path, 4))
    assert {piece.slice for piece in staged} == set(slices)
    assert not [piece.error for piece in staged if piece.error]


def test_a_slice_that_breaks_leaves_the_others_and_is_yielded_with_its_error(
    tmp_path: Path, serve: Serve, client_to: ClientTo
) -> None:
    slices = cut(NOON, NOON + DAY, 4)
    broken = str(SessionQuery(orgid=144, timestart=slices[3].start - timedelta(seconds=1)).params()["timestart"])

    def answer(asked: Asked) -> Answer:
        rows = [
            {"record_id": int(asked.params["timestart"]), "linkid": 1, "timestamp": "2025-09-19 16:45:18", "bytes": 1}
        ]
        return said({}, 503) if asked.params["timestart"] == broken else page(rows)

    staged = list(fetched(client_to(serve(answer).base_url), QUERY, slices, tmp_path, 2))
    assert {piece.slice for piece in staged} == set(slices)
    assert [piece.slice for piece in staged if piece.error] == [slices[3]]
    assert len(stored(piece for piece in staged if not piece.error)) == len(slices) - 1


def test_a_slice_whose_pages_lead_nowhere_does_not_stop_the_others(
    tmp_path: Path, serve: Serve, client_to: ClientTo
) -> None:
    first = str(SessionQuery(orgid=144, timestart=NOON - timedelta(seconds=1)).params()["timestart"])
    server = serve(lambda asked: page([], continues=asked.params["timestart"] == first))
    staged = list(fetched(client_to(server.base_url), QUERY, cut(NOON, NOON + DAY, 4), tmp_path, 1))
    assert [piece.slice for piece in staged if isinstance(piece.error, PagingError)] == [Slice(NOON, NOON + 3 * HOUR)]
    assert [piece.error for piece in staged].count(None) == 7


def test_after_three_transient_failures_in_a_row_the_rest_is_not_asked(
    tmp_path: Path, sandbox: Sandbox, client_to: ClientTo
) -> None:
    sandbox.faults.set("server_error")
    client = client_to(sandbox.base_url, attempts=2)
    staged = list(fetched(client, QUERY, cut(NOON - DAY, NOON, 5), tmp_path, 1))
    assert len(staged) == 10
    assert all(isinstance(piece.error, TransientError) for piece in staged)
    assert len(sandbox.requests) == 3 * 2


def test_failures_with_a_success_in_between_are_not_the_end(tmp_path: Path, serve: Serve, client_to: ClientTo) -> None:
    server = serve(lambda _: page([]) if len(server.asked) % 3 == 0 else said({}, 503))
    staged = list(fetched(client_to(server.base_url, attempts=1), QUERY, cut(NOON, NOON + DAY, 6), tmp_path, 1))
    assert [piece.error is None for piece in sorted(staged, key=lambda piece: piece.slice)] == [False, False, True] * 4


@pytest.mark.parametrize("workers", [1, 3])
def test_an_error_that_somebody_has_to_mend_stops_the_asking_at_once(
    tmp_path: Path, sandbox: Sandbox, client_to: ClientTo, workers: int
) -> None:
    sandbox.faults.set("unauthorized")
    staged = list(fetched(client_to(sandbox.base_url), QUERY, cut(NOON - DAY, NOON, 12), tmp_path, workers))
    assert len(staged) == 24
    assert all(isinstance(piece.error, KeyRefusedError) for piece in staged)
    assert len(sandbox.requests) <= workers


def test_flags_that_the_api_refuses_to_all_workers_at_once_lose_no_slice(
    tmp_path: Path, serve: Serve, client_to: ClientTo
) -> None:
    together = threading.Barrier(4)

    def answer(asked: Asked) -> Answer:
        if "getplaninfo" not in asked.params:
            return page([])
        # All four have asked with the flag before the first of them hears that it is not known; the last hears it
        # when the others have long been answered without it.
        if together.wait(5) == 0:
            time.sleep(0.2)
        return said({"success": False, "error": "Unknown parameter"}, 400)

    client = client_to(serve(answer).base_url)
    query = SessionQuery(orgid=144, getplaninfo=True)
    staged = list(fetched(client, query, cut(NOON, NOON + DAY, 2), tmp_path, 4))
    assert len(staged) == 4
    assert [piece.error for piece in staged] == [None] * 4


def test_rows_that_cannot_be_read_are_set_aside_and_the_rest_is_staged(
    tmp_path: Path, sandbox: Sandbox, client_to: ClientTo
) -> None:
    client = client_to(sandbox.base_url)
    calm = stored(fetched(client, QUERY, [Slice(NOON - DAY, NOON)], tmp_path, 1))
    sandbox.faults.set("bad_rows")
    (staged,) = fetched(client, QUERY, [Slice(NOON - DAY, NOON)], tmp_path, 1)
    assert sorted(row.reason for row in staged.rejected) == [
        "bytes: -1 is negative",
        "linkid is missing",
        "record_id is missing",
        "timestamp: '2026-13-45 99:99:99' is not a time",
    ]
    assert staged.error is None
    assert stored([staged]) == calm
    assert staged.pages == -(-len(calm) // 250)


def test_a_caller_that_stops_listening_does_not_wait_for_the_rest(
    tmp_path: Path, serve: Serve, client_to: ClientTo
) -> None:
    row = {"linkid": 1, "timestamp": "2025-09-19 16:45:18", "bytes": 1}

    def answer(asked: Asked) -> Answer:
        if int(asked.params["timestart"]) < NOON.timestamp() + 100 and "startafter" not in asked.params:
            return page([])
        time.sleep(0.01)  # the other chains would go on for ten thousand pages
        last = int(asked.params.get("startafter", "10000"))
        return page([row | {"record_id": last - 1}], continues=True)

    server = serve(answer)
    slices = [Slice(NOON, NOON + HOUR), *cut(NOON + DAY, NOON + 2 * DAY, 4)]
    staging = fetched(client_to(server.base_url), QUERY, slices, tmp_path, 3)
    assert next(iter(staging)).slice == slices[0]
    begun = time.monotonic()
    staging.close()  # type: ignore[attr-defined]
    assert time.monotonic() - begun < 3
    assert len(server.asked) < 1000


def test_a_slice_that_breaks_in_several_chains_counts_once_and_the_others_go_on(
    tmp_path: Path, serve: Serve, client_to: ClientTo
) -> None:
    burst = Slice(NOON, NOON + 6 * HOUR)
    edge = int(SessionQuery(orgid=144, timestart=burst.end).params()["timestart"])

    def answer(asked: Asked) -> Answer:
        first, last = int(asked.params["timestart"]), int(asked.params["timeend"])
        if first > edge - 10:
            time.sleep(0.3)
            return page([{"record_id": first, "linkid": 1, "timestamp": "2026-11-20 20:00:00", "bytes": 1}])
        if "startafter" in asked.params or last < edge - 10:
            return said({}, 503)  # whatever is split off fails as well
        rows = [
            {"record_id": 10_000 - i, "linkid": 1, "bytes": 1, "timestamp": str(burst.end - timedelta(seconds=i))}
            for i in range(5)
        ]
        return page(rows, continues=True)

    client = client_to(serve(answer).base_url, attempts=1)
    slices = [burst, Slice(burst.end, burst.end + HOUR)]
    staged = {piece.slice: piece for piece in fetched(client, QUERY, slices, tmp_path, 6)}
    assert staged[burst].error is not None
    assert staged[slices[1]].error is None
