"""The FOCUS export, held against the rules of the specification's version 1.4 and against the warehouse's own numbers."""

from __future__ import annotations

import csv
import io
import json
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hologram_assets.commands.exports import write_parquet
from hologram_assets.commands.report import as_csv
from hologram_assets.warehouse.connection import Warehouse
from hologram_assets.warehouse.focus import FOCUS_VERSION, _key_values, left_out, read_focus, with_text_times

Row = dict[str, Any]

ORG, OTHER = 144, 145
DAY = date(2026, 11, 10)
MIDNIGHT = datetime(2026, 11, 10)
ONE_DAY = timedelta(1)
START, END = datetime(2026, 10, 28, 8, 0, 5), datetime(2026, 11, 27, 8, 0, 5)
SEEN = datetime(2026, 11, 10, 21, 30, 0, 123456)
ENDED_START, ENDED = datetime(2026, 10, 11, 7), datetime(2026, 11, 10, 7)
RIGHT_TO_LEFT = "\u202e\u05e9\u05dc\u05d5\u05dd \u202c"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

# Cost and Usage of FOCUS 1.4: column, feature level, data type, whether it allows nulls.
SPECIFICATION = """
AllocatedMethodDetails recommended json null
AllocatedMethodId conditional string null
AllocatedResourceId conditional string null
AllocatedResourceName conditional string null
AllocatedTags conditional json null
AvailabilityZone recommended string null
BilledCost mandatory decimal -
BillingAccountId mandatory string -
BillingAccountName mandatory string null
BillingAccountType conditional string -
BillingCurrency mandatory string -
BillingPeriodEnd mandatory time -
BillingPeriodStart mandatory time -
CapacityReservationId conditional string null
CapacityReservationStatus conditional string null
ChargeCategory mandatory string -
ChargeClass mandatory string null
ChargeDescription mandatory string null
ChargeFrequency recommended string -
ChargePeriodEnd mandatory time -
ChargePeriodStart mandatory time -
CommitmentDiscountCategory conditional string null
CommitmentDiscountId conditional string null
CommitmentDiscountName conditional string null
CommitmentDiscountQuantity conditional decimal null
CommitmentDiscountStatus conditional string null
CommitmentDiscountType conditional string null
CommitmentDiscountUnit conditional string null
CommitmentProgramEligibilityDetails conditional json null
ConsumedQuantity conditional decimal null
ConsumedUnit conditional string null
ContractApplied conditional json null
ContractedCost mandatory decimal -
ContractedUnitPrice conditional decimal null
EffectiveCost mandatory decimal -
HostProviderName mandatory string null
InvoiceDetailId conditional string null
InvoiceId conditional string null
InvoiceIssuerName mandatory string -
ListCost mandatory decimal -
ListUnitPrice conditional decimal null
PricingCategory conditional string null
PricingCurrency conditional string -
PricingCurrencyContractedUnitPrice conditional decimal null
PricingCurrencyEffectiveCost conditional decimal -
PricingCurrencyListUnitPrice conditional decimal null
PricingQuantity mandatory decimal null
PricingUnit mandatory string null
RegionId conditional string null
RegionName conditional string null
ResourceId conditional string null
ResourceName conditional string null
ResourceType conditional string null
ServiceCategory mandatory string -
ServiceName mandatory string -
ServiceProviderName mandatory string -
ServiceSubcategory recommended string -
SkuId conditional string null
SkuMeter conditional string null
SkuPriceDetails conditional json null
SkuPriceId conditional string null
SubAccountId conditional string null
SubAccountName conditional string null
SubAccountType conditional string null
Tags conditional json null
"""
COLUMNS = {name: rest for name, *rest in (line.split() for line in SPECIFICATION.strip().splitlines())}
IS_TYPE: dict[str, Callable[[pa.DataType], bool]] = {
    "decimal": pa.types.is_decimal,
    "string": pa.types.is_string,
    "json": pa.types.is_string,
    "time": lambda kind: pa.types.is_timestamp(kind) and kind.tz == "UTC",
}
# What brings a conditional column with it, of the things that Hologram has.
NEEDED = {
    "ConsumedQuantity", "ConsumedUnit",  # usage is measured
    "ListUnitPrice",  # unit prices are told
    "InvoiceDetailId", "InvoiceId",  # there are invoices
    "ResourceId", "ResourceName", "ResourceType",  # SIMs are billed one by one
    "SkuId", "SkuMeter", "SkuPriceDetails", "SkuPriceId",  # there is a price list
    "Tags",
}  # fmt: skip
ALLOWED = {
    "ChargeCategory": {"Usage", "Purchase", "Tax", "Credit", "Adjustment"},
    "ChargeClass": {"Correction"},
    "ChargeFrequency": {"One-Time", "Recurring", "Usage-Based"},
    "PricingCategory": {"Standard", "Dynamic", "Committed", "Other"},
    "ServiceCategory": {
        "AI and Machine Learning", "Analytics", "Business Applications", "Compute", "Databases", "Developer Tools",
        "Multicloud", "Identity", "Integration", "Internet of Things", "Management and Governance", "Media", "Migration",
        "Mobile", "Networking", "Security", "Storage", "Web", "Other",
    },
    # Those whose category is Networking, as `CATEGORY_OF` asks.
    "ServiceSubcategory": {
        "Application Networking", "Content Delivery", "Network Connectivity", "Network Infrastructure", "Network Routing",
        "Network Security", "Other (Networking)",
    },
}  # fmt: skip
UNITS = {f"{prefix}{size}" for prefix in ("", "K", "M", "G", "T", "P", "E") for size in "bB"} | {
    f"{prefix}i{size}" for prefix in "KMGTPE" for size in "bB"
}


