"""The memory of the alert sensors: which partitions were seen, which have something left to say, and what was said.

It is a sensor's cursor, as JSON. What to make of it is `alert_delivery`'s.
"""

import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from dagster import AssetKey, AssetRecordsFilter, DagsterEventType, DagsterInstance

from hologram_assets.domain import delivery
from hologram_assets.domain.delivery import Said, Sent
from hologram_assets.partitions import OrgDay, parse_key, today

ALERTS = AssetKey("alerts")
_MORE_FIELDS = 4  # of `Said`, which have defaults
_FEW = 50  # materialisations, of which each may name 2,000 alerts: what fifty organisations, each refreshed once, bring


@dataclass
class Memory:
    """The cursor: what was seen, what waits to be said, and what was said.

    About 125 bytes for an alert that was said, 95 once it is over: 35 days of a fleet of 100,000 SIMs, a few thousand
    alerts, come to some 400 kB. Dagster keeps a copy with every tick for as long as `retention` says.

    Attributes:
        after: storage id of the newest materialisation that was seen; None at first, or if the cursor was lost.
        not_before: until when Slack is left alone, epoch seconds.
        unanswered: how many ticks in a row Slack gave no answer; see `posting`.
        waiting: partitions with something left to say, with the storage id of their newest materialisation.
        newest: the newest day by organisation: an earlier one, run again, withdraws nothing.
        sent: what was said, by organisation and alert id.
    """

    after: int | None = None
    not_before: float | None = None
    waiting: dict[OrgDay, int] = field(default_factory=dict)
    newest: dict[int, date] = field(default_factory=dict)
    sent: dict[int, Sent] = field(default_factory=dict)
    unanswered: int = 0

    @classmethod
    def read(cls, cursor: str | None, log: logging.Logger) -> "Memory":
        """From the cursor's text. One that can't be read counts as lost: what may still speak is said again."""
        if not cursor:
            return cls()
        try:
            stored = json.loads(cursor)
            return cls(
                None if stored["after"] is None else int(stored["after"]),
                None if stored.get("not_before") is None else float(stored["not_before"]),
                {parse_key(key): int(storage_id) for key, storage_id in stored.get("waiting", {}).items()},
                {int(org): date.fromisoformat(day) for org, day in stored.get("newest", {}).items()},
                {int(org): {id: _said(fields) for id, fields in sent.items()} for org, sent in stored["sent"].items()},
                int(stored.get("unanswered") or 0),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            log.warning(
                f"The cursor can't be read ({type(error).__name__}) and counts as lost; open alerts are said again"
            )
            return cls()

    def written(self, now: datetime) -> str:
        """As the cursor's text, without what is too old to matter; `now` is naive UTC."""
        sent = {org: delivery.pruned(of_org, now) for org, of_org in self.sent.items()}
        content = {
            "after": self.after,
            "not_before": self.not_before,
            "unanswered": self.unanswered,
            "waiting": {str(partition.key): storage_id for partition, storage_id in self.waiting.items()},
            "newest": {org: day.isoformat() for org, day in self.newest.items()},
            "sent": {
                org: {alert_id: _fields(said) for alert_id, said in of_org.items()}
                for org, of_org in sent.items()
                if of_org
            },
        }
        return json.dumps(content, separators=(",", ":"))

    def look(self, instance: DagsterInstance) -> bool:
        """Note which partitions were materialised since the last look; returns whether any was.

        Days before yesterday have no word any more: the newest day carries what is open, and what ended in the days
        before it. So a lost cursor says again only what may still speak, and an outage of weeks is read in one query.
        """
        # From the newest known one on, not after it: that it is missing means that the log is another one, or that the
        # asset was wiped, and ids begin anew. Otherwise this sensor would be silent until they catch up.
        before = self.after
        found = _newest_by_partition(instance, None if before is None else before - 1)
        if before is not None and not found:
            found, before = _newest_by_partition(instance, None), None
        self.waiting |= {key: storage_id for key, storage_id in found.items() if storage_id != before}
        yesterday = today() - timedelta(days=1)
        self.waiting = {key: storage_id for key, storage_id in self.waiting.items() if key.day >= yesterday}
        self.after = max(found.values(), default=before)
        return self.after != before

    def by_organisation(self) -> list[tuple[int, list[OrgDay]]]:
        """The organisations with waiting partitions, the one that waits longest first, and their partitions by day."""
        orgs: dict[int, list[OrgDay]] = {}
        for partition in sorted(self.waiting, key=self.waiting.__getitem__):
            orgs.setdefault(partition.org_id, []).append(partition)
        return [(org_id, sorted(partitions)) for org_id, partitions in orgs.items()]


def _fields(said: Said) -> list[Any]:
    """Without the empty ones at the end, which `Said` has by itself."""
    fields = list(said)
    while not fields[-1]:
        fields.pop()
    return fields


def _said(fields: Sequence[Any]) -> Said:
    """Fields that a later version added are ignored."""
    step, severity, channel, thread, at, *more = fields
    return Said(int(step), str(severity), str(channel), str(thread), int(at), *map(str, more[:_MORE_FIELDS]))


def _newest_by_partition(instance: DagsterInstance, after: int | None) -> dict[OrgDay, int]:
    """The storage id of each partition's newest materialisation, of those after a storage id.

    What a minute brings is read event by event: Dagster's query for ids alone goes through all materialisations there
    ever were, whatever the storage id (15 ms with 100,000, and every refresh adds some). Without `after`, or when much has
    happened since, that query is the cheaper one: no event is read.
    """
    if after is not None:
        wanted = AssetRecordsFilter(ALERTS, after_storage_id=after)
        few = instance.fetch_materializations(wanted, limit=_FEW, ascending=True).records
        if len(few) < _FEW:
            return dict(_parsed((record.partition_key, record.storage_id) for record in few))
    found = instance.get_latest_storage_id_by_partition(
        ALERTS, DagsterEventType.ASSET_MATERIALIZATION, after_cursor=after
    )
    return dict(_parsed(found.items()))


def _parsed(found: Iterable[tuple[str | None, int]]) -> Iterator[tuple[OrgDay, int]]:
    for key, storage_id in found:
        try:
            yield parse_key(str(key)), storage_id
        except ValueError:
            continue  # from before the asset was partitioned like this
