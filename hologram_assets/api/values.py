"""Reading single JSON values as Hologram sends them: numbers as strings and the other way round, many words for null.

Every function returns None for null and raises ValueError, with a reason to show, for what can't be read.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from operator import itemgetter
from typing import Any

_NULLS = {"", "unknown", "null", "none", "0000-00-00 00:00:00", "0000-00-00"}
_FIRST = itemgetter(slice(0, 1))
_NULLS_BEGIN = {"", *"uUnN0", *(character for character in map(chr, range(0x3001)) if character.isspace())}
_BIGINT_MAX = 2**63 - 1
_MOST_DIGITS = 20
_SHOWN_CHARACTERS = 60
# What a price may be: below a billion USD, and more places than any column keeps.
_LARGEST_MONEY = Decimal(10**9)
_MONEY_PLACES = Decimal("1e-18")


def text(value: Any) -> str | None:
    """A string; numbers become their digits."""
    if isinstance(value, str):
        return None if is_null(value) else value
    if value is None or isinstance(value, (dict, list)):
        return None
    return str(value)


def is_null(value: str) -> bool:
    """Whether a string is one of Hologram's words for null."""
    # A window has millions of values: most are told from null by their first character.
    return value[:1] in _NULLS_BEGIN and value.strip().lower() in _NULLS


def may_be_null(values: Iterable[str]) -> bool:
    """False only if none of the strings is one of Hologram's words for null: a quick look at a column of a page."""
    return not _NULLS_BEGIN.isdisjoint(map(_FIRST, values))


def whole(value: Any) -> int | None:
    """A whole number that is not negative and fits 64 bits."""
    if type(value) is int and 0 <= value <= _BIGINT_MAX:
        return value
    if value is None or (isinstance(value, str) and is_null(value)):
        return None
    number = _integer(value)
    if number is None:
        msg = f"{_shown(value)} is not a whole number"
        raise ValueError(msg)
    if number < 0:
        msg = f"{_shown(value)} is negative"
        raise ValueError(msg)
    if number > _BIGINT_MAX:
        msg = f"{_shown(value)} does not fit 64 bits"
        raise ValueError(msg)
    return number


def signed(value: Any) -> int | None:
    """A whole number of either sign (an overage limit of -1 means none), None if it can't be read."""
    number = value if type(value) is int else _integer(value)
    return number if number is not None and -_BIGINT_MAX <= number <= _BIGINT_MAX else None


def _integer(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            pass  # "12.0" is looked at below, as the number 12.0 is
    number = _decimal(value)
    # Digits are counted before they are written out: 1e999999999 is a short text and fills the memory as an int.
    if number is None or number.adjusted() >= _MOST_DIGITS or number != int(number):
        return None
    return int(number)


def _decimal(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal)):
        return None
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _shown(value: Any) -> str:
    """A value for a reason: short, and nothing of what an object holds, which may be secret."""
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "an array"
    return repr(value)[:_SHOWN_CHARACTERS]


def moment(value: Any) -> datetime | None:
    """A time in naive UTC from `YYYY-MM-DD HH:MM:SS`; one that names its offset is converted."""
    if value is None or (isinstance(value, str) and is_null(value)):
        return None
    if not isinstance(value, str) or len(value) < len("YYYY-MM-DD HH:MM"):
        msg = f"{_shown(value)} is not a time"
        raise ValueError(msg)
    try:
        read = datetime.fromisoformat(value)
        return read if read.tzinfo is None else read.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        msg = f"{_shown(value)} is not a time"
        raise ValueError(msg) from None


def flag(value: Any) -> bool:
    """True for true, 1 and their spellings; null is false."""
    return value is True or str(value).strip().lower() in {"1", "true", "yes"}


def money(value: Any) -> Decimal | None:
    """USD from a decimal string or number, exactly up to 18 places; None for null and for what isn't a finite number.

    Raises:
        ValueError: a billion or more, which no column holds.
    """
    amount = _decimal(value)
    if amount is None:
        return None
    if abs(amount) >= _LARGEST_MONEY:
        msg = f"{_shown(value)} is too large for a price"
        raise ValueError(msg)
    exponent = amount.as_tuple().exponent
    return amount.quantize(_MONEY_PLACES) if isinstance(exponent, int) and exponent < -18 else amount  # noqa: PLR2004
