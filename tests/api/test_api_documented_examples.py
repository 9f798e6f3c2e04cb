"""Hologram's three documented examples, over real HTTP, through the real client: every value written out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from hologram_assets.api.client import HologramClient
from hologram_assets.api.plans import PlanPrice
from hologram_assets.api.queries import BillingQuery, PlanQuery, SessionQuery
from hologram_assets.api.records import BillingTotal, Session
from tests.api.loopback import Answer, Asked, Loopback

FIXTURES = Path(__file__).parent.parent / "fixtures"
Serve = Callable[[Callable[[Asked], Answer]], Loopback]
ClientTo = Callable[..., HologramClient]


@pytest.fixture
def documented(serve: Serve) -> Loopback:
    """The documented first pages, and a last page after the cursor that is the last row's own id."""
    after = {("usage/data", "5234567890"): "usage_data.last_page", ("plans", "1678"): "plans.last_page"}

    def answer(asked: Asked) -> Answer:
        first = asked.path.replace("/", "_") + ".first_page"
        cursor = asked.params.get("startafter")
        name = first if cursor is None else after[asked.path, cursor]
        return Answer(body=(FIXTURES / f"{name}.json").read_bytes())

    return serve(answer)


def test_the_documented_sessions_arrive_with_their_values_and_types(documented: Loopback, client_to: ClientTo) -> None:
    client = client_to(documented.base_url, page_size=2)
    rows = [row for page in client.session_pages(SessionQuery(orgid=144)) for row in page]
    assert rows == [
        Session(
            record_id=5234567891,
            linkid=2235723,
            session_begin=datetime(2025, 9, 19, 14, 30, 22),
            session_end=datetime(2025, 9, 19, 16, 45, 18),
            bytes=245679,
            imei="868159059979570",
            imeisv="8681590599795700",
            cellid=42851392,
            lac=25847,
            radio_access_technology="LTE",
            network_name="T-Mobile USA, Inc",
            country=None,
            simcardid=None,
            profile_name=None,
            data_plan_id=None,
            extra=None,
        ),
        Session(
            record_id=5234567890,
            linkid=2235723,
            session_begin=datetime(2025, 9, 19, 12, 15, 33),
            session_end=datetime(2025, 9, 19, 14, 22, 17),
            bytes=189432,
            imei="867962043322067",
            imeisv="8681590599795700",
            cellid=42851392,
            lac=25847,
            radio_access_technology="3G",
            network_name="Telefonica Moviles Espana S.A.",
            country=None,
            simcardid=None,
            profile_name=None,
            data_plan_id=None,
            extra=None,
        ),
        Session(
            record_id=5234567001,
            linkid=2235723,
            session_begin=datetime(2025, 9, 18, 23, 58, 1),
            session_end=datetime(2025, 9, 19, 0, 7, 59),
            bytes=0,
            imei=None,
            imeisv=None,
            cellid=None,
            lac=None,
            radio_access_technology=None,
            network_name=None,
            country=None,
            simcardid=None,
            profile_name=None,
            data_plan_id=None,
            extra=None,
        ),
    ]
    for row in rows:
        assert isinstance(row, Session)
        assert type(row.record_id) is type(row.linkid) is type(row.bytes) is int
        assert type(row.session_end) is datetime
        assert row.session_end.tzinfo is None
    assert [asked.params.get("startafter") for asked in documented.asked] == [None, "5234567890"]


def test_the_documented_billing_rows_arrive_with_their_values_and_types(
    documented: Loopback, client_to: ClientTo
) -> None:
    totals = client_to(documented.base_url).billing_totals(BillingQuery(orgid=144))
    assert totals == [
        BillingTotal(1234560, datetime(2025, 10, 11, 17, 24, 43), 0, 503417039),
        BillingTotal(1234560, datetime(2025, 9, 11, 17, 24, 48), 1, 2232757289),
        BillingTotal(1234561, datetime(2025, 10, 3, 15, 23, 55), 0, 798315777),
        BillingTotal(1234561, datetime(2025, 9, 3, 15, 23, 52), 1, 121127),
        BillingTotal(1234561, datetime(2025, 8, 3, 15, 23, 33), 2, 3856700367),
    ]
    assert [asked.params for asked in documented.asked] == [{"orgid": "144", "limit": "5000"}]


