"""The Dagster instance of a command: `DAGSTER_HOME`, or `data/dagster` below the current folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dagster import DagsterInstance

_DEFAULT_HOME = Path("data/dagster")


@contextmanager
def dagster_instance() -> Iterator[DagsterInstance]:
    """Open the instance, making its folder where it is missing.

    A new default home gets the `dagster.yaml` of the current folder, as `make dev` does it.
    """
    home = Path(os.environ.get("DAGSTER_HOME") or _DEFAULT_HOME).expanduser().absolute()
    home.mkdir(parents=True, exist_ok=True)
    config = home / "dagster.yaml"
    shipped = Path("dagster.yaml").absolute()
    if not config.exists() and not os.environ.get("DAGSTER_HOME") and shipped.exists():
        config.symlink_to(shipped)
    os.environ["DAGSTER_HOME"] = str(home)
    with DagsterInstance.from_config(str(home)) as instance:
        yield instance
