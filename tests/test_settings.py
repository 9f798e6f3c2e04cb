from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from hologram_assets.build import build_defs
from hologram_assets.domain.forecast import ForecastRules
from hologram_assets.domain.network_rules import NetworkRules
from hologram_assets.domain.networks import default_network_aliases
from hologram_assets.domain.overage_rules import OverageRules
from hologram_assets.domain.pricing import PricingRules
from hologram_assets.domain.radio import default_rat_levels
from hologram_assets.domain.silences import Silence
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
        ("SLACK_CHANNEL", " "),
        ("SLACK_CHANNEL_144", " "),
        ("DAGSTER_WEBSERVER_URL", "localhost:3000"),
        ("DAGSTER_WEBSERVER_URL", "ftp://dagster.example"),
        ("DAGSTER_WEBSERVER_URL", "http://"),
        ("DAGSTER_WEBSERVER_URL", "http://:3000"),
        ("DAGSTER_WEBSERVER_URL", "http://dagster example:3000"),
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


def test_blanks_around_a_channel_and_a_slash_behind_an_address_are_no_part_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SLACK_CHANNEL", " #iot\n")
    monkeypatch.setenv("SLACK_CHANNEL_144", " #pumps")
    monkeypatch.setenv("DAGSTER_WEBSERVER_URL", "https://dagster.example/ui/ ")
    settings = load_settings()
    assert (settings.slack_channel, settings.slack_channels) == ("#iot", {144: "#pumps"})
    assert settings.dagster_webserver_url == "https://dagster.example/ui"


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
    path.write_text("\ufefflinkid,plan_id,zone\n1,2096,Global\n2,1678,\n", encoding="utf-8")  # as Excel writes it
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


RULES = """
network: {min_sessions: 20}
organisations:
  144:
    network: {min_days: 5}
    overage: {payg_usd: 1.5}
    forecast: {quiet_days: 2}
    pricing: {increment_bytes: 1024, mb_bytes: 1048576}
"""


@pytest.fixture
def set_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    """Write a file and name it in a variable."""

    def named(variable: str, text: str | bytes) -> Path:
        path = tmp_path / variable.lower()
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        monkeypatch.setenv(variable, str(path))
        return path

    return named


SetFile = Callable[[str, str | bytes], Path]


def test_rules_are_an_organisations_own_or_the_common_ones(set_file: SetFile) -> None:
    set_file("HOLOGRAM_RULES_FILE", RULES)
    settings = load_settings()
    assert settings.network_rules() == settings.network_rules(145) == NetworkRules(min_sessions=20)
    assert settings.network_rules(144) == NetworkRules(min_sessions=20, min_days=5)
    assert settings.overage_rules(144) == OverageRules(payg_usd=Decimal("1.5"))
    assert settings.forecast_rules(144) == ForecastRules(quiet_days=2)
    assert settings.pricing_rules(144) == PricingRules(1024, 1048576)
    assert (settings.overage_rules(), settings.forecast_rules(145)) == (OverageRules(), ForecastRules())


def test_the_rules_file_is_read_once(set_file: SetFile) -> None:
    path = set_file("HOLOGRAM_RULES_FILE", RULES)
    settings = load_settings()
    before = settings.network_rules(144)
    path.unlink()
    assert settings.network_rules(144) is before


def test_without_files_everything_has_its_default() -> None:
    settings = load_settings()
    assert settings.network_rules(144) == NetworkRules()
    assert settings.rat_levels() == default_rat_levels()
    assert settings.network_aliases() == default_network_aliases()
    assert settings.silences() == ()


def test_the_rows_of_a_table_of_rats_add_to_the_shipped_ones(set_file: SetFile) -> None:
    set_file("HOLOGRAM_RAT_LEVELS_FILE", "\ufeffrat,level\r\n6G,6\r\nNB-IoT,4\r\n")
    assert load_settings().rat_levels() == {**default_rat_levels(), "6g": 6, "nb-iot": 4}


def test_the_rows_of_a_table_of_aliases_add_to_the_shipped_ones(set_file: SetFile) -> None:
    set_file("HOLOGRAM_NETWORK_ALIASES_FILE", "alias,network\nMa Bell,AT&T\nSFR,SFR\n")
    aliases = load_settings().network_aliases()
    shipped = dict(default_network_aliases())
    del shipped["sfr"]
    assert aliases == {**shipped, "ma bell": "at t wireless"}


def test_silences_are_read(set_file: SetFile) -> None:
    set_file("HOLOGRAM_SILENCES_FILE", "- {until: 2026-12-31, reason: known, sim: 7}")
    assert load_settings().silences() == (Silence(date(2026, 12, 31), "known", sim=7),)


MISTAKES = [
    ("HOLOGRAM_RULES_FILE", "a: [", "line 1: is not YAML"),
    ("HOLOGRAM_RULES_FILE", "- a", "line 1: the file must be a mapping"),
    ("HOLOGRAM_RULES_FILE", "pricing: {increment: 1}", "line 1: pricing.increment is not known"),
    (
        "HOLOGRAM_RULES_FILE",
        "organisations:\n  999:\n    network:\n      min_sessions: 0\n",
        "line 4: organisations.999.network.min_sessions must be a whole number above zero, not 0",
    ),
    ("HOLOGRAM_RULES_FILE", b"network: \xff", "can't be read: 'utf-8' codec"),
    ("HOLOGRAM_RAT_LEVELS_FILE", "rat,level\n6G,six\n", "line 2: expected rat,level"),
    ("HOLOGRAM_RAT_LEVELS_FILE", "rat,level\n" + "x" * 200_000 + ",5", "field larger than field limit"),
    ("HOLOGRAM_NETWORK_ALIASES_FILE", "alias,network\na,b\na,c\n", "line 3: 'a' stands for 'b' since line 2"),
    ("HOLOGRAM_SILENCES_FILE", "- {until: 2026-12-31, reason: x}", "line 1: would silence everything"),
    ("HOLOGRAM_PLAN_ASSIGNMENTS", "linkid,plan_id,zone\nx,3,\n", "line 2: linkid and plan_id must be whole numbers"),
]


@pytest.mark.parametrize(("variable", "text", "reason"), MISTAKES)
def test_a_file_with_a_mistake_stops_the_code_location_with_variable_file_line_and_reason(
    set_file: SetFile, variable: str, text: str | bytes, reason: str
) -> None:
    path = set_file(variable, text)
    with pytest.raises(SettingsError) as caught:
        build_defs()
    assert str(caught.value).startswith(f"{variable}: {path} {reason}")


@pytest.mark.parametrize("variable", sorted({variable for variable, _, _ in MISTAKES}))
def test_a_file_that_is_not_there_stops_the_code_location(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "missing"))
    with pytest.raises(SettingsError, match=rf"^{variable}: .*missing can't be read"):
        build_defs()
