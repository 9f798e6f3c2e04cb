"""`doctor`: is everything set up? One line per question, and what to do about each that fails."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Literal

import requests

from hologram_assets.api.clock import ClockReading
from hologram_assets.api.errors import ForbiddenError, HologramError, KeyMissingError
from hologram_assets.api.window_probe import Column, Verdict, probe_window
from hologram_assets.assets.published import COPY
from hologram_assets.build import hologram_resource
from hologram_assets.domain.silences import by_state
from hologram_assets.partitions import today
from hologram_assets.resources.hologram import key_variable
from hologram_assets.resources.slack import what_to_do
from hologram_assets.settings import Settings, SettingsError
from hologram_assets.warehouse.connection import Warehouse, WarehouseError
from hologram_assets.warehouse.tables import FLEET_SUMMARY, PARTITION_LOADS

_SLACK_TIMEOUT_SECONDS = 10
_SHOWN_SILENCES = 5
# `bot` is what apps of the classic kind have.
_POSTING_SCOPES = {"chat:write", "bot"}
# Half a minute is what time synchronisation and a slow answer leave. Five minutes are more than most sessions take to be
# received: a clock that is as far ahead calls usage complete up to a moment (`complete_through`) that Hologram has not
# reached and closes, at midnight, a day that goes on; one that is behind asks for a day that is over. What is lost in
# less than that comes with the next load of the day, like any session that is received late.
_CLOCK_NOTED = timedelta(seconds=30)
_CLOCK_WRONG = timedelta(minutes=5)
# The default. It covers every session of up to a day and every receipt up to a day late, whichever column is filtered.
_SAFE_MARGIN_HOURS = 24
# Of each key: with hundreds of organisations that have few sessions, doctor would ask for minutes.
_ORGANISATIONS_PROBED = 5
_MARGIN = "HOLOGRAM_WINDOW_MARGIN_HOURS"
_FILTERED = {
    Column.END: "the end of a session (timestamp)",
    Column.BEGIN: "the begin of a session (session_begin)",
    Column.RECEIPT: "the time at which Hologram received a session",
}
_BOUNDS = {True: "timeend inclusive", False: "timeend exclusive", None: "whether timeend is inclusive is unknown"}
_PROOFS = {
    Column.END: "{sessions} show it",
    Column.BEGIN: "the longest of {sessions} lasted {reach}, what began earlier than the margin is never loaded",
    Column.RECEIPT: "the latest of {sessions} came up to {reach} late, what comes later than the margin is never loaded",
}

State = Literal["ok", "note", "fail"]
_Said = tuple[State, str]
"""What is said of a file."""


@dataclass(frozen=True)
class Finding:
    """One answer: `ok`, `note` (works, but worth knowing) or `fail`, with what to do about it."""

    state: State
    subject: str
    text: str


def examine(settings: Settings) -> Iterator[Finding]:
    """Everything that can be seen without changing anything, one finding at a time."""
    yield from _organisations(settings)
    yield from _files(settings)
    yield _warehouse(settings)
    yield from _copy(settings)
    answering: dict[int, ClockReading | None] = {}
    for org_id in settings.hologram_org_ids:
        yield from _api(settings, org_id, answering)
    yield from _clock(answering)
    yield from _slack(settings)
    # Last, for it takes longest.
    yield from _window_margin(settings, answering)


def _organisations(settings: Settings) -> Iterator[Finding]:
    if settings.hologram_org_ids:
        yield Finding("ok", "HOLOGRAM_ORG_IDS", ", ".join(map(str, settings.hologram_org_ids)))
    else:
        yield Finding("fail", "HOLOGRAM_ORG_IDS", "is empty; set it to your organisations' ids, like 144,145")


def _files(settings: Settings) -> Iterator[Finding]:
    readers: dict[str, tuple[object, Callable[[], Iterable[_Said]]]] = {
        "HOLOGRAM_PLAN_ASSIGNMENTS": (
            settings.hologram_plan_assignments,
            lambda: [("ok", f"{len(settings.plan_assignments())} SIMs")],
        ),
        "HOLOGRAM_RULES_FILE": (settings.hologram_rules_file, lambda: _rules(settings)),
        "HOLOGRAM_RAT_LEVELS_FILE": (
            settings.hologram_rat_levels_file,
            lambda: [("ok", f"{len(settings.rat_levels())} RATs with the shipped ones")],
        ),
        "HOLOGRAM_NETWORK_ALIASES_FILE": (
            settings.hologram_network_aliases_file,
            lambda: [("ok", f"{len(settings.network_aliases())} aliases with the shipped ones")],
        ),
        "HOLOGRAM_SILENCES_FILE": (settings.hologram_silences_file, lambda: _silences(settings)),
    }
    for variable, (path, read) in readers.items():
        if path is None:
            continue
        try:
            for state, text in read():
                yield Finding(state, variable, f"{path}: {text}")
        except SettingsError as error:
            yield Finding("fail", variable, str(error).removeprefix(f"{variable}: "))


def _rules(settings: Settings) -> Iterator[_Said]:
    own = settings.rules.organisations
    yield "ok", f"rules of their own: {', '.join(map(str, own))}" if own else "no organisation has rules of its own"
    yield from _strangers(settings, own)


def _silences(settings: Settings) -> Iterator[_Said]:
    silences = settings.silences()
    found = by_state(silences, today())
    yield (
        "ok",
        f"{len(found['active'])} of {len(silences)} silences are active today, {len(found['ahead'])} begin later",
    )
    if ended := found["ended"]:
        shown = "; ".join(f"until {silence.until} ({silence.reason})" for silence in ended[:_SHOWN_SILENCES])
        more = f" and {len(ended) - _SHOWN_SILENCES} more" if len(ended) > _SHOWN_SILENCES else ""
        yield "note", f"{len(ended)} have run out and hold for their days alone: {shown}{more}"
    yield from _strangers(settings, {silence.organisation for silence in silences if silence.organisation is not None})


def _strangers(settings: Settings, named: Collection[int]) -> Iterator[_Said]:
    """An organisation that nobody loads may be a slip of the pen."""
    strangers = sorted(set(named) - set(settings.hologram_org_ids))
    if strangers:
        yield "note", f"organisation {', '.join(map(str, strangers))} is not in HOLOGRAM_ORG_IDS"


def _warehouse(settings: Settings) -> Finding:
    warehouse = Warehouse(settings.hologram_warehouse, lock_timeout_seconds=5)
    if not warehouse.path.exists():
        return _no_warehouse(warehouse.path)
    try:
        with warehouse.write() as connection:
            row = connection.execute("SELECT count(*), count(DISTINCT org_id) FROM hologram.raw_sessions").fetchone()
    except (WarehouseError, OSError) as error:
        return Finding("fail", "HOLOGRAM_WAREHOUSE", f"{error}. Check the path, its permissions, and who has it open")
    sessions, orgs = row or (0, 0)
    return Finding(
        "ok", "HOLOGRAM_WAREHOUSE", f"{settings.hologram_warehouse}: {sessions} sessions of {orgs} organisations"
    )


def _no_warehouse(path: Path) -> Finding:
    """A file that isn't there may be a slip of the pen: nothing is made."""
    folder = next(parent for parent in path.parents if parent.exists())
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return Finding(
            "fail", "HOLOGRAM_WAREHOUSE", f"{path} can't be made: {error}. Check the path and its permissions"
        )
    return Finding("note", "HOLOGRAM_WAREHOUSE", f"{path} is not there yet: the first load makes it")


