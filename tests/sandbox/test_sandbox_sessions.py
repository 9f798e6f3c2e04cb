"""`GET /usage/data`: pages, windows, filters, and what the rows look like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hologram_assets.sandbox import RETENTION, Sandbox, Session

Ask = Callable[..., dict[str, Any]]
Chain = Callable[..., list[dict[str, Any]]]
DOCUMENTED = {
    "linkid", "record_id", "session_begin", "timestamp", "bytes", "imeisv", "imei", "cellid", "lac",
    "radio_access_technology", "network_name",
}  # fmt: skip


def epoch(moment: datetime) -> int:
    return int(moment.replace(tzinfo=UTC).timestamp())


def kept(sandbox: Sandbox, org_id: int) -> list[Session]:
    """What `/usage/data` has to show without any filter, newest first."""
    oldest = sandbox.clock.now() - RETENTION
    return [session for session in reversed(sandbox.fleet.sessions(org_id)) if session.timestamp >= oldest]


def ids(rows: list[dict[str, Any]]) -> list[int]:
    return [row["record_id"] for row in rows]


def test_the_sessions_are_the_fleets_and_the_newest_comes_first(sandbox: Sandbox, chain: Chain) -> None:
    rows = chain(sandbox, "usage/data", orgid=144, limit=5000)
    truth = kept(sandbox, 144)
    assert ids(rows) == [session.record_id for session in truth]
    assert ids(rows) == sorted(set(ids(rows)), reverse=True)
    for row, session in zip(rows, truth, strict=True):
        assert (row["linkid"], row["bytes"]) == (session.linkid, session.bytes)
        assert row["timestamp"] == session.timestamp.strftime("%Y-%m-%d %H:%M:%S")
        assert row["session_begin"] == session.session_begin.strftime("%Y-%m-%d %H:%M:%S")


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(limit=st.integers(min_value=3, max_value=6000), by_next=st.booleans())
def test_a_foreign_client_can_page_by_lastid_with_any_limit(
    sandbox: Sandbox, ask: Ask, limit: int, by_next: bool
) -> None:
    end = sandbox.clock.now() - timedelta(days=3)
    window = {"orgid": 145, "timestart": epoch(end - timedelta(hours=18)), "timeend": epoch(end)}
    answer = ask(sandbox, "usage/data", limit=limit, **window)
    got = ids(answer["data"])
    while answer.get("continues"):
        assert len(answer["data"]) == limit
        cursor = answer["links"]["next"].rpartition("startafter=")[2] if by_next else answer["lastid"]
        answer = ask(sandbox, "usage/data", limit=limit, startafter=cursor, **window)
        got += ids(answer["data"])
    expected = [s for s in kept(sandbox, 145) if end - timedelta(hours=18) <= s.timestamp <= end]
    assert got == [session.record_id for session in expected]
    assert len(got) > 50


def test_the_envelope_has_the_documented_oddities(sandbox: Sandbox, ask: Ask) -> None:
    answer = ask(sandbox, "usage/data", orgid=144, limit=2, linkid=14400001)
    assert answer["size"] == "2s"
    assert answer["continues"] is True
    assert answer["lastid"] == answer["data"][-1]["record_id"]
    assert answer["links"] == {
        "path": "/api/1/usage/data",
        "base": "staging.teamhologram.ninja",
        "next": f"/api/1/usage/data?limit=2&startafter={answer['lastid']}",
    }


def test_continues_is_absent_on_the_last_page(sandbox: Sandbox, ask: Ask) -> None:
    answer = ask(sandbox, "usage/data", orgid=144, limit=5000, startafter=kept(sandbox, 144)[-3].record_id)
    assert "continues" not in answer
    assert "next" not in answer["links"]
    assert len(answer["data"]) == 2


@pytest.mark.parametrize(("sent", "used"), [(None, 100), (7, 7), (5000, 5000), (99999, 5000), (0, 1)])
def test_the_limit_is_100_unless_sent_and_never_above_5000(
    sandbox: Sandbox, ask: Ask, sent: int | None, used: int
) -> None:
    answer = ask(sandbox, "usage/data", orgid=144, **({} if sent is None else {"limit": sent}))
    assert answer["limit"] == used
    assert len(answer["data"]) == used


def test_sessions_older_than_three_months_are_gone_from_the_api_but_not_from_the_truth(
    sandbox: Sandbox, chain: Chain
) -> None:
    oldest = sandbox.clock.now() - RETENTION
    forgotten = [session for session in sandbox.fleet.sessions(144) if session.timestamp < oldest]
    assert forgotten
    rows = chain(sandbox, "usage/data", orgid=144, limit=5000, timeend=epoch(oldest + timedelta(days=5)))
    assert rows
    assert min(row["timestamp"] for row in rows) >= str(oldest)
    assert not {session.record_id for session in forgotten} & set(ids(rows))


@pytest.mark.parametrize("column", ["timestamp", "session_begin", "received_at"])
@pytest.mark.parametrize("inclusive", [True, False])
def test_the_window_filters_the_column_that_was_chosen(chain: Chain, column: str, inclusive: bool) -> None:
    now = datetime.fromisoformat("2026-11-20T12:00:00")
    with Sandbox(orgs=(7,), sims=20, days=0, now=now, filter_column=column, end_inclusive=inclusive) as sandbox:
        truth = sandbox.fleet.sessions(7)
        some = next(session for session in truth if session.timestamp.day == 18 and session.received_at.hour == 15)
        start, end = getattr(some, column) - timedelta(hours=9), getattr(some, column)
        rows = chain(sandbox, "usage/data", orgid=7, timestart=epoch(start), timeend=epoch(end))
        inside = [(session.record_id, getattr(session, column)) for session in truth]
        expected = {key for key, at in inside if start <= at and (at < end or (inclusive and at == end))}
    assert set(ids(rows)) == expected
    assert (some.record_id in expected) is inclusive


def test_each_filter_leaves_the_sessions_of_its_sims(sandbox: Sandbox, chain: Chain) -> None:
    sims = sandbox.fleet.sims(144)
    now = sandbox.clock.now()
    tag = next(tag for sim in sims for tag in sim.tags)
    window = {"orgid": 144, "limit": 5000, "timestart": epoch(now - timedelta(days=35))}
    cases: list[tuple[dict[str, str | int], Callable[[Any], bool]]] = [
        ({"linkid": sims[1].linkid}, lambda sim: sim is sims[1]),
        ({"linkids": f"{sims[1].linkid},{sims[4].linkid}"}, lambda sim: sim in {sims[1], sims[4]}),
        ({"deviceid": sims[2].device_id}, lambda sim: sim is sims[2]),
        ({"deviceids": f"{sims[2].device_id},{sims[3].device_id}"}, lambda sim: sim in {sims[2], sims[3]}),
        ({"tagid": tag.id}, lambda sim: tag in sim.tags),
        ({"tagids": f"{tag.id},999"}, lambda sim: tag in sim.tags),
        ({"tagname": tag.name}, lambda sim: tag in sim.tags),
        ({"notags": 1}, lambda sim: not sim.tags),
        ({"islive": 1}, lambda sim: sim.is_live(now)),
    ]
    everyone = {row["linkid"] for row in chain(sandbox, "usage/data", **window)}
    for params, matches in cases:
        found = {row["linkid"] for row in chain(sandbox, "usage/data", **window, **params)}
        assert found == {sim.linkid for sim in sims if matches(sim)} & everyone, params
        assert found, params
        assert found != everyone, params


def test_an_unknown_link_is_a_success_without_rows(sandbox: Sandbox, ask: Ask) -> None:
    assert ask(sandbox, "usage/data", orgid=144, linkid=987654321)["data"] == []


def test_without_an_organisation_a_key_sees_all_of_them_in_one_order(sandbox: Sandbox, ask: Ask) -> None:
    rows = ask(sandbox, "usage/data", limit=500)["data"]
    assert {row["linkid"] // 100_000 for row in rows} == {144, 145}
    assert ids(rows) == sorted(set(ids(rows)), reverse=True)
    assert ids(ask(sandbox, "usage/data", limit=500, orgids="144,145")["data"]) == ids(rows)


def test_an_organisation_that_is_not_served_is_forbidden(sandbox: Sandbox, http: requests.Session) -> None:
    response = http.get(f"{sandbox.base_url}/usage/data", params={"orgid": 9}, timeout=5)
    assert response.status_code == 403
    assert response.json()["success"] is False


@pytest.mark.parametrize("bad", [{"timestart": "yesterday"}, {"limit": "all"}, {"linkids": "1;2"}, {"startafter": "x"}])
def test_a_parameter_that_is_no_number_is_refused(
    sandbox: Sandbox, http: requests.Session, bad: dict[str, str]
) -> None:
    response = http.get(f"{sandbox.base_url}/usage/data", params={"orgid": "144", **bad}, timeout=5)
    assert response.status_code == 400
    assert response.json()["success"] is False


def test_the_flags_add_device_plan_and_country(sandbox: Sandbox, ask: Ask) -> None:
    plain = ask(sandbox, "usage/data", orgid=144, limit=300)["data"]
    assert set().union(*plain) == DOCUMENTED
    full = ask(sandbox, "usage/data", orgid=144, limit=300, getdeviceinfo=1, getplaninfo="true", getcountryinfo=1)[
        "data"
    ]
    sims = {sim.linkid: sim for sim in sandbox.fleet.sims(144)}
    for row in full:
        sim = sims[row["linkid"]]
        assert row["devicename"] == sim.device_name
        assert row["tags"] == [tag.name for tag in sim.tags]
        assert (row["data_plan_id"], row["sim"], row["simcardid"]) == (sim.plan.id, sim.iccid, sim.simcardid)
    assert len({row["country"] for row in full}) > 2


def test_what_is_not_known_is_missing_or_null_or_a_filler(sandbox: Sandbox, chain: Chain) -> None:
    rows = chain(sandbox, "usage/data", orgid=144, limit=5000)
    for field in ("imei", "network_name", "radio_access_technology"):
        ways = Counter(row.get(field, "absent") for row in rows)
        assert {"absent", None, "", "Unknown"} <= set(ways), field
        known = sum(count for way, count in ways.items() if way not in {"absent", None, "", "Unknown"})
        assert 0.9 < known / len(rows) < 1
    assert {"absent", None} <= {row.get("cellid", "absent") for row in rows}


def test_only_record_id_is_a_key(sandbox: Sandbox) -> None:
    sessions = sandbox.fleet.sessions(144)
    seen = Counter((session.linkid, session.session_begin, session.timestamp) for session in sessions)
    assert max(seen.values()) == 2
