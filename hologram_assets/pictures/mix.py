"""The picture of the RATs and networks of the last 28 days: which share of the sessions each had."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from hologram_assets.pictures.canvas import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, bars, key, lay_out_days, shown
from hologram_assets.pictures.words import counted, drawable, escaped, one_line, seen_through

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DAYS: Final = 28
_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY)
_LONGEST_IN_PICTURE = 19
# Of the lower panel, which names the days.
_BOTTOM = 0.1


class DayMix(NamedTuple):
    """A stored day's sessions by RAT and by network, as Hologram writes them; None is what it didn't tell."""

    rats: Mapping[str | None, int]
    networks: Mapping[str | None, int]
    complete_through: datetime | None


class _Part(NamedTuple):
    """A RAT or network as it is shown: label in the picture, markdown for words, colour, sessions of each day."""

    label: str
    words: str
    colour: str
    sessions: list[int]


def network_and_rat_mix(org_id: int, day: date, mixes: Mapping[date, DayMix]) -> str:
    """Markdown: RATs and networks by their share of each day's sessions: the five largest of the 28 days, and the rest.

    Args:
        org_id: organisation.
        day: the last day; it is stored.
        mixes: the stored days, at least of the 28 up to it; those that lack are gaps.
    """
    days = [day - timedelta(days=DAYS - 1 - n) for n in range(DAYS)]
    each = [mixes.get(one) for one in days]
    missing = each.count(None)
    gaps = f" {counted(missing, 'day')} (grey) not stored." if missing else ""
    through = seen_through(mixes[day].complete_through)
    rats, networks = (_parts([getattr(mix, of, {}) for mix in each]) for of in ("rats", "networks"))
    if not networks:
        return f"No session on the {counted(DAYS - missing, 'stored day')} of the {DAYS} up to {day}{through}."
    total = sum(sum(part.sessions) for part in networks)
    listed = [
        f"{name}: {', '.join(part.words for part in parts)}."
        for name, parts in (("RATs", rats), ("Networks", networks))
    ]
    alt = (
        f"RATs and networks of organisation {org_id} by share of {counted(total, 'session')}, {days[0]} to {day}. "
        + " ".join(listed)
    )
    caption = "\n\n".join([f"Shares of each day's sessions, {days[0]} to {day}{through}.{gaps}", *listed])
    return shown(lambda figure: _paint(figure, days, each, (("RAT", rats), ("network", networks))), alt, caption)


def _parts(each: Sequence[Mapping[str | None, int]]) -> list[_Part]:
    """The five largest of all days, largest first, and the rest as one."""
    sums: Counter[str | None] = Counter()
    for of_day in each:
        sums.update(of_day)
    total = sums.total()
    ranked = sorted(sums, key=lambda name: (-sums[name], name or ""))
    parts = []
    for number, (name, colour) in enumerate(zip(ranked, _COLOURS, strict=False), start=1):
        written = "not told" if name is None else one_line(name) or "no name"
        # What the font lacks the browser has: such a name stands in the caption, under its number.
        brief = one_line(written, _LONGEST_IN_PICTURE) if drawable(written) else "(named below)"
        share = 100 * sums[name] / total
        parts.append(
            _Part(
                f"{number} {brief} {share:.0f} %",
                f"{number} {escaped(written)} {share:.1f} %",
                colour,
                [of_day.get(name, 0) for of_day in each],
            )
        )
    if rest := ranked[len(_COLOURS) :]:
        share = 100 * sum(sums[name] for name in rest) / total
        others = counted(len(rest), "other")
        sessions = [sum(of_day.get(name, 0) for name in rest) for of_day in each]
        parts.append(_Part(f"{others} {share:.0f} %", f"{others} {share:.1f} %", GREY, sessions))
    return parts


def _paint(
    figure: Figure,
    days: Sequence[date],
    each: Sequence[DayMix | None],
    panels: Sequence[tuple[str, Sequence[_Part]]],
) -> None:
    for bottom, (name, parts) in zip((0.525, _BOTTOM), panels, strict=True):
        axes = figure.add_axes((0.09, bottom, 0.61, 0.345))
        sums = [sum(counts) for counts in zip(*(part.sessions for part in parts), strict=True)]
        # A day without a session stays white, a day that is not stored is grey.
        tops = [0.0] * len(days)
        for part in parts:
            shares = [n / of if of else 0.0 for n, of in zip(part.sessions, sums, strict=True)]
            bars(
                axes,
                ((place - 0.46, tops[place], 0.92, share) for place, share in enumerate(shares) if share),
                part.colour,
            )
            tops = [top + share for top, share in zip(tops, shares, strict=True)]
        lay_out_days(axes, days, [place for place, mix in enumerate(each) if mix is None], named=bottom == _BOTTOM)
        for row, part in enumerate(parts):
            key(figure, 0.712, bottom + 0.32 - row * 0.06, part.colour, part.label)
        axes.set_ylim(0, 1)
        axes.set_yticks([0, 0.5, 1], ["0", "50", "100 %"])
        figure.text(0.012, bottom + 0.1725, f"by {name}", rotation=90, va="center")
    figure.text(0.02, 0.925, f"Sessions by RAT and network, {days[0]} to {days[-1]}", size=10, weight="bold")
