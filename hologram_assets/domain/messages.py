"""Alerts as Slack messages (Block Kit): pure builders, so that a message can be read in a test.

A message says what, who, how much, since when, why we think so, and the cheapest thing to do. Slack's limits are kept
here: 50 blocks, 150 characters a header, 3000 a section or address. Text from outside is escaped: a device may be called
`<!channel>`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from hologram_assets.domain.alerts import CRITICAL, INFO, NETWORK, OVERAGE, WARN
from hologram_assets.domain.delivery import Entry

SHOWN = 10
_SHOWN_OF_ONE = 3  # alerts of one SIM
HEADER_LENGTH = 150
_SECTION_LENGTH = 3_000
_LONGEST_HIDDEN = 20  # a third of "and 2,000 more alerts of the same", with its line breaks
_URL_LENGTH = 3_000
# Of one text from outside, so that a long name leaves room for what follows it.
_LONGEST_TEXT = 500
LONGEST_NAME = 80
_IDS_IN_METADATA = 100
# Slack has no escape for what formats; these look the same to a reader. An underscore within a word formats nothing.
_LOOKALIKES = str.maketrans("*~`", "\u2217\u223c\u02cb")
# A name between colons becomes an emoji, whatever the name; two digits between colons are a time of day.
_EMOJI = re.compile(r":(?!\d{1,2}:)(?=[\w+'-]+:)")
_BARE_ADDRESS = re.compile(r"\bwww\.", re.IGNORECASE)
_QUOTE = "&gt;"
_EDGE_UNDERSCORE = re.compile(r"(?<!\w)_|_(?!\w)|(?<=_)_|_(?=_)")
MARK = {CRITICAL: ":red_circle:", WARN: ":large_orange_circle:", INFO: ":large_blue_circle:"}
_HEADLINE = {
    OVERAGE: "data usage needs a look",
    NETWORK: "unexpected network changes",
}
_ADVICE = {
    "overage_step": "Cheapest first: stop what uses the data, set an overage limit at Hologram, or move the SIM to a "
    "bigger plan before its period ends.",
    "will_exceed": "There is still time: find what changed, set an overage limit, or move the SIM to a bigger plan.",
    "payg_spend": "A plan with an allowance may be cheaper for this SIM from now on; an overage limit caps the rest.",
    "rat_downgrade": "Look at signal and firmware; a SIM that stays on 2G stops when the network is switched off.",
    "new_network": "Check that the SIM is where it should be, and that the plan covers this network.",
    "network_shift": "Check coverage at the site; a shift that lasts is taken as the new normal by itself.",
    "country_change": "Check that the device travelled; if not, pause the SIM.",
    "imei_change": "Check who moved the SIM to another device; if nobody did, pause it.",
    "shared_imei": "Two SIMs report one device: look for a cloned or swapped modem.",
    "flapping": "Look at antenna and signal; the SIM's other network alerts are held back meanwhile.",
    "fleet_incident": "Many SIMs changed at once: ask Hologram for an incident on this network before touching devices.",
}


@dataclass(frozen=True)
class Links:
    """Where the buttons under a message lead; None leaves a button out."""

    run: str | None = None
    partition: str | None = None


class Message(NamedTuple):
    """What `chat.postMessage` takes: fallback text, blocks, metadata."""

    text: str
    blocks: list[dict[str, Any]]
    metadata: dict[str, Any]


def escaped(text: object) -> str:
    """Text from outside as Slack shows it letter by letter, on one line: no mention, no link, no formatting.

    Characters that format are replaced by ones that look like them; a zero-width space keeps an address from becoming a
    link (with `verbatim` in the blocks, which stops Slack from looking for links and names), a name between colons from
    becoming an emoji, and a line that begins with `>` from becoming a quotation.
    """
    line = "".join(char for char in " ".join(str(text).split()) if char.isprintable())
    line = line if len(line) <= _LONGEST_TEXT else line[: _LONGEST_TEXT - 1] + "…"
    safe = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("://", ":\u200b//")
    safe = _BARE_ADDRESS.sub("\\g<0>\u200b", _EMOJI.sub(":\u200b", safe))
    safe = f"\u200b{safe}" if safe.startswith(_QUOTE) else safe
    return _EDGE_UNDERSCORE.sub("\uff3f", safe.translate(_LOOKALIKES))


def alert_message(
    org_id: int, family: str, severity: str, day: date, alerts: Sequence[Entry], more: int, links: Links
) -> Message:
    """New alerts of one organisation, family and severity, worst first: those of ten SIMs, and how many more.

    What one SIM did stands together: an event often breaks several rules at once. `more` counts alerts that are not in
    `alerts`, whose SIMs nobody knows.
    """
    count = len(alerts) + more
    subjects: dict[str, list[Entry]] = {}
    for alert in alerts:
        subjects.setdefault(alert.subject, []).append(alert)
    counted = _several(count, "alert")
    if len(subjects) < len(alerts):
        counted = f"{counted} of {'at least ' if more else ''}{_several(len(subjects), _what(alerts))}"
    headline = f"Organisation {org_id}, {day}: {_HEADLINE[family]} ({severity}, {counted})"
    groups = list(subjects.values())[:SHOWN]
    shown = [alert for group in groups for alert in group[:_SHOWN_OF_ONE]]
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": headline[:HEADER_LENGTH]}},
        *(section(_entries(group), button("At Hologram", _address(group))) for group in groups),
    ]
    hidden = _hidden(alerts, len(subjects) - len(groups), more)
    if hidden:
        blocks.append(context(f"and {hidden}: see table `hologram.alerts` of {day}"))
    advice = [_ADVICE[rule] for rule in dict.fromkeys(alert.rule for alert in shown) if rule in _ADVICE]
    if advice:
        blocks.append(section("*What to do*\n" + "\n".join(f"• {line}" for line in advice)))
    offered = (button("Run", links.run), button("Partition", links.partition))
    buttons = [each for each in offered if each is not None]
    if buttons:
        blocks.append({"type": "actions", "elements": buttons})
    return Message(
        cut(f"{headline}. " + "\n".join(map(_title, shown))),
        blocks,
        _metadata("hologram_alert", [alert.alert_id for alert in alerts], org_id=org_id, family=family),
    )


def thread_message(kind: str, alerts: Sequence[Entry]) -> Message:
    """What became of alerts that were said before.

    `kind`: `escalated`, `resolved`, `came_true` (a forecast), `accepted`, `withdrawn`, or `again` after one of these.
    """
    head = {
        "escalated": ":arrow_up: went further",
        "again": ":repeat: holds again",
        "came_true": ":dart: came true",
        "resolved": ":white_check_mark: resolved",
        "accepted": ":handshake: taken as the new normal",
        "withdrawn": ":leftwards_arrow_with_hook: withdrawn: corrected data say otherwise, or its end was not loaded",
    }[kind]
    lines = [f"{_title(alert)}\n{escaped(alert.why)}".rstrip() for alert in alerts[:SHOWN]]
    blocks = [section(head), *map(section, lines)]
    if len(alerts) > SHOWN:
        blocks.append(context(f"and {len(alerts) - SHOWN} more"))
    return Message(
        cut("\n".join([head, *lines])),
        blocks,
        _metadata(f"hologram_{kind}", [alert.alert_id for alert in alerts]),
    )


def _entries(group: Sequence[Entry]) -> str:
    """The alerts of one SIM: who and what, why, since when; the worst three, each with room of its own."""
    shown, hidden = group[:_SHOWN_OF_ONE], len(group) - _SHOWN_OF_ONE
    room = _SECTION_LENGTH // len(shown) - _LONGEST_HIDDEN
    texts = [cut(_entry(alert), room) for alert in shown]
    return "\n".join([*texts, f"and {_several(hidden, 'more alert')} of the same" if hidden > 0 else ""]).rstrip()


def _address(group: Sequence[Entry]) -> str | None:
    return next((alert.sim_url for alert in group if alert.sim_url), None)


def _what(alerts: Sequence[Entry]) -> str:
    """What alerts are of; an incident is a network's."""
    incidents = sum(alert.rule == "fleet_incident" for alert in alerts)
    return "SIM" if not incidents else "network" if incidents == len(alerts) else "SIM or network"


