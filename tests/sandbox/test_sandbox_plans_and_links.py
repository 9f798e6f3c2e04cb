"""`/plans`, `/links/cellular`, `/devices`: the catalogue and the inventory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from hologram_assets.sandbox import Sandbox

Ask = Callable[..., dict[str, Any]]
Chain = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def catalogue(sandbox: Sandbox, chain: Chain) -> dict[int, dict[str, Any]]:
    return {plan["id"]: plan for plan in chain(sandbox, "plans", orgid=144, limit=3)}


def test_plans_come_by_descending_id_and_page_like_the_documented_ones(sandbox: Sandbox, ask: Ask) -> None:
    answer = ask(sandbox, "plans", limit=2)
    ids = [plan["id"] for plan in answer["data"]]
    assert ids == sorted(ids, reverse=True)
    assert answer["size"] == 2
    assert answer["continues"] is True
    assert answer["links"]["next"] == f"/api/1/plans?limit=2&startafter={ids[-1]}"
    assert answer["links"]["base"] != sandbox.base_url
    assert ask(sandbox, "plans", limit=100)["continues"] is False


def test_the_documented_plans_are_there_field_by_field(catalogue: dict[int, dict[str, Any]]) -> None:
    g3, everywhere = catalogue[2096], catalogue[1678]
    assert (g3["name"], g3["data"], g3["groupid"]) == ("Global G3 Standard Flat Rate", 0, 1199)
    assert "current_tier" not in g3
    assert list(g3["tiers"]["BASE"]["zones"]) == ["global"]
    assert list(g3["zones"]) == ["Global"]
    assert (g3["amountGlobal"], g3["smsGlobal"], g3["overageGlobal"]) == ("1.000000", "0.190000", "0.030000")
    assert g3["zones"]["Global"]["carriers"] == {"13": {"apn": "hologram"}}
    assert everywhere["current_tier"] == "BASE"
    assert everywhere["zones"]["Global"]["overage"] == "0.210000"


def test_every_trap_of_the_catalogue_is_in_it(catalogue: dict[int, dict[str, Any]]) -> None:
    plans = catalogue.values()
    assert any(plan["use_variable_rates"] for plan in plans)
    assert any(plan["is_dynamic_pool"] and "zones" not in plan for plan in plans)
    assert any(plan["billingperiod"] == 3 for plan in plans)
    assert any(plan["data"] > 2**32 for plan in plans)
    assert any(plan.get("current_tier") not in {None, "BASE"} for plan in plans)
    legacy = next(plan for plan in plans if "overage2" in plan)
    assert legacy["zones"]["2"]["overage"] == "-1.00"
    assert isinstance(legacy["zones"]["1"]["overage"], float)
    assert legacy["amount1"] == "0.40"


def test_a_disabled_plan_is_found_by_its_id_only(
    sandbox: Sandbox, ask: Ask, catalogue: dict[int, dict[str, Any]]
) -> None:
    on_sims = {sim.plan.id for sim in sandbox.fleet.sims(144)}
    (missing,) = on_sims - set(catalogue)
    plan = ask(sandbox, f"plans/{missing}")["data"]
    assert (plan["id"], plan["enabled"]) == (missing, 0)
    assert ask(sandbox, "plans", ids=missing)["data"] == []


def test_plans_can_be_asked_for_by_id(sandbox: Sandbox, ask: Ask) -> None:
    assert [plan["id"] for plan in ask(sandbox, "plans", id=1678)["data"]] == [1678]
    assert [plan["id"] for plan in ask(sandbox, "plans", ids="1678,2096,5")["data"]] == [2096, 1678]


def test_an_unknown_plan_is_a_failure_and_an_unknown_link_is_not(
    sandbox: Sandbox, ask: Ask, http: requests.Session
) -> None:
    response = http.get(f"{sandbox.base_url}/plans/1", timeout=5)
    assert (response.status_code, response.json()["success"]) == (404, False)
    assert ask(sandbox, "links/cellular/1")["data"] == []


def test_links_tell_each_sims_plan_zone_and_period(sandbox: Sandbox, chain: Chain) -> None:
    rows = chain(sandbox, "links/cellular", orgid=144, limit=6)
    assert [row["id"] for row in rows] == sorted((sim.linkid for sim in sandbox.fleet.sims(144)), reverse=True)
    periods = {p.linkid: p for p in sandbox.fleet.billing_periods(144) if p.periods_back == 0}
    sims = {sim.linkid: sim for sim in sandbox.fleet.sims(144)}
    for row in rows:
        sim, period = sims[row["id"]], periods[row["id"]]
        assert (row["dataplansubscriptionid"], row["sim"], row["deviceid"]) == (sim.plan.id, sim.iccid, sim.device_id)
        assert row["whenexpires"] == str(period.period_end)
        assert row["cur_billing_data_used"] == period.bytes
        assert row["state"] == sim.state(sandbox.clock.now())
    assert {type(row["zone"]) for row in rows} == {int, str}
    assert {row["state"] for row in rows} == {"LIVE", "PAUSED-USER", "DEAD"}
    assert {-1, 0} < {row["overagelimit"] for row in rows}


def test_links_carry_what_must_never_be_stored(sandbox: Sandbox, ask: Ask) -> None:
    for row in ask(sandbox, "links/cellular", orgid=144)["data"]:
        assert all(row[name] for name in ("pin", "puk", "msisdn", "priv_ip_address"))


def test_device_names_are_hostile(sandbox: Sandbox, ask: Ask) -> None:
    names = [row["devicename"] for row in ask(sandbox, "links/cellular", orgid=144)["data"]]
    assert any(name.startswith("=HYPERLINK(") for name in names)
    assert any("<!channel>" in name for name in names)
    assert any("<script>" in name for name in names)
    assert any(not name.isascii() for name in names)


def test_one_link_and_one_device_answer_with_an_object(sandbox: Sandbox, ask: Ask) -> None:
    sim = sandbox.fleet.sims(144)[6]
    link = ask(sandbox, f"links/cellular/{sim.linkid}", orgid=144)["data"]
    device = ask(sandbox, f"devices/{sim.device_id}", orgid=144)["data"]
    assert link["id"] == sim.linkid
    assert (device["id"], device["name"]) == (sim.device_id, sim.device_name)
    assert device["links"]["cellular"] == [link]


def test_devices_page_through_all_sims(sandbox: Sandbox, chain: Chain) -> None:
    found = [row["id"] for row in chain(sandbox, "devices", orgid=145, limit=9)]
    assert found == [sim.device_id for sim in reversed(sandbox.fleet.sims(145))]


def test_another_path_is_a_failure(sandbox: Sandbox, http: requests.Session) -> None:
    for path in ("usage", "links", "plans/x", "users/me"):
        response = http.get(f"{sandbox.base_url}/{path}", timeout=5)
        assert (response.status_code, response.json()["success"]) == (404, False), path
    assert http.post(f"{sandbox.base_url}/plans", timeout=5).status_code == 405
