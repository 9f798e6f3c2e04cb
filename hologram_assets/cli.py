"""`hologram-assets`: the commands, thin: options in, work elsewhere, words and an exit code out.

Results go to standard output, everything else to standard error. Exit codes: 0 done, 1 something failed, 2 the request
or the environment can't be used.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click
from dagster_shared.utils.warnings import BetaWarning, PreviewWarning
from dotenv import load_dotenv
from rich.console import Console
from rich.markup import escape

from hologram_assets.processes import spare_the_collector

# Dagster is imported by the commands that need it: `--help`, `sandbox` and `report` answer without its second of import.
_Command = TypeVar("_Command", bound=Callable[..., Any])
T = TypeVar("T")
_DAY = click.DateTime(formats=["%Y-%m-%d"])


def _once(_context: click.Context, _parameter: click.Parameter, org_ids: tuple[int, ...]) -> tuple[int, ...]:
    """An organisation that is named twice counts once."""
    return tuple(dict.fromkeys(org_ids))


def _orgs_option(default: str) -> Callable[[_Command], _Command]:
    return click.option(
        "--org",
        "org_ids",
        type=click.IntRange(min=1),
        multiple=True,
        callback=_once,
        help=f"Organisation (repeatable); {default} if none.",
    )


_ORGS = _orgs_option("all of HOLOGRAM_ORG_IDS")
stderr = Console(stderr=True, soft_wrap=True)


class _Refused(click.ClickException):
    """The request or the environment can't be used."""

    exit_code = 2


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="hologram-assets")
def main() -> None:
    """Hologram's SIM usage in DuckDB, as Dagster assets by day and organisation.

    Settings come from the environment and from a .env file in the current folder; see the README.
    """
    load_dotenv(Path(".env"))
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
    # In a range the days' check results are logged one by one, which Dagster takes for none at all and says so per step.
    logging.getLogger("dagster._core.execution.plan.active").setLevel(logging.ERROR)
    for category in (BetaWarning, PreviewWarning):
        warnings.simplefilter("ignore", category)
    spare_the_collector()


@main.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8765,
    show_default=True,
    help="TCP port on 127.0.0.1; 0 picks a free one.",
)
@click.option("--sims", default=40, show_default=True, help="SIMs per organisation; from 20 on every kind is there.")
@click.option("--orgs", default="144,145", show_default=True, help="Organisation ids, separated by commas.")
@click.option("--seed", default=1, show_default=True, help="What the fleet is drawn from.")
@click.option("--days", default=60, show_default=True, help="Days of history before today.")
@click.option("--profile", default="mixed", show_default=True, help="The kind of fleet: mixed, healthy, network_faults, "
              "steady, weekly, bursts or firmware_spike.")  # fmt: skip
@click.option("--now", type=click.DateTime(), help="Freeze the clock at this UTC time.")
@click.option("--latency-ms", default=0.0, help="What every answer takes in addition.")
@click.option("--filter-column", default="timestamp", show_default=True, help="What timestart and timeend filter: "
              "timestamp, session_begin or received_at.")  # fmt: skip
@click.option("--end-exclusive", is_flag=True, help="A session exactly at timeend is not in.")
@click.option("--key", "keys", multiple=True, help="A key that is let in (repeatable); any if not given.")
@click.option("--fault", "faults", multiple=True, metavar="NAME[=VALUE][@ENDPOINT][*TIMES][+AFTER]",
              help="Switch a fault on (repeatable); `--fault list` names them.")  # fmt: skip
def sandbox(
    port: int,
    sims: int,
    orgs: str,
    seed: int,
    days: int,
    profile: str,
    now: datetime | None,
    latency_ms: float,
    filter_column: str,
    end_exclusive: bool,
    keys: tuple[str, ...],
    faults: tuple[str, ...],
) -> None:
    """Serve a Hologram API on loopback, with a fleet made from a seed, until stopped."""
    from hologram_assets.sandbox import FAULTS, Sandbox

    if "list" in faults:
        for name, text in FAULTS.items():
            click.echo(f"{name:24} {text}")
        return
    try:
        served = Sandbox(
            orgs=_org_ids(orgs),
            sims=sims,
            days=days,
            seed=seed,
            profile=profile,
            now=now,
            port=port,
            latency_seconds=latency_ms / 1000,
            filter_column=filter_column,
            end_inclusive=not end_exclusive,
            keys=keys or None,
            faults=faults,
        )
    except (ValueError, OSError) as error:
        raise _Refused(str(error)) from error

    def ready() -> None:
        click.echo(
            f"serving {served.base_url}; any key opens it; what Slack gets is shown on {served.slack.page_url}\n"
            f"export HOLOGRAM_BASE_URL={served.base_url} HOLOGRAM_API_KEY=sandbox HOLOGRAM_ORG_IDS={orgs}\n"
            f"export SLACK_BASE_URL={served.slack.base_url} SLACK_BOT_TOKEN=xoxb-sandbox SLACK_CHANNEL=#iot-alerts"
        )

    try:
        served.serve_forever(ready)
    except OSError as error:
        raise click.ClickException(f"port {port} can't be served: {error}") from error
    except KeyboardInterrupt:
        return