def _copy(settings: Settings) -> Iterator[Finding]:
    """Whether the copy for BI is as new as what it shows; nothing is said before the first costs are summed up."""
    warehouse = Warehouse(settings.hologram_warehouse, lock_timeout_seconds=5)
    if not settings.hologram_bi_copy or not warehouse.path.exists():
        return
    try:
        with warehouse.read() as connection:
            row = connection.execute(
                f"SELECT max(loaded_at) FROM {PARTITION_LOADS.qualified} WHERE asset = ?", [FLEET_SUMMARY.name]
            ).fetchone()
    except WarehouseError:
        return  # said of the warehouse
    if row is None or row[0] is None:
        return
    copy = settings.reports_folder / COPY
    published = datetime.fromtimestamp(copy.stat().st_mtime, UTC).replace(tzinfo=None) if copy.exists() else None
    if published is not None and published >= row[0]:
        yield Finding("ok", "HOLOGRAM_REPORTS", f"{copy} was published at {published:%Y-%m-%d %H:%M} UTC")
        return
    since = "is not there" if published is None else f"was published at {published:%Y-%m-%d %H:%M} UTC"
    yield Finding(
        "note",
        "HOLOGRAM_REPORTS",
        f"{copy} {since}, costs were summed up at {row[0]:%Y-%m-%d %H:%M}: a run goes on, or could not publish. "
        f"The metadata of {FLEET_SUMMARY.name} says why (`copy_for_bi`)",
    )


