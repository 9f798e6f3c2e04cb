"""What each failure becomes: waiting helps (asked again, up to `attempts`) or somebody has to act (asked once)."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from tenacity import RetryCallState, Retrying

from hologram_assets.api import transport as transport_module
from hologram_assets.api.client import HologramClient
from hologram_assets.api.errors import (
    BadRequestError,
    ForbiddenError,
    HologramError,
    KeyRefusedError,
    NotFoundError,
    PermanentError,
    RateLimitedError,
    RedirectedError,
    TransientError,
)
from hologram_assets.api.queries import BillingQuery, LinkQuery, PlanQuery, SessionQuery
from hologram_assets.api.throttle import Throttle
from hologram_assets.api.transport import Transport
from hologram_assets.sandbox import Sandbox
from tests.api.loopback import Answer, Asked, Loopback, page, said

Serve = Callable[[Callable[[Asked], Answer]], Loopback]
ClientTo = Callable[..., HologramClient]
TransportTo = Callable[..., Transport]
PARAMS = {"orgid": 144, "limit": 3}
A_MORNING = timedelta(hours=6)
SOON = {"timeout_seconds": 0.25}


class Clock:
    """A clock that only a sleeper moves on, and that keeps the naps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.naps: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds


def with_clock(transport: Transport) -> Clock:
    clock = Clock()
    transport._throttle = Throttle(None, clock, clock.sleep)
    return clock


TRANSIENT: list[tuple[str, float | None]] = [
    ("rate_limited", 0),
    ("server_error", None),
    ("server_error", 500),
    ("server_error", 502),
    ("server_error", 504),
    ("server_error", 408),
    ("drop_connection", None),
    ("cut_json", None),
    ("cut_body", None),
    ("html", None),
    ("not_success", None),
    ("hang", 30),
]


@pytest.mark.parametrize(("fault", "value"), TRANSIENT)
def test_what_passes_is_asked_again_until_it_has_passed(
    sandbox: Sandbox, transport_to: TransportTo, fault: str, value: float | None
) -> None:
    sandbox.faults.set(fault, value=value, times=2)
    transport = transport_to(sandbox.base_url, **(SOON if fault == "hang" else {}))
    assert len(transport.get("usage/data", PARAMS)["data"]) == 3
    assert len(sandbox.requests) == transport.calls == 3
    assert all(asked.params == {"orgid": "144", "limit": "3"} for asked in sandbox.requests)


@pytest.mark.parametrize(("fault", "value"), TRANSIENT)
def test_what_does_not_pass_is_given_up_after_the_attempts(
    sandbox: Sandbox, transport_to: TransportTo, fault: str, value: float | None
) -> None:
    sandbox.faults.set(fault, value=value)
    transport = transport_to(sandbox.base_url, attempts=2, **(SOON if fault == "hang" else {}))
    with pytest.raises(TransientError, match="usage/data") as error:
        transport.get("usage/data", PARAMS)
    assert len(sandbox.requests) == transport.calls == 2
    assert isinstance(error.value, RateLimitedError) == (fault == "rate_limited")


@pytest.mark.parametrize(
    ("fault", "status", "kind"),
    [
        ("unauthorized", None, KeyRefusedError),
        ("forbidden", None, ForbiddenError),
        ("redirect", None, RedirectedError),
        ("server_error", 301, RedirectedError),
        ("server_error", 307, RedirectedError),
        ("server_error", 400, BadRequestError),
        ("server_error", 404, NotFoundError),
        ("server_error", 405, BadRequestError),
        ("server_error", 410, NotFoundError),
        ("server_error", 422, BadRequestError),
    ],
)
def test_what_somebody_has_to_change_is_asked_once(
    sandbox: Sandbox, client_to: ClientTo, fault: str, status: int | None, kind: type[HologramError]
) -> None:
    sandbox.faults.set(fault, value=status)
    client = client_to(sandbox.base_url)
    asks: list[Callable[[], object]] = [
        lambda: list(client.session_pages(SessionQuery(orgid=144))),
        lambda: client.billing_totals(BillingQuery(orgid=144)),
        lambda: client.plans(PlanQuery(orgid=144)),
        lambda: client.links(LinkQuery(orgid=144)),
        lambda: client.probe("plans", 144),
    ]
    for number, ask in enumerate(asks, start=1):
        with pytest.raises(kind) as error:
            ask()
        assert type(error.value) is kind
        assert isinstance(error.value, PermanentError)
        assert len(sandbox.requests) == number
        assert str(status or {"unauthorized": 401, "forbidden": 403, "redirect": 302}[fault]) in str(error.value)


def test_an_error_says_what_the_api_said(sandbox: Sandbox, client_to: ClientTo) -> None:
    with pytest.raises(ForbiddenError, match=r"/plans answered 403: No access to organization 999"):
        client_to(sandbox.base_url).plans(PlanQuery(orgid=999))


