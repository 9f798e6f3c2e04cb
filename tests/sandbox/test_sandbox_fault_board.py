"""Switching faults on and off: which requests they are about, for how long, and how they are written."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import requests

from hologram_assets.sandbox import FAULTS, Fault, FaultBoard, Sandbox, parse_fault

Get = Callable[..., requests.Response]


def test_a_fault_applies_to_its_endpoint_only(breakable: Sandbox, get: Get) -> None:
    breakable.faults.set("forbidden", endpoint="links/cellular")
    assert get("links/cellular").status_code == 403
    assert get("links/cellular/14400001").status_code == 403
    assert get("plans").status_code == 200
    breakable.faults.set("server_error", endpoint="usage/data$")
    assert get("usage/data").status_code == 503
    assert get("usage/data/billing").status_code == 200


def test_a_fault_lets_some_requests_pass_and_then_ends(breakable: Sandbox, get: Get) -> None:
    breakable.faults.set("rate_limited", times=2, after=1, endpoint="usage/data")
    get("plans")
    assert [get().status_code for _ in range(5)] == [200, 429, 429, 200, 200]
    assert breakable.faults.active() == []


def test_a_fault_that_did_not_get_its_turn_waits(breakable: Sandbox, get: Get) -> None:
    breakable.faults.set("rate_limited", times=1)
    breakable.faults.set("html", times=1)
    assert get().status_code == 429
    assert get().headers["Content-Type"].startswith("text/html")
    assert get().json()["success"] is True


def test_a_fault_set_again_replaces_the_old_one_and_clear_takes_a_name() -> None:
    board = FaultBoard(["rate_limited=1@plans", "no_rows"])
    board.set("rate_limited", endpoint="plans", value=2)
    assert [(fault.name, fault.value) for fault in board.active()] == [("no_rows", None), ("rate_limited", 2)]
    board.clear("no_rows")
    assert [fault.name for fault in board.active()] == ["rate_limited"]
    board.clear()
    assert board.active() == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("rate_limited", Fault("rate_limited")),
        ("rate_limited=3", Fault("rate_limited", value=3)),
        ("hang=0.5@usage/data*2+4", Fault("hang", value=0.5, endpoint="usage/data", times=2, after=4)),
        ("forbidden@links/cellular", Fault("forbidden", endpoint="links/cellular")),
        ("html@usage/data$*1", Fault("html", endpoint="usage/data$", times=1)),
        ("billing_cursor=none", Fault("billing_cursor", value="none")),
        ("redirect=http://10.0.0.1:80/a@b*2", Fault("redirect", value="http://10.0.0.1:80/a@b*2")),
    ],
)
def test_a_fault_can_be_written_on_a_command_line(text: str, fault: Fault) -> None:
    assert parse_fault(text) == fault


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ratelimited",
        "hang=soon",
        "fewer_rows=2",
        "hang=-1",
        "html=3",
        "billing_cursor=maybe",
        "no_rows*0",
        "no rows",
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="fault"):
        parse_fault(text)


def test_every_fault_has_a_line_of_help_and_can_be_switched_on() -> None:
    board = FaultBoard()
    for name, text in FAULTS.items():
        assert 10 < len(text) < 110
        assert "\n" not in text
        board.set(name)
    assert {fault.name for fault in board.active()} == set(FAULTS)
