"""The fleets there are: the default one, one without a fault, one with every network fault, and four for the forecast."""

from __future__ import annotations

from typing import Final

from hologram_assets.sandbox import networks, plans
from hologram_assets.sandbox.kinds import MIXED, Change, Profile, SimKind, Traffic, Volume

_SMALL_MB: Final = plans.PLANS[plans.SMALL].included_bytes
_QUIET: Final = (0.3, 0.5, 0.62, 0.4)
_HOME: Final = (networks.TMOBILE_US, networks.ATT_US)
_OTHER_HOME: Final = (networks.VERIZON_US, networks.TMOBILE_US)


def _healthy(
    name: str,
    *,
    sessions: tuple[int, int],
    travels: bool = False,
    technology: str = "LTE",
    home: tuple[networks.Network, networks.Network] | None = None,
) -> SimKind:
    return SimKind(
        name,
        plans.SMALL,
        _SMALL_MB / 30,
        factors=_QUIET,
        traffic=Traffic.EVEN,
        travels=travels,
        technology=technology,
        sessions_a_day=sessions,
        home=home,
    )


_HEALTHY_MIX: Final = (
    _healthy("home", sessions=(2, 40)),
    _healthy("traveller", sessions=(2, 40), travels=True),
    _healthy("home_m", sessions=(2, 40), technology="LTE-M"),
    _healthy("home_busy", sessions=(20, 40)),
    _healthy("traveller_busy", sessions=(12, 40), travels=True),
    _healthy("home_rare", sessions=(2, 5)),
    _healthy("traveller_m", sessions=(4, 24), travels=True, technology="LTE-M"),
    _healthy("home", sessions=(2, 40)),
    _healthy("home_nb", sessions=(2, 8), technology="NB-IoT"),
    _healthy("home", sessions=(6, 20)),
)

HEALTHY: Final = Profile(
    "healthy",
    "nothing planted: SIMs at home and SIMs that travel, one session in twenty on another radio technology",
    _HEALTHY_MIX,
)
"""Ten SIMs: six at home (a second network on every second day), three that travel two or three countries, one of NB-IoT;
2 to 40 sessions a day. 5 % of the sessions fall back to another technology, each by its own chance. All stay well below
their allowance."""


def _fault(
    name: str,
    change: Change,
    *days: int,
    sessions: int = 12,
    lasts: float | None = None,
    home: tuple[networks.Network, networks.Network] | None = None,
    target: networks.Network | None = None,
) -> SimKind:
    """A healthy SIM at home to which something happens `days` ago (the first SIM of the kind takes the first number)."""
    return SimKind(
        name,
        plans.SMALL,
        _SMALL_MB / 30,
        factors=_QUIET,
        traffic=Traffic.EVEN,
        sessions_a_day=(sessions, sessions),
        change=change,
        change_days=days,
        change_lasts=lasts,
        home=home,
        target=target,
    )