def test_flags_that_the_api_does_not_know_are_left_out_from_then_on(sandbox: Sandbox, client_to: ClientTo) -> None:
    sandbox.faults.set("bad_request_on_flags")
    client = client_to(sandbox.base_url)
    start = sandbox.clock.now() - A_MORNING
    query = SessionQuery(orgid=144, timestart=start, getplaninfo=True, getcountryinfo=True, getdeviceinfo=True)
    for _ in range(2):
        assert sum(len(rows) for rows in client.session_pages(query)) > 30
    assert [asked.status for asked in sandbox.requests] == [400, 200, 200]
    assert not {"getplaninfo", "getcountryinfo", "getdeviceinfo"} & set(sandbox.requests[-1].params)


def test_another_bad_request_is_not_blamed_on_the_flags(sandbox: Sandbox, client_to: ClientTo) -> None:
    client = client_to(sandbox.base_url)
    with pytest.raises(BadRequestError, match="Invalid value for tagids"):
        list(client.session_pages(SessionQuery(orgid=144, tagids=["x"], getplaninfo=True)))  # type: ignore[list-item]
    start = sandbox.clock.now() - A_MORNING
    (rows,) = client.session_pages(SessionQuery(orgid=144, timestart=start, getplaninfo=True))
    assert "getplaninfo" in sandbox.requests[-1].params
    assert rows


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_the_other_host_hears_nothing(
    serve: Serve, client_to: ClientTo, status: int
) -> None:
    other = serve(lambda _: page([]))
    server = serve(lambda asked: Answer(status, headers={"Location": f"{other.host}/api/1/{asked.path}"}))
    with pytest.raises(RedirectedError, match="HOLOGRAM_BASE_URL"):
        client_to(server.base_url).plans(PlanQuery(orgid=144))
    assert len(server.asked) == 1
    assert other.asked == []


def test_a_cookie_of_the_api_is_not_sent_back(serve: Serve, client_to: ClientTo) -> None:
    server = serve(lambda _: Answer(200, page([]).body, {"Set-Cookie": "session=1; Path=/"}))
    client = client_to(server.base_url)
    client.plans(PlanQuery(orgid=144))
    client.plans(PlanQuery(orgid=144))
    assert [asked.headers.get("Cookie") for asked in server.asked] == [None, None]


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'"text"', b"7", b"\xff\xfe", b"[" * 5000 + b"]" * 5000])
def test_a_body_that_is_no_object_is_asked_for_again(serve: Serve, transport_to: TransportTo, body: bytes) -> None:
    server = serve(lambda _: Answer(200, body) if len(server.asked) < 2 else page([]))
    assert transport_to(server.base_url).get("plans", PARAMS)["data"] == []
    assert len(server.asked) == 2


def test_a_number_beyond_all_numbers_is_a_broken_body(serve: Serve, transport_to: TransportTo) -> None:
    body = b'{"success": true, "data": [], "limit": 1e999999999999999999999}'
    server = serve(lambda _: Answer(200, body) if len(server.asked) < 2 else page([]))
    assert transport_to(server.base_url).get("plans", PARAMS)["data"] == []
    assert len(server.asked) == 2


@pytest.mark.parametrize("success", [False, None, 0, "false", "yes"])
def test_an_answer_without_success_is_a_failure_also_under_200(
    serve: Serve, transport_to: TransportTo, success: object
) -> None:
    server = serve(lambda _: said({"success": success, "data": [], "error": "nightly maintenance"}))
    with pytest.raises(TransientError, match=r"answered 200 with success: .*, nightly maintenance"):
        transport_to(server.base_url).get("plans", PARAMS)
    assert len(server.asked) == 3


def test_the_read_timeout_is_for_each_silence_and_not_for_the_whole_answer(
    sandbox: Sandbox, transport_to: TransportTo
) -> None:
    sandbox.faults.set("hang", value=0.4)
    begun = time.monotonic()
    with pytest.raises(TransientError, match="ReadTimeout"):
        transport_to(sandbox.base_url, attempts=1, timeout_seconds=0.1).get("usage/data", PARAMS)
    assert time.monotonic() - begun < 0.35
    assert transport_to(sandbox.base_url, attempts=1, timeout_seconds=2).get("usage/data", PARAMS)["success"] is True


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A port whose queue is full, so that connecting to it takes for ever."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]


def test_connecting_has_a_timeout_of_its_own(deaf_port: int, transport_to: TransportTo) -> None:
    transport = transport_to(f"http://127.0.0.1:{deaf_port}/api/1", attempts=2, timeout_seconds=0.2)
    begun = time.monotonic()
    with pytest.raises(TransientError, match="ConnectTimeout"):
        transport.get("plans", PARAMS)
    assert 0.35 < time.monotonic() - begun < 2
    assert transport.calls == 2


def test_connecting_never_waits_as_long_as_a_slow_page_may(transport_to: TransportTo) -> None:
    assert transport_to("http://127.0.0.1:9/api/1", timeout_seconds=120)._timeout == (10, 120)


