"""`GET /usage/data/billing`: periods, totals, and its own odd paging."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hologram_assets.sandbox import RETENTION, Sandbox

Ask = Callable[..., dict[str, Any]]
Chain = Callable[..., list[dict[str, Any]]]


def moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S")


def test_totals_are_the_sums_of_the_sessions_in_each_period(sandbox: Sandbox, chain: Chain) -> None:
    rows = chain(sandbox, "usage/data/billing", orgid=144, limit=5000)
    bytes_at: defaultdict[int, list[tuple[datetime, int]]] = defaultdict(list)
    for session in sandbox.fleet.sessions(144):
        bytes_at[session.linkid].append((session.timestamp, session.bytes))
    checked = 0
    periods = {(p.linkid, p.periods_back): p for p in sandbox.fleet.billing_periods(144)}
    for row in rows:
        period = periods[row["linkid"], int(row["periods_back"])]
        assert moment(row["cur_period_end"]) == period.period_end
        inside = [size for at, size in bytes_at[row["linkid"]] if period.period_start <= at < period.period_end]
        assert row["bytes"] == sum(inside)
        checked += bool(inside)
    assert checked > 40


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hours=st.integers(min_value=0, max_value=40 * 24))
def test_totals_agree_with_the_sessions_at_any_hour(breakable: Sandbox, ask: Ask, hours: int) -> None:
    breakable.clock.freeze(datetime.fromisoformat("2026-11-01T00:00:00") + timedelta(hours=hours))
    now = breakable.clock.now()
    rows = ask(breakable, "usage/data/billing", orgid=144, limit=5000)["data"]
    running = {row["linkid"]: row for row in rows if row["periods_back"] == "0"}
    sessions = [session for session in breakable.fleet.sessions(144) if session.received_at <= now]
    for period in breakable.fleet.billing_periods(144):
        if period.periods_back == 0:
            assert period.period_start <= now < period.period_end
            assert running[period.linkid]["bytes"] == sum(
                session.bytes
                for session in sessions
                if session.linkid == period.linkid and session.timestamp >= period.period_start
            )


def test_a_total_grows_in_the_second_of_receipt(breakable: Sandbox, ask: Ask) -> None:
    late = next(s for s in breakable.fleet.sessions(144)[::-1] if s.bytes and s.received_at > s.timestamp)

    def total(at: datetime) -> int:
        breakable.clock.freeze(at)
        rows = ask(breakable, "usage/data/billing", orgid=144, linkid=late.linkid)["data"]
        return sum(row["bytes"] for row in rows)

    assert total(late.received_at) == total(late.received_at - timedelta(seconds=1)) + late.bytes


def test_rows_are_strings_but_for_bytes_and_linkid(sandbox: Sandbox, ask: Ask) -> None:
    answer = ask(sandbox, "usage/data/billing", orgid=144, limit=10)
    for row in answer["data"]:
        assert [type(row[name]) for name in ("linkid", "bytes")] == [int, int]
        assert [type(row[name]) for name in ("cur_period_end", "periods_back", "record_id")] == [str, str, str]
        assert row["record_id"] == f"{row['linkid']}{row['periods_back']}"
    assert answer["continues"] is True
    assert "links" not in answer
    assert answer["lastid"] == answer["data"][-1]["record_id"]


def test_the_last_page_says_that_it_is_the_last(sandbox: Sandbox, ask: Ask) -> None:
    assert ask(sandbox, "usage/data/billing", orgid=144, limit=5000)["continues"] is False


@pytest.mark.parametrize("cursor", ["startafter", "startat"])
def test_both_cursors_lead_through_all_rows(sandbox: Sandbox, ask: Ask, cursor: str) -> None:
    whole = ask(sandbox, "usage/data/billing", orgid=144, limit=5000)["data"]
    answer = ask(sandbox, "usage/data/billing", orgid=144, limit=7)
    rows = answer["data"]
    while answer["continues"]:
        answer = ask(sandbox, "usage/data/billing", orgid=144, limit=7, **{cursor: answer["lastid"]})
        rows += answer["data"]
    assert rows == whole
    assert len(rows) > 40


def test_ends_jitter_by_seconds_but_are_the_same_in_every_answer(sandbox: Sandbox, ask: Ask) -> None:
    first = ask(sandbox, "usage/data/billing", orgid=144, limit=5000)["data"]
    assert ask(sandbox, "usage/data/billing", orgid=144, limit=5000)["data"] == first
    plan = {sim.linkid: sim.plan for sim in sandbox.fleet.sims(144)}
    ends: defaultdict[int, list[datetime]] = defaultdict(list)
    for row in first:
        ends[row["linkid"]].append(moment(row["cur_period_end"]))
    drifts = [
        (later - earlier) - timedelta(days=30) * plan[linkid].billingperiod
        for linkid, row_ends in ends.items()
        for later, earlier in pairwise(row_ends)
    ]
    assert any(drifts)
    assert all(abs(drift) < timedelta(seconds=20) for drift in drifts)


def test_periods_that_ended_before_retention_are_not_shown(sandbox: Sandbox, chain: Chain) -> None:
    oldest = sandbox.clock.now() - RETENTION
    shown = {(row["linkid"], row["periods_back"]) for row in chain(sandbox, "usage/data/billing", orgid=144)}
    for period in sandbox.fleet.billing_periods(144):
        key = (period.linkid, str(period.periods_back))
        assert (key in shown) is (period.period_end > oldest)
    assert len(shown) < len(sandbox.fleet.billing_periods(144))


def test_sessions_that_fell_out_of_retention_still_count(sandbox: Sandbox, chain: Chain) -> None:
    oldest = sandbox.clock.now() - RETENTION
    shown = {
        (row["linkid"], row["periods_back"]): row["bytes"] for row in chain(sandbox, "usage/data/billing", orgid=144)
    }
    sessions = sandbox.fleet.sessions(144)
    straddling = 0
    for period in sandbox.fleet.billing_periods(144):
        if period.period_start < oldest - timedelta(days=1) and period.period_end > oldest:
            own = [s for s in sessions if s.linkid == period.linkid]
            inside = [s for s in own if period.period_start <= s.timestamp < period.period_end]
            assert shown[period.linkid, str(period.periods_back)] == sum(s.bytes for s in inside)
            straddling += any(s.bytes for s in inside if s.timestamp < oldest)
    assert straddling


def test_filters_leave_the_rows_of_their_sims(sandbox: Sandbox, chain: Chain) -> None:
    sims = sandbox.fleet.sims(144)
    now = sandbox.clock.now()
    tag = next(tag for sim in sims for tag in sim.tags)
    cases: list[tuple[dict[str, str | int], set[int]]] = [
        ({"linkid": sims[3].linkid}, {sims[3].linkid}),
        ({"linkids": f"{sims[3].linkid},{sims[5].linkid}"}, {sims[3].linkid, sims[5].linkid}),
        ({"deviceid": sims[3].device_id}, {sims[3].linkid}),
        ({"deviceids": f"{sims[4].device_id}"}, {sims[4].linkid}),
        ({"tagid": tag.id}, {sim.linkid for sim in sims if tag in sim.tags}),
        ({"notags": "true"}, {sim.linkid for sim in sims if not sim.tags}),
        ({"islive": "true"}, {sim.linkid for sim in sims if sim.is_live(now)}),
    ]
    for params, expected in cases:
        assert {row["linkid"] for row in chain(sandbox, "usage/data/billing", orgid=144, **params)} == expected, params


def test_a_window_leaves_the_periods_that_overlap_it(sandbox: Sandbox, chain: Chain) -> None:
    now = int(sandbox.clock.now().replace(tzinfo=UTC).timestamp())
    rows = chain(sandbox, "usage/data/billing", orgid=144, timestart=now, timeend=now)
    assert {row["periods_back"] for row in rows} == {"0"}
    assert len(rows) == 20


@pytest.mark.parametrize("params", [{}, {"orgid": 144, "notags": 1, "tagid": 501}])
def test_what_the_documentation_rules_out_is_refused(
    sandbox: Sandbox, http: requests.Session, params: dict[str, int]
) -> None:
    response = http.get(f"{sandbox.base_url}/usage/data/billing", params=params, timeout=5)
    assert response.status_code == 400
    assert response.json()["success"] is False
