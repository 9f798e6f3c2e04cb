"""The kinds of SIM that a fleet is made of, and the mix in which they come.

A profile is a mix of kinds; SIM number i of an organisation has the kind `mix[i % len(mix)]`, so that 20 SIMs hold
every kind of the default profile, and larger fleets hold them in the same proportions. The default profile stands here,
the others in `profiles`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from hologram_assets.sandbox import plans
from hologram_assets.sandbox.networks import Network


class Change(StrEnum):
    """What a SIM begins to do at a planted moment."""

    DOWN_TO_3G = "down_to_3g"
    DOWN_TO_2G = "down_to_2g"
    NEW_NETWORK = "new_network"
    NEW_IMEI = "new_imei"
    """Another modem: for the first SIM of its kind another model, for the second another piece of the same, and so on."""
    NEW_MODEL = "new_model"
    NEW_PIECE = "new_piece"
    """Another modem of the same model."""
    BORROWED_IMEI = "borrowed_imei"
    """The modem of the next SIM, which goes on using it."""
    VISIT = "visit"
    """Some sessions a day in a network of the same country that the SIM never met."""
    SHIFT = "shift"
    """Almost every session in what was the second network."""
    EMIGRATE = "emigrate"
    """Every session in a country that the SIM never met."""
    FLAP = "flap"
    """Another network with every session, and another technology with every second one."""
    OUTAGE = "outage"
    """Down to 3G together with all other SIMs of the kind, which have the same home network."""


class Traffic(StrEnum):
    """How a SIM's day looks."""

    DAILY = "daily"
    """6 to 20 sessions, most of them in waking hours."""
    IDLE = "idle"
    """One session without a byte on about every third day."""
    EVEN = "even"
    """As many sessions as the SIM has a day, by its rhythm, none of them while another one is open."""


class Volume(StrEnum):
    """How the bytes of a SIM's days differ, around the same mean (the update is in addition)."""

    STEADY = "steady"
    WEEKLY = "weekly"
    """Much on working days, little on weekends."""
    BURSTS = "bursts"
    """Little on most days, many times as much on some."""
    FIRMWARE = "firmware"
    """Steady, but on one day every SIM loads an update."""


@dataclass(frozen=True, slots=True)
class SimKind:
    """A kind of SIM.

    `bytes_per_day` is the mean over the SIM's life (bytes). `elapsed_days` says how far into its billing period the SIM
    is on the day the sandbox was made (None: anywhere). `factors` multiply the bytes of the first, second … SIM of this
    kind. `change_days` and `stop_days` count back from the day the sandbox was made; the first, second … SIM of the
    kind takes the first, second … of them.
    """

    name: str
    plan_id: int
    bytes_per_day: float
    zone: str | int = "global"
    elapsed_days: float | None = None
    factors: tuple[float, ...] = (1.0,)
    traffic: Traffic = Traffic.DAILY
    travels: bool = False
    technology: str = "LTE"
    change: Change | None = None
    change_days: tuple[int, ...] = (0,)
    stop_days: tuple[int, ...] = ()
    state_after_stop: str = ""
    change_lasts: float | None = None
    """Days until the planted change ends; None: it stays."""
    volume: Volume = Volume.STEADY
    sessions_a_day: tuple[int, int] = (8, 17)
    """Fewest and most; a SIM draws its mean from between, evenly on a logarithmic scale where `Traffic.EVEN`."""
    home: tuple[Network, Network] | None = None
    """The usual network and the second one; None: drawn."""
    target: Network | None = None
    """The network of a planted change."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of fleet: its name, what it is for, and its mix."""

    name: str
    purpose: str
    mix: tuple[SimKind, ...]


LATE: Final = 26.0
"""Days into the period at which planted overage is seen: late enough that today's report shows it, with days to go."""


def _reaching(share: float, plan_id: int, *, after_days: float) -> float:
    """Bytes a day with which a SIM uses `share` of its plan's allowance in `after_days`."""
    return share * plans.PLANS[plan_id].included_bytes / after_days


def _by_noon_today(share: float, plan_id: int) -> float:
    return _reaching(share, plan_id, after_days=LATE + 0.5)


