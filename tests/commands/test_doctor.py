"""What `doctor` says of the files that the settings name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from hologram_assets.commands.doctor import Finding, examine
from hologram_assets.partitions import today
from hologram_assets.sandbox import Sandbox
from hologram_assets.settings import load_settings
from tests.commands.test_cli import run

Said = Callable[[str, str], list[Finding]]


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
