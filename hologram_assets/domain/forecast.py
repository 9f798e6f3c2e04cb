"""Where a SIM's usage will stand at the end of its billing period, and when its allowance is used up.

Source: rules.md, "Forecast". Medians do not add up over days, so this is the mean of daily bytes and its spread: a
median-and-MAD version covered 7-12 % of the truths on bursty fleets where 90 % were promised.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

# The one-sided 90 % point of the normal distribution.
_NINETY_PERCENT = 1.2816


@dataclass(frozen=True)
class ForecastRules:
    """How far back daily usage is looked at, from how many days it speaks for itself, and when a forecast may speak."""

    history_days: int = 28
    own_days: int = 14
    quiet_days: float = 3.0
    loud_share: float = 0.8

    def __post_init__(self) -> None:
        if self.history_days < 2 or not 0 < self.own_days <= self.history_days:  # noqa: PLR2004 - a spread needs two
            msg = "forecast: history_days must be at least 2, and own_days between 1 and history_days"
            raise ValueError(msg)
        if self.quiet_days < 0 or not 0 <= self.loud_share <= 1:
            msg = "forecast: quiet_days must not be negative, and loud_share lies between 0 and 1"
            raise ValueError(msg)


class Rhythm(NamedTuple):
    """Daily usage over `days` complete days: mean and standard deviation in bytes."""

    days: int
    mean: float
    deviation: float


class Forecast(NamedTuple):
    """Usage at the period's end: expected bytes, and the bytes that it stays below nine times out of ten."""

    expected: int
    bound: int
    exhausted_at: datetime | None


def pooled(own: Rhythm, plans: Rhythm, rules: ForecastRules = ForecastRules()) -> Rhythm:
    """A SIM's rhythm; with fewer than `own_days` days the plan's stands in for the days that lack.

    The two are mixed as if their days were one sample. A plan without a day has nothing to say.
    """
    if own.days >= rules.own_days or plans.days <= 0:
        return own
    share = own.days / rules.own_days
    mean = share * own.mean + (1 - share) * plans.mean
    spread = math.sqrt(
        share * (own.deviation**2 + (own.mean - mean) ** 2)
        + (1 - share) * (plans.deviation**2 + (plans.mean - mean) ** 2)
    )
    return Rhythm(rules.own_days, mean, spread)


def forecast(
    usage: int,
    allowance: int,
    as_of: datetime,
    period_end: datetime,
    rhythm: Rhythm,
    rules: ForecastRules = ForecastRules(),
) -> Forecast:
    """The forecast as of a moment (naive UTC), days counted with their fractions.

    Expected `U + R*m`; bound `U + R*m + 1.2816*s*sqrt(R*(1 + R/28))`: the second part under the root is that the mean itself
    is only known from 28 days. `exhausted_at` is when the expected line reaches the allowance; None if it does not,
    or if usage lies above it already: when that happened is history, not forecast.
    """
    remaining = max(0.0, (period_end - as_of) / timedelta(days=1))
    expected = usage + remaining * rhythm.mean
    spread = rhythm.deviation * math.sqrt(remaining * (1 + remaining / rules.history_days))
    exhausted: datetime | None = None
    if 0 < usage == allowance:
        exhausted = as_of
    elif usage < allowance <= expected:
        exhausted = as_of + timedelta(days=(allowance - usage) / rhythm.mean)
    return Forecast(round(expected), round(expected + _NINETY_PERCENT * spread), exhausted)


def outlook(
    usage: int, allowance: int, elapsed_days: float, predicted: Forecast, rules: ForecastRules = ForecastRules()
) -> str:
    """`over`, `will_exceed`, `at_risk` or `ok`, for a plan with an allowance (without one a SIM is `payg`).

    In the first days a forecast says nothing unless usage is high already. Equal is not over.
    """
    if usage > allowance:
        return "over"
    if elapsed_days < rules.quiet_days and usage < rules.loud_share * allowance:
        return "ok"
    if predicted.expected > allowance:
        return "will_exceed"
    return "at_risk" if predicted.bound > allowance else "ok"
