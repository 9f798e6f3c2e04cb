"""`run_failure_alert_sensor`: failed runs as one message per cause, however many fail.

Told is the first failure of a run: a retry that Dagster starts itself says something only if it fails of another cause.
A run that somebody starts again by hand, and that fails again, is a word in the thread. A run that was stopped is no
failure. What groups failures stands in `domain.causes`, what is said and when in `domain.incidents`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping

from dagster import (
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    DefaultSensorStatus,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)
from dagster._core.events import JobFailureData
from dagster._core.execution.plan.objects import StepFailureData
from dagster._core.storage.tags import RETRY_NUMBER_TAG
from dagster_shared.error import SerializableErrorInfo

from hologram_assets.domain.causes import WRAPPERS, Cause, cause_of, crash, was_stopped
from hologram_assets.domain.incidents import Failed, Incident, Incidents, Partition
from hologram_assets.domain.operations_messages import failure_message, still_failing_message
from hologram_assets.partitions import parse_key, tagged_days
from hologram_assets.resources.slack import SlackResource
from hologram_assets.sensors.finished_runs import (
    Finished,
    finished_since,
    place_in,
    read_cursor,
    read_each,
    remembered,
    ticked,
)
from hologram_assets.sensors.posting import Posting, Thread, resting

_MOST_POSTS = 5
_NO_TOKEN = "SLACK_BOT_TOKEN is not set: failed runs are not told"  # noqa: S105 - no token, but a word about it
_SEVERAL_STEPS = re.compile(r"Steps failed: \[[^\]]*,")


def run_failures(
    webserver_url: str | None, status: DefaultSensorStatus = DefaultSensorStatus.RUNNING
) -> SensorDefinition:
    """The sensor; `webserver_url` is where Dagster's pages are, for links (None: no links)."""

    @sensor(
        name="run_failure_alert_sensor",
        minimum_interval_seconds=60,
        default_status=status,
        description="Tells Slack of failed runs: one message per cause, its further failures in the thread.",
    )
    def run_failure_alert_sensor(context: SensorEvaluationContext, slack: SlackResource) -> SensorResult | SkipReason:
        began = time.monotonic()
        if not slack.has_token:
            return SkipReason(_NO_TOKEN)
        state = read_cursor(context)
        if reason := resting(state.get("not_before")):
            return SkipReason(reason)
        incidents = remembered(context, Incidents.from_json, state.get("incidents", []), "failed runs")
        place = place_in(state, context)
        finished, reached = finished_since(context, place, [DagsterEventType.RUN_FAILURE])

        def count(end: Finished) -> None:
            for failed in _failures(context.instance, end):
                incidents.add(failed, slack.own_channels)

        reached = read_each(finished, reached, began, count)
        due = incidents.due(time.time())
        if not due and reached == place:
            return SkipReason("no run failed")
        posting = Posting(slack, began=began, unanswered=state.get("unanswered"), posts=_MOST_POSTS)
        _say(posting, due, webserver_url)
        incidents.prune(time.time())
        words = f"{len(finished)} runs failed, {posting.posted} messages posted"
        return ticked(reached, posting, words, incidents=incidents.as_json())

    return run_failure_alert_sensor


def _say(posting: Posting, due: Iterable[Incident], webserver_url: str | None) -> None:
    """Post what is due, as far as this tick goes; what Slack took is noted in the incidents."""
    for incident in due:
        build = failure_message if incident.thread is None else still_failing_message
        thread = Thread(*incident.thread) if incident.thread else None
        posted = posting.post(incident.org_id, build(incident, webserver_url), thread)
        if posted is not None:
            incident.was_said(posted, time.time())
        if posting.over:
            break


def _failures(instance: DagsterInstance, end: Finished) -> Iterator[Failed]:
    """What is to be counted of a failed run: each cause of its failed steps once."""
    run, causes = end.run, _causes_of(instance, end.event, end.run)
    automatic = RETRY_NUMBER_TAG in run.tags
    if automatic:
        for earlier in {run.parent_run_id, run.root_run_id} - {None}:
            for cause in _causes_of_run(instance, str(earlier)):
                causes.pop(cause, None)
    for cause, (error, partitions) in causes.items():
        by_hand = run.parent_run_id is not None and not automatic
        yield Failed(run.run_id, end.place.at, cause, error, frozenset(partitions), by_hand)


