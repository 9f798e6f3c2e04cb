"""Radio access technologies: how Hologram's words map to a level, so that a downgrade can be told from a change.

The table is `rat_levels.csv` beside this module; Hologram's vocabulary is not documented, so what is not in it is
counted and shown, never guessed.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files

_HEADING = ["rat", "level"]
_MOST_DIGITS = 2


def read_rat_levels(lines: Iterable[str]) -> dict[str, int]:
    """RAT (casefolded) to level from CSV `rat,level`; 5 is 5G, 1 is 2G.

    Raises:
        ValueError: another heading, a line without exactly a RAT and a level, a level that isn't a whole number from 0 to
            99, or a RAT given twice with different levels. The message starts with the line.
    """
    reader = csv.reader(lines)
    heading = [cell.strip().casefold() for cell in next(reader, [])]
    if heading != _HEADING:
        msg = f"line 1: expected the heading rat,level, not {','.join(heading)!r}"
        raise ValueError(msg)
    levels: dict[str, int] = {}
    line_of: dict[str, int] = {}
    for row in reader:
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        number = reader.line_num
        if len(cells) != len(_HEADING) or not cells[0] or not _is_level(cells[1]):
            msg = f"line {number}: expected rat,level with a level from 0 to 99, not {','.join(row)!r}"
            raise ValueError(msg)
        rat, level = cells[0].casefold(), int(cells[1])
        if levels.get(rat, level) != level:
            msg = f"line {number}: {cells[0]!r} has level {levels[rat]} since line {line_of[rat]}"
            raise ValueError(msg)
        levels[rat] = level
        line_of.setdefault(rat, number)
    return levels


def _is_level(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS


def rat_levels_with(lines: Iterable[str]) -> dict[str, int]:
    """The shipped table with the rows of another added; a row wins over the shipped one. Raises as `read_rat_levels`."""
    return {**default_rat_levels(), **read_rat_levels(lines)}


@cache
def default_rat_levels() -> Mapping[str, int]:
    """The table that ships with the package."""
    return read_rat_levels((files(__package__) / "rat_levels.csv").read_text(encoding="utf-8").splitlines())
