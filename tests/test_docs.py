"""What the documents say is there."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from hologram_assets.cli import main
from hologram_assets.settings import Settings
from hologram_assets.warehouse.tables import TABLES

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_make_target_that_a_document_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for name in ("README.md", "CONTRIBUTING.md", "AGENTS.md"):
        named = set(re.findall(r"`?make ([a-z-]+)", (ROOT / name).read_text(encoding="utf-8")))
        assert named <= targets, name


def test_every_command_and_option_that_the_readme_names_exists() -> None:
    for line in re.findall(r"^(?:\.venv/bin/hologram-assets|\| `)([^#`\n]+)", README, re.MULTILINE):
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
    for name in ("README.md", "CONTRIBUTING.md", "AGENTS.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / name).read_text(encoding="utf-8")):
            assert (ROOT / target).exists(), (name, target)
