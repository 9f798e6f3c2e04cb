"""What Slack is told: everything once, what became of it in the thread, and nothing that may not speak any more."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from typing import Any

import pytest

from hologram_assets.domain.alerts import ACCEPTED, CRITICAL, ESCALATED, INFO, OPEN, OVERAGE, RESOLVED, SILENCED, WARN
from hologram_assets.domain.delivery import (
    Entry,
    Post,
    Said,
    Sent,
    entry_from,
    latest_word,
    posts,
    pruned,
    remember,
    renew,
)

NOW = datetime(2026, 11, 20, 12)
HALF = Entry("a", OVERAGE, "overage_step", 50, INFO, OPEN, "SIM 7", "50 % used", "2026-11-20 10:00", "8 MB of 10 MB")
MOST = HALF._replace(step=80, severity=WARN)
ALL = HALF._replace(step=100, severity=CRITICAL, state=ESCALATED)
MORE = ALL._replace(step=120)
ENDED = ALL._replace(state=RESOLVED)
LATE = ENDED._replace(reached_today=True)
"""Taken in the last hours of a period, and over at the end of the day."""


class Channel:
    """A sensor's memory and the channel it posts to: each message is (kind, thread it went to, alert ids)."""

    def __init__(self) -> None:
        self.sent: Sent = {}
        self.count = 0
        self.now = NOW

    def hear(
        self, *entries: Entry, complete: bool = True, newest: bool = True
    ) -> list[tuple[str, str | None, list[str]]]:
        heard = []
        today, known = self.now.date(), list(self.sent)
        for post in posts(entries, self.sent, complete=complete, org_alerts=known, newest=newest, today=today):
            self.count += 1
            remember(self.sent, post, "C1", post.thread or f"t{self.count}", self.now)
            heard.append((post.kind, post.thread, [entry.alert_id for entry in post.entries]))
        return heard


@pytest.fixture
def channel() -> Channel:
    return Channel()


def test_an_open_alert_is_said_once(channel: Channel) -> None:
    assert channel.hear(MOST) == [("new", None, ["a"])]
    assert channel.hear(MOST) == []
    assert channel.hear(MOST, MOST) == []


def test_an_alert_that_is_carried_twice_is_said_once(channel: Channel) -> None:
    assert channel.hear(MOST, MOST) == [("new", None, ["a"])]


def test_info_stays_in_the_table_until_it_is_more(channel: Channel) -> None:
    assert channel.hear(HALF) == []
    assert channel.hear(MOST) == [("new", None, ["a"])]


def test_new_alerts_are_one_message_per_severity_with_the_worst_first(channel: Channel) -> None:
    others = [MOST._replace(alert_id="b"), ALL._replace(alert_id="c"), MOST._replace(alert_id="d")]
    assert channel.hear(HALF, *others) == [("new", None, ["c"]), ("new", None, ["b", "d"])]


@pytest.mark.parametrize("state", [RESOLVED, ACCEPTED, SILENCED])
def test_what_has_ended_or_is_silenced_is_not_announced(channel: Channel, state: str) -> None:
    assert channel.hear(ALL._replace(state=state)) == []


def test_a_silenced_alert_speaks_when_the_silence_ends(channel: Channel) -> None:
    channel.hear(ALL._replace(state=SILENCED))
    assert channel.hear(ALL) == [("new", None, ["a"])]


def test_a_higher_severity_is_a_new_message(channel: Channel) -> None:
    channel.hear(MOST)
    assert channel.hear(ALL) == [("new", None, ["a"])]
    assert channel.hear(ALL) == []


def test_a_higher_severity_at_the_same_step_is_a_new_message(channel: Channel) -> None:
    spend = MOST._replace(rule="payg_spend", step=3)
    channel.hear(spend)
    assert channel.hear(spend._replace(severity=CRITICAL)) == [("new", None, ["a"])]


def test_a_step_of_the_same_severity_goes_into_the_thread(channel: Channel) -> None:
    channel.hear(ALL)
    assert channel.hear(MORE) == [("escalated", "t1", ["a"])]
    assert channel.hear(MORE) == []
    assert channel.hear(MORE._replace(step=200)) == [("escalated", "t1", ["a"])]


def test_what_follows_goes_into_the_thread_of_the_higher_severity(channel: Channel) -> None:
    channel.hear(MOST)
    channel.hear(ALL)
    assert channel.hear(MORE) == [("escalated", "t2", ["a"])]


