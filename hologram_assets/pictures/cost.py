"""The picture of what each of the last 30 days cost, and of what the running periods come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from hologram_assets.pictures.canvas import BLUE, INK, VERMILLION, bars, lay_out_days, shown
from hologram_assets.pictures.words import counted, seen_through

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DAYS: Final = 30
_NAN = float("nan")
_NOTES = (
    "Above: what each day added to overage and to pay-as-you-go charges: a SIM's cost at the end of the day less that of "
    "the day before, and what an ended period cost on its last day. A change of plan or a correction can make it negative. "
    "Below: all periods that run at the end of the day, so far and as expected at their ends (so far, where nothing is "
    "foreseen)."
)
# Two labels of two lines need this share of the lower panel's height.
_APART = 0.46


class DayCost(NamedTuple):
    """What a stored day added to an organisation's costs, and how they stand at its end; all in USD.

    `overage` and `usage` (pay as you go) are None where the day before is not stored, so that nobody knows what the day
    added. `so_far` and `expected` are of the periods that run at the day's end; a SIM of which nothing is foreseen is
    expected to cost what it costs so far. `left_out` counts the SIMs whose cost of the day is not known.
    """

    overage: Decimal | None
    usage: Decimal | None
    so_far: Decimal
    expected: Decimal
    left_out: int
    complete_through: datetime | None

    @property
    def added(self) -> Decimal | None:
        """Overage and usage together."""
        return None if self.overage is None or self.usage is None else self.overage + self.usage


def cost_per_day(org_id: int, day: date, costs: Mapping[date, DayCost]) -> str:
    """Markdown: what each of the 30 days up to `day` added, over what the running periods cost; words where nothing did.

    Args:
        org_id: organisation.
        day: the last day; it is stored.
        costs: the stored days, at least of these 30; those that lack are gaps.
    """
    days = [day - timedelta(days=DAYS - 1 - n) for n in range(DAYS)]
    stored = [costs[each] for each in days if each in costs]
    today = costs[day]
    through = seen_through(today.complete_through)
    if len(stored) == 1:
        return f"Cost per day needs two stored days; of the {DAYS} up to {day}{through} there is one."
    added = [cost.added for cost in stored if cost.added is not None]
    notes = _NOTES
    if len(added) < DAYS:
        notes += (
            f" {counted(DAYS - len(added), 'day')} (grey) can't be told: the day or the one before it is not stored."
        )
    if today.left_out:
        notes += f" {counted(today.left_out, 'SIM')} whose cost of {day} is not known are left out."
    if not any(added) and not any(cost.so_far or cost.expected for cost in stored):
        return f"Nothing cost anything on the {len(stored)} stored days of the {DAYS} up to {day}{through}. {notes}"
    of_day = "not known" if today.added is None else f"{today.added:,.2f} added"
    alt = (
        f"Cost per day of organisation {org_id}, {days[0]} to {day}: {sum(added, Decimal(0)):,.2f} USD added on "
        f"{counted(len(added), 'day')}; {of_day} on {day}. "
        f"Running periods: {today.so_far:,.2f} USD so far, {today.expected:,.2f} USD expected."
    )
    return shown(lambda figure: _paint(figure, days, costs, of_day), alt, f"To the end of {day}{through}. {notes}")


def _paint(figure: Figure, days: Sequence[date], costs: Mapping[date, DayCost], of_day: str) -> None:
    left, width = 0.09, 0.735
    above, below = figure.add_axes((left, 0.525, width, 0.36)), figure.add_axes((left, 0.1, width, 0.3))
    each = [costs.get(day) for day in days]
    _bars(above, [cost.overage if cost else None for cost in each], [cost.usage if cost else None for cost in each])
    unknown = [place for place, cost in enumerate(each) if cost is None or cost.added is None]
    lay_out_days(above, days, unknown, named=False)
    lay_out_days(below, days, [place for place in unknown if each[place] is None], named=True)
    so_far = [float(cost.so_far) if cost else _NAN for cost in each]
    expected = [float(cost.expected) if cost else _NAN for cost in each]
    for amounts, line in ((so_far, "-"), (expected, "--")):
        below.plot(range(len(days)), amounts, color=INK, linestyle=line, linewidth=1.3, marker=".", markersize=3)
    below.set_ylim(0, 1.12 * max(amount for amount in (*so_far, *expected, 0.01) if amount == amount))  # noqa: PLR0124 - NaN
    for axes in (above, below):
        axes.locator_params(axis="y", nbins=4)
        axes.yaxis.set_major_formatter(lambda value, _: _brief(value))
    last = costs[days[-1]]
    _beside(above, (("pay as you go", 0.8, BLUE), ("overage", 0.5, VERMILLION)))
    low, high = (float(amount) / below.get_ylim()[1] for amount in (last.so_far, last.expected))
    if high - low < _APART:
        middle = min(max((low + high) / 2, _APART / 2), 1 - _APART / 2)
        low, high = middle - _APART / 2, middle + _APART / 2
    _beside(
        below, ((f"expected (--)\n{_whole(last.expected)}", high, INK), (f"so far\n{_whole(last.so_far)}", low, INK))
    )
    figure.text(0.02, 0.925, f"Cost per day, USD: {of_day} on {days[-1]}", size=10, weight="bold")
    figure.text(0.02, 0.435, "Running periods, USD", size=8.5, weight="bold")


def _bars(axes: Axes, *parts: Sequence[Decimal | None]) -> None:
    """Positive parts stand on one another, negative ones hang from the axis."""
    ups, downs = ([0.0] * len(parts[0]) for _ in range(2))
    for amounts, colour in zip(parts, (VERMILLION, BLUE), strict=True):
        heights = {place: float(amount) for place, amount in enumerate(amounts) if amount}
        spans = [(place - 0.4, (ups if height > 0 else downs)[place], 0.8, height) for place, height in heights.items()]
        bars(axes, spans, colour)
        for place, height in heights.items():
            (ups if height > 0 else downs)[place] += height
    axes.axhline(0, color=INK, linewidth=0.6)
    low, high = min(downs), max(ups)
    axes.set_ylim(1.05 * low, 1.05 * high or (0 if low else 1))


def _brief(value: float) -> str:
    """An amount at an axis: `0.25`, `1,500`, `20k`, `1.5M`."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if unit == 'k' else size):,.6g}{unit}"
    return f"{value:,.6g}"


def _whole(amount: Decimal) -> str:
    """An amount in the picture: cents where there is room for them."""
    return f"{amount:,.2f}" if amount < 100_000 else f"{amount:,.0f}"  # noqa: PLR2004 - a width


def _beside(axes: Axes, labels: Sequence[tuple[str, float, str]]) -> None:
    """Names at the right end, in the colours of what they name."""
    for text, height, colour in labels:
        axes.text(1.015, height, text, transform=axes.transAxes, color=colour, va="center", weight="bold")
