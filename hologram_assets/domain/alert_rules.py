"""What the alerts of one organisation are judged by: thresholds, tables and silences, gathered from the settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hologram_assets.domain.network_rules import NetworkRules
from hologram_assets.domain.overage_rules import OverageRules
from hologram_assets.domain.silences import Silence


@dataclass(frozen=True)
class AlertRules:
    """RAT levels and network aliases as `radio` and `networks` read them."""

    overage: OverageRules
    network: NetworkRules
    rat_levels: Mapping[str, int]
    network_aliases: Mapping[str, str]
    silences: Sequence[Silence] = ()
