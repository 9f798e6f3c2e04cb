"""The forecast is the formula of rules.md, with its factor, its pooling and its quiet first days."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hologram_assets.domain.forecast import (
    Forecast,
    ForecastRules,
    Rhythm,
    forecast,
    ordinary_days,
    outlook,
    pooled,
    rhythm,
)

MB = 1_000_000
ALLOWANCE = 100 * MB
NOON = datetime(2026, 11, 11, 12)
STEADY = Rhythm(28, 2 * MB, 0)
BURSTY = Rhythm(28, 2 * MB, 3 * MB)
sizes = st.integers(0, 10**13)


def ahead(remaining: float, usage: int = 50 * MB, rhythm: Rhythm = BURSTY, allowance: int = ALLOWANCE) -> Forecast:
    return forecast(usage, allowance, NOON, NOON + timedelta(days=remaining), rhythm)


def test_expected_is_usage_plus_the_remaining_days_at_the_mean() -> None:
    assert ahead(10).expected == 70 * MB


def test_days_count_with_their_fractions() -> None:
    assert ahead(2.25).expected == 54_500_000


@pytest.mark.parametrize("remaining", [0.5, 1, 10, 28, 29.75])
def test_the_bound_adds_1_2816_spreads_of_the_sum_and_of_the_mean(remaining: float) -> None:
    spread = 3 * MB * math.sqrt(remaining * (1 + remaining / 28))
    assert ahead(remaining).bound == round(50 * MB + remaining * 2 * MB + 1.2816 * spread)


def test_the_bound_in_numbers() -> None:
    # 28 days left: sqrt(28 * 2) = 7.4833; 1.2816 * 3 MB * 7.4833 = 28.771849 MB.
    assert ahead(28).bound == 50 * MB + 56 * MB + 28_771_849


def test_a_steady_sim_has_no_spread() -> None:
    assert ahead(10, rhythm=STEADY).bound == ahead(10, rhythm=STEADY).expected


@pytest.mark.parametrize("remaining", [0, -1])
def test_at_or_after_the_end_of_the_period_usage_is_what_it_is(remaining: float) -> None:
    assert ahead(remaining) == Forecast(50 * MB, 50 * MB, None)


@given(sizes, sizes, st.floats(0, 400), st.floats(0, 1e12), st.floats(0, 1e12))
def test_the_bound_is_never_below_expected_nor_expected_below_usage(
    usage: int, allowance: int, remaining: float, mean: float, deviation: float
) -> None:
    end = NOON + timedelta(days=remaining)
    found = forecast(usage, allowance, NOON, end, Rhythm(28, mean, deviation))
    assert usage <= found.expected <= found.bound
    if found.exhausted_at is not None:
        assert NOON <= found.exhausted_at <= end + timedelta(seconds=1)


# --- when the allowance is used up


def test_the_allowance_is_exhausted_when_the_expected_line_reaches_it() -> None:
    assert ahead(30, usage=95 * MB).exhausted_at == NOON + timedelta(days=2.5)


def test_reaching_it_exactly_at_the_end_is_reaching_it() -> None:
    assert ahead(25).exhausted_at == NOON + timedelta(days=25)
    assert ahead(24.9).exhausted_at is None


def test_an_allowance_that_is_used_to_the_last_byte_is_exhausted_now() -> None:
    assert ahead(10, usage=ALLOWANCE).exhausted_at == NOON
    assert ahead(10, usage=ALLOWANCE, rhythm=Rhythm(28, 0, 0)).exhausted_at == NOON


def test_when_it_was_passed_in_the_past_is_no_forecast() -> None:
    assert ahead(10, usage=ALLOWANCE + 1).exhausted_at is None


def test_a_silent_sim_and_pay_as_you_go_exhaust_nothing() -> None:
    assert ahead(10, rhythm=Rhythm(28, 0, 0)).exhausted_at is None
    assert ahead(10, usage=0, allowance=0).exhausted_at is None


# --- the rhythm of days


def test_a_rhythm_is_mean_deviation_and_bursts_of_the_days() -> None:
    # Mean 2, variance (3 * 4 + 36) / 4 = 12, third moment (3 * -8 + 216) / 4 = 48.
    assert rhythm([0, 0, 0, 8]) == Rhythm(4, 2.0, math.sqrt(12), 4.0)
    assert rhythm([5]) == Rhythm(1, 5.0, 0.0, 0.0)
    assert rhythm([]) == Rhythm(0, 0.0, 0.0, 0.0)
    assert rhythm([0, 8, 8, 8]).burst == -4.0


def test_of_rare_equal_bursts_it_knows_the_size() -> None:
    assert rhythm([MB] * 27 + [101 * MB]).burst == pytest.approx(100 * MB * (1 - 2 / 28))


def test_days_of_a_petabyte_are_exact() -> None:
    assert rhythm([10**15 + 1] * 28) == Rhythm(28, 10**15 + 1, 0.0, 0.0)


def test_the_bound_adds_1_2816_bursts_for_every_28_days_to_come() -> None:
    bursty = BURSTY._replace(burst=5 * MB)
    assert ahead(14, rhythm=bursty).bound - ahead(14).bound == round(1.2816 * 5 * MB / 2)
    assert ahead(14, rhythm=bursty).expected == ahead(14).expected


def test_low_days_are_no_bursts() -> None:
    assert ahead(14, rhythm=BURSTY._replace(burst=-5 * MB)) == ahead(14)


def test_of_no_day_nothing_is_foreseen() -> None:
    with pytest.raises(ValueError, match="no complete day"):
        ahead(14, rhythm=Rhythm(0, 0.0, 0.0))


def test_midnight_is_the_end_of_the_day_before_it() -> None:
    assert ahead(30, usage=95 * MB).exhausted_on == date(2026, 11, 13)
    assert ahead(30, usage=95 * MB, rhythm=Rhythm(28, 2_000_001, 0)).exhausted_on == date(2026, 11, 13)
    assert ahead(30, usage=95 * MB, rhythm=Rhythm(28, 1_999_999, 0)).exhausted_on == date(2026, 11, 14)
    assert ahead(10).exhausted_on is None


# --- a day like no other


@pytest.mark.parametrize(
    ("largest", "left_out"),
    [
        (10 * MB, False),  # 2.5 times the second largest, 10 of 66 MB: a busy day
        (10 * MB + 1, True),
        (14 * MB - 1, True),
        (14 * MB, False),  # a fifth of 70 MB: the way the SIM works
        (500 * MB, False),
    ],
)
def test_a_day_far_above_all_others_is_no_rhythm_unless_it_has_a_fifth_of_all(largest: int, left_out: bool) -> None:
    others = [4 * MB] + [2 * MB] * 26
    for place in (0, 5, 27):
        found = ordinary_days([*others[:place], largest, *others[place:]])
        assert found == (others if left_out else [*others[:place], largest, *others[place:]])


def test_two_large_days_are_a_rhythm() -> None:
    days = [2 * MB] * 26 + [11 * MB] * 2
    assert ordinary_days(days) == days


@pytest.mark.parametrize("days", [[], [0], [8], [0] * 28, [0] * 27 + [8], [1, 8], [2] * 10 + [5]])
def test_where_the_other_days_say_little_all_of_them_count(days: list[int]) -> None:
    assert ordinary_days(days) == days


@given(st.lists(st.integers(0, 3) | sizes, max_size=40), st.floats(1, 1000) | st.just(1), st.floats(0, 1) | st.just(1))
def test_at_most_the_one_largest_day_is_left_out_and_never_the_last(
    days: list[int], times: float, share: float
) -> None:
    found = ordinary_days(days, ForecastRules(one_off_times=times, one_off_share=share))
    if found == days:
        return
    assert len(found) == len(days) - 1 > 0
    (missing,) = [size for size in days if size not in found]
    assert missing > times * max(found)
    assert missing < share * sum(days)


def test_the_share_0_leaves_no_day_out() -> None:
    days = [2 * MB] * 27 + [11 * MB]
    assert ordinary_days(days) == days[:27]
    assert ordinary_days(days, ForecastRules(one_off_share=0)) == days


# --- pooling


def test_fourteen_days_speak_for_themselves() -> None:
    own = Rhythm(14, 5.0, 1.0)
    assert pooled(own, Rhythm(500, 100.0, 50.0)) == own


def test_without_a_day_the_plans_rhythm_stands_in() -> None:
    assert pooled(Rhythm(0, 0.0, 0.0), Rhythm(500, 100.0, 50.0, 7.0))[1:] == (100.0, 50.0, 7.0)


def test_seven_days_are_mixed_half_and_half() -> None:
    # Means 10 and 30: 20. Variance: half of 4 + 10**2 and half of 16 + 10**2 = 110. Third moment: half of
    # -3*10*4 - 10**3 and half of 3*10*16 + 10**3 = 180.
    assert pooled(Rhythm(7, 10.0, 2.0), Rhythm(500, 30.0, 4.0)) == Rhythm(14, 20.0, math.sqrt(110), 180 / 110)


@given(st.lists(sizes, min_size=1, max_size=13), st.lists(sizes, min_size=1, max_size=40))
def test_pooling_is_mixing_the_days(own: list[int], plans: list[int]) -> None:
    """The SIM's n days are n of 14, whatever number of days the plan's 14 - n are drawn from."""
    lacking = 14 - len(own)
    mixed = rhythm(own * len(plans) + plans * lacking)
    found = pooled(rhythm(own), rhythm(plans))
    assert found.days == 14
    for one, other in zip(found[1:], mixed[1:], strict=True):
        assert one == pytest.approx(other, rel=1e-6, abs=1e-6 * max(own + plans) + 1e-9)


def test_thirteen_days_are_still_pooled_a_little() -> None:
    found = pooled(Rhythm(13, 14.0, 0.0), Rhythm(500, 0.0, 0.0))
    assert found.mean == pytest.approx(13.0)


def test_a_plan_that_nobody_has_used_yet_does_not_halve_the_mean() -> None:
    own = Rhythm(7, 10.0, 2.0)
    assert pooled(own, Rhythm(0, 0.0, 0.0)) == own


# --- what the report says


def seen(expected: int, bound: int, *, usage: int = 50 * MB, elapsed: float = 10) -> str:
    return outlook(usage, ALLOWANCE, elapsed, Forecast(expected, bound, None))


@pytest.mark.parametrize(
    ("expected", "bound", "status"),
    [
        (ALLOWANCE, ALLOWANCE, "ok"),
        (ALLOWANCE, ALLOWANCE + 1, "at_risk"),
        (ALLOWANCE + 1, ALLOWANCE + 1, "will_exceed"),
        (ALLOWANCE + 1, 2 * ALLOWANCE, "will_exceed"),
    ],
)
def test_expected_over_will_exceed_and_only_the_bound_over_is_at_risk(expected: int, bound: int, status: str) -> None:
    assert seen(expected, bound) == status


def test_over_is_more_than_the_allowance() -> None:
    assert seen(ALLOWANCE, ALLOWANCE, usage=ALLOWANCE) == "ok"
    assert seen(ALLOWANCE + 1, ALLOWANCE + 1, usage=ALLOWANCE + 1, elapsed=0.1) == "over"


@pytest.mark.parametrize(
    ("elapsed", "usage", "expected", "bound", "status"),
    [
        (2.99, 80 * MB - 1, 2 * ALLOWANCE, 2 * ALLOWANCE, "ok"),
        (2.99, 80 * MB - 1, ALLOWANCE, 2 * ALLOWANCE, "ok"),
        (2.99, 80 * MB, 2 * ALLOWANCE, 2 * ALLOWANCE, "will_exceed"),
        (0.01, 80 * MB, ALLOWANCE, 2 * ALLOWANCE, "at_risk"),
        (3.0, 0, 2 * ALLOWANCE, 2 * ALLOWANCE, "will_exceed"),
        (3.0, 0, ALLOWANCE, 2 * ALLOWANCE, "at_risk"),
    ],
)
def test_the_first_three_days_are_quiet_unless_four_fifths_are_used(
    elapsed: float, usage: int, expected: int, bound: int, status: str
) -> None:
    assert seen(expected, bound, usage=usage, elapsed=elapsed) == status


@pytest.mark.parametrize(
    "wrong",
    [
        {"history_days": 1},
        {"own_days": 0},
        {"own_days": 29},
        {"quiet_days": -1},
        {"loud_share": 1.1},
        {"one_off_times": 0.9},
        {"one_off_times": 1001},
        {"one_off_share": -0.1},
        {"one_off_share": 1.1},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="forecast"):
        ForecastRules(**wrong)  # type: ignore[arg-type]
