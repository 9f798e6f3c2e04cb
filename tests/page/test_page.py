"""The page as it is mailed: whole, escaped, small, the same each time, and honest about what it leaves out."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from html.parser import HTMLParser

import pytest

from hologram_assets.page.render import MOST_BYTES, render_page
from hologram_assets.page.view import (
    MOST_ALERTS,
    MOST_LINES,
    MOST_PLAN_CHANGES,
    MOST_UNCAPPED,
    MOST_UPGRADES,
    MOST_WORST,
    Lack,
    MixPart,
    OrganisationView,
    PageView,
)
from tests.page.fleets import DAY, HOSTILE, NOW, empty, organisation, page, underived

ELEMENTS = {
    "html", "head", "meta", "title", "style", "body", "a", "header", "h1", "h2", "h3", "h4", "p", "nav", "ul", "li",
    "main", "div", "section", "dl", "dt", "dd", "span", "b", "em", "br", "code", "table", "caption", "thead", "tbody",
    "tr", "th", "td", "figure", "figcaption", "details", "summary", "bdi", "footer",
}  # fmt: skip
SVG = {"svg", "desc", "g", "path", "text", "use", "defs", "clippath", "rect", "pattern"}
VOID = {"meta", "br"}
MINUS = "\N{MINUS SIGN}"


class Seen(HTMLParser):
    """Every element with its attributes; a tag that isn't closed where it should be is an error."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs), (tag, attrs)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())


def checked(view: PageView) -> Seen:
    """The page, which is sound whatever it shows."""
    html = render_page(view)
    assert html.startswith("<!DOCTYPE html>")
    assert len(html.encode()) < MOST_BYTES
    seen = Seen(html)
    # From outside come texts: nothing of them is an element or an attribute, and so nothing can run or be fetched.
    assert {tag for tag, _ in seen.elements} <= ELEMENTS | SVG
    attributes = {name for _, found in seen.elements for name in found}
    assert not {name for name in attributes if name.startswith("on")}
    assert attributes.isdisjoint({"src", "srcset", "action", "ping", "background", "xlink:href"})
    assert all(found["href"].startswith("#") for _, found in seen.elements if found.get("href"))  # type: ignore[union-attr]
    assert not re.search(r"@import|url\((?!#)", html.partition("</head>")[0])
    assert [tag for tag, _ in seen.elements].count("style") == 1  # a drawing's own would be everybody's
    # Every id is one place, and what points at one finds it.
    ids = [found["id"] for _, found in seen.elements if "id" in found]
    assert len(ids) == len(set(ids))
    for _, found in seen.elements:
        assert set((found.get("aria-labelledby") or "").split()) <= set(ids)
        assert set(re.findall(r"url\(#([^)]+)\)", f"{found.get('style')} {found.get('clip-path')}")) <= set(ids)
        assert (found.get("href") or "#")[1:] in {"", *ids}
    return seen


def slim(sims: int = 40) -> OrganisationView:
    """A section without the charts that a test isn't about: drawing is what takes time."""
    return replace(organisation(sims=sims), mix=None, bands=None)


@pytest.mark.parametrize("sims", [1, 40])
def test_a_fleet_has_every_part_with_its_numbers(sims: int) -> None:
    text = checked(page(organisation(sims=sims))).text
    for part in (
        "Cost to date", "Expected at the periods’ ends", "What changed", "Late corrections", "Usage against allowance",
        "SIMs to look at first", "without an overage limit", "Recommendations", "Open alerts", "Sessions by RAT",
        "Sessions by network", "Data freshness", "What is not priced", "pooled plan", "usage not whole", "The forecast",
        "91.0 %", "97.0 %", "3 differ, by 12.35 kB together", "45 bytes less than Hologram’s",
    ):  # fmt: skip
        assert part in text, part


def test_no_sim_is_a_page_that_says_so() -> None:
    text = checked(page(empty())).text
    assert "0 SIMs at the end of 23 November 2026" in text
    assert "No SIM of which usage and allowance are known" in text
    assert "the forecast can’t be judged yet" in text
    assert "nan" not in text.casefold()


def test_no_organisation_and_what_was_not_loaded_are_told_with_the_command() -> None:
    assert "No organisation has a report of this day" in checked(PageView(DAY, NOW, (), ())).text
    text = checked(PageView(DAY, NOW, (), (), not_loaded=(144, 145))).text
    assert "hologram-assets backfill --from 2026-11-23 --to 2026-11-23 --org 144 --org 145" in text


def test_what_was_never_derived_is_told_with_the_command_and_is_no_zero() -> None:
    seen = checked(page(underived()))
    assert "hologram-assets backfill --from 2026-11-23 --to 2026-11-23 --org 144" in seen.text
    assert seen.text.count("never") >= 2
    assert "0.00" not in seen.text


