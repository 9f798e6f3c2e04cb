"""The charts of the money report: each with its words, its legend and its numbers as a table, so that none needs eyes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from hologram_assets.page import svg
from hologram_assets.page.cents import to_cents, written
from hologram_assets.page.view import CURVE_DAYS, Cost, CurveDay, Mix, MixPart, UsageBands
from hologram_assets.pictures.usage import OVER_UP_TO, TENTHS
from hologram_assets.pictures.words import counted, one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BANDS: Final = TENTHS + len(OVER_UP_TO) + 1
_STATUSES: Final = (
    ("ok", "ok", svg.OK, None),
    ("at_risk", "at risk", svg.AT_RISK, "...."),
    ("will_exceed", "will exceed", svg.WILL_EXCEED, "////"),
    ("over", "over", svg.OVER, None),
)
_NAN: Final = float("nan")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Days ahead that are drawn, and those that the label of a day takes.
_MOST_AHEAD: Final = 31
_LABEL: Final = 10
# Per cent of the SIMs: a day on which so many fewer have a cost than on the report's day is not comparable with it.
UNKNOWN_FROM: Final = 5
# A number fits into a part of a stack that has so much of its height.
_ROOM: Final = 0.055


@dataclass(frozen=True)
class Key:
    """An entry of a legend: how its swatch looks (a CSS class), what it stands for, and its number."""

    swatch: str
    label: str
    value: str = ""
    number: str = ""
    """Where it stands in the chart under a number."""


@dataclass(frozen=True)
class Chart:
    """A chart for the page. The first column of `rows` names the row."""

    chart_id: str
    title: str
    description: str
    svg: Markup
    legend: tuple[Key, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def short(day: date) -> str:
    """`23 Nov`, whatever the machine's language."""
    return f"{day.day} {_MONTHS[day.month - 1]}"


