"""From a drawing to an inline SVG that takes the page's colours and font, is read out, and is the same for the same data."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup

# matplotlib and its settings are the process's, and so is the lock.
from hologram_assets.pictures.canvas import one_at_a_time

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH: Final = 720
"""Of every chart, in its own pixels; the page scales it."""
# What is drawn in one of these takes the page's colour of that name, in the light and in the dark.
SERIES: Final = ("#010001", "#010002", "#010003", "#010004", "#010005")
REST, INK, SOFT, FAINT, PAPER = "#010006", "#010007", "#010008", "#010009", "#01000a"
OK, AT_RISK, WILL_EXCEED, OVER = "#01000b", "#01000c", "#01000d", "#01000e"
_VARIABLES: Final = {
    **{colour: f"var(--series-{number})" for number, colour in enumerate(SERIES, start=1)},
    REST: "var(--rest)", INK: "var(--ink)", SOFT: "var(--soft)", FAINT: "var(--faint)", PAPER: "var(--paper)",
    OK: "var(--ok)", AT_RISK: "var(--at-risk)", WILL_EXCEED: "var(--will-exceed)", OVER: "var(--over)",
}  # fmt: skip
# Whatever a matplotlibrc on this machine says. Texts stay texts: the browser has every script, and can search them.
_STYLE: Final[Any] = {
    "svg.fonttype": "none",
    "figure.dpi": 72,
    "axes.facecolor": "none",
    "font.family": ["DejaVu Sans"],
    "font.size": 11,
    "text.usetex": False,
    "text.parse_math": False,
    "text.color": INK,
    "axes.labelcolor": SOFT,
    "axes.edgecolor": SOFT,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "hatch.linewidth": 1.4,
    "path.simplify": False,
    "savefig.bbox": "standard",
}
_NOTHING: Final = {"Date": None, "Creator": None, "Format": None, "Type": None}


def drawn(paint: Callable[[Figure], None], height: int, *, chart_id: str, title: str, description: str) -> Markup:
    """An `<svg>` of `WIDTH` × `height` for the middle of a page, with nothing that reaches beyond it.

    Args:
        paint: draws on an empty figure, in the colours above.
        height: in the chart's own pixels.
        chart_id: unique in the page; begins every id inside.
        title: what the chart is.
        description: what it shows, with its essential numbers, for those who can't see it.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    out = io.StringIO()
    # Ids inside are made from the salt: fixed, for the same bytes each time; the chart's own, since a page has many.
    with one_at_a_time, mpl.rc_context({**_STYLE, "svg.hashsalt": chart_id}):
        figure = Figure(figsize=(WIDTH / 72, height / 72))
        figure.patch.set_visible(False)
        paint(figure)
        figure.savefig(out, format="svg", metadata=_NOTHING)
    body = out.getvalue().partition("<svg")[2].partition(">")[2].rpartition("</svg>")[0]
    head = Markup(
        '<svg viewBox="0 0 {} {}" role="img" aria-labelledby="{id}-title {id}-text">'
        '<title id="{id}-title">{}</title><desc id="{id}-text">{}</desc>'
    ).format(WIDTH, height, title, description, id=chart_id)
    return head + Markup(_for_a_page(body)) + Markup("</svg>")  # noqa: S704 - matplotlib's own output, which escapes texts


def bars(
    axes: Axes, places: Iterable[tuple[float, float, float, float]], colour: str, hatch: str | None = None
) -> None:
    """Rectangles (left, bottom, width, height) in one colour, as one thing to draw."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    corners: list[tuple[float, float]] = []
    for left, bottom, width, height in places:
        right, top = left + width, bottom + height
        corners += [(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)]
    if corners:
        codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * (len(corners) // 5)
        # The edge is the hatch's colour too.
        style: dict[str, Any] = {"facecolor": colour, "edgecolor": PAPER, "linewidth": 0.6, "hatch": hatch}
        axes.add_patch(PathPatch(Path(corners, codes), clip_on=False, **style))


def _for_a_page(body: str) -> str:
    """Without what other parts of the page would feel (a style of all elements), and without what nobody needs."""
    body = re.sub(r"<style.*?</style>", "", body, flags=re.DOTALL)
    used = set(re.findall(r'(?:url\(#|href="#)([^")]+)', body))
    body = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in used else "", body)
    body = re.sub(r"<[^>]*>", lambda found: _tag(found[0]), body)
    body = re.sub(r">\s+<", "><", body)
    for _ in range(4):  # groups in groups
        body = re.sub(r"<(g|defs)></\1>|<defs/>", "", body)
    return body.strip()


def _tag(tag: str) -> str:
    tag = re.sub(r"\s+", " ", tag.replace("xlink:href", "href"))
    tag = re.sub(r' transform="rotate\(-0 [^"]*"', "", tag)
    tag = re.sub(r"font-family: [^;\"]*;? ?", "", tag)
    tag = re.sub(r"-?\d+\.\d{2,}", lambda found: f"{float(found[0]):.1f}".removesuffix(".0"), tag)
    return re.sub(r"#01000[0-9a-e]", lambda found: _VARIABLES[found[0]], tag)