def test_a_silenced_alert_does_not_escalate(channel: Channel) -> None:
    channel.hear(ALL)
    assert channel.hear(MORE._replace(state=SILENCED)) == []


@pytest.mark.parametrize(("state", "kind"), [(RESOLVED, "resolved"), (ACCEPTED, "accepted")])
def test_the_end_is_said_in_the_thread_once(channel: Channel, state: str, kind: str) -> None:
    channel.hear(ALL)
    assert channel.hear(ALL._replace(state=state)) == [(kind, "t1", ["a"])]
    assert channel.hear(ALL._replace(state=state)) == []
    assert channel.hear() == []


def test_what_was_over_and_holds_again_is_a_word_in_the_thread(channel: Channel) -> None:
    channel.hear(ALL)
    channel.hear(ENDED)
    assert channel.hear(ALL) == [("again", "t1", ["a"])]
    assert channel.hear(ALL) == []
    assert channel.hear(MORE) == [("escalated", "t1", ["a"])]
    assert channel.hear(ENDED) == [("resolved", "t1", ["a"])]


@pytest.mark.parametrize("end", [RESOLVED, ACCEPTED])
def test_after_its_end_a_higher_step_goes_into_the_thread_and_a_higher_severity_is_a_new_message(
    channel: Channel, end: str
) -> None:
    channel.hear(MOST)
    channel.hear(MOST._replace(state=end))
    assert channel.hear(ALL) == [("new", None, ["a"])]
    channel.hear(ALL._replace(state=end))
    assert channel.hear(MORE) == [("escalated", "t3", ["a"])]
    assert channel.hear(MORE) == []


def test_an_alert_that_holds_again_at_a_lower_step_climbs_from_there(channel: Channel) -> None:
    channel.hear(MORE)
    channel.hear(MORE._replace(state=RESOLVED))
    assert channel.hear(MOST) == [("again", "t1", ["a"])]
    assert channel.hear(MOST) == []
    assert channel.hear(ALL) == [("escalated", "t1", ["a"])]


def test_nothing_is_said_to_hold_again_twice_on_a_day(channel: Channel) -> None:
    channel.hear(ALL)
    channel.hear(ENDED)
    assert channel.hear(ALL) == [("again", "t1", ["a"])]
    assert channel.hear(ENDED) == [("resolved", "t1", ["a"])]
    assert channel.hear(ALL) == []
    assert channel.hear(ENDED) == []
    assert channel.hear(ALL) == []
    channel.now += timedelta(days=1)
    assert channel.hear(ALL) == [("again", "t1", ["a"])]


def test_whatever_the_data_do_an_alert_holds_again_once_a_day_and_what_is_true_the_day_after_is_known() -> None:
    chance = random.Random(7)
    for _ in range(200):
        channel = Channel()
        today: list[str] = []
        for _ in range(5):
            for _ in range(8):
                entry = chance.choice([MOST, ALL, MORE, ENDED, MOST._replace(state=RESOLVED), None])
                today += [kind for kind, _, _ in channel.hear(*([entry] if entry else []))]
            assert today.count("again") <= 1
            channel.now += timedelta(days=1)
            today = [kind for kind, _, _ in channel.hear(MORE)]
            assert channel.sent["a"][0] == MORE.step
            assert channel.sent["a"].state == "open"


def test_an_earlier_day_that_is_run_again_reopens_nothing(channel: Channel) -> None:
    channel.hear(ALL)
    channel.hear(ENDED)
    assert channel.hear(MORE, newest=False) == []
    channel.hear(ALL._replace(alert_id="b"))
    channel.hear()
    assert channel.hear(ALL._replace(alert_id="b"), newest=False) == []


def test_a_forecast_that_comes_back_in_its_period_is_not_told_again(channel: Channel) -> None:
    forecast = MOST._replace(rule="will_exceed", step=0)
    channel.hear(forecast)
    channel.hear(forecast._replace(state=RESOLVED))
    assert channel.hear(forecast) == []
    channel.hear(forecast._replace(alert_id="b"))
    channel.hear()
    assert channel.hear(forecast._replace(alert_id="b")) == []


