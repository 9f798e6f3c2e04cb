"""What is to be said in Slack, given what the alerts are now and what was said before. Pure; sensors carry it out.

One message per organisation and severity of what is new; escalation within a severity, resolution and withdrawal go into
the thread of the first message, a higher severity is a new message. Info stays in the table. Of one alert (SIM, rule,
period and plan) no step is said twice while it holds. What was said to be over or withdrawn and is true again is said to
hold again, in the thread and once a day at most, so that nothing flaps; but a forecast that comes back in its period is not.
What ended unsaid stays unsaid, but for a step that was taken in the last hours of a period: that is money.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from hologram_assets.domain.alerts import ACCEPTED, INFO, OPEN, RESOLVED, SEVERITIES, SILENCED
from hologram_assets.domain.overage_alerts import USED_UP
from hologram_assets.domain.overage_rules import OVERAGE_STEP, WILL_EXCEED

REMEMBERED = timedelta(days=35)
_LONGEST_SUBJECT = 40  # a SIM's is half of that; a network's name may be anything, and is remembered for 35 days
_ENDED = {RESOLVED, ACCEPTED}
_OPEN, _WITHDRAWN, _OVER = "open", "withdrawn", "over"
_NEW, _ESCALATED, _AGAIN = "new", "escalated", "again"
_RESOLVED, _ACCEPTED, _CAME_TRUE = "resolved", "accepted", "came_true"
_WHOLE_ALLOWANCE = 100
_NO_STEP = -1  # of an alert without a row; a rule without steps has step 0


class Entry(NamedTuple):
    """An alert as a materialisation's metadata carries it; `title` and `why` are empty beyond the worst ones.

    `reached_today`: its step was taken on the very day of the partition.
    """

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
    reached_today: bool = False

    @property
    def has_ended(self) -> bool:
        """Resolved, or accepted as the new normal."""
        return self.state in _ENDED


class Said(NamedTuple):
    """What was said of an alert: its step and highest severity, the thread it stands in, and when (epoch seconds).

    `state` is `open`; `withdrawn` after a correction took a step back, when `step` is the lowest that speaks again; or
    `over` after its end was said. `subject` and `rule` say what it was about when it has no row any more; `again` is the
    UTC day on which it was last said to hold again.
    """

    step: int
    severity: str
    channel: str
    thread: str
    at: int
    state: str = _OPEN
    subject: str = ""
    rule: str = ""
    again: str = ""


Sent = dict[str, Said]


class Post(NamedTuple):
    """One message to post. `thread` None starts a new one."""

    kind: str
    severity: str
    thread: str | None
    channel: str | None
    entries: Sequence[Entry]


def latest_word(days: Sequence[tuple[Sequence[Entry], bool]]) -> list[list[Entry]]:
    """Of one organisation's days, oldest first, each day's entries that no later day says otherwise.

    A later day's entry takes the place of an earlier one of the same alert, and when the later day is complete, what it
    lacks no longer holds. So days that are read together after an outage say what is true now, not how it came about. An
    end stays said, and so does a step that was taken on the earlier day: it comes with the entry of the later one.

    Args:
        days: entries of each day, and whether they are all there are.
    """
    word: list[list[Entry]] = []
    later: dict[str, Entry] = {}
    all_known = False
    reached: set[str] = set()
    for entries, complete in reversed(days):
        current = [e for e in entries if e.alert_id not in later and (e.has_ended or not all_known)]
        reached |= {e.alert_id for e in entries if e.reached_today and later.get(e.alert_id, e).step == e.step}
        later = {e.alert_id: e for e in entries} | later
        all_known = all_known or complete
        word.append(current)
    return [[e._replace(reached_today=e.alert_id in reached) for e in entries] for entries in reversed(word)]


def posts(
    entries: Iterable[Entry],
    sent: Mapping[str, Said],
    *,
    complete: bool,
    org_alerts: Iterable[str],
    newest: bool = True,
    today: date | None = None,
) -> list[Post]:
    """What to post for one organisation and family.

    Args:
        entries: every alert that may speak now.
        sent: what was said before, by alert id.
        complete: the entries are all alerts of the newest day, none left out for want of room. Only then is an alert
            withdrawn: an earlier day, run again, lacks what was crossed after it.
        org_alerts: ids that are this organisation's and family's; one that was said and is not among complete entries was
            withdrawn by a correction.
        newest: the entries are of the newest day. Only then does what was over or withdrawn hold again: on an earlier day,
            run again, it was not over yet.
        today: the current UTC day; nothing is said to hold again twice on it. None: without this limit.
    """
    fresh: dict[str, list[Entry]] = {}
    threads: dict[tuple[str, str, str], list[Entry]] = {}
    carried = {entry.alert_id: entry for entry in entries}
    exceeding = {entry.subject for entry in carried.values() if _exceeds(entry)}
    for entry in carried.values():
        said = sent.get(entry.alert_id)
        kind = _what_to_say(entry, said, complete=complete, newest=newest, today=today)
        if kind == _RESOLVED and _came_true(entry, exceeding):
            kind = _CAME_TRUE
        if kind == _NEW or (kind == _AGAIN and said is not None and not said.thread):
            # Without a thread: an older version forgot it once the alert was over.
            fresh.setdefault(entry.severity, []).append(entry)
        elif kind is not None and said is not None:
            told = entry._replace(title=entry.title and f"now {entry.title}") if kind == _WITHDRAWN else entry
            threads.setdefault((kind, said.channel, said.thread), []).append(told)
    for alert_id in org_alerts if complete else ():
        said = sent.get(alert_id)
        if said is not None and alert_id not in carried and said.state == _OPEN:
            threads.setdefault((_WITHDRAWN, said.channel, said.thread), []).append(_gone(alert_id, said))
    new = [Post(_NEW, severity, None, None, fresh[severity]) for severity in reversed(SEVERITIES) if severity in fresh]
    replies = [
        Post(kind, found[0].severity, thread, channel, found) for (kind, channel, thread), found in threads.items()
    ]
    return new + replies


def _what_to_say(entry: Entry, said: Said | None, *, complete: bool, newest: bool, today: date | None) -> str | None:
    """The kind of post that an entry is due; None if nothing is to be said."""
    if entry.state == SILENCED:
        return None
    if said is None:
        return _NEW if entry.severity != INFO and (entry.reached_today or not entry.has_ended) else None
    # Worse at the same step too: a pay-as-you-go spend may turn critical between two doublings.
    is_worse = _rank(entry.severity) > _rank(said.severity)
    is_further = entry.step >= said.step if said.state == _WITHDRAWN else entry.step > said.step
    if entry.has_ended:
        return _end(entry, said, is_news=(is_worse or is_further) and entry.reached_today)
    if said.state != _OPEN:
        return _once_more(entry, said, is_worse=is_worse, is_further=is_further, newest=newest, today=today)
    if is_worse or is_further:
        return _NEW if is_worse else _ESCALATED
    return _WITHDRAWN if complete and entry.step < said.step else None


def _end(entry: Entry, said: Said, *, is_news: bool) -> str | None:
    """The kind of post for an alert that was said and has ended."""
    if is_news:
        return _NEW
    end = _ACCEPTED if entry.state == ACCEPTED else _RESOLVED
    return None if said.state == _OVER else end


def _once_more(
    entry: Entry, said: Said, *, is_worse: bool, is_further: bool, newest: bool, today: date | None
) -> str | None:
    """The kind of post for an alert that holds after it was said to be over or withdrawn."""
    if not newest:
        return None
    if is_worse:
        return _NEW
    if said.state == _OVER and is_further:
        return _ESCALATED if said.thread else _NEW
    if entry.severity == INFO or entry.rule == WILL_EXCEED or (said.state == _WITHDRAWN and not is_further):
        return None
    return None if today is not None and said.again == today.isoformat() else _AGAIN


def _exceeds(entry: Entry) -> bool:
    """A SIM that has used up its allowance."""
    return entry.rule == OVERAGE_STEP and entry.step >= _WHOLE_ALLOWANCE and not entry.has_ended


def _came_true(entry: Entry, exceeding: set[str]) -> bool:
    """A forecast that ended because it came true. Its reason says so; one of many has none, but then the SIM's step does."""
    return entry.rule == WILL_EXCEED and (entry.why.endswith(USED_UP) or (not entry.why and entry.subject in exceeding))


