"""What `doctor` says of the files that the settings name, of Slack, of the clock and of the window's margin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from hologram_assets.api.window_probe import Column, Verdict
from hologram_assets.commands.doctor import Finding, clock_finding, examine, margin_finding
from hologram_assets.partitions import today
from hologram_assets.sandbox import Sandbox
from hologram_assets.settings import load_settings
from hologram_assets.warehouse.connection import Warehouse
from tests.commands.test_cli import run

Said = Callable[[str, str], list[Finding]]
NOON = datetime.fromisoformat("2026-11-20T12:00:00")


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Said:
    """Write a file, name it in a variable, and ask `doctor` about it. No organisation: nothing is asked of an API."""
    monkeypatch.setenv("HOLOGRAM_WAREHOUSE", str(tmp_path / "warehouse.duckdb"))

    def of(variable: str, text: str) -> list[Finding]:
        path = tmp_path / "file"
        path.write_text(text)
        monkeypatch.setenv(variable, str(path))
        found = [finding for finding in examine(load_settings()) if finding.subject == variable]
        assert all(str(path) in finding.text for finding in found)
        return found

    return of


def silence(until: int, since: int = -9, reason: str = "known", matcher: str = "sim: 7") -> str:
    first, last = today() + timedelta(days=since), today() + timedelta(days=until)
    return f"- {{since: {first}, until: {last}, reason: {reason}, {matcher}}}\n"


def test_silences_are_counted_and_those_that_ran_out_are_named(said: Said) -> None:
    ok, note = said(
        "HOLOGRAM_SILENCES_FILE", silence(0) + silence(3, 0) + silence(-1, reason="old antenna") + silence(9, 1)
    )
    assert ok.state == "ok"
    assert "2 of 4 silences are active today, 1 begin later" in ok.text
    assert note.state == "note"
    assert (
        f"1 have run out and hold for their days alone: until {today() - timedelta(days=1)} (old antenna)" in note.text
    )


def test_silences_that_are_all_in_force_need_no_note(said: Said) -> None:
    assert [finding.state for finding in said("HOLOGRAM_SILENCES_FILE", silence(0))] == ["ok"]


def test_of_many_silences_that_ran_out_only_the_first_are_named(said: Said) -> None:
    _, note = said("HOLOGRAM_SILENCES_FILE", silence(-1) * 7)
    assert note.text.count("until") == 5
    assert note.text.endswith("and 2 more")


def test_an_organisation_that_nobody_loads_is_noted(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    _, note = said("HOLOGRAM_SILENCES_FILE", silence(0, matcher="organisation: 999"))
    assert (note.state, "999 is not in HOLOGRAM_ORG_IDS" in note.text) == ("note", True)
    ok, note = said("HOLOGRAM_RULES_FILE", "organisations: {998: {network: {min_days: 4}}}")
    assert "rules of their own: 998" in ok.text
    assert (note.state, "998 is not in HOLOGRAM_ORG_IDS" in note.text) == ("note", True)


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        ("HOLOGRAM_RULES_FILE", "network: {min_days: 4}", "no organisation has rules of its own"),
        ("HOLOGRAM_RAT_LEVELS_FILE", "rat,level\n6G,6\n", "RATs with the shipped ones"),
        ("HOLOGRAM_NETWORK_ALIASES_FILE", "alias,network\na,b\n", "aliases with the shipped ones"),
        ("HOLOGRAM_PLAN_ASSIGNMENTS", "linkid,plan_id,zone\n1,2,\n", "1 SIMs"),
    ],
)
def test_a_file_that_can_be_used_is_said_so(said: Said, variable: str, text: str, expected: str) -> None:
    (finding,) = said(variable, text)
    assert finding.state == "ok"
    assert expected in finding.text


@pytest.mark.parametrize(
    ("variable", "text", "reason"),
    [
        (
            "HOLOGRAM_RULES_FILE",
            "organisations: {9: {network: {min_days: 0}}}",
            "line 1: organisations.9.network.min_days",
        ),
        ("HOLOGRAM_SILENCES_FILE", "- {until: 2026-12-31, reason: x}", "line 1: would silence everything"),
        ("HOLOGRAM_RAT_LEVELS_FILE", "rat,level\n6G,six\n", "line 2: expected rat,level"),
        ("HOLOGRAM_NETWORK_ALIASES_FILE", "alias,network\na\n", "line 2: expected alias,network"),
        ("HOLOGRAM_PLAN_ASSIGNMENTS", "a\n", "line 1: the header must be"),
    ],
)
def test_a_file_with_a_mistake_fails_and_names_its_variable_once(
    said: Said, variable: str, text: str, reason: str
) -> None:
    (finding,) = said(variable, text)
    assert finding.state == "fail"
    assert reason in finding.text
    assert variable not in finding.text


def test_what_a_file_says_is_shown_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "silences.yaml").write_text(silence(-1, reason="'[b]mast[/b] [7]'"))
    result = run("doctor", cwd=tmp_path, HOLOGRAM_SILENCES_FILE="silences.yaml", HOLOGRAM_WAREHOUSE="w.duckdb")
    assert "([b]mast[/b] [7])" in result.stdout, result.stdout + result.stderr


@pytest.fixture(scope="module")
def slack() -> Iterator[Sandbox]:
    with Sandbox(orgs=(144,), sims=0, days=0) as sandbox:
        yield sandbox


@pytest.fixture
def of_slack(slack: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., list[Finding]]:
    """What `doctor` says of Slack under these variables."""
    monkeypatch.setenv("HOLOGRAM_WAREHOUSE", str(tmp_path / "warehouse.duckdb"))
    monkeypatch.setenv("SLACK_BASE_URL", slack.slack.base_url)
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-x")
    monkeypatch.setenv("HOLOGRAM_BASE_URL", slack.base_url)
    monkeypatch.setenv("HOLOGRAM_API_KEY", "sandbox")

    def asked(**variables: str) -> list[Finding]:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        found = examine(load_settings())
        return [finding for finding in found if "slack" in finding.subject.casefold()]

    return asked


def test_a_channel_that_cannot_be_looked_at_is_noted(of_slack: Callable[..., list[Finding]]) -> None:
    note, ok = of_slack(SLACK_CHANNEL="#missing", HOLOGRAM_ORG_IDS="144", SLACK_CHANNEL_144="#pumps")
    assert (note.state, ok.state) == ("note", "ok")
    assert "whether #missing, #pumps can be posted to shows with the first message" in note.text


def test_organisations_and_operations_without_a_channel_fail(of_slack: Callable[..., list[Finding]]) -> None:
    fail, ok = of_slack(HOLOGRAM_ORG_IDS="144,145", SLACK_CHANNEL_144="#pumps")
    assert (fail.state, fail.subject, ok.state) == ("fail", "SLACK_CHANNEL", "ok")
    assert "organisation 145 and what concerns several has no channel" in fail.text
    fail, _ = of_slack(HOLOGRAM_ORG_IDS="144")
    assert (fail.state, "what concerns several has no channel" in fail.text) == ("fail", True)


def test_a_channel_of_an_organisation_that_nobody_loads_is_noted(of_slack: Callable[..., list[Finding]]) -> None:
    stranger, *_ = of_slack(HOLOGRAM_ORG_IDS="144", SLACK_CHANNEL="#iot", SLACK_CHANNEL_414="#pumps")
    assert (stranger.state, stranger.text) == ("note", "organisation 414 is not in HOLOGRAM_ORG_IDS")


def test_without_a_token_or_a_channel_it_says_so(of_slack: Callable[..., list[Finding]]) -> None:
    assert [(one.state, one.subject) for one in of_slack()] == [("fail", "SLACK_CHANNEL"), ("ok", "Slack")]
    assert [(one.state, one.subject) for one in of_slack(SLACK_BOT_TOKEN=" ")] == [("note", "SLACK_BOT_TOKEN")]


def test_a_token_that_slack_refuses_says_what_to_do(of_slack: Callable[..., list[Finding]]) -> None:
    *_, refused = of_slack(SLACK_CHANNEL="#iot", SLACK_BOT_TOKEN="xoxb-revoked")
    assert (refused.state, refused.subject) == ("fail", "SLACK_BOT_TOKEN")
    assert "Bot User OAuth Token" in refused.text


@pytest.mark.parametrize(
    ("scopes", "state"),
    [(None, "ok"), ("", "ok"), ("chat:write,users:read", "ok"), ("users:read, channels:read", "fail")],
)
def test_a_token_that_may_not_write_fails_where_slack_tells_its_scopes(
    of_slack: Callable[..., list[Finding]], scopes: str | None, state: str
) -> None:
    class AuthTest(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = b'{"ok": true, "user": "u", "team": "t"}'
            self.send_response(200)
            if scopes is not None:
                self.send_header("X-OAuth-Scopes", scopes)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    with HTTPServer(("127.0.0.1", 0), AuthTest) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        *_, found = of_slack(SLACK_CHANNEL="#iot", SLACK_BASE_URL=f"http://127.0.0.1:{server.server_port}/api/")
        server.shutdown()
    assert found.state == state
    assert state == "ok" or "channels:read, users:read only; give the app the scope chat:write" in found.text


@pytest.fixture
def findings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., dict[str, list[Finding]]]:
    """What `doctor` says of an API, by subject."""

    def of(base_url: str, orgs: str = "144", margin: str = "24", **variables: str) -> dict[str, list[Finding]]:
        given = {
            "HOLOGRAM_WAREHOUSE": str(tmp_path / "warehouse.duckdb"),
            "HOLOGRAM_BASE_URL": base_url,
            "HOLOGRAM_API_KEY": "sandbox",
            "HOLOGRAM_ORG_IDS": orgs,
            "HOLOGRAM_WINDOW_MARGIN_HOURS": margin,
        } | variables
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        found: dict[str, list[Finding]] = {}
        for finding in examine(load_settings()):
            found.setdefault(finding.subject, []).append(finding)
        return found

    return of


Findings = Callable[..., dict[str, list[Finding]]]
MARGIN = "HOLOGRAM_WINDOW_MARGIN_HOURS"
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("column", "margin", "state", "said"),
    [
        (
            "timestamp",
            "24",
            "ok",
            "24 is more than is needed, 0 does: timestart and timeend filter the end of a session",
        ),
        ("session_begin", "0", "fail", "0 is too small, set 24: timestart and timeend filter the begin of a session"),
        ("received_at", "24", "ok", "24 is right: timestart and timeend filter the time at which Hologram received"),
    ],
)
def test_the_margin_is_held_against_what_the_api_filters(
    findings: Findings, column: str, margin: str, state: str, said: str
) -> None:
    with Sandbox(orgs=(144,), sims=8, days=3, now=NOON, filter_column=column) as sandbox:
        (found,) = findings(sandbox.base_url, margin=margin)[MARGIN]
    assert (found.state, said in found.text) == (state, True), found
    assert "organisation 144" in found.text
    assert "\n" not in found.text


def test_of_the_organisations_of_a_key_the_first_that_can_tell_is_asked(findings: Findings) -> None:
    with Sandbox(orgs=(144, 145), sims=8, days=3, now=NOON) as sandbox:
        (found,) = findings(sandbox.base_url, orgs="144,145")[MARGIN]
        assert "organisation 144" in found.text
        assert not [
            asked for asked in sandbox.requests if "timestart" in asked.params and asked.params["orgid"] == "145"
        ]
        sandbox.faults.set(
            "no_rows", endpoint="usage/data$", times=3
        )  # 144: is it there, 145: is it there, 144's sample
        (found,) = findings(sandbox.base_url, orgs="144,145")[MARGIN]
        assert (found.state, "organisation 145" in found.text) == ("ok", True), found
        of_two_keys = findings(sandbox.base_url, orgs="144,145", HOLOGRAM_API_KEY_145="another")[MARGIN]
        assert [found.state for found in of_two_keys] == ["ok", "ok"]


def test_organisations_without_sessions_leave_the_margin_as_it_is(findings: Findings, slack: Sandbox) -> None:
    (found,) = findings(slack.base_url)[MARGIN]
    assert found.state == "note"
    assert found.text.startswith("24 is safe; organisation 144 doesn't tell")
    (found,) = findings(slack.base_url, margin="3")[MARGIN]
    assert (found.state, found.text.split(";")[0]) == ("note", "set 24, which is safe")


def test_an_api_that_does_not_answer_is_not_probed(findings: Findings) -> None:
    found = findings("http://127.0.0.1:1/api/1")
    assert [one.state for one in found["organisation 144"]] == ["fail"]
    assert not found.keys() & {MARGIN, "clock"}


@pytest.mark.parametrize(
    ("column", "reach", "hours", "state", "advice"),
    [
        (Column.END, 0 * HOUR, 0, "ok", "0 is right"),
        (Column.END, 0 * HOUR, 24, "ok", "24 is more than is needed, 0 does"),
        (Column.BEGIN, 11.2 * HOUR, 11, "fail", "11 is too small, set 24"),
        (Column.BEGIN, 11.2 * HOUR, 11.5, "note", "11.5 does for this sample, 24 is safer"),
        (Column.BEGIN, 11.2 * HOUR, 24, "ok", "24 is right"),
        (Column.BEGIN, 30.2 * HOUR, 24, "fail", "24 is too small, set 31"),
        (Column.BEGIN, 30.2 * HOUR, 31, "ok", "31 is right"),
        (Column.RECEIPT, 9 * HOUR, 9, "note", "9 does for this sample, 24 is safer"),
        (Column.RECEIPT, 9 * HOUR, 8, "fail", "8 is too small, set 24"),
        (Column.RECEIPT, 9 * HOUR, 72, "ok", "72 is more than is needed, 24 does"),
        (Column.RECEIPT, 60 * HOUR, 48, "fail", "48 is too small, set 60"),
    ],
)
def test_a_margin_is_enough_too_small_or_more_than_is_needed(
    column: Column, reach: timedelta, hours: float, state: str, advice: str
) -> None:
    found = margin_finding(hours, 144, Verdict(column, inclusive=False, reach=reach, sessions=12))
    assert (found.state, found.text.split(":")[0]) == (state, advice)
    assert "12 sessions of organisation 144" in found.text
    assert "timeend exclusive" in found.text


@pytest.mark.parametrize(
    ("seconds", "state", "said"),
    [
        (0, "ok", "within 1 s of the API's"),
        (-29.2, "ok", "within 30 s of the API's"),
        (31, "note", "this machine's is 31 s ahead of the API's; synchronise it (NTP)"),
        (-300, "note", "this machine's is 5 min behind the API's"),
        (301, "fail", "this machine's is 5 min ahead of the API's: days begin at the wrong moment"),
        (-90_000, "fail", "this machine's is 25 h behind the API's"),
    ],
)
def test_a_clock_may_be_off_by_seconds_but_not_by_minutes(seconds: float, state: str, said: str) -> None:
    found = clock_finding(timedelta(seconds=seconds))
    assert (found.state, said in found.text) == (state, True), found


@pytest.mark.parametrize(
    ("offset", "state", "said"),
    [
        (timedelta(0), "ok", "within"),
        (timedelta(minutes=2), "note", "behind"),
        (timedelta(hours=-3), "fail", "3 h ahead of"),
        (None, "note", "no Date"),
    ],
)
def test_the_clock_is_held_against_the_api(findings: Findings, offset: timedelta | None, state: str, said: str) -> None:
    class Api(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'{"success": true, "data": []}'
            self.send_response_only(200)
            if offset is not None:
                self.send_header("Date", format_datetime(datetime.now(UTC) + offset, usegmt=True))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    with HTTPServer(("127.0.0.1", 0), Api) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        (found,) = findings(f"http://127.0.0.1:{server.server_port}/api/1")["clock"]
        server.shutdown()
    assert (found.state, said in found.text) == (state, True), found


def test_a_copy_for_bi_that_is_older_than_what_it_shows_is_noted(
    findings: Findings, slack: Sandbox, tmp_path: Path
) -> None:
    subject = "HOLOGRAM_REPORTS"
    warehouse = Warehouse(tmp_path / "warehouse.duckdb")
    with warehouse.write():
        pass
    assert subject not in findings(slack.base_url, "")  # nothing to publish yet
    with warehouse.write() as connection:
        connection.execute(
            "INSERT INTO hologram.partition_loads (asset, loaded_at) VALUES ('fleet_summary', now() AT TIME ZONE 'UTC')"
        )
    (missing,) = findings(slack.base_url, "")[subject]
    assert missing.state == "note"
    assert "is not there" in missing.text
    warehouse.publish(tmp_path / "reports" / "current.duckdb")
    (published,) = findings(slack.base_url, "")[subject]
    assert published.state == "ok"
    assert subject not in findings(slack.base_url, "", HOLOGRAM_BI_COPY="off")
