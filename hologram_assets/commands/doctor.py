"""`doctor`: is everything set up? One line per question, and what to do about each that fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import requests

from hologram_assets.api.errors import ForbiddenError, HologramError, KeyMissingError
from hologram_assets.build import hologram_resource
from hologram_assets.resources.hologram import key_variable
from hologram_assets.settings import Settings, SettingsError
from hologram_assets.warehouse.connection import Warehouse, WarehouseError

_SLACK_TIMEOUT_SECONDS = 10


@dataclass(frozen=True)
class Finding:
    """One answer: `ok`, `note` (works, but worth knowing) or `fail`, with what to do about it."""

    state: Literal["ok", "note", "fail"]
    subject: str
    text: str


def examine(settings: Settings) -> Iterator[Finding]:
    """Everything that can be seen without changing anything, one finding at a time."""
    yield from _organisations(settings)
    yield from _files(settings)
    yield _warehouse(settings)
    for org_id in settings.hologram_org_ids:
        yield from _api(settings, org_id)
    yield _slack(settings)


def _organisations(settings: Settings) -> Iterator[Finding]:
    if settings.hologram_org_ids:
        yield Finding("ok", "HOLOGRAM_ORG_IDS", ", ".join(map(str, settings.hologram_org_ids)))
    else:
        yield Finding("fail", "HOLOGRAM_ORG_IDS", "is empty; set it to your organisations' ids, like 144,145")


def _files(settings: Settings) -> Iterator[Finding]:
    readers: dict[str, tuple[object, Callable[[], object]]] = {
        "HOLOGRAM_PLAN_ASSIGNMENTS": (settings.hologram_plan_assignments, settings.plan_assignments),
        "HOLOGRAM_RULES_FILE": (
            settings.hologram_rules_file,
            lambda: (settings.pricing_rules(), settings.network_rules()),
        ),
    }
    for variable, (path, read) in readers.items():
        if path is None:
            continue
        try:
            read()
        except SettingsError as error:
            yield Finding("fail", variable, str(error))
        else:
            yield Finding("ok", variable, str(path))


def _warehouse(settings: Settings) -> Finding:
    warehouse = Warehouse(settings.hologram_warehouse, lock_timeout_seconds=5)
    try:
        with warehouse.write() as connection:
            row = connection.execute("SELECT count(*), count(DISTINCT org_id) FROM hologram.raw_sessions").fetchone()
    except (WarehouseError, OSError) as error:
        return Finding("fail", "HOLOGRAM_WAREHOUSE", f"{error}. Check the path, its permissions, and who has it open")
    sessions, orgs = row or (0, 0)
    return Finding(
        "ok", "HOLOGRAM_WAREHOUSE", f"{settings.hologram_warehouse}: {sessions} sessions of {orgs} organisations"
    )


def _api(settings: Settings, org_id: int) -> Iterator[Finding]:
    subject = f"organisation {org_id}"
    hologram = hologram_resource(settings, attempts=2)
    variable = key_variable(org_id)
    try:
        with hologram.client(org_id) as client:
            for path in ("usage/data", "usage/data/billing", "plans"):
                client.probe(path, org_id)
            try:
                client.probe("links/cellular", org_id)
            except ForbiddenError:
                yield Finding(
                    "note",
                    subject,
                    "the key may not read links: plans come from sessions or HOLOGRAM_PLAN_ASSIGNMENTS, others are unknown",
                )
    except KeyMissingError as error:
        yield Finding("fail", subject, str(error))
    except HologramError as error:
        yield Finding(
            "fail",
            subject,
            f"{error}. Check {variable} (the key, and that it may see this organisation) and HOLOGRAM_BASE_URL",
        )
    else:
        yield Finding("ok", subject, f"{settings.hologram_base_url} answers to {variable}")


def _slack(settings: Settings) -> Finding:
    token = settings.slack_bot_token
    if token is None:
        return Finding("note", "SLACK_BOT_TOKEN", "is not set: alerts stay in the warehouse")
    if not settings.slack_channel and not settings.slack_channels:
        return Finding(
            "fail", "SLACK_CHANNEL", "is not set, but SLACK_BOT_TOKEN is: say where alerts go, like #iot-alerts"
        )
    try:
        answer = requests.post(
            f"{settings.slack_base_url}/auth.test",
            headers={"Authorization": f"Bearer {token.get_secret_value()}"},
            timeout=_SLACK_TIMEOUT_SECONDS,
            allow_redirects=False,
        ).json()
    except (requests.RequestException, ValueError) as error:
        return Finding("fail", "Slack", f"{settings.slack_base_url} doesn't answer: {type(error).__name__}")
    if not isinstance(answer, dict) or answer.get("ok") is not True:
        reason = answer.get("error") if isinstance(answer, dict) else answer
        return Finding("fail", "SLACK_BOT_TOKEN", f"Slack says {reason}; make a new bot token for the app")
    return Finding("ok", "Slack", f"signed in as {answer.get('user')} in {answer.get('team')}")
