"""The server around the API: keys, the clock, the request log, control endpoints, starting and stopping."""

from __future__ import annotations

import base64
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from hologram_assets.sandbox import Sandbox, SandboxClock

NOON = datetime.fromisoformat("2026-11-20T12:00:00")
Ask = Callable[..., dict[str, Any]]


def status(sandbox: Sandbox, **kwargs: Any) -> tuple[int, bool]:
    response = requests.get(f"{sandbox.base_url}/plans", timeout=5, **kwargs)
    return response.status_code, response.json()["success"]


def test_a_key_opens_by_basic_or_by_query_and_nothing_else_does(sandbox: Sandbox) -> None:
    assert status(sandbox, auth=("apikey", "anything")) == (200, True)
    assert status(sandbox, params={"apikey": "anything"}) == (200, True)
    assert status(sandbox) == (401, False)
    assert status(sandbox, auth=("apikey", "")) == (401, False)
    assert status(sandbox, auth=("somebody", "anything")) == (401, False)
    assert status(sandbox, headers={"Authorization": "Basic §"}) == (401, False)
    assert status(sandbox, headers={"Authorization": f"Bearer {base64.b64encode(b'apikey:x').decode()}"}) == (
        401,
        False,
    )
    assert status(sandbox, auth=("apikey", "wrong")) == (401, False)
    assert status(sandbox, auth=("apikey", "forbidden")) == (403, False)


def test_only_the_given_keys_open_when_keys_are_given() -> None:
    with Sandbox(orgs=(144,), sims=0, keys={"good", "forbidden"}) as sandbox:
        assert status(sandbox, auth=("apikey", "good")) == (200, True)
        assert status(sandbox, auth=("apikey", "other")) == (401, False)
        assert status(sandbox, auth=("apikey", "forbidden")) == (403, False)


def test_the_log_has_every_request_and_never_the_key(breakable: Sandbox) -> None:
    breakable.requests.clear()
    began = datetime.now(UTC).replace(tzinfo=None)
    requests.get(f"{breakable.base_url}/plans?apikey=s3cret&limit=3", timeout=5)
    requests.get(f"{breakable.base_url}/usage/data?orgid=5", auth=("apikey", "s3cret"), timeout=5)
    first, second = breakable.requests
    assert (first.path, first.params, first.status, first.key_in_query) == ("/api/1/plans", {"limit": "3"}, 200, True)
    assert (second.path, second.params, second.status, second.key_in_query) == (
        "/api/1/usage/data",
        {"orgid": "5"},
        403,
        False,
    )
    assert began <= first.started_at <= second.started_at <= datetime.now(UTC).replace(tzinfo=None)
    shown = requests.get(f"{breakable.control_url}/_sandbox/requests", timeout=5).text
    assert '"limit":"3"' in shown
    assert "s3cret" not in shown + repr(breakable.requests)


def test_a_session_is_seen_from_the_second_of_its_receipt_on(breakable: Sandbox, ask: Ask) -> None:
    breakable.clock.freeze(NOON)
    newest = breakable.fleet.sessions(144)[-1]
    breakable.clock.freeze(newest.received_at - timedelta(seconds=1))
    assert ask(breakable, "usage/data", orgid=144, limit=1)["data"][0]["record_id"] < newest.record_id
    breakable.clock.advance(timedelta(seconds=1))
    assert ask(breakable, "usage/data", orgid=144, limit=1)["data"][0]["record_id"] == newest.record_id


def test_a_session_is_gone_the_second_after_three_months(breakable: Sandbox, ask: Ask) -> None:
    # Received late: it lies among sessions that ended after it, which stay.
    some = next(s for s in breakable.fleet.sessions(144) if s.received_at - s.timestamp > timedelta(hours=1))
    params: dict[str, str | int] = {"orgid": 144, "linkid": some.linkid, "startafter": some.record_id + 1, "limit": 1}
    breakable.clock.freeze(some.timestamp + timedelta(days=90))
    assert ask(breakable, "usage/data", **params)["data"][0]["record_id"] == some.record_id
    breakable.clock.advance(timedelta(seconds=1))
    assert some.record_id not in [row["record_id"] for row in ask(breakable, "usage/data", **params)["data"]]
    breakable.clock.freeze(some.timestamp + timedelta(days=90))
    assert ask(breakable, "usage/data", **params)["data"][0]["record_id"] == some.record_id


def test_the_clock_runs_stops_and_jumps() -> None:
    clock = SandboxClock()
    assert not clock.frozen
    assert abs(clock.now() - datetime.now(UTC).replace(tzinfo=None)) < timedelta(seconds=1)
    clock.advance(timedelta(days=2))
    assert timedelta(days=1.9) < clock.now() - datetime.now(UTC).replace(tzinfo=None) < timedelta(days=2.1)
    clock.freeze(datetime(2026, 1, 1, 1, tzinfo=UTC))
    assert clock.now() == datetime.fromisoformat("2026-01-01T01:00:00")
    clock.advance(timedelta(hours=1))
    assert clock.now() == datetime.fromisoformat("2026-01-01T02:00:00")
    clock.unfreeze()
    assert abs(clock.now() - datetime.now(UTC).replace(tzinfo=None)) < timedelta(seconds=1)


