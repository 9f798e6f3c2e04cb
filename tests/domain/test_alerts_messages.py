"""Messages say what, who, how much, since when and why, within Slack's limits, and no name can do anything in them."""

from __future__ import annotations

import json
import re
from datetime import date

import pytest

from hologram_assets.domain.alerts import CRITICAL, NETWORK, OPEN, OVERAGE, RESOLVED, WARN
from hologram_assets.domain.delivery import Entry
from hologram_assets.domain.messages import Links, Message, alert_message, escaped, reason, thread_message

DAY = date(2026, 11, 20)
PUMP = Entry(
    "id-1",
    OVERAGE,
    "overage_step",
    100,
    CRITICAL,
    OPEN,
    "SIM 7",
    "100 % of the allowance used",
    "2026-11-20 10:00",
    "12 MB of 10 MB",
)  # fmt: skip
PAGE = "https://dashboard.hologram.io/org/144/device/7"
NOWHERE = Links()
DETAIL = {
    "linkid": 7,
    "device_name": "pump",
    "plan_id": 73,
    "plan_name": "Maker 10",
    "included_bytes": 10_000_000,
    "period_end": "2026-11-30 17:24:43",
    "usage_bytes": 12_000_001,
}
HOSTILE = [
    "<!channel>",
    "<!here|x>",
    "<@U024BE7LH>",
    "<https://evil.example|Click>",
    "https://evil.example/login",
    "*bold*",
    "_italic_ ~gone~ `code` ```block```",
    "a & b < c > d",
    "two\nlines\r\n> quote",
    "\u202ereversed\u202c\u200b\x00",
    "&lt;!channel&gt;",
    ":rotating_light::+1: a:100:",
    "> a quotation",
    "www.evil.example",
    "x" * 10_000,
    "&" * 10_000,
    "*" * 10_000,
]


def told(alerts: list[Entry], more: int = 0, links: Links = NOWHERE, family: str = OVERAGE) -> Message:
    return alert_message(144, family, CRITICAL, DAY, alerts, more, links)


def texts(message: Message) -> list[str]:
    """The text of every section and context."""
    return [
        part["text"]
        for block in message.blocks
        if block["type"] in {"section", "context"}
        for part in block.get("elements", [block.get("text")])
    ]


def check_limits(message: Message) -> None:
    assert 0 < len(message.blocks) <= 50
    assert len(message.text) <= 3000
    for block in message.blocks:
        if block["type"] == "header":
            assert len(block["text"]["text"]) <= 150
    for text in texts(message):
        assert 0 < len(text) <= 3000
    assert len(json.dumps(message.metadata)) < 8_000


def test_a_message_says_what_who_since_when_why_and_what_to_do() -> None:
    message = told([PUMP])
    header, entry, advice = message.blocks
    assert header["text"]["text"] == "Organisation 144, 2026-11-20: data usage needs a look (critical, 1 alert)"
    assert entry["text"]["text"] == (
        ":red_circle: *SIM 7*: 100 % of the allowance used\n12 MB of 10 MB\n"
        "since 2026-11-20 10:00 UTC, rule `overage_step`"
    )
    assert advice["text"]["text"].startswith("*What to do*\n• Cheapest first: ")
    assert message.text == f"{header['text']['text']}. *SIM 7*: 100 % of the allowance used"


def test_the_ten_first_are_shown_and_how_many_more() -> None:
    message = told([PUMP._replace(alert_id=f"id-{number}", subject=f"SIM {number}") for number in range(12)], more=30)
    shown = [text for text in texts(message) if text.startswith(":red_circle:")]
    assert len(shown) == 10
    assert "*SIM 0*" in shown[0]
    assert "and 2 more SIMs and 30 more alerts: see table `hologram.alerts` of 2026-11-20" in texts(message)
    assert message.blocks[0]["text"]["text"].endswith("(critical, 42 alerts)")


def test_what_one_sim_did_stands_together_and_the_headline_counts_both() -> None:
    moved = PUMP._replace(alert_id="id-2", rule="country_change", title="went from Germany to France")
    other = PUMP._replace(alert_id="id-3", subject="SIM 8")
    message = told([PUMP._replace(sim_url=None), other, moved._replace(sim_url=PAGE)])
    assert message.blocks[0]["text"]["text"].endswith("(critical, 3 alerts of 2 SIMs)")
    first, second = texts(message)[:2]
    assert first.startswith(":red_circle: *SIM 7*: 100 % of the allowance used\n12 MB of 10 MB\n")
    assert ":red_circle: *SIM 7*: went from Germany to France" in first
    assert "*SIM 8*" in second
    assert message.blocks[1]["accessory"]["url"] == PAGE


