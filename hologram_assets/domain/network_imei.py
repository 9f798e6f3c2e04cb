"""`imei_change` and `shared_imei`: the SIM is in another device, or its device says that it is two.

An IMEI is its first 14 digits; missing ones are never a change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from hologram_assets.domain.imei import model_of
from hologram_assets.domain.network_change import CRITICAL, IMEI_CHANGE, SHARED_IMEI, WARN, Finding
from hologram_assets.domain.network_rules import NetworkRules
from hologram_assets.domain.network_sim import SimView
from hologram_assets.domain.network_words import Event

_MOST_SIMS_IN_DETAIL = 100
"""A default IMEI may be on a whole fleet; the count says so, the list need not."""


def imei_changes(sim: SimView) -> list[Finding]:
    """A device that the SIM was not in for 90 days: another model at once, the same model after two sessions in a row.

    Once per SIM and IMEI: an IMEI that was told, or that is among those known from before the window, is told no more;
    so going back to the old device says nothing. An IMEI that the SIM has while it is not known yet is taken as its own.
    """
    rules = sim.rules
    told = _known_devices(sim)
    known = sorted(sim.devices_before, key=lambda device: (sim.devices_before[device][1], device))
    last = known[-1] if known else None
    before = known[-2] if len(known) > 1 else None
    row = 1 if last is not None else 0
    began, began_index = sim.window_start, 0
    findings = []
    for index, event in enumerate(sim.events):
        device = event.device
        if device is None:
            continue
        if device == last:
            row += 1
        else:
            before, last, row, began, began_index = last, device, 1, event.at, index
        if device in told:
            continue
        if before is None:
            told.add(device)
            continue
        another_model = model_of(device) != model_of(before)
        if row < rules.imei_run and not another_model:
            continue
        told.add(device)
        if began_index < sim.known_from:
            continue
        detail: dict[str, Any] = {
            "another_model": another_model,
            "previous_model": model_of(before),
            "current_model": model_of(device),
            "sessions_in_a_row": row,
            "imeis_known": len(sim.devices_before),
        }
        findings.append(
            Finding(
                IMEI_CHANGE,
                CRITICAL if another_model else WARN,
                before,
                device,
                event.at,
                event.record_id,
                began,
                detail,
            )
        )
    return findings


def _known_devices(sim: SimView) -> set[str]:
    """The IMEIs of before the window, without those that were seen too briefly to have been told.

    A few sessions in a device are told if the device before was of another model, and may be told if nobody can say
    which device that was: better not at all than twice.
    """
    brief = {device for device, (sessions, _) in sim.devices_before.items() if sessions < sim.rules.imei_run}
    return sim.devices_before.keys() - {device for device in brief if not _may_follow_another_model(sim, device)}


def _may_follow_another_model(sim: SimView, device: str) -> bool:
    """Whether a session in the device may have come right after one in another model; from sums, so not always known."""
    rows = [
        (use.first_seen, use.last_seen, other)
        for day in sim.days_before
        for use in sim.uses[day]
        if (other := sim.words.device(use.imei)) is not None
    ]
    others = [row for row in rows if row[2] != device]
    for moment in (first for first, _, own in rows if own == device):
        before = max((row for row in others if row[1] <= moment), key=itemgetter(1), default=None)
        around = [row for row in others if row[0] <= moment < row[1]]
        neighbours = around if before is None else [before, *around]
        # Without one it was the SIM's first device.
        if not neighbours or any(model_of(row[2]) != model_of(device) for row in neighbours):
            return True
    return False


class Stay(NamedTuple):
    """A SIM's sessions with one IMEI that follow one another within 24 hours: the first, and the end of the last."""

    device: str
    start: datetime
    end: datetime
    linkid: int
    record_id: int | None


def stays(sim: SimView) -> Iterator[Stay]:
    """Where the SIM's devices were in the window, once enough of the SIM is known; short, so that a fleet's fit in memory.

    Not being known counts: a new SIM in the device of an old one that is taken out is no alert, and two SIMs that both
    stay are told as soon as the new one is known.
    """
    pause = timedelta(hours=sim.rules.shared_imei_hours)
    allowed = sim.rules.shared_imei_allowed_models
    found: dict[str, Stay] = {}
    if sim.known_from == 0:
        # Two SIMs that met on the window's first day may have met because of a session on its eve.
        for device, (_, last) in sim.devices_before.items():
            if sim.window_start - last <= pause:
                found[device] = Stay(device, last, last, sim.linkid, None)
    for first, last in _rows(sim.events[sim.known_from :], pause):
        device = first.device or ""
        stay = found.get(device)
        if stay is not None and first.at - stay.end <= pause:
            found[device] = stay._replace(end=last)
            continue
        if stay is not None and model_of(device) not in allowed:
            yield stay
        found[device] = Stay(device, first.at, last, sim.linkid, first.record_id)
    yield from (stay for device, stay in found.items() if model_of(device) not in allowed)


def _rows(events: Iterable[Event], pause: timedelta) -> Iterator[tuple[Event, datetime]]:
    """Sessions with the same device in a row, each within the pause after the one before: the first, and the last's end."""
    first: Event | None = None
    last = datetime.min
    for event in events:
        if event.device is None:
            continue
        if first is None or event.device != first.device or event.at - last > pause:
            if first is not None:
                yield first, last
            first = event
        last = event.at
    if first is not None:
        yield first, last


def shared_imeis(fleet_stays: Iterable[Stay], rules: NetworkRules) -> Iterator[tuple[int, Finding]]:
    """SIM and finding for each IMEI that two SIMs used within 24 hours; the SIM is the one that came second.

    One change per IMEI, however many SIMs join; it is told again only after seven days in which no two SIMs shared it.
    Takes the stays of a whole fleet, in any order; n log n.
    """
    ordered = sorted(fleet_stays, key=lambda stay: (stay.device, stay.start, stay.linkid, stay.end))
    for _, group in groupby(ordered, key=lambda stay: stay.device):
        same = list(group)
        if any(stay.linkid != same[0].linkid for stay in same):
            yield from _shared(same, rules)


def _shared(ordered: list[Stay], rules: NetworkRules) -> Iterator[tuple[int, Finding]]:
    pause, again = timedelta(hours=rules.shared_imei_hours), timedelta(days=rules.shared_imei_again_days)
    # The stays that end last, of two SIMs: one of them is another SIM's than the next stay's.
    longest: list[Stay] = []
    last: datetime | None = None
    for stay in ordered:
        other = next((each for each in longest if each.linkid != stay.linkid), None)
        if other is not None and stay.start - other.end <= pause:
            if last is None or stay.start - last > again:
                yield stay.linkid, _sharing(stay, other, ordered, pause)
            until = min(max(stay.end, other.end), min(stay.end, other.end) + pause)
            last = until if last is None else max(last, until)
        longest = _two_longest([*longest, stay])


def _two_longest(candidates: list[Stay]) -> list[Stay]:
    latest: dict[int, Stay] = {}
    for stay in sorted(candidates, key=lambda each: each.end):
        latest[stay.linkid] = stay
    return sorted(latest.values(), key=lambda each: each.end, reverse=True)[:2]


def _sharing(stay: Stay, other: Stay, ordered: list[Stay], pause: timedelta) -> Finding:
    sims = sorted({each.linkid for each in ordered if each.start <= stay.start <= each.end + pause})
    detail: dict[str, Any] = {
        "sims": sims[:_MOST_SIMS_IN_DETAIL],
        "sims_count": len(sims),
        "model": model_of(stay.device),
        "other_sim": other.linkid,
        "other_last_seen": min(other.end, stay.start).isoformat(),
    }
    return Finding(
        SHARED_IMEI,
        WARN,
        None,
        stay.device,
        stay.start,
        stay.record_id,
        min(other.end, stay.start),
        detail,
    )
