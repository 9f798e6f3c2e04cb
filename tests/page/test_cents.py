"""What is shown adds up, to the cent and as shown, whatever the amounts."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hologram_assets.page.amounts import change_table, cost_row, effects_row
from hologram_assets.page.cents import shared_cents, to_cents, written
from hologram_assets.page.view import Change, Cost, Effects
from tests.page.fleets import DAY

# As stored: six places, of either sign.
AMOUNTS = st.integers(-(10**12), 10**12).map(lambda micro: Decimal(micro) / 1_000_000)
EFFECTS = st.builds(Effects, st.just("plan"), *[AMOUNTS] * 8)


@given(AMOUNTS, st.lists(AMOUNTS, min_size=1, max_size=9))
def test_parts_of_a_difference_add_up_and_none_moves_by_a_cent(before: Decimal, parts: list[Decimal]) -> None:
    total = to_cents(before + sum(parts)) - to_cents(before)
    shown = shared_cents(total, parts)
    assert sum(shown) == total
    for part, cents in zip(parts, shown, strict=True):
        assert abs(part * 100 - cents) < 1  # so what is nothing stays nothing


@given(st.lists(AMOUNTS, min_size=1, max_size=9))
def test_parts_in_whole_cents_stay_as_they_are(parts: list[Decimal]) -> None:
    whole = [Decimal(to_cents(part)) / 100 for part in parts]
    assert shared_cents(to_cents(sum(whole, Decimal(0))), whole) == [to_cents(part) for part in whole]


def test_parts_of_something_else_are_refused() -> None:
    with pytest.raises(ValueError, match="don't add up to 500 cents"):
        shared_cents(500, [Decimal(1), Decimal(2)])


@given(EFFECTS)
def test_a_bridge_leads_from_the_shown_cost_before_to_the_shown_cost_after(effects: Effects) -> None:
    before, *shown, after = effects_row(effects).cents
    assert (before, after) == (to_cents(effects.before), to_cents(effects.after))
    assert before + sum(shown) == after


@given(st.builds(Cost, st.just("plan"), *[st.just(1)] * 4, *[AMOUNTS.map(abs)] * 6, *[st.just(0)] * 2))
def test_a_plans_parts_add_up_to_its_costs(cost: Cost) -> None:
    recurring, usage, overage, to_date, usage_ahead, overage_ahead, expected, _ = cost_row(cost).cents
    assert recurring + usage + overage == to_date == to_cents(cost.to_date)
    assert recurring + usage_ahead + overage_ahead == expected == to_cents(cost.expected)


@given(st.lists(EFFECTS, min_size=1, max_size=6))
def test_what_a_column_lacks_to_its_total_stands_in_a_row_that_adds_up_too(plans: list[Effects]) -> None:
    each = [(plan.before, *plan.parts) for plan in plans]
    total = Effects(None, *(sum(column, Decimal(0)) for column in zip(*each, strict=True)))
    sums = change_table(Change(DAY, 9, 0, total, tuple(plans), None))
    rows = [*sums.rows, *([sums.rounding] if sums.rounding else [])]
    assert [sum(column) for column in zip(*(row.cents for row in rows), strict=True)] == list(sums.total.cents)
    for row in (*rows, sums.total):
        before, *shown, after = row.cents
        assert before + sum(shown) == after


@pytest.mark.parametrize(
    ("cents", "signed", "text"),
    [(0, True, "0.00"), (5, True, "+0.05"), (-5, False, "\N{MINUS SIGN}0.05"), (123456789, False, "1,234,567.89")],
)
def test_an_amount_is_written_with_two_places(cents: int, signed: bool, text: str) -> None:
    assert written(cents, signed=signed) == text
