"""Amounts as a page shows them: whole cents whose parts add up to their total, as shown.

Stored amounts have six places. Rounded each by itself, three of 0.004 are 0.00 + 0.00 + 0.00 = 0.01.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal

_CENT = Decimal("0.01")
_HALF = Decimal("0.5")


def to_cents(amount: Decimal) -> int:
    """USD as cents, rounded once, half up.

    >>> to_cents(Decimal("0.125")), to_cents(Decimal("-0.125"))
    (13, -12)
    """
    return _floor(amount / _CENT + _HALF)


def shared_cents(total: int, parts: Sequence[Decimal]) -> list[int]:
    """Each part in cents, so that together they are the total: the largest remainders are rounded up.

    Every part moves by less than a cent, and one that is whole cents not at all, as long as the total is less than a cent
    from the parts' own sum.

    Args:
        total: in cents, as it is shown.
        parts: in USD; they add up to about the total.

    Raises:
        ValueError: the parts are no parts of this total.

    >>> shared_cents(1, [Decimal("0.004")] * 3)
    [1, 0, 0]
    """
    exact = [part / _CENT for part in parts]
    cents = [_floor(part) for part in exact]
    lacking = total - sum(cents)
    if not 0 <= lacking <= len(parts):
        msg = f"{sum(parts, Decimal(0))} USD in {len(parts)} parts don't add up to {total} cents"
        raise ValueError(msg)
    # Stable: of equal remainders the first is rounded up, so that the same amounts are shown the same each time.
    by_remainder = sorted(range(len(parts)), key=lambda at: cents[at] - exact[at])
    for at in by_remainder[:lacking]:
        cents[at] += 1
    return cents


def written(cents: int, *, signed: bool = False) -> str:
    """An amount in USD for people, with a real minus sign; a difference has a plus sign too.

    >>> written(123456), written(5, signed=True), written(0, signed=True)
    ('1,234.56', '+0.05', '0.00')
    """
    sign = "\N{MINUS SIGN}" if cents < 0 else "+" if signed and cents else ""
    return f"{sign}{abs(cents) // 100:,}.{abs(cents) % 100:02}"


def _floor(amount: Decimal) -> int:
    return int(amount.to_integral_value(ROUND_FLOOR))
