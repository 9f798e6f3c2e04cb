"""From page to page: every row once, whatever the server's habits; and pages that lead nowhere are an error at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hologram_assets.api.client import HologramClient
from hologram_assets.api.errors import PagingError, TransientError
from hologram_assets.api.plans import PlanPrice
from hologram_assets.api.queries import BillingQuery, LinkQuery, PlanQuery, SessionQuery
from hologram_assets.api.records import Link, Rejected, Session
from hologram_assets.sandbox import Sandbox
from tests.api.loopback import Answer, Asked, Loopback, Row, page

Serve = Callable[[Callable[[Asked], Answer]], Loopback]
ClientTo = Callable[..., HologramClient]
A_MORNING = timedelta(hours=6)
BILLING = BillingQuery(orgid=1)


def ids_of(rows: Sequence[Session | Rejected]) -> list[int]:
    assert not [row for row in rows if isinstance(row, Rejected)]
    return [row.record_id for row in rows if isinstance(row, Session)]


def morning(client: HologramClient, sandbox: Sandbox, limit: int = 7) -> list[int]:
    """The ids of the last hours' sessions, as the client brings them."""
    query = SessionQuery(orgid=144, limit=limit, timestart=sandbox.clock.now() - A_MORNING)
    return ids_of([row for rows in client.session_pages(query) for row in rows])


def true_morning(sandbox: Sandbox) -> list[int]:
    start = sandbox.clock.now() - A_MORNING
    found = sorted((s.record_id for s in sandbox.fleet.sessions(144) if s.timestamp >= start), reverse=True)
    assert len(found) > 30
    return found


def plan_ids(client: HologramClient) -> set[int]:
    return {price.plan_id for price in client.plans(PlanQuery(orgid=144)) if isinstance(price, PlanPrice)}


def true_plan_ids(sandbox: Sandbox) -> set[int]:
    return {plan.id for plan in sandbox.fleet.plans() if plan.listed}


def linkids(client: HologramClient) -> list[int]:
    return [link.linkid for link in client.links(LinkQuery(orgid=144)) if isinstance(link, Link)]


def true_linkids(sandbox: Sandbox) -> list[int]:
    return [sim.linkid for sim in sandbox.fleet.sims(144)][::-1]


def session_row(record_id: int | None) -> Row:
    row: Row = {"linkid": 1, "timestamp": "2025-09-19 16:45:18", "bytes": 1}
    return row if record_id is None else {"record_id": record_id, **row}


@settings(max_examples=12, deadline=None)
@given(limit=st.integers(1, 80))
def test_any_page_size_gives_every_session_once_newest_first(fleet: Sandbox, client_to: ClientTo, limit: int) -> None:
    assert morning(client_to(fleet.base_url), fleet, limit) == true_morning(fleet)


@settings(max_examples=12, deadline=None)
@given(limit=st.integers(1, 30))
def test_any_page_size_gives_every_plan_and_every_link_once(fleet: Sandbox, client_to: ClientTo, limit: int) -> None:
    client = client_to(fleet.base_url, page_size=limit)
    assert plan_ids(client) == true_plan_ids(fleet)
    assert linkids(client) == true_linkids(fleet)


@pytest.mark.parametrize("limit", [1, 7])
@pytest.mark.parametrize(
    "fault", ["wrong_lastid", "wrong_next", "repeated_edge_row", "foreign_base", "string_numbers", "unknown_fields"]
)
def test_what_the_envelope_gets_wrong_loses_and_doubles_no_row(
    sandbox: Sandbox, client_to: ClientTo, fault: str, limit: int
) -> None:
    sandbox.faults.set(fault)
    client = client_to(sandbox.base_url, page_size=limit)
    assert morning(client, sandbox, limit) == true_morning(sandbox)
    assert plan_ids(client) == true_plan_ids(sandbox)
    assert linkids(client) == true_linkids(sandbox)


def test_every_page_after_the_first_is_asked_with_the_last_rows_own_id_and_the_same_filters(
    sandbox: Sandbox, client_to: ClientTo
) -> None:
    sandbox.faults.set("wrong_lastid")
    sandbox.faults.set("wrong_next")
    expected = true_morning(sandbox)
    morning(client_to(sandbox.base_url), sandbox, limit=7)
    params = [asked.params for asked in sandbox.requests]
    assert [p.pop("startafter", None) for p in params] == [None, *(str(i) for i in expected[6:-1:7])]
    assert all(p == params[0] for p in params)
    assert set(params[0]) == {"orgid", "limit", "timestart"}