@main.group()
def orgs() -> None:
    """Organisations as partitions."""


@orgs.command("sync")
def orgs_sync() -> None:
    """Register the organisations of HOLOGRAM_ORG_IDS as partitions. Removes none."""
    from hologram_assets.backfill import register_orgs
    from hologram_assets.commands.instance import dagster_instance

    settings = _settings()
    if not settings.hologram_org_ids:
        raise _Refused("HOLOGRAM_ORG_IDS is empty; set it to your organisations' ids, like 144,145")
    with dagster_instance() as instance:
        new = register_orgs(instance, settings.hologram_org_ids)
    known = len(settings.hologram_org_ids) - len(new)
    click.echo(f"registered {', '.join(map(str, new)) or 'none'}; {known} known already")


@main.command()
@click.option("--from", "first", type=_DAY, required=True, help="First UTC day, YYYY-MM-DD.")
@click.option("--to", "last", type=_DAY, required=True, help="Last UTC day, included.")
@_ORGS
@click.option("--assets", default="", help="Assets, separated by commas; all if not given.")
@click.option("--detach", is_flag=True, help="Hand it to the Dagster daemon and return.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object that says what was done.")
def backfill(
    first: datetime,
    last: datetime,
    org_ids: tuple[int, ...],
    assets: str,
    detach: bool,
    as_json: bool,
) -> None:
    """Materialise days × organisations, in one run per organisation. Exit code 1 if any partition failed."""
    from hologram_assets.commands.backfill import run_backfill

    names = [name.strip() for name in assets.split(",") if name.strip()]
    sys.exit(
        run_backfill(
            _settings(), first.date(), last.date(), list(org_ids), names, detach=detach, as_json=as_json, console=stderr
        )
    )


@main.command()
@click.option("--day", type=_DAY, required=True, help="UTC day, YYYY-MM-DD.")
@_orgs_option("all")
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json", "parquet", "html", "xlsx", "focus"]), default="table",
    show_default=True,
    help="html: one page for people; xlsx: a workbook; focus: charges as the FinOps specification FOCUS has them (CSV, or "
         "Parquet if the file's name ends so); the others: the overage report.",
)  # fmt: skip
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write; parquet and xlsx need one."
)
def report(day: datetime, org_ids: tuple[int, ...], form: str, output: Path | None) -> None:
    """Print or write the report of a day: overage, costs, what would save money."""
    from hologram_assets.commands.exports import NEED_A_FILE, export, without_report
    from hologram_assets.commands.report import NoReportError
    from hologram_assets.warehouse.connection import Warehouse, WarehouseError

    if form in NEED_A_FILE and output is None:
        raise _Refused(f"--format {form} needs --output FILE")
    warehouse = Warehouse(_settings().hologram_warehouse)
    try:
        written = export(form, warehouse, day.date(), org_ids, output)
        lacking = without_report(warehouse, day.date(), org_ids)
    except (NoReportError, WarehouseError) as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{output} can't be written: {error}") from error
    if output is not None:
        stderr.print(f"{written} written to {output}", highlight=False)
    for org_id in lacking:
        stderr.print(f"Nothing is stored of organisation {org_id} for {day:%Y-%m-%d}.", highlight=False)


@main.group("forecast")
def forecast_group() -> None:
    """The forecast of the overage report: see how good it is."""


@forecast_group.command("backtest")
@click.option("--from", "first", type=_DAY, required=True, help="First UTC day on which a period ended, YYYY-MM-DD.")
@click.option("--to", "last", type=_DAY, required=True, help="Last UTC day, included.")
@_ORGS
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def forecast_backtest(first: datetime, last: datetime, org_ids: tuple[int, ...], as_json: bool) -> None:
    """Forecast stored periods that ended, as of their days 5, 10 and 20, and compare with what they came to.

    Each forecast sees the days before it only. Prints how far off they were, and how often the truth stayed within the
    90 % bound. Nothing is written. Exit code 1 if there is nothing to replay.
    """
    from hologram_assets.commands.forecast_backtest import NothingToForecastError, run_backtest
    from hologram_assets.commands.report import wide_console
    from hologram_assets.warehouse.connection import Warehouse, WarehouseError

    settings = _settings()
    chosen = _chosen(settings, org_ids)
    asked = _asked(settings, first, last, org_ids, may_be_ahead=True)
    rules = _valid(lambda: settings.rules)
    try:
        run_backtest(
            Warehouse(settings.hologram_warehouse),
            chosen,
            asked,
            lambda org_id: rules.of(org_id).forecast,
            lambda org_id: bool(settings.billing_mode(org_id) == "calendar_month"),
            as_json=as_json,
            out=wide_console(sys.stdout),
            err=stderr,
        )
    except (NothingToForecastError, WarehouseError) as error:
        raise click.ClickException(str(error)) from error


@main.group()
def alerts() -> None:
    """Alerts: see what other thresholds would send."""