def test_a_port_where_nobody_listens_is_asked_again(transport_to: TransportTo) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        transport = transport_to(f"http://127.0.0.1:{taken.getsockname()[1]}/api/1")
        with pytest.raises(TransientError, match="refused"):
            transport.get("plans", PARAMS)
    assert transport.calls == 3


@pytest.mark.parametrize("base_url", ["dashboard.hologram.io/api/1", "ftp://127.0.0.1/api/1", "http://", "http://[/"])
def test_a_base_url_that_is_none_is_not_asked_again_and_names_the_variable(
    transport_to: TransportTo, base_url: str
) -> None:
    transport = transport_to(base_url)
    with pytest.raises(PermanentError, match="HOLOGRAM_BASE_URL"):
        transport.get("plans", PARAMS)
    assert transport.calls == 1


def test_retry_after_is_honoured(serve: Serve, transport_to: TransportTo) -> None:
    server = serve(
        lambda _: (
            said({"error": "API rate limit exceeded"}, 429, **{"Retry-After": "7"})
            if len(server.asked) < 3
            else page([])
        )
    )
    transport = transport_to(server.base_url)
    clock = with_clock(transport)
    transport.get("plans", PARAMS)
    assert clock.naps == [7, 7]


@pytest.mark.parametrize("header", [None, "", "soon", "-1", "nan", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_without_a_readable_retry_after_the_pause_is_the_documented_five_to_ten_seconds(
    serve: Serve, transport_to: TransportTo, header: str | None
) -> None:
    headers = {} if header is None else {"Retry-After": header}
    server = serve(lambda _: said({"success": False}, 429, **headers) if len(server.asked) < 5 else page([]))
    transport = transport_to(server.base_url, attempts=5)
    clock = with_clock(transport)
    transport.get("plans", PARAMS)
    assert len(clock.naps) == 4
    assert all(5 <= nap <= 10 for nap in clock.naps)
    assert len(set(clock.naps)) > 1, "no jitter: all clients come back together"


@pytest.mark.parametrize("header", ["86400", "inf"])
def test_no_pause_is_longer_than_five_minutes(serve: Serve, transport_to: TransportTo, header: str) -> None:
    server = serve(lambda _: said({}, 429, **{"Retry-After": header}) if len(server.asked) < 2 else page([]))
    transport = transport_to(server.base_url)
    clock = with_clock(transport)
    transport.get("plans", PARAMS)
    assert clock.naps == [300]


def test_one_workers_429_pauses_all_workers_of_the_key(serve: Serve, transport_to: TransportTo) -> None:
    times: list[float] = []
    lock = threading.Lock()

    def answer(_: Asked) -> Answer:
        with lock:
            times.append(time.monotonic())
            first = len(times) == 1
        return said({}, 429, **{"Retry-After": "0.5"}) if first else page([])

    server = serve(answer)
    one, other = (transport_to(server.base_url, key="a-key-that-two-organisations-share") for _ in range(2))
    limited = threading.Thread(target=lambda: one.get("plans", PARAMS))
    limited.start()
    while one._throttle._paused_until == 0:
        time.sleep(0.005)
    workers = [threading.Thread(target=lambda: other.get("plans", PARAMS)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in [*workers, limited]:
        worker.join()
    assert len(times) == 6
    assert all(0.45 < moment - times[0] < 3 for moment in times[1:])


def test_the_pause_between_attempts_grows_is_jittered_and_stays_below_ten_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    wait = transport_module.Transport("http://127.0.0.1:1", "key")._wait

    def waits(attempt: int) -> list[float]:
        state = RetryCallState(Retrying(), None, (), {})
        state.attempt_number = attempt
        state.set_exception((TransientError, TransientError("x"), None))
        return [wait(state) for _ in range(50)]

    first, third, late = waits(1), waits(3), waits(20)
    assert all(0.4 <= seconds <= 1.1 for seconds in first)
    assert min(third) > max(first)
    assert max(late) <= 10
    assert len({round(seconds, 4) for seconds in first}) > 10, "no jitter: all workers come back together"


@pytest.mark.parametrize("fault", ["server_error", "cut_json", "not_success"])
def test_a_failure_in_the_middle_of_a_list_doubles_and_loses_nothing(
    sandbox: Sandbox, client_to: ClientTo, fault: str
) -> None:
    query = SessionQuery(orgid=144, limit=10, timestart=sandbox.clock.now() - A_MORNING)
    calm: list[Any] = [row for rows in client_to(sandbox.base_url).session_pages(query) for row in rows]
    sandbox.faults.set(fault, after=2, times=2)
    assert [row for rows in client_to(sandbox.base_url).session_pages(query) for row in rows] == calm


def test_no_rows_is_an_answer_and_not_an_error(sandbox: Sandbox, client_to: ClientTo) -> None:
    sandbox.faults.set("no_rows")
    client = client_to(sandbox.base_url)
    assert list(client.session_pages(SessionQuery(orgid=144))) == [[]]
    assert client.billing_totals(BillingQuery(orgid=144)) == []
    assert client.plans(PlanQuery(orgid=144)) == []
    assert client.links(LinkQuery(orgid=144)) == []