@pytest.mark.parametrize("state", [SILENCED, OPEN])
def test_what_is_silenced_or_info_now_does_not_hold_again(channel: Channel, state: str) -> None:
    channel.hear(ALL)
    channel.hear(ENDED)
    back = ALL._replace(state=state)
    assert channel.hear(back._replace(severity=INFO) if state == OPEN else back) == []


def test_what_an_older_version_knows_to_be_over_without_its_thread_holds_again_in_a_new_message(
    channel: Channel,
) -> None:
    channel.sent["a"] = Said(100, CRITICAL, "", "", int(NOW.timestamp()), "over")
    channel.sent["b"] = channel.sent["a"]
    assert channel.hear(ALL, MORE._replace(alert_id="b")) == [("new", None, ["a", "b"])]
    assert channel.hear(ALL, MORE._replace(alert_id="b")) == []


def test_a_forecast_that_came_true_is_not_said_to_be_resolved(channel: Channel) -> None:
    forecast = MOST._replace(rule="will_exceed", step=0, alert_id="f")
    bare = forecast._replace(alert_id="g", subject="SIM 8")
    channel.hear(forecast, bare)
    true = forecast._replace(state=RESOLVED, why="pump: 12 MB used of 10 MB. the allowance is used up")
    used = ALL._replace(alert_id="s", subject="SIM 8")
    ended = bare._replace(state=RESOLVED, why="")
    assert channel.hear(true, ended, used)[1:] == [("came_true", "t1", ["f", "g"])]
    assert channel.hear(true, ended, used) == []


def test_a_forecast_that_ended_otherwise_is_resolved(channel: Channel) -> None:
    forecast = MOST._replace(rule="will_exceed", step=0)
    channel.hear(forecast)
    calm = forecast._replace(state=RESOLVED, why="2 days below 90% of the allowance")
    assert channel.hear(calm) == [("resolved", "t1", ["a"])]


def test_the_same_sim_in_a_new_period_speaks_again(channel: Channel) -> None:
    channel.hear(ALL)
    assert channel.hear(ALL._replace(state=RESOLVED), MOST._replace(alert_id="next")) == [
        ("new", None, ["next"]),
        ("resolved", "t1", ["a"]),
    ]


def test_what_became_of_alerts_of_one_message_is_one_reply(channel: Channel) -> None:
    both = [ALL, ALL._replace(alert_id="b")]
    channel.hear(*both)
    assert channel.hear(*(entry._replace(state=RESOLVED) for entry in both)) == [("resolved", "t1", ["a", "b"])]


def test_a_correction_that_takes_a_step_back_withdraws_it_in_the_thread_once(channel: Channel) -> None:
    channel.hear(ALL)
    assert channel.hear(MOST) == [("withdrawn", "t1", ["a"])]
    assert channel.hear(MOST) == []
    assert channel.hear() == []


def test_a_withdrawn_step_that_becomes_true_again_is_said_to_hold_again(channel: Channel) -> None:
    channel.hear(ALL)
    channel.hear(MOST)
    assert channel.hear(ALL) == [("again", "t1", ["a"])]
    assert channel.hear(ALL) == []
    assert channel.hear(MORE) == [("escalated", "t1", ["a"])]


def test_of_a_withdrawn_step_every_one_beyond_what_holds_now_speaks_again(channel: Channel) -> None:
    channel.hear(MORE._replace(step=200))
    assert channel.hear(MOST) == [("withdrawn", "t1", ["a"])]
    assert channel.hear(MOST) == []
    assert channel.hear(ALL) == [("again", "t1", ["a"])]
    assert channel.hear(MORE) == [("escalated", "t1", ["a"])]


def test_the_end_of_an_alert_with_a_withdrawn_step_is_said(channel: Channel) -> None:
    channel.hear(ALL)
    channel.hear(MOST)
    assert channel.hear(MOST._replace(state=RESOLVED)) == [("resolved", "t1", ["a"])]


def test_an_alert_without_a_row_was_withdrawn(channel: Channel) -> None:
    channel.hear(ALL)
    assert channel.hear() == [("withdrawn", "t1", ["a"])]
    assert channel.hear() == []
    assert channel.hear(MOST) == [("again", "t1", ["a"])]
    assert channel.hear(ALL) == [("escalated", "t1", ["a"])]