def _causes_of_run(instance: DagsterInstance, run_id: str) -> set[Cause]:
    """The causes that an earlier run failed of; none if it is gone, or died without Dagster having said so."""
    run = instance.get_run_by_id(run_id)
    ends = instance.all_logs(run_id, of_type=DagsterEventType.RUN_FAILURE) if run else []
    return {
        cause
        for entry in ends
        if run and entry.dagster_event
        for cause in _causes_of(instance, entry.dagster_event, run)
    }


def _causes_of(
    instance: DagsterInstance, event: DagsterEvent, run: DagsterRun
) -> dict[Cause, tuple[str, set[Partition]]]:
    """Each cause of a run's end with its first error text and the partitions that it reached."""
    data = event.event_specific_data
    if not isinstance(data, JobFailureData):
        return {crash(event.message or ""): (event.message or "", _partitions_of(run))}
    causes: dict[Cause, tuple[str, set[Partition]]] = {}
    steps = [
        step.event_specific_data
        for step in _failed_steps(instance, event, data, run.run_id)
        if isinstance(step.event_specific_data, StepFailureData)
    ]
    for step in steps:
        chain = _chain(step.error)
        classes = [one.cls_name or "" for one in chain]
        if was_stopped(classes):
            continue
        for text, keys in _reasons(step, chain).items():
            cause = cause_of(text, [] if keys else classes)
            causes.setdefault(cause, (text, set()))[1].update(keys or _partitions_of(run))
    if steps:
        return causes
    chain = _chain(data.error)
    if was_stopped([one.cls_name or "" for one in chain]):
        return {}
    text = _text(_first_that_says(chain)) if chain else event.message or ""
    cause = cause_of(text, [one.cls_name or "" for one in chain]) if chain else crash(text)
    return {cause: (text, _partitions_of(run))}


def _failed_steps(
    instance: DagsterInstance, event: DagsterEvent, data: JobFailureData, run_id: str
) -> list[DagsterEvent]:
    # The run's end carries the first failed step. The others stand in the run's own log, which on SQLite is a file for
    # each run: opened only where there are others, so that a thousand failed runs take seconds.
    if _SEVERAL_STEPS.search(event.message or ""):
        entries = instance.all_logs(run_id, of_type=DagsterEventType.STEP_FAILURE)
        steps = [entry.dagster_event for entry in entries if entry.dagster_event is not None]
        if steps:
            return steps
    return [data.first_step_failure_event] if data.first_step_failure_event else []


def _reasons(step: StepFailureData, chain: list[SerializableErrorInfo]) -> dict[str, set[Partition]]:
    """The error texts of a failed step, each with its partitions; none where the step doesn't say."""
    failure = step.user_failure_data
    metadata = failure.metadata if failure else {}
    reasons = getattr(metadata.get("reasons"), "value", None)
    if isinstance(reasons, Mapping) and reasons:
        return {str(reason): _parsed(keys) for reason, keys in reasons.items()}
    named = getattr(metadata.get("failed_partitions"), "value", None)
    text = (failure.description if failure else None) or _text(_first_that_says(chain))
    return {text: _parsed(str(named).split(", ")) if named else set()}


def _chain(error: SerializableErrorInfo | None) -> list[SerializableErrorInfo]:
    """An error and what caused it, outermost first."""
    chain = []
    while error is not None:
        chain.append(error)
        error = error.cause
    return chain


def _first_that_says(chain: list[SerializableErrorInfo]) -> SerializableErrorInfo | None:
    """The outermost error that is not Dagster's wrapping of another."""
    return next((error for error in chain if error.cls_name not in WRAPPERS), None)


def _text(error: SerializableErrorInfo | None) -> str:
    """An error's text without the name of its class, as `str(error)` would give it."""
    text = (error.message if error else "").strip()
    head, colon, rest = text.partition(": ")
    return rest if colon and error and error.cls_name and head.endswith(error.cls_name) else text


def _parsed(keys: object) -> set[Partition]:
    """Partition keys as (organisation, day); those of other assets are left out."""
    partitions: set[Partition] = set()
    for key in keys if isinstance(keys, (list, tuple)) else []:
        try:
            org_id, day = parse_key(key)
        except ValueError:
            continue
        partitions.add((org_id, day.isoformat()))
    return partitions


def _partitions_of(run: DagsterRun) -> set[Partition]:
    """What a run was to materialise, from its tags: one partition, or the range of days of an organisation."""
    return {(org_id, day.isoformat()) for org_id, day in tagged_days(run.tags)}
