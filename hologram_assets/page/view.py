"""Everything that the money report shows, as plain values. Money is USD as `Decimal`, times are naive UTC.

Whatever is None was not there to be read: the page says so, and what to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

CURVE_DAYS: Final = 60
MIX_DAYS: Final = 30
FRESH_DAYS: Final = 30
JUDGED_DAYS: Final = 90
"""Periods that ended in so many days judge the forecast and are compared with Hologram's totals."""
MOST_ORGANISATIONS: Final = 20
MOST_LINES: Final = 200
MOST_PLANS: Final = 30
MOST_WORST: Final = 25
MOST_UNCAPPED: Final = 10
MOST_PLAN_CHANGES: Final = 25
MOST_UPGRADES: Final = 10
MOST_ALERTS: Final = 50
AT_LEAST: Final = "at_least"
"""Usage is not wholly known and already beyond the allowance: it counts with what is known."""
NO_FEE: Final = "no_fee"
"""Usage has a price, the plan has no recurring amount."""


@dataclass(frozen=True)
class Cost:
    """What some SIMs cost in their running billing periods: those of one plan, of several that are left, or all."""

    plan: str | None
    """Name of the plan; None: nobody knows the plan, or it is the total."""
    sims: int
    priced_sims: int
    usage_bytes: int
    projected_bytes: int
    recurring: Decimal
    usage: Decimal
    overage: Decimal
    projected_usage: Decimal
    projected_overage: Decimal
    bound: Decimal
    """USD if every SIM used what it stays below nine times out of ten, recurring amounts included."""
    sims_over: int
    sims_will_exceed: int

    @property
    def to_date(self) -> Decimal:
        """USD so far: recurring amounts, pay-as-you-go usage and overage."""
        return self.recurring + self.usage + self.overage

    @property
    def expected(self) -> Decimal:
        """USD expected at the periods' ends."""
        return self.recurring + self.projected_usage + self.projected_overage


@dataclass(frozen=True)
class Exposure:
    """SIMs by what stops them. Amounts are of overage, but for those on pay as you go."""

    uncapped_sims: int
    uncapped: Decimal
    uncapped_projected: Decimal
    uncapped_bound: Decimal
    limit_unknown_sims: int
    capped: Decimal
    """If every SIM with a limit used all of it."""
    over_unpriced: int
    """SIMs without a limit that are beyond their allowance, and whose overage has no price: they are in no amount here."""
    payg_sims: int
    """SIMs without a limit on pay as you go: `uncapped_sims` counts them too."""
    payg: Decimal
    """USD of their usage so far."""
    payg_projected: Decimal


@dataclass(frozen=True)
class Effects:
    """Why the cost to date of a plan, or of all SIMs, is not an earlier day's: effects that add up to the difference."""

    plan: str | None
    before: Decimal
    late_corrections: Decimal
    sim_count: Decimal
    became_known: Decimal
    periods_begun: Decimal
    plan_mix: Decimal
    rate: Decimal
    usage_per_sim: Decimal

    @property
    def parts(self) -> tuple[Decimal, ...]:
        """The seven effects, as they are shown from left to right."""
        return (
            self.late_corrections, self.sim_count, self.became_known, self.periods_begun, self.plan_mix, self.rate,
            self.usage_per_sim,
        )  # fmt: skip

    @property
    def after(self) -> Decimal:
        """USD to date on the day."""
        return self.before + sum(self.parts, Decimal(0))


@dataclass(frozen=True)
class Change:
    """What changed since an earlier day, in total and by plan."""

    compared_day: date
    sims_then: int
    unknown_then: int
    """Of these, SIMs whose usage then was not known or had no price: its cost is not in `before`."""
    total: Effects
    plans: tuple[Effects, ...]
    other_plans: Effects | None
    """The plans that are left out, together."""


@dataclass(frozen=True)
class CurveDay:
    """The cost of the running periods at the end of a stored day: so far, and as expected at their ends."""

    day: date
    sims: int
    priced_sims: int
    """SIMs whose usage has a cost: that of the others is not in the amounts."""
    to_date: Decimal
    expected: Decimal


@dataclass(frozen=True)
class UsageBands:
    """SIMs with an allowance by band of it (those of `pictures.usage.FleetUsage`) and status."""

    sims: Mapping[tuple[int, str], int]
    payg: int
    unknown: int
    highest: float | None
    """Per cent of its allowance that the SIM which is furthest has used."""


@dataclass(frozen=True)
class MixPart:
    """The sessions of each day on one RAT or network; `name` None: Hologram didn't tell, or it is several others."""

    name: str | None
    others: int
    """How many names this part puts together; 0: it is one."""
    sessions: tuple[int, ...]


@dataclass(frozen=True)
class Mix:
    """Sessions by RAT and by network on each of the last days; a day that is not in `stored` is not known."""

    days: tuple[date, ...]
    stored: frozenset[date]
    rats: tuple[MixPart, ...]
    networks: tuple[MixPart, ...]


@dataclass(frozen=True)
class Sim:
    """A SIM as it is named in every table."""

    linkid: int
    device_name: str | None
    plan: str | None


@dataclass(frozen=True)
class WorstSim:
    """A SIM of the report that somebody should look at."""

    sim: Sim
    status: str
    pricing_status: str
    plan_changed_on: date | None
    usage_bytes: int | None
    usage_source: str
    included_bytes: int | None
    percent: float | None
    cost: Decimal | None
    expected: Decimal | None
    period_end: datetime | None
    exhausted_on: date | None


