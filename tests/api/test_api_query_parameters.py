"""Every documented parameter of the list endpoints, as it arrives on the other side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hologram_assets.api.client import HologramClient
from hologram_assets.api.queries import BillingQuery, LinkQuery, PlanQuery, Query, SessionQuery
from tests.api.loopback import Answer, Asked, Loopback, page

Serve = Callable[[Callable[[Asked], Answer]], Loopback]
ClientTo = Callable[..., HologramClient]

DEVICES_AND_TAGS: dict[str, Any] = {
    "deviceid": 11,
    "deviceids": [11, 12],
    "linkid": 5234567890,
    "linkids": [5234567890, 5234567891],
    "tagid": 501,
    "tagids": (501, 502),
    "tagname": "Kühl & Co, 100% / ü+x=1",
    "timestart": datetime(2025, 9, 19),
    "timeend": datetime(2025, 9, 20, 0, 0, 1),
    "islive": True,
}
AS_SENT = {
    "deviceid": "11",
    "deviceids": "11,12",
    "linkid": "5234567890",
    "linkids": "5234567890,5234567891",
    "tagid": "501",
    "tagids": "501,502",
    "tagname": "Kühl & Co, 100% / ü+x=1",
    "timestart": "1758240000",
    "timeend": "1758326401",
    "islive": "1",
}


@pytest.fixture
def asked_by(serve: Serve, client_to: ClientTo) -> Callable[[Query], Asked]:
    """The request that a query becomes."""
    server = serve(lambda _: page([]))
    client = client_to(server.base_url)

    def ask(query: Query) -> Asked:
        server.asked.clear()
        match query:
            case SessionQuery():
                list(client.session_pages(query))
            case BillingQuery():
                client.billing_totals(query)
            case PlanQuery():
                client.plans(query)
            case LinkQuery():
                client.links(query)
        (asked,) = server.asked
        return asked

    return ask


def test_usage_data_takes_all_of_its_parameters(asked_by: Callable[[Query], Asked]) -> None:
    query = SessionQuery(
        orgid=144,
        orgids=[85366, 85367],
        startafter=5234567890,
        limit=1000,
        getdeviceinfo=True,
        getplaninfo=True,
        getcountryinfo=False,
        **DEVICES_AND_TAGS,
    )
    assert all(getattr(query, field.name) is not None for field in fields(query)), "a parameter is not tested"
    asked = asked_by(query)
    assert asked.path == "usage/data"
    assert asked.params == {
        **AS_SENT,
        "orgid": "144",
        "orgids": "85366,85367",
        "startafter": "5234567890",
        "limit": "1000",
        "getdeviceinfo": "1",
        "getplaninfo": "1",
        "getcountryinfo": "0",
    }


@pytest.mark.parametrize("notags", [False, None])
def test_usage_data_billing_takes_all_of_its_parameters(
    asked_by: Callable[[Query], Asked], notags: bool | None
) -> None:
    query = BillingQuery(
        orgid=144, limit=7, startafter="22357230", startat="22357231", notags=notags, **DEVICES_AND_TAGS
    )
    asked = asked_by(query)
    assert asked.path == "usage/data/billing"
    sent = {**AS_SENT, "orgid": "144", "limit": "7", "startafter": "22357230", "startat": "22357231"}
    assert asked.params == (sent if notags is None else {**sent, "notags": "0"})


def test_usage_data_billing_asks_for_sims_without_tags(asked_by: Callable[[Query], Asked]) -> None:
    assert asked_by(BillingQuery(orgid=144, notags=True)).params == {"orgid": "144", "limit": "5000", "notags": "1"}


@pytest.mark.parametrize("tag", [{"tagid": 1}, {"tagids": [1]}, {"tagname": "pilot"}])
def test_without_tags_and_with_a_tag_is_refused_before_anything_is_sent(tag: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="notags"):
        BillingQuery(orgid=144, notags=True, **tag)


def test_plans_takes_all_of_its_parameters(asked_by: Callable[[Query], Asked]) -> None:
    asked = asked_by(PlanQuery(orgid=144, id=1678, ids=[1678, 2096], startafter=1, limit=2))
    assert asked.path == "plans"
    assert asked.params == {"orgid": "144", "id": "1678", "ids": "1678,2096", "startafter": "1", "limit": "2"}


def test_links_are_asked_for_with_organisation_and_page_size(asked_by: Callable[[Query], Asked]) -> None:
    asked = asked_by(LinkQuery(orgid=144))
    assert asked.path == "links/cellular"
    assert asked.params == {"orgid": "144", "limit": "250"}


def test_what_is_not_asked_for_is_not_sent(asked_by: Callable[[Query], Asked]) -> None:
    assert asked_by(SessionQuery(orgid=144)).params == {"orgid": "144", "limit": "250"}


def test_one_plan_is_asked_for_by_its_id(serve: Serve, client_to: ClientTo) -> None:
    server = serve(lambda _: page({"id": 902, "data": 25_000_000}))
    client_to(server.base_url).plan(144, 902)
    assert [asked.target for asked in server.asked] == ["/api/1/plans/902?orgid=144"]


def test_an_empty_list_of_ids_is_refused_since_it_would_ask_for_everything() -> None:
    with pytest.raises(ValueError, match="everything"):
        SessionQuery(orgid=144, linkids=[]).params()


def test_a_time_that_names_its_offset_is_converted() -> None:
    two_hours_east = datetime(2025, 9, 19, 2, tzinfo=timezone(timedelta(hours=2)))
    assert SessionQuery(orgid=144, timestart=two_hours_east).params()["timestart"] == 1758240000


@given(st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1)))
def test_times_are_sent_as_whole_epoch_seconds_of_utc_whatever_the_machines_time_zone(moment: datetime) -> None:
    sent = SessionQuery(orgid=144, timestart=moment).params()["timestart"]
    assert isinstance(sent, int)
    assert datetime.fromtimestamp(sent, UTC).replace(tzinfo=None) == moment.replace(microsecond=0)


@pytest.mark.parametrize("text", ["a b", "a&orgid=1", "ä", "100%", "a+b", "#x", "日本", "'\"<>", "a,b;c"])
def test_a_tag_name_arrives_as_it_was_given(asked_by: Callable[[Query], Asked], text: str) -> None:
    asked = asked_by(SessionQuery(orgid=144, tagname=text))
    assert asked.params == {"orgid": "144", "limit": "250", "tagname": text}
    assert asked.target.isascii()