@pytest.mark.parametrize(
    ("fault", "after", "shows"),
    [
        ("stuck_cursor", 0, "startafter="),
        ("ids_not_decreasing", 0, "startafter=None"),
        ("ids_not_decreasing", 2, "startafter="),
        ("empty_page_continues", 0, "startafter=None"),
        ("empty_page_continues", 2, "startafter="),
    ],
)
def test_session_pages_that_lead_nowhere_are_an_error_within_seconds_that_shows_the_cursor(
    sandbox: Sandbox, client_to: ClientTo, fault: str, after: int, shows: str
) -> None:
    sandbox.faults.set(fault, after=after)
    cursor = true_morning(sandbox)[7 * (after or 1) - 1]
    begun = time.monotonic()
    with pytest.raises(PagingError) as error:
        morning(client_to(sandbox.base_url), sandbox)
    assert time.monotonic() - begun < 3
    assert (f"startafter={cursor}" if shows == "startafter=" else shows) in str(error.value)
    # Not retried: the answer would be the same.
    assert len(sandbox.requests) == (2 if fault == "stuck_cursor" else after + 1)


@pytest.mark.parametrize(("fault", "requests"), [("stuck_cursor", 2), ("empty_page_continues", 1)])
@pytest.mark.parametrize("ask", [plan_ids, linkids])
def test_plans_and_links_that_lead_nowhere_are_an_error_that_shows_the_cursor(
    sandbox: Sandbox, client_to: ClientTo, fault: str, requests: int, ask: Callable[[HologramClient], Any]
) -> None:
    sandbox.faults.set(fault)
    with pytest.raises(PagingError, match="startafter="):
        ask(client_to(sandbox.base_url, page_size=3))
    assert len(sandbox.requests) == requests


@pytest.mark.parametrize("repeated", [10, 11, 12])
def test_an_id_that_does_not_decrease_is_an_error_on_a_later_page_too(
    serve: Serve, client_to: ClientTo, repeated: int
) -> None:
    def answer(asked: Asked) -> Answer:
        if "startafter" not in asked.params:
            return page([session_row(12), session_row(11)], continues=True)
        return page([session_row(9), session_row(repeated)], continues=False)

    server = serve(answer)
    with pytest.raises(PagingError, match=rf"record_id {repeated} follows 9 after the cursor startafter=11"):
        list(client_to(server.base_url).session_pages(SessionQuery(orgid=1)))


def test_a_page_of_nothing_but_the_repeated_row_is_an_error(serve: Serve, client_to: ClientTo) -> None:
    server = serve(lambda _: page([session_row(12)], continues=True, lastid=12))
    with pytest.raises(PagingError, match="startafter=12"):
        list(client_to(server.base_url).session_pages(SessionQuery(orgid=1)))
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("envelope", "pages"),
    [
        ({}, 1),
        ({"continues": False}, 1),
        ({"continues": None}, 1),
        ({"continues": 0}, 1),
        ({"continues": "false"}, 1),
        ({"continues": True}, 2),
        ({"continues": 1}, 2),
        ({"continues": "true"}, 2),
    ],
)
def test_a_list_ends_where_continues_is_false_or_absent_and_nowhere_else(
    serve: Serve, client_to: ClientTo, envelope: dict[str, Any], pages: int
) -> None:
    def answer(asked: Asked) -> Answer:
        return page([session_row(1)]) if "startafter" in asked.params else page([session_row(2)], **envelope)

    server = serve(answer)
    assert len(list(client_to(server.base_url).session_pages(SessionQuery(orgid=1)))) == pages
    assert len(server.asked) == pages


