"""`/usage/data/billing` has no documented cursor: all rows arrive whichever one the server knows, or none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hologram_assets.api.client import HologramClient
from hologram_assets.api.errors import PagingError
from hologram_assets.api.queries import BillingQuery
from hologram_assets.api.records import BillingTotal, Rejected
from hologram_assets.sandbox import Sandbox
from tests.api.loopback import Answer, Asked, Loopback, Row, page

Serve = Callable[[Callable[[Asked], Answer]], Loopback]
ClientTo = Callable[..., HologramClient]
RETENTION_BEGINS = datetime.fromisoformat("2026-08-22T12:00:00")


def by_sim(totals: Iterable[BillingTotal | Rejected]) -> list[tuple[int, datetime, int | None, int]]:
    found = [tuple(total) for total in totals]
    assert len(set(found)) == len(found), "a row came twice"
    return sorted(found)  # type: ignore[arg-type]


def truth(sandbox: Sandbox) -> list[tuple[int, datetime, int | None, int]]:
    periods = sandbox.fleet.billing_periods(144)
    found = [(p.linkid, p.period_end, p.periods_back, p.bytes) for p in periods if p.period_end > RETENTION_BEGINS]
    assert len(found) == 40
    return sorted(found)


def known(sandbox: Sandbox) -> set[int]:
    return {sim.linkid for sim in sandbox.fleet.sims(144)}


def row(linkid: int, back: int = 0, size: int = 1) -> Row:
    return {
        "linkid": linkid,
        "cur_period_end": f"2025-{10 - back:02d}-11 17:24:43",
        "periods_back": str(back),
        "record_id": f"{linkid}{back}",
        "bytes": size,
    }


def test_all_totals_come_in_one_large_page_where_the_server_gives_it(sandbox: Sandbox, client_to: ClientTo) -> None:
    assert by_sim(client_to(sandbox.base_url).billing_totals(BillingQuery(orgid=144))) == truth(sandbox)
    assert [asked.params for asked in sandbox.requests] == [{"orgid": "144", "limit": "5000"}]


@settings(max_examples=15, deadline=None)
@given(limit=st.integers(1, 45))
def test_any_page_size_gives_every_total_once(fleet: Sandbox, client_to: ClientTo, limit: int) -> None:
    totals = client_to(fleet.base_url).billing_totals(BillingQuery(orgid=144, limit=limit), known(fleet))
    assert by_sim(totals) == truth(fleet)


@pytest.mark.parametrize("limit", [1, 7, 30])
def test_a_server_that_knows_the_cursor_as_startat_is_paged_by_it(
    sandbox: Sandbox, client_to: ClientTo, limit: int
) -> None:
    sandbox.faults.set("billing_cursor", value="startat")
    totals = client_to(sandbox.base_url).billing_totals(BillingQuery(orgid=144, limit=limit))
    assert by_sim(totals) == truth(sandbox)
    assert any("startat" in asked.params for asked in sandbox.requests)
    assert not any("linkids" in asked.params for asked in sandbox.requests)


def test_a_server_without_a_cursor_is_asked_by_sim(sandbox: Sandbox, client_to: ClientTo) -> None:
    sandbox.faults.set("billing_cursor", value="none")
    totals = client_to(sandbox.base_url).billing_totals(BillingQuery(orgid=144, limit=7), known(sandbox))
    assert by_sim(totals) == truth(sandbox)
    asked_for = [asked.params["linkids"] for asked in sandbox.requests if "linkids" in asked.params]
    assert {int(linkid) for some in asked_for for linkid in some.split(",")} == known(sandbox)


def test_sims_that_only_the_first_page_names_are_asked_for_too(sandbox: Sandbox, client_to: ClientTo) -> None:
    sandbox.faults.set("billing_cursor", value="none")
    others = known(sandbox) - {sorted(known(sandbox))[1]}
    # One row of the second SIM is on the page; its other period comes only when it is asked for by id.
    totals = client_to(sandbox.base_url).billing_totals(BillingQuery(orgid=144, limit=4), others)
    assert by_sim(totals) == truth(sandbox)


def test_without_a_cursor_and_without_known_sims_it_is_an_error_that_says_what_to_load(
    sandbox: Sandbox, client_to: ClientTo
) -> None:
    sandbox.faults.set("billing_cursor", value="none")
    with pytest.raises(PagingError, match="load sim_inventory or raw_sessions"):
        client_to(sandbox.base_url).billing_totals(BillingQuery(orgid=144, limit=7))
    assert len(sandbox.requests) == 3


def test_more_periods_of_one_sim_than_a_page_holds_is_an_error_and_not_a_silent_stop(
    sandbox: Sandbox, client_to: ClientTo
) -> None:
    sandbox.faults.set("billing_cursor", value="none")
    with pytest.raises(PagingError, match="the one SIM"):
        client_to(sandbox.base_url).billing_totals(BillingQuery(orgid=144, limit=1), known(sandbox))


@pytest.mark.parametrize("fault", ["wrong_lastid", "string_numbers", "unknown_fields", "repeated_edge_row"])
@pytest.mark.parametrize("limit", [1, 7])
def test_what_the_envelope_gets_wrong_loses_no_total(
    sandbox: Sandbox, client_to: ClientTo, fault: str, limit: int
) -> None:
    sandbox.faults.set(fault)
    totals = client_to(sandbox.base_url).billing_totals(BillingQuery(orgid=144, limit=limit))
    assert by_sim(totals) == truth(sandbox)


@pytest.mark.parametrize("fault", ["stuck_cursor", "empty_page_continues"])
def test_pages_that_lead_nowhere_are_an_error(sandbox: Sandbox, client_to: ClientTo, fault: str) -> None:
    sandbox.faults.set(fault)
    with pytest.raises(PagingError):
        client_to(sandbox.base_url).billing_totals(BillingQuery(orgid=144, limit=7))
    assert len(sandbox.requests) <= 3


@pytest.mark.parametrize("name", ["startafter", "startat"])
@pytest.mark.parametrize("lastid", [None, "9876543"])
def test_links_and_lastid_may_be_absent_or_wrong_while_there_is_more(
    serve: Serve, client_to: ClientTo, name: str, lastid: str | None
) -> None:
    rows = [row(linkid, back) for linkid in (22, 21, 23) for back in (0, 1, 2)]
    ids = [r["record_id"] for r in rows]

    def answer(asked: Asked) -> Answer:
        cursor = asked.params.get(name)
        first = ids.index(cursor) + 1 if cursor in ids else 0
        more: Row = {"continues": True} if first + 2 < len(rows) else {}
        return page(rows[first : first + 2], **({"lastid": lastid} if lastid else {}), **more)

    server = serve(answer)
    totals = client_to(server.base_url).billing_totals(BillingQuery(orgid=1, limit=2))
    assert by_sim(totals) == sorted((r["linkid"], totals_end(r), int(r["periods_back"]), 1) for r in rows)


def totals_end(of: Row) -> datetime:
    return datetime.fromisoformat(of["cur_period_end"])


def test_a_known_sim_that_the_pages_skipped_is_asked_for_by_id(serve: Serve, client_to: ClientTo) -> None:
    def answer(asked: Asked) -> Answer:
        if "linkids" in asked.params:
            return page([row(int(linkid)) for linkid in asked.params["linkids"].split(",") if linkid != "9"])
        return page([row(3)]) if "startafter" in asked.params else page([row(1)], continues=True)

    server = serve(answer)
    totals = client_to(server.base_url).billing_totals(BillingQuery(orgid=1), [1, 2, 3, 9])
    assert sorted(total.linkid for total in totals if isinstance(total, BillingTotal)) == [1, 2, 3]
    assert [asked.params["linkids"] for asked in server.asked if "linkids" in asked.params] == ["2,9"]


def test_every_period_of_a_sim_is_kept_apart_and_the_latest_answer_for_it_wins(
    serve: Serve, client_to: ClientTo
) -> None:
    # The record id names another period every month, so it is no key: the SIM and the period's end are.
    rows = [row(1, 0, 5), {**row(1, 1, 6), "record_id": "10"}, row(1, 0, 7)]
    server = serve(lambda _: page(rows))
    totals = client_to(server.base_url).billing_totals(BillingQuery(orgid=1))
    assert [(total.periods_back, total.bytes) for total in totals if isinstance(total, BillingTotal)] == [
        (0, 7),
        (1, 6),
    ]


def test_a_row_that_cannot_be_read_is_set_aside_and_the_rest_goes_in(serve: Serve, client_to: ClientTo) -> None:
    server = serve(lambda _: page([{"linkid": 1}, row(2), {**row(3), "bytes": -1}]))
    totals = client_to(server.base_url).billing_totals(BillingQuery(orgid=1))
    assert [total.reason for total in totals if isinstance(total, Rejected)] == [
        "cur_period_end is missing",
        "bytes: -1 is negative",
    ]
    assert [total.linkid for total in totals if isinstance(total, BillingTotal)] == [2]
