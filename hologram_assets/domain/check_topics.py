"""What is to be said of checks, given what was said before. Pure; `asset_check_alert_sensor` carries it out.

A topic is a message about one check of one asset: which partitions it spoke of, and which of them pass again. A partition
is said once; that it passes again, or then fails again, is a word in the thread. What fails within an hour of a topic's
beginning goes into its thread too: a fault of the whole fleet shows organisation after organisation.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, NamedTuple

from hologram_assets.domain.alerts import CRITICAL
from hologram_assets.domain.incidents import Partition, packed, unpacked
from hologram_assets.domain.operations_messages import Finding

REMEMBERED_SECONDS = 35 * 24 * 3600
GATHERED_SECONDS = 3600
FAILS, FAILS_TOO, FAILS_AGAIN, PASSES_AGAIN = "fails", "fails too", "fails again", "passes again"


class Evaluation(NamedTuple):
    """What a check said of a partition; `severity` is `critical` for blocking checks, else `warn`."""

    asset: str
    check: str
    severity: str
    passed: bool
    finding: Finding


@dataclass
class Topic:
    """A message about a check: whose channel (None: the one for all), its thread, when it began (epoch seconds)."""

    asset: str
    check: str
    severity: str
    org_id: int | None
    thread: tuple[str, str]
    began: float
    last: float
    failing: set[Partition] = field(default_factory=set)
    passing: set[Partition] = field(default_factory=set)


@dataclass
class Saying:
    """One post: what became of these partitions. `topic` None begins a new message in the channel of `org_id`."""

    kind: str
    asset: str
    check: str
    severity: str
    org_id: int | None
    topic: Topic | None
    findings: list[Finding]


class Topics:
    """What was said."""

    def __init__(self, topics: Iterable[Topic] = ()) -> None:
        self._all = list(topics)

    def sayings(
        self, evaluations: Iterable[Evaluation], own_channels: Collection[int], now: float, today: date
    ) -> list[Saying]:
        """What is to be posted, new and critical first.

        Args:
            evaluations: in the order of time; the latest of a partition counts.
            own_channels: organisations that have a channel of their own.
            now: epoch seconds.
            today: the UTC day. Warnings of days before yesterday are not said: a backfill would fill the channel.
        """
        latest = {(one.asset, one.check, one.finding.partition): one for one in evaluations}
        fresh: dict[tuple[str, str, str], list[Finding]] = {}
        replies: dict[tuple[str, int], Saying] = {}
        said = {
            (topic.asset, topic.check, partition): topic
            for topic in self._all
            for partition in topic.failing | topic.passing
        }
        for key, one in latest.items():
            topic = said.get(key)
            if topic is None:
                if not one.passed and _speaks(one, today):
                    fresh.setdefault((one.severity, one.asset, one.check), []).append(one.finding)
                continue
            if one.passed is (one.finding.partition in topic.passing):
                continue
            kind = PASSES_AGAIN if one.passed else FAILS_AGAIN
            saying = replies.setdefault((kind, id(topic)), _reply(kind, topic))
            saying.findings.append(one.finding)
        return [
            self._news(severity, asset, check, findings, own_channels, now)
            for (severity, asset, check), findings in sorted(fresh.items())
        ] + list(replies.values())

    def was_said(self, saying: Saying, thread: tuple[str, str], now: float) -> None:
        """Note that Slack took a post; `thread` is where it stands."""
        topic = saying.topic
        if topic is None or topic.thread != thread:
            moved = Topic(saying.asset, saying.check, saying.severity, saying.org_id, thread, now, now)
            if topic is not None:
                # Slack refused the old thread, so it was said as a message of its own.
                moved.failing, moved.passing = topic.failing, topic.passing
                self._all.remove(topic)
            self._all.append(moved)
            topic = moved
        topic.last = now
        partitions = {finding.partition for finding in saying.findings}
        to, other = (topic.passing, topic.failing) if saying.kind == PASSES_AGAIN else (topic.failing, topic.passing)
        to |= partitions
        other -= partitions

    def prune(self, now: float) -> None:
        """Forget what nobody spoke of for 35 days."""
        self._all = [topic for topic in self._all if now - topic.last <= REMEMBERED_SECONDS]

    def as_json(self) -> list[dict[str, Any]]:
        """For the cursor."""
        return [
            vars(topic) | {"failing": packed(topic.failing), "passing": packed(topic.passing)} for topic in self._all
        ]

    @classmethod
    def from_json(cls, values: Iterable[Mapping[str, Any]]) -> Topics:
        """From the cursor.

        Raises:
            LookupError, TypeError, ValueError, AttributeError: it is none of ours.
        """
        return cls(_from_json(value) for value in values)

    def _news(
        self,
        severity: str,
        asset: str,
        check: str,
        findings: list[Finding],
        own_channels: Collection[int],
        now: float,
    ) -> Saying:
        orgs = {finding.partition[0] for finding in findings}
        org_id = next(iter(orgs)) if len(orgs) == 1 and orgs <= set(own_channels) else None
        gathering = next(
            (
                topic
                for topic in reversed(self._all)
                if (topic.asset, topic.check, topic.severity, topic.org_id) == (asset, check, severity, org_id)
                and now - topic.began < GATHERED_SECONDS
            ),
            None,
        )
        kind = FAILS if gathering is None else FAILS_TOO
        return Saying(kind, asset, check, severity, org_id, gathering, findings)


def _speaks(one: Evaluation, today: date) -> bool:
    day = one.finding.partition[1]
    return one.severity == CRITICAL or not day or date.fromisoformat(day) >= today - timedelta(days=1)


def _reply(kind: str, topic: Topic) -> Saying:
    return Saying(kind, topic.asset, topic.check, topic.severity, topic.org_id, topic, [])


def _from_json(value: Mapping[str, Any]) -> Topic:
    channel, ts = value["thread"]
    return Topic(
        **{name: str(value[name]) for name in ("asset", "check", "severity")},
        org_id=None if value["org_id"] is None else int(value["org_id"]),
        thread=(str(channel), str(ts)),
        began=float(value["began"]),
        last=float(value["last"]),
        failing=unpacked(value["failing"]),
        passing=unpacked(value["passing"]),
    )