class Rule(NamedTuple):
    """One requirement: where it applies, and what then holds."""

    text: str
    when: Callable[[Row], bool]
    then: Callable[[Row], bool]


def always(row: Row) -> bool:
    return True


def is_correction(row: Row) -> bool:
    return bool(row["ChargeClass"] == "Correction")


def is_regular(row: Row) -> bool:
    """A usage or purchase charge that is no correction."""
    return row["ChargeCategory"] in {"Usage", "Purchase"} and not is_correction(row)


def null(*names: str) -> Callable[[Row], bool]:
    return lambda row: all(row[name] is None for name in names)


def known(*names: str) -> Callable[[Row], bool]:
    return lambda row: all(row[name] is not None for name in names)


def same(one: str, other: str) -> Callable[[Row], bool]:
    return lambda row: bool(row[one] == row[other])


def is_(name: str, value: str) -> Callable[[Row], bool]:
    return lambda row: bool(row[name] == value)


def product(price: str) -> Callable[[Row], Decimal]:
    return lambda row: row[price] * row["PricingQuantity"]


RULES = [
    # ChargeCategory, ChargeFrequency, ChargeClass
    Rule("usage is Usage", is_("ChargeFrequency", "Usage-Based"), is_("ChargeCategory", "Usage")),
    Rule("a purchase is not Usage-Based", is_("ChargeCategory", "Purchase"), is_("ChargeFrequency", "Recurring")),
    Rule(
        "the correction of a closed period, and nothing else, is a Correction",
        always,
        lambda row: is_correction(row) == (row["ChargePeriodEnd"] <= row["BillingPeriodStart"]),
    ),
    # periods
    Rule(
        "a billing period ends after its start", always, lambda row: row["BillingPeriodStart"] < row["BillingPeriodEnd"]
    ),
    Rule("a charge period ends after its start", always, lambda row: row["ChargePeriodStart"] < row["ChargePeriodEnd"]),
    Rule(
        "a charge is in its billing period",
        is_regular,
        lambda row: (
            row["BillingPeriodStart"] <= row["ChargePeriodStart"] < row["ChargePeriodEnd"] <= row["BillingPeriodEnd"]
        ),
    ),
    Rule(
        "times are whole seconds",
        always,
        lambda row: all(not v.microsecond for v in row.values() if isinstance(v, datetime)),
    ),
    # costs
    Rule("no charge covers another, so effective is billed", always, same("EffectiveCost", "BilledCost")),
    Rule(
        "ListCost is the product of its price and the quantity",
        known("ListUnitPrice", "PricingQuantity"),
        lambda row: row["ListCost"] == product("ListUnitPrice")(row),
    ),
    Rule(
        "ContractedCost is the product of its price and the quantity",
        known("ContractedUnitPrice", "PricingQuantity"),
        lambda row: row["ContractedCost"] == product("ContractedUnitPrice")(row),
    ),
    Rule("without a list price ListCost is BilledCost", null("ListUnitPrice"), same("ListCost", "BilledCost")),
    Rule(
        "without a contracted price ContractedCost is BilledCost",
        null("ContractedUnitPrice"),
        same("ContractedCost", "BilledCost"),
    ),
    Rule(
        "unit prices are not negative",
        known("ListUnitPrice", "ContractedUnitPrice"),
        lambda row: row["ListUnitPrice"] >= 0 and row["ContractedUnitPrice"] >= 0,
    ),
    Rule("no negotiated price is known", always, same("ListUnitPrice", "ContractedUnitPrice")),
    Rule(
        "billed is the product, rounded once",
        is_regular,
        lambda row: abs(row["BilledCost"] - row["ListCost"]) <= Decimal("0.0000005"),
    ),
    # SKU
    Rule("a usage or a purchase has a SKU and its price", is_regular, known("SkuId", "SkuPriceId")),
    Rule("a SKU has a meter", known("SkuId"), known("SkuMeter")),
    Rule(
        "a SKU price belongs to its SKU",
        known("SkuPriceId"),
        lambda row: row["SkuPriceId"].startswith(row["SkuId"] + "/"),
    ),
    Rule("a SKU price comes with unit prices", known("SkuPriceId"), known("ListUnitPrice", "ContractedUnitPrice")),
    Rule(
        "without SKU price there is no price, quantity or pricing category",
        null("SkuPriceId"),
        null(
            "ListUnitPrice",
            "ContractedUnitPrice",
            "PricingQuantity",
            "PricingCategory",
            "ConsumedQuantity",
            "SkuPriceDetails",
        ),
    ),
    # quantities and units
    Rule(
        "a usage or a purchase has a pricing quantity and category",
        is_regular,
        known("PricingQuantity", "PricingCategory"),
    ),
    Rule("a pricing quantity has a unit", known("PricingQuantity"), known("PricingUnit")),
    Rule("without pricing quantity there is no unit", null("PricingQuantity"), null("PricingUnit")),
    Rule(
        "data is priced in a unit of FOCUS, all else in a capitalised noun",
        known("PricingUnit"),
        lambda row: row["PricingUnit"] in UNITS | {"Units", "SIMs"},
    ),
    Rule(
        "usage was consumed",
        lambda row: is_regular(row) and row["ChargeCategory"] == "Usage",
        known("ConsumedQuantity"),
    ),
    Rule("what is not usage was not consumed", is_("ChargeCategory", "Purchase"), null("ConsumedQuantity")),
    Rule(
        "a consumed quantity has a unit of FOCUS", known("ConsumedQuantity"), lambda row: row["ConsumedUnit"] in UNITS
    ),
    Rule("without consumed quantity there is no unit", null("ConsumedQuantity"), null("ConsumedUnit")),
    # who, what, where
    Rule("USD", always, is_("BillingCurrency", "USD")),
    Rule("nothing is on an invoice that is known", always, null("InvoiceId", "InvoiceDetailId")),
    Rule("the host is the provider where nobody tells", always, same("HostProviderName", "ServiceProviderName")),
    Rule("a resource has a type", known("ResourceId"), known("ResourceType")),
    Rule("a name doesn't repeat the id", known("ResourceName"), lambda row: row["ResourceName"] != row["ResourceId"]),
    Rule("the subcategory is one of Networking", always, is_("ServiceCategory", "Networking")),
    Rule("no text is empty", always, lambda row: all(v.strip() for v in row.values() if isinstance(v, str))),
    Rule(
        "tags are a flat object",
        known("Tags"),
        lambda row: all(v is None or isinstance(v, (str, int, bool)) for v in json.loads(row["Tags"]).values()),
    ),
]


