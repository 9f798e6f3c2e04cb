"""Billing periods: 30 days (times the plan's `billingperiod`) from each SIM's activation, with jittering ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from hologram_assets.sandbox.draws import number_of
from hologram_assets.sandbox.sims import Sim

_JITTER_SECONDS: Final = 20
"""Ends in the documented example lie up to 19 s apart from 30-day steps."""


@dataclass(frozen=True, slots=True)
class BillingPeriod:
    """The usage of one SIM in one of its billing periods, as of a moment.

    Sessions with `period_start <= timestamp < period_end` (naive UTC) belong to it. `index` counts from the SIM's
    activation, `periods_back` back from the running period. `bytes` is the sum over the sessions received so far,
    those that are too old for `/usage/data` included.
    """

    org_id: int
    linkid: int
    index: int
    period_start: datetime
    period_end: datetime
    periods_back: int
    bytes: int


def period_end(sim: Sim, index: int) -> datetime:
    """When the SIM's period number `index` ends; stable, because it belongs to the period and not to a request."""
    return sim.activated_at + sim.period_length * (index + 1) + _jitter(sim.iccid, index)


@lru_cache(maxsize=65_536)
def _jitter(iccid: str, index: int) -> timedelta:
    return timedelta(seconds=number_of(iccid, "period", index) % _JITTER_SECONDS)


def period_start(sim: Sim, index: int) -> datetime:
    """When the SIM's period number `index` starts: at the end of the one before, or with the SIM's activation."""
    return sim.activated_at if index == 0 else period_end(sim, index - 1)


def period_index(sim: Sim, moment: datetime) -> int:
    """The number of the period that holds `moment`; negative before the SIM's activation."""
    index = (moment - sim.activated_at) // sim.period_length
    return index - 1 if index > 0 and moment < period_end(sim, index - 1) else index
