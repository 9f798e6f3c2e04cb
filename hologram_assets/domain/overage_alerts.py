"""The three overage rules: an allowance's steps, a forecast overage, and the spend of pay-as-you-go SIMs.

Each looks at one SIM's standings in one billing period, day by day up to D, on one plan and allowance: a new plan,
allowance or period is a new alert. Source: rules.md, "Overage alerts". Bytes, USD, naive UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from hologram_assets.domain.alerts import CRITICAL, ESCALATED, INFO, OPEN, RESOLVED, WARN, Alert, identity
from hologram_assets.domain.overage_rules import OVERAGE_STEP, PAYG_SPEND, WILL_EXCEED, OverageRules
from hologram_assets.domain.periods import SAME_PERIOD

PERIOD_ENDED = "the period ended"
PLAN_CHANGED = "the plan or its allowance changed"
USED_UP = "the allowance is used up"
"""How a forecast ends that came true."""
_ALL_OF_IT = 100


class Standing(NamedTuple):
    """A SIM at the end of a day, as its report has it; `as_of` is up to when its usage is counted."""

    day: date
    as_of: datetime
    status: str
    usage_bytes: int
    overage_cost: Decimal | None
    usage_charge: Decimal | None
    projected_bytes: int | None
    projected_overage_cost: Decimal | None


class ClosedCharge(NamedTuple):
    """What a closed pay-as-you-go period came to, in USD."""

    period_end: datetime
    usd: Decimal


class SimPeriod(NamedTuple):
    """Whose standings these are: a SIM on a plan and allowance in a billing period.

    `period_end` is the one that `periods.distinct_ends` keeps: ends jitter, and an id must not. `ended_at` is set on the day
    on which this came to an end, by the period's end or by another plan or allowance; afterwards there is nothing to ask.
    """

    org_id: int
    linkid: int
    device_name: str | None
    plan_id: int
    plan_name: str | None
    included_bytes: int
    period_end: datetime
    ended_at: datetime | None = None
    ended_because: str = PERIOD_ENDED

    def alert_id(self, rule: str) -> str:
        """The same for every day of the period on this plan and allowance."""
        return identity(self.org_id, rule, self.linkid, self.period_end.date(), self.plan_id, self.included_bytes)


def overage_alerts(
    sim: SimPeriod, standings: Sequence[Standing], closed_charges: Sequence[ClosedCharge], rules: OverageRules
) -> list[Alert]:
    """What the three rules say of a SIM's period. Standings ascend by day, and there is at least one.

    Of `closed_charges` only those of periods before this one count, so that its threshold is the same on all its days.
    """
    before = [charge for charge in closed_charges if charge.period_end <= sim.period_end - SAME_PERIOD]
    found = (
        overage_step(sim, standings, rules),
        will_exceed(sim, standings, rules),
        payg_spend(sim, standings, [charge.usd for charge in before], rules),
    )
    return [alert for alert in found if alert is not None]


def overage_step(sim: SimPeriod, standings: Sequence[Standing], rules: OverageRules) -> Alert | None:
    """The highest step of the allowance that the SIM has crossed. Standings ascend by day."""
    if sim.included_bytes <= 0:
        return None
    climb = _climb([(_step(standing.usage_bytes, sim.included_bytes, rules), False) for standing in standings])
    if climb is None:
        return None
    last = standings[-1]
    severity = CRITICAL if climb.step >= rules.critical_step else WARN if climb.step >= rules.warn_step else INFO
    return _alert(
        sim,
        OVERAGE_STEP,
        step=climb.step,
        severity=severity,
        escalated=climb.escalated,
        opened_at=standings[climb.opened].as_of,
        event_time=standings[climb.reached].as_of,
        title=f"{climb.step} % of the allowance used",
        detail={"usage_bytes": last.usage_bytes, "overage_cost": _text(last.overage_cost)},
    )


def _step(usage: int, allowance: int, rules: OverageRules) -> int:
    """Equal is not over: 100 and the steps above it are crossed by more than the share, those below by reaching it."""
    return max(
        (
            step
            for step in rules.steps
            if usage * 100 > step * allowance or (step < _ALL_OF_IT and usage * 100 == step * allowance)
        ),
        default=0,
    )


class _Climb(NamedTuple):
    """How far up a ladder: the step, whether critical, and which standings opened it and reached that first."""

    step: int
    critical: bool
    opened: int
    reached: int
    escalated: bool


def _climb(levels: Sequence[tuple[int, bool]]) -> _Climb | None:
    """From (step, critical) at each standing; None if no step was reached. The highest stays, whatever comes after."""
    opened = next((index for index, (step, _) in enumerate(levels) if step > 0), None)
    if opened is None:
        return None
    highest = max(levels)
    return _Climb(*highest, opened, levels.index(highest), highest > levels[opened])


def will_exceed(sim: SimPeriod, standings: Sequence[Standing], rules: OverageRules) -> Alert | None:
    """A forecast overage of at least a dollar. It ends after two days below 0.9 of the allowance, or when it came true."""
    opened, closed, because = _foreseen(sim.included_bytes, standings, rules)
    if opened is None:
        return None
    last = standings[-1]
    if closed is not None and closed.day < last.day:
        return None  # it ended on an earlier day, whose row says so
    return _alert(
        sim,
        WILL_EXCEED,
        step=0,
        severity=WARN,
        escalated=False,
        opened_at=opened.as_of,
        event_time=opened.as_of,
        title="will exceed its allowance",
        detail={
            "usage_bytes": last.usage_bytes,
            "projected_bytes": last.projected_bytes,
            "projected_overage_cost": _text(last.projected_overage_cost),
        }
        | ({"resolved_because": because} if closed is not None else {}),
        resolved_at=closed.as_of if closed is not None else None,
    )


def _foreseen(
    allowance: int, standings: Sequence[Standing], rules: OverageRules
) -> tuple[Standing | None, Standing | None, str]:
    """Since when an overage is foreseen, when that ended, and why. A status other than `will_exceed` foresees none."""
    opened: Standing | None = None
    closed: Standing | None = None
    because, calm = "", 0
    for standing in standings:
        predicted, cost = standing.projected_bytes, standing.projected_overage_cost
        calm = calm + 1 if predicted is not None and predicted < rules.relieved_share * allowance else 0
        if standing.status == "will_exceed" and cost is not None and cost >= rules.will_exceed_usd:
            if opened is None or closed is not None:
                opened, closed = standing, None
        elif closed is None and standing.usage_bytes > allowance:
            closed, because = standing, USED_UP
        elif closed is None and calm >= rules.relieved_days:
            closed, because = standing, f"{calm} days below {rules.relieved_share:.0%} of the allowance"
    return opened, closed, because


def payg_spend(
    sim: SimPeriod, standings: Sequence[Standing], closed_charges: Sequence[Decimal], rules: OverageRules
) -> Alert | None:
    """The usage charge has passed a threshold, or a doubling of it. `closed_charges` are those of the closed periods."""
    if sim.included_bytes > 0:
        return None
    threshold = max(rules.payg_usd, rules.payg_times_median * median(closed_charges))
    climb = _climb(
        [
            (_doublings(charge, threshold), charge >= rules.payg_critical_usd)
            for charge in (standing.usage_charge or Decimal(0) for standing in standings)
        ]
    )
    if climb is None:
        return None
    last = standings[-1]
    return _alert(
        sim,
        PAYG_SPEND,
        step=climb.step,
        severity=CRITICAL if climb.critical else WARN,
        escalated=climb.escalated,
        opened_at=standings[climb.opened].as_of,
        event_time=standings[climb.reached].as_of,
        title=f"pay-as-you-go spend has passed ${threshold * 2 ** (climb.step - 1):,.2f}",
        detail={
            "usage_bytes": last.usage_bytes,
            "usage_charge": _text(last.usage_charge),
            "threshold": _text(threshold),
            "closed_periods": len(closed_charges),
        },
    )


def _doublings(charge: Decimal, threshold: Decimal) -> int:
    """0 up to the threshold, 1 above it, 2 above twice, 3 above four times, and so on."""
    step = 0
    while charge > threshold * 2**step:
        step += 1
    return step


def median(amounts: Sequence[Decimal]) -> Decimal:
    """The median, exactly; 0 for none."""
    ordered = sorted(amounts)
    if not ordered:
        return Decimal(0)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _alert(
    sim: SimPeriod,
    rule: str,
    *,
    step: int,
    severity: str,
    escalated: bool,
    opened_at: datetime,
    event_time: datetime,
    title: str,
    detail: dict[str, Any],
    resolved_at: datetime | None = None,
) -> Alert:
    common = {
        "linkid": sim.linkid,
        "device_name": sim.device_name,
        "plan_id": sim.plan_id,
        "plan_name": sim.plan_name,
        "included_bytes": sim.included_bytes,
        "period_end": sim.period_end.isoformat(sep=" "),
    }
    if sim.ended_at is not None and resolved_at is None:
        resolved_at = sim.ended_at
        detail = detail | {"resolved_because": sim.ended_because}
    state = RESOLVED if resolved_at is not None else ESCALATED if escalated else OPEN
    return Alert(
        sim.alert_id(rule),
        rule,
        step,
        severity,
        f"SIM {sim.linkid}",
        state,
        opened_at,
        event_time,
        resolved_at,
        title,
        common | detail,
    )


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)
