"""What every session has in common, however it is drawn: how bytes spread over a day, and how late a session comes."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Final

LATEST_RECEIPT: Final = timedelta(hours=9)
_LATEST_SECONDS: Final = int(LATEST_RECEIPT.total_seconds())
_ZERO_BYTES: Final = 0.1
_LATE: Final = 0.04


def divided(chance: Random, total: float, count: int) -> list[int]:
    """Bytes, divided among so many sessions; some get none."""
    weights = [0.0 if chance.random() < _ZERO_BYTES else chance.lognormvariate(0, 0.8) for _ in range(count)]
    whole = sum(weights)
    return [int(total * weight / whole) if whole else 0 for weight in weights]


def seconds_until_receipt(chance: Random) -> int:
    """How long after its end Hologram has a session: a few seconds, for some of them hours."""
    return chance.randrange(600, _LATEST_SECONDS) if chance.random() < _LATE else chance.randrange(4)
