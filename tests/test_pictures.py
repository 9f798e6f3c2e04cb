"""The pictures as people see them: what is in their pixels and words, for any fleet and with any name from outside."""

from __future__ import annotations

import base64
import io
import random
import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from PIL import Image

from hologram_assets.pictures import canvas
from hologram_assets.pictures.canvas import BLUE, MOST_BYTES, PALE, VERMILLION, is_picture
from hologram_assets.pictures.cost import DayCost, cost_per_day
from hologram_assets.pictures.mix import DayMix, network_and_rat_mix
from hologram_assets.pictures.usage import FleetUsage, usage_against_allowance
from hologram_assets.pictures.words import drawable, escaped, one_line

DAY = date(2026, 11, 23)
NOON = datetime(2026, 11, 23, 12)
# Smooth letters have pale pixels too, but none a panel's height of them.
_TALL = 60
HOSTILE = (
    "$\\frac{$", "a$b$c", "line\nbreak\ttab", "x" * 300, "\0", "a\u202eb", "中国移动", "اتصالات", "ไทย", "🚀📡 net",
    "Z\u0301\u0300\u0301", "<script>alert(1)</script>", "](http://x) ![y](http://z) |", "www.example.com https://a.b", "",
    "  ", "%s {0} %",
)  # fmt: skip


def image(markdown: str) -> Image.Image:
    found = re.search(r"!\[[^\n]*\]\(data:image/png;base64,([^)]*)\)", markdown)
    assert found is not None
    png = base64.b64decode(found[1])
    assert len(png) <= MOST_BYTES
    return Image.open(io.BytesIO(png)).convert("RGB")


def columns_of(picture: Image.Image, colour: str, height: int = 1) -> set[int]:
    """Where from left to right a colour is seen, on so many pixels above one another."""
    wanted = tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))
    pixels = picture.load()
    assert pixels is not None
    counted = ((x, sum(pixels[x, y] == wanted for y in range(picture.height))) for x in range(picture.width))
    return {x for x, count in counted if count >= height}


def fleet(sims: int) -> FleetUsage:
    draw = random.Random(sims)
    found: dict[tuple[int, str], int] = {}
    for _ in range(sims):
        band = draw.randrange(14)
        status = "over" if band > 9 else draw.choice(["ok", "at_risk", "will_exceed"])
        found[band, status] = found.get((band, status), 0) + 1
    return FleetUsage(found, 2, 1, 512.4, NOON)


def cost(overage: object = "1", usage: object = "0.5") -> DayCost:
    amounts = [None if amount is None else Decimal(str(amount)) for amount in (overage, usage)]
    return DayCost(amounts[0], amounts[1], Decimal(60), Decimal(90), 0, NOON)


def costs(**unlike: DayCost | None) -> dict[date, DayCost]:
    """30 days that are alike, but for those given as `ago_N`."""
    days = {DAY - timedelta(n): unlike.get(f"ago_{n}", cost()) for n in range(30)}
    return {day: one for day, one in days.items() if one is not None}


def mixes(networks: Mapping[str | None, int], *missing: int) -> dict[date, DayMix]:
    return {
        DAY - timedelta(n): DayMix({"LTE": sum(networks.values())}, networks, NOON)
        for n in range(28)
        if n not in missing
    }


@pytest.mark.parametrize("sims", [1, 40, 200_000])
def test_a_fleet_of_any_size_is_a_small_picture_with_its_numbers_in_words(sims: int) -> None:
    markdown = usage_against_allowance(144, DAY, fleet(sims))
    assert image(markdown).size == (640, 280)
    over = sum(count for (band, _), count in fleet(sims).sims.items() if band > 9)
    alt, _, caption = markdown.partition("](data:")
    assert f"over {over:,}," in alt
    assert "The highest: 512 %" in alt
    assert "2 SIMs on pay as you go, 1 unknown" in caption


def test_sims_over_their_allowance_are_seen_right_of_it_and_nowhere_without_them() -> None:
    beside = {(3, "ok"): 200_000, (9, "at_risk"): 3}
    seen = columns_of(
        image(usage_against_allowance(144, DAY, FleetUsage({**beside, (12, "over"): 40_000}, 0, 0, 300.0, None))),
        VERMILLION,
    )
    legend, bar = {x for x in seen if x < 400}, {x for x in seen if x >= 400}
    without = columns_of(image(usage_against_allowance(144, DAY, FleetUsage(beside, 0, 0, 99.0, None))), VERMILLION)
    assert without
    assert len(bar) > len(legend)
    assert not {x for x in without if x >= 400}


def test_a_day_without_a_sim_is_words() -> None:
    markdown = usage_against_allowance(144, DAY, FleetUsage({}, 4, 2, None, None))
    assert not is_picture(markdown)
    assert "4 SIMs on pay as you go, 2 unknown" in markdown


def test_a_day_that_nobody_knows_is_grey_and_counted_never_zero() -> None:
    whole = cost_per_day(144, DAY, costs())
    assert not columns_of(image(whole), PALE, _TALL)
    assert "grey" not in whole
    gap = cost_per_day(144, DAY, costs(ago_10=None, ago_9=cost(None, None)))
    # The day that lacks, and the one after it, whose costs have nothing to be compared with.
    beside = cost_per_day(144, DAY, costs(ago_9=cost(None, None)))
    one, two = (columns_of(image(markdown), PALE, _TALL) for markdown in (beside, gap))
    assert one
    assert len(two) > 1.5 * len(one)
    assert "2 days (grey) can't be told" in gap
    assert "42.00 USD added on 28 days" in gap


