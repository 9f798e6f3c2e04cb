"""What to do where stored days lack: the backfill that brings them, or that nobody can have them any more."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from hologram_assets.partitions import first_kept, today
from hologram_assets.warehouse.connection import Warehouse
from hologram_assets.warehouse.replay import stored_days


@dataclass(frozen=True)
class Asked:
    """What a command was asked for, and what can be loaded at all.

    `named`: the organisations that `--org` named, if any. `start_date`: the first partition. `retention_days`: of Hologram.
    """

    first: date
    last: date
    named: tuple[int, ...]
    start_date: date
    retention_days: int

    def to_load(self, days_before: int = 0) -> str:
        """How to load the days, and so many before them; what Hologram no longer keeps is said and left out."""
        kept = max(self.start_date, first_kept(today(), self.retention_days))
        wanted = max(self.first - timedelta(days=min(days_before, (self.first - date.min).days)), self.start_date)
        if self.last < kept:
            return (
                f"they can't be loaded any more: Hologram keeps {self.retention_days} days (HOLOGRAM_RETENTION_DAYS), "
                f"the first is {kept}"
            )
        gone = f" (Hologram no longer has the days before {kept})" if wanted < kept else ""
        return f"load them first: {self.backfill(max(wanted, kept))}{gone}"

    def backfill(self, first: date | None = None, assets: Sequence[str] = ()) -> str:
        """The command, from another first day or for some assets only."""
        orgs = "".join(f" --org {org_id}" for org_id in self.named)
        only = f" --assets {','.join(assets)}" if assets else ""
        return f"hologram-assets backfill --from {first or self.first} --to {self.last}{orgs}{only}"

    def stored(self, warehouse: Warehouse, org_ids: Collection[int], asset: str) -> int:
        """How many days of the range hold an asset, over all organisations."""
        with warehouse.read() as connection:
            return sum(len(stored_days(connection, org_id, self.first, self.last, [asset])) for org_id in org_ids)

    @property
    def days(self) -> int:
        """How many days the range has."""
        return (self.last - self.first).days + 1