def _hidden(alerts: Sequence[Entry], subjects: int, more: int) -> str:
    words = [_several(subjects, f"more {_what(alerts)}")] if subjects else []
    return " and ".join([*words, *([_several(more, "more alert")] if more else [])])


def _several(count: int, what: str) -> str:
    plural = "SIMs or networks" if what.endswith("SIM or network") else f"{what}s"
    return f"{count:,} {what if count == 1 else plural}"


def _entry(alert: Entry) -> str:
    lines = [f"{MARK.get(alert.severity, '')} {_title(alert)}", escaped(alert.why)]
    if alert.since:
        over = ", over now" if alert.has_ended else ""
        lines.append(f"since {escaped(alert.since)} UTC{over}, rule `{re.sub('[^a-z_]', '', alert.rule)}`")
    return "\n".join(line for line in lines if line)


def _title(alert: Entry) -> str:
    """Who and what; the metadata leaves the title out beyond the worst, and then the rule says it."""
    return f"*{escaped(alert.subject)}*: {escaped(alert.title or alert.rule.replace('_', ' '))}"


def section(text: str, accessory: dict[str, Any] | None = None) -> dict[str, Any]:
    """A paragraph of mrkdwn, with a button beside it; text from outside must be `escaped`."""
    paragraph = {"type": "section", "text": _markdown(text)}
    return paragraph if accessory is None else paragraph | {"accessory": accessory}


