"""An independent calculation of the overage report and of closed periods, from the rules' text alone.

Plain Python, integers and Decimal, straight from the sandbox's truth: no SQL, nothing of the package but the sandbox, and
for what is foreseen the functions of `domain.forecast`, which have tests of their own. Where the text leaves room, the
comment says which reading was taken.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from hologram_assets.domain.forecast import Forecast, Rhythm, forecast, ordinary_days, outlook, pooled, rhythm
from hologram_assets.sandbox import RETENTION, BillingPeriod, Plan, Sandbox

DAY = timedelta(days=1)
INTERVAL = timedelta(days=30)
MICRO = Decimal("0.000001")
MEGABYTE = 1_000_000
KILOBYTE = 1000
UNKNOWN_PLAN, VARIABLE, POOLED, NOT_OFFERED, PRICED = (
    "unknown_plan",
    "variable_rate",
    "pooled",
    "zone_not_offered",
    "priced",
)


@dataclass(frozen=True)
class Placement:
    """On which plan and in which zone a SIM is; `period_end` is what the inventory says of the running period."""

    plan_id: int | None
    zone: str | None
    period_end: datetime | None = None


@dataclass(frozen=True)
class Price:
    """What a SIM pays in its zone: bytes included, USD per MB beyond, USD per period."""

    included: int
    rate: Decimal | None
    recurring: Decimal | None
    status: str


@dataclass(frozen=True)
class ReportRow:
    """The columns of `overage_report` that the oracle has an opinion on."""

    linkid: int
    plan_id: int | None
    period_start: datetime | None
    period_end: datetime | None
    usage_bytes: int | None
    usage_source: str
    included_bytes: int | None
    overage_bytes: int | None
    billable_bytes: int | None
    overage_rate_per_mb: Decimal | None
    overage_cost: Decimal | None
    usage_charge: Decimal | None
    recurring_amount: Decimal | None
    projected_bytes: int | None
    projected_bound_bytes: int | None
    projected_overage_cost: Decimal | None
    projected_usage_charge: Decimal | None
    exhausted_on: date | None
    max_exposure_cost: Decimal | None
    status: str
    pricing_status: str


@dataclass(frozen=True)
class ClosedRow:
    """The columns of `closed_periods` that the oracle has an opinion on."""

    linkid: int
    day: date
    period_start: datetime
    period_end: datetime
    session_bytes: int
    hologram_bytes: int | None
    usage_source: str
    included_bytes: int | None
    billable_bytes: int | None
    overage_cost: Decimal | None
    usage_charge: Decimal | None
    recurring_amount: Decimal | None
    reconciled: bool | None
    pricing_status: str


@dataclass
class World:
    """What one organisation's warehouse can know, as plain facts.

    `usage` holds (end, bytes) of each SIM's stored sessions; `totals` Hologram's billing rows by SIM (any order);
    `totals_fetched_at` when they were fetched; `loaded` the days of `raw_sessions` in `partition_loads`, `seen_through` up
    to which moment of each all sessions were seen (the end of the day if not given); `limits` the overage limits in bytes.
    """

    usage: Mapping[int, Sequence[tuple[datetime, int]]]
    totals: Mapping[int, Sequence[BillingPeriod]]
    totals_fetched_at: datetime
    placements: Mapping[int, Placement]
    inventory: frozenset[int]
    plans: Mapping[int, Mapping[str, Any]]
    loaded: frozenset[date]
    calendar_months: bool = False
    limits: Mapping[int, int] = field(default_factory=dict)
    seen_through: Mapping[date, datetime] = field(default_factory=dict)

    def report(self, day: date) -> list[ReportRow]:
        """`overage_report` of a day, by ascending SIM."""
        links = self._links(day)
        rhythms = {link: ordinary_days(self._days(link, day)) for link in links}
        plans: dict[int | None, list[int]] = defaultdict(list)
        for link, days in rhythms.items():
            plans[self._placement(link).plan_id] += days
        # SIMs whose plan nobody knows have nothing in common.
        of_plans = {plan: rhythm([] if plan is None else days) for plan, days in plans.items()}
        return [
            self._report_row(link, day, pooled(rhythm(rhythms[link]), of_plans[self._placement(link).plan_id]))
            for link in sorted(links)
        ]

    def _links(self, day: date) -> set[int]:
        links = set(self.inventory) | {link for link in self.totals if self._period(link, day, rows_only=True)}
        for link, sessions in self.usage.items():
            period = self._period(link, day)
            start = period[0] if period else datetime.min
            if any(start <= end < midnight_after(day) for end, _ in sessions):
                links.add(link)
        return links

    def closed(self, first: date, last: date) -> list[ClosedRow]:
        """`closed_periods` that ended on the days from `first` to `last`, by SIM and end."""
        rows = []
        for link in sorted({*self.totals, *self.inventory}):
            for start, end, total in self._ended_periods(link, first, last):
                rows.append(self._closed_row(link, start, end, total))
        return rows

    # Periods

    def _period(self, link: int, day: date, *, rows_only: bool = False) -> tuple[datetime, datetime] | None:
        """The period that contains the last second of the day."""
        moment = midnight_after(day) - timedelta(seconds=1)
        if self.calendar_months and not rows_only:
            return month_of(moment)
        length = self._length(link)
        ends = sorted(row.period_end for row in self.totals.get(link, ()))
        for number, end in enumerate(ends):
            start = started(end, ends[number - 1] if number else None, length)
            if start <= moment < end:
                return start, end
        if rows_only:
            return None
        # A period that nobody has named yet, or no longer names: whole periods from the end that the inventory shows.
        known = self._placement(link).period_end
        if known is None:
            return None
        while known <= moment:
            known += length
        while known - length > moment:
            known -= length
        return known - length, known

    def _length(self, link: int) -> timedelta:
        plan = self.plans.get(self._placement(link).plan_id or 0)
        return INTERVAL * int(plan["billingperiod"]) if plan else INTERVAL

    def _ended_periods(self, link: int, first: date, last: date) -> Iterable[tuple[datetime, datetime, int | None]]:
        if self.calendar_months:
            for day in days_between(first, last):
                if day.day == 1:
                    yield (*month_of(datetime.combine(day - DAY, time.min)), None)
            return
        rows = sorted(self.totals.get(link, ()), key=lambda row: row.period_end)
        ends = [row.period_end for row in rows]
        for number, row in enumerate(rows):
            if first <= row.period_end.date() <= last and row.period_end <= self.totals_fetched_at:
                start = started(row.period_end, ends[number - 1] if number else None, self._length(link))
                yield start, row.period_end, row.bytes

    # Usage

    def _sum(self, link: int, start: datetime, stop: datetime) -> int:
        return sum(size for end, size in self.usage.get(link, ()) if start <= end < stop)

    def _all_loaded(self, start: datetime, last: date) -> bool:
        return all(day in self.loaded for day in days_between(start.date(), last))

    def _usage(self, link: int, day: date, period: tuple[datetime, datetime] | None) -> tuple[int | None, str]:
        if period is None:
            return None, "incomplete"
        stop = midnight_after(day)
        counted = self._sum(link, period[0], stop)
        whole = self._all_loaded(period[0], day)
        if not self.calendar_months and self.totals_fetched_at < stop:
            total = next((row.bytes for row in self.totals.get(link, ()) if row.period_end == period[1]), None)
            if total is not None and (total > counted or not whole):
                return total, "billing"
        return counted, "sessions" if whole else "incomplete"

    # What is foreseen

    def _as_of(self, day: date) -> datetime:
        return min(midnight_after(day), self.seen_through.get(day, datetime.max))

    def _days(self, link: int, day: date) -> list[int]:
        """Bytes of each of the 28 days before the report that was loaded to its end and on which the SIM was known.

        Known: from the first midnight on after the start of a period of it that somebody named (a calendar month that
        began says nothing of a SIM), or from a day with usage before that.
        """
        last = self._as_of(day).date()
        used: dict[date, int] = defaultdict(int)
        for end, size in self.usage.get(link, ()):
            if last - 28 * DAY <= end.date() < last:
                used[end.date()] += size
        period = None if self.calendar_months else self._period(link, day)
        starts = [row.period_end - INTERVAL for row in self.totals.get(link, ())] + ([period[0]] if period else [])
        first = min(used, default=None)
        if starts and not (first is not None and first < min(starts).date()):
            first = (min(starts) + DAY - timedelta.resolution).date()
        if first is None:
            return []
        return [used[each] for each in days_between(max(first, last - 28 * DAY), last - DAY) if each in self.loaded]

    def _foreseen(
        self, link: int, day: date, usage: int, included: int, period: tuple[datetime, datetime], days: Rhythm
    ) -> tuple[Forecast, str] | None:
        if days.days == 0 or day not in self.loaded:
            return None
        # Of a period that begins later today nothing has run.
        as_of = max(self._as_of(day), period[0])
        found = forecast(usage, included, as_of, period[1], days)
        return found, outlook(usage, included, (as_of - period[0]) / DAY, found)

    # Money

    def _placement(self, link: int) -> Placement:
        return self.placements.get(link, Placement(None, None))

    def price(self, link: int) -> Price | None:
        """What the SIM's plan costs in its zone; None: the plan is not known."""
        placement = self._placement(link)
        plan = self.plans.get(placement.plan_id or 0)
        if plan is None:
            return None
        zone = zone_of(plan, placement.zone)
        amount, rate = (dollars(zone[name]) if zone else None for name in ("amount", "overage"))
        status = PRICED if rate is not None else NOT_OFFERED
        if plan["is_dynamic_pool"]:
            status = POOLED
        elif plan["use_variable_rates"]:
            status = VARIABLE
        return Price(int(plan["data"]), rate, amount, status)

    def _report_row(self, link: int, day: date, days: Rhythm) -> ReportRow:
        period = self._period(link, day)
        usage, source = self._usage(link, day, period)
        price = self.price(link)
        start, end = period or (None, None)
        bill = billed(usage, price, whole=source != "incomplete")
        status, foreseen, then = bill.status, None, Bill()
        if usage is not None and price and period and status != "unknown" and source != "incomplete":
            foreseen = self._foreseen(link, day, usage, price.included, period, days)
        if foreseen:
            then = billed(foreseen[0].expected, price, whole=True)
            status = foreseen[1] if status == "ok" else status
        limit, exposure = self.limits.get(link, 0), None
        if limit > 0 and price and price.status == PRICED and price.included:
            at_limit = billed(price.included + limit, price, whole=True).overage_cost
            exposure = max(cost for cost in (at_limit, bill.overage_cost) if cost is not None)
        return ReportRow(
            linkid=link,
            plan_id=self._placement(link).plan_id,
            period_start=start,
            period_end=end,
            usage_bytes=usage,
            usage_source=source,
            included_bytes=price.included if price else None,
            overage_bytes=bill.overage,
            billable_bytes=bill.billable,
            overage_rate_per_mb=price.rate if price else None,
            overage_cost=bill.overage_cost,
            usage_charge=bill.usage_charge,
            recurring_amount=price.recurring if price else None,
            projected_bytes=foreseen[0].expected if foreseen else None,
            projected_bound_bytes=foreseen[0].bound if foreseen else None,
            projected_overage_cost=then.overage_cost,
            projected_usage_charge=then.usage_charge,
            exhausted_on=foreseen[0].exhausted_on if foreseen else None,
            max_exposure_cost=exposure,
            status=status,
            pricing_status=price.status if price else UNKNOWN_PLAN,
        )

    def _closed_row(self, link: int, start: datetime, end: datetime, total: int | None) -> ClosedRow:
        counted = self._sum(link, start, end)
        # The last day of the period holds its end unless it ends at midnight.
        whole = self._all_loaded(start, (end - timedelta(seconds=1)).date())
        if whole and (total is None or total <= counted):
            usage, source = counted, "sessions"
        elif total is not None:
            usage, source = total, "billing"
        else:
            usage, source = counted, "incomplete"
        price = self.price(link)
        # The whole or nothing: a period that is over is billed, and a part of it is not what is billed.
        bill = billed(usage if source != "incomplete" else None, price, whole=True)
        return ClosedRow(
            linkid=link,
            day=end.date(),
            period_start=start,
            period_end=end,
            session_bytes=counted,
            hologram_bytes=total,
            usage_source=source,
            included_bytes=price.included if price else None,
            billable_bytes=bill.billable,
            overage_cost=bill.overage_cost,
            usage_charge=bill.usage_charge,
            recurring_amount=price.recurring if price else None,
            reconciled=counted == total if whole and total is not None else None,
            pricing_status=price.status if price else UNKNOWN_PLAN,
        )


