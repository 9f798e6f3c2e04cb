"""The rules file: common values, an organisation's own over them, and every mistake found with its place."""

from __future__ import annotations

from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

import pytest

from hologram_assets.domain.forecast import ForecastRules
from hologram_assets.domain.network_rules import NetworkRules
from hologram_assets.domain.overage_rules import OverageRules
from hologram_assets.domain.pricing import PricingRules
from hologram_assets.domain.rules_file import Rules, RulesFile, read_rules


def test_the_defaults_of_the_overage_rules_are_those_of_the_rules() -> None:
    assert {field.name: field.default for field in fields(OverageRules)} == {
        "steps": (50, 80, 100, 120, 200, 500, 1000),
        "warn_step": 80,
        "critical_step": 100,
        "will_exceed_usd": Decimal(1),
        "relieved_share": Decimal("0.9"),
        "relieved_days": 2,
        "payg_usd": Decimal(5),
        "payg_times_median": Decimal(3),
        "payg_critical_usd": Decimal(25),
    }


def test_the_defaults_of_the_forecast_are_those_of_the_rules() -> None:
    assert {field.name: field.default for field in fields(ForecastRules)} == {
        "history_days": 28,
        "own_days": 14,
        "quiet_days": 3.0,
        "loud_share": 0.8,
        "one_off_times": 2.5,
        "one_off_share": 0.2,
    }


@pytest.mark.parametrize("kind", [ForecastRules, OverageRules])
@pytest.mark.parametrize(
    "nonsense", [-1, "3", None, True, float("nan"), Decimal("NaN"), Decimal(-1), 1e9, Decimal("1e12"), []]
)
def test_nonsense_is_refused_with_the_name_of_the_value(kind: type[Any], nonsense: Any) -> None:
    part = kind.__name__.removesuffix("Rules").lower()
    for field in fields(kind):
        with pytest.raises(ValueError, match=rf"^{part}\.{field.name} must be .*, not "):
            kind(**{field.name: nonsense})


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": (50.5,)},
        {"steps": (50, True)},
        {"steps": (50, 50)},
        {"steps": [50, 80]},
        {"steps": (50, 1_000_001)},
        {"warn_step": 101},
        {"critical_step": 79},
        {"will_exceed_usd": 1},
        {"will_exceed_usd": Decimal(0)},
        {"relieved_share": Decimal("1.01")},
        {"relieved_share": Decimal(0)},
        {"relieved_days": 2.0},
        {"payg_usd": Decimal("1e-300")},
        {"payg_times_median": Decimal("Infinity")},
        {"payg_critical_usd": 25.0},
    ],
)
def test_an_overage_threshold_out_of_its_range_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^overage\."):
        OverageRules(**wrong)


def test_no_file_and_an_empty_one_give_the_defaults() -> None:
    defaults = Rules(ForecastRules(), NetworkRules(), OverageRules(), PricingRules())
    assert RulesFile() == read_rules("") == read_rules("# nothing yet\n") == RulesFile(defaults, {})
    assert read_rules("network:\n  # min_sessions: 3\norganisations:\n  144:\n").of(144) == defaults


TEXT = """
network:
  min_sessions: 20
  rat_dominance: 0.75
overage:
  steps: [50, 90]
  payg_usd: 1.5
organisations:
  144:
    network: {min_sessions: 30, shared_imei_allowed_models: [86815905, "01234567"]}
    overage: {payg_usd: 0.1, will_exceed_usd: 2}
    forecast: {loud_share: 1, quiet_days: 2.5}
  "145":
    pricing: {increment_bytes: 1024, mb_bytes: 1048576}
"""


def test_an_organisations_values_win_one_by_one_over_the_common_ones() -> None:
    rules = read_rules(TEXT)
    common = NetworkRules(min_sessions=20, rat_dominance=0.75)
    assert rules.of(None) == rules.of(9) == rules.common
    assert rules.common.network == rules.of(145).network == common
    assert rules.common.overage == rules.of(145).overage == OverageRules((50, 90), payg_usd=Decimal("1.5"))
    models = frozenset({"86815905", "01234567"})
    assert rules.of(144) == Rules(
        ForecastRules(loud_share=1, quiet_days=2.5),
        replace(common, min_sessions=30, shared_imei_allowed_models=models),
        OverageRules((50, 90), payg_usd=Decimal("0.1"), will_exceed_usd=Decimal(2)),
        PricingRules(),
    )
    assert rules.of(145).pricing == PricingRules(1024, 1048576)


@pytest.mark.parametrize("amount", ["1.5", "0.1", "0.30", "1_000.25", "0.1000000000000000055511151231257827", "5"])
def test_money_is_exactly_what_is_written(amount: str) -> None:
    payg = read_rules(f"overage: {{payg_usd: {amount}}}").common.overage.payg_usd
    assert isinstance(payg, Decimal)
    assert payg == Decimal(amount.replace("_", ""))


