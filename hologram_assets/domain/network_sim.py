"""One SIM as the rules see it: its sessions of D-7 to D in order, and what was usual for it on any of those days.

A change is judged by the baseline of the day on which it began, not of the day that is computed: so every day that looks
at it sees the same change, complete at the same session.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from functools import cached_property
from operator import itemgetter

from hologram_assets.domain.network_baseline import Baseline, DaySum, baseline_of, day_sum, most
from hologram_assets.domain.network_change import DailyUse, Seen
from hologram_assets.domain.network_rules import (
    BASELINE_DAYS,
    BASELINE_LAG_DAYS,
    SET_DAYS,
    WINDOW_DAYS,
    NetworkRules,
)
from hologram_assets.domain.network_words import Event, Words

ONE_DAY = timedelta(days=1)
_EARLIER_DAYS = 28
"""How far before the window a run of sessions is followed back, so that a SIM with few of them is not forgotten."""


class SimView:
    """A SIM on day D, from its sessions and its rows of history, both in any order.

    What lies outside D-7 to D (sessions) and D-91 to D-1 (history) is not looked at.
    """

    def __init__(
        self,
        linkid: int,
        day: date,
        sessions: Iterable[Seen],
        history: Iterable[DailyUse],
        rules: NetworkRules,
        words: Words,
    ) -> None:
        self.linkid = linkid
        self.day = day
        self.rules = rules
        self.words = words
        self.first_day = day - WINDOW_DAYS * ONE_DAY
        self.window_start = datetime.combine(self.first_day, time())
        until = datetime.combine(day, time()) + ONE_DAY
        self.events = [words.event(seen) for seen in sessions if self.window_start <= seen.session_end < until]
        self.events.sort(key=itemgetter(0, 1))
        self._sums: dict[date, DaySum] = {}
        self._baselines: dict[date, Baseline] = {}
        self.uses: dict[date, list[DailyUse]] = {}
        oldest = day - (SET_DAYS + 1) * ONE_DAY
        for row in history:
            if oldest <= row.day < day:
                self.uses.setdefault(row.day, []).append(row)
        self._read_sets()

    def _read_sets(self) -> None:
        """What the SIM met before the window: D-91 to D-8."""
        words = self.words
        self.days_before = {day for day in self.uses if day < self.first_day}
        self.sessions_before = 0
        places: set[tuple[str | None, str | None]] = set()
        imeis: dict[str | None, tuple[int, datetime]] = {}
        for day in self.days_before:
            for row in self.uses[day]:
                self.sessions_before += row.sessions
                places.add((row.network, row.country))
                count, last = imeis.get(row.imei, (0, row.last_seen))
                imeis[row.imei] = count + row.sessions, max(last, row.last_seen)
        self.networks_before = {words.network(network) for network, _ in places} - {None}
        self.countries_before = {words.country(country) for _, country in places} - {None}
        self.devices_before: dict[str, tuple[int, datetime]] = {}
        """Sessions and the end of the last one, by device."""
        for imei, (count, last) in imeis.items():
            device = words.device(imei)
            if device is not None:
                sofar, latest = self.devices_before.get(device, (0, last))
                self.devices_before[device] = sofar + count, max(latest, last)

    def sum_of(self, day: date) -> DaySum | None:
        """The day's sessions, counted; None if there are none."""
        if day not in self.uses:
            return None
        if day not in self._sums:
            self._sums[day] = day_sum(self.uses[day], self.words)
        return self._sums[day]

    def baseline(self, day: date) -> Baseline:
        """What was usual on `day`: day-29 to day-2."""
        if day not in self._baselines:
            days = (day - back * ONE_DAY for back in range(BASELINE_LAG_DAYS, BASELINE_LAG_DAYS + BASELINE_DAYS))
            sums = (self.sum_of(each) for each in days)
            self._baselines[day] = baseline_of(each for each in sums if each is not None)
        return self._baselines[day]

    @cached_property
    def top_level(self) -> int:
        """The highest RAT level in any baseline of the window."""
        days = (self.day - back * ONE_DAY for back in range(BASELINE_LAG_DAYS, BASELINE_DAYS + WINDOW_DAYS + 2))
        sums = (self.sum_of(day) for day in days)
        return max((level for each in sums if each is not None for level, _ in each.rats), default=0)

    @cached_property
    def known_from(self) -> int:
        """The first session of the window before which 10 sessions on 3 days are known: none is told of before it."""
        seen_days = set(self.days_before)
        for index, event in enumerate(self.events):
            if self.sessions_before + index >= self.rules.min_sessions and len(seen_days) >= self.rules.min_days:
                return index
            seen_days.add(event.at.date())
        return len(self.events)

    def set_is_known(self, day: date) -> bool:
        """Whether the sets of the time before the window say what is new for the SIM on `day`.

        10 sessions on 3 days before the window, and 3 days of the 28 before `day`: after a hole in the history, what a
        SIM did meanwhile is not known.
        """
        recent = sum(day - back * ONE_DAY in self.uses for back in range(1, BASELINE_DAYS + 1))
        return (
            self.sessions_before >= self.rules.min_sessions
            and len(self.days_before) >= self.rules.min_days
            and recent >= self.rules.min_days
        )

    @cached_property
    def earlier(self) -> list[Event]:
        """What the history tells of the sessions of the four weeks before the window, in order.

        A row's sessions are spread evenly between its first and its last: which of them came when is not stored.
        """
        words = self.words
        events = []
        for back in range(1, _EARLIER_DAYS + 1):
            for use in self.uses.get(self.first_day - back * ONE_DAY, ()):
                step = (use.last_seen - use.first_seen) / max(1, use.sessions - 1)
                level, network, country = words.level(use.rat), words.network(use.network), words.country(use.country)
                events += [
                    Event(
                        min(use.first_seen + step * i, use.last_seen),
                        None,
                        use.bytes,
                        level,
                        use.rat,
                        network,
                        country,
                        None,
                    )
                    for i in range(use.sessions)
                ]
        # Rows come in no order of their own, so ties are settled by what they say.
        events.sort(key=lambda event: (event.at, event.level or 0, event.rat or "", event.network or ""))
        return events

    def usual_country(self, day: date) -> str | None:
        """The country with the most sessions in the four weeks before `day`."""
        counts: dict[str, int] = {}
        for back in range(1, BASELINE_DAYS + 1):
            for use in self.uses.get(day - back * ONE_DAY, ()):
                country = self.words.country(use.country)
                if country is not None:
                    counts[country] = counts.get(country, 0) + use.sessions
        return most(counts)

    def homes(self) -> dict[date, str]:
        """The network with the most sessions in the baseline of each day of the window, where enough is known.

        `baseline(day).home(rules)` of all eight days at once: every SIM is asked, so sums slide from day to day.
        """
        rules = self.rules
        counts: dict[str, int] = {}
        sessions = days = 0
        homes = {}
        first = self.first_day - (BASELINE_LAG_DAYS + BASELINE_DAYS - 1) * ONE_DAY
        for number in range(BASELINE_DAYS + WINDOW_DAYS):
            coming = self.sum_of(first + number * ONE_DAY)
            going = self.sum_of(first + (number - BASELINE_DAYS) * ONE_DAY) if number >= BASELINE_DAYS else None
            for each, sign in ((coming, 1), (going, -1)):
                if each is not None:
                    sessions += sign * each.sessions
                    days += sign
                    for network, count in each.networks.items():
                        counts[network] = counts.get(network, 0) + sign * count
            known = sessions >= rules.min_sessions and days >= rules.min_days
            if number >= BASELINE_DAYS - 1 and known:
                home = next(iter(counts), None) if len(counts) == 1 else most(counts)
                if home is not None and counts[home] > 0:
                    homes[first + (number + BASELINE_LAG_DAYS) * ONE_DAY] = home
        return homes
