"""From the sessions to the channel: the whole graph, the sensors, and a Slack over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from hologram_assets.commands.ticks import tick_sensor
from hologram_assets.partitions import today
from hologram_assets.sandbox.slack.messages import SlackMessage
from hologram_assets.sensors import posting
from hologram_assets.warehouse.alert_sources import changes_of
from hologram_assets.warehouse.alerts import alerts_on, write_alerts
from tests.conftest import Deployment

SENSORS = ("overage_alert_sensor", "network_change_sensor")
ONE_DAY = timedelta(days=1)
Team = Callable[..., "Workplace"]


class Workplace:
    """A deployment whose two alert sensors remember what they said, as the daemon makes them."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.cursors: dict[str, str | None] = dict.fromkeys(SENSORS)

    def tick(self) -> list[SlackMessage]:
        """Tick both until they have nothing more to say; what came into the channel since the last tick."""
        before = len(self.messages)
        for name in SENSORS:
            self.cursors[name], _ = tick_sensor(
                self.deployment.defs, self.deployment.instance, name, self.cursors[name]
            )
        return self.messages[before:]

    @property
    def messages(self) -> list[SlackMessage]:
        return self.deployment.sandbox.slack.messages

    def load(self, back_from: int, back_to: int, orgs: tuple[int, ...] = (144,), assets: tuple[str, ...] = ()) -> None:
        """Backfill the days so many before today."""
        last = today()
        summary = self.deployment.backfill(last - back_from * ONE_DAY, last - back_to * ONE_DAY, orgs, assets)
        assert summary.ok, (summary.failed, summary.errors)


@pytest.fixture
def team(deploy: Callable[..., Deployment], monkeypatch: pytest.MonkeyPatch) -> Team:
    def make(**options: object) -> Workplace:
        deployment = deploy(**options)
        monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-sandbox")
        monkeypatch.setenv("SLACK_CHANNEL", "#iot-alerts")
        monkeypatch.setenv("SLACK_BASE_URL", deployment.sandbox.slack.base_url)
        monkeypatch.setattr(posting, "SPACING_SECONDS", 0.0)
        return Workplace(deployment)

    return make


def told(messages: list[SlackMessage]) -> list[str]:
    """Alert ids, as often as a new message named them."""
    return [
        alert_id
        for message in messages
        if message.metadata is not None and message.metadata["event_type"] == "hologram_alert"
        for alert_id in message.metadata["event_payload"]["alert_ids"]
    ]


@pytest.mark.campaign
@pytest.mark.timeout(600)
def test_sixty_old_days_fill_the_table_and_say_nothing_and_today_speaks_once(team: Team) -> None:
    workplace = team(sims=20, days=63)
    deployment = workplace.deployment
    workplace.load(61, 2)
    days = deployment.rows(
        "SELECT count(DISTINCT day), count(*) FILTER (WHERE severity <> 'info') FROM hologram.alerts"
    )
    assert days[0][0] > 30
    assert days[0][1] > 30
    assert workplace.tick() == []

    workplace.load(1, 0)
    first = workplace.tick()
    assert first
    assert len(set(told(first))) == len(told(first))
    for _ in range(2):
        workplace.load(0, 0)
        assert told(workplace.tick()) == []

    # With a lost cursor only what may still speak is said again.
    workplace.cursors = dict.fromkeys(SENSORS)
    assert set(told(workplace.tick())) <= set(told(first))


@pytest.mark.campaign
@pytest.mark.timeout(400)
def test_what_was_committed_and_never_reported_is_told_by_the_next_run(team: Team) -> None:
    workplace = team(sims=20, days=12)
    deployment = workplace.deployment
    workplace.load(
        10,
        0,
        assets=(
            "raw_sessions", "sim_inventory", "plan_catalog", "billing_usage", "daily_link_usage", "network_changes",
            "overage_report",
        ),
    )  # fmt: skip
    # The kill between the warehouse's commit and Dagster's event leaves this: rows, and no materialisation.
    rules = deployment.settings.alert_rules()(144)
    with deployment.warehouse.write() as connection:
        changes = changes_of(connection, 144, today(), rules.network)
        found = alerts_on(connection, 144, today(), rules, changes)
        write_alerts(
            connection,
            144,
            today(),
            found.alerts,
            complete_through=found.complete_through,
            read_at=found.complete_through,
            run_id="killed",
        )
    assert any(alert.severity != "info" for alert in found.alerts)
    assert workplace.tick() == []
    workplace.load(0, 0, assets=("alerts",))
    assert set(told(workplace.tick())) == {
        alert.alert_id for alert in found.alerts if alert.severity != "info" and not alert.has_ended
    }


@pytest.mark.campaign
@pytest.mark.timeout(400)
def test_four_partitions_that_finish_between_two_ticks_all_speak(team: Team) -> None:
    workplace = team(sims=20, days=14)
    deployment = workplace.deployment
    workplace.load(12, 0, orgs=(144, 145))
    messages = workplace.tick()
    said = set(told(messages))
    holding = deployment.rows(
        """SELECT alert_id FROM hologram.alerts
           WHERE severity <> 'info' AND state IN ('open', 'escalated') AND day = current_date"""
    )
    assert {alert_id for (alert_id,) in holding} <= said
    assert {message.metadata["event_payload"]["org_id"] for message in messages if message.metadata} == {144, 145}
