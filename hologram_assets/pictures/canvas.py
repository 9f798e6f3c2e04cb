"""From a drawing to a line of markdown that holds it, within a cap.

matplotlib takes over half a second to import: only what draws imports it. Its object API is used, never pyplot, which keeps
every figure.
"""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from PIL.Image import Image

MOST_BYTES = 12_000
"""Of a PNG. It stays in Dagster's event log for good, as base64 a third larger, and the UI loads the metadata of a page of
partitions at once: a hundred with two pictures are 3 MB then. The pictures here take up to two thirds of it."""

# Okabe and Ito's colours, which people with any kind of colour vision can tell apart.
BLUE, SKY, GREEN, ORANGE, VERMILLION, PURPLE = "#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00", "#CC79A7"
YELLOW, GREY, PALE, INK, _WHITE = "#F0E442", "#999999", "#E6E6E6", "#333333", "#FFFFFF"
_COLOURS = (INK, BLUE, SKY, GREEN, ORANGE, VERMILLION, PURPLE, YELLOW, GREY)

_WIDTH, _HEIGHT, _DPI = 640, 280, 100
# Whatever a matplotlibrc on this machine says: white under both themes of the UI, the font whose glyphs are known, and
# no sign of a name that means something.
_STYLE: Any = {
    "figure.facecolor": _WHITE,
    "figure.dpi": _DPI,
    "axes.facecolor": _WHITE,
    "font.family": ["DejaVu Sans"],
    "font.size": 8,
    "text.usetex": False,
    "text.parse_math": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "savefig.bbox": "standard",
    "savefig.facecolor": "auto",
}
_DATA = "data:image/png;base64,"
# matplotlib and its settings are the process's.
one_at_a_time = threading.Lock()


def drawn(paint: Callable[[Figure], None]) -> bytes:
    """The PNG of what `paint` draws on a white figure: 640 × 280 pixels in the colours above and their shades."""
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from PIL import Image

    raw = io.BytesIO()
    with one_at_a_time, mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH / _DPI, _HEIGHT / _DPI))
        paint(figure)
        figure.savefig(raw, format="rgba", dpi=_DPI)
    image = Image.frombytes("RGBA", (_WIDTH, _HEIGHT), raw.getvalue()).convert("RGB")
    out = io.BytesIO()
    image.quantize(palette=_palette(), dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


def shown(paint: Callable[[Figure], None], alt: str, caption: str) -> str:
    """Markdown: the picture over its caption, or words in its place if it is larger than `MOST_BYTES`.

    Args:
        paint: draws on a white figure.
        alt: what the picture shows, with its essential numbers, for those who can't see it.
        caption: how to read it. In both, texts from outside are `words.escaped`.
    """
    png = drawn(paint)
    if len(png) > MOST_BYTES:
        return f"The picture is left out: it has {len(png):,} bytes, more than {MOST_BYTES:,}. {alt}\n\n{caption}"
    return f"![{alt}]({_DATA}{base64.b64encode(png).decode()})\n\n{caption}"


def is_picture(markdown: str) -> bool:
    """Whether `shown` gave a picture, and not words in its place."""
    return f"]({_DATA}" in markdown


def bars(axes: Axes, places: Iterable[tuple[float, float, float, float]], colour: str) -> None:
    """Rectangles (left, bottom, width, height) in one colour, as one thing to draw: `Axes.bar` takes five times as long."""
    from matplotlib.collections import PolyCollection

    corners = [
        [(left, bottom), (left + width, bottom), (left + width, bottom + height), (left, bottom + height)]
        for left, bottom, width, height in places
    ]
    axes.add_collection(PolyCollection(corners, facecolors=colour, linewidths=0), autolim=False)


def lay_out_days(axes: Axes, days: Sequence[date], unknown: Iterable[int], *, named: bool) -> None:
    """Days at 0, 1, 2 …; those of which nothing is known grey. `named`: every seventh, the last one among them."""
    positions = list(range(len(days) - 1, -1, -7)) if named else []
    axes.set_xticks(positions, [f"{days[position]:%m-%d}" for position in positions])
    axes.set_xlim(-0.6, len(days) - 0.4)
    axes.broken_barh(
        [(place - 0.5, 1.0) for place in unknown],
        (0, 1),
        transform=axes.get_xaxis_transform(),
        facecolor=PALE,
        linewidth=0,
        zorder=0,
    )


def key(figure: Figure, left: float, height: float, colour: str, label: str) -> None:
    """A square of a colour and what it stands for, at a place in the figure."""
    figure.text(left, height, "\N{BLACK SQUARE}", color=colour, va="center", size=10)
    figure.text(left + 0.025, height, label, va="center", size=7.5)


@cache
def _palette() -> Image:
    """Every colour as it is, and what smooth edges make of it on white."""
    from PIL import Image

    def shade(colour: str, whiteness: float) -> list[int]:
        parts = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
        return [round(part + (255 - part) * whiteness) for part in parts]

    shades = [
        shade(_WHITE, 0), shade(PALE, 0), *(shade(INK, step / 6) for step in range(6)),
        *(shade(colour, step / 3) for colour in _COLOURS[1:] for step in range(3)),
    ]  # fmt: skip
    image = Image.new("P", (1, 1))
    image.putpalette([part for each in shades for part in each])
    return image
