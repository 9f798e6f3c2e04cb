"""The sessions that one SIM begins on one UTC day.

Nothing here depends on any other day or SIM, or on what time it is: a day asked for later is the same day.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from math import log
from random import Random
from typing import Final

from hologram_assets.sandbox.draws import random_for
from hologram_assets.sandbox.evenly import even_sessions
from hologram_assets.sandbox.kinds import Change, Traffic
from hologram_assets.sandbox.periods import period_end, period_index
from hologram_assets.sandbox.radio import Radio
from hologram_assets.sandbox.sessions import Session
from hologram_assets.sandbox.sims import Sim
from hologram_assets.sandbox.volumes import LATEST_RECEIPT, divided, seconds_until_receipt

LONGEST_SESSION: Final = timedelta(hours=16)
LONGEST_LAG: Final = LONGEST_SESSION + LATEST_RECEIPT + timedelta(minutes=1)
"""No session is received later than this after it began."""

_DAY_SECONDS: Final = 86_400
_LONGEST_SECONDS: Final = int(LONGEST_SESSION.total_seconds())
_SHORTEST: Final = 2
_TYPICAL_SECONDS: Final = log(600)
_DAY_NOISE: Final = 0.12
_TWINS: Final = 0.004
_OVERNIGHT: Final = 0.3
_IDLE_DAY: Final = 0.35
_HOURS: Final = range(24)
# Devices report by day more than by night; cumulative, as `choices` wants it.
_RHYTHM: Final = (1, 2, 3, 4, 5, 8, 12, 17, 23, 29, 35, 41, 47, 53, 59, 65, 71, 77, 82, 86, 90, 93, 95, 97)


def sessions_beginning_on(seed: int, sim: Sim, day: date) -> list[Session]:
    """The sessions of `sim` whose `session_begin` lies on `day` (UTC), without record ids (0) and in no order.

    Their ends and their receipt may lie on later days: at most `LONGEST_LAG` after the begin.
    """
    midnight = datetime.combine(day, time.min)
    if midnight + timedelta(days=1) <= sim.activated_at or (sim.stopped_at is not None and midnight >= sim.stopped_at):
        return []
    if sim.kind.traffic is Traffic.EVEN:
        return even_sessions(seed, sim, day)
    chance = random_for(seed, "traffic", sim.linkid, day)
    if sim.kind.traffic is Traffic.IDLE:
        spans = [(chance.randrange(_DAY_SECONDS), chance.randrange(2, 900))] if chance.random() < _IDLE_DAY else []
    else:
        spans = [*_spans(chance, sim), *_across_period_end(sim, midnight)]
    volumes = _volumes(chance, sim.daily_bytes, len(spans))
    radio = Radio(seed, sim, day)
    sessions = []
    for (begin, seconds), volume in zip(spans, volumes, strict=True):
        started = midnight + timedelta(seconds=begin)
        ended = started + timedelta(seconds=seconds)
        if started < sim.activated_at or (sim.stopped_at is not None and ended > sim.stopped_at):
            continue
        session = _session(chance, sim, radio, started, ended, volume)
        sessions.append(session)
        if chance.random() < _TWINS:
            # The documented example has two rows with the same SIM, begin and end: only record_id is a key.
            sessions.append(_session(chance, sim, radio, started, ended, volume // 2))
    return sessions


def _spans(chance: Random, sim: Sim) -> Iterator[tuple[int, int]]:
    """Begin (second of the day) and length (seconds) of the day's sessions."""
    count = max(6, min(20, sim.daily_sessions + chance.randint(-2, 3)))
    hours = chance.choices(_HOURS, cum_weights=_RHYTHM, k=count)
    begins = sorted(hour * 3600 + chance.randrange(3600) for hour in hours)
    for begin, following in pairwise(begins):
        seconds = int(chance.lognormvariate(_TYPICAL_SECONDS, 1.6))
        yield begin, max(_SHORTEST, min(seconds, following - begin - 20))
    last = begins[-1]
    if chance.random() < _OVERNIGHT:
        seconds = _DAY_SECONDS - last + chance.randrange(600, 5 * 3600)
    else:
        seconds = int(chance.lognormvariate(_TYPICAL_SECONDS, 1.6))
    yield last, max(_SHORTEST, min(seconds, _LONGEST_SECONDS))


def _across_period_end(sim: Sim, midnight: datetime) -> list[tuple[int, int]]:
    """For every fourth SIM, a session that is open when a billing period ends: it is charged in the next one."""
    if sim.index % 4 != 1:
        return []
    index = period_index(sim, midnight)
    if index < 0:
        return []
    begin = int((period_end(sim, index) - midnight).total_seconds()) - 2400
    return [(begin, 3900)] if 0 <= begin < _DAY_SECONDS else []


def _volumes(chance: Random, daily_bytes: float, count: int) -> list[int]:
    """The day's bytes, divided among its sessions; some get none."""
    total = daily_bytes * chance.lognormvariate(-_DAY_NOISE * _DAY_NOISE / 2, _DAY_NOISE)
    return divided(chance, total, count)


def _session(chance: Random, sim: Sim, radio: Radio, started: datetime, ended: datetime, volume: int) -> Session:
    late = seconds_until_receipt(chance)
    changed = sim.changed_at is not None and started >= sim.changed_at
    network, technology = radio.at(chance, started, sim.kind.change if changed else None)
    swapped = changed and sim.kind.change is Change.NEW_IMEI
    identified = chance.random() >= 0.02
    named = chance.random() >= 0.02
    located = chance.random() >= 0.05
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
        cellid=radio.cell(chance, network) if located else None,
        lac=radio.area(network) if located else None,
        radio_access_technology=technology if chance.random() >= 0.02 else None,
        network_name=radio.spelling(chance, network) if named else None,
        country=network.country if named else None,
    )