def _api(settings: Settings, org_id: int, answering: dict[int, ClockReading | None]) -> Iterator[Finding]:
    """Adds an organisation that answers to `answering`."""
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
            answering[org_id] = client.clock
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


def _clock(answering: Mapping[int, ClockReading | None]) -> Iterator[Finding]:
    readings = [reading for reading in answering.values() if reading is not None]
    if readings:
        yield clock_finding(min(readings, key=lambda reading: reading.round_trip).ahead)
    elif answering:
        yield Finding("note", "clock", "the API's answers carry no Date to compare this machine's clock with")


def clock_finding(ahead: timedelta) -> Finding:
    """What is said of a clock that is so far ahead of the API's (negative: behind)."""
    apart = abs(ahead)
    if apart <= _CLOCK_NOTED:
        return Finding("ok", "clock", f"within {max(1, ceil(apart.total_seconds()))} s of the API's")
    differs = f"this machine's is {_duration(apart)} {'ahead of' if ahead > timedelta(0) else 'behind'} the API's"
    if apart <= _CLOCK_WRONG:
        return Finding("note", "clock", f"{differs}; synchronise it (NTP) before it is {_duration(_CLOCK_WRONG)}")
    return Finding(
        "fail",
        "clock",
        f"{differs}: days begin at the wrong moment, and usage is called complete up to a wrong one; synchronise it (NTP)",
    )


def _window_margin(settings: Settings, answering: Iterable[int]) -> Iterator[Finding]:
    """One finding per key: which column is filtered is the API's property, not the organisation's."""
    by_key: dict[str, list[int]] = {}
    for org_id in answering:
        by_key.setdefault(key_variable(org_id), []).append(org_id)
    for org_ids in by_key.values():
        yield _margin_of_key(settings, org_ids)


def _margin_of_key(settings: Settings, org_ids: Sequence[int]) -> Finding:
    """What the first organisation tells that can, else why the first one can't."""
    unknown = []
    for org_id in org_ids[:_ORGANISATIONS_PROBED]:
        with hologram_resource(settings, attempts=2).client(org_id) as client:
            verdict = probe_window(client, org_id)
        finding = margin_finding(settings.hologram_window_margin_hours, org_id, verdict)
        if verdict.column is not None:
            return finding
        unknown.append(finding)
    return unknown[0]


