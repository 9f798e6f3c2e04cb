"""Network and RAT alerts: every change of the last two weeks, and where it stands at the end of a day.

A change that is open takes in a later one of the same kind (SIM, rule, from and to): it is one condition. One that flapping
or a fleet incident explains is silenced while that is open, and a day longer: SIMs don't come back all at once, and those
that don't come back at all speak for themselves then. Source: rules.md, "Network and RAT rules".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from hologram_assets.domain.alerts import ACCEPTED, OPEN, RESOLVED, SILENCED, Alert, identity
from hologram_assets.domain.network_change import (
    COUNTRY_CHANGE,
    FLAPPING,
    FLEET_INCIDENT,
    IMEI_CHANGE,
    INHIBITED_BY,
    NETWORK_SHIFT,
    NEW_NETWORK,
    RAT_DOWNGRADE,
    SHARED_IMEI,
    Change,
    Seen,
)
from hologram_assets.domain.network_ended import accepted_at, ended_at
from hologram_assets.domain.network_rules import NetworkRules

_MOST_SIMS_IN_DETAIL = 50
_GRACE = timedelta(days=1)
# Networks and countries are compared without case, and read better with it.
_IN_FOLDED_WORDS = (NEW_NETWORK, NETWORK_SHIFT, COUNTRY_CHANGE)

Key = tuple[str, int | None, str | None, str | None]
SessionsOf = Callable[[Change], Iterable[Seen]]


def look_back(rules: NetworkRules) -> timedelta:
    """How far before a day its alerts read changes: two lives of a change, so that a repetition finds what it repeats."""
    return timedelta(days=2 * rules.accepted_days)


def needed(changes: Sequence[Change], day: date, rules: NetworkRules) -> list[Change]:
    """The changes whose course matters on `day`: what may be open, what came before it of its kind, and what inhibits it."""
    may_be_open = [change for change in changes if accepted_at(change, rules).date() >= day]
    keys = {_key(change) for change in may_be_open}
    inhibitors = {change.detail.get(INHIBITED_BY) for change in may_be_open} - {None}
    return [change for change in changes if _key(change) in keys or (inhibitors and change.change_id in inhibitors)]


class _Course(NamedTuple):
    """A change with its end, None if it goes on, and what the end was."""

    change: Change
    end: datetime | None
    state: str

    def covers(self, moment: datetime) -> bool:
        return self.change.observed_at < moment and (self.end is None or moment <= self.end)


def network_alerts(
    changes: Sequence[Change],
    sessions_since: SessionsOf,
    rules: NetworkRules,
    rat_levels: Mapping[str, int],
    network_aliases: Mapping[str, str],
    *,
    day: date,
    until: datetime,
) -> list[Alert]:
    """The alerts of an organisation on `day`: changes that are open at its end, or that ended on it.

    Args:
        changes: those that `needed` names.
        sessions_since: the sessions that `ended_at` asks for, for one change.
        rules: thresholds.
        rat_levels: RAT to level.
        network_aliases: folded alias to folded network.
        day: the UTC day.
        until: what is known of it: its end, or the moment up to which sessions were seen.
    """
    courses: dict[Key, list[_Course]] = {}
    by_id: dict[str, _Course] = {}
    for change in sorted(changes, key=lambda each: each.observed_at):
        accepted = accepted_at(change, rules)
        known = min(until, accepted)
        end = ended_at(change, sessions_since(change), rules, rat_levels, network_aliases, known)
        if end is not None:
            course = _Course(change, end, RESOLVED)
        else:
            course = _Course(change, accepted if accepted <= until else None, ACCEPTED)
        courses.setdefault(_key(change), []).append(course)
        by_id[change.change_id] = course
    alerts: dict[str, Alert] = {}
    for of_kind in courses.values():
        for course in of_kind:
            moment = course.change.observed_at
            repeats = any(other.covers(moment) for other in of_kind)
            if not repeats and (course.end is None or course.end.date() >= day):
                inhibitor = by_id.get(course.change.detail.get(INHIBITED_BY, ""))
                alert = _alert(course, inhibitor, day)
                # Of two on one day the one that holds is told; they are one alert.
                if alert.alert_id not in alerts or alerts[alert.alert_id].has_ended:
                    alerts[alert.alert_id] = alert
    return list(alerts.values())


def _key(change: Change) -> Key:
    return change.rule, change.linkid, change.previous, change.current


def _alert(course: _Course, inhibitor: _Course | None, day: date) -> Alert:
    change = course.change
    is_open = course.end is None or course.end.date() > day
    explained = inhibitor is not None and (inhibitor.end is None or inhibitor.end.date() + _GRACE >= day)
    detail: dict[str, Any] = {
        "linkid": change.linkid,
        "change_id": change.change_id,
        "record_id": change.record_id,
        "previous": change.previous,
        "current": change.current,
        **change.detail,
        "why": why(change),
    }
    if len(detail.get("sims", ())) > _MOST_SIMS_IN_DETAIL:
        detail["sims"] = detail["sims"][:_MOST_SIMS_IN_DETAIL]
    return Alert(
        _alert_id(change),
        change.rule,
        0,
        change.severity,
        f"SIM {change.linkid}"
        if change.linkid is not None
        else str(change.detail.get("network") or change.previous).title(),
        (SILENCED if explained else OPEN) if is_open else course.state,
        change.observed_at,
        change.observed_at,
        None if is_open else course.end,
        title(change),
        detail,
    )


def _alert_id(change: Change) -> str:
    """The same although a late session moves the moment at which the rule was complete, or brings another SIM forward.

    So the day on which it began stands for the moment, and for a shared IMEI the IMEI for the SIM.
    """
    began = str(change.detail.get("began_at", change.observed_at))[:10]
    linkid = None if change.rule == SHARED_IMEI else change.linkid
    return identity(change.org_id, change.rule, linkid, change.previous, change.current, began)


def title(change: Change) -> str:
    """What happened, in the words of a headline."""
    before, now = change.previous or "", change.current or ""
    if change.rule in _IN_FOLDED_WORDS:
        before, now = before.title(), now.title()
    before, now = before or "unknown", now or "unknown"
    return {
        RAT_DOWNGRADE: f"fell from {before} to {now}",
        NEW_NETWORK: f"on network {now} for the first time",
        NETWORK_SHIFT: f"moved from network {before} to {now}",
        COUNTRY_CHANGE: f"in country {now} for the first time",
        IMEI_CHANGE: f"in another device: IMEI {now} after {before}",
        SHARED_IMEI: f"IMEI {now} is used by {change.detail.get('sims_count')} SIMs",
        FLAPPING: "keeps changing network or RAT",
        FLEET_INCIDENT: f"{change.detail.get('sims_count')} SIMs changed to {now} at once",
    }[change.rule]


def why(change: Change) -> str:
    """Why we think so: the numbers of the rule, as a sentence."""
    return _WHY[change.rule](change.detail)


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _rat_downgrade(detail: Mapping[str, Any]) -> str:
    return (
        f"{detail['sessions_in_a_row']} sessions in a row below the RAT that carried {detail['baseline_share']:.0%} of the "
        f"sessions of four weeks; from {detail['k']} on it is no chance"
    )


def _new_network(detail: Mapping[str, Any]) -> str:
    whole = ", new to the whole organisation" if detail.get("new_to_organisation") else ""
    return (
        f"never seen in 90 days{whole}; {_counted(detail['sessions'], 'session')} with {detail['bytes']:,} bytes so far, "
        f"{_counted(detail['networks_known'], 'network')} known before"
    )


def _network_shift(detail: Mapping[str, Any]) -> str:
    return (
        f"{detail['share']:.0%} of {detail['sessions']} sessions in {detail['days']} days; the network before had "
        f"{detail['baseline_share']:.0%} of four weeks"
    )


def _country_change(detail: Mapping[str, Any]) -> str:
    known = ", ".join(detail["countries_known"]) or "none"
    return f"{detail['bytes']:,} bytes on {detail['network'] or 'an unknown network'}; countries of 90 days: {known}"


def _imei_change(detail: Mapping[str, Any]) -> str:
    model = "another model" if detail["another_model"] else "the same model"
    return (
        f"{model}, for {_counted(detail['sessions_in_a_row'], 'session')}; "
        f"{_counted(detail['imeis_known'], 'device')} known before"
    )


def _shared_imei(detail: Mapping[str, Any]) -> str:
    return f"within 24 hours also by SIM {detail['other_sim']}, last at {detail['other_last_seen']}"


def _flapping(detail: Mapping[str, Any]) -> str:
    return (
        f"{detail['changes']} changes in {detail['sessions']} sessions of 24 hours; usually "
        f"{detail['baseline_excursions']:.0%} of its sessions are away from where it is mostly"
    )


def _fleet_incident(detail: Mapping[str, Any]) -> str:
    return (
        f"{detail['sims_count']} of {detail['sims_on_network']} SIMs whose network is {detail['network']} began it within "
        f"hours, from {detail['began_at']}; {detail['sims_needed']} make an incident"
    )


_WHY: dict[str, Callable[[Mapping[str, Any]], str]] = {
    RAT_DOWNGRADE: _rat_downgrade,
    NEW_NETWORK: _new_network,
    NETWORK_SHIFT: _network_shift,
    COUNTRY_CHANGE: _country_change,
    IMEI_CHANGE: _imei_change,
    SHARED_IMEI: _shared_imei,
    FLAPPING: _flapping,
    FLEET_INCIDENT: _fleet_incident,
}
