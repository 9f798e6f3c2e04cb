"""Silences: alerts that somebody knows of already and doesn't want to hear about up to a day.

A silence is judged by the day of the partition, never by the clock: a day that is run again says the same as before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from hologram_assets.domain.located_yaml import Located, as_written, plain, read_yaml
from hologram_assets.domain.network_change import NETWORK_RULES
from hologram_assets.domain.overage_rules import OVERAGE_RULES
from hologram_assets.domain.written_numbers import is_whole

SILENCEABLE: Final = (*OVERAGE_RULES, *NETWORK_RULES)
"""The rules that a silence may name: those that alerts come from."""
_MATCHERS: Final = ("organisation", "rule", "sim", "alert_id")


class Silence(NamedTuple):
    """One silence, over the UTC days from `since` (without it: from ever) to `until`, both included.

    It is for the alerts that agree with every one of `organisation`, `rule`, `sim` (linkid) and `alert_id` that it names,
    and it names at least one.
    """

    until: date
    reason: str
    since: date | None = None
    organisation: int | None = None
    rule: str | None = None
    sim: int | None = None
    alert_id: str | None = None

    def holds_on(self, day: date) -> bool:
        """Whether the silence is in force on a UTC day."""
        return (self.since is None or self.since <= day) and day <= self.until


def silenced_by(
    silences: Iterable[Silence], *, org_id: int, rule: str, linkid: int | None, alert_id: str, day: date
) -> Silence | None:
    """The first silence for an alert on a partition's day, or None. `linkid` is None for an alert of no single SIM."""
    asked = {"organisation": org_id, "rule": rule, "sim": linkid, "alert_id": alert_id}
    for silence in silences:
        named = {name: getattr(silence, name) for name in _MATCHERS}
        if silence.holds_on(day) and all(value is None or value == asked[name] for name, value in named.items()):
            return silence
    return None


def read_silences(text: str) -> tuple[Silence, ...]:
    """The silences of a YAML list of mappings with the names of `Silence`; none for an empty text.

    Raises:
        ValueError: not YAML, not a list of mappings, an unknown name, no `until` or `reason`, nothing to match, or a value
            that makes no sense. The message starts with `line N:`.
    """
    document = read_yaml(text)
    if document.value is None:
        return ()
    if not isinstance(document.value, list):
        msg = f"line {document.line}: expected a list of silences, each beginning with `- `"
        raise ValueError(msg)  # noqa: TRY004 - what is wrong is the text
    return tuple(map(_silence, document.value))


def _silence(entry: Located) -> Silence:
    if not isinstance(entry.value, dict):
        found = as_written(plain(entry))
        msg = f"line {entry.line}: expected a silence, with until, reason and what it is for, not {found!r}"
        raise ValueError(msg)  # noqa: TRY004 - what is wrong is the text
    values = {name: _value(name, located) for name, located in entry.value.items()}
    missing = [name for name in ("until", "reason") if name not in values]
    if missing:
        msg = f"line {entry.line}: a silence needs {' and '.join(missing)}"
        raise ValueError(msg)
    if not values.keys() & set(_MATCHERS):
        msg = f"line {entry.line}: would silence everything; name at least one of {', '.join(_MATCHERS)}"
        raise ValueError(msg)
    silence = Silence(**values)
    if silence.since is not None and silence.until < silence.since:
        msg = f"line {entry.value['until'].line}: until {silence.until} is before since {silence.since}"
        raise ValueError(msg)
    return silence


def _value(name: object, located: Located) -> Any:
    value = located.value
    match name:
        case "until" | "since":
            day = _day(value)
            if day is not None:
                return day
            expected = "a UTC day like 2026-12-31"
        case "organisation" | "sim":
            if is_whole(value) and value > 0:
                return value
            expected = "a whole number above zero"
        case "rule":
            if value in SILENCEABLE:
                return value
            expected = f"one of {', '.join(SILENCEABLE)}"
        case "reason" | "alert_id":
            if isinstance(value, str) and value.strip():
                return value.strip()
            expected = "text that says why" if name == "reason" else "the id of an alert, as text (in quotes)"
        case _:
            msg = f"line {located.line}: {name!r} is not known; there are {', '.join(Silence._fields)}"
            raise ValueError(msg)
    shown = str(value) if isinstance(value, date) else as_written(plain(located))
    msg = f"line {located.line}: {name} must be {expected}, not {shown!r}"
    raise ValueError(msg)


def _day(value: object) -> date | None:
    """A day as YAML reads it, or as text; a moment is none, for a silence holds for whole days."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        day = date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    # 2026-W53-4 and 20261231 are ISO as well, and read like mistakes.
    return day if day is not None and day.isoformat() == value else None


def by_state(silences: Iterable[Silence], day: date) -> Mapping[str, list[Silence]]:
    """The silences that are `active` on a day, that have `ended` before it, and that are `ahead`."""
    found: dict[str, list[Silence]] = {"active": [], "ended": [], "ahead": []}
    for silence in silences:
        found["active" if silence.holds_on(day) else "ended" if silence.until < day else "ahead"].append(silence)
    return found
