"""Texts from outside (names of devices, plans, networks, RATs) in markdown, in tables and in pictures."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from functools import cache

LONGEST = 40
"""Characters of a name that are shown."""
# Any ASCII punctuation may be escaped in CommonMark; escaped, it is neither markup nor HTML nor part of a link.
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_RIGHT_TO_LEFT = {"R", "AL", "AN"}


def one_line(text: str, longest: int = LONGEST) -> str:
    """A name on one line, cut to so many characters; what isn't printable (also what turns text around) is shown as such."""
    printable = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in " ".join(text.split()))
    return printable if len(printable) <= longest else printable[: longest - 1].rstrip() + "…"


def escaped(text: str) -> str:
    """Markdown that shows the name itself."""
    return _PUNCTUATION.sub(r"\\\1", one_line(text))


def drawable(text: str) -> bool:
    """Whether the pictures' font has all of the text, and draws it as it is read: left to right, sign after sign."""
    return all(
        ord(char) in _glyphs()
        and char.isprintable()
        and unicodedata.bidirectional(char) not in _RIGHT_TO_LEFT
        and not unicodedata.category(char).startswith("M")
        for char in text
    )


def counted(number: int, noun: str) -> str:
    """`1 SIM`, `2,000 SIMs`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def seen_through(moment: datetime | None) -> str:
    """Up to when a day's data was seen, for a caption."""
    return "" if moment is None else f" (data up to {moment:%Y-%m-%d %H:%M} UTC)"


@cache
def _glyphs() -> frozenset[int]:
    from matplotlib import get_data_path
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(f"{get_data_path()}/fonts/ttf/DejaVuSans.ttf").get_charmap())