def margin_finding(hours: float, org_id: int, verdict: Verdict) -> Finding:
    """What is said of a margin of so many hours after a probe of the organisation.

    It fails when a session that the probe knows of would not have been loaded.
    """
    safe = _SAFE_MARGIN_HOURS
    if verdict.column is None:
        advice = f"{hours:g} is safe" if hours >= safe else f"set {safe}, which is safe"
        why = f"organisation {org_id} doesn't tell which time timestart and timeend filter: {verdict.unknown}"
        return Finding("note", _MARGIN, f"{advice}; {why}")
    filtered = f"timestart and timeend filter {_FILTERED[verdict.column]}, {_BOUNDS[verdict.inclusive]}"
    proof = _PROOFS[verdict.column].format(
        sessions=f"{verdict.sessions} sessions of organisation {org_id}", reach=_duration(verdict.reach)
    )
    about = f"{filtered}; {proof}"
    needed = ceil(verdict.reach / timedelta(hours=1))
    # But for the end, a sample is all that is known: the next session may be longer, or later.
    enough = needed if verdict.column is Column.END else max(needed, safe)
    if timedelta(hours=hours) < verdict.reach:
        return Finding("fail", _MARGIN, f"{hours:g} is too small, set {enough}: {about}")
    if hours < enough:
        return Finding("note", _MARGIN, f"{hours:g} does for this sample, {enough} is safer: {about}")
    more = f"is more than is needed, {enough} does" if hours > enough else "is right"
    return Finding("ok", _MARGIN, f"{hours:g} {more}: {about}")


def _duration(time: timedelta) -> str:
    seconds = time.total_seconds()
    if seconds < 120:  # noqa: PLR2004 - two minutes
        return f"{ceil(seconds)} s"
    return f"{seconds / 60:.0f} min" if seconds < 2 * 3600 else f"{seconds / 3600:.3g} h"


def _slack(settings: Settings) -> Iterator[Finding]:
    token = settings.slack_bot_token.get_secret_value().strip() if settings.slack_bot_token else ""
    if not token:
        yield Finding("note", "SLACK_BOT_TOKEN", "is not set: alerts stay in the warehouse")
        return
    yield from _channels(settings)
    yield _sign_in(settings, token)


def _channels(settings: Settings) -> Iterator[Finding]:
    own = settings.slack_channels
    for state, text in _strangers(settings, own):
        yield Finding(state, "SLACK_CHANNEL_<ORGID>", text)
    if settings.slack_channel:
        named = ", ".join(dict.fromkeys([settings.slack_channel, *own.values()]))
        yield Finding(
            "note",
            "Slack",
            f"whether {named} can be posted to shows with the first message: asking before needs more scopes",
        )
        return
    without = [org_id for org_id in settings.hologram_org_ids if org_id not in own]
    silent = f"organisation {', '.join(map(str, without))} and " if own and without else ""
    yield Finding(
        "fail",
        "SLACK_CHANNEL",
        f"is not set, but SLACK_BOT_TOKEN is{f', and {silent}what concerns several has no channel' if own else ''}: "
        "say where alerts go, like #iot-alerts",
    )


def _sign_in(settings: Settings, token: str) -> Finding:
    try:
        response = requests.post(
            f"{settings.slack_base_url}/auth.test",
            headers={"Authorization": f"Bearer {token}"},
            timeout=_SLACK_TIMEOUT_SECONDS,
            allow_redirects=False,
        )
        answer = response.json()
    except (requests.RequestException, ValueError) as error:
        return Finding("fail", "Slack", f"{settings.slack_base_url} doesn't answer: {type(error).__name__}")
    if not isinstance(answer, dict) or answer.get("ok") is not True:
        reason = str(answer.get("error") if isinstance(answer, dict) else answer)
        return Finding("fail", "SLACK_BOT_TOKEN", f"Slack says {reason}; {what_to_do(reason)}")
    # Slack tells the scopes in a header; a proxy may drop it.
    scopes = {scope.strip() for scope in response.headers.get("X-OAuth-Scopes", "").split(",")} - {""}
    if scopes and not scopes & _POSTING_SCOPES:
        return Finding(
            "fail", "SLACK_BOT_TOKEN", f"may {', '.join(sorted(scopes))} only; {what_to_do('missing_scope')}"
        )
    return Finding("ok", "Slack", f"signed in as {answer.get('user')} in {answer.get('team')}")
