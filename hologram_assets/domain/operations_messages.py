"""Failed runs and failed checks as Slack messages (Block Kit): pure builders.

A message says what failed, for whom, since when, the error or the numbers, and what to do; buttons lead to Dagster's
pages where its address is known. Error texts and numbers come from outside and are escaped; Slack's limits are kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import quote

from hologram_assets.domain.causes import advice, normalised
from hologram_assets.domain.incidents import Incident, Partition
from hologram_assets.domain.messages import HEADER_LENGTH, MARK, SHOWN, Message, button, context, cut, escaped, section

_ADVICES = 3
_LONGEST_NUMBERS = 400
_LONGEST_NAME = 80
_ORGS_IN_METADATA = 100
Block = dict[str, Any]


class Finding(NamedTuple):
    """What a check found in a partition: its numbers, and what to do about it."""

    partition: Partition
    numbers: Mapping[str, Any]
    advice: str


def failure_message(incident: Incident, webserver_url: str | None) -> Message:
    """The first message of a cause: everything about it that was not said yet."""
    batch = incident.untold
    headline = f"{_whose(batch.orgs)}: {incident.cause.title} ({incident.cause.severity}, {_runs(batch.runs)} failed)"
    facts = [
        f"{MARK[incident.cause.severity]} *{_runs(batch.runs)} failed* since {_moment(batch.since)}",
        *_reach(batch.orgs, batch.days, len(batch.partitions)),
    ]
    blocks = [
        _header(headline),
        section("\n".join(facts)),
        section(f"*The first error*\n{escaped(batch.error)}"),
        section(f"*What to do*\n{escaped(advice(incident.cause, batch.error))}"),
        *_run_buttons(webserver_url, batch.first_run, batch.last_run),
    ]
    return Message(
        cut(f"{headline}. {escaped(batch.error)}"),
        blocks,
        _metadata("hologram_run_failure", incident.cause.key, batch.orgs, runs=batch.runs),
    )


def still_failing_message(incident: Incident, webserver_url: str | None) -> Message:
    """What failed of the same cause since the last word, for the thread of the first message."""
    batch = incident.untold
    by_hand = f", {batch.by_hand} of them run again by hand" if batch.by_hand else ""
    head = (
        f"{batch.runs} more run{'s' if batch.runs != 1 else ''} failed since {_moment(batch.since)}{by_hand} "
        f"({incident.said_runs + batch.runs} in all)"
    )
    blocks = [
        section("\n".join([f"{MARK[incident.cause.severity]} *{head}*", *_reach(batch.orgs, batch.days, 0)])),
        context(escaped(batch.error)),
        *_run_buttons(webserver_url, batch.first_run, batch.last_run),
    ]
    return Message(
        cut(f"{head}. {escaped(batch.error)}"),
        blocks,
        _metadata("hologram_run_failure_more", incident.cause.key, batch.orgs, runs=batch.runs),
    )


def check_message(
    asset: str, check: str, severity: str, findings: Sequence[Finding], webserver_url: str | None
) -> Message:
    """A check that failed for partitions, newest first: ten of them with their numbers, and the advice."""
    ordered = newest_first(findings)
    shown = ordered[:SHOWN]
    orgs = sorted({finding.partition[0] for finding in findings})
    counted = f"{len(findings)} partition{'s' if len(findings) != 1 else ''}"
    headline = f"{_whose(orgs)}: check {_name(check)} of {_name(asset)} failed ({severity}, {counted})"
    blocks = [_header(headline), *(section(f"{MARK[severity]} {_entry(finding)}") for finding in shown)]
    if len(ordered) > len(shown):
        blocks.append(context(f"and {len(ordered) - len(shown)} more: see the asset's checks"))
    advices = _different(shown)
    if advices:
        blocks.append(section("*What to do*\n" + "\n".join(f"• {text}" for text in advices)))
    blocks += _buttons([("Checks", _checks_url(webserver_url, asset, check))])
    return Message(
        cut("\n".join([f"{headline}.", *map(_entry, shown)])),
        blocks,
        _metadata("hologram_check_failed", f"{asset}.{check}", orgs, partitions=len(findings)),
    )


def check_reply(kind: str, asset: str, check: str, findings: Sequence[Finding]) -> Message:
    """A word in the thread: `passes again`, `fails again`, or `fails too` for partitions that came later."""
    ordered = newest_first(findings)
    mark = ":white_check_mark:" if kind == "passes again" else ":arrows_counterclockwise:"
    counted = f"{len(findings)} partition{'s' if len(findings) != 1 else ''}"
    head = f"{mark} {_name(check)} of {_name(asset)} {kind} for {counted}"
    entries = [_place(finding.partition) if kind == "passes again" else _entry(finding) for finding in ordered[:SHOWN]]
    blocks = [section(head), section("\n".join(entries))]
    if len(ordered) > SHOWN:
        blocks.append(context(f"and {len(ordered) - SHOWN} more"))
    orgs = sorted({finding.partition[0] for finding in findings})
    return Message(
        cut("\n".join([head, *entries])),
        blocks,
        _metadata(f"hologram_check_{kind.replace(' ', '_')}", f"{asset}.{check}", orgs, partitions=len(findings)),
    )


def newest_first(findings: Iterable[Finding]) -> list[Finding]:
    """The newest day first; within a day by organisation."""
    by_org = sorted(findings, key=lambda finding: finding.partition[0])
    return sorted(by_org, key=lambda finding: finding.partition[1], reverse=True)


def _entry(finding: Finding) -> str:
    return f"{_place(finding.partition)}: {_numbers(finding.numbers)}"


def _place(partition: Partition) -> str:
    org_id, day = partition
    return f"*{day}*, organisation {org_id}" if day else "*the whole asset*"


def _numbers(numbers: Mapping[str, Any]) -> str:
    parts = [
        f"{name.replace('_', ' ')} {_plain(value)}"
        for name, value in sorted(numbers.items(), key=lambda number: _is_many(number[1]))
        if not name.startswith("dagster/") and value not in (None, {}, [], "")
    ]
    return escaped(", ".join(parts)[:_LONGEST_NUMBERS]) or "no numbers"


def _is_many(value: object) -> bool:
    return isinstance(value, (Mapping, list, tuple))


def _plain(value: object) -> str:
    if isinstance(value, Mapping):
        return "(" + ", ".join(f"{name}: {number}" for name, number in list(value.items())[:SHOWN]) + ")"
    if isinstance(value, (list, tuple)):
        return "(" + "; ".join(str(item) for item in value[:SHOWN]) + ")"
    return str(value)


def _different(findings: Iterable[Finding]) -> list[str]:
    """Advice once where only its numbers differ; then it says whose numbers it has. Escaped."""
    alike: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.advice:
            alike.setdefault(normalised(finding.advice), []).append(finding)
    return [_advice(same) for same in list(alike.values())[:_ADVICES]]


def _advice(same: Sequence[Finding]) -> str:
    first = same[0]
    others = len(same) - 1
    if all(finding.advice == first.advice for finding in same):
        return escaped(first.advice)
    return f"{_place(first.partition)}, and likewise {others} other{'s' if others > 1 else ''}: {escaped(first.advice)}"


def _whose(orgs: Sequence[int]) -> str:
    known = [org_id for org_id in orgs if org_id]
    if not known:
        return "Hologram assets"
    return f"Organisation {known[0]}" if len(known) == 1 else f"{len(known)} organisations"


def _reach(orgs: Sequence[int], days: Sequence[str], partitions: int) -> list[str]:
    if not orgs:
        return []
    named = ", ".join(str(org_id) for org_id in orgs[:SHOWN]) + (
        f" and {len(orgs) - SHOWN} more" if len(orgs) > SHOWN else ""
    )
    when = days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"
    counted = f"{partitions} partition{'s' if partitions != 1 else ''} of " if partitions else ""
    return [f"{counted}organisation{'s' if len(orgs) != 1 else ''} {named}, {when}"]


def _runs(count: int) -> str:
    return f"{count} run{'s' if count != 1 else ''}"


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def _name(name: str) -> str:
    """An asset's or check's name: an identifier, shown as it is."""
    return re.sub(r"[^\w/.-]", "", name)[:_LONGEST_NAME]


def _header(text: str) -> Block:
    return {"type": "header", "text": {"type": "plain_text", "text": text[:HEADER_LENGTH]}}


def _run_buttons(webserver_url: str | None, first: str, last: str) -> list[Block]:
    if not webserver_url:
        return []
    base = f"{webserver_url.rstrip('/')}/runs"
    links: list[tuple[str, str | None]] = [("First run" if last != first else "Run", f"{base}/{first}")]
    if last != first:
        links.append(("Last run", f"{base}/{last}"))
    return _buttons([*links, ("All runs", base)])


def _checks_url(webserver_url: str | None, asset: str, check: str) -> str | None:
    if not webserver_url:
        return None
    return f"{webserver_url.rstrip('/')}/assets/{quote(asset)}?view=checks&checkDetail={quote(check)}"


def _buttons(links: Iterable[tuple[str, str | None]]) -> list[Block]:
    elements = [made for label, url in links if (made := button(label, url)) is not None]
    return [{"type": "actions", "elements": elements}] if elements else []


def _metadata(event_type: str, subject: str, orgs: Sequence[int], **counts: int) -> dict[str, Any]:
    return {
        "event_type": event_type,
        "event_payload": {"subject": subject, "org_ids": list(orgs[:_ORGS_IN_METADATA]), **counts},
    }