def test_the_documented_plans_arrive_with_a_price_per_tier_and_zone(documented: Loopback, client_to: ClientTo) -> None:
    prices = client_to(documented.base_url, page_size=2).plans(PlanQuery(orgid=144))
    g3 = PlanPrice(
        plan_id=2096,
        name="Global G3 Standard Flat Rate",
        tier="BASE",
        zone="global",
        included_bytes=0,
        recurring_amount=Decimal("1.000000"),
        overage_rate_per_mb=Decimal("0.030000"),
        sms_rate=Decimal("0.190000"),
        is_offered=True,
        billingperiod=1,
        coverage_region_id=6,
        is_current_tier=True,
        is_dynamic_pool=False,
        use_variable_rates=False,
        is_enabled=True,
    )
    everywhere = g3._replace(
        plan_id=1678,
        name="Global All Standard Flat Rate",
        overage_rate_per_mb=Decimal("0.210000"),
        coverage_region_id=4,
    )
    legacy = g3._replace(
        plan_id=1500,
        name="Legacy 10 MB",
        zone="1",
        included_bytes=10_000_000,
        recurring_amount=Decimal("0.40"),
        overage_rate_per_mb=Decimal("0.60"),
        sms_rate=Decimal("0.19"),
        coverage_region_id=None,
        is_enabled=False,
    )
    not_offered = legacy._replace(
        zone="2", recurring_amount=None, overage_rate_per_mb=None, sms_rate=None, is_offered=False
    )
    assert prices == [g3, everywhere, legacy, not_offered]
    for price in prices[:2]:
        assert isinstance(price, PlanPrice)
        assert type(price.overage_rate_per_mb) is type(price.recurring_amount) is type(price.sms_rate) is Decimal
        # To the last place as written: no float was in between, and nothing was rounded.
        assert str(price.recurring_amount) == "1.000000"
    # 1678 is the last row's own id; `lastid` says 1133, and whoever believes it loses plans.
    assert [asked.params.get("startafter") for asked in documented.asked] == [None, "1678"]


def test_the_host_in_links_is_never_asked_and_the_filters_are_sent_again(serve: Serve, client_to: ClientTo) -> None:
    elsewhere = serve(lambda _: Answer(500))

    def answer(asked: Asked) -> Answer:
        last = "startafter" in asked.params
        name = "plans.last_page" if last else "plans.first_page"
        body = (FIXTURES / f"{name}.json").read_text().replace("staging.teamhologram.ninja", elsewhere.host)
        return Answer(body=body.replace('"/api/1/plans?', f'"{elsewhere.host}/api/1/plans?').encode())

    server = serve(answer)
    client_to(server.base_url, page_size=2).plans(PlanQuery(orgid=144, ids=[2096, 1678, 1500]))
    assert elsewhere.asked == []
    first, second = (asked.params for asked in server.asked)
    assert first == {"orgid": "144", "limit": "2", "ids": "2096,1678,1500"}
    assert second == {**first, "startafter": "1678"}


def test_the_key_goes_in_the_header_and_every_request_names_the_organisation(
    documented: Loopback, client_to: ClientTo
) -> None:
    client = client_to(documented.base_url, key="s3cret")
    list(client.session_pages(SessionQuery(orgid=144)))
    client.billing_totals(BillingQuery(orgid=144))
    client.plans(PlanQuery(orgid=144))
    assert len(documented.asked) == 5
    for asked in documented.asked:
        assert asked.headers["Authorization"] == "Basic YXBpa2V5OnMzY3JldA=="  # apikey:s3cret
        assert asked.params["orgid"] == "144"
        assert "s3cret" not in asked.target
        assert "apikey" not in asked.target