def test_names_in_any_script_are_texts_and_stand_in_places_of_their_own() -> None:
    seen = checked(page(organisation(names=HOSTILE, most=True)))
    for name in (
        "<script>alert(1)</script>",
        "中国移动",
        "اتصالات",
        "🚀📡",
        "{{ 7 * 7 }} {% raw %}",
        "Z\u0301\u0300\u0301",
    ):
        assert name in seen.texts, name
    # What would turn the rest of the page around, or isn't to be seen, is shown as such.
    assert not {"\u202e", "\u2066", "\0", "\x1b"} & set("".join(seen.texts))
    assert "x" * 59 + "…" in seen.texts


def test_a_network_of_any_name_is_in_the_words_of_its_chart_and_not_in_its_drawing() -> None:
    view = organisation()
    assert view.mix is not None
    parts = tuple(MixPart(name, 0, tuple(5 for _ in range(30))) for name in HOSTILE)
    html = render_page(page(replace(view, mix=replace(view.mix, networks=parts))))
    checked(page(replace(view, mix=replace(view.mix, networks=parts))))
    drawing = html.partition('aria-labelledby="o144-networks-title')[2].partition("</desc>")[2].partition("</svg>")[0]
    assert "<text" in drawing
    assert not [name for name in HOSTILE if name.strip() and name in drawing]


def test_the_same_view_is_the_same_page() -> None:
    view = page(organisation(names=HOSTILE), organisation(145))
    assert render_page(view) == render_page(view)


def test_a_fleet_of_200_000_sims_is_a_small_page_that_says_what_it_leaves_out() -> None:
    seen = checked(page(organisation(sims=200_000, names=HOSTILE, most=True)))
    for shown, of in (
        (MOST_WORST, "200,000"), (MOST_UNCAPPED, "200,000"), (MOST_UPGRADES, "2,000"), (MOST_PLAN_CHANGES, "10,000"),
        (MOST_ALERTS, "70"),
    ):  # fmt: skip
        assert f"The first {shown} of {of}" in seen.text
    assert "--format xlsx" in seen.text


def test_many_organisations_are_a_table_and_as_many_sections_as_there_is_room_for() -> None:
    large = organisation(1, 200_000, tuple(name * 9 for name in HOSTILE), most=True)
    # As many as are read; made once, since drawing takes a while and is none of this test.
    sections = tuple(replace(large, org_id=org, line=replace(large.line, org_id=org)) for org in range(1, 4))
    lines = tuple(replace(large.line, org_id=org) for org in range(1, MOST_LINES + 1))
    view = PageView(DAY, NOW, lines, sections, more=replace(large.line, org_id=0), more_count=300)
    seen = checked(view)
    assert "497 organisations have no section of their own here" in seen.text
    assert "300 more" in seen.text
    assert [found.get("id") for tag, found in seen.elements if tag == "section"][1:] == ["o1", "o2", "o3"]


def test_sections_that_would_make_the_page_too_large_are_left_out_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    view = page(*(organisation(org) for org in (144, 145, 146)))
    one = len(render_page(page(organisation())).encode())
    monkeypatch.setattr("hologram_assets.page.render.MOST_BYTES", 100_000 + int(2.5 * one))
    text = Seen(render_page(view)).text
    assert "1 organisation has no section of its own here" in text
    assert "Organisation 145" in text
    assert "Organisation 146" not in text


def test_amounts_on_the_page_add_up() -> None:
    html = render_page(page(organisation(most=True)))
    bridge = html.partition('id="o144-bridge"')[2].partition("</table>")[0].replace(MINUS, "-")
    cells = [re.findall(r"([+-]?[\d,]+\.\d\d)<", row) for row in bridge.split("<tr")]
    columns = zip(*([Decimal(cell.replace(",", "")) for cell in row] for row in cells if row), strict=True)
    for then, *effects, now, change in columns:
        assert len(effects) == 7
        assert then + sum(effects) == now == then + change


def test_days_that_are_not_stored_are_gaps_in_the_curve_and_words_in_its_table() -> None:
    view = organisation()
    whole = replace(view, curve=tuple(replace(view.curve[0], day=DAY - timedelta(days=n)) for n in range(59, -1, -1)))
    gap = '<td class="n">not stored</td>'
    assert gap not in render_page(page(replace(whole, mix=None)))
    assert gap in render_page(page(replace(view, mix=None)))
    checked(page(replace(view, curve=view.curve[:1])))
    checked(page(replace(view, curve=())))


