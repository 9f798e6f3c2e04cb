"""The picture of a fleet's usage against its allowances on a day: how many SIMs stand how far, and which will exceed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from hologram_assets.pictures.canvas import GREY, INK, ORANGE, SKY, VERMILLION, YELLOW, bars, key, shown
from hologram_assets.pictures.words import counted, seen_through

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TENTHS: Final = 10
OVER_UP_TO: Final = (120, 200, 500)
"""Per cents that end the bands above the allowance; the last band has no end. They are steps of the alerts."""
_BANDS = TENTHS + len(OVER_UP_TO) + 1
_FROM_80 = (8, 9)
# Between the allowance and what is beyond it: there the scale changes.
_GAP = 0.5
_WIDTH = 0.92
_STATUSES = (
    ("ok", "ok", SKY),
    ("at_risk", "at risk", YELLOW),
    ("will_exceed", "will exceed", ORANGE),
    ("over", "over", VERMILLION),
)


class FleetUsage(NamedTuple):
    """An organisation's SIMs at the end of a day.

    `sims` counts those with an allowance by band and status. Bands 0 to 9 are tenths of the allowance (the last one holds
    100 % itself, which is not over), 10 to 13 end at the per cents of `OVER_UP_TO`. `highest` is the largest per cent.
    """

    sims: Mapping[tuple[int, str], int]
    payg: int
    unknown: int
    highest: float | None
    complete_through: datetime | None


def usage_against_allowance(org_id: int, day: date, fleet: FleetUsage) -> str:
    """Markdown: a histogram of per cent of the allowance used, by status; words where no SIM has an allowance."""
    statuses: Counter[str] = Counter()
    for (_, status), count in fleet.sims.items():
        statuses[status] += count
    total = statuses.total()
    through = seen_through(fleet.complete_through)
    others = f"Not in the picture: {counted(fleet.payg, 'SIM')} on pay as you go, {fleet.unknown:,} unknown."
    if not total:
        return f"No SIM of which usage and allowance are known on {day}{through}. {others}"
    near = sum(count for (band, _), count in fleet.sims.items() if band in _FROM_80)
    alt = (
        f"Usage against allowance of organisation {org_id} at the end of {day}, {counted(total, 'SIM')}: "
        f"over {statuses['over']:,}, will exceed {statuses['will_exceed']:,}, at risk {statuses['at_risk']:,}, "
        f"ok {statuses['ok']:,}. At 80 to 100 %: {near:,}. The highest: {fleet.highest or 0:,.0f} %. {others}"
    )
    caption = (
        f"SIMs by per cent of the allowance used so far in their billing period, at the end of {day}{through}. "
        f"Beyond 100 % the bands are wider. {others}"
    )
    title = f"{statuses['over']:,} of {counted(total, 'SIM')} over the allowance, {day}"
    return shown(lambda figure: _paint(figure, title, fleet, statuses), alt, caption)


def _paint(figure: Figure, title: str, fleet: FleetUsage, statuses: Mapping[str, int]) -> None:
    axes = figure.add_axes((0.02, 0.16, 0.965, 0.64))
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    lefts = [float(band) if band < TENTHS else band + _GAP for band in range(_BANDS)]
    tops = [0] * _BANDS
    for number, (status, label, colour) in enumerate(_STATUSES):
        heights = [fleet.sims.get((band, status), 0) for band in range(_BANDS)]
        bars(axes, zip(lefts, tops, [_WIDTH] * _BANDS, heights, strict=True), colour)
        tops = [top + height for top, height in zip(tops, heights, strict=True)]
        key(figure, 0.02 + number * 0.19, 0.855, colour, f"{label} {statuses[status]:,}")
    highest = max(tops)
    for left, top in zip(lefts, tops, strict=True):
        if top:
            axes.text(left + _WIDTH / 2, top + highest * 0.015, f"{top:,}", ha="center", va="bottom", size=7.5)
    allowance = TENTHS + _GAP / 2
    for edge, colour in ((_FROM_80[0], GREY), (allowance, INK)):
        axes.axvline(edge - 0.04, color=colour, linewidth=0.9, linestyle=(0, (4, 2)))
    axes.set_xlim(-0.15, _BANDS + _GAP + 0.1)
    axes.set_ylim(0, highest * 1.12)
    edges = [
        *((float(band), f"{band * 10}") for band in range(0, TENTHS, 2)),
        (allowance, "100"),
        *((TENTHS + _GAP + 1 + n, f"{end}") for n, end in enumerate(OVER_UP_TO)),
    ]
    axes.set_xticks([at - 0.04 for at, _ in edges], [text for _, text in edges])
    axes.set_xlabel("SIMs by % of the allowance used")
    figure.text(0.02, 0.925, title, size=10, weight="bold")
