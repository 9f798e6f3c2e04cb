"""The API's clock beside ours: what the `Date` of an answer says for certain, and what it doesn't."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hologram_assets.api.clock import clock_reading
from hologram_assets.api.errors import HologramError
from hologram_assets.api.transport import Transport
from hologram_assets.sandbox import Sandbox
from tests.api.loopback import Answer, Asked, Loopback, page

Serve = Callable[[Callable[[Asked], Answer]], Loopback]
TransportTo = Callable[..., Transport]
SENT = datetime.fromisoformat("2026-11-20T12:00:00.400")
SECOND = timedelta(seconds=1)


def http_date(moment: datetime) -> str:
    return format_datetime(moment.replace(tzinfo=UTC), usegmt=True)


@given(
    ahead=st.timedeltas(timedelta(days=-400), timedelta(days=400)),
    to_the_api=st.timedeltas(timedelta(0), timedelta(seconds=60)),
    back=st.timedeltas(timedelta(0), timedelta(seconds=60)),
)
def test_a_clock_is_never_said_to_be_farther_off_than_it_is(
    ahead: timedelta, to_the_api: timedelta, back: timedelta
) -> None:
    its_moment = SENT + to_the_api - ahead
    reading = clock_reading({"Date": http_date(its_moment)}, SENT, SENT + to_the_api + back)
    assert reading is not None
    assert abs(reading.ahead) <= abs(ahead)
    assert (reading.ahead / SECOND) * (ahead / SECOND) >= 0  # on the same side
    assert abs(ahead - reading.ahead) <= reading.round_trip + SECOND


@pytest.mark.parametrize(
    ("date", "ahead"),
    [
        ("Fri, 20 Nov 2026 12:00:00 GMT", 0.0),
        ("Fri, 20 Nov 2026 12:00:00 -0000", 0.0),
        ("Fri, 20 Nov 2026 13:00:00 +0100", 0.0),
        ("Fri, 20 Nov 2026 11:59:00 GMT", 59.4),
        ("Fri, 20 Nov 2026 12:01:00 GMT", -59.4),
    ],
)
def test_the_round_trip_and_the_cut_second_are_no_difference(date: str, ahead: float) -> None:
    reading = clock_reading({"Date": date}, SENT, SENT + timedelta(seconds=0.2))
    assert reading is not None
    assert reading.ahead / SECOND == pytest.approx(ahead)


@given(st.text())
@example("Fri, 31 Dec 9999 23:59:59 GMT")
@example("Mon, 01 Jan 0100 00:00:00 -2359")
def test_any_date_can_be_read_or_is_left_alone(date: str) -> None:
    found = clock_reading({"Date": date}, SENT, SENT)
    assert found is None or isinstance(found.ahead, timedelta)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Date": ""},
        {"Date": "yesterday"},
        {"Date": "Fri, 32 Nov 2026 12:00:00 GMT"},
        {"Date": "Fri, 31 Dec 9999 23:59:59 -2300"},
        {"Date": "Fri, 20 Nov 2026 12:00:00 GMT", "Age": "900"},
    ],
)
def test_an_answer_without_a_date_of_its_own_says_nothing(headers: dict[str, str]) -> None:
    assert clock_reading(headers, SENT, SENT + SECOND) is None


def test_a_clock_that_was_set_back_meanwhile_says_nothing() -> None:
    assert clock_reading({"Date": http_date(SENT)}, SENT, SENT - SECOND) is None


def test_the_sandbox_tells_the_time(sandbox: Sandbox, transport_to: TransportTo) -> None:
    transport = transport_to(sandbox.base_url)
    transport.get("plans", {"orgid": 144})
    assert transport.clock is not None
    # Its server writes the same Date for a second.
    assert abs(transport.clock.ahead) <= SECOND


def test_a_refusal_tells_the_time_as_well(sandbox: Sandbox, transport_to: TransportTo) -> None:
    sandbox.faults.set("unauthorized")
    transport = transport_to(sandbox.base_url)
    with pytest.raises(HologramError):
        transport.get("plans", {"orgid": 144})
    assert transport.clock is not None


def test_the_quickest_answer_counts(serve: Serve, transport_to: TransportTo, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    dates = [now - timedelta(hours=1), now - timedelta(hours=2), now - timedelta(hours=3)]
    naps = [0.2, 0.0, 0.2]
    monkeypatch.setattr(BaseHTTPRequestHandler, "date_time_string", lambda *_: http_date(dates.pop(0)))

    def answer(_: Asked) -> Answer:
        time.sleep(naps.pop(0))
        return page([])

    transport = transport_to(serve(answer).base_url)
    for _ in range(3):
        transport.get("plans", {"orgid": 144})
    assert transport.clock is not None
    assert transport.clock.ahead / timedelta(hours=1) == pytest.approx(2, abs=0.01)


def test_answers_without_a_date_are_answers(
    serve: Serve, transport_to: TransportTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BaseHTTPRequestHandler, "date_time_string", lambda *_: "")
    transport = transport_to(serve(lambda _: page([])).base_url)
    assert transport.get("plans", {"orgid": 144})["data"] == []
    assert transport.clock is None