def test_days_whose_usage_was_partly_unknown_are_marked_on_the_curve_and_told_beside_what_changed() -> None:
    view = slim(sims=400)
    text = checked(page(view)).text
    assert "2026-10-10, partly unknown" in text
    assert "usage partly unknown: more than is shown" in text
    assert "On hatched days" in text
    assert view.yesterday is not None
    then = f"On 2026-11-22 the usage of {view.yesterday.unknown_then} of {view.yesterday.sims_then} SIMs was not known"
    assert then in text
    known = tuple(replace(day, priced_sims=day.sims) for day in view.curve)
    text = checked(page(replace(view, curve=known, yesterday=replace(view.yesterday, unknown_then=0)))).text
    assert "partly unknown" not in text
    assert then[:13] + " the usage" not in text


@pytest.mark.parametrize(("priced", "is_marked"), [(95, True), (96, False)])
def test_a_day_is_partly_unknown_from_five_per_cent_of_the_sims(priced: int, is_marked: bool) -> None:
    view = slim(sims=400)
    assert view.cost is not None
    days = tuple(replace(view.curve[-1 - n], sims=200, priced_sims=2 * of) for n, of in enumerate((100, priced)))
    cost = replace(view.cost, sims=100, priced_sims=100)
    assert ("partly unknown" in checked(page(replace(view, cost=cost, curve=days))).text) is is_marked


def test_what_became_known_stands_in_the_tile_of_the_change() -> None:
    view = slim()
    tiles = render_page(page(view)).partition("<dt>Since yesterday</dt>")[2].partition("</div>")[0]
    assert re.search(r"of it \+[\d.]+ became known; since the same day .* \(of it \+[\d.]+ became known\)", tiles)
    changes = [
        replace(of, total=replace(of.total, became_known=Decimal(0))) for of in (view.yesterday, view.last_period) if of
    ]
    text = checked(page(replace(view, yesterday=changes[0], last_period=changes[1]))).text
    assert " became known" not in text


def test_totals_of_organisations_that_are_not_known_are_no_zeros() -> None:
    known = replace(slim(), curve=())
    text = checked(page(underived(), underived(145))).text
    assert "0.00" not in text
    assert "Total24200––––" in text
    assert "nothing to compare with since yesterday" in text
    seen = checked(page(known, underived(145)))
    assert seen.text.count("of 1 of 2 organisations") == 3
    assert seen.text.count("of 1 of 2") == 6  # the total row's three amounts too
    new = replace(known, line=replace(known.line, yesterday=None))
    text = checked(page(new, replace(new, org_id=145, line=replace(new.line, org_id=145)))).text
    assert "nothing to compare with since yesterday" in text
    assert "of 2 organisations" not in text


def test_what_is_not_in_the_amounts_is_told_by_what_it_is_and_missing_days_are_something_else() -> None:
    text = checked(page(slim())).text
    notice = text.partition("Not in the amounts of this page")[2].partition(" never loaded")[0]
    assert "the usage of 4 SIMs that is not known or has no price" in notice
    assert "2 SIMs cost: neither their usage nor their plan fee is in the amounts" in notice
    assert "1 SIM: not wholly known, already over the allowance" in notice
    assert "2 days of the last 30" in notice
    text = checked(page(replace(slim(), lacks=()))).text
    assert "Not in the amounts of this page" not in text
    assert "2 days of the last 30 were never loaded" in text
    assert "the plan fee of 2 SIMs" in checked(page(replace(slim(), lacks=(Lack("no_fee", 2, 2),)))).text


def test_savings_of_longer_periods_are_not_added_to_those_of_a_month() -> None:
    view = slim()
    text = checked(page(view)).text
    assert "1 SIM on another plan; 1 SIM with periods of several months is not in this sum" in text
    assert "in 3 months" in text
    assert "Saves in the running one" in text
    assert view.recommendations is not None
    advice = replace(view.recommendations, longer=2, saving=Decimal(0))
    tile = render_page(page(replace(view, recommendations=advice))).partition("Could be saved per period")[2]
    assert '<dd class="big">–' in tile.partition("</div>")[0]


def test_a_larger_plan_counts_for_the_running_period_and_nothing_stops_pay_as_you_go_either() -> None:
    text = checked(page(slim())).text
    assert "the higher fee stays in the next ones" in text
    assert "Nothing stops the overage of 29 SIMs" in text
    assert "and of 1 more, over its allowance, nobody knows the price" in text
    assert "Nothing stops the usage of 10 SIMs on pay as you go without a limit either" in text
    assert "will very likely cost less" in text


def test_changes_that_wait_for_alerts_are_told_with_the_command() -> None:
    view = slim()
    assert view.recommendations is not None
    advice = replace(view.recommendations, verdicts={"alerts_missing": 3})
    assert "the alerts of this day were never derived" in checked(page(replace(view, recommendations=advice))).text
