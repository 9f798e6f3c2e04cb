"""What the UI shows of a partition: tables with every materialisation, pictures with the first of a UTC day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from dagster import (
    AssetKey,
    EventLogRecord,
    MarkdownMetadataValue,
    TableMetadataValue,
    TextMetadataValue,
    serialize_value,
)

from hologram_assets.assets import shown
from hologram_assets.assets.shown import shown_table
from hologram_assets.backfill import register_orgs
from hologram_assets.jobs import run_of_days
from hologram_assets.partitions import DayRange, OrgDay, today
from hologram_assets.pictures import cost
from hologram_assets.pictures.canvas import is_picture
from hologram_assets.warehouse.pictures import day_costs
from tests.conftest import Deployment
from tests.integration.conftest import Base, Deploy

ORG = 144
PICTURES = {"overage_report": ("usage_against_allowance", "cost_per_day"), "daily_link_usage": ("network_and_rat_mix",)}
ONE_DAY = timedelta(days=1)


class Known(NamedTuple):
    """A SIM's period and what it costs, as far as a report or a closed period tells."""

    end: datetime | None
    cost: Decimal | None

    def is_one_with(self, other: Known) -> bool:
        return self.end is not None and other.end is not None and abs(self.end - other.end) < timedelta(hours=12)


def events(deployment: Deployment, asset: str, day: date) -> Sequence[EventLogRecord]:
    """A partition's materialisations, first to last."""
    records = deployment.instance.fetch_materializations(AssetKey(asset), limit=500, ascending=True).records
    return [record for record in records if record.partition_key == str(OrgDay(ORG, day).key)]


def metadata(record: EventLogRecord) -> dict[str, Any]:
    assert record.asset_materialization is not None
    return dict(record.asset_materialization.metadata)


def markdown(record: EventLogRecord, name: str) -> str:
    value = metadata(record)[name]
    assert isinstance(value, MarkdownMetadataValue)
    return value.md_str or ""


def derive(deployment: Deployment, first: date, last: date, *assets: str) -> None:
    assert deployment.backfill(first, last, [ORG], assets or tuple(PICTURES)).ok


def test_the_hourly_refresh_leaves_pictures_to_others_and_leads_to_those_that_are_there(
    loaded: Deploy, base: Base
) -> None:
    deployment = loaded()
    register_orgs(deployment.instance, [ORG])
    refresh = run_of_days("refresh", ORG, DayRange(base.today, base.today))
    job = deployment.defs.resolve_job_def("refresh")
    keys = [AssetKey(asset) for asset in PICTURES]

    def hourly() -> None:
        assert job.execute_in_process(
            instance=deployment.instance, tags=dict(refresh.tags), asset_selection=keys
        ).success

    hourly()
    derive(deployment, base.today, base.today)
    hourly()
    for asset, names in PICTURES.items():
        without, drawn, linked = events(deployment, asset, base.today)
        for name in names:
            words = metadata(without)[name]
            assert isinstance(words, TextMetadataValue)
            assert "settle_schedule" in (words.text or "")
            assert is_picture(markdown(drawn, name))
            assert "see [the materialization of" in markdown(linked, name)