def insert(connection: duckdb.DuckDBPyConnection, table: str, rows: Iterable[Row]) -> None:
    for row in rows:
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        connection.execute(f"INSERT INTO hologram.{table} ({names}) VALUES ({marks})", list(row.values()))


def sim(linkid: int, **others: Any) -> Row:
    """A SIM of the report, priced at 0.21 USD per MB above 10 MB, of which it used half. All of it is foreseen to triple."""
    return {
        "org_id": ORG, "day": DAY, "linkid": linkid, "device_name": f"device {linkid}", "plan_id": 12, "plan_name": "Ten MB",
        "tier": "BASE", "zone": "global", "period_start": START, "period_end": END, "complete_through": SEEN,
        "usage_bytes": 5_000_000, "usage_source": "sessions", "included_bytes": 10_000_000, "overage_bytes": 0,
        "billable_bytes": 0, "overage_rate_per_mb": "0.21", "overage_cost": 0, "usage_charge": 0, "recurring_amount": "1.5",
        "projected_bytes": 15_000_000, "projected_overage_cost": "1.05", "projected_usage_charge": 0, "status": "ok",
        "pricing_status": "priced",
    } | others  # fmt: skip


def unpriced(linkid: int, status: str, **others: Any) -> Row:
    return sim(linkid, overage_cost=None, usage_charge=None, pricing_status=status, **others)


def closed(linkid: int, end: datetime = ENDED, **others: Any) -> Row:
    return {
        "org_id": ORG, "day": end.date(), "linkid": linkid, "plan_id": 12, "period_start": end - 30 * ONE_DAY,
        "period_end": end, "session_bytes": 13_000_000, "hologram_bytes": 13_000_500, "usage_source": "billing",
        "included_bytes": 10_000_000, "billable_bytes": 3_001_000, "overage_cost": "0.63021", "usage_charge": 0,
        "recurring_amount": "1.5", "pricing_status": "priced",
    } | others  # fmt: skip


def version(linkid: int, at: datetime, overage: object, end: datetime = ENDED, **others: Any) -> Row:
    return {
        "org_id": ORG, "day": end.date(), "linkid": linkid, "period_end": end, "session_bytes": 12_000_000,
        "hologram_bytes": None, "billable_bytes": 2_001_000, "overage_cost": overage,
        "usage_charge": None if overage is None else 0, "recurring_amount": "1.5", "superseded_at": at,
    } | others  # fmt: skip