def test_a_day_on_which_a_correction_took_costs_back_is_drawn_below_zero() -> None:
    markdown = cost_per_day(144, DAY, costs(ago_5=cost(-8, 0)))
    assert "35.50 USD added on 30 days" in markdown
    assert columns_of(image(markdown), VERMILLION) != columns_of(
        image(cost_per_day(144, DAY, costs(ago_5=cost(0, 0)))), VERMILLION
    )


def test_costs_of_any_size_fit_their_picture() -> None:
    for size in ("0.000001", "1", "123456789"):
        markdown = cost_per_day(
            144,
            DAY,
            {
                day: DayCost(Decimal(size), Decimal(0), Decimal(size) * 9, Decimal(size) * 20, 3, NOON)
                for day in costs()
            },
        )
        picture = image(markdown)
        # Nothing is cut off at the right edge or the left one.
        edges = [picture.getpixel((x, y)) for x in (0, 639) for y in range(280)]
        assert set(edges) == {(255, 255, 255)}
        assert "3 SIMs whose cost of 2026-11-23 is not known are left out" in markdown


def test_nothing_that_costs_and_a_single_day_are_words() -> None:
    free = DayCost(Decimal(0), Decimal(0), Decimal(0), Decimal(0), 0, NOON)
    assert cost_per_day(144, DAY, dict.fromkeys(costs(), free)).startswith(
        "Nothing cost anything on the 30 stored days"
    )
    assert not is_picture(cost_per_day(144, DAY, {DAY: cost(None, None)}))


def test_five_networks_are_named_with_their_shares_and_the_rest_is_one() -> None:
    networks = {"A": 50, "B": 20, "C": 10, "D": 8, "E": 6, "F": 4, None: 2}
    markdown = network_and_rat_mix(144, DAY, mixes(networks))
    assert "Networks: 1 A 50.0 %, 2 B 20.0 %, 3 C 10.0 %, 4 D 8.0 %, 5 E 6.0 %, 2 others 6.0 %." in markdown
    assert "RATs: 1 LTE 100.0 %." in markdown
    assert not columns_of(image(markdown), PALE, _TALL)


def test_a_day_that_is_not_stored_is_grey_and_one_without_sessions_is_white() -> None:
    quiet = mixes({"A": 5}) | {DAY - timedelta(3): DayMix({}, {}, NOON)}
    drawn, missing = (
        image(network_and_rat_mix(144, DAY, quiet)),
        image(network_and_rat_mix(144, DAY, mixes({"A": 5}, 3))),
    )
    gap = columns_of(missing, PALE, _TALL)
    assert gap
    assert not columns_of(drawn, PALE, _TALL)
    assert not gap & columns_of(drawn, BLUE)
    assert not is_picture(network_and_rat_mix(144, DAY, {DAY: DayMix({}, {}, NOON)}))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_from_outside_is_drawn_or_named_below_and_is_never_markup(name: str) -> None:
    markdown = network_and_rat_mix(144, DAY, mixes({name: 3, "fine": 2}))  # a glyph that lacks would warn, and so fail
    image(markdown)
    words = re.sub(r"\(data:[^)]*\)", "", markdown)
    # What is left of markup once escaped signs are gone: the picture's own brackets.
    bare = re.sub(r"\\.", "", words)
    assert (bare.count("["), bare.count("]"), bare.count("<"), bare.count("|")) == (1, 1, 0, 0)
    assert not re.search(r"www\.|://", bare)
    assert len(words.split("\n\n")) == 4
    assert "\0" not in words
    assert "\u202e" not in words


def test_only_what_the_font_draws_as_it_is_read_is_put_into_a_picture() -> None:
    assert all(
        map(drawable, ("Verizon Wireless", "Telefónica", "\u041c\u0422\u0421", "Ελλάς", "T-Mobile $\\frac{", "A…"))
    )
    assert not any(map(drawable, ("中国移动", "اتصالات", "ไทย", "🚀", "e\u0301", "a\u202eb", "\n")))


def test_a_name_is_one_line_of_printable_characters() -> None:
    assert one_line("  a\n b\tc ") == "a b c"
    assert one_line("x" * 50) == "x" * 39 + "…"
    assert one_line("a\u202eb\0") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"
    assert escaped("[a](b) <c>") == r"\[a\]\(b\) \<c\>"


def test_a_picture_that_is_too_large_is_left_out_and_its_numbers_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canvas, "MOST_BYTES", 1_000)
    markdown = usage_against_allowance(144, DAY, fleet(40))
    assert not is_picture(markdown)
    assert re.match(
        r"The picture is left out: it has [\d,]+ bytes, more than 1,000\. Usage against allowance", markdown
    )


def test_the_code_location_loads_without_matplotlib() -> None:
    code = "import sys, hologram_assets.build, hologram_assets.pictures.mix; print('matplotlib' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
        == "False"
    )
