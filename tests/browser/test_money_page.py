"""The money report as it is read: a file in Chromium, in the light and in the dark, on a phone, by keyboard, on paper."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from hologram_assets.page.render import render_page
from tests.browser.ui import Ui
from tests.page.fleets import HOSTILE, empty, organisation, page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]
PHONE, DESK = (390, 844), (1200, 1500)
A4 = 703  # pixels between the margins
FOCUSED = """() => { const at = document.activeElement, box = at.getBoundingClientRect();
    const words = at.getAttribute('aria-labelledby') || at.getAttribute('aria-label') || at.textContent;
    return [at.className || at.tagName, words,
            box.left >= 0 && box.width > 0 && box.top < innerHeight && box.bottom > 0]; }"""
REGIONS = """() => [...document.querySelectorAll('.scroll')].filter(each => each.checkVisibility())
    .map(each => each.getAttribute('aria-labelledby') || each.getAttribute('aria-label'))"""
CUT_OFF = """() => [...document.querySelectorAll('svg text')].filter(text => {
    const box = text.getBoundingClientRect(), frame = text.closest('svg').getBoundingClientRect();
    return box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1
        || box.bottom > frame.bottom + 1; }).map(text => text.textContent)"""
HIDDEN = """() => [...document.querySelectorAll('details table')]
    .filter(table => !table.getBoundingClientRect().height).length"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of two organisations, one of them with names that are out for trouble."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render_page(page(organisation(sims=400), organisation(145, names=HOSTILE))), encoding="utf-8")
    return path


def opened(
    browser: Browser, file: Path, size: tuple[int, int] = DESK, scheme: Literal["light", "dark"] = "light"
) -> tuple[Page, list[str], list[str]]:
    """The page without a network, and what it asked for and complained of."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, locale="en-US", offline=True
    )
    tab = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.goto(file.as_uri())
    return tab, asked, said


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE])
def test_the_page_is_whole_without_a_network_and_sound_for_assistive_software(
    browser: Browser, file: Path, size: tuple[int, int], scheme: Literal["light", "dark"]
) -> None:
    tab, asked, said = opened(browser, file, size, scheme)
    assert asked == [file.as_uri()]
    assert not said
    assert tab.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert tab.evaluate("document.querySelectorAll('svg').length") == 8
    assert not tab.evaluate(CUT_OFF)
    tab.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert tab.evaluate("document.documentElement.scrollWidth") <= size[0]
    found = Axe().run(tab)
    assert found.violations_count == 0, found.generate_report()


def test_the_keyboard_reaches_the_skip_link_first_and_then_everything_that_scrolls(
    browser: Browser, file: Path
) -> None:
    tab, _, _ = opened(browser, file, PHONE)
    tab.keyboard.press("Tab")
    kind, words, seen = tab.evaluate(FOCUSED)
    assert (kind, words, seen) == ("skip", "Skip to the numbers", True)
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "content"
    wanted = tab.evaluate(REGIONS)
    assert len(wanted) > 20
    reached: list[str] = []
    while len(reached) < 4 * len(wanted):
        tab.keyboard.press("Tab")
        kind, words, seen = tab.evaluate(FOCUSED)
        if kind == "BODY":
            break
        assert seen, words
        if "scroll" in kind:
            reached.append(words)
    assert reached == wanted


def test_a_fleet_without_a_sim_is_a_page_too(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "empty.html"
    path.write_text(render_page(page(empty())), encoding="utf-8")
    tab, _, said = opened(browser, path)
    found = Axe().run(tab)
    assert (found.violations_count, said) == (0, []), found.generate_report()


def test_on_paper_it_is_light_and_has_the_numbers_of_every_chart(browser: Browser, file: Path) -> None:
    tab, _, _ = opened(browser, file, scheme="dark")
    tab.emulate_media(media="print")
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert tab.evaluate(HIDDEN) == 0
    tab.set_viewport_size({"width": A4, "height": 1000})
    assert tab.evaluate("document.documentElement.scrollWidth") <= A4
    pages = len(re.findall(rb"/Type\s*/Page\b", tab.pdf(prefer_css_page_size=True)))
    assert 8 <= pages <= 40


def test_the_first_screen_shows_what_the_fleet_costs(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "one.html"
    path.write_text(render_page(page(organisation(sims=400))), encoding="utf-8")
    tab, _, _ = opened(browser, path)
    for text in ("Cost to date", "Expected at the periods’ ends", "Since yesterday", "Open alerts"):
        box = tab.get_by_text(text, exact=True).first.bounding_box()
        assert box is not None
        assert box["y"] < 600
    Ui(tab).picture("money-page")