def test_ten_sims_are_shown_however_many_alerts_each_has() -> None:
    alerts = [PUMP._replace(alert_id=f"{sim}-{n}", subject=f"SIM {sim}") for n in range(5) for sim in range(12)]
    message = told(alerts, more=1)
    shown = [text for text in texts(message) if text.startswith(":red_circle:")]
    assert [text.count(":red_circle:") for text in shown] == [3] * 10
    assert all(text.endswith("\nand 2 more alerts of the same") for text in shown)
    assert "and 2 more SIMs and 1 more alert: see table `hologram.alerts` of 2026-11-20" in texts(message)
    assert message.blocks[0]["text"]["text"].endswith("(critical, 61 alerts of at least 12 SIMs)")


def test_a_network_is_not_counted_as_a_sim() -> None:
    incident = PUMP._replace(rule="fleet_incident", subject="Telekom")
    counted = [
        told(alerts, family=NETWORK).blocks[0]["text"]["text"].partition("critical, ")[2]
        for alerts in ([incident] * 2, [incident, PUMP, PUMP])
    ]
    assert counted == ["2 alerts of 1 network)", "3 alerts of 2 SIMs or networks)"]


def test_the_text_for_who_sees_no_blocks_names_all_that_are_shown() -> None:
    message = told([PUMP, PUMP._replace(subject="SIM 8")])
    assert message.text.endswith(". *SIM 7*: 100 % of the allowance used\n*SIM 8*: 100 % of the allowance used")


def test_no_message_names_a_number_that_is_a_setting() -> None:
    shift = PUMP._replace(rule="network_shift")
    assert "14" not in texts(told([shift]))[-1]
    assert "14" not in texts(thread_message("accepted", [shift]))[0]


def test_advice_is_given_once_per_rule() -> None:
    message = told([PUMP, PUMP._replace(alert_id="id-2"), PUMP._replace(rule="will_exceed")])
    assert message.blocks[-1]["text"]["text"].count("•") == 2


def test_a_rule_without_advice_gives_no_empty_section() -> None:
    assert [block["type"] for block in told([PUMP._replace(rule="of tomorrow")]).blocks] == ["header", "section"]


def test_an_alert_beyond_the_worst_is_named_by_its_rule() -> None:
    bare = PUMP._replace(title="", since="", why="")
    assert texts(told([bare]))[0] == ":red_circle: *SIM 7*: overage step"
    assert texts(thread_message("resolved", [bare]))[1] == "*SIM 7*: overage step"


def test_a_family_has_its_own_headline() -> None:
    message = told([PUMP._replace(rule="flapping", severity=WARN)], family=NETWORK)
    assert "unexpected network changes" in message.blocks[0]["text"]["text"]
    assert ":large_orange_circle:" in texts(message)[0]


def test_buttons_lead_to_run_partition_and_sim_and_only_where_there_is_an_address() -> None:
    links = Links("http://d/runs/1", "http://d/p")
    message = told([PUMP._replace(sim_url=PAGE), PUMP], links=links)
    (actions,) = [block for block in message.blocks if block["type"] == "actions"]
    assert [(b["text"]["text"], b["url"]) for b in actions["elements"]] == [
        ("Run", "http://d/runs/1"),
        ("Partition", "http://d/p"),
    ]
    beside = [block.get("accessory") for block in message.blocks if block["type"] == "section"][:2]
    assert beside == [{"type": "button", "text": {"type": "plain_text", "text": "At Hologram"}, "url": PAGE}, None]
    assert len(told([PUMP], links=Links(run="http://d")).blocks[-1]["elements"]) == 1
    assert all(block["type"] != "actions" for block in told([PUMP]).blocks)


@pytest.mark.parametrize("address", ["localhost:3000", "javascript:alert(1)", "", "https://" + "x" * 3_000])
def test_an_address_that_slack_would_refuse_leaves_out_its_button(address: str) -> None:
    message = told([PUMP._replace(sim_url=address)], links=Links(address, address))
    assert [block["type"] for block in message.blocks] == ["header", "section", "section"]
    assert all("accessory" not in block for block in message.blocks)


def test_what_is_over_already_says_so() -> None:
    over = PUMP._replace(state=RESOLVED)
    assert texts(told([over]))[0].endswith("since 2026-11-20 10:00 UTC, over now, rule `overage_step`")


def test_the_metadata_holds_the_ids() -> None:
    assert told([PUMP]).metadata == {
        "event_type": "hologram_alert",
        "event_payload": {"alert_ids": ["id-1"], "org_id": 144, "family": "overage"},
    }
    assert thread_message("resolved", [PUMP]).metadata == {
        "event_type": "hologram_resolved",
        "event_payload": {"alert_ids": ["id-1"]},
    }


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("escalated", "went further"),
        ("resolved", "resolved"),
        ("accepted", "new normal"),
        ("withdrawn", "withdrawn: corrected data say otherwise, or its end was not loaded"),
        ("again", "holds again"),
        ("came_true", "came true"),
    ],
)
def test_a_reply_says_what_became_of_it(kind: str, words: str) -> None:
    message = thread_message(kind, [PUMP])
    head, line = texts(message)
    assert words in head
    assert line == "*SIM 7*: 100 % of the allowance used\n12 MB of 10 MB"
    assert message.text == f"{head}\n{line}"


