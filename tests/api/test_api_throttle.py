"""The throttle: a stated rate for all workers together, and one 429 that stops them all. On a clock of the test's own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hologram_assets.api.throttle import Throttle, throttle_for
from hologram_assets.api.transport import Transport


class SimulatedTime:
    """A clock for threads: it moves on to the next wake-up when every one of them sleeps."""

    def __init__(self, workers: int) -> None:
        self._now = 100.0
        self._awake = workers
        self._wake_ups: list[float] = []
        self._changed = threading.Condition()

    def __call__(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        with self._changed:
            wake_up = self._now + seconds
            self._wake_ups.append(wake_up)
            self._awake -= 1
            self._move_on()
            assert self._changed.wait_for(lambda: self._now >= wake_up, timeout=10), "everybody waits for somebody"

    def leave(self) -> None:
        with self._changed:
            self._awake -= 1
            self._move_on()

    def _move_on(self) -> None:
        if self._awake == 0 and self._wake_ups:
            self._now = max(self._now, min(self._wake_ups))
            woken = [moment for moment in self._wake_ups if moment <= self._now]
            self._wake_ups = [moment for moment in self._wake_ups if moment > self._now]
            self._awake = len(woken)
            self._changed.notify_all()


def starts_of(
    workers: int,
    requests: int,
    rate: float | None,
    takes: float = 0.0,
    pause: Callable[[int], float | None] = lambda _: None,
) -> tuple[list[float], list[tuple[float, float]]]:
    """When requests started, and the pauses (from, to) that were asked for; `pause` tells after which start."""
    clock = SimulatedTime(workers)
    throttle = Throttle(rate, clock, clock.sleep)
    starts: list[float] = []
    pauses: list[tuple[float, float]] = []
    lock = threading.Lock()

    def work() -> None:
        for _ in range(requests):
            throttle.wait()
            with lock:
                starts.append(clock())
                number = len(starts)
            if takes:
                clock.sleep(takes)
            if (seconds := pause(number)) is not None:
                with lock:
                    pauses.append((clock(), clock() + seconds))
                throttle.pause(seconds)
        clock.leave()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(starts) == workers * requests
    return sorted(starts), pauses


def gaps(starts: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(starts)]


@settings(max_examples=30, deadline=None)
@given(
    workers=st.integers(1, 8),
    requests=st.integers(1, 6),
    rate=st.floats(0.5, 50),
    takes=st.floats(0, 3),
)
def test_all_workers_together_keep_the_stated_rate(workers: int, requests: int, rate: float, takes: float) -> None:
    starts, _ = starts_of(workers, requests, rate, takes)
    assert all(gap >= 1 / rate - 1e-9 for gap in gaps(starts))


@settings(max_examples=10, deadline=None)
@given(workers=st.integers(2, 8), rate=st.floats(0.5, 50))
def test_the_rate_is_used_up_when_there_is_enough_to_do(workers: int, rate: float) -> None:
    starts, _ = starts_of(workers, 4, rate)
    assert starts[-1] - starts[0] == pytest.approx((len(starts) - 1) / rate)


@settings(max_examples=30, deadline=None)
@given(
    workers=st.integers(2, 8),
    rate=st.none() | st.floats(0.5, 20),
    number=st.integers(1, 6),
    seconds=st.floats(0.5, 60),
)
def test_after_one_429_nobody_starts_until_the_pause_is_over_and_then_at_the_stated_rate(
    workers: int, rate: float | None, number: int, seconds: float
) -> None:
    starts, ((begun, over),) = starts_of(
        workers, 4, rate, takes=0.25, pause=lambda started: seconds if started == number else None
    )
    assert not [start for start in starts if begun < start < over - 1e-9]
    if rate:
        assert all(gap >= 1 / rate - 1e-9 for gap in gaps(starts))
    assert [start for start in starts if start >= over - 1e-9], "somebody went on"


def test_a_shorter_pause_does_not_cut_a_longer_one_short() -> None:
    clock = SimulatedTime(1)
    throttle = Throttle(None, clock, clock.sleep)
    throttle.pause(60)
    throttle.pause(1)
    throttle.wait()
    assert clock() == 160


def test_without_a_stated_rate_nothing_waits() -> None:
    starts, _ = starts_of(4, 10, None)
    assert set(starts) == {100.0}


def test_organisations_that_share_a_key_share_its_throttle_and_others_do_not() -> None:
    one, same, other = (Transport("http://x", key, requests_per_second=5) for key in ("key-a", "key-a", "key-b"))
    assert one._throttle is same._throttle
    assert one._throttle is not other._throttle
    assert throttle_for("key-a", 5) is one._throttle


def test_the_throttles_are_not_kept_under_the_keys_themselves() -> None:
    from hologram_assets.api import throttle

    throttle_for("a-key-in-clear", None)
    assert "a-key-in-clear" not in repr(throttle._throttles)
