"""The money report as one HTML file: no script, nothing that is fetched, every value escaped."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, Final

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from hologram_assets.page import charts
from hologram_assets.page.amounts import change_table, cost_table, effects_row, lines_table
from hologram_assets.page.cents import to_cents, written
from hologram_assets.page.view import (
    AT_LEAST,
    CURVE_DAYS,
    FRESH_DAYS,
    JUDGED_DAYS,
    MIX_DAYS,
    NO_FEE,
    ForecastScore,
    Lack,
    OrganisationView,
    PageView,
)
from hologram_assets.pictures.words import counted, one_line

MOST_BYTES: Final = 3_000_000
"""Of a page: what a mail server takes and a browser opens at once."""
# What stands around the sections, and some room for what was not foreseen.
_RESERVE: Final = 100_000
_LONGEST_NAME: Final = 60
_LONGEST_TEXT: Final = 400
_TEMPLATES: Final = ("page.html", "organisation.html", "parts.html", "style.html")
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
EFFECTS: Final = (
    ("Late corrections", "late sessions and corrected totals changed the earlier day since"),
    ("SIM count", "SIMs that came, less those that are gone"),
    ("Became known", "usage and prices that were not known on the earlier day, less those that are not now"),
    ("Periods begun", "usage and overage of periods that ended: these SIMs count from zero again"),
    ("Plan mix", "SIMs are on other plans"),
    ("Rate", "prices are others"),
    ("Usage per SIM", "the same SIMs have used more or less"),
)
_REASONS: Final = {
    "unknown_plan": (
        "plan not known",
        (
            "Let the API key read links, or set HOLOGRAM_PLAN_ASSIGNMENTS. A plan that Hologram no longer offers has no "
            "price: move the SIM to another."
        ),
    ),
    "pooled": (
        "pooled plan",
        "Hologram’s API has no price per SIM for a pool: take the amount from Hologram’s invoice.",
    ),
    "variable_rate": (
        "rate varies",
        "Hologram’s API has no price for a variable rate: take the amount from Hologram’s invoice.",
    ),
    "zone_not_offered": (
        "no price in the zone",
        "The plan has no price in the SIM’s zone: ask Hologram, or move the SIM to another plan.",
    ),
    "incomplete": ("usage not whole", "Days of the billing period were not loaded: load them (see data freshness)."),
    AT_LEAST: (
        "at least: usage not whole, already over",
        (
            "In the amounts with the usage that is known, which is over the allowance already. Load the days of the billing "
            "period that lack (see data freshness)."
        ),
    ),
    NO_FEE: ("no recurring amount", "The plan’s recurring amount is not on the price list: ask Hologram."),
}
_VERDICTS: Final = {
    "recommended": "should change their plan",
    "cheapest_already": "are on the cheapest plan already",
    "saving_too_small": "would save too little",
    "anomaly_open": "wait: something unusual is going on",
    "alerts_missing": "would change their plan, but the day’s alerts were never derived",
    "too_little_history": "have too few closed periods",
    "not_priced": "have no price",
}
_GOOD_COVERAGE: Final = (85, 95)


def render_page(view: PageView) -> str:
    """The page: UTF-8, below 3 MB, the same for the same view.

    Sections of organisations that would make it larger are left out, from the last one on, and the page says so.
    """
    sections: list[Markup] = []
    room = MOST_BYTES - _RESERVE - 400 * len(view.lines)
    for organisation in view.organisations:
        section = Markup(_template("organisation.html").render(_of_section(view, organisation)))  # noqa: S704 - autoescaped
        room -= len(section.encode())
        if room < 0:
            break
        sections.append(section)
    with_section = {each.org_id for each in view.organisations[: len(sections)]}
    html: str = _template("page.html").render(
        view=view,
        sections=sections,
        with_section=with_section,
        single=view.organisations[0] if len(view.lines) == 1 and sections else None,
        overview=lines_table(view.lines, view.more, view.more_count),
        sections_left_out=len(view.lines) + view.more_count - len(sections),
    )
    return html


def _of_section(view: PageView, of: OrganisationView) -> dict[str, Any]:
    """What the template of a section shows beside the view itself."""
    prefix = f"o{of.org_id}"
    derive = f"hologram-assets backfill --from {view.day} --to {view.day} --org {of.org_id}"
    changes = {since: change for since in ("yesterday", "last_period") if (change := getattr(of, since)) is not None}
    return {
        "view": view,
        "of": of,
        "id": prefix,
        "costs": cost_table(of),
        **_lacking(of.lacks),
        "changes": changes,
        "bridges": {since: effects_row(change.total) for since, change in changes.items()},
        "change_tables": {since: change_table(change) for since, change in changes.items()},
        "curve": charts.cost_curve(f"{prefix}-curve", view.day, of.curve, of.cost, of.periods_end) if of.cost else None,
        "bands": charts.usage_bands(f"{prefix}-bands", view.day, of.bands) if of.bands else None,
        "rats": charts.mix(f"{prefix}-rats", "RAT", of.mix, of.mix.rats) if of.mix else None,
        "networks": charts.mix(f"{prefix}-networks", "network", of.mix, of.mix.networks) if of.mix else None,
        "through": next((load.complete_through for load in of.loads if load.asset == "overage_report"), None),
        "missing_days": max((load.missing_days for load in of.loads if load.asset == "raw_sessions"), default=0),
        "yesterday": view.day - timedelta(days=1),
        "derive": derive,
        "derive_money": f"{derive} --assets plan_recommendations,fleet_summary",
    }


def _lacking(lacks: Sequence[Lack]) -> dict[str, int]:
    """SIMs by what of them is not in the amounts: usage, usage and plan fee, the fee, some of the usage."""
    usage_lacks = [lack for lack in lacks if not lack.usage_counts]
    neither = sum(lack.without_fee for lack in usage_lacks)
    return {
        "usage_alone": sum(lack.sims for lack in usage_lacks) - neither,
        "neither": neither,
        "fee_alone": sum(lack.without_fee for lack in lacks if lack.usage_counts),
        "at_least": sum(lack.sims for lack in lacks if lack.reason == AT_LEAST),
    }


@cache
def _template(name: str) -> Any:
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    folder = files(__package__)
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=DictLoader({name: folder.joinpath(name).read_text(encoding="utf-8") for name in _TEMPLATES}),
    )
    environment.filters.update(
        name=_name, text=_text, cents=written, usd=_usd, number=_number, megabytes=_megabytes, volume=_volume,
        percent=_percent, long=_long, moment=_moment, counted=counted, words=_words, lateness=_lateness,
        covered=_covered,
    )  # fmt: skip
    environment.globals.update(
        effects=EFFECTS, reasons=_REASONS, verdicts=_VERDICTS, curve_days=CURVE_DAYS, mix_days=MIX_DAYS,
        fresh_days=FRESH_DAYS, judged_days=JUDGED_DAYS, unknown_from=charts.UNKNOWN_FROM, good_coverage=_GOOD_COVERAGE,
    )  # fmt: skip
    return environment


def _name(name: str | None, otherwise: str = "") -> Markup | str:
    """A name from outside, in a place of its own: its script turns nothing around that stands beside it."""
    brief = one_line(name or "", _LONGEST_NAME)
    return Markup("<bdi>{}</bdi>").format(brief) if brief else otherwise


def _text(text: str) -> Markup:
    """A sentence with names from outside in it."""
    return Markup("<bdi>{}</bdi>").format(one_line(text, _LONGEST_TEXT))


def _usd(amount: Decimal | None, *, signed: bool = False) -> str:
    return "–" if amount is None else written(to_cents(amount), signed=signed)


def _number(number: int | None) -> str:
    return "–" if number is None else f"{number:,}".replace("-", "\N{MINUS SIGN}")


def _megabytes(size: int | None) -> str:
    """Bytes as MB (1,000,000), for a column."""
    return "–" if size is None else f"{size / 1_000_000:,.2f}"


def _volume(size: int) -> str:
    """Bytes for a sentence, in the unit that fits."""
    for unit, of in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if abs(size) >= of:
            return f"{size / of:,.2f} {unit}".replace("-", "\N{MINUS SIGN}")
    return counted(size, "byte").replace("-", "\N{MINUS SIGN}")


def _percent(value: float | None, places: int = 0) -> str:
    return "–" if value is None else f"{value:,.{places}f} %".replace("-", "\N{MINUS SIGN}")


def _long(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def _moment(moment: datetime | None) -> str:
    return "–" if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def _words(name: str) -> str:
    """`will_exceed` as it is read."""
    return "pay as you go" if name == "payg" else name.replace("_", " ")


def _lateness(seconds: int | None) -> str:
    if seconds is None:
        return "–"
    hours = seconds / 3600
    return f"{hours:,.1f} h" if hours < 48 else f"{hours / 24:,.1f} days"  # noqa: PLR2004 - two days


def _covered(score: ForecastScore) -> str:
    """Whether so many truths below the bound are what a 90 % bound should have."""
    low, high = _GOOD_COVERAGE
    if score.covered < low:
        return "too few: the bound is too low"
    return "on target" if score.covered <= high else "more than promised: the bound is cautious"
