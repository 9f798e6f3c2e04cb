"""What a replay of alerts comes to: per rule, how many would have been told, and the worst of them.

Told is what the sensors would have posted, had each day been told at its end: what info, a silence or an inhibition kept
back is counted beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from hologram_assets.domain import delivery
from hologram_assets.domain.alerts import INFO, NETWORK, OVERAGE, SILENCED, Alert
from hologram_assets.domain.bulletin import bulletin, worst_first
from hologram_assets.domain.delivery import Sent
from hologram_assets.domain.periods import end_of_day, start_of_day


@dataclass
class RuleTally:
    """One rule: alerts told, of these steps further up its ladder, kept back as info or silenced, and ended."""

    told: int = 0
    escalated: int = 0
    info: int = 0
    silenced: int = 0
    ended: int = 0
    examples: list[tuple[date, Alert]] = field(default_factory=list)

    def worst(self, most: int) -> list[tuple[date, Alert]]:
        """The worst of what was told, with the day on which it was."""
        return sorted(self.examples, key=lambda example: worst_first(example[1]))[:most]


@dataclass
class Tally:
    """An organisation's alerts over some days, counted once each."""

    org_id: int
    days: int = 0
    sim_days: int = 0
    messages: int = 0
    replies: int = 0
    rules: dict[str, RuleTally] = field(default_factory=dict)
    _sent: dict[str, Sent] = field(default_factory=lambda: {OVERAGE: {}, NETWORK: {}})
    _counted: set[tuple[str, str]] = field(default_factory=set)

    def add(self, day: date, sims: int, alerts: Sequence[Alert]) -> None:
        """A day's alerts; days come in order. What began before the first day was told before it."""
        if self.days == 0:
            self._know(day, [alert for alert in alerts if alert.event_time <= start_of_day(day)])
        self.days += 1
        self.sim_days += sims
        by_id = {alert.alert_id: alert for alert in alerts}
        for alert in alerts:
            of_rule = self.rules.setdefault(alert.rule, RuleTally())
            of_rule.info += self._first_time(alert, INFO, applies=alert.severity == INFO)
            of_rule.silenced += self._first_time(alert, SILENCED, applies=alert.state == SILENCED)
            of_rule.ended += self._first_time(alert, "ended", applies=alert.has_ended)
        for family in self._sent:
            for post in self._posts(day, family, alerts):
                self.messages += post.thread is None
                self.replies += post.thread is not None
                for entry in post.entries:
                    found = by_id.get(entry.alert_id)
                    if found is None or post.kind not in {"new", "escalated"}:
                        continue
                    of_rule = self.rules[found.rule]
                    if entry.alert_id in self._sent[family]:
                        of_rule.escalated += 1
                    else:
                        of_rule.told += 1
                        of_rule.examples.append((day, found))
                thread = post.thread or f"{day} {self.messages}"
                delivery.remember(self._sent[family], post, "", thread, end_of_day(day))

    def _know(self, day: date, alerts: Iterable[Alert]) -> None:
        for family in self._sent:
            for post in self._posts(day, family, list(alerts)):
                delivery.remember(self._sent[family], post, "", "before", end_of_day(day))

    def _posts(self, day: date, family: str, alerts: Sequence[Alert]) -> list[delivery.Post]:
        of_family = [alert for alert in alerts if alert.family == family]
        speaking = bulletin(of_family, (), org_id=self.org_id, day=day, today=day, newest=True) or {"alerts": []}
        entries = [delivery.entry_from(entry) for entry in speaking["alerts"]]
        return delivery.posts(entries, self._sent[family], complete=False, org_alerts=())

    def _first_time(self, alert: Alert, what: str, *, applies: bool) -> bool:
        key = (alert.alert_id, what)
        if not applies or key in self._counted:
            return False
        self._counted.add(key)
        return True


def per_thousand(count: int, sim_days: int) -> float:
    """Alerts per 1,000 SIM-days; 0 without any SIM."""
    return 1000 * count / sim_days if sim_days else 0.0
