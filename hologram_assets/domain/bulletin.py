"""What a partition of `alerts` lets speak: the entries that its materialisation's metadata carries to the sensors.

Everything that may speak is carried, not only what is new: what was said is the sensors' memory. So a kill between the
warehouse's commit and Dagster's event loses nothing, an outage of days still announces what is open, and a partition older
than yesterday carries nothing at all: a backfill is silent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hologram_assets.domain.alerts import INFO, NETWORK, OVERAGE, SEVERITIES, Alert
from hologram_assets.domain.messages import LONGEST_NAME, reason
from hologram_assets.domain.overage_rules import OVERAGE_STEP, PAYG_SPEND
from hologram_assets.domain.periods import end_of_day, start_of_day

MOST_ENTRIES = 2_000
"""Alerts that a materialisation carries: about 300 kB of metadata. Each family may have half, and what the other leaves."""
SPEAKING = "speaking"
"""Key of the metadata, for the asset that writes it and the sensors that read it."""
_WORST = 10
_MOST_DETAILED = 150
_NEWS = timedelta(hours=48)
_LADDERS = (OVERAGE_STEP, PAYG_SPEND)
_SIM_PAGE = "https://dashboard.hologram.io/org/{org_id}/device/{device_id}"


def bulletin(
    alerts: Sequence[Alert], ended_before: Sequence[Alert], *, org_id: int, day: date, today: date, newest: bool
) -> dict[str, Any] | None:
    """The object for the metadata; None if the partition may not speak.

    Info stays in the table. Where a family has more than fit, events of the last 48 hours go before what is older, and
    `omitted` counts the rest. Words (title, reason, link) have the ten worst of each family and severity, the ten worst of
    them that are news, and as many of the others as there is room for.

    Args:
        alerts: of the day.
        ended_before: alerts that ended on one of the days before: after an outage nobody has told yet.
        org_id: their organisation.
        day: their day.
        today: the current UTC day.
        newest: the organisation has no later day of alerts.
    """
    if day < today - timedelta(days=1):
        return None
    present = {alert.alert_id for alert in alerts}
    carried = [alert for alert in alerts if alert.severity != INFO]
    carried += [alert for alert in ended_before if alert.severity != INFO and alert.alert_id not in present]
    since = end_of_day(day) - _NEWS
    kept: list[Alert] = []
    omitted: dict[str, int] = {}
    families = {family: [alert for alert in carried if alert.family == family] for family in (OVERAGE, NETWORK)}
    for family, of_family in families.items():
        others = min(len(carried) - len(of_family), MOST_ENTRIES // 2)
        of_family.sort(key=lambda alert: (not _is_news(alert, since), worst_first(alert)))
        kept += of_family[: MOST_ENTRIES - others]
        if len(of_family) > MOST_ENTRIES - others:
            omitted[family] = len(of_family) - MOST_ENTRIES + others
    kept.sort(key=worst_first)
    detailed = _detailed(kept, since)
    return {
        "alerts": [_entry(alert, org_id, day, detailed=alert.alert_id in detailed) for alert in kept],
        "complete": newest and not omitted,
        "omitted": omitted,
    }


def worst_first(alert: Alert) -> tuple[bool, int, Decimal, int, datetime, str]:
    """Sorting key: what holds before what ended, by severity, money, step, and the latest event."""
    return (
        alert.has_ended,
        -SEVERITIES.index(alert.severity),
        -max((Decimal(alert.detail.get(name) or 0) for name in _MONEY), default=Decimal(0)),
        -alert.step,
        datetime.max - (alert.event_time - datetime.min),
        alert.alert_id,
    )


_MONEY = ("overage_cost", "projected_overage_cost", "usage_charge")


def because(alert: Alert) -> str:
    """Why we think so, as a sentence of numbers that begins with the device's name."""
    if alert.family == OVERAGE:
        return reason(alert.detail)
    name = alert.detail.get("device_name")
    return f"{str(name)[:LONGEST_NAME]}: {alert.detail['why']}" if name else str(alert.detail["why"])


def _is_news(alert: Alert, since: datetime) -> bool:
    return alert.event_time >= since or (alert.resolved_at is not None and alert.resolved_at >= since)


def _detailed(alerts: Sequence[Alert], since: datetime) -> set[str]:
    """Ids of the alerts that get words; the alerts come worst first."""
    chosen: dict[str, None] = {}
    for of_these in ([alert for alert in alerts if _is_news(alert, since)], alerts):
        seen: Counter[tuple[str, str]] = Counter()
        for alert in of_these:
            kind = alert.family, alert.severity
            seen[kind] += 1
            if seen[kind] <= _WORST:
                chosen[alert.alert_id] = None
    for alert in alerts:
        if len(chosen) >= _MOST_DETAILED:
            break
        chosen[alert.alert_id] = None
    return set(chosen)


def _entry(alert: Alert, org_id: int, day: date, *, detailed: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "alert_id": alert.alert_id,
        "family": alert.family,
        "rule": alert.rule,
        "step": alert.step,
        "severity": alert.severity,
        "state": alert.state,
        "subject": alert.subject,
    }
    if _reached_on(alert, day):
        entry["reached_today"] = True
    if detailed:
        device = alert.detail.get("device_id")
        entry |= {
            "title": alert.title,
            "since": _since(alert.event_time),
            "why": because(alert),
            "sim_url": _SIM_PAGE.format(org_id=org_id, device_id=device) if device else None,
        }
    return entry


def _since(moment: datetime) -> str:
    """A past day's usage is known up to its end only: what was reached then was reached in the course of that day."""
    if moment == start_of_day(moment.date()):
        return f"{moment.date() - timedelta(days=1)}"
    return f"{moment:%Y-%m-%d %H:%M}"


def _reached_on(alert: Alert, day: date) -> bool:
    """A step that was taken on the day: told also if its period ends before anybody looks, for it is money."""
    return alert.rule in _LADDERS and "silenced_until" not in alert.detail and alert.event_time > start_of_day(day)
