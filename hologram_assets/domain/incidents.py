"""What is to be said of failed runs, given what was said before. Pure; `run_failure_alert_sensor` carries it out.

An incident is a cause that goes on: it begins with the first failure and is over when a day passes without another. It
has one message; what fails meanwhile is counted, and said in that message's thread at most once per hour. A cause that
concerns one organisation with a channel of its own is said there; from the second organisation on it is an incident of
its own in the channel for all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hologram_assets.domain.causes import KEY_FORBIDDEN, KEY_REFUSED, UNKNOWN, VARIOUS, Cause

OVER_SECONDS = 24 * 3600
QUIET_SECONDS = 3600
# Somebody who runs a failed run again waits for the answer.
QUIET_BY_HAND_SECONDS = 300
# An outage that fails every run with another text is one incident beyond this many; so are many keys that are refused.
MOST_INCIDENTS = 20
_LONGEST_ERROR = 500

Partition = tuple[int, str]
"""An organisation and a day (`2026-11-20`)."""


def packed(partitions: Iterable[Partition]) -> dict[str, list[int]]:
    """Partitions as JSON, by day: the same day of a hundred organisations takes 400 characters."""
    by_day: dict[str, list[int]] = {}
    for org_id, day in sorted(partitions):
        by_day.setdefault(day, []).append(org_id)
    return by_day


def unpacked(by_day: Mapping[str, Iterable[int]]) -> set[Partition]:
    """The inverse of `packed`."""
    return {(int(org_id), str(day)) for day, org_ids in by_day.items() for org_id in org_ids}


class Failed(NamedTuple):
    """A run that failed of a cause: when (epoch seconds), its error text, its partitions, whether run again by hand."""

    run_id: str
    at: float
    cause: Cause
    error: str
    partitions: frozenset[Partition]
    by_hand: bool = False


@dataclass
class Batch:
    """Failures that were not said yet. `first_run` and `last_run` are run ids; times are epoch seconds."""

    runs: int = 0
    by_hand: int = 0
    since: float = 0.0
    first_run: str = ""
    last_run: str = ""
    error: str = ""
    partitions: set[Partition] = field(default_factory=set)

    def add(self, failed: Failed) -> None:
        """Count a failure."""
        if not self.runs:
            self.since, self.first_run, self.error = failed.at, failed.run_id, failed.error[:_LONGEST_ERROR]
        self.runs += 1
        self.by_hand += failed.by_hand
        self.last_run = failed.run_id
        self.partitions |= failed.partitions

    @property
    def orgs(self) -> list[int]:
        """The organisations, ascending."""
        return sorted({org_id for org_id, _ in self.partitions})

    @property
    def days(self) -> list[str]:
        """The days, ascending."""
        return sorted({day for _, day in self.partitions})


@dataclass
class Incident:
    """A cause that goes on, with what was said of it.

    `org_id` says whose channel (None: the one for all), `thread` the channel's id and the message's `ts` (None: not said
    yet), `said_runs` how many runs were said so far. Times are epoch seconds.
    """

    cause: Cause
    org_id: int | None
    since: float
    last: float
    thread: tuple[str, str] | None = None
    said_at: float = 0.0
    said_runs: int = 0
    untold: Batch = field(default_factory=Batch)

    def is_due(self, now: float) -> bool:
        """Whether there is something to say, and the last word is long enough ago."""
        if not self.untold.runs:
            return False
        quiet = QUIET_BY_HAND_SECONDS if self.untold.by_hand else QUIET_SECONDS
        return self.thread is None or now - self.said_at >= quiet

    def was_said(self, thread: tuple[str, str], now: float) -> None:
        """Note that Slack took the message of all that was untold."""
        self.thread, self.said_at = thread, now
        self.said_runs += self.untold.runs
        self.untold = Batch()


class Incidents:
    """The incidents that go on."""

    def __init__(self, incidents: Iterable[Incident] = ()) -> None:
        self._all = list(incidents)

    def __iter__(self) -> Any:
        return iter(self._all)

    def add(self, failed: Failed, own_channels: Collection[int]) -> None:
        """Count a failure to the incident that it belongs to, or begin one.

        Args:
            failed: in the order of time.
            own_channels: organisations that have a channel of their own.
        """
        orgs = {org_id for org_id, _ in failed.partitions}
        org_id = next(iter(orgs)) if len(orgs) == 1 and orgs <= set(own_channels) else None
        cause = self._cause(failed)
        incident = self._going_on(cause, org_id, failed.at)
        if incident is None:
            incident = Incident(cause, org_id, since=failed.at, last=failed.at)
            self._all.append(incident)
        incident.last = max(incident.last, failed.at)
        incident.untold.add(failed)

    def due(self, now: float) -> list[Incident]:
        """What is to be said now: what was never said first, critical before the rest, then by age."""
        return sorted(
            (incident for incident in self._all if incident.is_due(now)),
            key=lambda incident: (incident.thread is not None, incident.cause.severity, incident.since),
        )

    def prune(self, now: float) -> None:
        """Forget incidents that are over and said."""
        self._all = [one for one in self._all if one.untold.runs or now - one.last <= OVER_SECONDS]

    def as_json(self) -> list[dict[str, Any]]:
        """For the cursor."""
        return [_as_json(incident) for incident in self._all]

    @classmethod
    def from_json(cls, values: Iterable[Mapping[str, Any]]) -> Incidents:
        """From the cursor.

        Raises:
            LookupError, TypeError, ValueError, AttributeError: it is none of ours.
        """
        return cls(_from_json(value) for value in values)

    def _cause(self, failed: Failed) -> Cause:
        going_on = {one.cause for one in self._all if failed.at - one.last <= OVER_SECONDS}
        if failed.cause in going_on or len(going_on) < MOST_INCIDENTS:
            return failed.cause
        if failed.cause.kind in {KEY_REFUSED, KEY_FORBIDDEN}:
            return Cause(failed.cause.kind)
        return Cause(VARIOUS) if failed.cause.kind == UNKNOWN else failed.cause

    def _going_on(self, cause: Cause, org_id: int | None, at: float) -> Incident | None:
        same = [one for one in self._all if one.cause == cause and at - one.last <= OVER_SECONDS]
        by_org = {one.org_id: one for one in same}
        found = by_org.get(org_id) or by_org.get(None)
        if found is not None or not same:
            return found
        # A second organisation: the cause is nobody's own any more. What was not said yet moves; what was said stays,
        # and the others get a message in the channel for all.
        untold = next((one for one in same if one.thread is None), None)
        if untold is None:
            untold = Incident(cause, None, since=at, last=at)
            self._all.append(untold)
        untold.org_id = None
        return untold


def _as_json(incident: Incident) -> dict[str, Any]:
    value: dict[str, Any] = {
        "kind": incident.cause.kind,
        "text": incident.cause.text,
        "org": incident.org_id,
        "since": incident.since,
        "last": incident.last,
        "thread": incident.thread,
        "said_at": incident.said_at,
        "said_runs": incident.said_runs,
    }
    if incident.untold.runs:
        value["untold"] = vars(incident.untold) | {"partitions": packed(incident.untold.partitions)}
    return value


def _from_json(value: Mapping[str, Any]) -> Incident:
    untold = Batch(**value["untold"]) if value.get("untold") else Batch()
    untold.partitions = unpacked(value["untold"]["partitions"]) if value.get("untold") else set()
    thread = value["thread"]
    return Incident(
        Cause(str(value["kind"]), str(value["text"])),
        None if value["org"] is None else int(value["org"]),
        float(value["since"]),
        float(value["last"]),
        None if thread is None else (str(thread[0]), str(thread[1])),
        float(value["said_at"]),
        int(value["said_runs"]),
        untold,
    )
