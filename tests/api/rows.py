"""Rows as the API sends them, and rows that hurt."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

Row = dict[str, Any]
NULLS = [None, "", "Unknown", "unknown", "UNKNOWN", " ", "null", "0000-00-00 00:00:00"]

SESSION: Row = {
    "linkid": 2235723,
    "record_id": 5234567891,
    "session_begin": "2025-09-19 14:30:22",
    "timestamp": "2025-09-19 16:45:18",
    "bytes": 245679,
    "imeisv": "8681590599795700",
    "cellid": 42851392,
    "lac": 25847,
    "radio_access_technology": "LTE",
    "network_name": "T-Mobile USA, Inc",
    "imei": "868159059979570",
}
BILLING: Row = {
    "linkid": 1234560,
    "cur_period_end": "2025-10-11 17:24:43",
    "periods_back": "0",
    "record_id": "22357230",
    "bytes": 503417039,
}
LINK: Row = {
    "id": 14400001,
    "deviceid": 7,
    "devicename": "Pump 1",
    "sim": "8944501000000000001",
    "simcardid": 70,
    "dataplansubscriptionid": 1678,
    "zone": "Global",
    "state": "LIVE",
    "whenexpires": "2025-10-11 17:24:43",
    "overagelimit": -1,
    "tags": [{"id": 501, "name": "pilot"}],
}
PLAN: Row = {"id": 1678, "data": 0, "zones": {"Global": {"amount": "1.000000", "sms": "0.19", "overage": "0.21"}}}
ROWS = {"session": SESSION, "billing": BILLING, "link": LINK, "plan": PLAN}

# Everything that JSON can say, with the shapes and sizes that hurt.
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(2**62, 2**70),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.sampled_from([Decimal("1e400"), Decimal("1e999999999"), Decimal("1e-999999999"), Decimal("12.0")]),
    st.text(),
    st.sampled_from([*NULLS[1:], "-1", "1e999999999", "12.0", "NaN", "Infinity", "-0", "9" * 5000, "²", "١٢", "1_000"]),
    st.sampled_from(["2025-09-19 16:45:18", "9999-12-31 23:59:59", "0001-01-01 00:00:00+14:00", "2025-02-30 00:00:00"]),
)
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8
)


@st.composite
def hurt(draw: st.DrawFn, kind: str) -> Row:
    """A healthy row with some fields replaced, removed or added."""
    row = dict(ROWS[kind])
    for name in draw(
        st.lists(st.sampled_from([*row, "tiers", "current_tier", "billingperiod", "amount1"]), max_size=4)
    ):
        row[name] = draw(json_values)
    for name in draw(st.lists(st.sampled_from(list(row)), max_size=2)):
        row.pop(name, None)
    return row | draw(st.dictionaries(st.text(), json_values, max_size=2))
