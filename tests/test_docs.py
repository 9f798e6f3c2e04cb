"""What the documents say is there."""

from __future__ import annotations

import re
from dataclasses import fields
from decimal import Decimal
from pathlib import Path

import click
import pytest
import yaml

from hologram_assets.build import build_defs
from hologram_assets.cli import main
from hologram_assets.domain.forecast import ForecastRules
from hologram_assets.domain.network_change import NETWORK_RULES
from hologram_assets.domain.network_rules import NetworkRules
from hologram_assets.domain.networks import network_aliases_with, normalized
from hologram_assets.domain.overage_rules import OVERAGE_STEP, PAYG_SPEND, WILL_EXCEED, OverageRules
from hologram_assets.domain.radio import rat_levels_with
from hologram_assets.domain.rules_file import Rules, read_rules
from hologram_assets.domain.silences import read_silences
from hologram_assets.schedules import DAILY, HOURLY, WEEKLY
from hologram_assets.settings import Settings
from hologram_assets.warehouse.tables import TABLES

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "AGENTS.md", "docs/operations.md")


def test_every_make_target_that_a_document_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for name in DOCUMENTS:
        named = set(re.findall(r"`?make ([a-z-]+)", (ROOT / name).read_text(encoding="utf-8")))
        assert named <= targets, name


def test_every_command_and_option_that_the_readme_names_exists() -> None:
    for line in re.findall(r"^(?:\.venv/bin/hologram-assets|\| `)([^#`\n]+)", README + OPERATIONS, re.MULTILINE):
        words = line.split()
        command: click.Command = main
        while isinstance(command, click.Group) and words and words[0] in command.commands:
            command = command.commands[words.pop(0)]
        if command is main:
            continue  # a table row about something else
        options = {option for parameter in command.params for option in parameter.opts}
        for option in re.findall(r"--[a-z-]+", line):
            assert option in options, (command.name, option)


@pytest.mark.parametrize("document", ["README.md", ".env.example"])
def test_every_setting_is_documented(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    names = {name.upper() for name in Settings.model_fields if name.startswith(("hologram_", "slack_"))}
    for name in (names | {"HOLOGRAM_API_KEY", "DAGSTER_HOME"}) - {"SLACK_CHANNELS"}:
        assert name in text, name


def test_every_table_is_described() -> None:
    for table in TABLES:
        assert f"| `{table.name}` |" in README, table.name


def test_links_between_documents_lead_somewhere() -> None:
    for name in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (ROOT / name).read_text(encoding="utf-8")):
            assert ((ROOT / name).parent / target).exists(), (name, target)


def test_every_alert_and_every_check_has_its_words_in_the_operations_guide() -> None:
    rows = {name for line in OPERATIONS.splitlines() if line.startswith("| `") for name in re.findall(r"`(\w+)`", line)}
    checks = {key.name for key in build_defs().resolve_asset_graph().asset_check_keys}
    assert checks
    assert checks | {OVERAGE_STEP, WILL_EXCEED, PAYG_SPEND} | set(NETWORK_RULES) <= rows


def test_every_schedule_and_its_times_are_in_the_operations_guide() -> None:
    for rhythm, when in ((HOURLY, "at :07"), (DAILY, "03:37"), (WEEKLY, "Sundays, 01:37")):
        minute, hour, _, _, weekday = rhythm.cron.split()
        assert int(minute) == int(when[-2:])
        assert hour in ("*", when.split()[-1][:2].lstrip("0"))
        assert (weekday == "0") is when.startswith("Sundays")
        assert f"| `{rhythm.name}` | " in OPERATIONS
        assert when in OPERATIONS.partition(f"| `{rhythm.name}` |")[2].partition("\n")[0]


def examples(language: str) -> list[str]:
    """The README's code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_the_readmes_rules_and_silences_are_read_as_it_says() -> None:
    rules, silences = examples("yaml")
    assert rules.startswith("# rules.yaml")
    found = read_rules(rules)
    assert found.common == Rules(network=NetworkRules(min_sessions=20), overage=OverageRules(payg_usd=Decimal("7.50")))
    assert found.organisations == {
        144: Rules(
            network=NetworkRules(
                min_sessions=20, country_again_hours=72, shared_imei_allowed_models=frozenset({"86815905"})
            ),
            overage=OverageRules((80, 100, 150), payg_usd=Decimal("7.50"), will_exceed_usd=Decimal(5)),
        )
    }
    assert silences.startswith("# silences.yaml")
    assert [(each.sim, each.rule, each.organisation) for each in read_silences(silences)] == [
        (14400006, "rat_downgrade", None),
        (None, None, 145),
    ]


def test_the_readmes_tables_of_rats_and_networks_are_read_as_it_says() -> None:
    rats, networks = examples("csv")
    assert rat_levels_with(rats.splitlines())["lte-m cat-1bis"] == 4
    aliases = network_aliases_with(networks.splitlines())
    assert normalized("Big Red", aliases) == normalized("Verizon", aliases)
    assert normalized("Swisscom", aliases) != normalized("Swisscom (Schweiz)", aliases)


@pytest.mark.parametrize(("part", "kind"), [("overage", OverageRules), ("forecast", ForecastRules)])
def test_every_threshold_is_in_the_readme_with_its_default(part: str, kind: type[OverageRules | ForecastRules]) -> None:
    table = README.partition(f"| name under `{part}:` |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (`[^|]+`) \| (`[^|]+`) \|", table, re.MULTILINE)
    documented = {
        name: yaml.safe_load(default)
        for names, defaults in rows
        for name, default in zip(re.findall("`(.+?)`", names), re.findall("`(.+?)`", defaults), strict=True)
    }
    plain = {field.name: field.default for field in fields(kind)}
    assert documented == {
        name: list(value) if isinstance(value, tuple) else float(value) if isinstance(value, Decimal) else value
        for name, value in plain.items()
    }