def test_an_anchor_saves_writing_an_organisations_rules_twice() -> None:
    rules = read_rules(
        "organisations:\n"
        "  144: {network: &quiet {min_sessions: 30, min_days: 5}}\n"
        "  145: {network: *quiet}\n"
        "  146: {network: {<<: *quiet, min_days: 6}}\n"
    )
    assert rules.of(144).network == rules.of(145).network == NetworkRules(min_sessions=30, min_days=5)
    assert rules.of(146).network == NetworkRules(min_sessions=30, min_days=6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a", "line 1: the file must be a mapping, not ['a']"),
        ("networks:\n  min_days: 3\n", "line 1: the file has no part 'networks'; there are forecast, network, overage"),
        ("\nnetwork: 5", "line 2: network must be a mapping, not 5"),
        ("network:\n  min_session: 3", "line 2: network.min_session is not known; there are min_sessions, min_days"),
        ("network:\n  3: 3", "line 2: network.3 is not known"),
        (
            "network:\n  min_days: 3\n  min_sessions: ten",
            "line 3: network.min_sessions must be a whole number above zero",
        ),
        ("network: {min_sessions: 2.5}", "line 1: network.min_sessions must be a whole number above zero, not 2.5"),
        ("network: {rat_dominance: .nan}", "line 1: network.rat_dominance must be a share"),
        (
            "network:\n  shared_imei_allowed_models: 86815905",
            "line 2: network.shared_imei_allowed_models must be a set",
        ),
        ("\norganisations: {0144: {}}", "line 2: '0144' can't be read: write the number in decimal digits"),
        ("network: {min_days: 0x10}", "line 1: '0x10' can't be read: write the number in decimal digits"),
        ("network: {min_days: 1:30}", "line 1: '1:30' can't be read: write the number in decimal digits"),
        ("overage: {payg_usd: 1:30.5}", "line 1: '1:30.5' can't be read: write the number in decimal digits"),
        (
            "overage: {steps: [50.5]}",
            "line 1: overage.steps must be a list of ascending whole per cents from 1 to 1000000, not [50.5]",
        ),
        ("overage: [0.5, {a: 1.5}]", "line 1: overage must be a mapping, not [0.5, {'a': 1.5}]"),
        ("network:\n  min_days: !!timestamp 'abc'", "line 2: 'abc' is no timestamp"),
        ("network:\n  min_days: !!bool abc", "line 2: 'abc' is no bool"),
        ("network:\n  min_days: !!int ''", "line 2: '' can't be read"),
        pytest.param("\n" + "[" * 10_000, "line 2: is nested too deeply", id="deep"),
        ("network: {min_days: 3, min_days: 4}", "line 1: 'min_days' stands twice"),
        ("pricing: {mb_bytes: yes}", "line 1: pricing.mb_bytes must be a whole number of bytes above zero, not True"),
        ("overage: {payg_usd: '5'}", "line 1: overage.payg_usd must be an amount in USD"),
        ("overage: {payg_usd: .inf}", "line 1: overage.payg_usd must be an amount in USD"),
        ("overage: {payg_usd: !!float sNaN}", "line 1: 'sNaN' can't be read"),
        ("overage: {payg_usd: 1.0e+400}", "line 1: overage.payg_usd must be an amount in USD"),
        ("overage: {payg_usd: true}", "line 1: overage.payg_usd must be an amount in USD"),
        ("overage: {steps: 50}", "line 1: overage.steps must be a list of ascending whole per cents"),
        (
            "overage:\n  steps: [80, 50]",
            "line 2: overage.steps must be a list of ascending whole per cents from 1 to 1000000",
        ),
        ("overage: {steps: [[50]]}", "line 1: overage.steps must be a list"),
        ("overage:\n  warn_step: 120", "line 2: overage.warn_step must be at most critical_step (100), not 120"),
        ("forecast: {one_off_times: 0.9}", "line 1: forecast.one_off_times must be a number from 1 to 1000, not 0.9"),
        ("forecast:\n  one_off_share: 1.1", "line 2: forecast.one_off_share must be a share from 0 to 1, not 1.1"),
        (
            "forecast:\n  history_days: 7",
            "line 2: forecast.own_days must be a whole number of days from 1 to history_days (7), not 14",
        ),
        ("forecast: {quiet_days: 1.0e+400}", "line 1: forecast.quiet_days must be a number of days from 0"),
        ("organisations: [144]", "line 1: organisations must be a mapping, not [144]"),
        (
            "organisations:\n  acme:\n    network: {}",
            "line 2: organisations.acme is not an organisation id; write it as a",
        ),
        ("organisations: {0: {}}", "line 1: organisations.0 is not an organisation id"),
        ("organisations: {true: {}}", "line 1: organisations.True is not an organisation id"),
        ("organisations: {144: {}, '144': {}}", "line 1: organisations.144 stands twice"),
        ("organisations: {144: {}, 144: {}}", "line 1: '144' stands twice"),
        (
            "organisations:\n  144:\n    min_days: 3",
            "line 3: organisations.144 has no part 'min_days'; there are forecast",
        ),
        ("organisations:\n  144: {organisations: {}}", "line 2: organisations.144 has no part 'organisations'"),
        ("organisations: {144: 5}", "line 1: organisations.144 must be a mapping, not 5"),
        ("organisations: {144: {network: 5}}", "line 1: organisations.144.network must be a mapping, not 5"),
        (
            "organisations:\n  144:\n    network:\n      min_sessions: -1\n",
            "line 4: organisations.144.network.min_sessions must be a whole number above zero, not -1",
        ),
        (
            "organisations:\n  144:\n    network:\n      sessions: 1\n",
            "line 4: organisations.144.network.sessions is not known; there are",
        ),
        (
            "forecast: {own_days: 20}\norganisations:\n  144:\n    forecast: {history_days: 10}\n",
            "line 1: organisations.144.forecast.own_days must be a whole number of days from 1 to history_days (10), not 20",
        ),
        ("a: [", "line 1: is not YAML"),
        ("network: {}\n---\nnetwork: {}", "line 2: is not YAML"),
    ],
)
def test_a_mistake_is_refused_with_line_part_and_reason(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"^line") as caught:
        read_rules(text)
    assert str(caught.value).startswith(message)
