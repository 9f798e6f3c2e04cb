"""Reading single JSON values as Hologram sends them: numbers as strings and the other way round, many words for null.

Every function returns None for null and raises ValueError, with a reason to show, for what can't be read.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

_NULLS = {"", "unknown", "null", "none", "0000-00-00 00:00:00", "0000-00-00"}
_BIGINT_MAX = 2**63 - 1


def text(value: Any) -> str | None:
    """A string; numbers become their digits."""
    if value is None or isinstance(value, (dict, list)):
        return None
    if isinstance(value, str):
        return None if value.strip().lower() in _NULLS else value
    return str(value)


def whole(value: Any) -> int | None:
    """A whole number that is not negative and fits 64 bits."""
    if value is None or (isinstance(value, str) and value.strip().lower() in _NULLS):
        return None
    number = _integer(value)
    if number is None:
        msg = f"{value!r} is not a whole number"
        raise ValueError(msg)
    if number < 0:
        msg = f"{number} is negative"
        raise ValueError(msg)
    if number > _BIGINT_MAX:
        msg = f"{number} does not fit 64 bits"
        raise ValueError(msg)
    return number


def signed(value: Any) -> int | None:
    """A whole number of either sign (an overage limit of -1 means none), None if it can't be read."""
    number = _integer(value)
    return number if number is not None and -_BIGINT_MAX <= number <= _BIGINT_MAX else None


def _integer(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, (Decimal, float)):
        return int(value) if value == value.__trunc__() else None
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            return None
    return None


def moment(value: Any) -> datetime | None:
    """A time in naive UTC from `YYYY-MM-DD HH:MM:SS`; one that names its offset is converted."""
    if value is None or (isinstance(value, str) and value.strip().lower() in _NULLS):
        return None
    if not isinstance(value, str) or len(value) < len("YYYY-MM-DD HH:MM"):
        msg = f"{value!r} is not a time"
        raise ValueError(msg)
    try:
        read = datetime.fromisoformat(value)
        return read if read.tzinfo is None else read.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        msg = f"{value!r} is not a time"
        raise ValueError(msg) from None


def flag(value: Any) -> bool:
    """True for true, 1 and their spellings; null is false."""
    return value is True or str(value).strip().lower() in {"1", "true", "yes"}


def money(value: Any) -> Decimal | None:
    """USD from a decimal string or number, exactly; None for null and for what isn't a finite number."""
    if value is None or isinstance(value, bool):
        return None
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None
