"""The pool that runs wait for, and tags of runs that mean something here; the UI's list of runs can be searched by them."""

from __future__ import annotations

from typing import Final

POOL: Final = "hologram_api"
"""Runs that ask Hologram share it; `dagster.yaml` says how many at once."""

ORG_TAG: Final = "hologram/org"
"""The organisation that a scheduled run is about."""

SETTLE_TAG: Final = "hologram/settle"
"""`true`: also read SIMs again whose closed periods don't agree with Hologram's totals."""

PICTURES_TAG: Final = "hologram/pictures"
"""`no`: pictures are left to another run. To load what draws them takes a run most of a second."""

PROCESS_TAG: Final = "hologram/process"
"""The run's id, and after a blank the process that executes it: a retry is born with the tags of the run before it."""

FIRST_DAYS_TAG: Final = "hologram/first-days"
"""`true`: the run loads the first days of an organisation that is new."""