def test_a_withdrawal_in_the_words_of_an_older_version_is_understood(channel: Channel) -> None:
    channel.sent["a"] = Said(100, CRITICAL, "C1", "t1", int(NOW.timestamp()), "withdrawn", "SIM 7", "overage_step")
    assert channel.hear(MOST) == []
    assert channel.hear(ALL) == [("again", "t1", ["a"])]


def test_an_earlier_day_or_a_list_cut_short_withdraws_nothing(channel: Channel) -> None:
    channel.hear(ALL)
    assert channel.hear(MOST, complete=False) == []
    assert channel.hear(complete=False) == []
    assert channel.hear(ALL) == []


def test_only_this_organisations_alerts_are_withdrawn() -> None:
    sent = {"a": Said(100, CRITICAL, "C1", "t1", int(NOW.timestamp()))}
    assert posts([], sent, complete=True, org_alerts=[]) == []
    assert posts([], sent, complete=True, org_alerts=["never said"]) == []


def test_a_lost_memory_says_again_only_what_may_still_speak(channel: Channel) -> None:
    ended, silent = ALL._replace(alert_id="b"), ALL._replace(alert_id="c")
    channel.hear(ALL, ended, silent)
    channel.sent.clear()
    now = [MORE, ended._replace(state=RESOLVED), silent._replace(state=SILENCED), HALF._replace(alert_id="d")]
    assert channel.hear(*now) == [("new", None, ["a"])]
    assert channel.hear(*now) == []


def test_a_post_that_slack_did_not_take_is_due_again() -> None:
    sent: Sent = {}
    first = posts([ALL], sent, complete=True, org_alerts=[])
    assert posts([ALL], sent, complete=True, org_alerts=[]) == first


def test_a_reply_is_remembered_in_the_thread_it_went_to(channel: Channel) -> None:
    channel.hear(ALL)
    channel.hear(MORE)
    assert channel.sent["a"][:4] == (120, CRITICAL, "C1", "t1")


def test_a_thread_that_slack_would_not_take_goes_on_where_the_reply_was_said() -> None:
    sent: Sent = {}
    remember(sent, Post("new", CRITICAL, None, None, [ALL]), "C1", "t1", NOW)
    (reply,) = posts([MORE], sent, complete=True, org_alerts=["a"])
    remember(sent, reply, "C2", "t2", NOW)
    assert sent["a"][:4] == (120, CRITICAL, "C2", "t2")


def test_a_reply_goes_to_the_channel_of_its_thread() -> None:
    sent: Sent = {}
    remember(sent, Post("new", CRITICAL, None, None, [ALL]), "C7", "t1", NOW)
    (reply,) = posts([MORE], sent, complete=True, org_alerts=["a"])
    assert (reply.channel, reply.thread, reply.severity) == ("C7", "t1", CRITICAL)


def test_the_memory_survives_json(channel: Channel) -> None:
    channel.hear(ALL)
    channel.hear(MOST)
    stored = json.loads(json.dumps(channel.sent))
    assert {alert_id: Said(*said) for alert_id, said in stored.items()} == channel.sent


def test_times_are_utc_wherever_the_machine_is(channel: Channel) -> None:
    channel.hear(ALL)
    assert channel.sent["a"].at == 1_795_176_000.0


def test_after_thirty_five_days_what_was_said_is_forgotten(channel: Channel) -> None:
    channel.hear(ALL)
    assert pruned(channel.sent, NOW + timedelta(days=35)) == channel.sent
    assert pruned(channel.sent, NOW + timedelta(days=35, seconds=1)) == {}


def test_what_is_still_carried_is_not_forgotten_in_a_period_of_three_months(channel: Channel) -> None:
    channel.hear(ALL)
    renew(channel.sent, ["a", "never said"], NOW + timedelta(days=30))
    channel.sent = pruned(channel.sent, NOW + timedelta(days=60))
    assert channel.hear(ALL) == []


@pytest.mark.parametrize("late", [LATE, LATE._replace(state=ACCEPTED)])
def test_a_step_of_a_periods_last_hours_is_told_although_it_is_over_and_only_once(
    channel: Channel, late: Entry
) -> None:
    assert channel.hear(late) == [("new", None, ["a"])]
    assert channel.sent["a"].state == "over"
    assert channel.hear(late) == []
    assert channel.hear() == []
    assert channel.hear(MORE) == [("escalated", "t1", ["a"])]


