"""`alerts` through the whole graph: the same data gives the same rows, in whatever order and however often days are run."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from random import Random
from typing import Any

import pytest
from dagster import AssetKey
from filelock import FileLock

from hologram_assets.domain.alerts import ACCEPTED, ESCALATED, OPEN, RESOLVED, SILENCED, Alert
from hologram_assets.domain.network_change import NETWORK_RULES
from hologram_assets.domain.overage_alerts import ClosedCharge, overage_alerts
from hologram_assets.domain.overage_rules import OVERAGE_RULES, OverageRules
from hologram_assets.domain.overage_standings import ClosedRow, ReportRow, sim_periods
from hologram_assets.domain.periods import end_of_day, start_of_day
from hologram_assets.partitions import OrgDay, today
from hologram_assets.sandbox.kinds import MIXED, Profile
from hologram_assets.sandbox.profiles import NETWORK_FAULTS, PROFILES
from hologram_assets.warehouse.alert_sources import sims_near_a_rule
from hologram_assets.warehouse.connection import Warehouse
from hologram_assets.warehouse.known import stale_days
from hologram_assets.warehouse.loads import Load, record_load
from tests.conftest import Deployment
from tests.integration.conftest import DAYS, ORGS, Base, Deploy, this_second
from tests.integration.test_kills_and_crowds import Moments, command, started, wait_until

ORG = 144
ONE_DAY = timedelta(days=1)
STATES = {OPEN, ESCALATED, RESOLVED, ACCEPTED, SILENCED}
ALERT = "alert_id, rule, step, severity, subject, state, opened_at, event_time, resolved_at, title, detail"
Rows = list[tuple[Any, ...]]


def derive(deployment: Deployment, first: date, last: date | None = None, org: int = ORG) -> None:
    summary = deployment.backfill(first, last, [org], ["network_changes", "alerts"])
    assert summary.ok, (summary.failed, summary.errors)


def rows_of(deployment: Deployment) -> Rows:
    """Every column of every alert."""
    return deployment.rows("SELECT * FROM hologram.alerts ORDER BY org_id, day, alert_id")


def alerts_of(deployment: Deployment, day: date, org: int = ORG) -> list[Alert]:
    found = deployment.rows(
        f"SELECT {ALERT} FROM hologram.alerts WHERE org_id = ? AND day = ? ORDER BY alert_id", [org, day]
    )
    return [Alert._make((*row[:-1], json.loads(row[-1]))) for row in found]


def loads_of(deployment: Deployment, org: int = ORG) -> dict[date, tuple[int, int, int]]:
    """Rows, new rows and changed rows of the latest run of each day."""
    found = deployment.rows(
        "SELECT day, rows, changed_rows, data_changed_at <= loaded_at FROM hologram.partition_loads "
        "WHERE asset = 'alerts' AND org_id = ?",
        [org],
    )
    return {day: tuple(numbers) for day, *numbers in found}


def spoken(deployment: Deployment) -> dict[date, Any]:
    """What the latest materialisation of each day lets speak; only of the days that may."""
    records = deployment.instance.fetch_materializations(AssetKey("alerts"), limit=1_000).records
    found: dict[date, Any] = {}
    for record in reversed(records):
        assert record.asset_materialization is not None
        assert record.partition_key is not None
        day = date.fromisoformat(record.partition_key.partition("|")[0])
        metadata = record.asset_materialization.metadata
        found.pop(day, None)
        if "speaking" in metadata:
            found[day] = metadata["speaking"].value
    return found


# --- a small fleet of some days


def test_the_alerts_of_a_fleet_are_sound_and_say_every_step_that_its_report_shows(loaded: Deploy, base: Base) -> None:
    deployment = loaded()
    days = [base.today - n * ONE_DAY for n in (2, 1, 0)]
    derive(deployment, days[0], days[-1])
    ids: dict[str, tuple[Any, ...]] = {}
    for day in days:
        alerts = alerts_of(deployment, day)
        assert alerts
        assert len({alert.alert_id for alert in alerts}) == len(alerts)
        for alert in alerts:
            assert alert.rule in {*OVERAGE_RULES, *NETWORK_RULES}
            assert alert.state in STATES
            assert alert.opened_at <= alert.event_time <= end_of_day(day)
            assert (alert.resolved_at is not None) == (alert.state in {RESOLVED, ACCEPTED})
            assert alert.resolved_at is None or alert.resolved_at.date() == day
            assert alert.title
            who = (alert.rule, alert.subject, alert.opened_at)
            assert ids.setdefault(alert.alert_id, who) == who
    unsound = deployment.rows(
        """SELECT * FROM hologram.alerts
           WHERE (family = 'overage') <> (rule IN ('overage_step', 'will_exceed', 'payg_spend'))
           OR linkid IS DISTINCT FROM CAST(detail ->> 'linkid' AS BIGINT) OR (linkid IS NULL) <> (rule = 'fleet_incident')
           OR linkid NOT IN (SELECT linkid FROM hologram.sim_inventory)"""
    )
    assert unsound == []

    through = dict(
        deployment.rows("SELECT asset, complete_through FROM hologram.partition_loads WHERE day = ?", [base.today])
    )
    assert through["alerts"] == min(through["overage_report"], through["network_changes"]) < end_of_day(base.today)

    shown = deployment.rows(
        """SELECT linkid, max(usage_bytes * 100 / included_bytes) FROM hologram.overage_report AS r
           WHERE org_id = ? AND day <= ? AND included_bytes > 0 AND pricing_status <> 'pooled' AND status <> 'unknown'
             AND period_end = (SELECT max(period_end) FROM hologram.overage_report AS l
                               WHERE l.org_id = r.org_id AND l.linkid = r.linkid AND l.day = ?) GROUP BY linkid""",
        [ORG, base.today, base.today],
    )
    expected = {
        linkid: max(step for step in OverageRules().steps if share > step or (step < 100 and share == step))
        for linkid, share in shown
        if share >= 50
    }
    running = [
        alert for alert in alerts_of(deployment, base.today) if alert.rule == "overage_step" and not alert.has_ended
    ]
    assert {alert.detail["linkid"]: alert.step for alert in running} == expected
    assert len(expected) > 5


def test_a_day_that_is_run_again_has_the_same_rows_and_counts_no_change(loaded: Deploy, base: Base) -> None:
    deployment = loaded()
    first = base.today - ONE_DAY
    derive(deployment, first, base.today)
    before = rows_of(deployment)
    changed_at = (
        "SELECT day, data_changed_at FROM hologram.partition_loads WHERE asset = 'alerts' AND day < ? ORDER BY day"
    )
    moments = deployment.rows(changed_at, [base.today])
    assert deployment.backfill(first, base.today, [ORG], ["alerts"]).ok
    assert rows_of(deployment) == before
    assert deployment.rows(changed_at, [base.today]) == moments
    assert {changed for _, changed, _ in loads_of(deployment).values()} == {0}


def test_what_comes_after_a_day_changes_nothing_on_it(loaded: Deploy, base: Base) -> None:
    deployment = loaded()
    day = base.today - 3 * ONE_DAY
    assert deployment.backfill(day - ONE_DAY, base.today, [ORG], ["network_changes"]).ok
    assert deployment.rows("SELECT 1 FROM hologram.network_changes WHERE day > ? LIMIT 1", [day])
    assert deployment.backfill(day, day, [ORG], ["alerts"]).ok
    expected = rows_of(deployment)
    assert {row[3] for row in expected} == {"overage", "network"}
    with deployment.warehouse.write() as connection:
        connection.execute(
            "UPDATE hologram.sim_inventory SET device_name = 'later', device_id = 1 WHERE day > ?", [day]
        )
        connection.execute("DELETE FROM hologram.partition_loads WHERE day > ?", [day])
        for table in ("raw_sessions", "daily_link_usage", "overage_report", "network_changes", "closed_periods"):
            connection.execute(f"DELETE FROM hologram.{table} WHERE day > ?", [day])
    forget(deployment, "alerts")
    assert deployment.backfill(day, day, [ORG], ["alerts"]).ok
    assert rows_of(deployment) == expected


def test_what_speaks_today_is_the_table_without_information(loaded: Deploy, base: Base) -> None:
    deployment = loaded()
    yesterday = base.today - ONE_DAY
    derive(deployment, yesterday, base.today)
    speaking = spoken(deployment)
    assert set(speaking) == {yesterday, base.today}
    for day in speaking:
        told = {(e["alert_id"], e["state"], e["step"], e["severity"]) for e in speaking[day]["alerts"]}
        in_table = {
            (a.alert_id, a.state, a.step, a.severity) for a in alerts_of(deployment, day) if a.severity != "info"
        }
        assert in_table <= told
        known = {a.alert_id for n in range(8) for a in alerts_of(deployment, day - n * ONE_DAY)}
        assert {alert_id for alert_id, *_ in told} <= known
    assert speaking[base.today]["complete"]
    assert deployment.backfill(yesterday, yesterday, [ORG], ["alerts"]).ok
    assert not spoken(deployment)[yesterday]["complete"]


def test_an_organisation_without_sims_has_an_empty_partition_of_alerts(quick: Deploy) -> None:
    deployment = quick(orgs=(ORG,), sims=0, days=5)
    day = today()
    summary = deployment.backfill(day, day, [ORG])
    assert summary.ok, (summary.failed, summary.errors)
    assert alerts_of(deployment, day) == []
    assert loads_of(deployment)[day][0] == 0
    assert spoken(deployment) == {day: {"alerts": [], "complete": True, "omitted": {}}}


def test_a_day_that_was_never_looked_at_fails_and_says_what_to_do(quick: Deploy) -> None:
    deployment = quick(orgs=(ORG,), sims=0, days=5)
    day = today() - ONE_DAY
    for derived, lacks in (("nothing", "overage_report"), ("overage_report", "network_changes")):
        with deployment.warehouse.write() as connection:
            derived_without_rows(connection, day, assets=[derived])
        summary = deployment.backfill(day, day, [ORG], ["alerts"])
        reason = f"{lacks} of {day} was never derived for organisation {ORG}; materialise it first"
        assert summary.failed == {("alerts", OrgDay(ORG, day)): reason}
        assert loads_of(deployment) == {}


@pytest.mark.parametrize("count", [6, pytest.param(60, marks=pytest.mark.campaign)])
def test_a_backfill_of_old_days_is_silent_and_today_is_not(quick: Deploy, count: int) -> None:
    deployment = quick(orgs=(ORG,), sims=0, days=5)
    days = [today() - n * ONE_DAY for n in range(count + 1, 1, -1)]
    with deployment.warehouse.write() as connection:
        derived_without_rows(connection, *days, today())
        # Above its allowance since the first day, in a period that ends tonight: there is something to say on every day.
        sim: dict[str, Any] = {"linkid": 7, "period_start": start_of_day(days[0]), "period_end": end_of_day(today())}
        insert_report(connection, *days, today(), **sim)
    assert deployment.backfill(days[0], days[-1], [ORG], ["alerts"]).ok
    assert len(rows_of(deployment)) == count
    assert spoken(deployment) == {}
    assert deployment.backfill(today(), today(), [ORG], ["alerts"]).ok
    assert [len(speaking["alerts"]) for speaking in spoken(deployment).values()] == [1]


def test_a_silence_holds_for_its_days_says_why_and_ends_by_itself(
    loaded: Deploy, base: Base, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    deployment = loaded()
    days = [base.today - n * ONE_DAY for n in (3, 2, 1)]
    derive(deployment, days[0], days[-1])
    before = {day: {alert.alert_id: alert for alert in alerts_of(deployment, day)} for day in days}
    lasting = {a.detail["linkid"] for a in before[days[0]].values() if a.rule == "overage_step" and a.step >= 100}
    sim = min(lasting & {a.detail["linkid"] for a in before[days[2]].values() if not a.has_ended})
    silences = tmp_path / "silences.yaml"
    silences.write_text(
        f"- {{until: {days[1]}, since: {days[1]}, reason: 'the customer knows', sim: {sim}, rule: overage_step}}\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("HOLOGRAM_SILENCES_FILE", str(silences))
    assert deployment.backfill(days[0], days[-1], [ORG], ["alerts"]).ok
    for day in days:
        for alert in alerts_of(deployment, day):
            same = before[day].pop(alert.alert_id)
            if day == days[1] and alert.rule == "overage_step" and alert.detail["linkid"] == sim:
                detail = dict(alert.detail)
                assert alert.state == SILENCED
                assert detail.pop("silenced_because") == "the customer knows"
                assert detail.pop("silenced_until") == days[1].isoformat()
                assert alert._replace(state=same.state, detail=detail) == same
            else:
                assert alert == same
        assert before[day] == {}


@pytest.mark.parametrize("upstream", ["overage_report", "network_changes", "daily_link_usage"])
def test_alerts_are_older_than_the_reports_changes_and_usage_of_up_to_ninety_days_before(
    reports: Any, upstream: str
) -> None:
    first = date(2026, 8, 1)
    days = [first + n * ONE_DAY for n in (0, 1, 90, 91)]
    for asset in ("daily_link_usage", "overage_report", "network_changes", "alerts"):
        for day in days:
            record_load(reports, ORG, day, asset, Load(rows=1, complete_through=end_of_day(day)), "a run")
    assert stale_days(reports, "alerts", ORG, first) == []
    again = Load(rows=1, complete_through=end_of_day(first))
    record_load(reports, ORG, first, upstream, again, "a run that changes nothing")
    assert stale_days(reports, "alerts", ORG, first) == []
    record_load(reports, ORG, first, upstream, replace(again, changed_rows=1), "a run that changes a row")
    assert stale_days(reports, "alerts", ORG, first) == days[:3]


def test_sessions_that_change_places_within_a_day_make_later_days_stale(reports: Any) -> None:
    """The order of a day's sessions decides on which day k in a row were back; the day's sums are the same as before."""
    day, through = date(2026, 11, 20), datetime(2026, 12, 1)
    for asset in ("raw_sessions", "daily_link_usage", "overage_report", "network_changes", "alerts"):
        for each in (day, day + ONE_DAY):
            record_load(reports, ORG, each, asset, Load(rows=1, complete_through=through), "a run")
    record_load(
        reports, ORG, day, "raw_sessions", Load(rows=1, changed_rows=1, complete_through=through), "another run"
    )
    record_load(reports, ORG, day, "daily_link_usage", Load(rows=1, complete_through=through), "another run")
    for asset in ("network_changes", "alerts"):
        assert stale_days(reports, asset, ORG, day) == [day, day + ONE_DAY]


# --- what the database leaves out


def derived_without_rows(
    connection: Any, *days: date, assets: Sequence[str] = ("overage_report", "network_changes")
) -> None:
    """As if the assets had been run for the days and found nothing."""
    for day in days:
        for asset in assets:
            record_load(connection, ORG, day, asset, Load(rows=0, complete_through=end_of_day(day)), "a run")


def insert_report(connection: Any, *days: date, linkid: int, period_end: datetime, **words: Any) -> None:
    """Rows of a SIM that is above its allowance, unless said otherwise."""
    for day in days:
        row = {
            "org_id": ORG, "day": day, "linkid": linkid, "plan_id": 73, "included_bytes": 10_000_000,
            "period_start": period_end - timedelta(days=30), "period_end": period_end, "usage_bytes": 12_000_001,
            "usage_source": "sessions", "status": "over", "pricing_status": "priced", **words,
        }  # fmt: skip
        marks = ", ".join("?" * len(row))
        connection.execute(
            f"INSERT INTO hologram.overage_report ({', '.join(row)}) VALUES ({marks})", list(row.values())
        )


def overage_of(connection: Any, org: int, day: date) -> list[Alert]:
    """What the asset says of overage: of the SIMs that the database hands over."""
    rules = OverageRules()
    return [
        alert
        for sim in sims_near_a_rule(connection, org, day, rules)
        for period, standings in sim_periods(org, day, sim.rows, sim.closed)
        for alert in overage_alerts(period, standings, sim.closed_charges, rules)
    ]


def overage_of_everything(connection: Any, org: int, day: date) -> Iterator[Alert]:
    """What it would say if every row of every SIM were looked at."""
    rows = connection.execute(
        """SELECT linkid, day, device_name, plan_id, plan_name, included_bytes, period_end, complete_through, status,
                  usage_bytes, overage_cost, usage_charge, projected_bytes, projected_overage_cost
           FROM hologram.overage_report WHERE org_id = ? AND day <= ? AND plan_id IS NOT NULL
             AND included_bytes IS NOT NULL AND pricing_status <> 'pooled' ORDER BY linkid, day""",
        [org, day],
    ).fetchall()
    ended = connection.execute(
        """SELECT linkid, plan_id, included_bytes, period_end, greatest(session_bytes, coalesce(hologram_bytes, 0)),
                  overage_cost, usage_charge, day
           FROM hologram.closed_periods WHERE org_id = ? AND day <= ? AND usage_source <> 'incomplete'
             AND plan_id IS NOT NULL AND included_bytes IS NOT NULL""",
        [org, day],
    ).fetchall()
    for linkid, of_sim in groupby(map(ReportRow._make, rows), key=lambda row: row.linkid):
        closed = [ClosedRow(*each[:-1]) for each in ended if each[0] == linkid and each[-1] == day]
        charges = [
            ClosedCharge(each[3], each[6])
            for each in ended
            if each[0] == linkid and each[2] == 0 and each[6] is not None
        ]
        for period, standings in sim_periods(org, day, list(of_sim), closed):
            yield from overage_alerts(period, standings, charges, OverageRules())


def test_the_rows_that_the_database_leaves_out_would_say_nothing(loaded: Deploy, base: Base) -> None:
    deployment = loaded()
    found = 0
    with deployment.warehouse.read() as connection:
        for org in ORGS:
            for number in range(DAYS):
                day = base.first + number * ONE_DAY
                expected = sorted(overage_of_everything(connection, org, day), key=lambda alert: alert.alert_id)
                assert sorted(overage_of(connection, org, day), key=lambda alert: alert.alert_id) == expected
                found += len(expected)
    assert found > 100


@pytest.fixture
def reports(tmp_path: Path) -> Iterator[Any]:
    """A warehouse without rows, open to write."""
    with Warehouse(str(tmp_path / "reports.duckdb")).write() as connection:
        yield connection


LAST_DAY = date(2026, 11, 20)
END = datetime(2026, 11, 20, 17, 24, 43)


def test_a_period_that_ends_is_resolved_though_the_day_before_was_never_derived(reports: Any) -> None:
    insert_report(reports, *(LAST_DAY - n * ONE_DAY for n in (4, 3, 2)), linkid=7, period_end=END)
    insert_report(reports, LAST_DAY, linkid=7, period_end=END + timedelta(days=30), usage_bytes=0, status="ok")
    assert [(alert.state, alert.resolved_at) for alert in overage_of(reports, ORG, LAST_DAY)] == [(RESOLVED, END)]


def test_a_sims_alerts_do_not_depend_on_the_periods_of_others(reports: Any) -> None:
    insert_report(reports, *(LAST_DAY - n * ONE_DAY for n in (4, 3, 2)), linkid=7, period_end=END)
    insert_report(reports, LAST_DAY, linkid=7, period_end=END + timedelta(days=30), usage_bytes=0, status="ok")
    alone = overage_of(reports, ORG, LAST_DAY)
    insert_report(reports, LAST_DAY, linkid=8, period_end=END + timedelta(days=5), usage_bytes=0, status="ok")
    assert overage_of(reports, ORG, LAST_DAY) == alone


@pytest.mark.parametrize(
    ("words", "speaks"),
    [
        ({}, True),
        ({"usage_bytes": 5_000_000, "status": "ok"}, True),
        ({"usage_bytes": 4_999_999, "status": "ok"}, False),
        ({"pricing_status": "pooled", "status": "unknown"}, False),
        ({"plan_id": None}, False),
        ({"included_bytes": None}, False),
        ({"status": "unknown"}, False),
        ({"included_bytes": 0, "status": "payg", "usage_charge": Decimal("5.00")}, False),
        ({"included_bytes": 0, "status": "payg", "usage_charge": Decimal("5.01")}, True),
        (
            {
                "usage_bytes": 1, "status": "will_exceed", "projected_bytes": 15_000_000,
                "projected_overage_cost": Decimal("1.00"),
            },
            True,
        ),
    ],
)  # fmt: skip
def test_only_a_sim_that_comes_near_a_rule_is_looked_at(reports: Any, words: dict[str, Any], speaks: bool) -> None:
    insert_report(reports, LAST_DAY - ONE_DAY, linkid=7, period_end=END, **words)
    assert bool(overage_of(reports, ORG, LAST_DAY - ONE_DAY)) == speaks


def insert_closed(connection: Any, *, linkid: int, period_end: datetime, **words: Any) -> None:
    """A period that used twice its allowance, unless said otherwise."""
    row = {
        "org_id": ORG, "day": period_end.date(), "linkid": linkid, "plan_id": 73, "included_bytes": 10_000_000,
        "period_start": period_end - timedelta(days=30), "period_end": period_end, "session_bytes": 20_000_001,
        "usage_source": "sessions", **words,
    }  # fmt: skip
    marks = ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO hologram.closed_periods ({', '.join(row)}) VALUES ({marks})", list(row.values()))


@pytest.mark.parametrize(
    ("words", "step"),
    [
        ({}, 200),
        ({"hologram_bytes": 50_000_001, "usage_source": "billing"}, 500),
        ({"hologram_bytes": 19_000_000}, 200),
        ({"usage_source": "incomplete"}, 120),
    ],
)
def test_the_last_hours_count_as_they_were_priced_and_not_at_all_while_days_are_missing(
    reports: Any, words: dict[str, Any], step: int
) -> None:
    insert_report(reports, LAST_DAY - ONE_DAY, linkid=7, period_end=END)
    insert_closed(reports, linkid=7, period_end=END, **words)
    assert [(alert.step, alert.state) for alert in overage_of(reports, ORG, LAST_DAY)] == [(step, RESOLVED)]


@pytest.mark.parametrize(("earlier", "speaks"), [("1.83", True), ("1.84", False), (None, True)])
def test_a_spend_is_measured_against_the_closed_periods_of_the_sim(
    reports: Any, earlier: str | None, speaks: bool
) -> None:
    terms: dict[str, Any] = {"linkid": 7, "plan_id": 1, "included_bytes": 0}
    charge = None if earlier is None else Decimal(earlier)
    insert_closed(reports, period_end=END - timedelta(days=30), usage_charge=charge, **terms)
    insert_closed(reports, period_end=END - timedelta(days=30), usage_charge=Decimal(90), **terms | {"linkid": 8})
    spent: dict[str, Any] = {"status": "payg", "usage_charge": Decimal("5.50")}
    insert_report(reports, LAST_DAY - ONE_DAY, period_end=END, **terms, **spent)
    assert bool(overage_of(reports, ORG, LAST_DAY - ONE_DAY)) == speaks


# --- any order of runs: a fleet with every fault, loaded once with days that lack a fifth of their sessions

FLEET: dict[str, Any] = {"orgs": (ORG,), "sims": 56, "days": 36, "profile": "everything"}
LOADED_DAYS = 34
DERIVED = ("daily_link_usage", "network_changes", "overage_report", "alerts")
DERIVED_DAYS = 10
WITH_HOLES = (8, 7, 4)
"""Days ago; the planted faults lie 4 to 9 days back."""
RULES = """
network: {accepted_days: 4}
overage: {payg_usd: 0.5, will_exceed_usd: 0.1}
"""
INGEST = ("raw_sessions", "sim_inventory", "plan_catalog", "billing_usage")
EVERYTHING = Profile(
    "everything", "every fault of the network, and every kind of plan", (*NETWORK_FAULTS.mix[:36], *MIXED.mix)
)


@dataclass(frozen=True)
class Truth:
    """A warehouse in which every day was derived in order, and the moment of the sandbox's clock at which it was loaded."""

    folder: Path
    now: datetime

    @property
    def days(self) -> list[date]:
        """Days with alerts, in order; none is today, which is never over."""
        return [self.now.date() - n * ONE_DAY for n in range(DERIVED_DAYS, 0, -1)]


