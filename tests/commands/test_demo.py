"""The demo keeps to its own folder, whatever stands in the one it is started from."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from hologram_assets.commands import demo


@pytest.mark.campaign
def test_the_ui_of_the_demo_never_reads_the_env_file_of_a_deployment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster's command line loads a .env of its folder over what is set."""
    (tmp_path / ".env").write_text("HOLOGRAM_WAREHOUSE=production.duckdb\nHOLOGRAM_ORG_IDS=999\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    started: dict[str, Any] = {}

    def call(*_: Any, **options: Any) -> int:
        started.update(options)
        return 0

    monkeypatch.setattr(subprocess, "call", call)
    monkeypatch.setattr(demo, "_PORT", 0)
    for variable in ("HOLOGRAM_WAREHOUSE", "HOLOGRAM_ORG_IDS", "SLACK_BASE_URL", "DAGSTER_HOME"):
        monkeypatch.setenv(variable, "of the deployment")
    home = tmp_path / "home"
    assert demo.run_demo(days=1, sims=20, home=home, ui=True, console=Console(file=io.StringIO())) == 0
    assert started["cwd"] == home
    assert not (home / ".env").exists()
    assert started["env"]["HOLOGRAM_WAREHOUSE"] == str(home / "warehouse.duckdb")
    assert started["env"]["HOLOGRAM_ORG_IDS"] == "144,145"
    assert started["env"]["SLACK_BASE_URL"].startswith("http://127.0.0.1:")
