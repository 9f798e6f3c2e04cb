"""The thresholds of the overage rules, with the defaults of rules.md, "Overage alerts". Shares are 0 to 1, money is USD."""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any, Final

from hologram_assets.domain.written_numbers import is_whole

OVERAGE_STEP: Final = "overage_step"
WILL_EXCEED: Final = "will_exceed"
PAYG_SPEND: Final = "payg_spend"
OVERAGE_RULES: Final = (OVERAGE_STEP, WILL_EXCEED, PAYG_SPEND)

# The column `alerts.step` is an INTEGER.
_MOST_PER_CENT = 1_000_000
_LEAST_USD, _MOST_USD = Decimal("0.000001"), Decimal(1_000_000_000)
_MOST_TIMES = 1_000
_MOST_DAYS = 365


@dataclass(frozen=True)
class OverageRules:
    """The ladder in per cent, from which step on a step warns or is critical, and the amounts of the other two rules.

    Raises:
        ValueError: a value that makes no sense, naming the field.
    """

    steps: tuple[int, ...] = (50, 80, 100, 120, 200, 500, 1000)
    """Per cents of the allowance."""
    warn_step: int = 80
    """From this step on `overage_step` warns; below it is information."""
    critical_step: int = 100

    will_exceed_usd: Decimal = Decimal(1)
    """The least overage that a forecast must come to."""
    relieved_share: Decimal = Decimal("0.9")
    """A forecast below this share of the allowance …"""
    relieved_days: int = 2
    """… on this many days in a row takes `will_exceed` back."""

    payg_usd: Decimal = Decimal(5)
    """`payg_spend` speaks above this, and above …"""
    payg_times_median: Decimal = Decimal(3)
    """… so many times the median of the SIM's closed periods."""
    payg_critical_usd: Decimal = Decimal(25)

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            reason = _objection(field.name, value)
            if reason:
                shown = list(value) if isinstance(value, tuple) else str(value) if isinstance(value, Decimal) else value
                msg = f"overage.{field.name} must be {reason}, not {shown!r}"
                raise ValueError(msg)
        if self.warn_step > self.critical_step:
            msg = f"overage.warn_step must be at most critical_step ({self.critical_step}), not {self.warn_step}"
            raise ValueError(msg)


def _objection(name: str, value: Any) -> str | None:
    """What the value must be, if it isn't."""
    match name:
        case "steps":
            good = isinstance(value, tuple) and bool(value) and all(_whole(step, _MOST_PER_CENT) for step in value)
            good = good and list(value) == sorted(set(value))
            reason = f"a list of ascending whole per cents from 1 to {_MOST_PER_CENT}"
        case "warn_step" | "critical_step":
            good, reason = _whole(value, _MOST_PER_CENT), f"a whole per cent from 1 to {_MOST_PER_CENT}"
        case "relieved_days":
            good, reason = _whole(value, _MOST_DAYS), f"a whole number of days from 1 to {_MOST_DAYS}"
        case "relieved_share":
            good, reason = _decimal(value) and 0 < value <= 1, "a share above 0 and at most 1"
        case "payg_times_median":
            good, reason = _decimal(value) and 0 <= value <= _MOST_TIMES, f"a number from 0 to {_MOST_TIMES}"
        case _:
            good = _decimal(value) and _LEAST_USD <= value <= _MOST_USD
            reason = f"an amount in USD from {_LEAST_USD} to {_MOST_USD}"
    return None if good else reason


def _whole(value: Any, most: int) -> bool:
    return is_whole(value) and 1 <= value <= most


def _decimal(value: Any) -> bool:
    return isinstance(value, Decimal) and value.is_finite()
