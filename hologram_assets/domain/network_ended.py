"""When the condition of an earlier change was over, judged from the sessions since.

What was usual is what the change opened with: levels, k and networks stand in its `detail`, so that a baseline that
has moved on meanwhile can't end it. A change that doesn't end is accepted as the new normal after 14 days (`accepted_at`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from hologram_assets.domain.network_change import (
    COUNTRY_CHANGE,
    FLAPPING,
    FLEET_INCIDENT,
    IMEI_CHANGE,
    NETWORK_SHIFT,
    NEW_NETWORK,
    RAT_DOWNGRADE,
    SHARED_IMEI,
    Change,
    Seen,
)
from hologram_assets.domain.network_flapping import flaps, is_unusual
from hologram_assets.domain.network_rules import NetworkRules
from hologram_assets.domain.network_shift import Shares
from hologram_assets.domain.network_words import Event, Words

_ONE_WEEK = timedelta(days=7)
_ONE_DAY = timedelta(days=1)


def accepted_at(change: Change, rules: NetworkRules) -> datetime:
    """When a change that is still open becomes the new normal."""
    return change.observed_at + timedelta(days=rules.accepted_days)


def ended_at(
    change: Change,
    sessions_since: Iterable[Seen],
    rules: NetworkRules,
    rat_levels: Mapping[str, int],
    network_aliases: Mapping[str, str],
    until: datetime,
) -> datetime | None:
    """When the change was over, None if it was not by `until` (the end of what is known; later sessions don't count).

    `sessions_since`: sessions after `observed_at`, in any order: the SIM's; for shared_imei those of all SIMs with the
    IMEI; for fleet_incident those of its SIMs. For flapping and shared_imei also of the 24 hours before.

    * rat_downgrade: k sessions in a row back at or above the old level, k as it opened.
    * new_network: 7 days without a session on it.
    * network_shift: the old network has 60 % of at least ten sessions in three days, all since.
    * country_change: the first session elsewhere that comes 24 hours or more after the last one there.
    * imei_change: two sessions in a row with the old IMEI.
    * shared_imei: 7 days in which no two SIMs used it within 24 hours.
    * flapping: 24 hours without.
    * fleet_incident: fewer than 20 % of its peak are left; a SIM has left after three sessions in a row (`rat_run_min`)
      back at the old level, or off the other network or country. A SIM without sessions is still in it.
    """
    seen = sorted(
        (each for each in sessions_since if each.session_end < until),
        key=lambda each: (each.session_end, each.record_id),
    )
    words = Words(rat_levels, network_aliases)
    end = _RULES[change.rule](change, [(each.linkid, words.event(each)) for each in seen], rules, until)
    return end if end is not None and end <= until else None


_Sessions = Sequence[tuple[int, Event]]


def _since(change: Change, sessions: _Sessions) -> list[Event]:
    return [event for _, event in sessions if event.at > change.observed_at]


def _nth_in_a_row(events: Iterable[Event], back: Callable[[Event], bool | None], length: int) -> datetime | None:
    """When `back` was true `length` times in a row; None of it is no answer and breaks no row."""
    row = 0
    for event in events:
        answer = back(event)
        if answer is None:
            continue
        row = row + 1 if answer else 0
        if row >= length:
            return event.at
    return None


def _at_level(level: int) -> Callable[[Event], bool | None]:
    return lambda event: None if event.level is None else event.level >= level


def _rat_downgrade(change: Change, sessions: _Sessions, rules: NetworkRules, until: datetime) -> datetime | None:
    del rules, until
    return _nth_in_a_row(_since(change, sessions), _at_level(change.detail["previous_level"]), change.detail["k"])


def _new_network(change: Change, sessions: _Sessions, rules: NetworkRules, until: datetime) -> datetime | None:
    del rules
    return _quiet([event.at for event in _since(change, sessions) if event.network == change.current], change, until)


def _quiet(
    moments: Iterable[datetime], change: Change, until: datetime, pause: timedelta = _ONE_WEEK
) -> datetime | None:
    """The end of the first pause without one of the moments (ascending)."""
    last = change.observed_at
    for moment in moments:
        if moment - last > pause:
            break
        last = max(last, moment)
    return last + pause if last + pause <= until else None


def _network_shift(change: Change, sessions: _Sessions, rules: NetworkRules, until: datetime) -> datetime | None:
    del until
    shares = Shares(rules.shift_days)
    for event in _since(change, sessions):
        if event.network is not None:
            shares.add(event)
            if event.network == change.previous and shares.is_dominant(event.network, rules):
                return event.at
    return None


def _country_change(change: Change, sessions: _Sessions, rules: NetworkRules, until: datetime) -> datetime | None:
    del rules, until
    last = change.observed_at
    for event in _since(change, sessions):
        if event.country == change.current:
            last = event.at
        elif event.country is not None and event.at - last >= _ONE_DAY:
            return event.at
    return None


def _imei_change(change: Change, sessions: _Sessions, rules: NetworkRules, until: datetime) -> datetime | None:
    del until
    return _nth_in_a_row(
        _since(change, sessions),
        lambda event: None if event.device is None else event.device == change.previous,
        rules.imei_run,
    )


def _shared_imei(change: Change, sessions: _Sessions, rules: NetworkRules, until: datetime) -> datetime | None:
    span = timedelta(hours=rules.shared_imei_hours)
    shared = []
    last: dict[int, datetime] = {}
    latest: list[int] = []
    for linkid, event in sessions:
        if event.device != change.current:
            continue
        # Of the two SIMs that were seen last, one is another.
        if any(other != linkid and event.at - last[other] <= span for other in latest):
            shared.append(event.at)
        last[linkid] = event.at
        latest = [linkid, *(other for other in latest if other != linkid)][:2]
    since = [moment for moment in shared if moment > change.observed_at]
    return _quiet(since, change, until, timedelta(days=rules.shared_imei_again_days))


def _flapping(change: Change, sessions: _Sessions, rules: NetworkRules, until: datetime) -> datetime | None:
    usual = change.detail["baseline_excursions"]
    found = [flap.event.at for flap in flaps((each for _, each in sessions), rules) if is_unusual(flap, usual, rules)]
    since = [moment for moment in found if moment > change.observed_at]
    return _quiet(since, change, until, timedelta(hours=rules.flapping_again_hours))


def _fleet_incident(change: Change, sessions: _Sessions, rules: NetworkRules, until: datetime) -> datetime | None:
    del until
    back = _back_from_incident(change)
    of_sim: dict[int, list[Event]] = {linkid: [] for linkid in change.detail["sims"]}
    for linkid, event in sessions:
        if event.at > change.observed_at and linkid in of_sim:
            of_sim[linkid].append(event)
    left = [_nth_in_a_row(events, back, rules.rat_run_min) for events in of_sim.values()]
    remaining = len(of_sim)
    for moment in sorted(moment for moment in left if moment is not None):
        remaining -= 1
        if remaining < rules.incident_resolved_share * change.detail["peak"]:
            return moment
    return None


def _back_from_incident(change: Change) -> Callable[[Event], bool | None]:
    if change.detail["kind"] == "rat":
        return _at_level(change.detail["previous_level"])
    target = change.detail["target"]
    if change.detail["kind"] == "network":
        return lambda event: None if event.network is None else event.network != target
    return lambda event: None if event.country is None else event.country != target


_RULES: dict[str, Callable[[Change, _Sessions, NetworkRules, datetime], datetime | None]] = {
    RAT_DOWNGRADE: _rat_downgrade,
    NEW_NETWORK: _new_network,
    NETWORK_SHIFT: _network_shift,
    COUNTRY_CHANGE: _country_change,
    IMEI_CHANGE: _imei_change,
    SHARED_IMEI: _shared_imei,
    FLAPPING: _flapping,
    FLEET_INCIDENT: _fleet_incident,
}
