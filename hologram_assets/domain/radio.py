"""Radio access technologies: how Hologram's words map to a level, so that a downgrade can be told from a change.

The table is `rat_levels.csv` beside this module; Hologram's vocabulary is not documented, so what is not in it is
counted and shown, never guessed.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files


def read_rat_levels(lines: Iterable[str]) -> dict[str, int]:
    """RAT (casefolded) to level from CSV `rat,level`; 5 is 5G, 1 is 2G.

    Raises:
        ValueError: a line without a RAT or with a level that isn't a whole number.
    """
    levels: dict[str, int] = {}
    for number, row in enumerate(csv.DictReader(lines), start=2):
        rat, level = (row.get("rat") or "").strip(), (row.get("level") or "").strip()
        if not rat or not level.isdecimal():
            msg = f"line {number}: expected rat,level, not {rat!r},{level!r}"
            raise ValueError(msg)
        levels[rat.casefold()] = int(level)
    return levels


@cache
def default_rat_levels() -> Mapping[str, int]:
    """The table that ships with the package."""
    return read_rat_levels((files(__package__) / "rat_levels.csv").read_text(encoding="utf-8").splitlines())
