"""`demo`: the whole graph on a sandbox, for somebody who has neither an account nor an hour."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

from rich.console import Console
from rich.text import Text

from hologram_assets.assets.published import COPY
from hologram_assets.backfill import asset_names, checked_request, register_orgs
from hologram_assets.build import build_defs
from hologram_assets.commands.backfill import print_summary, run_request
from hologram_assets.commands.exports import export
from hologram_assets.commands.instance import dagster_instance, prepare_home
from hologram_assets.commands.report import print_report, read_report
from hologram_assets.commands.ticks import tick_sensor
from hologram_assets.partitions import today
from hologram_assets.sandbox import Sandbox
from hologram_assets.sandbox.slack.page import render
from hologram_assets.settings import load_settings
from hologram_assets.warehouse.connection import Warehouse
from hologram_assets.warehouse.tables import FLEET_SUMMARY, PLAN_RECOMMENDATIONS

_ORGS = (144, 145)
_PORT = 8765
_CHANNEL = "#iot-alerts"
_WEBSERVER = "http://127.0.0.1:3000"
_ALERT_SENSORS = (
    "overage_alert_sensor",
    "network_change_sensor",
    "asset_check_alert_sensor",
    "run_failure_alert_sensor",
)


def run_demo(*, days: int, sims: int, home: Path, ui: bool, console: Console) -> int:
    """Load the last days of two organisations from a sandbox, show the report; returns the exit code."""
    began = time.monotonic()
    last = today()
    with Sandbox(orgs=_ORGS, sims=sims, days=max(days, 60), port=_PORT if ui else 0) as sandbox:
        environment = _environment(home, sandbox, last - timedelta(days=max(days, 60)))
        for variable in [name for name in os.environ if name.startswith(("HOLOGRAM_", "SLACK_", "DAGSTER_WEBSERVER"))]:
            del os.environ[variable]  # the demo is the same on every machine
        os.environ.update(environment)
        settings = load_settings()
        defs = build_defs(settings)
        request = checked_request(
            last - timedelta(days=days - 1),
            last,
            _ORGS,
            [],
            start_date=settings.hologram_start_date,
            known_assets=asset_names(defs),
        )
        console.print(
            f"A sandbox of Hologram's API answers on {sandbox.base_url}: {len(_ORGS)} organisations of {sims} SIMs each.\n"
            f"Materialising {len(request.assets)} assets for {days} days, {request.days.first} to {request.days.last} …",
            highlight=False,
        )
        with dagster_instance() as instance:
            register_orgs(instance, _ORGS)
            summary = run_request(defs, instance, request, console)
            if not ui:
                for sensor in _ALERT_SENSORS:
                    tick_sensor(defs, instance, sensor)
        print_summary(summary, request, console)
        if summary.stopped or not summary.stored:
            return 1
        console.print()
        print_report(read_report(Warehouse(settings.hologram_warehouse), last, _ORGS), console)
        _show_money(Warehouse(settings.hologram_warehouse), last, home / "report.html", console)
        if not ui:
            _show_channel(sandbox, home / "slack.html", console)
        console.print(
            f"\nDone in {time.monotonic() - began:.0f} s. The warehouse is {settings.hologram_warehouse}, a copy for BI "
            f"{settings.reports_folder / COPY} (DuckDB 1.4 or newer opens them: SELECT * FROM hologram.overage_report).",
            highlight=False,
        )
        if not ui:
            console.print("Look at it in the Dagster UI: make demo-ui, then http://127.0.0.1:3000", highlight=False)
            return 0 if summary.ok else 1
        console.print(
            f"The Dagster UI comes up on {_WEBSERVER}; Ctrl-C ends it.\n"
            f"Its sensors post what is to be said within two minutes: {sandbox.slack.page_url}",
            highlight=False,
        )
        # From the demo's own folder: Dagster's command line loads a .env of the current one over what is set, and a demo
        # must not write into a real warehouse or to a real Slack.
        return subprocess.call(
            [sys.executable, "-m", "dagster", "dev", "-m", "hologram_assets.definitions"],
            env=os.environ | environment,
            cwd=home,
        )


def _show_money(warehouse: Warehouse, day: date, page: Path, console: Console) -> None:
    """What the fleet costs and which plans would cost less: the headlines here, the rest as a page."""
    with warehouse.read() as connection:
        costs = connection.execute(
            f"""SELECT org_id, cost_to_date, projected_cost FROM {FLEET_SUMMARY.qualified}
                WHERE day = ? AND scope = 'total' ORDER BY org_id""",
            [day],
        ).fetchall()
        changes = connection.execute(
            f"""SELECT linkid, plan_name, recommended_plan_name, saving_per_period FROM {PLAN_RECOMMENDATIONS.qualified}
                WHERE day = ? AND verdict = 'recommended' ORDER BY saving_per_period DESC, linkid LIMIT 3""",
            [day],
        ).fetchall()
    console.print()
    for org_id, to_date, expected in costs:
        console.print(
            f"Organisation {org_id}: {to_date:,.2f} USD to date, {expected:,.2f} expected by the periods' ends.",
            highlight=False,
        )
    for linkid, own, other, saved in changes:
        console.print(Text(f"  SIM {linkid}: {own} → {other} saves {saved:,.2f} USD a period"), highlight=False)
    export("html", warehouse, day, _ORGS, page)
    console.print(f"Open {page} in a browser for the whole report.", highlight=False, soft_wrap=True)


def _show_channel(sandbox: Sandbox, page: Path, console: Console) -> None:
    """What a team would have seen in Slack: the headlines here, the channel as a page."""
    page.write_text(render(sandbox.slack.messages), encoding="utf-8")
    messages = sandbox.slack.messages
    console.print(f"\nThe sensors posted {len(messages)} messages to {_CHANNEL} of a sandbox Slack:", highlight=False)
    for message in messages:
        console.print(Text(f"  {message.text.splitlines()[0]}", overflow="ellipsis", no_wrap=True), highlight=False)
    console.print(f"Open {page} in a browser to see the channel.", highlight=False, soft_wrap=True)


def _environment(home: Path, sandbox: Sandbox, start: object) -> dict[str, str]:
    """What the graph is told: the sandbox for an API, the demo's folder for warehouse and instance."""
    prepare_home(home / "dagster")
    rules = home / "rules.yaml"
    # Hologram tells the totals of three months: of most SIMs two periods that are closed. More come with time.
    rules.write_text("recommendations:\n  periods: 2\n", encoding="utf-8")
    return {
        "HOLOGRAM_API_KEY": "sandbox",
        "HOLOGRAM_BASE_URL": sandbox.base_url,
        "HOLOGRAM_ORG_IDS": ",".join(map(str, _ORGS)),
        "HOLOGRAM_START_DATE": str(start),
        "HOLOGRAM_WAREHOUSE": str(home / "warehouse.duckdb"),
        "HOLOGRAM_RULES_FILE": str(rules),
        "DAGSTER_HOME": str(home / "dagster"),
        "SLACK_BOT_TOKEN": "xoxb-sandbox",
        "SLACK_CHANNEL": _CHANNEL,
        "SLACK_BASE_URL": sandbox.slack.base_url,
        "DAGSTER_WEBSERVER_URL": _WEBSERVER,
        "DAGSTER_DISABLE_TELEMETRY": "1",
        # A proxy of the machine's is not asked for what this process serves itself.
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }
