"""The sessions of a day for the newer profiles: one after the other, as many as the SIM has a day, by its rhythm.

Like `traffic`, a day depends on nothing but seed, SIM and date. That no session begins while another is open makes the
order of their ends the order of their begins, so that a planted sequence is seen as it was planted.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from math import log
from random import Random
from typing import Final

from hologram_assets.sandbox.draws import number_of, random_for
from hologram_assets.sandbox.itinerary import Itinerary
from hologram_assets.sandbox.kinds import Change, Volume
from hologram_assets.sandbox.sessions import Session
from hologram_assets.sandbox.sims import Sim
from hologram_assets.sandbox.volumes import divided, seconds_until_receipt

_DAY_SECONDS: Final = 86_400
_FIRST_SECOND: Final = 3600
_OVERNIGHT_SECONDS: Final = 3000
"""A session that is open at midnight ends before the first one of the next day can begin."""
_GAP: Final = 20
_SHORTEST: Final = 2
_TYPICAL_SECONDS: Final = log(500)
_TWINS: Final = 0.004
_OVERNIGHT: Final = 0.3
_UNKNOWN: Final = 0.02
# Weight of each hour from 1 to 23 UTC: devices report by day more than by night.
_WEIGHTS: Final = (2, 2, 2, 2, 3, 4, 5, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 5, 4, 4, 3, 2, 2)
_WHOLE: Final = sum(_WEIGHTS)

_STEADY_NOISE: Final = 0.12
_WEEKLY_NOISE: Final = 0.2
_WEEK_NOISE: Final = 0.15
_WEEKLY: Final = (1.25, 1.25, 1.25, 1.25, 1.25, 0.45, 0.3)
_BURST_DAY: Final = 0.15
_BURST: Final = 4.8
_BETWEEN_BURSTS: Final = 0.33
_UPDATE: Final = 4.0


def even_sessions(seed: int, sim: Sim, day: date) -> list[Session]:
    """The sessions of `sim` whose `session_begin` lies on `day` (UTC), without record ids (0), in their order."""
    midnight = datetime.combine(day, time.min)
    if midnight < sim.activated_at:
        # Switched on the morning after: half a first day would show half of the SIM's networks.
        return []
    chance = random_for(seed, "even", sim.linkid, day)
    spans = _spans(chance, sim)
    volumes = divided(chance, sim.daily_bytes * day_factor(seed, sim, day), len(spans))
    itinerary = Itinerary(seed, sim, day, len(spans))
    sessions = []
    for number, ((begin, seconds), volume) in enumerate(zip(spans, volumes, strict=True)):
        started = midnight + timedelta(seconds=begin)
        session = _session(chance, sim, itinerary, number, started, started + timedelta(seconds=seconds), volume)
        sessions.append(session)
        if chance.random() < _TWINS:
            sessions.append(session)
    return sessions


def day_factor(seed: int, sim: Sim, day: date) -> float:
    """How much of its mean day the SIM uses on a day; 1 on average, apart from an update."""
    chance = random_for(seed, "volume", sim.linkid, day)
    volume = sim.kind.volume
    if volume is Volume.WEEKLY:
        week = random_for(seed, "week", sim.linkid, *day.isocalendar()[:2])
        return _WEEKLY[day.weekday()] * _noise(chance, _WEEKLY_NOISE) * _noise(week, _WEEK_NOISE)
    if volume is Volume.BURSTS:
        return (_BURST if chance.random() < _BURST_DAY else _BETWEEN_BURSTS) * _noise(chance, 0.3)
    steady = _noise(chance, _STEADY_NOISE)
    return steady + _UPDATE if day == sim.update_on else steady


def _noise(chance: Random, width: float) -> float:
    return chance.lognormvariate(-width * width / 2, width)


def _spans(chance: Random, sim: Sim) -> list[tuple[int, int]]:
    """Begin (second of the day) and length (seconds): one in every equal share of the day's rhythm, somewhere in it."""
    spread = sim.daily_sessions // 5
    count = max(1, sim.daily_sessions + chance.randint(-spread, spread))
    begins = [_second((number + chance.random()) / count) for number in range(count)]
    spans = []
    for begin, following in pairwise([*begins, _DAY_SECONDS]):
        seconds = int(chance.lognormvariate(_TYPICAL_SECONDS, 1.4))
        spans.append((begin, max(_SHORTEST, min(seconds, following - begin - _GAP))))
    if chance.random() < _OVERNIGHT:
        spans[-1] = (begins[-1], _DAY_SECONDS - begins[-1] + chance.randrange(600, _OVERNIGHT_SECONDS))
    return spans


def _second(share: float) -> int:
    """The second of the day until which `share` of its sessions have begun."""
    left = share * _WHOLE
    for hour, weight in enumerate(_WEIGHTS):
        if left < weight:
            return _FIRST_SECOND + int((hour + left / weight) * 3600)
        left -= weight
    return _DAY_SECONDS - 60


def _session(
    chance: Random, sim: Sim, itinerary: Itinerary, number: int, started: datetime, ended: datetime, volume: int
) -> Session:
    late = seconds_until_receipt(chance)
    changed = sim.is_changed(started)
    network, technology = itinerary.at(number, started)
    swapped = changed and sim.kind.change in {Change.NEW_MODEL, Change.NEW_PIECE, Change.BORROWED_IMEI}
    identified, named, located, heard = (chance.random() >= share for share in (_UNKNOWN, _UNKNOWN, 0.05, _UNKNOWN))
    spelling = network.spelling if chance.random() < 0.05 else network.name
    return Session(
        org_id=sim.org_id,
        linkid=sim.linkid,
        record_id=0,
        session_begin=started,
        timestamp=ended,
        received_at=ended + timedelta(seconds=late),
        bytes=volume,
        imei=(sim.next_imei if swapped else sim.imei) if identified else None,
        imeisv=(sim.next_imeisv if swapped else sim.imeisv) if identified else None,
        cellid=10_000_000 + _place(sim.linkid, network.name, chance.randrange(3)) % 90_000_000 if located else None,
        lac=1 + _place(sim.linkid, network.name, -1) % 65_000 if located else None,
        radio_access_technology=technology if heard else None,
        network_name=spelling if named else None,
        country=network.country if named else None,
    )


@lru_cache(maxsize=65_536)
def _place(linkid: int, network: str, number: int) -> int:
    return number_of(linkid, network, number)
