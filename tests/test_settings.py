from __future__ import annotations

from pathlib import Path

import pytest

from hologram_assets.domain.pricing import PricingRules
from hologram_assets.settings import SettingsError, load_settings

DEFAULTS = {
    "hologram_base_url": "https://dashboard.hologram.io/api/1",
    "hologram_org_ids": (),
    "hologram_page_size": 250,
    "hologram_max_connections": 8,
    "hologram_requests_per_second": None,
    "hologram_timeout_seconds": 120,
    "hologram_window_margin_hours": 24,
    "hologram_retention_days": 90,
    "hologram_billing_mode": "sim_30d",
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_setting_has_the_documented_default(name: str) -> None:
    assert getattr(load_settings(), name) == DEFAULTS[name]


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLOGRAM_PAGE_SIZE", "")
    monkeypatch.setenv("HOLOGRAM_ORG_IDS", "")
    assert load_settings().hologram_page_size == 250


def test_organisations_are_read_in_order_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLOGRAM_ORG_IDS", " 145, 144,145 ")
    assert load_settings().hologram_org_ids == (145, 144)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HOLOGRAM_ORG_IDS", "144;145"),
        ("HOLOGRAM_ORG_IDS", "0"),
        ("HOLOGRAM_BASE_URL", "ftp://x"),
        ("HOLOGRAM_BASE_URL", "https://user:pw@host/api"),
        ("HOLOGRAM_BASE_URL", "https://host/api?apikey=x"),
        ("HOLOGRAM_START_DATE", "yesterday"),
        ("HOLOGRAM_PAGE_SIZE", "0"),
        ("HOLOGRAM_PAGE_SIZE", "9000"),
        ("HOLOGRAM_MAX_CONNECTIONS", "none"),
        ("HOLOGRAM_REQUESTS_PER_SECOND", "0"),
        ("HOLOGRAM_WAREHOUSE", "ducklake:postgres:dbname=x"),
        ("HOLOGRAM_BILLING_MODE", "weekly"),
        ("HOLOGRAM_BILLING_MODE_ACME", "sim_30d"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=variable):
        load_settings()


def test_another_programs_slack_channel_variable_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_CHANNEL_DEPLOYS", "#deploys")
    monkeypatch.setenv("SLACK_CHANNEL_144", "#iot")
    assert load_settings().slack_channels == {144: "#iot"}


def test_an_organisations_own_billing_mode_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLOGRAM_BILLING_MODE_145", "calendar_month")
    settings = load_settings()
    assert (settings.billing_mode(144), settings.billing_mode(145)) == ("sim_30d", "calendar_month")


def test_a_token_is_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-secret")
    settings = load_settings()
    assert "xoxb-secret" not in repr(settings) + str(settings) + settings.model_dump_json()


def test_plan_assignments_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "plans.csv"
    path.write_text("linkid,plan_id,zone\n1,2096,Global\n2,1678,\n")
    monkeypatch.setenv("HOLOGRAM_PLAN_ASSIGNMENTS", str(path))
    assert [tuple(row) for row in load_settings().plan_assignments()] == [(1, 2096, "Global"), (2, 1678, None)]


@pytest.mark.parametrize(
    ("text", "where"),
    [("sim,plan\n1,2\n", "line 1"), ("linkid,plan_id,zone\n1,2,\nx,3,\n", "line 3"), (None, "can't be read")],
)
def test_plan_assignments_with_an_error_are_refused_with_the_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None, where: str
) -> None:
    path = tmp_path / "plans.csv"
    if text is not None:
        path.write_text(text)
    monkeypatch.setenv("HOLOGRAM_PLAN_ASSIGNMENTS", str(path))
    with pytest.raises(SettingsError, match=where):
        load_settings().plan_assignments()


def test_the_increment_and_the_megabyte_are_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("pricing:\n  increment_bytes: 1024\n  mb_bytes: 1048576\n")
    monkeypatch.setenv("HOLOGRAM_RULES_FILE", str(path))
    assert load_settings().pricing_rules() == PricingRules(1024, 1048576)


@pytest.mark.parametrize(
    "text",
    ["pricing: 5", "- a", "pricing: {increment: 1}", "pricing: {mb_bytes: 0}", "a: [", "pricing: {mb_bytes: yes}"],
)
def test_a_rules_file_with_an_error_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(text)
    monkeypatch.setenv("HOLOGRAM_RULES_FILE", str(path))
    with pytest.raises(SettingsError, match="HOLOGRAM_RULES_FILE"):
        load_settings().pricing_rules()
