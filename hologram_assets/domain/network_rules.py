"""The thresholds of the network and RAT rules, with the defaults of rules.md.

Days before the day in question D: sessions are read from D-7 on, the baseline is D-29 to D-2, sets reach back to D-91.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Final

from hologram_assets.domain.written_numbers import is_number, is_whole

WINDOW_DAYS: Final = 7
"""Sessions of D-7 to D are read, one by one."""
BASELINE_DAYS: Final = 28
BASELINE_LAG_DAYS: Final = 2
"""The baseline ends on D-2, so that a change doesn't become normal while it is still being noticed."""
SET_DAYS: Final = 90
_MODEL_DIGITS: Final = 8


@dataclass(frozen=True)
class NetworkRules:
    """Every threshold of rules.md, "Network and RAT rules". Shares are 0 to 1, bytes are bytes.

    Raises:
        ValueError: a value that makes no sense, naming the field.
    """

    min_sessions: int = 10
    """No alert until this many sessions of the SIM …"""
    min_days: int = 3
    """… on this many days are known."""
    accepted_days: int = 14
    """An open alert that old is the new normal."""

    rat_dominance: float = 0.8
    rat_run_min: int = 3
    rat_false_alarms: float = 0.0003
    """False alarms per SIM and day that `k` is chosen for."""
    rat_share_floor: float = 0.005
    """The least that the baseline share below the dominant RAT counts as: 28 days can't show that it never happens."""
    rat_again_hours: float = 24
    rat_critical_level: int = 1
    """A downgrade to this level or below is critical; 1 is 2G."""

    new_network_sessions: int = 2
    new_network_bytes: int = 10_000

    shift_baseline_share: float = 0.6
    shift_share: float = 0.6
    shift_sessions: int = 10
    shift_days: int = 3
    shift_again_days: int = 7

    country_again_hours: float = 24

    imei_run: int = 2
    """Sessions in a row with another IMEI of the same model; another model counts at once."""
    shared_imei_hours: float = 24
    shared_imei_again_days: int = 7
    shared_imei_allowed_models: frozenset[str] = frozenset()
    """Models (first 8 digits) that are known to come with one IMEI for all."""

    flapping_changes: int = 6
    flapping_share: float = 0.5
    flapping_false_alarms: float = 0.0003
    """Flapping must be less likely than this by the SIM's usual excursions; 1 asks for nothing but the counts."""
    flapping_hours: float = 24
    flapping_again_hours: float = 24

    incident_sims: int = 10
    incident_share: float = 0.05
    incident_hours: float = 6
    incident_days: int = 2
    """The changes of an incident begin on the day on which it is found or on the day before."""
    incident_again_hours: float = 24
    """An incident that was not seen for this long is another one."""
    incident_resolved_share: float = 0.2

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            reason = _objection(field.name, value)
            if reason:
                msg = f"network.{field.name} {reason}, not {value!r}"
                raise ValueError(msg)


def _objection(name: str, value: Any) -> str | None:
    if name == "shared_imei_allowed_models":
        good = isinstance(value, frozenset) and all(
            isinstance(model, str) and len(model) == _MODEL_DIGITS and model.isascii() and model.isdigit()
            for model in value
        )
        return None if good else "must be a set of models, each the first eight digits of an IMEI as text"
    if name in _CHECKS:
        check, reason = _CHECKS[name]
        return None if is_number(value) and check(value) else reason
    if name.endswith("_hours"):
        return None if is_number(value) and value > 0 else "must be a number of hours above zero"
    return None if is_whole(value) and value > 0 else _COUNT


def _share(value: float) -> bool:
    return 0 < value <= 1


def _majority(value: float) -> bool:
    return 0.5 < value <= 1  # noqa: PLR2004 - half: at or below it, two could be dominant


def _up_to(most: int) -> tuple[Callable[[float], bool], str]:
    return lambda value: isinstance(value, int) and 1 <= value <= most, f"must be a whole number from 1 to {most}"


def _whole(value: float) -> bool:
    return isinstance(value, int) and value >= 0


_COUNT = "must be a whole number above zero"
_SHARE = (_share, "must be a share above 0 and at most 1")
_MAJORITY = (_majority, "must be a share above 0.5 and at most 1")
_WHOLE = (_whole, "must be a whole number, zero or more")
_HOURS_OF_DAYS = (lambda value: 0 < value <= 24 * (WINDOW_DAYS - 1), "must be a number of hours, at most six days")
_CHECKS: dict[str, tuple[Callable[[float], bool], str]] = {
    "rat_dominance": _MAJORITY,
    "rat_false_alarms": (lambda value: 0 < value < 1, "must be a number between 0 and 1"),
    "rat_share_floor": (lambda value: 0 < value < 0.5, "must be a share above 0 and below 0.5"),  # noqa: PLR2004
    "rat_critical_level": _WHOLE,
    "new_network_bytes": _WHOLE,
    "shift_baseline_share": _MAJORITY,
    "shift_share": _MAJORITY,
    "shift_days": _up_to(WINDOW_DAYS),
    # Longer than the sessions that are read can't be kept.
    "shift_again_days": _up_to(WINDOW_DAYS),
    "shared_imei_again_days": _up_to(WINDOW_DAYS),
    "country_again_hours": _HOURS_OF_DAYS,
    "rat_again_hours": _HOURS_OF_DAYS,
    "shared_imei_hours": _HOURS_OF_DAYS,
    "flapping_again_hours": _HOURS_OF_DAYS,
    "flapping_hours": _HOURS_OF_DAYS,
    "incident_hours": _HOURS_OF_DAYS,
    "incident_again_hours": _HOURS_OF_DAYS,
    "incident_days": _up_to(WINDOW_DAYS),
    "flapping_share": _SHARE,
    "flapping_false_alarms": (lambda value: 0 < value <= 1, "must be a number above 0 and at most 1"),
    "incident_share": _SHARE,
    "incident_resolved_share": _SHARE,
}
