"""`alerts backtest`: how many alerts the rules of now would have sent over stored history, for people who tune them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from hologram_assets.commands.missing_days import Asked
from hologram_assets.domain.alert_rules import AlertRules
from hologram_assets.domain.bulletin import because
from hologram_assets.domain.network_change import NETWORK_RULES
from hologram_assets.domain.overage_rules import OVERAGE_RULES
from hologram_assets.domain.replay import RuleTally, Tally, per_thousand
from hologram_assets.warehouse.connection import Warehouse
from hologram_assets.warehouse.replay import replayed
from hologram_assets.warehouse.tables import DAILY_LINK_USAGE, NETWORK_CHANGES, OVERAGE_REPORT

_EXAMPLES = 3


class NothingToReplayError(LookupError):
    """No day of the range holds what alerts are made from."""


def backtest(
    warehouse: Warehouse,
    org_ids: Sequence[int],
    asked: Asked,
    rules: Callable[[int], AlertRules],
    console: Console,
) -> list[Tally]:
    """Replay the days of each organisation, with progress on the console.

    Raises:
        NothingToReplayError: no day was ever derived.
        WarehouseMissingError: there is no warehouse yet.
    """
    days = [asked.first + timedelta(days=n) for n in range(asked.days)]
    tallies = []
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        for org_id in org_ids:
            tally = Tally(org_id)
            task = progress.add_task(f"organisation {org_id}", total=len(days))
            for each in replayed(warehouse, org_id, days, rules(org_id)):
                if each.alerts is not None:
                    tally.add(each.day, each.sims, each.alerts.alerts)
                progress.advance(task)
            tallies.append(tally)
            if tally.days < len(days):
                missing = f"{len(days) - tally.days} of {len(days)} days"
                console.print(f"organisation {org_id}: {missing} were never derived and are left out", highlight=False)
    if not any(tally.days for tally in tallies):
        msg = _what_lacks(warehouse, org_ids, asked)
        raise NothingToReplayError(msg)
    return tallies


def _what_lacks(warehouse: Warehouse, org_ids: Sequence[int], asked: Asked) -> str:
    none = f"no day from {asked.first} to {asked.last} has a report and network changes"
    if not asked.stored(warehouse, org_ids, DAILY_LINK_USAGE.name):
        return f"{none}, for none has usage; {asked.to_load()}"
    lacking = (OVERAGE_REPORT.name, NETWORK_CHANGES.name)
    return f"{none}, but usage is there; derive them first: {asked.backfill(assets=lacking)}"


def print_tallies(tallies: Sequence[Tally], console: Console) -> None:
    """A table per organisation, and the worst examples of each rule below it."""
    for tally in tallies:
        if not tally.days:
            continue
        table = Table(title=f"Organisation {tally.org_id}: {tally.days} days, {tally.sim_days:,} SIM-days")
        for heading in ("rule", "told", "per 1,000 SIM-days", "further steps", "info", "silenced", "ended"):
            table.add_column(heading, justify="left" if heading == "rule" else "right")
        for rule in (*OVERAGE_RULES, *NETWORK_RULES):
            counts = tally.rules.get(rule, RuleTally())
            rate = f"{per_thousand(counts.told, tally.sim_days):.2f}"
            numbers = (counts.told, rate, counts.escalated, counts.info, counts.silenced, counts.ended)
            table.add_row(rule, *map(str, numbers))
        for family, rules in (("all overage rules", OVERAGE_RULES), ("all network rules", NETWORK_RULES)):
            told = sum(tally.rules.get(rule, RuleTally()).told for rule in rules)
            table.add_row(f"[bold]{family}[/]", str(told), f"{per_thousand(told, tally.sim_days):.2f}")
        console.print(table)
        console.print(
            f"{tally.messages} messages and {tally.replies} replies in threads, had each day been told at its end.\n",
            highlight=False,
        )
        for rule, counts in tally.rules.items():
            for day, alert in counts.worst(_EXAMPLES):
                console.print(
                    escape(f"{rule} {day} {alert.subject}: {alert.title}. {because(alert)}"),
                    highlight=False,
                    soft_wrap=True,
                )
        console.print()


def tallies_as_json(tallies: Sequence[Tally]) -> str:
    """One object per organisation."""
    return json.dumps([_as_dict(tally) for tally in tallies], indent=2, ensure_ascii=False) + "\n"


def _as_dict(tally: Tally) -> dict[str, Any]:
    return {
        "org_id": tally.org_id,
        "days": tally.days,
        "sim_days": tally.sim_days,
        "messages": tally.messages,
        "replies": tally.replies,
        "rules": {
            rule: {
                "told": counts.told,
                "per_1000_sim_days": round(per_thousand(counts.told, tally.sim_days), 4),
                "further_steps": counts.escalated,
                "info": counts.info,
                "silenced": counts.silenced,
                "ended": counts.ended,
                "worst": [
                    {"day": day.isoformat(), "subject": alert.subject, "title": alert.title, "why": because(alert)}
                    for day, alert in counts.worst(_EXAMPLES)
                ],
            }
            for rule, counts in tally.rules.items()
        },
    }


def run_backtest(
    warehouse: Warehouse,
    org_ids: Sequence[int],
    asked: Asked,
    rules: Callable[[int], AlertRules],
    *,
    as_json: bool,
    out: Console,
    err: Console,
) -> None:
    """Replay and print."""
    tallies = backtest(warehouse, org_ids, asked, rules, err)
    if as_json:
        click.echo(tallies_as_json(tallies), nl=False)
    else:
        print_tallies(tallies, out)