LONG_AGO = MIDNIGHT - 3 * ONE_DAY + timedelta(hours=9)
FLEET = {
    "overage_report": [
        sim(1, overage_rate_per_mb="0.5"),  # dearer since today
        sim(2, usage_bytes=12_000_001, billable_bytes=2_001_000, overage_cost="0.42021", device_name="=SUM(1+1)"),
        sim(3, included_bytes=0, billable_bytes=5_000_000, overage_rate_per_mb="0.03", usage_charge="0.15", plan_id=13,
            plan_name="+pay|as you go", device_name="@cmd"),
        unpriced(4, "unknown_plan", plan_id=99, plan_name=None, tier=None, included_bytes=None, billable_bytes=None,
                 overage_rate_per_mb=None, recurring_amount=None),  # its plan was deleted
        unpriced(5, "variable_rate", recurring_amount="2", device_name="\N{SATELLITE} 🛰️"),
        unpriced(6, "pooled", recurring_amount="3", billable_bytes=None),
        unpriced(7, "zone_not_offered", recurring_amount=None, overage_rate_per_mb=None),
        unpriced(8, "priced", usage_source="incomplete", billable_bytes=None),
        # Exactly 0.123580245789, billed as 0.123580.
        sim(9, usage_bytes=11_000_500, billable_bytes=1_001_000, overage_rate_per_mb="0.123456789", overage_cost="0.12358"),
        unpriced(10, "priced", period_start=None, period_end=None, usage_source="incomplete", usage_bytes=None),
        # A period that began after the last load.
        sim(11, period_start=SEEN + ONE_DAY / 24, period_end=SEEN + 30 * ONE_DAY, usage_bytes=0),
        # Priced per 1,048,576 bytes.
        sim(12, usage_bytes=12_000_001, billable_bytes=2_001_000, overage_cost="0.400743", device_name=RIGHT_TO_LEFT),
        # Less than the whole, and above the allowance already.
        sim(13, usage_source="incomplete", usage_bytes=20_000_000, billable_bytes=10_000_000, overage_cost="2.1",
            device_name="  "),
        sim(14, complete_through=None, usage_source="billing", device_name=None, zone=None),
        # The day before, and of that the rates of what ended on the day.
        *(sim(n, day=DAY - ONE_DAY, period_start=ENDED_START, period_end=ENDED) for n in (1, 2)),
        sim(3, day=DAY - ONE_DAY, period_start=ENDED_START, period_end=ENDED, included_bytes=0, plan_id=13,
            plan_name="+pay|as you go", overage_rate_per_mb="0.03"),
        sim(1, org_id=OTHER, recurring_amount="7"),
    ],
    "sim_inventory": [
        {"org_id": ORG, "day": DAY, "linkid": 1, "device_name": "device 1", "tags": '[{"id":501,"name":"pilot"}]'},
        {"org_id": ORG, "day": DAY, "linkid": 2, "device_name": "=SUM(1+1)", "tags": '{"=cmd":"|calc","n":{"a":[1]}}'},
        {"org_id": ORG, "day": DAY - ONE_DAY, "linkid": 2, "device_name": "two, before", "tags": "[]"},
        {"org_id": ORG, "day": DAY - 3 * ONE_DAY, "linkid": 20, "device_name": "gone", "tags": '["field"]'},
        {"org_id": ORG, "day": DAY - 2 * ONE_DAY, "linkid": 20, "device_name": "gone since", "tags": '["field"]'},
    ],
    "closed_periods": [
        closed(1),
        # As of the end of the day: 0.42021. What it said before is nobody's business, what it says now is two days later's.
        closed(2),
        closed(3, plan_id=13, included_bytes=0, usage_source="incomplete", billable_bytes=None, overage_cost=None,
               usage_charge=None, recurring_amount="0.8"),
        closed(4, plan_id=98, overage_cost="0.5"),  # nobody knows its rate any more
        closed(22, overage_cost="0.2"),
        # Corrected on the day: a SIM that is gone, one with a period in force, one with a calendar month.
        closed(20, LONG_AGO, overage_cost="0.45", recurring_amount="1.4"),
        closed(1, LONG_AGO - 12 * ONE_DAY, overage_cost="0.2"),
        closed(21, datetime(2026, 11, 1), period_start=datetime(2026, 10, 1), overage_cost=0, included_bytes=0,
               usage_charge="0.3"),
    ],
    "closed_period_corrections": [
        version(2, MIDNIGHT + timedelta(hours=20), "0.21"),
        version(2, MIDNIGHT + 2 * ONE_DAY, "0.42021"),
        version(22, MIDNIGHT + ONE_DAY, "0.1"),
        version(20, MIDNIGHT, "0.3", LONG_AGO),
        # Ends that lie within hours of one another are one period.
        version(20, MIDNIGHT + timedelta(hours=15), "0.5", LONG_AGO + timedelta(seconds=7)),
        version(20, MIDNIGHT + ONE_DAY, "0.4", LONG_AGO),
        version(1, MIDNIGHT + timedelta(hours=1), None, LONG_AGO - 12 * ONE_DAY),
        version(21, MIDNIGHT + timedelta(hours=2), 0, datetime(2026, 11, 1), usage_charge="0.5"),
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    warehouse = Warehouse(tmp_path_factory.mktemp("focus") / "x.duckdb")
    with warehouse.write() as connection:
        for table, rows in FLEET.items():
            insert(connection, table, rows)
    return warehouse


def export(warehouse: Warehouse, day: date = DAY, *orgs: int) -> pa.Table:
    with warehouse.read() as connection:
        return read_focus(connection, day, orgs)


@pytest.fixture(scope="module")
def table(fleet: Warehouse) -> pa.Table:
    return export(fleet)


@pytest.fixture(scope="module")
def rows(table: pa.Table) -> list[Row]:
    found: list[Row] = table.to_pylist()
    return found


def of(rows: Iterable[Row], linkid: int, category: str = "Usage", **having: Any) -> list[Row]:
    asked = {"BillingAccountId": str(ORG), "ResourceId": str(linkid), "ChargeCategory": category} | having
    return [row for row in rows if asked.items() <= row.items()]


def one(rows: Iterable[Row], linkid: int, category: str = "Usage", **having: Any) -> Row:
    (row,) = of(rows, linkid, category, **having)
    return row


def utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC, microsecond=0)


def total(rows: Iterable[Row]) -> Decimal:
    return sum((row["BilledCost"] for row in rows), Decimal(0))


def test_every_mandatory_column_is_there_and_those_that_hologram_brings_with_it(table: pa.Table) -> None:
    mandatory = {name for name, (level, *_) in COLUMNS.items() if level == "mandatory"}
    assert len(COLUMNS) == 65
    assert mandatory | NEEDED <= set(table.column_names)
    assert FOCUS_VERSION == table.schema.metadata[b"FocusVersion"].decode() == "1.4"


def test_columns_are_named_as_focus_names_them_and_stand_in_its_order(table: pa.Table) -> None:
    names = table.column_names
    theirs = [name for name in names if not name.startswith("x_")]
    ours = names[len(theirs) :]
    assert set(theirs) <= set(COLUMNS)
    assert names == sorted(theirs) + sorted(ours)
    assert all(re.fullmatch(r"x_([A-Z][a-z]+)+", name) and len(name) <= 50 for name in ours)


def test_every_column_has_its_type_and_is_null_only_where_it_may_be(table: pa.Table) -> None:
    for field in table.schema:
        _, kind, nulls = COLUMNS.get(field.name, ["", "", "null"])
        assert not kind or IS_TYPE[kind](field.type), field
        assert nulls == "null" or table.column(field.name).null_count == 0, field.name
        assert not pa.types.is_floating(field.type), field


@pytest.mark.parametrize("column", ALLOWED)
def test_a_column_with_allowed_values_has_no_other(rows: list[Row], column: str) -> None:
    assert {row[column] for row in rows} - {None} <= ALLOWED[column]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.text)
