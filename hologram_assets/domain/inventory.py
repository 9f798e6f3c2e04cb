"""Which plan a SIM is on, where the API may not be asked for it."""

from __future__ import annotations

from typing import NamedTuple


class PlanAssignment(NamedTuple):
    """One line of the file for keys that may not read links: SIM, plan, zone of the plan (None: its only zone)."""

    linkid: int
    plan_id: int
    zone: str | None
