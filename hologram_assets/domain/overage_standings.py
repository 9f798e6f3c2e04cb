"""A SIM's report rows as standings, period by period: what the overage rules look at on a day.

Source: rules.md, "Which period a SIM is in" and "Overage alerts" (a new plan or allowance re-arms; a new period resolves).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from hologram_assets.domain.overage_alerts import PERIOD_ENDED, PLAN_CHANGED, SimPeriod, Standing
from hologram_assets.domain.periods import SAME_PERIOD, end_of_day, start_of_day


class ReportRow(NamedTuple):
    """A row of `overage_report` whose plan and allowance are known; `complete_through` None is the end of the day."""

    linkid: int
    day: date
    device_name: str | None
    plan_id: int
    plan_name: str | None
    included_bytes: int
    period_end: datetime
    complete_through: datetime | None
    status: str
    usage_bytes: int | None
    overage_cost: Decimal | None
    usage_charge: Decimal | None
    projected_bytes: int | None
    projected_overage_cost: Decimal | None

    @property
    def terms(self) -> tuple[int, int]:
        """What an alert is bound to: the plan and its allowance."""
        return self.plan_id, self.included_bytes

    def standing(self) -> Standing | None:
        """None where usage is not whole: less than the truth is no standing."""
        if self.usage_bytes is None or self.status == "unknown":
            return None
        end = end_of_day(self.day)
        return Standing(
            self.day,
            min(self.complete_through or end, end),
            self.status,
            self.usage_bytes,
            self.overage_cost,
            self.usage_charge,
            self.projected_bytes,
            self.projected_overage_cost,
        )


class ClosedRow(NamedTuple):
    """A row of `closed_periods`, with the usage that was priced."""

    linkid: int
    plan_id: int
    included_bytes: int
    period_end: datetime
    usage_bytes: int
    overage_cost: Decimal | None
    usage_charge: Decimal | None


def sim_periods(
    org_id: int, day: date, rows: Sequence[ReportRow], closed: Iterable[ClosedRow]
) -> Iterator[tuple[SimPeriod, list[Standing]]]:
    """The periods of one SIM that run at the end of `day` or came to an end on it, each with its standings.

    `rows` are those of days up to `day`, ascending; a day may lack. A day on which plan or usage is not known says nothing:
    what held before holds on, until the period ends. `closed` are the SIM's periods that ended on `day`: the report of
    that day is already about the next one, so the last hours stand only there.
    """
    for period in _by_period(rows):
        last = period[-1]
        ended_at = _ended_at(period, rows)
        if ended_at.date() < day:
            continue
        over = ended_at.date() == day
        for terms in dict.fromkeys(row.terms for row in period):
            of_terms = [row for row in period if row.terms == terms]
            standings = [standing for row in of_terms if (standing := row.standing()) is not None]
            sim = SimPeriod(
                org_id,
                last.linkid,
                of_terms[-1].device_name,
                terms[0],
                of_terms[-1].plan_name,
                terms[1],
                # Ends jitter; the first that was seen stays, so that an alert keeps its id.
                period[0].period_end,
            )
            if terms != last.terms:
                after = next(row.day for row in period if row.day > of_terms[-1].day)
                if after != day:
                    continue
                sim = sim._replace(ended_at=start_of_day(day), ended_because=PLAN_CHANGED)
            elif over:
                sim = sim._replace(ended_at=ended_at, ended_because=PERIOD_ENDED)
                standings += _last_hours(sim, day, closed)
            if standings:
                yield sim, standings


def _by_period(rows: Sequence[ReportRow]) -> list[list[ReportRow]]:
    """Rows whose periods end within 12 hours of each other are of one period."""
    periods: list[list[ReportRow]] = []
    for row in rows:
        same = next((each for each in periods if abs(each[-1].period_end - row.period_end) < SAME_PERIOD), None)
        if same is None:
            periods.append([row])
        else:
            same.append(row)
    return periods


def _ended_at(period: Sequence[ReportRow], rows: Sequence[ReportRow]) -> datetime:
    """When a period ends: as it was last heard, or earlier if a day's row is about the next one already."""
    heard = period[-1].period_end
    following = (row.day for row in rows if row.day > period[-1].day and abs(row.period_end - heard) >= SAME_PERIOD)
    first = next(following, None)
    # A day's row is about the period that holds its last second.
    return heard if first is None else min(heard, end_of_day(first) - timedelta(seconds=1))


def _last_hours(sim: SimPeriod, day: date, closed: Iterable[ClosedRow]) -> Iterator[Standing]:
    for row in closed:
        if (
            abs(row.period_end - sim.period_end) < SAME_PERIOD
            and (row.plan_id, row.included_bytes) == (sim.plan_id, sim.included_bytes)
            and sim.ended_at is not None
        ):
            status = "payg" if row.included_bytes == 0 else "over" if row.usage_bytes > row.included_bytes else "ok"
            yield Standing(
                day,
                sim.ended_at,
                status,
                row.usage_bytes,
                row.overage_cost,
                row.usage_charge,
                row.usage_bytes,
                row.overage_cost,
            )