NETWORK_FAULTS: Final = Profile(
    "network_faults",
    "like healthy, with each of the eight network rules' faults planted on several SIMs 4 to 9 days ago",
    (
        _fault("rat_3g", Change.DOWN_TO_3G, 5, 7),
        _fault("rat_3g_rare", Change.DOWN_TO_3G, 7, 8, sessions=4),
        _fault("rat_3g_back", Change.DOWN_TO_3G, 8, 9, sessions=16, lasts=2.5),
        _fault("rat_2g", Change.DOWN_TO_2G, 4, 5),
        _fault("rat_2g_busy", Change.DOWN_TO_2G, 7, 5, sessions=30),
        _fault("new_network_org", Change.VISIT, 6, 5, home=_HOME, target=networks.CELLULAR_US),
        _fault("new_network_sim", Change.VISIT, 5, 4, home=_HOME, target=networks.VERIZON_US),
        _fault("new_network_rare", Change.VISIT, 8, 7, sessions=5, home=_HOME, target=networks.VERIZON_US),
        _fault("shift", Change.SHIFT, 6, 7),
        _fault("shift_rare", Change.SHIFT, 7, 8, sessions=5),
        _fault("shift_busy", Change.SHIFT, 5, 6, sessions=24),
        _fault("country", Change.EMIGRATE, 5, 6, home=_HOME, target=networks.SWISSCOM_CH),
        _fault("country_rare", Change.EMIGRATE, 7, 8, sessions=4, home=_HOME, target=networks.SWISSCOM_CH),
        _fault("country_known", Change.EMIGRATE, 4, 5, home=_HOME, target=networks.ROGERS_CA),
        _fault("new_model", Change.NEW_MODEL, 5, 6),
        _fault("new_model_rare", Change.NEW_MODEL, 6, 7, sessions=3),
        _fault("new_piece", Change.NEW_PIECE, 4, 5),
        _fault("new_piece_rare", Change.NEW_PIECE, 8, 9, sessions=3),
        _fault("borrower", Change.BORROWED_IMEI, 5, 6),
        _healthy("lender", sessions=(12, 12), home=_OTHER_HOME),
        _fault("borrower_rare", Change.BORROWED_IMEI, 7, 8, sessions=6),
        _healthy("lender_rare", sessions=(6, 6), home=_OTHER_HOME),
        _fault("flapping", Change.FLAP, 5, 6, sessions=14, lasts=2.0),
        _fault("flapping_busy", Change.FLAP, 7, 8, sessions=30, lasts=1.5),
        # On a day on which no other SIM is planted to step down, so that nobody else belongs to it.
        *(_fault("outage", Change.OUTAGE, 6, sessions=16, lasts=1.5, home=_HOME) for _ in range(12)),
        *_HEALTHY_MIX,
        *_HEALTHY_MIX,
        _healthy("home", sessions=(2, 40)),
        _healthy("traveller", sessions=(2, 40), travels=True),
        _healthy("home", sessions=(2, 40)),
        _healthy("traveller", sessions=(2, 40), travels=True),
    ),
)
"""Sixty SIMs: 36 with something planted (`Fleet.planted` says what, where and when), 24 as in `healthy`. The default of
40 SIMs holds every fault. Every planted SIM had 75 % or more of its sessions in one network before."""

_SHARES: Final = (0.5, 0.8, 0.9, 0.96, 1.04, 1.12, 1.3, 1.7)


def _forecast(name: str, purpose: str, volume: Volume) -> Profile:
    """Eight SIMs whose periods use about 50 to 170 % of their allowance, on three plans."""
    chosen = (plans.SMALL, plans.MEDIUM, plans.RETIRED)
    return Profile(
        name,
        purpose,
        tuple(
            SimKind(
                f"{name}_{round(100 * share)}",
                plan,
                share * plans.PLANS[plan].included_bytes / 30,
                traffic=Traffic.EVEN,
                sessions_a_day=(4, 16),
                volume=volume,
            )
            for number, share in enumerate(_SHARES)
            for plan in [chosen[number % len(chosen)]]
        ),
    )


STEADY: Final = _forecast("steady", "for the forecast: every day about the same", Volume.STEADY)
WEEKLY: Final = _forecast("weekly", "for the forecast: working days and weekends", Volume.WEEKLY)
BURSTS: Final = _forecast("bursts", "for the forecast: little on most days, much on some", Volume.BURSTS)
FIRMWARE_SPIKE: Final = _forecast(
    "firmware_spike", "for the forecast: steady, with a firmware update of the whole fleet on one day", Volume.FIRMWARE
)

PROFILES: Final[dict[str, Profile]] = {
    profile.name: profile for profile in (MIXED, HEALTHY, NETWORK_FAULTS, STEADY, WEEKLY, BURSTS, FIRMWARE_SPIKE)
}
"""Every kind of fleet by its name; `mixed` is the default."""
