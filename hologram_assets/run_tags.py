"""Tags of runs that mean something to this code location; they can be searched for in the UI's list of runs."""

from __future__ import annotations

from typing import Final

ORG_TAG: Final = "hologram/org"
"""The organisation that a scheduled run is about."""

SETTLE_TAG: Final = "hologram/settle"
"""`true`: also read SIMs again whose closed periods don't agree with Hologram's totals."""
