"""What the pictures show is summed in SQL: to the byte at the edges of a band, to the last digit of the money."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hologram_assets.commands.report import read_report
from hologram_assets.warehouse.connection import Warehouse
from hologram_assets.warehouse.pictures import day_costs, day_mixes, fleet_usage, worst_of, worst_sims

ORG = 144
DAY = date(2026, 11, 10)
END, NEXT_END = datetime(2026, 11, 12, 8), datetime(2026, 12, 12, 8)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "x.duckdb")


def insert(warehouse: Warehouse, table: str, rows: Iterable[dict[str, Any]]) -> None:
    with warehouse.write() as connection:
        for row in rows:
            names, marks = ", ".join(row), ", ".join("?" * len(row))
            connection.execute(f"INSERT INTO hologram.{table} ({names}) VALUES ({marks})", list(row.values()))


def load(warehouse: Warehouse, asset: str, *ago: int) -> None:
    insert(
        warehouse,
        "partition_loads",
        (
            {"org_id": ORG, "day": DAY - timedelta(n), "asset": asset, "complete_through": datetime(2026, 11, 11)}
            for n in ago
        ),
    )


def sim(
    linkid: int, ago: int, overage: object, usage: object = 0, end: datetime = END, **others: Any
) -> dict[str, Any]:
    return {
        "org_id": ORG, "day": DAY - timedelta(ago), "linkid": linkid, "period_end": end, "overage_cost": overage,
        "usage_charge": usage, "status": "ok", "pricing_status": "priced",
    } | others  # fmt: skip


def closed(linkid: int, ago: int, end: datetime, overage: object) -> dict[str, Any]:
    day = DAY - timedelta(ago)
    return {"org_id": ORG, "day": day, "linkid": linkid, "period_end": end, "overage_cost": overage, "usage_charge": 0}


def added(warehouse: Warehouse, ago: int = 0) -> tuple[Decimal | None, Decimal | None, int]:
    with warehouse.read() as connection:
        cost = day_costs(connection, ORG, DAY - timedelta(5), DAY)[DAY - timedelta(ago)]
    return cost.overage, cost.usage, cost.left_out


@pytest.mark.parametrize(
    ("used", "band"),
    [
        (0, 0), (999_999, 0), (1_000_000, 1), (7_999_999, 7), (8_000_000, 8), (10_000_000, 9), (10_000_001, 10),
        (12_000_000, 10), (12_000_001, 11), (20_000_001, 12), (50_000_000, 12), (50_000_001, 13),
        (9 * 10**18, 13),
    ],
)  # fmt: skip
def test_a_sim_is_in_its_band_to_the_byte_and_equal_is_not_over(warehouse: Warehouse, used: int, band: int) -> None:
    load(warehouse, "overage_report", 0)
    status = "over" if used > 10_000_000 else "ok"
    insert(
        warehouse,
        "overage_report",
        [
            sim(1, 0, 0, status=status, usage_bytes=used, included_bytes=10_000_000, pct_used=used / 100_000),
            sim(2, 0, 0, status="payg", usage_bytes=5, included_bytes=0),
            sim(3, 0, None, status="unknown", usage_bytes=5, included_bytes=10),
        ],
    )
    with warehouse.read() as connection:
        fleet = fleet_usage(connection, ORG, DAY, DAY)[DAY]
    assert fleet.sims == {(band, status): 1}
    assert (fleet.payg, fleet.unknown, fleet.highest) == (1, 1, used / 100_000)


def test_a_day_adds_what_each_sim_costs_more_than_the_day_before(warehouse: Warehouse) -> None:
    load(warehouse, "overage_report", 0, 1)
    insert(
        warehouse,
        "overage_report",
        [
            sim(1, 1, "1.000001"), sim(1, 0, "1.500003"),  # went on
            sim(2, 1, 0, "0.25"), sim(2, 0, 0, "0.75"),  # pay as you go
            sim(3, 0, "0.1"),  # first seen
            sim(4, 1, "5"), sim(4, 0, "3"),  # a larger plan
            sim(5, 1, None), sim(5, 0, "7"),  # not known before
            sim(6, 1, 0), sim(6, 0, 0),
        ],
    )  # fmt: skip
    assert added(warehouse) == (Decimal("-1.399998"), Decimal("0.5"), 1)
    assert added(warehouse, 1) == (None, None, 1)


def test_a_new_period_begins_at_nothing_and_the_rest_of_the_old_one_counts(warehouse: Warehouse) -> None:
    ended = datetime(2026, 11, 10, 8)
    load(warehouse, "overage_report", 0, 1)
    insert(
        warehouse,
        "overage_report",
        [
            sim(1, 1, "2.0", end=ended), sim(1, 0, "0.3", end=NEXT_END),
            sim(2, 1, "2.0", end=ended), sim(2, 0, 0, end=NEXT_END),  # its closed period is not whole
            # Ends that differ by hours are one period, also across midnight.
            sim(3, 1, "1.0", end=datetime(2026, 11, 10, 23)), sim(3, 0, "1.4", end=datetime(2026, 11, 11, 2)),
        ],
    )  # fmt: skip
    insert(
        warehouse,
        "closed_periods",
        [closed(1, 0, ended, "2.25"), closed(2, 0, ended, None), closed(1, 30, datetime(2026, 10, 11, 8), "9")],
    )
    assert added(warehouse) == (Decimal("0.3") + Decimal("0.25") + Decimal("0.4"), Decimal(0), 1)


def test_a_sim_that_is_away_for_a_day_is_not_counted_twice(warehouse: Warehouse) -> None:
    load(warehouse, "overage_report", 0, 1, 2, 3)
    insert(warehouse, "overage_report", [sim(1, 3, "1"), sim(1, 2, "2"), sim(1, 0, "5")])
    assert [added(warehouse, ago)[0] for ago in (2, 1, 0)] == [Decimal(1), Decimal(0), Decimal(3)]
    assert [added(warehouse, ago)[2] for ago in (2, 1, 0)] == [0, 0, 0]


def test_what_a_day_added_is_not_known_without_the_day_before(warehouse: Warehouse) -> None:
    load(warehouse, "overage_report", 0, 2)
    insert(
        warehouse,
        "overage_report",
        [sim(1, 2, "1"), sim(1, 0, "9", projected_overage_cost="12", projected_usage_charge=0), sim(2, 0, "1")],
    )
    with warehouse.read() as connection:
        costs = day_costs(connection, ORG, DAY - timedelta(5), DAY)
    assert sorted(costs) == [DAY - timedelta(2), DAY]
    assert (costs[DAY].added, costs[DAY].so_far, costs[DAY].expected) == (None, Decimal(10), Decimal(13))


def test_a_stored_day_without_a_sim_or_a_session_is_there_and_empty(warehouse: Warehouse) -> None:
    for asset in ("overage_report", "daily_link_usage"):
        load(warehouse, asset, 0, 1)
    assert added(warehouse) == (Decimal(0), Decimal(0), 0)
    with warehouse.read() as connection:
        assert fleet_usage(connection, ORG, DAY, DAY)[DAY].sims == {}
        assert day_mixes(connection, ORG, DAY, DAY)[DAY].networks == {}


def test_the_worst_sims_are_the_same_for_the_asset_and_for_the_report_command(warehouse: Warehouse) -> None:
    """By what they will cost, or cost already; then by per cent; those that are ok are not among them."""
    wanted = [
        sim(5, 0, "0.1", status="will_exceed", projected_overage_cost="9", projected_usage_charge=0),
        sim(4, 0, "5", status="over"),
        sim(3, 0, 0, "2.5", status="payg", projected_overage_cost=0, projected_usage_charge="3"),
        sim(9, 0, None, status="unknown", pct_used=98.0),
        sim(1, 0, 0, status="at_risk", pct_used=97.0),
        sim(2, 0, None, status="unknown"),
    ]
    insert(warehouse, "overage_report", [*reversed(wanted), sim(7, 0, "99")])
    with warehouse.read() as connection:
        of_asset = [row["linkid"] for row in worst_sims(connection, ORG, DAY, 10)]
        assert [row["linkid"] for row in worst_sims(connection, ORG, DAY, 2)] == [5, 4]
    report = read_report(warehouse, DAY, [])
    assert of_asset == [row["linkid"] for row in worst_of(report, 10)] == [row["linkid"] for row in wanted]
    # A warehouse that an older version wrote lacks a column until it is written to.
    older = report.drop_columns(["projected_usage_charge"])
    assert {row["linkid"] for row in worst_of(older, 10)} == set(of_asset)
