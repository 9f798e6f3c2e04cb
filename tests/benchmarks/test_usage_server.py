from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
import requests

from benchmarks.usage_sessions import Sessions
from benchmarks.usage_traffic import UsageServer, usage_server

DAYS = [date(2026, 11, 1), date(2026, 11, 2)]
PER_DAY = 1_500
LATENCY = 0.01
REFUSED = 3


@pytest.fixture(scope="module")
def running() -> Iterator[UsageServer]:
    with usage_server(DAYS, PER_DAY, latency=LATENCY, refuse_nth=REFUSED, retry_after=2) as server:
        yield server


@pytest.fixture
def server(running: UsageServer) -> UsageServer:
    """Nothing was asked of it yet; the third request will be refused."""
    running.reset()
    return running


@pytest.fixture(scope="module")
def sessions() -> Sessions:
    return Sessions(DAYS, PER_DAY)


def get(server: UsageServer, **params: str | int) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(f"{server.base_url}/usage/data", params={"orgid": 144, **params}, timeout=10)


def ask(server: UsageServer, **params: str | int) -> dict[str, Any]:
    """An answer; what is refused is asked for again."""
    while (response := get(server, **params)).status_code == 429:
        pass
    answer: dict[str, Any] = response.json()
    assert answer["success"] is True
    return answer


def test_a_chain_of_pages_brings_every_session_once_newest_first(server: UsageServer, sessions: Sessions) -> None:
    answer = ask(server, limit=700)
    rows = answer["data"]
    pages = 1
    while answer.get("continues"):
        assert answer["size"] == f"{len(answer['data'])}s"
        assert answer["lastid"] == rows[-1]["record_id"]
        assert answer["links"]["base"] not in server.base_url
        answer = ask(server, limit=700, startafter=answer["lastid"])
        rows += answer["data"]
        pages += 1
    assert "continues" not in answer
    assert [row["record_id"] for row in rows] == sessions.ids[::-1].tolist()
    assert sum(row["bytes"] for row in rows) == sessions.bytes
    ends = [datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC).timestamp() for row in rows]
    assert ends == sorted(ends, reverse=True)
    assert pages == -(-len(sessions) // 700)


def test_a_window_has_the_sessions_that_end_in_it_both_ends_included(server: UsageServer, sessions: Sessions) -> None:
    start, end = int(sessions.ends[400]), int(sessions.ends[600])
    rows = ask(server, timestart=start, timeend=end, limit=5_000)["data"]
    wanted = sessions.ids[(sessions.ends >= start) & (sessions.ends <= end)]
    assert [row["record_id"] for row in rows] == wanted[::-1].tolist()


def test_a_cursor_that_is_no_session_leads_to_smaller_ids(server: UsageServer, sessions: Sessions) -> None:
    cursor = int(sessions.ids[1_000]) + 1
    rows = ask(server, startafter=cursor)["data"]
    assert [row["record_id"] for row in rows] == [id for id in sessions.ids.tolist() if id < cursor][:-101:-1]


def test_behind_the_last_session_is_an_empty_page(server: UsageServer, sessions: Sessions) -> None:
    answer = ask(server, startafter=int(sessions.ids[0]))
    assert (answer["data"], answer.get("continues")) == ([], None)


def test_the_optional_fields_come_when_they_are_asked_for(server: UsageServer) -> None:
    (plain,) = ask(server, limit=1)["data"]
    (full,) = ask(server, limit=1, getplaninfo=1, getcountryinfo=1)["data"]
    assert full.keys() - plain.keys() == {"data_plan_id", "sim", "simcardid", "country"}
    assert full.items() >= plain.items()


def test_one_request_is_refused_and_all_are_written_down(server: UsageServer) -> None:
    refused = [get(server, limit=10) for _ in range(REFUSED)][-1]
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "2")
    assert refused.json()["success"] is False
    ask(server, limit=10)
    traffic = server.traffic()
    assert [each.refused for each in traffic.asked] == [False, False, True, False]
    assert (traffic.pages, traffic.rows, traffic.distinct_rows) == (4, 30, 10)
    assert all(each.answered - each.arrived >= LATENCY for each in traffic.asked)
    assert (traffic.sessions, traffic.seconds > 4 * LATENCY) == (2 * PER_DAY, True)
