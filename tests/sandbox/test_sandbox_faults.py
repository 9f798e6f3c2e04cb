"""Every fault does what its line of help says, to the requests it is about, for as long as it is on."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from hologram_assets.sandbox import Sandbox

Ask = Callable[..., dict[str, Any]]
Get = Callable[..., requests.Response]


def ids(answer: dict[str, Any]) -> list[int]:
    return [row["record_id"] for row in answer["data"]]


@pytest.mark.parametrize(
    ("fault", "value", "status"),
    [
        ("rate_limited", None, 429),
        ("server_error", None, 503),
        ("server_error", 500, 500),
        ("not_success", None, 200),
        ("unauthorized", None, 401),
        ("forbidden", None, 403),
    ],
)
def test_a_failure_has_its_status_and_the_failure_envelope(
    breakable: Sandbox, get: Get, fault: str, value: float | None, status: int
) -> None:
    breakable.faults.set(fault, value=value)
    response = get()
    assert response.status_code == status
    body = response.json()
    assert body.pop("error")
    assert body == {"success": False}


def test_the_rate_limit_has_the_documented_body_and_says_how_long_to_wait_when_told_to(
    breakable: Sandbox, get: Get
) -> None:
    breakable.faults.set("rate_limited")
    assert get().json() == {"success": False, "error": "API rate limit exceeded"}
    assert "Retry-After" not in get().headers
    breakable.faults.set("rate_limited", value=7)
    assert get().headers["Retry-After"] == "7"


def test_a_hanging_answer_comes_late_but_right(breakable: Sandbox, get: Get) -> None:
    breakable.faults.set("hang", value=0.4, times=1)
    began = time.monotonic()
    assert get().json()["success"] is True
    assert time.monotonic() - began >= 0.4
    began = time.monotonic()
    get()
    assert time.monotonic() - began < 0.4


def test_a_dropped_connection_has_no_answer(breakable: Sandbox, get: Get) -> None:
    breakable.faults.set("drop_connection", times=1)
    with pytest.raises(requests.ConnectionError):
        get()
    assert breakable.requests[-1].status == 0
    assert get().status_code == 200


def test_cut_json_is_complete_as_http_and_broken_as_json(breakable: Sandbox, get: Get) -> None:
    breakable.faults.set("cut_json")
    response = get()
    assert len(response.content) == int(response.headers["Content-Length"])
    with pytest.raises(requests.exceptions.JSONDecodeError):
        response.json()


def test_cut_body_ends_before_the_announced_length(breakable: Sandbox, get: Get) -> None:
    breakable.faults.set("cut_body", times=1)
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        get()
    assert get().status_code == 200


def test_html_comes_with_200(breakable: Sandbox, get: Get) -> None:
    breakable.faults.set("html")
    response = get()
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/html")
    assert response.text.startswith("<!DOCTYPE html>")


def test_a_redirect_names_another_host(breakable: Sandbox, get: Get) -> None:
    breakable.faults.set("redirect", value="http://127.0.0.2:9/steal")
    response = get()
    assert (response.status_code, response.headers["Location"]) == (302, "http://127.0.0.2:9/steal")


@pytest.mark.parametrize("endpoint", ["usage/data", "usage/data/billing", "plans", "links/cellular"])
def test_a_stuck_cursor_gives_the_first_page_for_ever(breakable: Sandbox, get: Get, endpoint: str) -> None:
    breakable.faults.set("stuck_cursor")
    first = get(endpoint, limit=3).json()
    again = get(endpoint, limit=3, startafter=first["lastid"]).json()
    assert again == first
    assert first["continues"] is True
    assert get(endpoint, limit=5000).json()["continues"] is True


def test_an_empty_page_can_say_that_it_continues(breakable: Sandbox, get: Get) -> None:
    breakable.faults.set("empty_page_continues", after=1)
    cursor = get(limit=5).json()["lastid"]
    answer = get(limit=5, startafter=cursor).json()
    assert (answer["data"], answer["continues"]) == ([], True)


def test_ids_can_stop_decreasing(breakable: Sandbox, get: Get) -> None:
    straight = ids(get(limit=5).json())
    breakable.faults.set("ids_not_decreasing")
    assert ids(get(limit=5).json()) == straight[::-1]


def test_a_wrong_lastid_or_next_loses_the_row_after_the_page(breakable: Sandbox, get: Get) -> None:
    rows = ids(get(limit=6).json())
    breakable.faults.set("wrong_lastid")
    answer = get(limit=5).json()
    assert answer["lastid"] == rows[5] != rows[4]
    assert answer["links"]["next"].endswith(f"startafter={rows[4]}")
    breakable.faults.clear()
    breakable.faults.set("wrong_next")
    answer = get(limit=5).json()
    assert answer["links"]["next"].endswith(f"startafter={rows[5]}")
    assert answer["lastid"] == rows[4]


@pytest.mark.parametrize("limit", [1, 4])
def test_a_repeated_edge_row_is_the_last_one_of_the_page_before(breakable: Sandbox, get: Get, limit: int) -> None:
    whole = ids(get(limit=9).json())
    breakable.faults.set("repeated_edge_row")
    first = get(limit=limit).json()
    second = get(limit=limit, startafter=first["lastid"]).json()
    assert ids(second)[0] == ids(first)[-1]
    seen = list(dict.fromkeys(ids(first) + ids(second)))
    assert seen == whole[: len(seen)]
    assert len(seen) > len(ids(first))


def test_no_rows_is_a_proper_empty_answer(breakable: Sandbox, get: Get) -> None:
    breakable.faults.set("no_rows")
    answer = get().json()
    assert answer["success"] is True
    assert answer["data"] == []
    assert not answer.get("continues")


def test_fewer_rows_are_always_the_same_ones(breakable: Sandbox, get: Get) -> None:
    whole = ids(get(limit=1000).json())
    breakable.faults.set("fewer_rows", value=0.2)
    fewer = ids(get(limit=1000).json())
    lost = [record_id for record_id in whole if record_id > min(fewer) and record_id not in fewer]
    assert 0.1 < len(lost) / len(whole) < 0.3
    assert ids(get(limit=1000).json()) == fewer
    assert len(fewer) == 1000


def test_bad_rows_are_four_and_lie_in_the_window_on_the_first_page_only(breakable: Sandbox, get: Get) -> None:
    day = datetime(2026, 11, 17, tzinfo=UTC)
    # As a client asks that wants the 17th and a day's margin on both sides.
    window: dict[str, str | int] = {
        "timestart": int((day - timedelta(days=1)).timestamp()),
        "timeend": int((day + timedelta(days=2)).timestamp()),
        "limit": 50,
    }
    clean = get(**window).json()["data"]
    breakable.faults.set("bad_rows")
    answer = get(**window).json()
    added, rest = answer["data"][:4], answer["data"][4:]
    assert rest == clean
    assert sum("record_id" not in row for row in added) == 1
    assert sum("linkid" not in row for row in added) == 1
    assert sum(row["bytes"] < 0 for row in added) == 1
    assert sorted(row["timestamp"][:10] for row in added) == ["2026-11-17", "2026-11-17", "2026-11-17", "2026-13-45"]
    known = [row["record_id"] for row in answer["data"] if "record_id" in row]
    assert known == sorted(set(known), reverse=True)
    assert len(get(**window, startafter=answer["lastid"]).json()["data"]) == 50


def test_rows_can_carry_fields_that_nobody_knows(breakable: Sandbox, get: Get) -> None:
    breakable.faults.set("unknown_fields")
    assert all(isinstance(row["future_field"], dict) for row in get().json()["data"])


def test_numbers_can_come_as_strings(breakable: Sandbox, get: Get) -> None:
    plain = get().json()["data"]
    breakable.faults.set("string_numbers")
    for row, text in zip(plain, get().json()["data"], strict=True):
        assert text == {name: str(value) if isinstance(value, int) else value for name, value in row.items()}
    plan = get("plans").json()["data"][0]
    assert plan["data"].isdecimal()
    assert plan["is_dynamic_pool"] in {True, False}


def test_changed_rows_have_one_byte_more(breakable: Sandbox, get: Get) -> None:
    before = get(limit=500).json()["data"]
    breakable.faults.set("changed_rows", value=0.25)
    after = get(limit=500).json()["data"]
    differences = [new["bytes"] - old["bytes"] for old, new in zip(before, after, strict=True)]
    assert set(differences) == {0, 1}
    assert 0.15 < sum(differences) / 500 < 0.35
    breakable.faults.set("changed_rows", value=1)
    assert all(n["bytes"] == o["bytes"] + 1 for o, n in zip(before, get(limit=500).json()["data"], strict=True))


def test_moved_rows_lie_on_the_next_or_previous_day_and_are_found_there(breakable: Sandbox, get: Get) -> None:
    start, end = datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 11, 17, tzinfo=UTC)
    wide: dict[str, str | int] = {"limit": 5000, "timestart": int((start - timedelta(days=3)).timestamp())}
    day: dict[str, str | int] = {
        "limit": 5000,
        "timestart": int(start.timestamp()),
        "timeend": int((end - timedelta(seconds=1)).timestamp()),
    }
    before = {row["record_id"]: row for row in get(**wide).json()["data"]}
    breakable.faults.set("moved_rows", value=0.3)
    after = {row["record_id"]: row for row in get(**wide).json()["data"]}
    moved = {key: row for key, row in after.items() if key in before and row["timestamp"] != before[key]["timestamp"]}
    steps = {
        (datetime.fromisoformat(row["timestamp"]).date() - datetime.fromisoformat(before[key]["timestamp"]).date()).days
        for key, row in moved.items()
    }
    assert steps == {-1, 1}
    assert 0.2 < len(moved) / len(before) < 0.4
    found = {row["record_id"] for row in get(**day).json()["data"]}
    assert found == {key for key, row in after.items() if row["timestamp"].startswith("2026-11-16")}
    assert max(row["timestamp"] for row in after.values()) <= "2026-11-20 12:00:00"


@pytest.mark.parametrize("flag", ["getdeviceinfo", "getplaninfo", "getcountryinfo"])
def test_flags_can_be_refused(breakable: Sandbox, get: Get, flag: str) -> None:
    breakable.faults.set("bad_request_on_flags")
    assert get(**{flag: 1}).status_code == 400
    assert get(**{flag: 0}).status_code == 200
    assert get().status_code == 200


def test_billing_can_honour_startat_alone_or_no_cursor_at_all(breakable: Sandbox, get: Get) -> None:
    first = get("usage/data/billing", limit=5).json()
    following = get("usage/data/billing", limit=5, startafter=first["lastid"]).json()
    assert following != first
    breakable.faults.set("billing_cursor")
    assert get("usage/data/billing", limit=5, startafter=first["lastid"]).json() == first
    assert get("usage/data/billing", limit=5, startat=first["lastid"]).json() == following
    breakable.faults.set("billing_cursor", value="none")
    for cursor in ("startat", "startafter"):
        assert get("usage/data/billing", limit=5, **{cursor: first["lastid"]}).json() == first


def test_the_foreign_base_can_be_any_host(breakable: Sandbox, get: Get) -> None:
    breakable.faults.set("foreign_base", value="127.0.0.1:1")
    assert get().json()["links"]["base"] == "127.0.0.1:1"


def test_one_record_can_come_as_an_array_of_one(breakable: Sandbox, get: Get) -> None:
    plan = get("plans/2096").json()["data"]
    breakable.faults.set("single_as_list")
    assert get("plans/2096").json()["data"] == [plan]
