"""The thresholds: rules.md's numbers are the defaults, and one that makes no sense is refused by name."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from hologram_assets.domain.network_rules import NetworkRules


def test_the_defaults_are_those_of_the_rules() -> None:
    assert {field.name: field.default for field in fields(NetworkRules)} == {
        "min_sessions": 10,
        "min_days": 3,
        "accepted_days": 14,
        "rat_dominance": 0.8,
        "rat_run_min": 3,
        "rat_false_alarms": 0.0003,
        "rat_share_floor": 0.005,
        "rat_again_hours": 24,
        "rat_critical_level": 1,
        "new_network_sessions": 2,
        "new_network_bytes": 10_000,
        "shift_baseline_share": 0.6,
        "shift_share": 0.6,
        "shift_sessions": 10,
        "shift_days": 3,
        "shift_again_days": 7,
        "country_again_hours": 24,
        "imei_run": 2,
        "shared_imei_hours": 24,
        "shared_imei_again_days": 7,
        "shared_imei_allowed_models": frozenset(),
        "flapping_changes": 6,
        "flapping_share": 0.5,
        "flapping_false_alarms": 0.0003,
        "flapping_hours": 24,
        "flapping_again_hours": 24,
        "incident_sims": 10,
        "incident_share": 0.05,
        "incident_hours": 6,
        "incident_days": 2,
        "incident_again_hours": 24,
        "incident_resolved_share": 0.2,
    }


@pytest.mark.parametrize("field", [field.name for field in fields(NetworkRules)])
@pytest.mark.parametrize("nonsense", [-1, "3", None, True, float("nan"), 1e9])
def test_nonsense_is_refused_with_the_name_of_the_field(field: str, nonsense: Any) -> None:
    with pytest.raises(ValueError, match=rf"network\.{field} must be "):
        NetworkRules(**{field: nonsense})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rat_dominance", 0.5),
        ("rat_dominance", 1.01),
        ("shift_share", 0.5),
        ("incident_share", 0),
        ("incident_days", 8),
        ("shift_again_days", 8),
        ("min_sessions", 2.5),
        ("flapping_hours", 0),
        ("shared_imei_allowed_models", frozenset({"8681590"})),
        ("shared_imei_allowed_models", {"86815905"}),
    ],
)
def test_a_threshold_out_of_its_range_is_refused(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=field):
        NetworkRules(**{field: value})
