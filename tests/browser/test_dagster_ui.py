"""What a person sees and does in Dagster's UI, in a real browser, on a real `dagster dev`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from hologram_assets.partitions import DayRange, OrgDay, today
from hologram_assets.sandbox import parse_fault
from hologram_assets.warehouse.connection import Warehouse
from tests.browser.conftest import Backfills
from tests.browser.dagster_dev import ORGS, DagsterDev, wait_for
from tests.browser.ui import Ui

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
GROUPS = {
    "ingest": ("raw_sessions", "sim_inventory", "plan_catalog", "billing_usage"),
    "usage": ("daily_link_usage",),
    "network": ("network_changes",),
    "overage": ("overage_report",),
    "alerts": ("alerts",),
    "money": ("plan_recommendations", "fleet_summary"),
}
ASSETS = [asset for assets in GROUPS.values() for asset in assets]
RUNS = """query($backfill: String!) { runsOrError(filter: {tags: [{key: "dagster/backfill", value: $backfill}]}) {
    ... on Runs { results { startTime endTime tags { key value } } } } }"""
AUTOMATIONS = """{ repositoriesOrError { ... on RepositoryConnection { nodes {
    schedules { name scheduleState { status } } sensors { name sensorState { status } } } } } }"""


def days_ago(first: int, last: int) -> DayRange:
    return DayRange(today() - timedelta(days=first), today() - timedelta(days=last))


def automations(dev: DagsterDev) -> dict[str, str]:
    """Every schedule and sensor of the code location with its status, as Dagster keeps it."""
    (repository,) = dev.ask(AUTOMATIONS)["repositoriesOrError"]["nodes"]
    return {each["name"]: each["scheduleState"]["status"] for each in repository["schedules"]} | {
        each["name"]: each["sensorState"]["status"] for each in repository["sensors"]
    }


def runs_of(dev: DagsterDev, backfill: str) -> list[dict[str, Any]]:
    """The runs of the backfill with this page."""
    found: list[dict[str, Any]] = dev.ask(RUNS, backfill=backfill.rsplit("/", 1)[1])["runsOrError"]["results"]
    return found


def stored_days(dev: DagsterDev, days: DayRange) -> int:
    """How many days × organisations of sessions the warehouse holds, whatever Dagster knows of them."""
    with Warehouse(dev.home.environment["HOLOGRAM_WAREHOUSE"]).read() as connection:
        row = connection.execute(
            "SELECT count(*) FROM hologram.partition_loads WHERE asset = 'raw_sessions' AND day BETWEEN ? AND ?",
            [days.first, days.last],
        ).fetchone()
    return int(row[0]) if row else 0


def test_the_asset_graph_shows_the_ten_assets_and_their_groups(ui: Ui) -> None:
    ui.open_graph()
    for group, assets in GROUPS.items():
        ui.sees(group)
        for name in assets:
            # Long names are cut in the middle.
            ui.sees(re.compile(f"^{name[:8]}(…|{name[8:-9]}){name[-9:]}$") if len(name) > 17 else name)
    ui.picture("asset-graph")


def test_a_failing_check_is_visible_with_its_advice(dev: DagsterDev, ui: Ui) -> None:
    # Before any range fails: when one has failed, Dagster shows every check that was to follow as failed.
    dev.sandbox.faults.add(parse_fault("bad_rows@usage/data$"))
    try:
        ui.page.goto("/assets/raw_sessions")
        ui.launch(ui.choose(days_ago(10, 10), ORGS[:1]))
        ui.sees("Success", seconds=90)
    finally:
        dev.sandbox.faults.clear()
    ui.page.goto("/assets/raw_sessions?view=checks")
    ui.sees("every_row_readable").click()
    ui.sees("Could every row of the API be read and stored?")
    ui.sees(re.compile(r"rows could not be stored; they are in hologram\.rejected_rows with the reason\. Report them"))
    ui.sees(str(OrgDay(ORGS[0], days_ago(10, 10).first).key))
    expect(ui.page.get_by_text("Failed", exact=True)).to_have_count(2)  # in the list, and as the evaluation's result
    ui.picture("failing-check")


def test_a_backfill_of_five_days_and_two_organisations_is_launched_in_the_dialog_and_ends_green(
    dev: DagsterDev, ui: Ui, backfills: Backfills
) -> None:
    ui.page.goto(backfills.all_assets)
    expect(ui.backfill_status()).to_have_text("Succeeded")
    expect(ui.page.get_by_text("100% completed")).to_have_count(len(ASSETS))
    ui.picture("backfill")
    ui.page.get_by_role("tab", name="Runs").click()
    expect(ui.page.get_by_text("Success", exact=True)).to_have_count(len(ORGS))
    for asset in ASSETS:
        ui.open_partitions(asset, backfills.last_days)
        ui.partitions_are(materialized=10, missing=0, failed=0)
    runs = runs_of(dev, backfills.all_assets)
    ranges = sorted(
        (tags["dagster/asset_partition_range_start"], tags["dagster/asset_partition_range_end"])
        for run in runs
        for tags in [{tag["key"]: tag["value"] for tag in run["tags"]}]
    )
    assert ranges == sorted(
        (OrgDay(org, backfills.last_days.first).key, OrgDay(org, backfills.last_days.last).key) for org in ORGS
    )
    first, second = sorted(runs, key=lambda run: run["startTime"])
    assert first["endTime"] <= second["startTime"], "the pool lets one run ask Hologram at a time"


def test_a_day_that_fails_in_a_range_names_itself_and_the_others_are_stored(ui: Ui, backfills: Backfills) -> None:
    ui.page.goto(backfills.sessions)
    ui.backfill_ends("Failed")
    ui.page.get_by_role("tab", name="Runs").click()
    ui.page.get_by_role("link", name=re.compile(r"\b[0-9a-f]{8}$")).click()
    for day in backfills.too_old:
        partition = OrgDay(ORGS[1], day).key
        ui.sees(re.compile(re.escape(f"raw_sessions {partition}: {day} is older than what Hologram keeps (90 days)")))
    ui.open_partitions("raw_sessions", backfills.old_days)
    failed, days = len(backfills.too_old), len(backfills.old_days.days)
    ui.partitions_are(failed=failed, materialized=days - failed, missing=days)  # the other organisation's are missing
    ui.sees(str(backfills.too_old[0])).click()
    ui.sees(str(ORGS[1])).click()
    ui.sees(str(OrgDay(ORGS[1], backfills.too_old[0]).key))
    ui.sees(re.compile("failed, and did not materialize this asset"))


def test_a_backfill_that_is_cancelled_keeps_what_was_stored_and_another_one_does_the_rest(
    dev: DagsterDev, ui: Ui
) -> None:
    days = days_ago(30, 26)
    ui.page.goto("/assets/raw_sessions")
    dev.sandbox.faults.add(parse_fault("hang=20@usage/data$+5"))
    try:
        ui.launch(ui.choose(days, ORGS))
        wait_for("a day is stored", lambda: stored_days(dev, days) > 0, 90)
        ui.page.get_by_role("button").filter(has=ui.page.get_by_role("img", name="expand_more")).click()
        ui.page.get_by_role("menuitem", name="Cancel backfill").click()
        ui.page.get_by_role("button", name="Cancel backfill").click()
        ui.backfill_ends("Canceled")
    finally:
        dev.sandbox.faults.clear()
    stored = stored_days(dev, days)
    assert 0 < stored < len(days.days) * len(ORGS)
    ui.open_partitions("raw_sessions", days)
    ui.sees(f"Materialized ({stored})")
    dialog = ui.choose(days, ORGS)
    dialog.get_by_text("Backfill only failed and missing partitions within selection").click()
    expect(dialog).to_contain_text(f"Only {10 - stored} failed and missing partitions")
    ui.launch(dialog)
    ui.open_partitions("raw_sessions", days)
    ui.sees("Materialized (10)", seconds=90)


def test_the_partition_of_the_report_shows_its_numbers_its_picture_and_its_table(ui: Ui, backfills: Backfills) -> None:
    partition = str(OrgDay(ORGS[0], backfills.last_days.last).key)
    ui.open_partitions("overage_report", backfills.last_days)
    ui.sees(str(backfills.last_days.last)).click()
    ui.sees(str(ORGS[0])).click()
    ui.sees(partition)
    for name in ("sims_over", "overage_cost_usd", "rows"):
        expect(ui.metadata(name)).to_have_text(re.compile(r"\d"))
    table = ui.metadata("worst_sims")
    for column in ("SIM", "device", "status", "expected $"):
        expect(table.get_by_text(column, exact=True)).to_be_visible()
    expect(table.get_by_text(re.compile(rf"^{ORGS[0]}\d{{5}}$")).first).to_be_visible()
    table.get_by_text("device", exact=True).evaluate("it => it.scrollIntoView({block: 'center'})")
    ui.picture("overage-partition")
    for name in ("cost_per_day", "usage_against_allowance"):
        ui.metadata(name).get_by_text("[Show Markdown]").click()
        dialog = ui.page.get_by_role("dialog").filter(has_text=name)
        picture = dialog.get_by_role("img", name=re.compile(f"organisation {ORGS[0]}"))
        expect(picture).to_be_visible()
        assert picture.evaluate("it => it.complete && it.naturalWidth") > 0
        ui.picture("picture")
        dialog.get_by_role("button", name="Close").click()


def test_sensors_and_schedules_are_switched_on_and_off(dev: DagsterDev, ui: Ui) -> None:
    def all_are(status: str) -> bool:
        return set(automations(dev).values()) == {status}

    def switch_all(*, on: bool) -> None:
        for name in names:
            switch = ui.switch_of(name)
            expect(switch).to_be_attached()
            if switch.is_checked() != on:
                switch.locator("xpath=..").click()
            expect(switch).to_be_checked(checked=on)

    names = automations(dev)
    assert {"refresh_schedule", "overage_alert_sensor"} <= set(names)
    ui.page.goto("/automation")
    switch_all(on=True)
    wait_for("all are on", lambda: all_are("RUNNING"), 20)
    ui.page.reload()
    for name in names:
        expect(ui.switch_of(name)).to_be_checked()
    ui.picture("automation")
    switch_all(on=False)
    wait_for("all are off", lambda: all_are("STOPPED"), 20)
    ui.page.reload()
    for name in names:
        expect(ui.switch_of(name)).not_to_be_checked()
