"""The truth: what exists in the sandbox, for tests to compare with what was fetched."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

from hologram_assets.sandbox.clock import SandboxClock
from hologram_assets.sandbox.kinds import Profile
from hologram_assets.sandbox.ledger import Ledger
from hologram_assets.sandbox.periods import BillingPeriod
from hologram_assets.sandbox.plans import PLANS, Plan
from hologram_assets.sandbox.planted import Planted, planted_in
from hologram_assets.sandbox.profiles import PROFILES
from hologram_assets.sandbox.sessions import ORG_SLOTS, Session
from hologram_assets.sandbox.sims import MOST_SIMS, Sim, build_sims

RETENTION: Final = timedelta(days=90)
"""How long `/usage/data` shows a session after its end, and `/usage/data/billing` a period after its."""


class Fleet:
    """The SIMs, sessions, plans and billing periods of the sandbox's organisations as of its clock.

    Drawn on first use, organisation by organisation: 40 SIMs over 60 days take about a third of a second.
    """

    def __init__(
        self,
        clock: SandboxClock,
        *,
        orgs: Sequence[int] = (144, 145),
        sims: int = 40,
        days: int = 60,
        seed: int = 1,
        profile: str = "mixed",
    ) -> None:
        """A fleet of `sims` SIMs per organisation with at least `days` days of history before the clock's today.

        Raises:
            ValueError: no organisation, two that would share ids, or numbers out of range.
        """
        if not orgs or len({org % ORG_SLOTS for org in orgs}) < len(orgs) or min(orgs) < 1:
            raise ValueError(f"organisations {tuple(orgs)}: at least one, positive, their last five digits distinct")
        if not 0 <= sims <= MOST_SIMS:
            raise ValueError(f"{sims} SIMs per organisation: from 0 to {MOST_SIMS}")
        if days < 0:
            raise ValueError(f"{days} days of history: 0 or more")
        if profile not in PROFILES:
            raise ValueError(f"fleet profile {profile!r}: one of {', '.join(PROFILES)}")
        self.orgs: tuple[int, ...] = tuple(orgs)
        self.seed = seed
        self.profile: Profile = PROFILES[profile]
        self.made_on: date = clock.now().date()
        self._clock = clock
        self._ledgers = {
            org: Ledger(
                seed,
                org,
                build_sims(seed, org, sims, days=days, made_on=self.made_on, profile=self.profile),
            )
            for org in self.orgs
        }

    def sims(self, org_id: int) -> Sequence[Sim]:
        """The organisation's SIMs by ascending link id."""
        return self._ledgers[org_id].sims

    def plans(self) -> Sequence[Plan]:
        """Every plan by descending id, also those that `/plans` does not list."""
        return tuple(PLANS.values())

    def sessions(self, org_id: int, now: datetime | None = None) -> Sequence[Session]:
        """Every session received up to now, those past retention included, by ascending record id."""
        ledger = self._ledgers[org_id]
        _, visible = ledger.range_of(datetime.min, now or self._clock.now())
        return ledger.sessions(0, visible)

    def billing_periods(self, org_id: int, now: datetime | None = None) -> Sequence[BillingPeriod]:
        """Every billing period since each SIM's activation, SIM by SIM, the running period first."""
        moment = now or self._clock.now()
        ledger = self._ledgers[org_id]
        return [period for sim in ledger.sims for period in ledger.periods_of(sim, moment)]

    def planted(self, org_id: int) -> Sequence[Planted]:
        """What was planted in the organisation's SIMs, by time; empty for a fleet without faults."""
        return planted_in(self._ledgers[org_id].sims)

    def ledger(self, org_id: int) -> Ledger:
        """The organisation's ledger, which the server pages through."""
        return self._ledgers[org_id]

    def prepare(self) -> None:
        """Draw everything up to now, so that no request has to wait for it."""
        for org in self.orgs:
            self.sessions(org)
