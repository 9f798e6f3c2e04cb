"""Rows become records: whatever JSON comes, a record or a reason; no byte, id or digit is lost on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hologram_assets.api import values
from hologram_assets.api.plans import PlanPrice, plan_prices
from hologram_assets.api.records import (
    NEVER_STORED,
    BillingTotal,
    Link,
    Rejected,
    Session,
    as_json,
    billing_total,
    link,
    session,
)
from hologram_assets.api.transport import _decoder
from tests.api.rows import BILLING, LINK, NULLS, PLAN, ROWS, SESSION, Row, hurt, json_values

SECRET = "8675309"
READ: dict[str, Callable[[Row], Any]] = {
    "session": session,
    "billing": billing_total,
    "link": link,
    "plan": plan_prices,
}
RECORDS: dict[str, type] = {"session": Session, "billing": BillingTotal, "link": Link, "plan": list}
kinds = pytest.mark.parametrize("kind", list(ROWS))


def a_session(**changes: Any) -> Session:
    read = session(SESSION | changes)
    assert isinstance(read, Session), read
    return read


def prices(**plan: Any) -> list[PlanPrice]:
    read = plan_prices({"id": 1, "data": 10_000_000, **plan})
    assert isinstance(read, list), read
    return read


def from_json(text: str) -> Any:
    """JSON as the client decodes it."""
    return _decoder.decode(text.encode())


@kinds
@given(data=st.data())
def test_any_json_object_gives_a_record_or_a_reason(kind: str, data: st.DataObject) -> None:
    row = data.draw(hurt(kind) | st.dictionaries(st.text(), json_values, max_size=4))
    read = READ[kind](row)
    if isinstance(read, Rejected):
        assert read.reason
        assert len(read.reason) < 200
        json.loads(read.raw)
        return
    assert isinstance(read, RECORDS[kind])
    records: list[Any] = read if isinstance(read, list) else [read]
    for record in records:
        for value in record:
            assert value is None or type(value) in {int, str, bool, Decimal, datetime}
            assert not isinstance(value, int) or abs(value) < 2**63
            assert not isinstance(value, datetime) or value.tzinfo is None
    if isinstance(read, Session) and read.extra is not None:
        assert isinstance(json.loads(read.extra), dict)


@given(st.integers(-(2**80), 2**80))
def test_a_number_is_the_same_as_a_number_as_a_string_or_with_a_fraction_of_zero(number: int) -> None:
    def outcome(value: object) -> object:
        try:
            return values.whole(value), values.signed(value)
        except ValueError:
            return "refused"

    as_json_number = from_json(f"{number}.0")
    assert isinstance(as_json_number, Decimal)
    assert outcome(number) == outcome(str(number)) == outcome(f" {number} ") == outcome(as_json_number)
    assert outcome(f"{number}.0") == outcome(number)
    assert (outcome(number) == "refused") == (not 0 <= number < 2**63)


@kinds
def test_a_row_of_strings_is_the_same_record(kind: str) -> None:
    def as_strings(value: object) -> object:
        if isinstance(value, dict):
            return {name: as_strings(inner) for name, inner in value.items()}
        return str(value) if isinstance(value, int) else value

    row = {name: as_strings(value) for name, value in ROWS[kind].items()}
    assert READ[kind](row) == READ[kind](ROWS[kind])


def test_identifiers_of_devices_may_come_as_numbers() -> None:
    read = a_session(imei=868159059979570, imeisv=8681590599795700)
    assert (read.imei, read.imeisv) == ("868159059979570", "8681590599795700")


@pytest.mark.parametrize("large", [2**32 + 1, 2**53 + 1, 2**63 - 1])
def test_ids_and_bytes_beyond_32_and_53_bits_keep_every_digit(large: int) -> None:
    row = from_json(json.dumps(SESSION | {"record_id": large, "linkid": large, "bytes": large}))
    read = session(row)
    assert isinstance(read, Session)
    assert (read.record_id, read.linkid, read.bytes) == (large, large, large)
    assert isinstance(session(SESSION | {"bytes": 2**63}), Rejected)


@pytest.mark.parametrize("null", NULLS)
def test_the_words_for_null_are_null(null: str | None) -> None:
    optional = [*Session._fields[5:15], "session_begin"]
    read = a_session(**dict.fromkeys(optional, null))
    assert [getattr(read, name) for name in optional] == [None] * len(optional)
    assert read.extra is None
    assert isinstance(billing_total(BILLING | {"periods_back": null}), BillingTotal)
    of_link = link(dict.fromkeys(LINK, null) | {"id": 1})
    assert of_link == Link(1, *[None] * 10)


def test_missing_is_null_too() -> None:
    read = session({name: SESSION[name] for name in ("record_id", "linkid", "timestamp", "bytes")})
    assert isinstance(read, Session)
    assert set(read[5:]) == {None}
    assert read.session_begin is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"record_id": None}, "record_id is missing"),
        ({"linkid": "Unknown"}, "linkid is missing"),
        ({"timestamp": "0000-00-00 00:00:00"}, "timestamp is missing"),
        ({"bytes": ""}, "bytes is missing"),
        ({"bytes": -1}, "bytes: -1 is negative"),
        ({"record_id": -5}, "record_id: -5 is negative"),
        ({"linkid": "abc"}, "linkid: 'abc' is not a whole number"),
        ({"bytes": 1.5}, "bytes: 1.5 is not a whole number"),
        ({"bytes": True}, "bytes: True is not a whole number"),
        ({"timestamp": "2026-13-45 99:99:99"}, "timestamp: '2026-13-45 99:99:99' is not a time"),
        ({"session_begin": "yesterday"}, "session_begin: 'yesterday' is not a time"),
        ({"timestamp": 1758300318}, "timestamp: 1758300318 is not a time"),
        ({"record_id": 2**63}, "record_id: 9223372036854775808 does not fit 64 bits"),
    ],
)
def test_a_session_that_cannot_be_stored_is_set_aside_with_its_reason(changes: Row, reason: str) -> None:
    read = session(SESSION | changes)
    assert isinstance(read, Rejected)
    assert read.reason == reason
    assert json.loads(read.raw) == SESSION | changes
    readable = "timestamp" not in changes
    assert read.moment == (datetime(2025, 9, 19, 16, 45, 18) if readable else None)


def test_a_reason_is_short_however_long_the_value() -> None:
    read = session(SESSION | {"bytes": "9" * 5000, "linkid": 1})
    assert isinstance(read, Rejected)
    assert read.reason.startswith("bytes: '999")
    assert len(read.reason) < 120


def test_the_other_kinds_say_which_field_it_was_too() -> None:
    reasons = [
        read.reason
        for read in (
            billing_total(BILLING | {"periods_back": "x"}),
            billing_total(BILLING | {"cur_period_end": None}),
            link(LINK | {"id": "x"}),
            plan_prices(PLAN | {"data": "lots"}),
            plan_prices({"data": 0}),
            plan_prices({"id": 1}),
            plan_prices(PLAN | {"billingperiod": 10**6}),
            plan_prices(PLAN | {"zones": {"1": {"amount": "1", "overage": "1e30"}}}),
        )
        if isinstance(read, Rejected)
    ]
    assert reasons == [
        "periods_back: 'x' is not a whole number",
        "cur_period_end is missing",
        "id: 'x' is not a whole number",
        "data: 'lots' is not a whole number",
        "id is missing",
        "data is missing",
        "billingperiod: 1000000 intervals of 30 days are too many",
        "overage: '1e30' is too large for a price",
    ]


@pytest.mark.parametrize("broken", [-1, "-42851392", "0x1f", "abc", 1.5, [1], {"a": 1}, 2**64, True])
@pytest.mark.parametrize("name", ["cellid", "lac", "simcardid", "data_plan_id"])
def test_a_field_beside_the_point_that_cannot_be_read_does_not_lose_the_bytes(name: str, broken: object) -> None:
    read = a_session(**{name: broken})
    assert read.bytes == 245679
    assert getattr(read, name) is None
    assert read.extra is not None
    assert json.loads(read.extra) == {name: broken}


@pytest.mark.parametrize("name", ["imei", "network_name", "country"])
def test_an_object_in_place_of_a_text_is_kept_beside_the_session(name: str) -> None:
    read = a_session(**{name: {"name": "x"}})
    assert getattr(read, name) is None
    assert read.extra == as_json({name: {"name": "x"}})


def test_unknown_fields_are_kept_with_their_digits() -> None:
    row = from_json(
        json.dumps(SESSION)[:-1] + ', "signal": {"dBm": -71.50, "id": 123456789012345678901234567890}, "b": 1}'
    )
    read = session(row)
    assert isinstance(read, Session)
    assert read.extra == '{"b":1,"signal":{"dBm":-71.50,"id":123456789012345678901234567890}}'


@pytest.mark.parametrize("name", ["pin", "puk", "msisdn", "priv_ip_address", "PIN", "Puk1", "MSISDN"])
@kinds
def test_secrets_of_a_sim_are_kept_nowhere(kind: str, name: str) -> None:
    healthy, secret = ROWS[kind], {name: SECRET}
    nested = {"future": {"sim": [secret, {"deeper": secret}]}, "tags": [{"id": 1, **secret}], "cellid": secret}
    broken = {**healthy, **secret, **nested, "linkid": None, "id": None}
    for row in (healthy | secret, healthy | nested, broken, {**broken, "id": [secret], "linkid": secret}):
        read = READ[kind](row)
        assert SECRET not in repr(read)
    assert name.lower() in NEVER_STORED


def test_what_surrounds_a_secret_is_kept() -> None:
    read = a_session(future={"sim": [{"pin": SECRET, "iccid": "89"}]})
    assert read.extra == '{"future":{"sim":[{"iccid":"89"}]}}'


def test_a_row_that_is_nested_without_end_is_cut_and_not_an_exception() -> None:
    deep: Any = 1
    for _ in range(400):
        deep = [deep]
    assert "too deeply" in str(a_session(future=deep).extra)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2025-09-19 16:45:18", datetime(2025, 9, 19, 16, 45, 18)),
        ("2025-09-19T16:45:18", datetime(2025, 9, 19, 16, 45, 18)),
        ("2025-09-19T16:45:18Z", datetime(2025, 9, 19, 16, 45, 18)),
        ("2025-09-19T18:45:18+02:00", datetime(2025, 9, 19, 16, 45, 18)),
        ("2025-09-19 16:45:18.250000", datetime(2025, 9, 19, 16, 45, 18, 250000)),
        ("2024-02-29 00:00:00", datetime(2024, 2, 29)),
    ],
)
def test_times_are_naive_utc(text: str, read: datetime) -> None:
    assert values.moment(text) == read


@pytest.mark.parametrize("text", ["2025-02-29 00:00:00", "2025-09-19", "19.09.2025 16:45:18", "0001-01-01 00:00+14:00"])
def test_a_time_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time"):
        values.moment(text)


@given(st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31)))
def test_every_time_of_the_documented_form_is_read_as_it_stands(moment: datetime) -> None:
    moment = moment.replace(microsecond=0)
    assert values.moment(f"{moment:%Y-%m-%d %H:%M:%S}") == moment


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("0.1", "0.1"),
        ("0.210000", "0.210000"),
        ("1e-7", "1E-7"),
        ("0.30000000000000004", "0.30000000000000004"),
        ("1", "1"),
        ("-1.00", "-1.00"),
        ("999999999.999999999", "999999999.999999999"),
    ],
)
def test_money_passes_exactly_from_the_json_text_as_string_and_as_number(text: str, amount: str) -> None:
    for spelled in (text, f'"{text}"', f'" {text} "'):
        read = values.money(from_json(spelled))
        assert type(read) is Decimal
        assert str(read) == amount


@given(st.decimals(-(10**8), 10**8, places=9, allow_nan=False, allow_infinity=False))
def test_no_digit_of_a_price_is_lost(amount: Decimal) -> None:
    written = msgspec.json.encode({"overage": f"{amount:f}"}).decode()
    assert values.money(from_json(written)["overage"]) == amount
    assert values.money(from_json(f"{amount:f}")) == amount


@pytest.mark.parametrize("value", [None, "", "free", "NaN", "Infinity", "-Infinity", True, {}, [], "1,5", "$1"])
def test_what_is_no_amount_is_no_price(value: object) -> None:
    assert values.money(value) is None


@given(st.decimals(allow_nan=False, allow_infinity=False) | st.floats(allow_nan=False, allow_infinity=False))
def test_every_price_that_is_read_fits_a_column(amount: Decimal | float) -> None:
    try:
        read = values.money(amount)
    except ValueError:
        assert abs(Decimal(str(amount))) >= 10**9
        return
    assert read is not None
    exponent = read.as_tuple().exponent
    assert isinstance(exponent, int)
    assert exponent >= -18
    assert abs(read - Decimal(str(amount))) <= Decimal("1e-18")


@pytest.mark.parametrize(
    ("row", "rate"),
    [
        ({"zones": {"Global": "Z"}, "tiers": {"BASE": "B", "VOLUME": "V"}, "current_tier": "VOLUME"}, "Z"),
        ({"tiers": {"BASE": "B", "VOLUME": "V"}, "current_tier": "VOLUME"}, "V"),
        ({"tiers": {"BASE": "B", "VOLUME": "V"}}, "B"),
        ({"tiers": {"BASE": "B"}, "current_tier": "VOLUME"}, "B"),
        ({"tiers": {"BASE": "B"}, "current_tier": None}, "B"),
        ({"zones": [], "tiers": {"BASE": "B"}}, "B"),
        ({"amountGLOBAL": "1.5", "overageGlobal": "0.5"}, "F"),
        ({"amountGlobal": "1.5", "overageGlobal": "0.5", "tiers": {"BASE": "B"}}, "B"),
    ],
)
def test_the_price_in_force_is_that_of_zones_else_of_the_current_tier_else_of_base(row: Row, rate: str) -> None:
    rates = {"Z": "0.1", "V": "0.2", "B": "0.3", "F": "0.5"}
    spelled = {"Z": "Global", "V": "GLOBAL", "B": "global"}

    def zones(letter: str) -> Row:
        return {spelled[letter]: {"amount": "1", "sms": "0", "overage": rates[letter]}}

    plan = dict(row)
    if isinstance(plan.get("zones"), dict):
        plan["zones"] = zones("Z")
    if "tiers" in plan:
        plan["tiers"] = {tier: {"zones": zones(letter)} for tier, letter in plan["tiers"].items()}
    current = [price for price in prices(**plan) if price.is_current_tier]
    assert [(price.zone, str(price.overage_rate_per_mb)) for price in current] == [("global", rates[rate])]
    assert current[0].tier == (plan.get("current_tier") or "BASE")


def test_zones_are_compared_casefolded_so_a_plan_has_one_price_for_each() -> None:
    zone = {"amount": "1.000000", "sms": "0.190000", "overage": "0.030000"}
    row = {"zones": {"Global": zone}, "tiers": {"BASE": {"zones": {"global": zone, "STRASSE": zone}}}}
    assert [price.zone for price in prices(**row)] == ["global", "strasse"]


def test_the_other_tiers_prices_are_kept_as_not_current() -> None:
    tiers = {
        tier: {"zones": {"Global": {"amount": "1", "overage": rate}}} for tier, rate in (("BASE", "2"), ("VOLUME", "3"))
    }
    found = {price.tier: price for price in prices(tiers=tiers, current_tier="VOLUME")}
    assert {t: (str(p.overage_rate_per_mb), p.is_current_tier) for t, p in found.items()} == {
        "VOLUME": ("3", True),
        "BASE": ("2", False),
    }


@pytest.mark.parametrize("not_offered", ["-1.00", "-1", -1, "-1.000000", -1.0])
@pytest.mark.parametrize("name", ["amount", "overage"])
def test_minus_one_is_a_zone_that_is_not_offered_and_never_a_price(name: str, not_offered: object) -> None:
    zone = {"amount": "1", "sms": "0.1", "overage": "2"} | {name: not_offered}
    (price,) = prices(zones={"2": zone})
    assert not price.is_offered
    assert (price.recurring_amount, price.overage_rate_per_mb, price.sms_rate) == (None, None, None)


def test_a_zone_without_sms_has_a_price_for_data() -> None:
    (price,) = prices(zones={"1": {"amount": "0.40", "sms": "-1.00", "overage": "0.60"}})
    assert price.is_offered
    assert (price.overage_rate_per_mb, price.sms_rate) == (Decimal("0.60"), None)


def test_the_flat_keys_of_older_data_are_a_price_per_zone() -> None:
    row = from_json('{"amount1": 0.4, "sms1": "0.19", "overage1": 0.60, "amount2": "-1.00", "overage2": "-1.00"}')
    one, two = prices(**row)
    assert (one.zone, one.recurring_amount, one.overage_rate_per_mb, one.sms_rate) == (
        "1",
        Decimal("0.4"),
        Decimal("0.60"),
        Decimal("0.19"),
    )
    assert str(one.overage_rate_per_mb) == "0.60"
    assert (two.zone, two.is_offered) == ("2", False)


def test_a_field_that_only_begins_like_a_price_is_no_zone() -> None:
    found = prices(zones={"Global": {"amount": "1", "overage": "2"}}, overagelimit=-1, smsenabled=1, amount="7")
    assert [price.zone for price in found] == ["global"]


def test_a_plan_without_any_zone_is_a_plan_without_a_price() -> None:
    (price,) = prices()
    assert (price.zone, price.is_offered, price.overage_rate_per_mb) == ("", False, None)


@pytest.mark.parametrize(
    ("spelled", "read"), [(True, True), (1, True), ("1", True), ("true", True), (0, False), ("0", False), (None, False)]
)
def test_flags_come_in_several_spellings(spelled: object, read: bool) -> None:
    (price,) = prices(is_dynamic_pool=spelled, use_variable_rates=spelled)
    assert (price.is_dynamic_pool, price.use_variable_rates) == (read, read)


@pytest.mark.parametrize(
    ("enabled", "read"), [({}, True), ({"enabled": None}, True), ({"enabled": 0}, False), ({"enabled": "1"}, True)]
)
def test_a_plan_is_enabled_unless_it_says_otherwise(enabled: Row, read: bool) -> None:
    assert [price.is_enabled for price in prices(**enabled)] == [read]


@pytest.mark.parametrize(("spelled", "read"), [(None, 1), (0, 1), ("1", 1), (3, 3), ("3", 3)])
def test_a_billing_period_is_one_interval_unless_it_says_otherwise(spelled: object, read: int) -> None:
    assert [price.billingperiod for price in prices(billingperiod=spelled)] == [read]


def test_the_allowance_may_exceed_32_bits_and_pay_as_you_go_is_zero() -> None:
    assert [price.included_bytes for price in prices(data="5000000000")] == [5_000_000_000]
    assert [price.included_bytes for price in prices(data=0)] == [0]


@pytest.mark.parametrize(
    ("limit", "read"), [(-1, -1), ("-1", -1), (0, 0), (5_000_000_000, 5_000_000_000), ("x", None), (None, None)]
)
def test_an_overage_limit_may_be_minus_one(limit: object, read: int | None) -> None:
    of_link = link(LINK | {"overagelimit": limit})
    assert isinstance(of_link, Link)
    assert of_link.overage_limit_bytes == read


@pytest.mark.parametrize(("zone", "read"), [("Global", "Global"), (1, "1"), ("1", "1"), (None, None)])
def test_a_links_zone_may_be_a_number(zone: object, read: str | None) -> None:
    of_link = link(LINK | {"zone": zone})
    assert isinstance(of_link, Link)
    assert of_link.zone == read


def test_a_link_is_read_field_by_field() -> None:
    assert link(LINK) == Link(
        linkid=14400001,
        simcardid=70,
        device_id=7,
        device_name="Pump 1",
        tags='[{"id":501,"name":"pilot"}]',
        iccid="8944501000000000001",
        plan_id=1678,
        zone="Global",
        state="LIVE",
        overage_limit_bytes=-1,
        period_end=datetime(2025, 10, 11, 17, 24, 43),
    )