def button(label: str, url: str | None) -> dict[str, Any] | None:
    """A link; None without an address, or with one for which Slack would refuse the whole message."""
    if not url or not url.startswith(("https://", "http://")) or len(url) > _URL_LENGTH:
        return None
    return {"type": "button", "text": {"type": "plain_text", "text": label}, "url": url}


def context(text: str) -> dict[str, Any]:
    """A line in small type; text from outside must be `escaped`."""
    return {"type": "context", "elements": [_markdown(text)]}


def _markdown(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": cut(text), "verbatim": True}


def cut(text: str, length: int = _SECTION_LENGTH) -> str:
    """At most a section's length, or a shorter one, and never half an escaped character at the end."""
    return text if len(text) <= length else re.sub(r"&[a-z]*$", "", text[:length])


def _metadata(event_type: str, alert_ids: Sequence[str], **more: object) -> dict[str, Any]:
    return {"event_type": event_type, "event_payload": {"alert_ids": list(alert_ids)[:_IDS_IN_METADATA], **more}}


def reason(detail: Mapping[str, Any]) -> str:
    """Why we think so, in one sentence of numbers, from an overage alert's detail. Not escaped: the builders do that."""
    text = _usage(detail)
    because = detail.get("resolved_because")
    return f"{text}. {because}" if because else text


def _usage(detail: Mapping[str, Any]) -> str:
    plan = detail.get("plan_name") or f"plan {detail.get('plan_id')}"
    name = str(detail.get("device_name") or "no name")
    allowance = f"of {_megabytes(detail['included_bytes'])} " if detail.get("included_bytes") else ""
    parts = [f"{name[:LONGEST_NAME]}: {_megabytes(detail.get('usage_bytes'))} used {allowance}({plan})"]
    if detail.get("projected_bytes") is not None:
        parts.append(f"{_megabytes(detail['projected_bytes'])} expected at the end of the period")
    parts += [
        f"{label} ${Decimal(detail[name]):,.2f}"
        for name, label in (
            ("overage_cost", "overage"),
            ("projected_overage_cost", "expected overage"),
            ("usage_charge", "charge"),
        )
        if detail.get(name) is not None and Decimal(detail[name]) > 0
    ]
    if "overage_cost" in detail and detail["overage_cost"] is None:
        parts.append("cost not known: the plan has no price per SIM")
    return ", ".join([*parts, f"period ends {detail.get('period_end')}"])


def _megabytes(size: object) -> str:
    return f"{Decimal(size) / 1_000_000:,.1f} MB" if isinstance(size, int) else "unknown"
