"""Idle workers share the chains that still run: everything comes, nothing much twice, and a burst is nobody's alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hologram_assets.api.chains import Chain, Chains
from hologram_assets.api.client import HologramClient
from hologram_assets.api.queries import SessionQuery
from hologram_assets.api.slicing import Slice, staged_slices
from hologram_assets.warehouse.staging import packer
from tests.api.conftest import NOON
from tests.api.loopback import Answer, Asked, Loopback, page

Serve = Callable[[Callable[[Asked], Answer]], Loopback]
ClientTo = Callable[..., HologramClient]
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
LIMIT = 50


def a_server_of(ends: list[datetime], seconds_a_page: float, at_once: list[int]) -> Callable[[Asked], Answer]:
    """Sessions that end at ascending moments; `at_once` gets how many requests were under way at each."""
    moments = [int(end.replace(tzinfo=UTC).timestamp()) for end in ends]
    under_way, lock = [0], threading.Lock()

    def answer(asked: Asked) -> Answer:
        with lock:
            under_way[0] += 1
            at_once.append(under_way[0])
        time.sleep(seconds_a_page)
        first, last = int(asked.params["timestart"]), int(asked.params["timeend"])
        before = int(asked.params.get("startafter", len(ends) + 1))
        ids = [i + 1 for i, moment in enumerate(moments) if i + 1 < before and first <= moment <= last][::-1]
        rows = [
            {"record_id": i, "linkid": 1, "timestamp": str(ends[i - 1]), "session_begin": None, "bytes": 1}
            for i in ids[:LIMIT]
        ]
        with lock:
            under_way[0] -= 1
        return page(rows, continues=len(ids) > LIMIT)

    return answer


def fetch(client: HologramClient, slices: list[Slice], folder: Path, workers: int) -> list[int]:
    """The ids in the staged files, as often as they are there."""
    with packer() as packing:
        staged = list(staged_slices(client, SessionQuery(orgid=1), slices, folder, workers, packing.pack))
    assert not [piece.error for piece in staged if piece.error]
    files = [str(path) for piece in staged for path in piece.files]
    with duckdb.connect() as connection:
        found = [
            number for (number,) in connection.execute("SELECT record_id FROM read_parquet(?)", [files]).fetchall()
        ]
    assert len(found) == sum(piece.rows for piece in staged)
    return found


def test_a_burst_in_one_slice_keeps_all_workers_busy(tmp_path: Path, serve: Serve, client_to: ClientTo) -> None:
    burst = [NOON + timedelta(seconds=i) for i in range(60 * LIMIT)]  # less than an hour of a day
    at_once: list[int] = []
    client = client_to(serve(a_server_of(burst, 0.01, at_once)).base_url, page_size=LIMIT)
    found = fetch(client, [Slice(NOON - DAY / 2, NOON + DAY / 2)], tmp_path, 4)
    assert set(found) == set(range(1, len(burst) + 1))
    assert len(found) < 1.05 * len(burst)
    assert len(at_once) < 1.5 * 60
    assert sum(number > 2 for number in at_once) > len(at_once) / 3


def test_pages_without_a_time_between_them_stay_one_chain(tmp_path: Path, serve: Serve, client_to: ClientTo) -> None:
    at_once: list[int] = []
    client = client_to(serve(a_server_of([NOON] * (10 * LIMIT), 0, at_once)).base_url, page_size=LIMIT)
    found = fetch(client, [Slice(NOON - DAY / 2, NOON + timedelta(seconds=1))], tmp_path, 4)
    assert set(found) == set(range(1, 10 * LIMIT + 1))


@pytest.mark.parametrize("workers", [1, 3])
def test_a_worker_without_work_ends_when_the_last_chain_does(workers: int) -> None:
    chains = Chains([Chain(0, NOON - DAY, NOON)])
    first = chains.take()
    assert first is not None
    taken: list[Chain | None] = []
    waiting = [threading.Thread(target=lambda: taken.append(chains.take())) for _ in range(workers)]
    for thread in waiting:
        thread.start()
    chains.ended(first)
    for thread in waiting:
        thread.join(5)
    assert taken == [None] * workers


@given(
    pages=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=30),
    length=st.timedeltas(timedelta(seconds=1), timedelta(days=2)),
)
def test_the_parts_of_a_slice_cover_it_however_often_it_is_split(
    pages: list[tuple[float, float]], length: timedelta
) -> None:
    chains = Chains([Chain(0, NOON, NOON + length)])
    first = chains.take()
    assert first is not None
    running = [first]
    for at, span in pages:
        chain = running[0]
        oldest = chain.start + (chain.reached - chain.start) * at
        chains.advanced(chain, oldest + (chain.reached - oldest) * span, oldest)
        if chain.pages_left >= 2:
            older = chains.take()
            assert older is not None
            (split,) = (one for one in running if one.start == older.end)
            # What a chain has read stays its own.
            assert split.start <= split.reached
            running.append(older)
        running = running[1:] + running[:1]
    covered = sorted((chain.start, chain.end) for chain in running)
    assert covered[0][0] == NOON
    assert covered[-1][1] == NOON + length
    assert all(end >= start for (_, end), (start, _) in pairwise(covered))
    assert [chains.stored(chain) for chain in running] == [False] * (len(running) - 1) + [True]


def test_a_session_that_came_late_does_not_end_the_sharing_of_a_chain() -> None:
    chains = Chains([Chain(0, NOON - DAY, NOON)])
    first = chains.take()
    assert first is not None
    chains.advanced(first, NOON, NOON - 2 * DAY)
    assert first.pages_left == 0
    chains.advanced(first, NOON - MINUTE, NOON - 2 * MINUTE)
    assert chains.take() is not None
