"""What is to be said of checks, given what was said before. Pure; `asset_check_alert_sensor` carries it out.

A topic is a message about one check of one asset: which partitions it spoke of, and which of them pass again. A partition
is said once; that it passes again, or then fails again, is a word in the thread. What fails within an hour of a topic's
beginning goes into its thread too: a fault of the whole fleet shows organisation after organisation. What goes on failing
on later days does as well, for warnings at most once per UTC day; a new message comes after a day that passed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from hologram_assets.domain.alerts import CRITICAL
from hologram_assets.domain.incidents import Partition, packed, unpacked
from hologram_assets.domain.operations_messages import Finding

REMEMBERED_SECONDS = 35 * 24 * 3600
GATHERED_SECONDS = 3600
# After so many days without a failure, neither passed nor failed, the next one is another matter.
GOES_ON_DAYS = 7
FAILS, FAILS_TOO, STILL_FAILS, FAILS_AGAIN, PASSES_AGAIN = (
    "fails",
    "fails too",
    "still fails",
    "fails again",
    "passes again",
)


class Evaluation(NamedTuple):
    """What a check said of a partition; `severity` is `critical` for blocking checks, else `warn`."""

    asset: str
    check: str
    severity: str
    passed: bool
    finding: Finding


@dataclass
class Topic:
    """A message about a check: whose channel (None: the one for all), its thread, when it began (epoch seconds).

    `failing` and `passing` are the partitions that were said; `clean` those of later days that passed, of which nothing
    was said. `went_on` is the last UTC day on which the thread was told that later days fail as well.
    """

    asset: str
    check: str
    severity: str
    org_id: int | None
    thread: tuple[str, str]
    began: float
    last: float
    failing: set[Partition] = field(default_factory=set)
    passing: set[Partition] = field(default_factory=set)
    clean: set[Partition] = field(default_factory=set)
    went_on: str = ""

    def goes_on(self, partition: Partition) -> bool:
        """Whether the failure of a partition of a later day is that of the organisation's days before, going on."""
        org_id, day = partition
        last = self._last_failing(org_id)
        return (
            bool(last and day)
            and last < day <= _plus_days(last, GOES_ON_DAYS)
            and not any(org == org_id and last < passed < day for org, passed in self.passing | self.clean)
        )

    def note_pass(self, partition: Partition) -> None:
        """A partition of which nothing was said passes; told apart from days of which nothing is known."""
        org_id, day = partition
        last = self._last_failing(org_id)
        if last and last < day <= _plus_days(last, GOES_ON_DAYS):
            self.clean.add(partition)

    def forget_before(self, day: str) -> None:
        """Forget earlier days; warnings of those are never said anyway."""
        for partitions in (self.failing, self.passing, self.clean):
            partitions -= {one for one in partitions if one[1] and one[1] < day}

    def _last_failing(self, org_id: int) -> str:
        return max((day for org, day in self.failing if org == org_id), default="")


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
        self._note_passes(latest.values())
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
                if one.passed or not _speaks(one, today):
                    continue
                before = self._gone_on(one)
                if before is None:
                    fresh.setdefault((one.severity, one.asset, one.check), []).append(one.finding)
                elif one.severity == CRITICAL or before.went_on != today.isoformat():
                    going_on = _reply(STILL_FAILS, before)
                    replies.setdefault((STILL_FAILS, id(before)), going_on).findings.append(one.finding)
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
                moved.failing, moved.passing, moved.clean = topic.failing, topic.passing, topic.clean
                self._all.remove(topic)
            self._all.append(moved)
            topic = moved
        topic.last = now
        partitions = {finding.partition for finding in saying.findings}
        to, other = (topic.passing, topic.failing) if saying.kind == PASSES_AGAIN else (topic.failing, topic.passing)
        to |= partitions
        other -= partitions
        topic.clean -= partitions
        if saying.kind == STILL_FAILS:
            topic.went_on = datetime.fromtimestamp(now, UTC).date().isoformat()

    def prune(self, now: float) -> None:
        """Forget what nobody spoke of for 35 days."""
        self._all = [topic for topic in self._all if now - topic.last <= REMEMBERED_SECONDS]
        oldest = datetime.fromtimestamp(now - REMEMBERED_SECONDS, UTC).date().isoformat()
        for topic in self._all:
            if topic.severity != CRITICAL:
                topic.forget_before(oldest)

    def as_json(self) -> list[dict[str, Any]]:
        """For the cursor."""
        return [
            vars(topic)
            | {"failing": packed(topic.failing), "passing": packed(topic.passing), "clean": packed(topic.clean)}
            for topic in self._all
        ]

    @classmethod
    def from_json(cls, values: Iterable[Mapping[str, Any]]) -> Topics:
        """From the cursor.

        Raises:
            LookupError, TypeError, ValueError, AttributeError: it is none of ours.
        """
        return cls(_from_json(value) for value in values)

    def _note_passes(self, evaluations: Iterable[Evaluation]) -> None:
        """Which later days passed; a day that only began may pass first and fail then."""
        for one in evaluations:
            for topic in self._all:
                if (topic.asset, topic.check) == (one.asset, one.check):
                    if one.passed:
                        topic.note_pass(one.finding.partition)
                    else:
                        topic.clean.discard(one.finding.partition)

    def _gone_on(self, one: Evaluation) -> Topic | None:
        """The topic of the days before, when the failure is the same one going on."""
        same = (one.asset, one.check, one.severity)
        found = [topic for topic in self._all if (topic.asset, topic.check, topic.severity) == same]
        return next((topic for topic in reversed(found) if topic.goes_on(one.finding.partition)), None)

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


def _plus_days(day: str, days: int) -> str:
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


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
        # A cursor of an earlier version knows neither.
        clean=unpacked(value.get("clean", {})),
        went_on=str(value.get("went_on", "")),
    )
