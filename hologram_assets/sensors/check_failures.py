"""`asset_check_alert_sensor`: failed asset checks with their numbers and what to do about them.

Checks that block are critical and speak whatever the day. Those that warn speak of yesterday and today only: a backfill
of a year must not fill a channel, and its warnings stand in Dagster. A partition is said once, however often an hourly
refresh asks its check again; that it passes again is a word in the thread. What is said when stands in
`domain.check_topics`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from dagster import (
    AssetCheckEvaluation,
    AssetCheckSeverity,
    DagsterEventType,
    DagsterInstance,
    DefaultSensorStatus,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from hologram_assets.domain.alerts import CRITICAL, WARN
from hologram_assets.domain.check_topics import FAILS, Evaluation, Saying, Topics
from hologram_assets.domain.messages import Message
from hologram_assets.domain.operations_messages import Finding, check_message, check_reply
from hologram_assets.partitions import parse_key, today
from hologram_assets.resources.slack import SlackResource
from hologram_assets.sensors.finished_runs import (
    finished_since,
    place_in,
    read_cursor,
    read_each,
    remembered,
    ticked,
)
from hologram_assets.sensors.posting import Posting, Thread, resting

# A run that was stopped has checked what it had done by then.
_FINISHED = (DagsterEventType.RUN_SUCCESS, DagsterEventType.RUN_FAILURE, DagsterEventType.RUN_CANCELED)
_MOST_RUNS = 200
_NO_TOKEN = "SLACK_BOT_TOKEN is not set: failed checks are not told"  # noqa: S105 - no token, but a word about it


def check_failures(
    webserver_url: str | None, status: DefaultSensorStatus = DefaultSensorStatus.RUNNING
) -> SensorDefinition:
    """The sensor; `webserver_url` is where Dagster's pages are, for links (None: no links)."""

    @sensor(
        name="asset_check_alert_sensor",
        minimum_interval_seconds=60,
        default_status=status,
        description="Tells Slack of failed asset checks: blocking ones always, warnings of yesterday and today.",
    )
    def asset_check_alert_sensor(context: SensorEvaluationContext, slack: SlackResource) -> SensorResult | SkipReason:
        began = time.monotonic()
        if not slack.has_token:
            return SkipReason(_NO_TOKEN)
        state = read_cursor(context)
        if reason := resting(state.get("not_before")):
            return SkipReason(reason)
        topics = remembered(context, Topics.from_json, state.get("topics", []), "checks")
        place = place_in(state, context)
        finished, reached = finished_since(context, place, _FINISHED, _MOST_RUNS)
        if reached == place:
            return SkipReason("no run finished")
        evaluations: list[Evaluation] = []
        reached = read_each(
            finished, reached, began, lambda end: evaluations.extend(_of_run(context.instance, end.run.run_id))
        )
        sayings = topics.sayings(evaluations, slack.own_channels, time.time(), today())
        posting = Posting(slack, began=began, unanswered=state.get("unanswered"))
        said = 0
        for saying in sayings:
            thread = Thread(*saying.topic.thread) if saying.topic else None
            posted = posting.post(saying.org_id, _message(saying, webserver_url), thread)
            if posted is not None:
                topics.was_said(saying, posted, time.time())
                said += 1
            if posting.over:
                break
        topics.prune(time.time())
        # What was not said is found again: the same runs are read, and what was said is known.
        read_to = reached if said == len(sayings) else place
        words = f"{len(evaluations)} checks evaluated, {said} of {len(sayings)} messages posted"
        return ticked(read_to, posting, words, topics=topics.as_json())

    return asset_check_alert_sensor


def _message(saying: Saying, webserver_url: str | None) -> Message:
    if saying.kind == FAILS:
        return check_message(saying.asset, saying.check, saying.severity, saying.findings, webserver_url)
    return check_reply(saying.kind, saying.asset, saying.check, saying.findings)


def _of_run(instance: DagsterInstance, run_id: str) -> Iterator[Evaluation]:
    for entry in instance.all_logs(run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION):
        event = entry.dagster_event
        if event is not None and isinstance(event.event_specific_data, AssetCheckEvaluation):
            yield _evaluation(event.event_specific_data)


def _evaluation(said: AssetCheckEvaluation) -> Evaluation:
    partition = (0, "")
    if said.partition is not None:
        try:
            org_id, day = parse_key(said.partition)
            partition = (org_id, day.isoformat())
        except ValueError:
            pass
    numbers = {name: getattr(value, "value", None) for name, value in said.metadata.items()}
    return Evaluation(
        said.asset_key.to_user_string(),
        said.check_name,
        CRITICAL if said.severity == AssetCheckSeverity.ERROR else WARN,
        said.passed,
        Finding(partition, numbers, said.description or ""),
    )