@dataclass(frozen=True)
class Bill:
    """What usage comes to; None is not known, or not said."""

    overage: int | None = None
    billable: int | None = None
    overage_cost: Decimal | None = None
    usage_charge: Decimal | None = None
    status: str = "unknown"


def billed(usage: int | None, price: Price | None, *, whole: bool) -> Bill:
    """Overage and cost of a usage in bytes."""
    if usage is None or price is None:
        return Bill()
    payg = price.included == 0
    over = usage if payg else max(0, usage - price.included)
    billable = -(-over // KILOBYTE) * KILOBYTE
    cost = None
    if price.status == PRICED and price.rate is not None:
        cost = (billable * price.rate / MEGABYTE).quantize(MICRO, ROUND_HALF_UP)
    if price.status == POOLED:
        # The pool is what is over, and the API doesn't say.
        return Bill(status="unknown")
    if not whole and (payg or not over):
        # Less than the whole: no number of it is shown as if it were.
        return Bill(status="unknown")
    if payg:
        return Bill(0, billable, cost if cost is None else Decimal(0), cost, "payg")
    status = "over" if over else "ok"
    return Bill(over, billable, cost, cost if cost is None else Decimal(0), status)


def started(end: datetime, previous: datetime | None, length: timedelta) -> datetime:
    """A period's start: the end of the row before if that lies within a day of where it should, else where it should."""
    reckoned = end - length
    return previous if previous is not None and abs(previous - reckoned) <= DAY else reckoned


def zone_of(plan: Mapping[str, Any], zone: str | None) -> Mapping[str, Any] | None:
    """The zone's prices: in `zones`, else in the current tier, else in BASE; names compare casefolded."""
    tiers = plan.get("tiers") or {}
    places = [
        plan.get("zones"),
        tiers.get(plan.get("current_tier"), {}).get("zones"),
        tiers.get("BASE", {}).get("zones"),
    ]
    if zone is None:
        # Where nobody tells the zone, a plan with one zone leaves nothing to guess.
        names = {str(name).casefold() for place in places for name in place or {}}
        if len(names) != 1:
            return None
        zone = names.pop()
    for place in places:
        for name, prices in (place or {}).items():
            if str(name).casefold() == zone.casefold():
                return dict(prices)
    return None


def dollars(value: object) -> Decimal | None:
    """A price as the API writes it; negative means that it is not offered."""
    amount = Decimal(str(value))
    return None if amount < 0 else amount


def midnight_after(day: date) -> datetime:
    """The end of a UTC day, exclusive."""
    return datetime.combine(day + DAY, time.min)


def month_of(moment: datetime) -> tuple[datetime, datetime]:
    """The UTC calendar month of a moment, end exclusive."""
    first = datetime(moment.year, moment.month, 1)
    return first, datetime(moment.year + moment.month // 12, moment.month % 12 + 1, 1)


def days_between(first: date, last: date) -> list[date]:
    """Every day from `first` to `last`."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def world(
    sandbox: Sandbox,
    org: int,
    loaded: Iterable[date] | Mapping[date, datetime],
    *,
    fetched_at: datetime | None = None,
    placed: Callable[[int], Placement] | None = None,
    plans: Iterable[Plan] | None = None,
    calendar_months: bool = False,
) -> World:
    """The truth of a sandbox whose `raw_sessions` were loaded for some days, everything at one moment of its clock.

    `loaded` may say of each day up to which moment: that is the machine's clock, not the sandbox's.
    `placed` replaces the inventory (None: the key may read links, and the inventory says it).
    """
    now = fetched_at or sandbox.clock.now()
    days = frozenset(loaded)
    usage: dict[int, list[tuple[datetime, int]]] = defaultdict(list)
    for session in sandbox.fleet.sessions(org, now):
        if session.timestamp.date() in days:
            usage[session.linkid].append((session.timestamp, session.bytes))
    totals: dict[int, list[BillingPeriod]] = defaultdict(list)
    for period in sandbox.fleet.billing_periods(org, now):
        if period.period_end > now - RETENTION:
            totals[period.linkid].append(period)
    sims = sandbox.fleet.sims(org)
    running = {row.linkid: row.period_end for rows in totals.values() for row in rows if row.periods_back == 0}
    if placed is None:
        placements = {sim.linkid: Placement(sim.plan.id, str(sim.kind.zone), running.get(sim.linkid)) for sim in sims}
    else:
        placements = {sim.linkid: placed(sim.linkid) for sim in sims}
    return World(
        usage=usage,
        totals=totals,
        totals_fetched_at=now,
        placements=placements,
        inventory=frozenset() if placed else frozenset(sim.linkid for sim in sims),
        plans={plan.id: plan.body for plan in (plans or sandbox.fleet.plans())},
        loaded=days,
        calendar_months=calendar_months,
        seen_through=loaded if isinstance(loaded, Mapping) else {},
        limits={} if placed else {sim.linkid: sim.overage_limit_bytes for sim in sims},
    )


__all__ = ["Bill", "ClosedRow", "Placement", "Price", "ReportRow", "World", "billed", "world"]
