"""What usage costs: the table of rules.md, and what holds for any usage, allowance and rate."""

from __future__ import annotations

import doctest
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hologram_assets.domain import pricing
from hologram_assets.domain.pricing import Charge, PricingRules, billable_bytes, charge, cost

ZERO = Decimal("0.000000")
usages = st.integers(0, 2**63 - 1)
allowances = st.integers(0, 10**13)
rates = st.decimals(0, 1000, places=6, allow_nan=False, allow_infinity=False)
long_rates = st.decimals(0, 10**9, places=9, allow_nan=False, allow_infinity=False)
rule_sets = st.builds(PricingRules, st.sampled_from([1, 1000, 1024, 10**6]), st.sampled_from([10**6, 2**20, 999_983]))


@pytest.mark.parametrize(
    ("usage", "allowance", "rate", "expected"),
    [
        (12_000_001, 10_000_000, "0.210000", Charge(2_000_001, 2_001_000, Decimal("0.420210"), ZERO)),
        (10_000_000, 10_000_000, "0.210000", Charge(0, 0, ZERO, ZERO)),
        (5_000_000, 0, "0.030000", Charge(0, 5_000_000, ZERO, Decimal("0.150000"))),
        # Equal is not over; one byte more is a whole kilobyte.
        (10_000_001, 10_000_000, "0.210000", Charge(1, 1_000, Decimal("0.000210"), ZERO)),
        (10_001_000, 10_000_000, "0.210000", Charge(1_000, 1_000, Decimal("0.000210"), ZERO)),
        (10_001_001, 10_000_000, "0.210000", Charge(1_001, 2_000, Decimal("0.000420"), ZERO)),
        (0, 10_000_000, "0.210000", Charge(0, 0, ZERO, ZERO)),
        (0, 0, "0.030000", Charge(0, 0, ZERO, ZERO)),
        (1, 0, "0.030000", Charge(0, 1_000, ZERO, Decimal("0.000030"))),
        # Beyond 32 bits, and the documented SIM with 3.86 GB.
        (3_856_700_367, 0, "0.030000", Charge(0, 3_856_701_000, ZERO, Decimal("115.701030"))),
        (9_000_000_000, 5_000_000_000, "0.008000", Charge(4_000_000_000, 4_000_000_000, Decimal("32.000000"), ZERO)),
    ],
)
def test_the_table_of_the_rules(usage: int, allowance: int, rate: str, expected: Charge) -> None:
    found = charge(usage, allowance, Decimal(rate))
    assert found == expected
    assert all(amount.as_tuple().exponent == -6 for amount in (found.overage_cost, found.usage_charge))


@pytest.mark.parametrize(
    ("billable", "rate", "expected"),
    [
        # Half a millionth goes up, once; less goes down.
        (1_000, "0.0005", "0.000001"),
        (1_000, "0.000499", "0.000000"),
        (1_000, "0.0015", "0.000002"),
        (1_000, "0.0025", "0.000003"),
        (3_000, "0.000166", "0.000000"),
        # Rounding to seven places first would make 0.0000005 of it, and then 0.000001.
        (1_000, "0.00049999", "0.000000"),
    ],
)
def test_a_cost_is_rounded_once_and_half_up(billable: int, rate: str, expected: str) -> None:
    assert str(cost(billable, Decimal(rate))) == expected


def test_a_product_of_more_than_28_digits_is_rounded_once_too() -> None:
    # Exactly 123456789012345.000000499999996; in 28 digits it ends with 0.0000005, and half goes up.
    billable = 123_456_789_012_345 * 10**15 + 499_999_996
    assert str(cost(billable, Decimal("0.000000001"))) == "123456789012345.000000"


@given(usages, rates | long_rates, rule_sets)
def test_a_cost_is_the_exact_fraction_rounded_half_up_to_six_places(
    billable: int, rate: Decimal, rules: PricingRules
) -> None:
    exact = Fraction(billable) * Fraction(rate) / rules.mb_bytes
    millionths = (exact * 10**6 + Fraction(1, 2)).__floor__()
    assert Fraction(cost(billable, rate, rules)) == Fraction(millionths, 10**6)


@given(usages, allowances, rates)
def test_no_charge_is_below_the_exact_cost_or_more_than_a_kilobyte_above_it(
    usage: int, allowance: int, rate: Decimal
) -> None:
    found = charge(usage, allowance, rate)
    amount = found.overage_cost + found.usage_charge
    exact = Fraction(max(0, usage - allowance)) * Fraction(rate) / 10**6
    half_a_millionth = Fraction(1, 2 * 10**6)
    assert Fraction(amount) >= exact - half_a_millionth
    assert Fraction(amount) <= exact + Fraction(rate) / 1000 + half_a_millionth
    # On the cent of a millionth: where rates have no more places than a kilobyte's price, nothing is ever below.
    if rate == rate.quantize(Decimal("0.001")):
        assert Fraction(amount) >= exact


@given(usages, usages, allowances, rates, rule_sets)
def test_more_usage_never_costs_less(one: int, other: int, allowance: int, rate: Decimal, rules: PricingRules) -> None:
    less, more = (charge(usage, allowance, rate, rules) for usage in sorted((one, other)))
    assert less.overage_bytes <= more.overage_bytes
    assert less.billable_bytes <= more.billable_bytes
    assert less.overage_cost <= more.overage_cost
    assert less.usage_charge <= more.usage_charge


@given(usages, allowances, allowances, rates)
def test_a_larger_allowance_never_costs_more(usage: int, one: int, other: int, rate: Decimal) -> None:
    assume(one > 0 < other)
    small, large = (charge(usage, allowance, rate) for allowance in sorted((one, other)))
    assert large.overage_cost <= small.overage_cost


@given(usages, allowances, rates)
def test_overage_and_usage_charge_never_come_together(usage: int, allowance: int, rate: Decimal) -> None:
    found = charge(usage, allowance, rate)
    if allowance:
        assert found.usage_charge == 0
        assert found.overage_bytes == max(0, usage - allowance)
    else:
        assert found.overage_cost == found.overage_bytes == 0
    assert (found.billable_bytes == 0) == (usage <= allowance)


@given(usages, rule_sets)
def test_billable_bytes_are_whole_increments_and_less_than_one_too_many(over: int, rules: PricingRules) -> None:
    billable = billable_bytes(over, rules)
    assert billable % rules.increment_bytes == 0
    assert 0 <= billable - over < rules.increment_bytes


@pytest.mark.parametrize("broken", [0, -1, 1.5, "1000", True, None])
@pytest.mark.parametrize("name", ["increment_bytes", "mb_bytes"])
def test_rules_that_make_no_sense_are_refused_by_name(name: str, broken: Any) -> None:
    with pytest.raises(ValueError, match=rf"pricing\.{name}"):
        PricingRules(**{name: broken})


def test_the_example_in_the_docstring_is_true() -> None:
    assert doctest.testmod(pricing).failed == 0
    assert doctest.testmod(pricing).attempted == 1
