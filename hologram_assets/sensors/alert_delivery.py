"""`overage_alert_sensor` and `network_change_sensor`: what the partitions of `alerts` let speak, told to Slack once.

What may speak stands in each materialisation's metadata, all of it and not only what is new; what was said is this sensor's
memory, its cursor. So a kill between the warehouse's commit and Dagster's event loses nothing, an outage announces what is
still open, and a backfill of old days, whose metadata carries nothing, is silent.

Looking and posting are apart. A tick first notes which partitions were materialised since the last one (`waiting`: of each
the newest materialisation, whose word replaces the earlier ones), then posts what they have to say. A partition waits until
all of it was said, so the limits of a tick, an outage, or one organisation's broken channel hold up nothing but themselves.
(`@asset_sensor` sees only the latest event: of four partitions that finish between two ticks, three would be lost.)
"""

import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import quote

from dagster import (
    AssetRecordsFilter,
    DagsterInstance,
    DefaultSensorStatus,
    EventLogRecord,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from hologram_assets.domain import delivery
from hologram_assets.domain.bulletin import SPEAKING
from hologram_assets.domain.delivery import Entry, Post, Sent
from hologram_assets.domain.messages import Links, Message, alert_message, thread_message
from hologram_assets.partitions import OrgDay
from hologram_assets.resources.slack import SlackResource
from hologram_assets.sensors.alert_memory import ALERTS, Memory
from hologram_assets.sensors.posting import Posting, Thread, resting


def alert_delivery(
    name: str,
    family: str,
    webserver_url: str | None,
    description: str,
    status: DefaultSensorStatus = DefaultSensorStatus.RUNNING,
) -> SensorDefinition:
    """The sensor of a family of alerts, `overage` or `network`; needs the resource `slack`.

    Args:
        name: of the sensor.
        family: which entries it tells.
        webserver_url: where Dagster's UI is, for the buttons; None leaves those to it out.
        description: for the UI.
        status: whether it runs without having been switched on.
    """

    @sensor(name=name, minimum_interval_seconds=60, default_status=status, description=description)
    def deliver(context: SensorEvaluationContext, slack: SlackResource) -> SensorResult | SkipReason:
        began = time.monotonic()
        if not slack.has_token:
            return SkipReason("SLACK_BOT_TOKEN is not set: alerts stay in table hologram.alerts")
        memory = Memory.read(context.cursor, context.log)
        if rest := resting(memory.not_before):
            return SkipReason(rest)
        found = memory.look(context.instance)
        if not found and not memory.waiting:
            return SkipReason("no partition of alerts was materialised since the last tick")
        tick = Tick(context.instance, slack, memory, family, webserver_url, context.log, began)
        reason = tick.run()
        return SensorResult(skip_reason=SkipReason(reason), cursor=memory.written(_utc_now()))

    return deliver


class Bulletin(NamedTuple):
    """What one materialisation of `alerts` lets speak, of one family; `omitted` alerts more had no room."""

    partition: OrgDay
    run_id: str
    complete: bool
    entries: list[Entry]
    omitted: int


class Tick:
    """The posts of one tick, as `posting` limits them."""

    def __init__(
        self,
        instance: DagsterInstance,
        slack: SlackResource,
        memory: Memory,
        family: str,
        webserver_url: str | None,
        log: logging.Logger,
        began: float,
    ) -> None:
        self._instance = instance
        self._memory = memory
        self._family = family
        self._webserver_url = (webserver_url or "").rstrip("/")
        self._log = log
        # Where an organisation's own channel is refused, its alerts wait for it: told in the channel for all they would be
        # told to others, and the mistake would be seen in one tick only.
        confined = slack.confined_to(partition.org_id for partition in memory.waiting)
        self._posting = Posting(confined, began=began, unanswered=memory.unanswered)

    def run(self) -> str:
        """Say what waits, and note in the memory what was said; returns what came of it, for the skip reason.

        An organisation whose channel Slack refuses, or whose alerts can't be read, doesn't hold back the others: its
        partitions wait, and every tick until then says so, or fails if it had nothing else to post.

        Raises:
            SlackError: nothing was posted because of it. The cursor stays as it was.
        """
        broken: Exception | None = None
        for org_id, partitions in self._memory.by_organisation():
            if self._posting.over:
                break
            try:
                self._organisation(org_id, partitions)
            except Exception as error:  # noqa: BLE001 - this organisation's alone; it is raised, or told, at the end
                self._log.exception(f"The alerts of organisation {org_id} can't be told")
                broken = broken or error
        why = self._posting.finish()
        self._memory.not_before, self._memory.unanswered = self._posting.not_before, self._posting.unanswered
        if broken is not None and not self._posting.posted and self._posting.not_before is None:
            raise broken
        if broken is not None and why is None:
            why = f"{type(broken).__name__}: {broken}"
        posted, waiting = self._posting.posted, len(self._memory.waiting)
        told = f"messages posted: {posted}" if posted else "nothing new was said"
        follows = f", partitions with more to say: {waiting}" if waiting else ""
        return f"{why}. {told}{follows}" if why else f"{told}{follows}"

    def _organisation(self, org_id: int, partitions: Sequence[OrgDay]) -> None:
        bulletins = self._read(partitions)
        if not bulletins:
            return
        last = bulletins[-1].partition.day
        newest = self._memory.newest[org_id] = max(last, self._memory.newest.get(org_id, last))
        sent = self._memory.sent.setdefault(org_id, {})
        now = _utc_now()
        word = delivery.latest_word([(bulletin.entries, bulletin.complete) for bulletin in bulletins])
        for bulletin, entries in zip(bulletins, word, strict=True):
            delivery.renew(sent, [entry.alert_id for entry in entries], now)
            complete = bulletin.complete and bulletin.partition.day == newest
            due = delivery.posts(
                entries,
                sent,
                complete=complete,
                org_alerts=list(sent),
                newest=bulletin.partition.day == newest,
                today=now.date(),
            )
            omitted_in = next((post for post in reversed(due) if post.thread is None), None)
            # All of them are tried: what one channel refuses, the thread in another may take.
            said = [self._said(bulletin, post, sent, bulletin.omitted if post is omitted_in else 0) for post in due]
            if all(said):
                del self._memory.waiting[bulletin.partition]

    def _said(self, bulletin: Bulletin, post: Post, sent: Sent, more: int) -> bool:
        """Whether a post was said, by now; `more` alerts are not among its entries."""
        thread = None if post.thread is None or post.channel is None else Thread(post.channel, post.thread)
        stands_in = self._posting.post(bulletin.partition.org_id, self._message(bulletin, post, more), thread)
        if stands_in is not None:
            delivery.remember(sent, post, stands_in.channel, stands_in.ts, _utc_now())
        return stands_in is not None

    def _read(self, partitions: Sequence[OrgDay]) -> list[Bulletin]:
        """The bulletins of partitions in their order; those that say nothing don't wait any longer."""
        storage_ids = [self._memory.waiting[partition] for partition in partitions]
        records = self._instance.fetch_materializations(
            AssetRecordsFilter(asset_key=ALERTS, storage_ids=storage_ids), limit=len(storage_ids)
        ).records
        by_id = {record.storage_id: record for record in records}
        bulletins = []
        for partition, storage_id in zip(partitions, storage_ids, strict=True):
            bulletin = self._bulletin(partition, by_id.get(storage_id))
            if bulletin is None:
                del self._memory.waiting[partition]
            else:
                bulletins.append(bulletin)
        return bulletins

    def _bulletin(self, partition: OrgDay, record: EventLogRecord | None) -> Bulletin | None:
        materialisation = None if record is None else record.asset_materialization
        speaking: Any = materialisation.metadata.get(SPEAKING) if materialisation is not None else None
        if record is None or speaking is None:
            return None
        try:
            entries = [delivery.entry_from(value) for value in speaking.value["alerts"]]
            complete = bool(speaking.value["complete"])
            omitted = int(speaking.value.get("omitted", {}).get(self._family, 0))
        except (AttributeError, KeyError, TypeError, ValueError):
            self._log.warning(f"The metadata `{SPEAKING}` of {partition.key} is not what alerts carry; it stays unsaid")
            return None
        of_family = [entry for entry in entries if entry.family == self._family]
        return Bulletin(partition, record.run_id, complete, of_family, omitted)

    def _message(self, bulletin: Bulletin, post: Post, more: int) -> Message:
        if post.thread is not None:
            return thread_message(post.kind, post.entries)
        org_id, day = bulletin.partition
        return alert_message(org_id, self._family, post.severity, day, post.entries, more, self._links(bulletin))

    def _links(self, bulletin: Bulletin) -> Links:
        if not self._webserver_url:
            return Links()
        key = quote(str(bulletin.partition.key), safe="")
        return Links(
            # Reported from outside of a run, as a migration does, there is none.
            run=f"{self._webserver_url}/runs/{bulletin.run_id}" if bulletin.run_id else None,
            partition=f"{self._webserver_url}/assets/alerts?view=partitions&partition={key}",
        )


def _utc_now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
