"""Sessions for the tests of the network rules, and the history that `daily_link_usage` would hold of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from hologram_assets.domain.network_change import Change, DailyUse, Seen
from hologram_assets.domain.network_changes import fleet_changes
from hologram_assets.domain.network_rules import NetworkRules
from hologram_assets.domain.networks import default_network_aliases
from hologram_assets.domain.radio import default_rat_levels

ORG = 144
SIM = 7
D = date(2026, 6, 15)
HOME, OTHER, FAR = "T-Mobile USA, Inc", "AT&T Wireless Inc.", "Swisscom (Schweiz) AG"
HOME_FOLDED, OTHER_FOLDED, FAR_FOLDED = "t mobile usa", "at t wireless", "swisscom schweiz"
ONE_DAY = timedelta(days=1)
RULES = NetworkRules()


def day(back: int) -> date:
    """D minus so many days."""
    return D - back * ONE_DAY


def at(back: int, hour: float = 0) -> datetime:
    """A moment on D minus so many days."""
    return datetime.combine(day(back), time()) + timedelta(hours=hour)


def imei(number: int, model: str = "86815905") -> str:
    """An IMEI of 15 digits; the last one is no valid check digit, since none is looked at."""
    return f"{model}{number:06d}9"


class World:
    """A fleet's sessions of all days."""

    def __init__(self) -> None:
        self.sessions: list[Seen] = []

    def see(self, when: datetime, linkid: int = SIM, **words: Any) -> Seen:
        """One session: LTE at home with 1,000 bytes, unless said otherwise."""
        usual = {"bytes": 1_000, "imei": imei(linkid), "rat": "LTE", "network": HOME, "country": "United States"}
        seen = Seen(linkid=linkid, record_id=len(self.sessions) + 1, session_end=when, **{**usual, **words})
        self.sessions.append(seen)
        return seen

    def usual(self, first: int = 40, last: int = 1, linkid: int = SIM, per_day: int = 10, **words: Any) -> World:
        """Sessions alike on every day from D minus `first` to D minus `last`, from 01:00 on."""
        for back in range(first, last - 1, -1):
            for number in range(per_day):
                self.see(at(back, 1 + number * 22 / per_day), linkid, **words)
        return self

    def row(self, count: int, start: datetime, minutes: int = 30, linkid: int = SIM, **words: Any) -> list[Seen]:
        """Sessions in a row, so many minutes apart."""
        return [self.see(start + timedelta(minutes=minutes * number), linkid, **words) for number in range(count)]

    def changes(self, on: date = D, rules: NetworkRules = RULES, missing: Iterable[date] = ()) -> list[Change]:
        """What is told on a day; `missing` days have no rows in the history."""
        return changes_of(self.sessions, on, rules, missing)

    def told(self, rule: str, on: date = D, rules: NetworkRules = RULES) -> list[Change]:
        """What a rule tells on a day."""
        return [change for change in self.changes(on, rules) if change.rule == rule]

    def day_by_day(self, first: int, last: int = 0, rules: NetworkRules = RULES) -> list[Change]:
        """What is told from D minus `first` to D minus `last`, in that order."""
        return [change for back in range(first, last - 1, -1) for change in self.changes(day(back), rules)]


def changes_of(
    sessions: Sequence[Seen], on: date, rules: NetworkRules = RULES, missing: Iterable[date] = ()
) -> list[Change]:
    """`fleet_changes` with what it may see on the day: sessions of the last 8 days, history of the 91 before."""
    holes = set(missing)
    window = [seen for seen in sessions if on - 7 * ONE_DAY <= seen.session_end.date() <= on]
    history = daily_use(
        seen
        for seen in sessions
        if on - 91 * ONE_DAY <= seen.session_end.date() < on and seen.session_end.date() not in holes
    )
    return fleet_changes(ORG, on, window, history, rules, default_rat_levels(), default_network_aliases())


_Key = tuple[date, int, str | None, str | None, str | None, str | None]


def daily_use(sessions: Iterable[Seen]) -> list[DailyUse]:
    """The rows of `daily_link_usage`."""
    groups: dict[_Key, list[Seen]] = {}
    for seen in sessions:
        key = (seen.session_end.date(), seen.linkid, seen.network, seen.country, seen.rat, seen.imei)
        groups.setdefault(key, []).append(seen)
    return [
        DailyUse(
            *key,
            len(group),
            sum(seen.bytes for seen in group),
            min(seen.session_end for seen in group),
            max(seen.session_end for seen in group),
        )
        for key, group in groups.items()
    ]


def rules_of(changes: Iterable[Change]) -> list[str]:
    """The rules that speak, in order."""
    return [change.rule for change in changes]