def _gone(alert_id: str, said: Said) -> Entry:
    """An alert that was said and has no row any more."""
    subject = said.subject or "An alert above"
    return Entry(alert_id, "", said.rule, _NO_STEP, said.severity, OPEN, subject, "", "", "no longer holds")


def remember(sent: Sent, post: Post, channel: str, thread: str, at: datetime) -> None:
    """Note a post that Slack took: the channel and thread in which it stands, and when (naive UTC)."""
    for entry in post.entries:
        before = sent.get(entry.alert_id)
        step, severity, again = entry.step, entry.severity, ""
        if before is not None:
            severity, again = max(severity, before.severity, key=_rank), before.again
            # What is over and holds again, or is withdrawn, may stand lower than it did; its next step is one again.
            if before.state == _OPEN and post.kind != _WITHDRAWN:
                step = max(step, before.step)
            if before.state != _OPEN and not entry.has_ended:
                again = at.date().isoformat()
        state = _OVER if entry.has_ended else _WITHDRAWN if post.kind == _WITHDRAWN else _OPEN
        # What is withdrawn was told as what it is now (`now 80 % used`): only what is beyond speaks again.
        step += state == _WITHDRAWN
        # What is over has a row if it is ever told again, and needs no word of its own for what it is about.
        subject, rule = ("", "") if state == _OVER else (entry.subject[:_LONGEST_SUBJECT], entry.rule)
        sent[entry.alert_id] = Said(step, severity, channel, thread, _epoch(at), state, subject, rule, again)


def renew(sent: Sent, alert_ids: Iterable[str], now: datetime) -> None:
    """Alerts that are still carried stay remembered: a period of several months outlives what `pruned` keeps."""
    sent.update({alert_id: sent[alert_id]._replace(at=_epoch(now)) for alert_id in alert_ids if alert_id in sent})


def pruned(sent: Sent, now: datetime) -> Sent:
    """What is still worth remembering: what was said or carried (`renew`) within 35 days."""
    oldest = _epoch(now - REMEMBERED)
    return {alert_id: said for alert_id, said in sent.items() if said.at >= oldest}


def _epoch(moment: datetime) -> int:
    """Naive UTC as whole epoch seconds, whatever zone the machine is in."""
    return int(moment.replace(tzinfo=UTC).timestamp())


def _rank(severity: str) -> int:
    """How bad; a severity of a later version, that this one doesn't know, is no worse than info."""
    return SEVERITIES.index(severity) if severity in SEVERITIES else 0


def entry_from(value: Mapping[str, Any]) -> Entry:
    """An entry from a materialisation's metadata; fields that a newer version added are ignored."""
    return Entry(**{name: value.get(name, default) for name, default in _DEFAULTS.items()})


_DEFAULTS: dict[str, Any] = dict.fromkeys(Entry._fields, "") | {"step": 0, "sim_url": None, "reached_today": False}
