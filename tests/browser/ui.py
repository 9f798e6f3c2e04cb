"""Dagster's UI as a person uses it: by what can be read, clicked and typed."""

from __future__ import annotations

import io
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from hologram_assets.partitions import DayRange
from tests.browser.dagster_dev import ROOT

_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
# Chromium has no sandbox as root, where CI runs, and a container's shared memory is small. The rest keeps it from the
# internet and the graphics card.
_OPTIONS = (
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # With or without the internet the UI is the same: only this machine has an address.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
_VIEWPORT = (1440, 900)
_WAIT_SECONDS = 30
# The daemon looks at backfills every 30 seconds; a run starts Python anew.
_BACKFILL_SECONDS = 240
KEPT_PICTURES = "data/screenshots"


def chromium() -> str:
    """Where Chromium is: `CHROMIUM`, or what the system calls it."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _CHROMIUM)), None)
    assert found, "Chromium is not installed: `make browser` installs it, or set CHROMIUM to its path"
    return found


@contextmanager
def chromium_browser() -> Iterator[Browser]:
    """A browser without a tab. One for all tests of a process: Playwright doesn't start twice in one."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), headless=True, args=list(_OPTIONS))
        yield browser
        browser.close()


@contextmanager
def tab_on(browser: Browser, url: str) -> Iterator[Ui]:
    """A tab; at its end nothing must have gone wrong in the UI's own code."""
    context = browser.new_context(
        base_url=url,
        viewport={"width": _VIEWPORT[0], "height": _VIEWPORT[1]},
        locale="en-US",
        timezone_id="UTC",
    )
    context.set_default_timeout(_WAIT_SECONDS * 1000)
    context.set_default_navigation_timeout(_WAIT_SECONDS * 1000)
    try:
        yield Ui(context.new_page())
    finally:
        context.close()


class Ui:
    """One tab of the browser."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)

    def sees(self, text: str | re.Pattern[str], *, seconds: float = _WAIT_SECONDS) -> Locator:
        """The first place where a text stands, waiting for it; exactly that text, unless it is a pattern."""
        place = self.page.get_by_text(text, exact=True).filter(visible=True).first
        expect(place).to_be_visible(timeout=seconds * 1000)
        return place

    def picture(self, name: str, folder: str | None = None) -> None:
        """Take a picture of the tab: small, and in the same size every time. To `SCREENSHOTS` unless said otherwise."""
        path = ROOT / (folder or os.environ.get("SCREENSHOTS") or KEPT_PICTURES) / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.mouse.move(0, 0)
        self.page.wait_for_timeout(500)  # what moves comes to rest
        with Image.open(io.BytesIO(self.page.screenshot(animations="disabled"))) as shot:
            few_colours = shot.convert("RGB").quantize(method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
            few_colours.save(path, optimize=True)

    # --- the asset graph ------------------------------------------------------------------------------------------

    def open_graph(self) -> None:
        """The global lineage with all groups unfolded."""
        self.page.goto("/asset-groups")
        expect(self.page.get_by_role("button", name="Materialize all")).to_be_enabled()
        canvas = self.page.locator("svg").filter(has=self.page.locator("foreignObject")).first
        expect(canvas).to_be_visible()
        self.page.mouse.click(_VIEWPORT[0] / 2, _VIEWPORT[1] - 100, button="right")
        # The browser remembers what was unfolded.
        self.page.get_by_role("menuitem", name=re.compile("Expand all groups|Collapse all groups")).wait_for()
        if self.page.get_by_role("menuitem", name="Expand all groups").is_visible():
            self.page.get_by_role("menuitem", name="Expand all groups").click()
        else:
            self.page.keyboard.press("Escape")

    # --- launching ------------------------------------------------------------------------------------------------

    def choose(self, days: DayRange, orgs: Sequence[int]) -> Locator:
        """Press the page's Materialize button and fill in the dialog; returns the dialog."""
        self.page.get_by_role("button", name=re.compile("Materialize")).first.click()
        dialog = self.page.get_by_role("dialog").filter(has_text="Partition selection")
        day = dialog.get_by_placeholder("ex: ")
        day.fill(f"[{days.first}...{days.last}]")
        day.press("Enter")
        dialog.get_by_text("Select a partition or create one").click()
        for org in orgs:
            self.page.get_by_role("menuitem", name=str(org)).click()
        self.page.keyboard.press("Escape")
        count = len(days.days) * len(orgs)
        expect(dialog).to_contain_text(f"{count} partition{'s' if count > 1 else ''}")
        return dialog

    def launch(self, dialog: Locator) -> str:
        """Launch what the dialog says and go to its page by the message that appears; returns the page's path."""
        dialog.get_by_role("button", name=re.compile("^Launch")).click()
        self.sees(re.compile("^(Created backfill|Launched run)"))
        self.page.get_by_text("View", exact=True).last.click()
        self.page.wait_for_url(re.compile("/runs/"))
        return self.page.url

    # --- a backfill's page ----------------------------------------------------------------------------------------

    def backfill_status(self) -> Locator:
        """The status on the page of a backfill."""
        return self.page.get_by_text("Status", exact=True).first.locator("xpath=following-sibling::div[1]")

    def backfill_ends(self, status: str) -> None:
        """Wait for the end of the backfill whose page is open; it must be this one."""
        expect(self.backfill_status()).not_to_have_text(
            re.compile("In progress|Cancell?ing|Requested|^$"), timeout=_BACKFILL_SECONDS * 1000
        )
        expect(self.backfill_status()).to_have_text(status)

    # --- an asset's page ------------------------------------------------------------------------------------------

    def open_partitions(self, asset: str, days: DayRange) -> None:
        """The partitions of an asset, those of the days only."""
        self.page.goto(f"/assets/{asset}?view=partitions")
        box = self.page.get_by_role("textbox").first
        expect(box).to_have_value(re.compile(r"\.\.\."))
        box.fill(f"[{days.first}...{days.last}]")
        box.press("Enter")

    def partitions_are(self, **counts: int) -> None:
        """How many partitions of the open page are `failed`, `materialized`, `missing`."""
        for state, count in counts.items():
            self.sees(f"{state.capitalize()} ({count})")

    def metadata(self, name: str) -> Locator:
        """The value of a metadata entry of the partition that is chosen on the open page."""
        return self.page.locator(f"xpath=//tr[td[1][normalize-space()='{name}']]/td[2]")

    # --- automation -----------------------------------------------------------------------------------------------

    def switch_of(self, automation: str) -> Locator:
        """The switch in the row of a sensor or schedule; the row's other box selects it. What is seen is its label."""
        link = f"//a[.//span[text()='{automation}']]"
        return self.page.locator(
            f"xpath={link}/ancestor::div[count(.//input[@type='checkbox'])=2][1]//input[@type='checkbox']"
        ).last