def test_a_higher_step_of_a_periods_last_hours_is_a_new_message_too(channel: Channel) -> None:
    channel.hear(MOST)
    assert channel.hear(LATE) == [("new", None, ["a"])]
    assert channel.hear(LATE) == []
    other = LATE._replace(alert_id="b")
    channel.hear(ALL._replace(alert_id="b"))
    assert channel.hear(other._replace(step=120)) == [("new", None, ["b"])]


def test_a_step_that_was_said_already_is_only_said_to_be_over(channel: Channel) -> None:
    channel.hear(ALL)
    assert channel.hear(LATE) == [("resolved", "t1", ["a"])]


def test_info_of_a_periods_last_hours_stays_in_the_table(channel: Channel) -> None:
    assert channel.hear(LATE._replace(step=50, severity=INFO)) == []


def test_what_is_not_carried_any_more_because_it_is_info_now_was_withdrawn(channel: Channel) -> None:
    channel.hear(MOST)
    assert channel.hear() == [("withdrawn", "t1", ["a"])]


def test_a_withdrawal_says_which_sim_it_was_about() -> None:
    sent: Sent = {}
    remember(sent, Post("new", CRITICAL, None, None, [ALL]), "C1", "t1", NOW)
    (reply,) = posts([], sent, complete=True, org_alerts=["a"])
    (gone,) = reply.entries
    assert (gone.subject, gone.rule, gone.why) == ("SIM 7", "overage_step", "no longer holds")


def test_a_step_that_was_taken_back_is_told_as_what_holds_now() -> None:
    sent: Sent = {}
    remember(sent, Post("new", CRITICAL, None, None, [ALL]), "C1", "t1", NOW)
    (reply,) = posts([MOST._replace(title="80 % used")], sent, complete=True, org_alerts=["a"])
    assert [entry.title for entry in reply.entries] == ["now 80 % used"]


def test_what_was_said_stays_small(channel: Channel) -> None:
    channel.hear(ALL._replace(subject="x" * 10_000))
    assert len(channel.sent["a"].subject) == 40
    channel.hear(ENDED)
    assert channel.sent["a"] == Said(100, CRITICAL, "C1", "t1", 1_795_176_000, "over")


def test_a_severity_of_a_later_version_disturbs_nothing(channel: Channel) -> None:
    assert channel.hear(ALL._replace(severity="fatal")) == []
    channel.hear(ALL)
    assert channel.hear(MORE._replace(severity="fatal")) == [("escalated", "t1", ["a"])]
    channel.sent["a"] = channel.sent["a"]._replace(severity="fatal")
    assert channel.hear(ENDED) == [("resolved", "t1", ["a"])]


def test_a_later_day_has_the_last_word() -> None:
    other = ALL._replace(alert_id="b")
    assert latest_word([([ALL, other], False), ([MORE], False)]) == [[other], [MORE]]
    assert latest_word([([ALL], True), ([ENDED], False)]) == [[], [ENDED]]
    assert latest_word([]) == []


def test_what_a_complete_later_day_lacks_no_longer_holds_but_its_end_is_still_told() -> None:
    ended, late = ENDED._replace(alert_id="b"), LATE._replace(alert_id="c")
    assert latest_word([([ALL, ended, late], True), ([], True)]) == [[ended, late], []]
    assert latest_word([([ALL, ended], False), ([], False)]) == [[ALL, ended], []]


def test_a_step_that_was_taken_on_the_earlier_day_is_told_with_the_later_days_entry() -> None:
    taken = ALL._replace(reached_today=True)
    assert latest_word([([taken], True), ([ENDED], True)]) == [[], [LATE]]
    corrected = ENDED._replace(step=80, severity=WARN)
    assert latest_word([([taken], True), ([corrected], True)]) == [[], [corrected]]


def test_an_entry_is_read_back_from_metadata() -> None:
    assert entry_from(json.loads(json.dumps(ALL._asdict()))) == ALL


@pytest.mark.parametrize("value", [{"alert_id": "a", "step": 80}, {"alert_id": "a", "step": 80, "from_tomorrow": 1}])
def test_an_entry_beyond_the_worst_ten_has_no_text(value: dict[str, Any]) -> None:
    entry = entry_from(value)
    assert (entry.alert_id, entry.step, entry.title, entry.why, entry.sim_url) == ("a", 80, "", "", None)
