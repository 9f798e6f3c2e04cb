"""What is to be said in Slack, given what the alerts are now and what was said before. Pure; sensors carry it out.

One message per organisation and severity of what is new; escalation within a severity, resolution and withdrawal go into
the thread of the first message, a higher severity is a new message. Info stays in the table. Of one alert (SIM, rule,
period and plan) no step is said twice: neither after a correction, nor when a forecast comes back in the same period.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from hologram_assets.domain.alerts import ACCEPTED, INFO, RESOLVED, SEVERITIES, SILENCED

REMEMBERED = timedelta(days=35)
_ENDED = {RESOLVED, ACCEPTED}
_OPEN, _WITHDRAWN, _OVER = "open", "withdrawn", "over"


class Entry(NamedTuple):
    """An alert as a materialisation's metadata carries it; `title` and `why` are empty beyond the worst ones."""

    alert_id: str
    family: str
    rule: str
    step: int
    severity: str
    state: str
    subject: str
    title: str
    since: str
    why: str
    sim_url: str | None = None


class Said(NamedTuple):
    """What was said of an alert: its highest step and severity, the thread it stands in, and when (epoch seconds).

    `state` is `open`; `withdrawn` after a correction took a step back, when only a higher one may speak; or `over` after
    its end was said, when nothing may.
    """

    step: int
    severity: str
    channel: str
    thread: str
    at: float
    state: str = _OPEN


Sent = dict[str, Said]


class Post(NamedTuple):
    """One message to post. `thread` None starts a new one."""

    kind: str
    severity: str
    thread: str | None
    channel: str | None
    entries: Sequence[Entry]


def posts(
    entries: Iterable[Entry], sent: Mapping[str, Said], *, complete: bool, org_alerts: Iterable[str]
) -> list[Post]:
    """What to post for one organisation and family.

    Args:
        entries: every alert that may speak now.
        sent: what was said before, by alert id.
        complete: the entries are all alerts of the newest day, none left out for want of room. Only then is an alert
            withdrawn: an earlier day, run again, lacks what was crossed after it.
        org_alerts: ids that are this organisation's and family's; one that was said and is not among complete entries was
            withdrawn by a correction.
    """
    fresh: dict[str, list[Entry]] = {}
    threads: dict[tuple[str, str, str], list[Entry]] = {}
    carried = {entry.alert_id: entry for entry in entries}
    for entry in carried.values():
        said = sent.get(entry.alert_id)
        if said is None:
            if entry.severity != INFO and entry.state not in {*_ENDED, SILENCED}:
                fresh.setdefault(entry.severity, []).append(entry)
        elif (kind := _what_became(entry, said, complete=complete)) == "worse":
            fresh.setdefault(entry.severity, []).append(entry)
        elif kind is not None:
            threads.setdefault((kind, said.channel, said.thread), []).append(entry)
    for alert_id in org_alerts if complete else ():
        said = sent.get(alert_id)
        if said is not None and alert_id not in carried and said.state == _OPEN:
            gone = Entry(
                alert_id, "", "", said.step, said.severity, RESOLVED, "An alert above", "no longer holds", "", ""
            )
            threads.setdefault(("withdrawn", said.channel, said.thread), []).append(gone)
    new = [Post("new", severity, None, None, fresh[severity]) for severity in reversed(SEVERITIES) if severity in fresh]
    replies = [
        Post(kind, found[0].severity, thread, channel, found) for (kind, channel, thread), found in threads.items()
    ]
    return new + replies


def _what_became(entry: Entry, said: Said, *, complete: bool) -> str | None:
    if said.state == _OVER or entry.state == SILENCED:
        return None
    if entry.state in _ENDED:
        return "accepted" if entry.state == ACCEPTED else "resolved"
    if SEVERITIES.index(entry.severity) > SEVERITIES.index(said.severity):
        return "worse"  # at the same step too: a pay-as-you-go spend may turn critical between two doublings
    if entry.step > said.step:
        return "escalated"
    return "withdrawn" if complete and entry.step < said.step and said.state == _OPEN else None


def remember(sent: Sent, post: Post, channel: str, thread: str, at: datetime) -> None:
    """Note a post that Slack took, at a moment in naive UTC."""
    state = {"resolved": _OVER, "accepted": _OVER, "withdrawn": _WITHDRAWN}.get(post.kind, _OPEN)
    for entry in post.entries:
        step, severity, before = entry.step, entry.severity, sent.get(entry.alert_id)
        if before is not None:
            step, severity = max(step, before.step), max(severity, before.severity, key=SEVERITIES.index)
        sent[entry.alert_id] = Said(step, severity, channel, post.thread or thread, _epoch(at), state)


def renew(sent: Sent, alert_ids: Iterable[str], now: datetime) -> None:
    """Alerts that are still carried stay remembered: a period of several months outlives what `pruned` keeps."""
    sent.update({alert_id: sent[alert_id]._replace(at=_epoch(now)) for alert_id in alert_ids if alert_id in sent})


def pruned(sent: Sent, now: datetime) -> Sent:
    """What is still worth remembering: what was said or carried (`renew`) within 35 days."""
    oldest = _epoch(now - REMEMBERED)
    return {alert_id: said for alert_id, said in sent.items() if said.at >= oldest}


def _epoch(moment: datetime) -> float:
    """Naive UTC as epoch seconds, whatever zone the machine is in."""
    return moment.replace(tzinfo=UTC).timestamp()


def entry_from(value: Mapping[str, Any]) -> Entry:
    """An entry from a materialisation's metadata; fields that a newer version added are ignored."""
    return Entry(**{name: value.get(name, default) for name, default in _DEFAULTS.items()})


_DEFAULTS: dict[str, Any] = dict.fromkeys(Entry._fields, "") | {"step": 0, "sim_url": None}
