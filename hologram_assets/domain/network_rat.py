"""`rat_downgrade`: the SIM's usual RAT is gone, for longer than chance explains.

A run is a row of sessions with a known RAT below the dominant one; it begins with the first of them and ends with the
first that is back. What is dominant, and how many sessions in a row are too many (k), is the baseline's word on the day
on which the run began. After `accepted_days` a run is the new normal and ends as well.

A run tells once per level: falling to 3G, and in the same run to 2G, are two changes. It doesn't tell a level to which
an earlier run had fallen if the SIM was not back since (k sessions in a row), and waits with telling until 24 hours after
the end of that earlier run if it was ("24 h per SIM and pair").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from math import ceil, log
from typing import Any, NamedTuple

from hologram_assets.domain.network_baseline import Baseline, most
from hologram_assets.domain.network_change import CRITICAL, RAT_DOWNGRADE, WARN, Finding
from hologram_assets.domain.network_rules import NetworkRules
from hologram_assets.domain.network_sim import SimView
from hologram_assets.domain.network_words import Event


class UsualRat(NamedTuple):
    """The dominant RAT of a baseline: its level and word, its share, and what k was computed from."""

    level: int
    rat: str
    share: float
    per_day: float
    below: float
    k: int


def sessions_in_a_row(per_day: float, below: float, rules: NetworkRules) -> int:
    """k: so many sessions below the dominant RAT in a row are no chance.

    `per_day` is n, sessions with a known RAT on a day with any; `below` the baseline share below the dominant RAT.
    k = max(3, ceil(ln(0.0003 / n) / ln p)), p = max(0.005, below). Source: rules.md, `rat_downgrade`.

    >>> sessions_in_a_row(10, 0.05, NetworkRules())
    4
    """
    p = max(rules.rat_share_floor, below)
    return max(rules.rat_run_min, ceil(log(rules.rat_false_alarms / per_day) / log(p)))


def usual_rat(baseline: Baseline, rules: NetworkRules) -> UsualRat | None:
    """The dominant RAT; None if none has 80 % of the sessions with a known RAT, or if too few of those are known."""
    known = sum(baseline.levels.values())
    if known < rules.min_sessions or baseline.level_days < rules.min_days:
        return None
    level = max(baseline.levels, key=lambda of: (baseline.levels[of], of))
    share = baseline.levels[level] / known
    if share < rules.rat_dominance:
        return None
    per_day = known / baseline.level_days
    below = sum(count for of, count in baseline.levels.items() if of < level) / known
    return UsualRat(level, baseline.rat_of(level), share, per_day, below, sessions_in_a_row(per_day, below, rules))


class _Run:
    """Sessions below the usual RAT in a row: `events[first : last + 1]` of those with a known RAT."""

    def __init__(self, first: int, usual: UsualRat, home: str | None) -> None:
        self.first = first
        self.last = first
        self.usual = usual
        self.home = home
        self.reached = usual.level
        """The level at or below which k sessions in a row were; the usual one if the run never got that long."""


def rat_downgrades(sim: SimView) -> list[Finding]:
    """The changes of every day of the window; those of the window's first days only as far as the inputs show."""
    rules = sim.rules
    events = [event for event in sim.events if event.level is not None]
    if not _worth_a_look(events, sim, rules.rat_run_min):
        return []
    # The state at the window's start is what four more weeks of history say: with sessions once in two days, k of them
    # don't fit into the window.
    events = [event for event in sim.earlier if event.level is not None] + events
    findings: list[Finding] = []
    earlier: list[_Run] = []
    for run in _runs(events, sim, rules):
        findings += _told(run, events, earlier, rules)
        if run.reached < run.usual.level:
            earlier.append(run)
    return [finding for finding in findings if finding.observed_at >= sim.window_start]


def _worth_a_look(events: Sequence[Event], sim: SimView, least: int) -> bool:
    """Whether the shortest possible run could end in the window: nearly every SIM is healthy, and this is cheap."""
    if not events:
        return False
    top = max(sim.top_level, *(event.level or 0 for event in events))
    # A run that began before the window shows only its end.
    row = least if events[0].level != top else 0
    for event in events:
        row = row + 1 if event.level != top else 0
        if row >= least:
            return True
    return False


def _runs(events: Sequence[Event], sim: SimView, rules: NetworkRules) -> Iterator[_Run]:
    """Every run, complete, in order of its beginning."""
    accepted = timedelta(days=rules.accepted_days)
    usual_on: dict[date, UsualRat | None] = {}
    run: _Run | None = None
    for index, event in enumerate(events):
        level = event.level
        assert level is not None  # noqa: S101 - `rat_downgrades` leaves the others out
        if run is not None:
            if level < run.usual.level and event.at - events[run.first].at < accepted:
                run.last = index
                continue
            yield run
            run = None
        day = event.at.date()
        if day not in usual_on:
            usual_on[day] = usual_rat(sim.baseline(day), rules)
        usual = usual_on[day]
        if usual is not None and level < usual.level:
            run = _Run(index, usual, sim.baseline(day).home(rules))
    if run is not None:
        yield run


def _told(run: _Run, events: Sequence[Event], earlier: Sequence[_Run], rules: NetworkRules) -> Iterator[Finding]:
    """What the run tells, once per level; sets how low it reached."""
    usual = run.usual
    told = usual.level
    for index in range(run.first + usual.k - 1, run.last + 1):
        row = events[index - usual.k + 1 : index + 1]
        level = max(event.level or 0 for event in row)
        run.reached = min(run.reached, level)
        if level >= told or _spoken_for(run, level, events, index, earlier, rules):
            continue
        told = level
        began = events[run.first]
        words = Counter(event.rat for event in row if event.level == level and event.rat is not None)
        detail: dict[str, Any] = {
            "baseline_share": round(usual.share, 4),
            "baseline_share_below": round(usual.below, 4),
            "n": round(usual.per_day, 2),
            "p": round(max(rules.rat_share_floor, usual.below), 4),
            "k": usual.k,
            "sessions_in_a_row": index - run.first + 1,
            "previous_level": usual.level,
            "current_level": level,
        }
        yield Finding(
            RAT_DOWNGRADE,
            CRITICAL if level <= rules.rat_critical_level else WARN,
            usual.rat,
            most(words),
            events[index].at,
            events[index].record_id,
            began.at,
            detail,
            "rat",
            f"{usual.level}>{level}",
            run.home,
        )


def _spoken_for(
    run: _Run, level: int, events: Sequence[Event], index: int, earlier: Sequence[_Run], rules: NetworkRules
) -> bool:
    """Whether the last run that fell as low from the same level still speaks, or spoke within 24 hours."""
    for other in reversed(earlier):
        if other.usual.level == run.usual.level and other.reached <= level:
            resolved = _back_in_a_row(events[other.last + 1 : run.first], other.usual) >= other.usual.k
            if not resolved and not _accepted(other, run, events, rules):
                return True
            return events[index].at - events[other.last].at < timedelta(hours=rules.rat_again_hours)
    return False


def _accepted(other: _Run, run: _Run, events: Sequence[Event], rules: NetworkRules) -> bool:
    return events[run.first].at - events[other.first].at >= timedelta(days=rules.accepted_days)


def _back_in_a_row(events: Sequence[Event], usual: UsualRat) -> int:
    """The longest row of sessions that are back at or above the usual level."""
    longest = row = 0
    for event in events:
        row = row + 1 if (event.level or 0) >= usual.level else 0
        longest = max(longest, row)
    return longest
