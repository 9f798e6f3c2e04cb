"""A data plan of `/plans` as one price per tier and zone.

Zone keys differ in case inside one plan and are compared casefolded. The effective price of a zone is the one in
`zones`, else in `tiers[current_tier]`, else in `tiers["BASE"]`, else in the flat keys (`overageGlobal`) of older data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from hologram_assets.api.records import Rejected, Row, rejected
from hologram_assets.api.values import flag, money, signed, text, whole

_BASE = "BASE"


class PlanPrice(NamedTuple):
    """What a plan costs in a tier and zone; USD, per period, per MB beyond the allowance, and per SMS.

    `included_bytes` 0 is pay as you go. Prices are None where the API says "-1.00": the zone is not offered.
    """

    plan_id: int
    name: str | None
    tier: str
    zone: str
    included_bytes: int
    recurring_amount: Decimal | None
    overage_rate_per_mb: Decimal | None
    sms_rate: Decimal | None
    is_offered: bool
    billingperiod: int
    coverage_region_id: int | None
    is_current_tier: bool
    is_dynamic_pool: bool
    use_variable_rates: bool
    is_enabled: bool


def _zones(of: object) -> dict[str, Mapping[str, Any]]:
    zones = of.get("zones") if isinstance(of, dict) else None
    if not isinstance(zones, dict):
        return {}
    return {str(zone).casefold(): prices for zone, prices in zones.items() if isinstance(prices, dict)}


def _flat_zones(row: Row) -> dict[str, Mapping[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name, value in row.items():
        for kind in ("amount", "sms", "overage"):
            zone = name.removeprefix(kind)
            if zone and zone != name and not isinstance(value, (dict, list)):
                found.setdefault(zone.casefold(), {})[kind] = value
    return {zone: prices for zone, prices in found.items() if "overage" in prices}


def _prices_by_tier(row: Row) -> Iterator[tuple[str, bool, dict[str, Mapping[str, Any]]]]:
    tiers = row.get("tiers")
    tiers = tiers if isinstance(tiers, dict) else {}
    current = text(row.get("current_tier")) or _BASE
    yield (
        current,
        True,
        {**_flat_zones(row), **_zones(tiers.get(_BASE)), **_zones(tiers.get(current)), **_zones(row)},
    )
    for tier, content in tiers.items():
        if tier != current:
            yield str(tier), False, _zones(content)


def plan_prices(row: Row) -> list[PlanPrice] | Rejected:
    """A row of `/plans`, one price per tier and zone. A plan without any zone gives one row with zone ""."""
    try:
        plan_id, included = whole(row.get("id")), whole(row.get("data"))
        billingperiod = whole(row.get("billingperiod")) or 1
    except ValueError as error:
        return rejected(row, str(error))
    if plan_id is None or included is None:
        return rejected(row, "id is missing" if plan_id is None else "data (the allowance) is missing")
    region = row.get("cellular_coverage_region_id")
    if region is None and isinstance(row.get("cellular_coverage_region"), dict):
        region = row["cellular_coverage_region"].get("id")
    prices = []
    for tier, is_current, zones in _prices_by_tier(row):
        for zone, of_zone in (zones or {"": {}}).items() if is_current else zones.items():
            amount, overage = money(of_zone.get("amount")), money(of_zone.get("overage"))
            offered = amount is not None and overage is not None and amount >= 0 and overage >= 0
            prices.append(
                PlanPrice(
                    plan_id=plan_id,
                    name=text(row.get("name")),
                    tier=tier,
                    zone=zone,
                    included_bytes=included,
                    recurring_amount=amount if offered else None,
                    overage_rate_per_mb=overage if offered else None,
                    sms_rate=_not_negative(money(of_zone.get("sms"))) if offered else None,
                    is_offered=offered,
                    billingperiod=billingperiod,
                    coverage_region_id=signed(region),
                    is_current_tier=is_current,
                    is_dynamic_pool=flag(row.get("is_dynamic_pool")),
                    use_variable_rates=flag(row.get("use_variable_rates")),
                    is_enabled=row.get("enabled") is None or flag(row.get("enabled")),
                )
            )
    return prices


def _not_negative(amount: Decimal | None) -> Decimal | None:
    return amount if amount is not None and amount >= 0 else None