@dataclass(frozen=True)
class UncappedSim:
    """A SIM without an overage limit, and its overage; on pay as you go, its usage."""

    sim: Sim
    status: str
    cost: Decimal | None
    expected: Decimal | None
    percent: float | None


@dataclass(frozen=True)
class PlanChange:
    """A SIM that would have cost less on another plan."""

    sim: Sim
    to_plan: str | None
    saving: Decimal
    """USD per period, in the closed ones."""
    saving_percent: float | None
    forecast_saving: Decimal | None
    """USD in the running period, if the SIM uses what it stays below nine times out of ten."""
    months: int
    """Length of a period on both plans, as Hologram counts it."""
    periods: int
    arithmetic: str


@dataclass(frozen=True)
class Upgrade:
    """A SIM for which a larger plan costs less in the running period than the overage it is heading for."""

    sim: Sim
    to_plan: str | None
    pay_overage: Decimal
    upgrade: Decimal
    break_even_on: date | None
    days_left: float | None


@dataclass(frozen=True)
class Recommendations:
    """Which SIMs should change their plan; the first of them, and how many there are."""

    verdicts: Mapping[str, int]
    saving: Decimal
    """USD per period of the recommended changes of SIMs whose periods are one month: others don't add up with these."""
    longer: int
    """Recommended changes of SIMs with periods of several months."""
    changes: tuple[PlanChange, ...]
    upgrades: tuple[Upgrade, ...]
    upgrade_sims: int


@dataclass(frozen=True)
class OpenAlert:
    """A condition that holds at the end of the day."""

    severity: str
    rule: str
    subject: str
    device_name: str | None
    title: str
    state: str
    opened_at: datetime | None


@dataclass(frozen=True)
class Alerts:
    """Open alerts, worst first; how many there are by severity, and how many are silenced."""

    open: tuple[OpenAlert, ...]
    by_severity: Mapping[str, int]
    silenced: int


@dataclass(frozen=True)
class AssetLoad:
    """How fresh an asset is; None where the day was never loaded."""

    asset: str
    complete_through: datetime | None
    loaded_at: datetime | None
    missing_days: int
    late_rows: int
    greatest_lateness_seconds: int | None


@dataclass(frozen=True)
class ForecastScore:
    """How good the forecasts were that stood in the reports of one day of a period; `age` None: all of them. Per cents."""

    age: int | None
    forecasts: int
    median_error: float | None
    bias: float | None
    covered: float


@dataclass(frozen=True)
class Reconciliation:
    """Ended periods beside Hologram's totals."""

    agreeing: int
    differing: int
    not_comparable: int
    """A day of sessions or Hologram's total lacks."""
    corrected: int
    hologram_bytes: int
    """Of the periods that were compared."""
    bytes_apart: int
    """Differences of these, without their signs, together."""
    bytes_more: int
    """Our bytes less Hologram's."""

    @property
    def compared(self) -> int:
        """Periods of which both totals are whole."""
        return self.agreeing + self.differing


@dataclass(frozen=True)
class Lack:
    """SIMs of which something is not in the amounts, for the same reason."""

    reason: str
    """pricing_status, or `incomplete`; AT_LEAST or NO_FEE where their usage is in the amounts."""
    sims: int
    without_fee: int
    """Of these, SIMs whose recurring amount is not in the amounts either."""

    @property
    def usage_counts(self) -> bool:
        """Whether what is known of their usage is in the amounts."""
        return self.reason in (AT_LEAST, NO_FEE)


@dataclass(frozen=True)
class Line:
    """One organisation in the overview; the amounts are None where the day has no summary."""

    org_id: int
    sims: int
    sims_over: int
    sims_will_exceed: int
    sims_without_cost: int
    to_date: Decimal | None
    expected: Decimal | None
    yesterday: Decimal | None
    """USD to date at the end of the day before, as it was published; None: nothing to compare with."""
    open_alerts: int | None
    """None: the day's alerts were never derived."""


@dataclass(frozen=True)
class OrganisationView:
    """An organisation's section. What is None could not be read: nothing was derived, or an older version wrote the file."""

    org_id: int
    line: Line
    cost: Cost | None = None
    exposure: Exposure | None = None
    plans: tuple[Cost, ...] = ()
    other_plans: Cost | None = None
    other_plans_count: int = 0
    yesterday: Change | None = None
    last_period: Change | None = None
    curve: tuple[CurveDay, ...] = ()
    periods_end: date | None = None
    """When the last of the running periods ends."""
    bands: UsageBands | None = None
    mix: Mix | None = None
    worst: tuple[WorstSim, ...] = ()
    worst_count: int = 0
    """SIMs that somebody should look at, those of `worst` included."""
    uncapped: tuple[UncappedSim, ...] = ()
    recommendations: Recommendations | None = None
    alerts: Alerts | None = None
    loads: tuple[AssetLoad, ...] = ()
    lacks: tuple[Lack, ...] = ()
    scores: tuple[ForecastScore, ...] = ()
    reconciliation: Reconciliation | None = None


@dataclass(frozen=True)
class PageView:
    """A day's report.

    `lines` are all organisations that the overview shows, those that cost most first; the first of them have a section.
    `more` sums up the organisations that the overview leaves out.
    """

    day: date
    made_at: datetime
    lines: tuple[Line, ...]
    organisations: tuple[OrganisationView, ...]
    not_loaded: tuple[int, ...] = ()
    """Organisations that were asked for and have no report of the day."""
    more: Line | None = None
    more_count: int = 0