def test_bad_news_has_no_green_tick() -> None:
    assert "white_check_mark" not in thread_message("came_true", [PUMP]).text


def test_a_reply_shows_ten_and_how_many_more() -> None:
    message = thread_message("resolved", [PUMP] * 13)
    assert len(message.blocks) == 12
    assert texts(message)[-1] == "and 3 more"


@pytest.mark.parametrize("name", HOSTILE)
def test_slacks_limits_hold_whatever_the_names(name: str) -> None:
    hostile = PUMP._replace(alert_id="0123456789abcdef01234567", subject=name, title=name, why=name, since=name)
    hostile = hostile._replace(sim_url=f"https://{name}")
    links = Links("http://d/1", "http://d/2")
    check_limits(alert_message(2**63, OVERAGE, CRITICAL, DAY, [hostile] * 2_000, 10**9, links))
    different = [hostile._replace(subject=f"{name}{n % 15}") for n in range(60)]
    check_limits(alert_message(2**63, OVERAGE, CRITICAL, DAY, different, 10**9, links))
    for kind in ("escalated", "resolved", "accepted", "withdrawn"):
        check_limits(thread_message(kind, [hostile] * 2_000))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_can_neither_mention_nor_link_nor_format(name: str) -> None:
    why = reason(DETAIL | {"device_name": name, "plan_name": name})
    message = told([PUMP._replace(subject=name, title=name, why=why)])
    for text in [message.text, *texts(message)]:
        assert "<" not in text
        assert ">" not in text
        assert "://" not in text
        assert "www." not in text.replace("www.\u200b", "")
        assert not re.search(r":(rotating_light|\+1|100):", text)
        assert not re.search(r"^&gt;", text, re.MULTILINE)
        assert not re.search(r"&(?!amp;|lt;|gt;)", text)
        assert "\u202e" not in text
    safe = escaped(name)
    assert "\n" not in safe
    assert not re.search(r"[*~`]|(?<![^\W_])_|_(?![^\W_])", safe)


def test_slack_is_told_not_to_look_for_links_and_names() -> None:
    found = [
        part
        for block in told([PUMP._replace(subject=f"SIM {number}") for number in range(12)]).blocks
        for part in block.get("elements", [block.get("text")])
        if part["type"] == "mrkdwn"
    ]
    assert len(found) == 12
    assert all(value["verbatim"] is True for value in found)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("<!channel>", "&lt;!channel&gt;"),
        ("*bold* ~gone~ `code`", "\u2217bold\u2217 \u223cgone\u223c \u02cbcode\u02cb"),
        ("_pump_7_ and pump_7", "\uff3fpump_7\uff3f and pump_7"),
        ("<https://evil.example|Click>", "&lt;https:\u200b//evil.example|Click&gt;"),
        ("a\nb", "a b"),
        (":rotating_light: 17:24:43", ":\u200brotating_light: 17:24:43"),
        (":wave::skin-tone-2:", ":\u200bwave::\u200bskin-tone-2:"),
        ("> x > y", "\u200b&gt; x &gt; y"),
        ("see WWW.evil.example", "see WWW.\u200bevil.example"),
        ("Pumpe Süd, 水", "Pumpe Süd, 水"),
        (None, "None"),
    ],
)
def test_a_name_reads_as_it_was_given(name: object, safe: str) -> None:
    assert escaped(name) == safe


def test_a_long_name_leaves_room_for_the_numbers() -> None:
    why = reason(DETAIL | {"device_name": "*" * 5_000})
    assert "12.0 MB used of 10.0 MB" in texts(told([PUMP._replace(why=why)]))[0]


def test_why_an_allowance_alert_speaks_in_numbers() -> None:
    assert reason(DETAIL | {"overage_cost": "0.420210"}) == (
        "pump: 12.0 MB used of 10.0 MB (Maker 10), overage $0.42, period ends 2026-11-30 17:24:43"
    )


def test_an_overage_without_a_price_says_so() -> None:
    assert "cost not known: the plan has no price per SIM" in reason(DETAIL | {"overage_cost": None})
    assert "cost not known" not in reason(DETAIL | {"overage_cost": "0.000000"})


def test_why_a_forecast_speaks_in_numbers() -> None:
    detail = DETAIL | {"usage_bytes": 5_000_000, "projected_bytes": 15_000_000, "projected_overage_cost": "1.05"}
    assert reason(detail | {"resolved_because": "the period ended"}) == (
        "pump: 5.0 MB used of 10.0 MB (Maker 10), 15.0 MB expected at the end of the period, expected overage $1.05, "
        "period ends 2026-11-30 17:24:43. the period ended"
    )


def test_why_a_spend_speaks_in_numbers_and_without_names() -> None:
    detail = {"plan_id": 1, "included_bytes": 0, "usage_charge": "1234.5", "period_end": "2026-11-30"}
    assert reason(detail) == ("no name: unknown used (plan 1), charge $1,234.50, period ends 2026-11-30")