def test_a_requirement_holds_for_every_row_and_applies_to_some(rows: list[Row], rule: Rule) -> None:
    judged = [row for row in rows if rule.when(row)]
    assert judged
    assert [row for row in judged if not rule.then(row)] == []


def test_a_name_has_one_category_and_a_sku_one_meter(rows: list[Row]) -> None:
    for child, parent in (
        ("ServiceName", "ServiceCategory"),
        ("ServiceSubcategory", "ServiceCategory"),
        ("SkuPriceId", "SkuId"),
        ("SkuId", "SkuMeter"),
    ):
        parents = defaultdict(set)
        for row in rows:
            parents[row[child]].add(row[parent])
        assert {len(found) for name, found in parents.items() if name} == {1}, child


def test_a_sim_has_a_row_for_its_plan_and_one_for_its_usage(rows: list[Row]) -> None:
    fee, usage = one(rows, 2, "Purchase", x_PeriodStatus="Open"), one(rows, 2, x_PeriodStatus="Open")
    assert (fee["BilledCost"], fee["PricingQuantity"], fee["PricingUnit"], fee["ListUnitPrice"]) == (
        Decimal("1.5"), 1, "SIMs", Decimal("1.5"),
    )  # fmt: skip
    assert (fee["ChargePeriodStart"], fee["ChargePeriodEnd"]) == (utc(START), utc(END))
    assert (usage["BilledCost"], usage["ConsumedQuantity"], usage["ConsumedUnit"]) == (
        Decimal("0.42021"),
        12_000_001,
        "B",
    )
    assert (usage["PricingQuantity"], usage["PricingUnit"]) == (Decimal("2.001"), "MB")
    assert usage["ListUnitPrice"] == usage["ContractedUnitPrice"] == Decimal("0.21")
    assert (usage["ChargePeriodStart"], usage["ChargePeriodEnd"]) == (utc(START), utc(SEEN))
    assert (usage["SkuId"], usage["SkuPriceId"]) == ("12/overage", "12/overage/BASE/global")
    assert usage["SkuMeter"] == "Data Overage"
    assert usage["ChargeDescription"] == "Data beyond the allowance of plan Ten MB at 0.21 USD per MB"
    assert one(rows, 3, x_PeriodStatus="Open")["SkuMeter"] == "Data Usage"


