"""What an alert is: one condition of one subject, with its identity, its step and where it stands at the end of a day.

Alerts are a function of the data of days up to D: the same data gives the same rows, in any order of runs. What was said
to whom is the sensors' memory and not here. So no row is `withdrawn`: what a correction undid has no row any more, and only
who remembers having said it can take it back (`delivery`). Source: design.md, "Alerts are a function of the data".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

from hologram_assets.domain.overage_rules import OVERAGE_RULES
from hologram_assets.domain.silences import Silence

OPEN, ESCALATED, RESOLVED, ACCEPTED, SILENCED = "open", "escalated", "resolved", "accepted", "silenced"
INFO, WARN, CRITICAL = "info", "warn", "critical"
SEVERITIES = (INFO, WARN, CRITICAL)
OVERAGE, NETWORK = "overage", "network"


class Alert(NamedTuple):
    """One condition that holds, or ended, on a day.

    `step` counts up a ladder (per cent of the allowance; doublings of a spend), 0 for rules without one. `subject` names
    the SIM or network. `opened_at` is when the condition began, `event_time` when it took its present step, both naive UTC.
    `detail` holds plain JSON values: the numbers that say why.
    """

    alert_id: str
    rule: str
    step: int
    severity: str
    subject: str
    state: str
    opened_at: datetime
    event_time: datetime
    resolved_at: datetime | None
    title: str
    detail: Mapping[str, Any]

    @property
    def family(self) -> str:
        """`overage` or `network`: which sensor tells it."""
        return OVERAGE if self.rule in OVERAGE_RULES else NETWORK

    @property
    def linkid(self) -> int | None:
        """The SIM; None for a condition of the fleet."""
        return self.detail.get("linkid")

    @property
    def has_ended(self) -> bool:
        """Resolved, or accepted as the new normal."""
        return self.state in {RESOLVED, ACCEPTED}


def identity(*parts: object) -> str:
    """A stable id: the same parts give the same hex text on every machine and in every run."""
    return sha256("\x1f".join(str(part) for part in parts).encode()).hexdigest()[:24]


def silenced(alert: Alert, silence: Silence | None) -> Alert:
    """The alert under a silence of the list; unchanged without one. What has ended stays so, and is not told either."""
    if silence is None:
        return alert
    detail = {**alert.detail, "silenced_until": silence.until.isoformat(), "silenced_because": silence.reason}
    return alert._replace(state=alert.state if alert.has_ended else SILENCED, detail=detail)