@alerts.command("backtest")
@click.option("--from", "first", type=_DAY, required=True, help="First UTC day, YYYY-MM-DD.")
@click.option("--to", "last", type=_DAY, required=True, help="Last UTC day, included.")
@_ORGS
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list, an object per organisation.")
def alerts_backtest(first: datetime, last: datetime, org_ids: tuple[int, ...], as_json: bool) -> None:
    """Judge stored days again by the rules of now, and print per rule how many alerts they would have sent.

    Change HOLOGRAM_RULES_FILE and run it again to tune. Nothing is written or sent.
    """
    from hologram_assets.commands.alerts_backtest import NothingToReplayError, run_backtest
    from hologram_assets.commands.report import wide_console
    from hologram_assets.warehouse.connection import Warehouse, WarehouseError

    settings = _settings()
    chosen = _chosen(settings, org_ids)
    asked = _asked(settings, first, last, org_ids)
    rules = _valid(settings.alert_rules)
    try:
        run_backtest(
            Warehouse(settings.hologram_warehouse),
            chosen,
            asked,
            rules,
            as_json=as_json,
            out=wide_console(sys.stdout),
            err=stderr,
        )
    except (NothingToReplayError, WarehouseError) as error:
        raise click.ClickException(str(error)) from error


@main.command()
def doctor() -> None:
    """Check settings, warehouse, API keys and Slack; say what to do about each failure. Exit code 1 on any."""
    from hologram_assets.commands.doctor import examine

    marks = {"ok": "[green]ok  [/]", "note": "[yellow]note[/]", "fail": "[red]FAIL[/]"}
    console = Console(soft_wrap=True)
    failed = 0
    for finding in examine(_settings()):
        failed += finding.state == "fail"
        # What a file holds is shown as it stands: [x] is no markup.
        console.print(marks[finding.state], escape(f"{finding.subject}: {finding.text}"), highlight=False)
    if failed:
        raise click.ClickException(f"{failed} to mend")


@main.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Copy the warehouse to a new FILE, compacted, while readers go on and writers wait.

    To restore it, stop Dagster and put the copy in the place of HOLOGRAM_WAREHOUSE; docs/operations.md says the rest.
    """
    from hologram_assets.warehouse.connection import Warehouse, WarehouseError

    warehouse = Warehouse(_settings().hologram_warehouse)
    try:
        warehouse.copy_to(file)
    except WarehouseError as error:
        raise click.ClickException(str(error)) from error
    sizes = [path.stat().st_size / 1_000_000 for path in (warehouse.path, file)]
    stderr.print(f"{warehouse.path} ({sizes[0]:,.1f} MB) copied to {file} ({sizes[1]:,.1f} MB)", highlight=False)


@main.command()
@click.option("--days", type=click.IntRange(1, 90), default=35, show_default=True, help="Days to load, today included.")
@click.option("--sims", default=40, show_default=True, help="SIMs per organisation.")
@click.option("--home", type=click.Path(file_okay=False, path_type=Path), default=Path("data/demo"), show_default=True,
              help="Where the demo keeps its warehouse and its Dagster instance.")  # fmt: skip
@click.option("--ui", is_flag=True, help="Then open the Dagster UI on it, the sandbox going on beside it.")
def demo(days: int, sims: int, home: Path, ui: bool) -> None:
    """Run the whole graph on a sandbox API for two organisations. Needs no account and no network."""
    from hologram_assets.commands.demo import run_demo
    from hologram_assets.commands.report import wide_console

    sys.exit(run_demo(days=days, sims=sims, home=home.absolute(), ui=ui, console=wide_console(sys.stdout)))


def _asked(
    settings: Any, first: datetime, last: datetime, named: tuple[int, ...], *, may_be_ahead: bool = False
) -> Any:
    from hologram_assets.commands.missing_days import Asked
    from hologram_assets.partitions import RangeRefusedError, checked_range

    try:
        days = checked_range(first.date(), last.date(), settings.hologram_start_date, may_be_ahead=may_be_ahead)
    except RangeRefusedError as error:
        raise _Refused(str(error)) from error
    return Asked(*days, named, settings.hologram_start_date, settings.hologram_retention_days)


def _org_ids(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdecimal() for part in parts):
        raise _Refused(f"--orgs {text!r}: write ids separated by commas, like 144,145")
    return [int(part) for part in parts]


def _chosen(settings: Any, org_ids: tuple[int, ...]) -> tuple[int, ...]:
    """The organisations that `--org` names, else those of the environment."""
    chosen: tuple[int, ...] = org_ids or settings.hologram_org_ids
    if not chosen:
        raise _Refused("no organisation: give --org, or set HOLOGRAM_ORG_IDS")
    return chosen


def _settings() -> Any:
    from hologram_assets.settings import load_settings

    return _valid(load_settings)


def _valid(read: Callable[[], T]) -> T:
    """What `read` makes of the environment and its files; a mistake in them refuses the request."""
    from hologram_assets.settings import SettingsError

    try:
        return read()
    except SettingsError as error:
        raise _Refused(str(error)) from error


if __name__ == "__main__":
    main()