def test_within_the_allowance_usage_is_told_and_costs_nothing(rows: list[Row]) -> None:
    usage = one(rows, 1, x_PeriodStatus="Open")
    assert (usage["BilledCost"], usage["ConsumedQuantity"], usage["PricingQuantity"]) == (0, 5_000_000, 0)


def test_what_is_billed_is_rounded_and_what_focus_wants_to_be_a_product_is_one(rows: list[Row]) -> None:
    usage = one(rows, 9, x_PeriodStatus="Open")
    assert usage["BilledCost"] == Decimal("0.12358")
    assert usage["ListCost"] == usage["ContractedCost"] == Decimal("0.123580245789")


def test_what_was_priced_by_another_megabyte_is_one_unit_at_its_cost(rows: list[Row]) -> None:
    for usage in (one(rows, 12), one(rows, 4, x_PeriodStatus="Closed")):
        assert (usage["PricingQuantity"], usage["PricingUnit"]) == (1, "Units")
        assert usage["ListUnitPrice"] == usage["ListCost"] == usage["BilledCost"] != 0


def test_names_and_tags_from_outside_are_as_they_were_given(rows: list[Row]) -> None:
    assert one(rows, 2, x_PeriodStatus="Open")["ResourceName"] == "=SUM(1+1)"
    assert one(rows, 5, "Purchase")["ResourceName"] == "\N{SATELLITE} 🛰️"
    assert one(rows, 12)["ResourceName"] == RIGHT_TO_LEFT
    assert one(rows, 13)["ResourceName"] is one(rows, 14)["ResourceName"] is None
    assert one(rows, 1, x_PeriodStatus="Open")["Tags"] == '{"pilot": true}'
    assert json.loads(one(rows, 2, x_PeriodStatus="Open")["Tags"]) == {"=cmd": "|calc", "n": '{"a": [1]}'}
    assert {row["ResourceName"] for row in of(rows, 20)} == {"gone since"}
    assert {row["Tags"] for row in of(rows, 20)} == {'{"field": true}'}


def test_open_rows_add_up_to_the_report_to_the_last_digit(fleet: Warehouse, rows: list[Row]) -> None:
    with fleet.read() as connection:
        expected = connection.execute(
            """SELECT sum(recurring_amount), sum(overage_cost + usage_charge) FROM hologram.overage_report
            WHERE day = ? AND period_end IS NOT NULL""",
            [DAY],
        ).fetchone()
    open_rows = [row for row in rows if row["x_PeriodStatus"] == "Open"]
    by = {name: total(row for row in open_rows if row["ChargeCategory"] == name) for name in ("Purchase", "Usage")}
    assert (by["Purchase"], by["Usage"]) == expected
    assert min(by.values()) > 3


def test_a_sim_without_a_price_has_no_row_for_it_and_is_counted(fleet: Warehouse, rows: list[Row]) -> None:
    for linkid in (5, 6, 8):
        assert of(rows, linkid) == []
        assert len(of(rows, linkid, "Purchase")) == 1
    for linkid in (7, 10):
        assert of(rows, linkid) == of(rows, linkid, "Purchase") == []
    with fleet.read() as connection:
        counted = left_out(connection, DAY, [])
        assert left_out(connection, DAY, [OTHER]) == {}
    assert counted == {
        "incomplete": 2, "no_period": 1, "pooled": 1, "unknown_plan": 1, "variable_rate": 1, "zone_not_offered": 1,
    }  # fmt: skip


