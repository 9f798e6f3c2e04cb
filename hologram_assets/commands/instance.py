"""The Dagster instance of a command: `DAGSTER_HOME`, or `data/dagster` below the current folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from dagster import DagsterInstance
from filelock import FileLock

from hologram_assets.jobs import make_pool_known

_OPENING_SECONDS = 60
_DEFAULT_HOME = Path("data/dagster")


def prepare_home(home: Path) -> None:
    """Make an instance folder with the `dagster.yaml` of the current folder, as `make dev` does it."""
    home.mkdir(parents=True, exist_ok=True)
    config, shipped = home / "dagster.yaml", Path("dagster.yaml").absolute()
    if not config.exists() and shipped.exists():
        config.symlink_to(shipped)


@contextmanager
def dagster_instance() -> Iterator[DagsterInstance]:
    """Open the instance of `DAGSTER_HOME`; without that variable the default one. Made where it is missing.

    Raises:
        click.ClickException: the folder can't be made.
    """
    configured = os.environ.get("DAGSTER_HOME")
    home = Path(configured or _DEFAULT_HOME).expanduser().absolute()
    try:
        prepare_home(home)
    except OSError as error:
        raise click.ClickException(f"DAGSTER_HOME: {home} can't be made: {error}") from error
    os.environ["DAGSTER_HOME"] = str(home)
    # Two commands that open a new folder at once would both create its tables, and one would fail.
    with FileLock(home / "opening.lock", timeout=_OPENING_SECONDS):
        instance = DagsterInstance.from_config(str(home))
    with instance:
        make_pool_known(instance)
        yield instance
