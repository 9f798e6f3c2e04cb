"""`forecast backtest`: how good the forecast would have been over stored history, for people who rely on it or tune it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import date

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from hologram_assets.commands.missing_days import Asked
from hologram_assets.domain.forecast import ForecastRules
from hologram_assets.warehouse.backtest import Replay, Score, replay, scores
from hologram_assets.warehouse.connection import Warehouse
from hologram_assets.warehouse.tables import OVERAGE_REPORT

# A period that just began on the first day, and the history before its first forecast.
_DAYS_BEFORE = 60


class NothingToForecastError(LookupError):
    """No period of the range can be replayed; the text says what lacks."""


def run_backtest(
    warehouse: Warehouse,
    org_ids: Sequence[int],
    asked: Asked,
    rules: Callable[[int], ForecastRules],
    calendar_month: Callable[[int], bool],
    *,
    as_json: bool,
    out: Console,
    err: Console,
) -> None:
    """Replay the periods that ended on the days that are asked for and print how good their forecasts were.

    Raises:
        NothingToForecastError: there is no such period, or none with usage and history.
        WarehouseMissingError: there is no warehouse yet.
    """
    first, last = asked.first, asked.last
    replays = _replays(warehouse, org_ids, first, last, rules, calendar_month, err)
    found = scores(replays)
    if not found:
        raise NothingToForecastError(_what_lacks(warehouse, org_ids, replays, asked))
    if as_json:
        click.echo(_as_json(found, replays, org_ids, first, last))
    else:
        _print(found, replays, first, last, out)


def _replays(
    warehouse: Warehouse,
    org_ids: Sequence[int],
    first: date,
    last: date,
    rules: Callable[[int], ForecastRules],
    calendar_month: Callable[[int], bool],
    console: Console,
) -> list[Replay]:
    replays = []
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        for org_id in org_ids:
            task = progress.add_task(f"organisation {org_id}", total=None)

            def advance(_day: date, total: int, task: object = task) -> None:
                progress.update(task, total=total, advance=1)  # type: ignore[arg-type]

            # Opened anew for each organisation, so that writers get their turn.
            with warehouse.read() as connection:
                replays.append(
                    replay(
                        connection,
                        org_id,
                        first,
                        last,
                        rules(org_id),
                        calendar_month=calendar_month(org_id),
                        advance=advance,
                    )
                )
            done = replays[-1]
            console.print(
                f"organisation {org_id}: {done.periods} periods, {done.forecasts.num_rows} forecasts", highlight=False
            )
    return replays


def _what_lacks(warehouse: Warehouse, org_ids: Sequence[int], replays: Sequence[Replay], asked: Asked) -> str:
    ended = f"period that ended from {asked.first} to {asked.last}"
    if sum(each.without_usage + each.without_history for each in replays):
        return (
            f"no {ended} has a day that is loaded from its start on with one before it; the {_DAYS_BEFORE} days before "
            f"{asked.first} are needed as well; {asked.to_load(_DAYS_BEFORE)}"
        )
    if sum(each.incomplete for each in replays):
        return f"no {ended} is whole: days of it lack, or Hologram's totals; {asked.to_load(_DAYS_BEFORE)}"
    reports = asked.stored(warehouse, org_ids, OVERAGE_REPORT.name)
    wanted = asked.days * len(org_ids)
    if reports == wanted:
        return f"no period ended from {asked.first} to {asked.last}, though every day has its report; ask for more days"
    return f"no {ended} is stored, and {wanted - reports} of {wanted} days have no report; {asked.to_load()}"


def _print(found: Sequence[Score], replays: Sequence[Replay], first: date, last: date, console: Console) -> None:
    periods = sum(each.periods for each in replays)
    table = Table(title=f"{periods:,} periods that ended from {first} to {last}")
    for heading in ("as of", "forecasts", "median error", "bias", "within the 90 % bound"):
        table.add_column(heading, justify="left" if heading == "as of" else "right")
    for score in found:
        table.add_row(
            "all" if score.age is None else f"day {score.age}",
            f"{score.forecasts:,}",
            _per_cent(score.median_error_pct),
            _per_cent(score.bias_pct, signed=True),
            _per_cent(score.covered_pct),
            end_section=score.age is not None and score is found[-2],
        )
    console.print(table)
    console.print("Good is 85 to 95 % within the bound, and a bias near 0.", highlight=False)
    silent = found[-1].silent
    if silent:
        console.print(f"{silent:,} forecasts are of periods without a byte; they have no error in %.", highlight=False)
    for count, reason in (
        (sum(each.incomplete for each in replays), "periods are left out: their own total is not known"),
        (sum(each.without_usage for each in replays), "forecasts are left out: a day since the period's start lacks"),
        (sum(each.without_history for each in replays), "forecasts are left out: no day before them is loaded"),
    ):
        if count:
            console.print(f"{count:,} {reason}.", highlight=False)


def _per_cent(value: float | None, *, signed: bool = False) -> str:
    if value is None:
        return "-"
    return f"{value:+.1f} %" if signed else f"{value:.1f} %"


def _as_json(found: Sequence[Score], replays: Sequence[Replay], org_ids: Sequence[int], first: date, last: date) -> str:
    *by_age, total = ({name: _rounded(value) for name, value in asdict(score).items()} for score in found)
    total.pop("age")
    return json.dumps(
        {
            "from": first.isoformat(),
            "to": last.isoformat(),
            "orgs": list(org_ids),
            "periods": sum(each.periods for each in replays),
            "ages": by_age,
            "total": total,
            "left_out": {
                "periods_incomplete": sum(each.incomplete for each in replays),
                "forecasts_without_usage": sum(each.without_usage for each in replays),
                "forecasts_without_history": sum(each.without_history for each in replays),
            },
        },
        indent=2,
    )


def _rounded(value: float | None) -> float | None:
    return round(value, 4) if isinstance(value, float) else value