def test_a_period_that_ended_stands_as_it_was_known_when_the_day_was_over(rows: list[Row]) -> None:
    having: dict[str, Any] = {"x_PeriodStatus": "Closed", "ChargeClass": None}
    usage = one(rows, 2, **having)
    assert (usage["BilledCost"], usage["ConsumedQuantity"], usage["PricingQuantity"]) == (
        Decimal("0.42021"), 12_000_000, Decimal("2.001"),
    )  # fmt: skip
    assert (usage["BillingPeriodEnd"], usage["ChargePeriodEnd"]) == (utc(ENDED), utc(ENDED))
    ended = one(rows, 1, **having)
    assert (ended["BilledCost"], ended["PricingUnit"], ended["ListUnitPrice"]) == (
        Decimal("0.63021"),
        "MB",
        Decimal("0.21"),
    )
    assert one(rows, 22, **having)["BilledCost"] == Decimal("0.1")
    assert of(rows, 3, **having) == []
    assert one(rows, 3, "Purchase", **having)["BilledCost"] == Decimal("0.8")


def test_corrections_stand_in_the_open_period_and_say_when_the_cost_arose(rows: list[Row]) -> None:
    gone = of(rows, 20, ChargeClass="Correction")
    assert [row["BilledCost"] for row in gone] == [Decimal("0.2"), Decimal("-0.1")]
    assert {row["ChargePeriodEnd"] for row in gone} == {utc(LONG_AGO)}
    assert {row["BillingPeriodStart"] for row in gone} == {utc(LONG_AGO)}
    assert {row["BillingPeriodEnd"] for row in gone} == {utc(LONG_AGO + 30 * ONE_DAY)}
    late = one(rows, 1, ChargeClass="Correction")
    assert (late["BillingPeriodStart"], late["BillingPeriodEnd"]) == (utc(START), utc(END))
    assert late["BilledCost"] == Decimal("0.2")
    month = one(rows, 21, ChargeClass="Correction")
    assert (month["BilledCost"], month["SkuMeter"]) == (Decimal("-0.2"), "Data Usage")
    assert month["BillingPeriodStart"] == month["ChargePeriodEnd"] == utc(datetime(2026, 11, 1))
    assert month["BillingPeriodEnd"] == utc(datetime(2026, 12, 1))
    assert month["ChargePeriodStart"] == utc(datetime(2026, 10, 1))


def test_corrections_that_change_no_cost_and_fees_that_stay_have_no_row(fleet: Warehouse, rows: list[Row]) -> None:
    assert of(rows, 20, "Purchase") == []
    after = export(fleet, DAY + ONE_DAY).to_pylist()
    assert [(row["ResourceId"], row["ChargeCategory"], row["BilledCost"]) for row in after] == [
        ("20", "Usage", Decimal("0.05")), ("20", "Purchase", Decimal("-0.1")), ("22", "Usage", Decimal("0.1")),
    ]  # fmt: skip


def test_rows_stand_by_organisation_sim_and_charge_period(rows: list[Row]) -> None:
    order = [(int(row["BillingAccountId"]), int(row["ResourceId"]), row["ChargePeriodStart"]) for row in rows]
    assert order == sorted(order)


def closed_rows(warehouse: Warehouse, days: Iterable[date]) -> Iterator[Row]:
    with warehouse.read() as connection:
        for day in days:
            table = read_focus(connection, day, [ORG])
            yield from (row for row in table.to_pylist() if row["x_PeriodStatus"] == "Closed")


def test_whatever_came_when_the_closed_rows_of_all_days_add_up_to_what_is_known_now(tmp_path: Path) -> None:
    draw = random.Random(7)
    days = [DAY + n * ONE_DAY for n in range(6)]

    def amount() -> str | None:
        return draw.choice([None, "0", f"{draw.randrange(10**7)}e-6"])

    periods: list[Row] = []
    versions: list[Row] = []
    for linkid in range(1, 121):
        end = MIDNIGHT + timedelta(seconds=draw.randrange(3 * 86400))
        count = draw.randrange(5)
        cost, fee = [amount() for _ in range(count + 1)], [amount() for _ in range(count + 1)]
        moments = sorted(end + timedelta(seconds=n) for n in draw.sample(range(1, 2 * 86400), count))
        periods.append(closed(linkid, end, overage_cost=cost[-1], usage_charge=None if cost[-1] is None else 0,
                              recurring_amount=fee[-1]))  # fmt: skip
        versions += [
            version(linkid, at, cost[n], end + timedelta(seconds=draw.randrange(30)), recurring_amount=fee[n])
            for n, at in enumerate(moments)
        ]
    warehouse = Warehouse(tmp_path / "x.duckdb")
    with warehouse.write() as connection:
        insert(connection, "closed_periods", periods)
        insert(connection, "closed_period_corrections", versions)
    found: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    classes = set()
    for row in closed_rows(warehouse, days):
        found[row["ResourceId"], row["ChargeCategory"]] += row["BilledCost"]
        classes.add((row["ChargeClass"], row["ChargeCategory"]))
    assert classes == {(kind, category) for kind in (None, "Correction") for category in ("Usage", "Purchase")}
    for period in periods:
        name = str(period["linkid"])
        assert found[name, "Usage"] == Decimal(period["overage_cost"] or 0), name
        assert found[name, "Purchase"] == Decimal(period["recurring_amount"] or 0), name


