"""A data plan of `/plans` as one price per tier and zone.

Zone keys differ in case inside one plan and are compared casefolded. The effective price of a zone is the one in
`zones`, else in `tiers[current_tier]`, else in `tiers["BASE"]`, else in the flat keys (`overageGlobal`) of older data.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from hologram_assets.api.records import Rejected, Row, read_optional, read_required, rejected
from hologram_assets.api.values import flag, money, signed, text, whole

_BASE = "BASE"
_LONGEST_BILLINGPERIOD = 120  # ten years: what is longer is no period, and leads beyond the calendar


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


def _zones(of: object) -> dict[str, Row]:
    zones = of.get("zones") if isinstance(of, dict) else None
    if not isinstance(zones, dict):
        return {}
    return {str(zone).casefold(): prices for zone, prices in zones.items() if isinstance(prices, dict)}


def _flat_zones(row: Row) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for name, value in row.items():
        for kind in ("amount", "sms", "overage"):
            zone = name.removeprefix(kind)
            if zone and zone != name and not isinstance(value, (dict, list)):
                found.setdefault(zone.casefold(), {})[kind] = value
    # Both, since other fields may begin with these words (`overagelimit` is no price of a zone "limit").
    return {zone: prices for zone, prices in found.items() if {"amount", "overage"} <= prices.keys()}


def _prices_by_tier(row: Row) -> Iterator[tuple[str, bool, dict[str, Row]]]:
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
        return _plan_prices(row)
    except ValueError as error:
        return rejected(row, str(error))


def _plan_prices(row: Row) -> list[PlanPrice]:
    plan_id, included = read_required(row, "id", whole), read_required(row, "data", whole)
    billingperiod = read_optional(row, "billingperiod", whole) or 1
    if billingperiod > _LONGEST_BILLINGPERIOD:
        msg = f"billingperiod: {billingperiod} intervals of 30 days are too many"
        raise ValueError(msg)
    region = row.get("cellular_coverage_region_id")
    if region is None and isinstance(row.get("cellular_coverage_region"), dict):
        region = row["cellular_coverage_region"].get("id")
    prices = []
    for tier, is_current, zones in _prices_by_tier(row):
        for zone, of_zone in (zones or {"": {}}).items() if is_current else zones.items():
            amount, overage, sms = (read_optional(of_zone, kind, money) for kind in ("amount", "overage", "sms"))
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
                    sms_rate=_not_negative(sms) if offered else None,
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
