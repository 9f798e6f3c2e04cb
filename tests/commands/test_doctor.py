"""What `doctor` says of the files that the settings name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from hologram_assets.commands.doctor import Finding, examine
from hologram_assets.partitions import today
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
