"""The catalogue of data plans, written as `/plans` answers it.

Grain: one plan. `data` is in bytes per SIM and period, prices are USD (`overage` per MB of 1,000,000 bytes). The two
pay-as-you-go plans are those of Hologram's own documentation, field by field; the others exist for one trap each.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

PAYG_G3: Final = 2096
PAYG_GLOBAL: Final = 1678
VARIABLE: Final = 2251
POOLED: Final = 2243
QUARTERLY: Final = 2230
LARGE: Final = 2214
MEDIUM: Final = 2207
SMALL: Final = 2201
ZONED: Final = 1133
RETIRED: Final = 902


@dataclass(frozen=True, slots=True)
class Plan:
    """A data plan.

    `included_bytes` per SIM and billing period (0 = pay as you go), `billingperiod` in intervals of 30 days, `listed`
    tells whether `/plans` shows it (a disabled plan is served by its id only), `body` is the plan as the API answers.
    """

    id: int
    name: str
    included_bytes: int
    billingperiod: int
    listed: bool
    body: dict[str, Any] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class _Price:
    """What one zone of a plan costs; anything but a six-place string stands for older data."""

    amount: str | float
    sms: str | float
    overage: str | float

    def zone(self, *carriers: int) -> dict[str, Any]:
        return {
            "amount": self.amount,
            "sms": self.sms,
            "overage": self.overage,
            "carriers": {str(carrier): {"apn": "hologram"} for carrier in carriers},
        }


_REGIONS: Final[dict[int, dict[str, Any]]] = {
    4: {"id": 4, "display_name": "Global", "description": "Connect to our network of carriers in 180+ countries"},
    6: {
        "id": 6,
        "display_name": "Global – G3 SIMs",
        "description": "Lowest-cost global coverage for G3 standalone SIMs",
    },
}
_ALL_CARRIERS: Final = (2, 8, 11, 12, 13)
_NOT_OFFERED: Final = "-1.00"


def _plan(
    id: int,
    name: str,
    *,
    data: int,
    tiers: dict[str, dict[str, dict[str, Any]]],
    zones: dict[str, dict[str, Any]] | None,
    current_tier: str | None = "BASE",
    description: str = "",
    groupid: int = 776,
    region: int = 4,
    enabled: bool = True,
    billingperiod: int = 1,
    variable: bool = False,
    pooled: bool = False,
) -> Plan:
    body: dict[str, Any] = {
        "id": id,
        "partnerid": 1,
        "name": name,
        "description": description or name,
        "data": data,
        "recurring": 1,
        "enabled": int(enabled),
        "billingperiod": billingperiod,
        "groupid": groupid,
        "developerplan": 0,
        "display_category": "standard",
        "cellular_coverage_region_id": region,
        "use_variable_rates": variable,
        "is_dynamic_pool": pooled,
        "tiers": {tier: {"devicecount": 0, "zones": tier_zones} for tier, tier_zones in tiers.items()},
        "cellular_coverage_region": _REGIONS[region],
    }
    if current_tier is not None:
        body["current_tier"] = current_tier
    if zones is not None:
        body["zones"] = zones
        # The flat keys of the oldest clients: amountGlobal, smsGlobal, overageGlobal, amount1 …
        for zone, price in zones.items():
            body |= {f"{what}{zone}": price[what] for what in ("amount", "sms", "overage")}
    return Plan(id, name, data, billingperiod, enabled, body)


def _flat(id: int, name: str, data: int, price: _Price, **more: Any) -> Plan:
    """A plan with one global zone, whose key has another case in `tiers` than in `zones` (as in the documentation)."""
    zone = price.zone(*_ALL_CARRIERS)
    return _plan(id, name, data=data, tiers={"BASE": {"global": zone}}, zones={"Global": zone}, **more)


def _documented() -> list[Plan]:
    g3 = _Price("1.000000", "0.190000", "0.030000").zone(13)
    everywhere = _Price("1.000000", "0.190000", "0.210000").zone(*_ALL_CARRIERS)
    return [
        _plan(
            PAYG_G3,
            "Global G3 Standard Flat Rate",
            description="G3 Standard Global flat-rate PayGo",
            data=0,
            groupid=1199,
            region=6,
            tiers={"BASE": {"global": g3}},
            zones={"Global": g3},
            current_tier=None,
        ),
        _plan(
            PAYG_GLOBAL,
            "Global All Standard Flat Rate",
            data=0,
            tiers={"BASE": {"Global": everywhere}},
            zones={"Global": everywhere},
        ),
    ]


def _invented() -> list[Plan]:
    volume = _Price("9.500000", "0.190000", "0.008000").zone(*_ALL_CARRIERS)
    volume_base = _Price("12.000000", "0.190000", "0.012000").zone(*_ALL_CARRIERS)
    pool = _Price("2.000000", "0.190000", "0.050000").zone(*_ALL_CARRIERS)
    zone_1 = _Price("0.40", "0.19", 0.6).zone(2, 8)
    zone_2 = _Price(_NOT_OFFERED, _NOT_OFFERED, _NOT_OFFERED).zone(11)
    return [
        _flat(VARIABLE, "Variable Rate 20 MB", 20_000_000, _Price("1.500000", "0.190000", "0.150000"), variable=True),
        # A pool has no `zones` of its own: the price is found through tiers only.
        _plan(POOLED, "Flex Pool", data=50_000_000, tiers={"BASE": {"Global": pool}}, zones=None, pooled=True),
        _flat(QUARTERLY, "Quarterly 90 MB", 90_000_000, _Price("6.000000", "0.190000", "0.100000"), billingperiod=3),
        # Above 32 bits, and on another tier than BASE.
        _plan(
            LARGE,
            "High Data 5 GB",
            data=5_000_000_000,
            tiers={"BASE": {"global": volume_base}, "VOLUME": {"global": volume}},
            zones={"Global": volume},
            current_tier="VOLUME",
        ),
        _flat(MEDIUM, "Global 100 MB", 100_000_000, _Price("4.000000", "0.190000", "0.040000")),
        _flat(SMALL, "Global 10 MB", 10_000_000, _Price("1.200000", "0.190000", "0.210000")),
        _plan(
            ZONED,
            "Legacy Zones 5 MB",
            data=5_000_000,
            tiers={"BASE": {"1": zone_1, "2": zone_2}},
            zones={"1": zone_1, "2": zone_2},
        ),
        _flat(RETIRED, "Retired 25 MB", 25_000_000, _Price("1.0000", "0.1900", "0.4000"), enabled=False),
    ]


PLANS: Final[dict[int, Plan]] = {plan.id: plan for plan in sorted([*_documented(), *_invented()], key=lambda p: -p.id)}
"""Every plan by its id, the newest first; plans that are not `listed` included."""