def test_clock_and_faults_can_be_set_from_another_process(breakable: Sandbox, ask: Ask) -> None:
    control = f"{breakable.control_url}/_sandbox"
    answer = requests.post(f"{control}/clock", json={"now": "2026-11-01T12:00:00"}, timeout=5).json()
    assert answer == {"now": "2026-11-01T12:00:00", "frozen": True}
    assert ask(breakable, "usage/data", orgid=144)["data"][0]["timestamp"].startswith("2026-11-01 1")
    assert requests.post(f"{control}/clock", json={"advance_seconds": 90}, timeout=5).json()["now"].endswith("12:01:30")
    assert requests.post(f"{control}/clock", json={"now": None}, timeout=5).json()["frozen"] is False
    assert requests.get(f"{control}/clock", timeout=5).json()["frozen"] is False

    posted = {"name": "server_error", "value": 502, "endpoint": "plans", "times": 1}
    active = requests.post(f"{control}/faults", json=posted, timeout=5).json()["active"]
    assert active == [{**posted, "value": 502.0, "after": 0}]
    assert status(breakable, auth=("apikey", "k")) == (502, False)
    requests.post(f"{control}/faults", json="not_success@plans", timeout=5)
    assert status(breakable, auth=("apikey", "k")) == (200, False)
    assert requests.delete(f"{control}/faults", timeout=5).json()["active"] == []
    assert status(breakable, auth=("apikey", "k")) == (200, True)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults", {"name": "nonsense"}),
        ("faults", {"nome": "html"}),
        ("faults", "html=3"),
        ("clock", {"now": "noon"}),
        ("clock", {"then": 1}),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_with_a_reason(breakable: Sandbox, path: str, body: object) -> None:
    response = requests.post(f"{breakable.control_url}/_sandbox/{path}", json=body, timeout=5)
    assert response.status_code == 400
    assert response.json()["error"]


def test_the_page_says_how_to_use_the_sandbox(sandbox: Sandbox) -> None:
    page = requests.get(sandbox.control_url, timeout=5)
    assert page.headers["Content-Type"].startswith("text/html")
    assert f"export HOLOGRAM_BASE_URL={sandbox.base_url}\n" in page.text
    assert "export HOLOGRAM_ORG_IDS=144,145\n" in page.text


def test_latency_is_waited_side_by_side() -> None:
    with Sandbox(orgs=(144,), sims=0, latency_seconds=0.2) as sandbox, ThreadPoolExecutor(8) as pool:
        began = time.monotonic()
        answers = list(pool.map(lambda _: status(sandbox, auth=("apikey", "k")), range(8)))
        took = time.monotonic() - began
    assert set(answers) == {(200, True)}
    assert 0.2 <= took < 1.2


def test_connections_are_kept(breakable: Sandbox, ask: Ask, http: requests.Session) -> None:
    ask(breakable, "plans")
    pool: Any = http.get_adapter(breakable.base_url).poolmanager.connection_from_url(breakable.base_url)  # type: ignore[attr-defined]
    before = pool.num_connections
    for _ in range(5):
        ask(breakable, "plans")
    assert pool.num_connections == before


def test_a_sandbox_stops_at_once_and_gives_its_port_back() -> None:
    with Sandbox(orgs=(144,), sims=0, faults=["hang=60"]) as sandbox:
        port = int(sandbox.control_url.rpartition(":")[2])
        waiting = threading.Thread(target=lambda: status(sandbox, auth=("apikey", "k")))
        waiting.start()
        while not sandbox.requests:
            time.sleep(0.01)
        began = time.monotonic()
    assert time.monotonic() - began < 3
    waiting.join(5)
    assert not waiting.is_alive()
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))


def test_a_taken_port_is_an_error_at_once(sandbox: Sandbox) -> None:
    port = int(sandbox.control_url.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"), Sandbox(sims=0, port=port):
        pass


def test_two_sandboxes_run_side_by_side(sandbox: Sandbox, ask: Ask) -> None:
    with Sandbox(orgs=(9,), sims=1, days=0) as other:
        assert ask(other, "links/cellular", orgid=9)["size"] == 1
        assert ask(sandbox, "links/cellular", orgid=144)["size"] == 20


def test_an_empty_organisation_answers_with_nothing(ask: Ask) -> None:
    with Sandbox(orgs=(9,), sims=0) as empty:
        for endpoint in ("usage/data", "usage/data/billing", "links/cellular", "devices"):
            assert ask(empty, endpoint, orgid=9)["data"] == []


def test_an_unknown_filter_column_is_refused() -> None:
    with pytest.raises(ValueError, match="filter column"):
        Sandbox(filter_column="bytes")


def test_in_the_foreground_it_serves_until_it_is_told_to_stop() -> None:
    program = (
        "from hologram_assets.sandbox import Sandbox\n"
        "sandbox = Sandbox(orgs=(144,), sims=1, days=0)\n"
        "sandbox.serve_forever(lambda: print(sandbox.base_url, flush=True))\n"
        "print('stopped')\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        base_url = process.stdout.readline().strip()
        # The port is open before the URL is printed, so the first request waits and is not refused.
        response = requests.get(f"{base_url}/plans", auth=("apikey", "k"), timeout=10)
        assert response.status_code == 200
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    assert (out, err, process.returncode) == ("stopped\n", "", 0)