def test_the_first_materialisation_of_a_utc_day_has_pictures_and_the_others_lead_to_it(
    loaded: Deploy, base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = loaded()
    yesterday = base.today - ONE_DAY
    derive(deployment, yesterday, base.today)
    derive(deployment, base.today, base.today)
    monkeypatch.setattr(shown, "today", lambda: today() + ONE_DAY)
    derive(deployment, base.today, base.today)
    for asset, names in PICTURES.items():
        assert len(events(deployment, asset, yesterday)) == 1
        first, again, next_day = events(deployment, asset, base.today)
        for name in names:
            assert is_picture(markdown(events(deployment, asset, yesterday)[0], name))
            assert is_picture(markdown(first, name))
            assert is_picture(markdown(next_day, name))
            words = markdown(again, name)
            link = f"/assets/{asset}?view=events&asOf={int(first.timestamp * 1000)}&partition={base.today}%7C{ORG}"
            assert f"]({link})" in words
            assert not is_picture(words)
    table = metadata(events(deployment, "overage_report", base.today)[1])["worst_sims"]
    assert isinstance(table, TableMetadataValue)


def test_a_picture_that_can_not_be_drawn_fails_no_day_and_is_tried_again(
    loaded: Deploy, base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = loaded()

    def broken(*_: object) -> str:
        msg = "no ink"
        raise RuntimeError(msg)

    with monkeypatch.context() as patch:
        patch.setattr(cost, "cost_per_day", broken)
        derive(deployment, base.today, base.today, "overage_report")
    derive(deployment, base.today, base.today, "overage_report")
    first, again = events(deployment, "overage_report", base.today)
    assert metadata(first)["cost_per_day"] == TextMetadataValue("not drawn: RuntimeError: no ink")
    assert is_picture(markdown(first, "usage_against_allowance"))
    assert is_picture(markdown(again, "cost_per_day"))
    assert not is_picture(markdown(again, "usage_against_allowance"))


def test_what_can_not_be_read_for_a_picture_fails_no_day(
    loaded: Deploy, base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = loaded()
    monkeypatch.setattr(shown, "_drawn_today", None)
    monkeypatch.setattr(
        "hologram_assets.assets.overage_report.day_costs", lambda connection, *_: connection.execute("SELECT 1/x")
    )
    derive(deployment, base.today, base.today, "overage_report")
    (only,) = events(deployment, "overage_report", base.today)
    assert "not drawn: Binder Error" in metadata(only)["cost_per_day"].value
    assert is_picture(markdown(only, "usage_against_allowance"))
    stored = deployment.rows(
        "SELECT run_id FROM hologram.partition_loads WHERE asset = 'overage_report' AND day = ? AND org_id = ?",
        [base.today, ORG],
    )
    assert stored == [(only.run_id,)]


def test_the_tables_name_the_worst_and_a_picture_counts_as_the_table_does(loaded: Deploy, base: Base) -> None:
    deployment = loaded()
    derive(deployment, base.today, base.today, "overage_report", "network_changes", "alerts")
    report = events(deployment, "overage_report", base.today)[0]
    sims = metadata(report)["worst_sims"].records
    expected = [Decimal(sim.data["expected $"]) for sim in sims if sim.data["expected $"] != "?"]
    assert 1 < len(sims) <= 10
    assert all(sim.data["status"] != "ok" for sim in sims)
    stored = dict(
        deployment.rows(
            "SELECT CAST(linkid AS VARCHAR), projected_overage_cost + projected_usage_charge "
            "FROM hologram.overage_report WHERE org_id = ? AND day = ?",
            [ORG, base.today],
        )
    )
    assert expected
    assert all(
        stored[sim.data["SIM"]] == Decimal(sim.data["expected $"]) for sim in sims if sim.data["expected $"] != "?"
    )
    over = metadata(report)["sims_over"].value
    assert f": over {over}, " in markdown(report, "usage_against_allowance")
    alerts = metadata(events(deployment, "alerts", base.today)[0])
    held = alerts["critical"].value + alerts["warn"].value + alerts["info"].value
    assert len(alerts["worst_alerts"].records) == min(10, held) > 0
    severities = ["critical", "warn", "info"]
    ranks = [severities.index(row.data["severity"]) for row in alerts["worst_alerts"].records]
    assert ranks == sorted(ranks)


def test_a_table_stays_small_and_plain_whatever_names_there_are() -> None:
    wide = shown_table({"device": "🚀" * 300, "plan": "a\n\u202eb", "n": number} for number in range(50))
    assert len(wide.records) == 10
    assert len(serialize_value(wide)) < 32_000
    assert wide.records[0].data["plan"] == "a \N{REPLACEMENT CHARACTER}b"


def test_what_each_day_added_is_what_each_sim_added(base: Base, loaded: Deploy) -> None:
    deployment = loaded()
    with deployment.warehouse.read() as connection:
        costs = day_costs(connection, ORG, base.first, base.today)
    query = "SELECT day, linkid, period_end, overage_cost + usage_charge FROM hologram.{} WHERE org_id = ? ORDER BY day"
    reports: defaultdict[date, dict[int, Known]] = defaultdict(dict)
    for day, linkid, *known in deployment.rows(query.format("overage_report"), [ORG]):
        reports[day][linkid] = Known(*known)
    closed = [(linkid, Known(*known)) for _, linkid, *known in deployment.rows(query.format("closed_periods"), [ORG])]
    assert (len(costs), costs[base.first].added) == (35, None)
    for day in sorted(costs)[1:]:
        found = [sim_added(linkid, reports[day - ONE_DAY], reports[day], closed) for linkid in reports[day]]
        assert costs[day].added == sum(
            (amount for amounts in found for amount in amounts if amount is not None), Decimal(0)
        )
        assert costs[day].left_out == sum(None in amounts for amounts in found)
        assert costs[day].so_far == sum((known.cost or Decimal(0) for known in reports[day].values()), Decimal(0))
    assert any(cost.added for cost in costs.values())


def sim_added(
    linkid: int, before: Mapping[int, Known], now: Mapping[int, Known], closed: Sequence[tuple[int, Known]]
) -> list[Decimal | None]:
    """What a SIM added within its period, and of the one before it."""
    old, new = before.get(linkid), now[linkid]
    if old is None:
        return [new.cost]
    if old.is_one_with(new):
        return [less(new.cost, old.cost)]
    whole = [known.cost for of, known in closed if of == linkid and old.is_one_with(known)]
    return [new.cost, less(whole[0] if whole else None, old.cost)]


def less(amount: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if amount is None or other is None else amount - other