def test_loaded_as_the_guide_says_nothing_is_counted_twice(fleet: Warehouse, tmp_path: Path) -> None:
    # Two days without a report follow, on which the closed periods were corrected.
    days = [DAY + n * ONE_DAY for n in (-1, 0, 1, 2)]
    for day in days:
        write_parquet(export(fleet, day, ORG), tmp_path / f"{day}.parquet")
    guide = (Path(__file__).parents[2] / "docs" / "focus.md").read_text(encoding="utf-8")
    (query,) = re.findall(r"```sql\n(.+?)```", guide, re.DOTALL)
    closed_ones = total(closed_rows(fleet, days))
    open_ones = total(row for row in export(fleet, DAY, ORG).to_pylist() if row["x_PeriodStatus"] == "Open")
    asked = "SELECT sum(BilledCost) FROM costs"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(query.replace("exports/*.parquet", str(tmp_path / "*.parquet")))
        assert connection.execute(asked).fetchone() == (closed_ones + open_ones,)
        assert open_ones > 3 < closed_ones
        # Open rows of a period that ended since, of an organisation that has no other any more.
        connection.execute("DELETE FROM exports WHERE x_PeriodStatus = 'Open' AND x_ReportDay >= ?", [DAY])
        assert connection.execute("SELECT count(*) FROM exports WHERE x_PeriodStatus = 'Open'").fetchone() == (6,)
        assert connection.execute(asked).fetchone() == (closed_ones,)


def test_what_is_foreseen_changes_nothing(fleet: Warehouse, table: pa.Table) -> None:
    assert not [name for name in table.column_names if "roject" in name or "orecast" in name]
    with fleet.write() as connection:
        connection.execute(
            """UPDATE hologram.overage_report SET projected_bytes = 9e9, projected_bound_bytes = 9e9,
            projected_overage_cost = 1234, projected_usage_charge = 1234, exhausted_on = day, max_exposure_cost = 1234"""
        )
    assert export(fleet).equals(table)


def test_a_day_without_a_report_has_no_rows_and_the_same_columns(fleet: Warehouse, table: pa.Table) -> None:
    empty = export(fleet, date(2026, 1, 1))
    assert empty.num_rows == 0
    assert empty.schema.equals(table.schema, check_metadata=True)
    with fleet.read() as connection:
        assert left_out(connection, date(2026, 1, 1), []) == {}


def test_only_the_organisations_that_were_asked_for(fleet: Warehouse, rows: list[Row]) -> None:
    assert export(fleet, DAY, ORG, OTHER).to_pylist() == rows
    other = export(fleet, DAY, OTHER).to_pylist()
    assert {row["BillingAccountId"] for row in other} == {str(OTHER)}
    assert export(fleet, DAY, ORG).to_pylist() + other == rows


def test_a_csv_has_times_and_numbers_as_focus_writes_them_and_no_formulas(table: pa.Table, rows: list[Row]) -> None:
    read = list(csv.DictReader(io.StringIO(as_csv(with_text_times(table)))))
    assert len(read) == len(rows)
    for line, row in zip(read, rows, strict=True):
        for name, value in row.items():
            if isinstance(value, datetime):
                assert TIME.fullmatch(line[name])
                assert datetime.fromisoformat(line[name]) == value
            elif isinstance(value, Decimal):
                assert re.fullmatch(r"-?\d+(\.\d+)?", line[name])
                assert Decimal(line[name]) == value
            elif isinstance(value, str):
                assert line[name] in {value, "'" + value}
                assert not line[name].startswith(("=", "+", "-", "@"))
            else:
                assert line[name] == ("" if value is None else str(value))


def test_parquet_keeps_decimals_times_and_the_version(table: pa.Table, tmp_path: Path) -> None:
    write_parquet(table, tmp_path / "x.parquet")
    read = pq.read_table(tmp_path / "x.parquet")
    assert read.equals(table)
    assert read.schema.metadata[b"FocusVersion"] == b"1.4"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ('["b","a","a"]', '{"a": true, "b": true}'),
        ('[{"name":"a","value":"1"},{"id":7},{"name":" "}]', '{"7": true, "a": "1"}'),
        ('{"a":1.10,"b":null,"c":NaN,"d":false}', '{"a": "1.10", "b": null, "c": "NaN", "d": false}'),
        ('{"a":[1,{"b":2}]}', '{"a": "[1, {\\"b\\": 2}]"}'),
        ("no JSON", '{"no JSON": true}'),
        ('"\\ud83d"', '{"?": true}'),
        ("[" * 100_000, '{"' + "[" * 100_000 + '": true}'),
        ("[]", None),
        ("{}", None),
        ("null", None),
        ("", None),
    ],
)  # fmt: skip
def test_tags_become_one_flat_object(text: str, written: str | None) -> None:
    assert _key_values(text) == written