@pytest.fixture(scope="session")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    """Loaded once per test run, whichever worker comes first."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_TESTRUNUID" in os.environ:
        folder = folder.parent
    folder /= "alerts-truth"
    folder.mkdir(exist_ok=True)
    return Truth(folder, this_second())


@pytest.fixture
def fleet(truth: Truth, quick: Deploy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Deployment, Truth]:
    """A deployment whose warehouse is a copy of the truth."""
    monkeypatch.setitem(PROFILES, EVERYTHING.name, EVERYTHING)
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES, encoding="utf-8")
    monkeypatch.setenv("HOLOGRAM_RULES_FILE", str(rules))
    made, stored = truth.folder / "made.txt", truth.folder / "warehouse.duckdb"
    with FileLock(truth.folder / "lock"):
        if made.exists():
            truth = Truth(truth.folder, datetime.fromisoformat(made.read_text(encoding="utf-8")))
            deployment = quick(**FLEET | {"now": truth.now})
        else:
            deployment = quick(**FLEET | {"now": truth.now})
            _load(deployment, truth)
            shutil.copyfile(tmp_path / "warehouse.duckdb", stored)
            made.write_text(truth.now.isoformat(), encoding="utf-8")
    if today() != truth.now.date():
        pytest.skip("midnight (UTC) has passed since the fleet was loaded")
    shutil.copyfile(stored, tmp_path / "warehouse.duckdb")
    return deployment, truth


def _load(deployment: Deployment, truth: Truth) -> None:
    last = truth.now.date()
    holes = {last - ago * ONE_DAY for ago in WITH_HOLES}
    for ago in range(LOADED_DAYS, -1, -1):
        day = last - ago * ONE_DAY
        if day in holes:
            deployment.sandbox.faults.set("fewer_rows", value=0.2, endpoint="usage/data$")
            complete(deployment, [day], ("raw_sessions",))
            deployment.sandbox.faults.clear()
    for first, until in _stretches(last - LOADED_DAYS * ONE_DAY, last, holes):
        complete(deployment, [first, until], ("raw_sessions",))
    complete(deployment, [last - LOADED_DAYS * ONE_DAY, last], ("daily_link_usage",))
    complete(deployment, [truth.days[0] - ONE_DAY, last], INGEST[1:])
    complete(deployment, [truth.days[0], truth.days[-1]], ("network_changes", "overage_report", "alerts"))


def _stretches(first: date, last: date, without: set[date]) -> Iterator[tuple[date, date]]:
    days = [first + n * ONE_DAY for n in range((last - first).days + 1)]
    for hole, group in groupby(days, key=lambda day: day in without):
        if not hole:
            stretch = list(group)
            yield stretch[0], stretch[-1]


def complete(deployment: Deployment, days: Sequence[date], assets: Sequence[str]) -> None:
    """Run assets from the first to the last of the days; nothing may fail."""
    summary = deployment.backfill(days[0], days[-1], [ORG], assets)
    assert summary.ok, (summary.failed, summary.errors)


def forget(deployment: Deployment, *tables: str) -> None:
    """Take away what was derived, as if it had never been."""
    with deployment.warehouse.write() as connection:
        for table in tables:
            connection.execute(f"DELETE FROM hologram.{table}")
            connection.execute("DELETE FROM hologram.partition_loads WHERE asset = ?", [table])


def derived_anew(deployment: Deployment, truth: Truth) -> Rows:
    """The alerts of a clean run, day after day, on the sessions that the warehouse holds."""
    forget(
        deployment, "daily_link_usage", "network_changes", "overage_report", "closed_periods", "closed_period_corrections",
        "alerts",
    )  # fmt: skip
    last = truth.now.date()
    complete(deployment, [last - LOADED_DAYS * ONE_DAY, last], ("daily_link_usage",))
    complete(deployment, [truth.days[0], truth.days[-1]], ("network_changes", "overage_report", "alerts"))
    return rows_of(deployment)


def nothing_is_stale(deployment: Deployment, truth: Truth) -> None:
    """No day is older than what it was made from."""
    first = truth.days[0] - ONE_DAY
    with deployment.warehouse.read() as connection:
        assert [(asset, day) for asset in DERIVED for day in stale_days(connection, asset, ORG, first)] == []


def differences(rows: Rows, expected: Rows) -> list[tuple[str, tuple[Any, ...]]]:
    """What is there and shouldn't be, and what should be and isn't."""
    left, right = set(rows), set(expected)
    return [
        *(("too much", row) for row in sorted(left - right, key=repr)),
        *(("lacks", row) for row in sorted(right - left, key=repr)),
    ]


def in_order(deployment: Deployment) -> Rows:
    """The reference: every day derived once, from the first to the last. It says something of everything."""
    rows = rows_of(deployment)
    states = {state for (state,) in deployment.rows("SELECT DISTINCT state FROM hologram.alerts")}
    rules = {rule for (rule,) in deployment.rows("SELECT DISTINCT rule FROM hologram.alerts")}
    assert states == STATES
    assert rules >= {"overage_step", "payg_spend", "fleet_incident", "flapping", "rat_downgrade", "imei_change"}
    return rows


@pytest.mark.campaign
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [1, 2])
def test_days_run_in_any_order_and_twice_give_the_same_rows(fleet: tuple[Deployment, Truth], seed: int) -> None:
    deployment, truth = fleet
    expected = in_order(deployment)
    forget(deployment, "alerts")
    chance = Random(seed)
    for again in (False, True):
        for day in chance.sample(truth.days, len(truth.days)):
            complete(deployment, [day], ["alerts"])
            rows = [row for row in rows_of(deployment) if row[1] == day]
            assert differences(rows, [row for row in expected if row[1] == day]) == []
            assert loads_of(deployment)[day][1] == 0
            assert again or len(rows) == loads_of(deployment)[day][0]
    assert rows_of(deployment) == expected


@pytest.mark.campaign
@pytest.mark.timeout(300)
def test_a_kill_in_between_leaves_whole_days_and_the_next_run_completes_them(fleet: tuple[Deployment, Truth]) -> None:
    deployment, truth = fleet
    expected = in_order(deployment)
    forget(deployment, "alerts")
    killed = 0
    moments: list[Callable[[Moments], Callable[[], bool]]] = [
        lambda moments: moments.writing(2),
        lambda moments: moments.writing(3, logged=True),
        lambda moments: moments.writing(6, logged=True),
    ]
    for moment in moments:
        reached = moment(Moments(deployment))
        arguments = command(truth.days[0], truth.days[-1], "--assets", "alerts")
        with started(deployment.folder, arguments) as process:
            if wait_until(reached, process):
                process.send_signal(signal.SIGKILL)
                assert process.wait(60) == -signal.SIGKILL
                killed += 1
        done = set(loads_of(deployment))
        assert rows_of(deployment) == [row for row in expected if row[1] in done]
    assert killed >= 2
    complete(deployment, [truth.days[0], truth.days[-1]], ["alerts"])
    assert rows_of(deployment) == expected


@pytest.mark.campaign
@pytest.mark.timeout(300)
def test_sessions_that_come_late_or_change_give_the_alerts_of_a_clean_run(fleet: tuple[Deployment, Truth]) -> None:
    deployment, truth = fleet
    before = in_order(deployment)
    *holes, last = (truth.now.date() - ago * ONE_DAY for ago in WITH_HOLES)
    complete(deployment, holes, ())
    deployment.sandbox.faults.set("changed_rows", value=0.5)
    complete(deployment, [last], ())
    nothing_is_stale(deployment, truth)
    corrected = rows_of(deployment)
    assert differences(corrected, before)
    assert differences(corrected, derived_anew(deployment, truth)) == []


@pytest.mark.campaign
@pytest.mark.timeout(300)
def test_sessions_that_move_to_another_day_give_the_alerts_of_a_clean_run(fleet: tuple[Deployment, Truth]) -> None:
    deployment, truth = fleet
    before = in_order(deployment)
    deployment.sandbox.faults.set("moved_rows", value=0.2)
    complete(deployment, [truth.now.date() - 6 * ONE_DAY], ())
    nothing_is_stale(deployment, truth)
    corrected = rows_of(deployment)
    assert differences(corrected, before)
    assert differences(corrected, derived_anew(deployment, truth)) == []