def cost_curve(chart_id: str, day: date, curve: Sequence[CurveDay], cost: Cost, periods_end: date | None) -> Chart:
    """The cost of the running periods on the last 60 days, and where it is heading by their ends.

    Args:
        chart_id: unique in the page.
        day: the day of the report.
        curve: the stored days; those that lack are gaps.
        cost: of the day, all SIMs.
        periods_end: when the last of the running periods ends; None: nobody knows.
    """
    days = [day - timedelta(days=CURVE_DAYS - 1 - n) for n in range(CURVE_DAYS)]
    stored = {each.day: each for each in curve}
    so_far, expected, bound = (written(to_cents(amount)) for amount in (cost.to_date, cost.expected, cost.bound))
    missing = [place for place, each in enumerate(days) if each not in stored]
    # The first stored day on, what lacks is a gap; before it there is nothing to be known.
    begins = min((place for place, each in enumerate(days) if each in stored), default=0)
    gaps = [place for place in missing if place > begins]
    partly = [place for place, each in enumerate(days) if each in stored and _is_partly_known(stored[each], cost)]
    # Plans of several months have periods that end far off: the cost at which they do is what counts.
    ahead = min(max((periods_end - day).days, 1), _MOST_AHEAD) if periods_end else 0
    description = (
        f"Cost to date of the running billing periods at the end of each day from {days[begins]} to {day}: "
        f"{so_far} USD on {day}. Expected at the periods' ends: {expected} USD; upper bound: {bound} USD."
        + (f" The last of them ends on {periods_end}." if periods_end else "")
        + (f" {counted(len(gaps), 'day')} not stored." if gaps else "")
        + (f" {counted(len(partly), 'day')} with usage partly unknown: more than is shown." if partly else "")
    )

    def paint(figure: Figure) -> None:
        axes = figure.add_axes((0.085, 0.115, 0.765, 0.82))
        last = CURVE_DAYS - 1
        series = [
            ([float(stored[each].to_date) if each in stored else _NAN for each in days], svg.SERIES[0], "-", 2.2),
            ([float(stored[each].expected) if each in stored else _NAN for each in days], svg.SOFT, (0, (4, 2.5)), 1.3),
        ]
        start, middle, top = float(cost.to_date), float(cost.expected), float(cost.bound)
        known = [value for line, *_ in series for value in line if value == value]  # noqa: PLR0124 - NaN
        highest, lowest = max([*known, start, middle, top, 0.0]) or 1.0, min([*known, 0.0])
        axes.broken_barh(
            [(place - 0.5, 1.0) for place in gaps], (0, 1), transform=axes.get_xaxis_transform(),
            facecolor=svg.FAINT, linewidth=0, zorder=0, clip_on=False,
        )  # fmt: skip
        axes.broken_barh(
            [(place - 0.5, 1.0) for place in partly], (0, 1), transform=axes.get_xaxis_transform(),
            facecolor="none", edgecolor=svg.FAINT, hatch="////", linewidth=0, zorder=0, clip_on=False,
        )  # fmt: skip
        for line, colour, dashes, width in reversed(series):
            axes.plot(range(len(line)), line, color=colour, linestyle=dashes, linewidth=width, clip_on=False)
            alone = list(_alone(line))
            axes.plot(alone, [line[place] for place in alone], color=colour, linestyle="none", marker="o", markersize=3)
        axes.axvline(last, color=svg.SOFT, linewidth=0.8, linestyle=(0, (1, 2)))
        if ahead:
            there = last + ahead
            axes.fill_between(
                [last, there], [start, middle], [start, top],
                facecolor=svg.SERIES[1], alpha=0.3, edgecolor="none", linewidth=0, clip_on=False,
            )  # fmt: skip
            axes.plot([last, there], [start, top], color=svg.SERIES[1], linewidth=1.2, clip_on=False)
            axes.plot(
                [last, there],
                [start, middle],
                color=svg.SERIES[0],
                linewidth=1.8,
                linestyle=(0, (4, 2.5)),
                clip_on=False,
            )
        axes.plot([last], [start], color=svg.SERIES[0], marker="o", markersize=6, linestyle="none", clip_on=False)
        left = min(begins, last - 13)  # a young warehouse isn't a line at the right end of an empty chart
        axes.set_xlim(left, last + max(ahead, 1))
        axes.set_ylim(lowest * 1.06, highest * 1.06)
        places = list(range(last, left + _LABEL // 2, -14 if last - left > 28 else -7))  # noqa: PLR2004 - four weeks
        labels = [short(day + timedelta(days=place - last)) for place in places]
        if periods_end and ahead > _LABEL:
            places.append(last + ahead)
            labels.append(f"by {short(periods_end)}")
        axes.set_xticks(places, labels)
        _amounts(axes)
        _beside(axes, (("upper bound", bound, top), ("expected", expected, middle)))

    rows = tuple(
        (
            f"{each}, partly unknown" if place in partly else str(each),
            *(
                (written(to_cents(stored[each].to_date)), written(to_cents(stored[each].expected)))
                if each in stored
                else ("not stored", "not stored")
            ),
        )
        for place, each in enumerate(days[begins:], start=begins)
    )
    title = "Cost of the running periods, USD"
    return Chart(
        chart_id,
        title,
        description,
        svg.drawn(paint, 260, chart_id=chart_id, title=title, description=description),
        (
            Key("line", "cost to date", so_far),
            Key("dash", "expected at the periods’ ends, as it stood on each day", expected),
            Key("band", "forecast band, from expected to the upper bound", bound),
            *([Key("gap", "day not stored")] if gaps else []),
            *([Key("partly", "usage partly unknown: more than is shown")] if partly else []),
        ),
        ("Day", "Cost to date, USD", "Expected, USD"),
        rows,
    )


def usage_bands(chart_id: str, day: date, bands: UsageBands) -> Chart | None:
    """How many SIMs have used how much of their allowance; None where no SIM has one."""
    sums = {status: sum(n for (_, one), n in bands.sims.items() if one == status) for status, *_ in _STATUSES}
    total = sum(sums.values())
    if not total:
        return None
    names = band_names()
    tops = [sum(bands.sims.get((band, status), 0) for status, *_ in _STATUSES) for band in range(_BANDS)]
    listed = ", ".join(f"{label} {sums[status]:,}" for status, label, *_ in _STATUSES)
    description = (
        f"{counted(total, 'SIM')} with an allowance by per cent of it used at the end of {day}: {listed}. "
        f"The furthest has used {bands.highest or 0:,.0f} %."
    )

    def paint(figure: Figure) -> None:
        gap, width = 0.5, 0.9
        axes = figure.add_axes((0.015, 0.2, 0.97, 0.74))
        axes.set_yticks([])
        lefts = [float(band) if band < TENTHS else band + gap for band in range(_BANDS)]
        bottoms = [0] * _BANDS
        for status, _, colour, hatch in _STATUSES:
            heights = [bands.sims.get((band, status), 0) for band in range(_BANDS)]
            places = [
                (left, bottom, width, height)
                for left, bottom, height in zip(lefts, bottoms, heights, strict=True)
                if height
            ]
            svg.bars(axes, places, colour, hatch)
            bottoms = [bottom + height for bottom, height in zip(bottoms, heights, strict=True)]
        highest = max(tops)
        for left, top in zip(lefts, tops, strict=True):
            if top:
                axes.text(left + width / 2, top + highest * 0.02, f"{top:,}", ha="center", va="bottom", size=10.5)
        axes.axvline(TENTHS + gap / 2 - 0.05, color=svg.INK, linewidth=1, linestyle=(0, (4, 2)))
        axes.set_xlim(-0.15, _BANDS + gap + 0.1)
        axes.set_ylim(0, highest * 1.14)
        axes.set_xticks([left + width / 2 for left in lefts], [name.replace(" %", "") for name in names], size=9.5)
        axes.set_xlabel("per cent of the allowance used  (dashed: the allowance)")

    rows = tuple(
        (name, *(f"{bands.sims.get((band, status), 0):,}" for status, *_ in _STATUSES), f"{tops[band]:,}")
        for band, name in enumerate(names)
    )
    title = "SIMs by how much of their allowance they have used"
    return Chart(
        chart_id,
        title,
        description,
        svg.drawn(paint, 250, chart_id=chart_id, title=title, description=description),
        tuple(Key(status.replace("_", "-"), label, f"{sums[status]:,}") for status, label, *_ in _STATUSES),
        ("Of the allowance", *(label for _, label, *_ in _STATUSES), "SIMs"),
        rows,
    )


def band_names() -> tuple[str, ...]:
    """What the bands of a fleet's usage are called: tenths of the allowance, and beyond it wider and wider."""
    ends = (100, *OVER_UP_TO)
    beyond = (f"{low}–{high} %" for low, high in itertools.pairwise(ends))
    return (*(f"{band * 10}–{band * 10 + 10} %" for band in range(TENTHS)), *beyond, f"over {ends[-1]} %")


def mix(chart_id: str, what: str, view: Mix, parts: Sequence[MixPart]) -> Chart | None:
    """Which share of each day's sessions each RAT or network had; None where there is no session.

    Args:
        chart_id: unique in the page.
        what: `RAT` or `network`.
        view: for its days.
        parts: largest first, what is put together last.
    """
    total = sum(sum(part.sessions) for part in parts)
    if not total:
        return None
    sums = [sum(counts) for counts in zip(*(part.sessions for part in parts), strict=True)]
    named = [_named(part) for part in parts]
    shares = [100 * sum(part.sessions) / total for part in parts]
    listed = "; ".join(f"{name} {share:.1f} %" for name, share in zip(named, shares, strict=True))
    description = f"{counted(total, 'session')} by {what}, {view.days[0]} to {view.days[-1]}. {listed}."
    gaps = [place for place, each in enumerate(view.days) if each not in view.stored]
    colours = [*svg.SERIES[: len(parts)], *[svg.REST] * len(parts)]
    colours = [svg.REST if part.others or part.name is None else colours[n] for n, part in enumerate(parts)]

    def paint(figure: Figure) -> None:
        axes = figure.add_axes((0.06, 0.12, 0.9, 0.85))
        tops = [0.0] * len(view.days)
        newest = max((place for place, of in enumerate(sums) if of), default=0)
        for number, (part, colour) in enumerate(zip(parts, colours, strict=True), start=1):
            heights = [100 * n / of if of else 0.0 for n, of in zip(part.sessions, sums, strict=True)]
            places = [(place - 0.45, tops[place], 0.9, height) for place, height in enumerate(heights) if height]
            # Rest and not told have the same grey: one of them is hatched.
            svg.bars(axes, places, colour, "////" if part.name is None and not part.others else None)
            if heights[newest] > 100 * _ROOM:
                axes.text(
                    len(view.days) - 0.3, tops[newest] + heights[newest] / 2, str(number), va="center", clip_on=False
                )
            tops = [top + height for top, height in zip(tops, heights, strict=True)]
        axes.broken_barh(
            [(place - 0.5, 1.0) for place in gaps], (0, 100), facecolor=svg.FAINT, linewidth=0, zorder=0, clip_on=False
        )
        axes.set_xlim(-0.6, len(view.days) - 0.4)
        axes.set_ylim(0, 100)
        axes.set_yticks([0, 50, 100], ["0", "50", "100 %"])
        weekly = range(len(view.days) - 1, -1, -7)
        axes.set_xticks(list(weekly), [short(view.days[place]) for place in weekly])

    rows = tuple(
        (str(each), *(f"{part.sessions[place]:,}" if each in view.stored else "not stored" for part in parts))
        for place, each in enumerate(view.days)
    )
    title = f"Sessions by {what}, shares of each day"
    return Chart(
        chart_id,
        title,
        description,
        svg.drawn(paint, 210, chart_id=chart_id, title=title, description=description),
        (
            *(
                Key(_swatch(part, number), name, f"{share:.1f} %", str(number))
                for number, (part, name, share) in enumerate(zip(parts, named, shares, strict=True), start=1)
            ),
            *([Key("gap", "day not stored")] if gaps else []),
        ),
        ("Day", *named),
        rows,
    )


def _is_partly_known(then: CurveDay, now: Cost) -> bool:
    """Whether so many fewer SIMs had a cost then that its amount can't be read beside the day's."""
    return (
        100 * now.priced_sims * then.sims - 100 * then.priced_sims * now.sims >= UNKNOWN_FROM * now.sims * then.sims > 0
    )


def _named(part: MixPart) -> str:
    if part.others:
        return counted(part.others, "other")
    return "not told" if part.name is None else one_line(part.name) or "no name"


def _swatch(part: MixPart, number: int) -> str:
    if part.others:
        return "rest"
    return "not-told" if part.name is None else f"series-{number}"


def _alone(line: Sequence[float]) -> Iterator[int]:
    """Places with a value whose neighbours have none: a line would not show them."""
    known = [value == value for value in (_NAN, *line, _NAN)]  # noqa: PLR0124 - NaN
    for place in range(len(line)):
        if known[place + 1] and not known[place] and not known[place + 2]:
            yield place


def _amounts(axes: Axes) -> None:
    """Round amounts at the left, with faint lines across."""
    axes.locator_params(axis="y", nbins=5)
    axes.yaxis.set_major_formatter(_brief)
    axes.grid(visible=True, axis="y")


def _brief(value: float, _: object = None) -> str:
    """An amount at an axis: `0.25`, `1,500`, `20k`, `1.5M`."""
    for size, unit, of in ((1e9, "G", 1e9), (1e6, "M", 1e6), (1e4, "k", 1e3)):
        if abs(value) >= size:
            return f"{value / of:,.6g}{unit}"
    return f"{value:,.6g}"


def _beside(axes: Axes, labels: Sequence[tuple[str, str, float]]) -> None:
    """Names and amounts at the right end, the highest first, apart from one another."""
    low, high = axes.get_ylim()
    apart = 0.16
    heights = [(value - low) / (high - low) for *_, value in labels]
    if heights[0] - heights[1] < apart:
        middle = min(max(sum(heights) / 2, apart / 2 + 0.06), 1 - apart / 2)
        heights = [middle + apart / 2, middle - apart / 2]
    for (name, amount, _), height in zip(labels, heights, strict=True):
        axes.text(1.012, height + 0.03, name, transform=axes.transAxes, va="center", size=9.5, color=svg.SOFT)
        axes.text(1.012, height - 0.035, amount, transform=axes.transAxes, va="center", size=11, weight="bold")
