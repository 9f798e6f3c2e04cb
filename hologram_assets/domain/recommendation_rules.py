"""When another plan is recommended. Shares are 0 to 1, money is USD."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from hologram_assets.domain.written_numbers import is_whole

_MOST_PERIODS = 12
_MOST_USD = Decimal(1_000_000)
_MOST_TIMES = Decimal(1_000)


@dataclass(frozen=True)
class RecommendationRules:
    """How long a SIM must have been known, and what a change of its plan must save.

    Raises:
        ValueError: a value that makes no sense, naming the field.
    """

    periods: int = 3
    """Closed periods, one after the other up to the running one, that must be known."""
    saving_usd: Decimal = Decimal(1)
    """The least saving per period …"""
    saving_share: Decimal = Decimal("0.1")
    """… and the least share of the cost on the SIM's plan."""
    beyond_times: Decimal = Decimal(3)
    """A forecast of more than so many times the median of the closed periods (or of a MB) is an anomaly."""

    def __post_init__(self) -> None:
        self._check("periods", is_whole(self.periods) and 1 <= self.periods <= _MOST_PERIODS, f"1 to {_MOST_PERIODS}")
        self._check("saving_usd", _decimal(self.saving_usd, _MOST_USD), f"an amount in USD from 0 to {_MOST_USD}")
        self._check("saving_share", _decimal(self.saving_share, Decimal(1)), "a share from 0 to 1")
        self._check("beyond_times", _decimal(self.beyond_times, _MOST_TIMES), f"a number from 0 to {_MOST_TIMES}")

    def _check(self, name: str, good: bool, reason: str) -> None:  # noqa: FBT001
        if not good:
            value = getattr(self, name)
            shown = str(value) if isinstance(value, Decimal) else repr(value)
            raise ValueError(f"recommendations.{name} must be {reason}, not {shown}")


def _decimal(value: object, most: Decimal) -> bool:
    return isinstance(value, Decimal) and value.is_finite() and 0 <= value <= most