_UNDER = SimKind("under", plans.SMALL, _reaching(0.45, plans.SMALL, after_days=30))

MIXED: Final = Profile(
    "mixed",
    "one of everything: under, near and over the allowance, every kind of plan, and planted network changes",
    (
        _UNDER,
        SimKind(
            "over",
            plans.SMALL,
            _by_noon_today(1.35, plans.SMALL),
            elapsed_days=LATE,
            factors=(1.0, 1.7, 0.85, 4.0),
        ),
        SimKind("near", plans.MEDIUM, _by_noon_today(0.9, plans.MEDIUM), zone="Global", elapsed_days=LATE),
        SimKind("payg", plans.PAYG_G3, 4_000_000),
        SimKind("roaming", plans.MEDIUM, _reaching(0.5, plans.MEDIUM, after_days=30), travels=True),
        SimKind("payg_global", plans.PAYG_GLOBAL, 700_000),
        # Late and heavy, so that its running total does not fit into 32 bits.
        SimKind("large", plans.LARGE, _by_noon_today(0.97, plans.LARGE), elapsed_days=LATE),
        SimKind("variable_rate", plans.VARIABLE, _by_noon_today(1.2, plans.VARIABLE), elapsed_days=LATE),
        SimKind("pooled", plans.POOLED, _by_noon_today(1.3, plans.POOLED), elapsed_days=LATE),
        SimKind("zone_1", plans.ZONED, _by_noon_today(1.5, plans.ZONED), zone=1, elapsed_days=LATE),
        SimKind("zone_not_offered", plans.ZONED, _by_noon_today(1.25, plans.ZONED), zone="2", elapsed_days=LATE),
        SimKind("disabled_plan", plans.RETIRED, _by_noon_today(1.2, plans.RETIRED), elapsed_days=LATE),
        SimKind(
            "multi_period",
            plans.QUARTERLY,
            _reaching(0.6, plans.QUARTERLY, after_days=90),
            technology="LTE-M",
        ),
        SimKind("idle", plans.SMALL, 0, traffic=Traffic.IDLE),
        SimKind(
            "paused",
            plans.SMALL,
            _reaching(0.3, plans.SMALL, after_days=30),
            stop_days=(5, 9),
            state_after_stop="PAUSED-USER",
        ),
        SimKind(
            "dead",
            plans.SMALL,
            _reaching(0.2, plans.SMALL, after_days=30),
            stop_days=(20, 24),
            state_after_stop="DEAD",
        ),
        SimKind("rat_3g", plans.MEDIUM, 1_300_000, change=Change.DOWN_TO_3G, change_days=(4, 3, 6, 2)),
        SimKind("rat_2g", plans.MEDIUM, 900_000, change=Change.DOWN_TO_2G, change_days=(3, 5, 2, 4)),
        SimKind("new_network", plans.MEDIUM, 1_100_000, change=Change.NEW_NETWORK, change_days=(3, 2, 5, 4)),
        SimKind("imei_swap", plans.MEDIUM, 800_000, change=Change.NEW_IMEI, change_days=(2, 4, 1, 3)),
    ),
)
"""Twenty SIMs, five per cent of a large fleet each.

    under, idle                     below the allowance; idle has only sessions without a byte
    over                            above it (1.35 times, then 2.3, 1.15 and 5.4 times)
    near                            at 80 to 99 per cent
    payg, payg_global               the two documented pay-as-you-go plans
    large                           5 GB, with a running total above 32 bits
    variable_rate, pooled           above the plan's `data`, but without a price per SIM
    zone_1, zone_not_offered        above it on a plan with two zones, of which the second is not offered
    disabled_plan                   above it on a plan that `/plans` does not list
    multi_period                    a period of 90 days
    roaming                         three countries with two networks each
    paused, dead                    stopped 5 and 20 days ago (9 and 24)
    rat_3g, rat_2g, new_network, imei_swap
                                    change 1 to 6 days ago, and stay changed

All that are above, near, or large are 26 days into a period of 30 on the day the sandbox was made.
"""
