"""`backfill`: from options to a request, progress while it runs, and what became of it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import date

import click
from dagster import DagsterInstance, Definitions
from rich.console import Console

from hologram_assets.api.errors import BadRequestError, ForbiddenError, HologramError, NotFoundError
from hologram_assets.backfill import (
    Backfill,
    BackfillRefusedError,
    Request,
    Summary,
    asset_names,
    checked_request,
    hand_over,
    register_orgs,
)
from hologram_assets.build import build_defs, hologram_resource
from hologram_assets.commands.instance import dagster_instance
from hologram_assets.commands.progress import day_progress
from hologram_assets.partitions import ORG, missing_orgs, rectangle
from hologram_assets.resources.hologram import key_variable
from hologram_assets.settings import Settings, SettingsError

_SHOWN_PARTITIONS = 10
_INTERRUPTED = 130  # as a shell says it of a command that Ctrl-C ended


def run_backfill(
    settings: Settings,
    first: date,
    last: date,
    org_ids: Sequence[int],
    assets: Sequence[str],
    *,
    detach: bool,
    as_json: bool,
    console: Console,
) -> int:
    """Run it, or hand it to the daemon; returns the exit code."""
    try:
        defs = build_defs(settings)
        request = checked_request(
            first,
            last,
            org_ids or settings.hologram_org_ids,
            assets,
            start_date=settings.hologram_start_date,
            known_assets=asset_names(defs),
        )
    except (BackfillRefusedError, SettingsError) as error:
        return _refused(error, console, as_json=as_json)
    with dagster_instance() as instance:
        try:
            _refuse_strangers(settings, instance, request.org_ids)
        except BackfillRefusedError as error:
            return _refused(error, console, as_json=as_json)
        new = register_orgs(instance, request.org_ids)
        if new:
            console.print(f"registered organisation {', '.join(map(str, new))}", highlight=False)
        if detach:
            backfill_id = hand_over(defs, instance, request)
            if as_json:
                click.echo(json.dumps({"backfill_id": backfill_id}))
            console.print(
                f"backfill {backfill_id} is with the Dagster daemon; watch it in the UI under Runs, Backfills. "
                "It starts when the daemon runs (make dev)",
                highlight=False,
            )
            return 0
        summary = run_request(defs, instance, request, console)
    if as_json:
        click.echo(json.dumps(summary.as_json(request), indent=2))
    print_summary(summary, request, console)
    if summary.stopped:
        console.print("stopped; what is stored stays, and the same command goes on from there", highlight=False)
        return _INTERRUPTED
    return 0 if summary.ok else 1


def _refused(error: Exception, console: Console, *, as_json: bool) -> int:
    if as_json:
        click.echo(json.dumps({"ok": False, "error": str(error)}))
    console.print(f"Error: {error}", style="red", highlight=False, markup=False)
    return 2


def _refuse_strangers(settings: Settings, instance: DagsterInstance, org_ids: Sequence[int]) -> None:
    """Of an organisation that nobody has named yet, ask Hologram first: a partition is never removed.

    Raises:
        BackfillRefusedError: the key has no access to an organisation that is neither a partition nor in HOLOGRAM_ORG_IDS.
    """
    for org in missing_orgs(org_ids, [*instance.get_dynamic_partitions(ORG), *map(str, settings.hologram_org_ids)]):
        try:
            with hologram_resource(settings, attempts=1).client(int(org)) as client:
                client.probe("plans", int(org))
        except (ForbiddenError, NotFoundError, BadRequestError) as error:
            msg = (
                f"organisation {org} is no partition and not in HOLOGRAM_ORG_IDS, and Hologram refuses it: {error}. Check "
                f"the id, or whether {key_variable(int(org))} belongs to an owner of it"
            )
            raise BackfillRefusedError(msg) from error
        except HologramError:
            # No key, a wrong one, or no answer: that is not about the organisation, and the run will say it.
            continue


def run_request(defs: Definitions, instance: DagsterInstance, request: Request, console: Console) -> Summary:
    """Run a request with progress on the console."""
    total = len(request.assets) * len(request.org_ids) * len(request.days.days)
    with day_progress(total, console) as advance:
        return Backfill(defs, instance, advance).run(request)


def _others(summary: Summary, request: Request) -> str:
    asked = {(asset, day) for asset in request.assets for day in rectangle(request.org_ids, request.days)}
    others = len(summary.stored - asked)
    return f"; {others} of them are other days that were made from what has changed" if others else ""


def print_summary(summary: Summary, request: Request, console: Console) -> None:
    """What was stored, and each failure with its partitions, equal reasons together."""
    console.print(
        f"{len(summary.stored)} partitions of {len(request.assets)} assets stored in {len(summary.runs)} runs, "
        f"{len(summary.failed)} failed{_others(summary, request)}",
        highlight=False,
    )
    together: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (asset, day), reason in sorted(summary.failed.items()):
        together[asset, reason].append(str(day.key))
    for (asset, reason), keys in together.items():
        named = ", ".join(keys[:_SHOWN_PARTITIONS])
        more = f" and {len(keys) - _SHOWN_PARTITIONS} more" if len(keys) > _SHOWN_PARTITIONS else ""
        console.print(f"FAILED {asset} {named}{more}: {reason}", style="red", highlight=False, markup=False)
    for error in summary.errors:
        console.print(f"FAILED {error}", style="red", highlight=False, markup=False)