@pytest.mark.parametrize(
    ("rows", "envelope", "cursor"),
    [
        ([10, 9], {"links": {"next": "/api/1/usage/data?startafter=8"}, "lastid": 7}, "9"),
        ([10, None], {"links": {"next": "/api/1/usage/data?startafter=8"}, "lastid": 7}, "10"),
        ([None], {"links": {"next": "/api/1/usage/data?startafter=8"}, "lastid": 7}, "8"),
        ([None], {"links": {"next": "/api/1/usage/data"}, "lastid": 7}, "7"),
        ([None], {"links": [], "lastid": "7"}, "7"),
        ([], {"lastid": "7"}, "7"),
    ],
)
def test_the_cursor_is_the_last_rows_own_id_then_that_of_links_then_lastid(
    serve: Serve, client_to: ClientTo, rows: list[int | None], envelope: dict[str, Any], cursor: str
) -> None:
    def answer(asked: Asked) -> Answer:
        last = "startafter" in asked.params
        return page([]) if last else page([session_row(number) for number in rows], continues=True, **envelope)

    server = serve(answer)
    list(client_to(server.base_url).session_pages(SessionQuery(orgid=1)))
    assert [asked.params.get("startafter") for asked in server.asked] == [None, cursor]


def test_a_cursor_that_is_no_number_is_not_followed(serve: Serve, client_to: ClientTo) -> None:
    server = serve(lambda _: page([session_row(None)], continues=True, lastid="²"))
    with pytest.raises(PagingError):
        list(client_to(server.base_url).session_pages(SessionQuery(orgid=1)))


@settings(max_examples=15, deadline=None)
@given(order=st.permutations(range(100, 112)), size=st.integers(1, 5), lastid=st.sampled_from([None, "right", "wrong"]))
def test_plans_and_links_may_come_in_any_order(
    client_to: ClientTo, order: list[int], size: int, lastid: str | None
) -> None:
    def answer(asked: Asked) -> Answer:
        after = asked.params.get("startafter")
        first = 0 if after is None else order.index(int(after)) + 1
        some = order[first : first + size]
        envelope: dict[str, Any] = {"continues": True} if first + size < len(order) else {}
        if lastid:
            envelope["lastid"] = some[-1] if lastid == "right" else 1133
        return page([{"id": number, "data": 0} for number in some], **envelope)

    with Loopback(answer) as server:
        client = client_to(server.base_url)
        assert [p.plan_id for p in client.plans(PlanQuery(orgid=1)) if isinstance(p, PlanPrice)] == order
        assert linkids(client) == order


def test_a_loop_of_pages_ends_as_an_error(serve: Serve, client_to: ClientTo) -> None:
    pages = {None: [1, 2], "2": [3, 4], "4": [1, 2]}
    server = serve(
        lambda asked: page([{"id": n, "data": 0} for n in pages[asked.params.get("startafter")]], continues=True)
    )
    with pytest.raises(PagingError, match="startafter=4"):
        client_to(server.base_url).plans(PlanQuery(orgid=1))
    assert len(server.asked) == 3


@pytest.mark.parametrize("data", [None, "text", {"a": 1}, [1, 2], [[]], 7])
@pytest.mark.parametrize("path", ["usage/data", "usage/data/billing", "plans", "links/cellular"])
def test_a_page_whose_data_is_no_list_of_objects_is_asked_for_again(
    serve: Serve, client_to: ClientTo, data: object, path: str
) -> None:
    server = serve(lambda _: page(data) if len(server.asked) < 3 else page([]))
    client = client_to(server.base_url)
    asks: dict[str, Callable[[], object]] = {
        "usage/data": lambda: ids_of([row for rows in client.session_pages(SessionQuery(orgid=1)) for row in rows]),
        "usage/data/billing": lambda: client.billing_totals(BILLING),
        "plans": lambda: client.plans(PlanQuery(orgid=1)),
        "links/cellular": lambda: client.links(LinkQuery(orgid=1)),
    }
    assert asks[path]() == []
    assert len(server.asked) == 3
    broken = serve(lambda _: page(data))
    with pytest.raises(TransientError, match="list of objects"):
        client_to(broken.base_url).plans(PlanQuery(orgid=1))
    assert len(broken.asked) == 3


def test_a_plan_by_its_id_may_come_as_an_object_or_as_an_array_of_one(sandbox: Sandbox, client_to: ClientTo) -> None:
    client = client_to(sandbox.base_url)
    as_object = client.plan(144, 902)
    sandbox.faults.set("single_as_list")
    assert client.plan(144, 902) == as_object != []


def test_a_plan_that_nobody_knows_is_no_error(sandbox: Sandbox, client_to: ClientTo) -> None:
    assert client_to(sandbox.base_url).plan(144, 1) == []
