"""What usage costs. Money is `Decimal` from the JSON string to the report; no float, no division before the last step.

Source: rules.md, "Overage". `warehouse/sql/macros.sql` is the same arithmetic for a fleet.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import NamedTuple

from hologram_assets.domain.written_numbers import is_whole

MICRO_USD = Decimal("0.000001")


@dataclass(frozen=True)
class PricingRules:
    """How Hologram measures: the billed increment (bytes) and the bytes of a MB."""

    increment_bytes: int = 1_000
    mb_bytes: int = 1_000_000

    def __post_init__(self) -> None:
        for name in ("increment_bytes", "mb_bytes"):
            value = getattr(self, name)
            if not is_whole(value) or value <= 0:
                msg = f"pricing.{name} must be a whole number of bytes above zero, not {value!r}"
                raise ValueError(msg)


class Charge(NamedTuple):
    """What a SIM's usage in a period comes to; bytes and USD.

    `overage_bytes` and `overage_cost` are 0 for pay as you go, `usage_charge` is 0 for a plan with an allowance.
    """

    overage_bytes: int
    billable_bytes: int
    overage_cost: Decimal
    usage_charge: Decimal


def billable_bytes(over: int, rules: PricingRules = PricingRules()) -> int:
    """Bytes beyond the allowance, rounded up to the billed increment (a kilobyte)."""
    return -(-over // rules.increment_bytes) * rules.increment_bytes


def cost(billable: int, rate_per_mb: Decimal, rules: PricingRules = PricingRules()) -> Decimal:
    """USD for `billable` bytes at `rate_per_mb` USD, rounded once, half up, to six places."""
    with localcontext() as exact:
        # The default 28 digits would round a second time, or not hold the result, for large usage at a long rate.
        exact.prec = 100
        return (billable * rate_per_mb / rules.mb_bytes).quantize(MICRO_USD, ROUND_HALF_UP)


def charge(usage: int, allowance: int, rate_per_mb: Decimal, rules: PricingRules = PricingRules()) -> Charge:
    """The charge for `usage` bytes on a plan with `allowance` bytes; an allowance of 0 is pay as you go.

    >>> charge(12_000_001, 10_000_000, Decimal("0.21")).overage_cost
    Decimal('0.420210')
    """
    nothing = Decimal(0).quantize(MICRO_USD)
    over = max(0, usage - allowance)
    billable = billable_bytes(over, rules)
    amount = cost(billable, rate_per_mb, rules)
    if allowance == 0:
        return Charge(0, billable, nothing, amount)
    return Charge(over, billable, amount, nothing)
