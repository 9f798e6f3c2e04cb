"""Fleets for the tests of the money tables: put into a real warehouse, and reckoned once more in plain Python.

Reports are made by the project's own SQL from usage and forecasts that the tests choose. What is derived from them is
reckoned here from the tables' descriptions, with `Decimal` and `domain.pricing` and without SQL.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from statistics import median
from typing import Any, NamedTuple
from unittest.mock import patch

import duckdb
import pyarrow as pa

from hologram_assets.domain.forecast import ForecastRules
from hologram_assets.domain.pricing import PricingRules, charge
from hologram_assets.domain.recommendation_rules import RecommendationRules
from hologram_assets.warehouse import money
from hologram_assets.warehouse.connection import sql
from hologram_assets.warehouse.loads import Load, record_load
from hologram_assets.warehouse.tables import (
    ALERTS,
    BILLING_PERIODS,
    CLOSED_PERIODS,
    OVERAGE_REPORT,
    PLAN_CATALOG,
    SIM_INVENTORY,
    Table,
)

Row = dict[str, Any]

DAY = date(2026, 11, 20)
ONE = timedelta(days=1)
MB = 1_000_000
PRICING = PricingRules()
NOTHING = Decimal("0.000000")
MICRO = Decimal("0.000001")
EFFECTS = ("late_corrections", "sim_count", "became_known", "periods_begun", "plan_mix", "rate", "usage_per_sim")


def midnight(day: date) -> datetime:
    return datetime.combine(day, time())


class Plan(NamedTuple):
    """A plan in a zone: bytes included, USD per MB beyond them, USD per period. Without a rate it is not offered there."""

    plan_id: int
    allowance: int = 10 * MB
    rate: str | None = "0.50"
    recurring: str | None = "2.00"
    zone: str = "global"
    region: int | None = 1
    intervals: int = 1
    enabled: bool = True
    pooled: bool = False
    variable: bool = False
    name: str | None = "Plan"


class Sim(NamedTuple):
    """A SIM on a day: its plan, the bytes so far, expected and stayed below, and its period. `zone` is the inventory's."""

    linkid: int
    plan_id: int | None
    usage: int | None = 0
    projected: int | None = None
    bound: int | None = None
    zone: str | None = "GLOBAL"
    start: datetime | None = midnight(DAY) - 10 * ONE
    end: datetime | None = midnight(DAY) + 20 * ONE
    whole: bool = True
    limit: int | None = -1
    name: str | None = "Meter"


class Closed(NamedTuple):
    """A closed period; without `final` only its sessions are known, not `whole` nothing is."""

    linkid: int
    end: datetime
    bytes: int
    final: int | None = None
    whole: bool = True


class Total(NamedTuple):
    """Hologram's total of a period, fetched some time after its end, or before."""

    linkid: int
    end: datetime
    bytes: int
    after: timedelta = ONE


class Alarm(NamedTuple):
    """A row of `alerts`, whose detail names some SIMs."""

    linkid: int | None
    rule: str = "rat_downgrade"
    state: str = "open"
    family: str = "network"
    sims: tuple[int, ...] | None = None

    @property
    def row(self) -> Row:
        detail = {} if self.sims is None else {"sims": self.sims, "sims_count": len(self.sims)}
        return self._asdict() | {"detail": json.dumps(detail)}


class Case(NamedTuple):
    """One SIM with all that a recommendation for it is made from."""

    plans: Sequence[Plan]
    sim: Sim
    closed: Sequence[Closed] = ()
    totals: Sequence[Total] = ()
    alarms: Sequence[Alarm] = ()

    def apart(self, number: int) -> Case:
        """The same with plans, zones and SIMs that no other case has."""
        first = 1_000 * number

        def moved(linkid: int | None) -> int | None:
            return None if linkid is None else first + linkid

        def zone(name: str | None) -> str | None:
            return None if name is None else f"{number} {name}"

        return Case(
            [plan._replace(plan_id=first + plan.plan_id, zone=f"{number} {plan.zone}") for plan in self.plans],
            self.sim._replace(
                linkid=first + self.sim.linkid, plan_id=moved(self.sim.plan_id), zone=zone(self.sim.zone)
            ),
            [closed._replace(linkid=first + closed.linkid) for closed in self.closed],
            [total._replace(linkid=first + total.linkid) for total in self.totals],
            [
                alarm._replace(linkid=moved(alarm.linkid), sims=alarm.sims and tuple(first + sim for sim in alarm.sims))
                for alarm in self.alarms
            ],
        )


_ARROW = {
    "BIGINT": pa.int64(),
    "INTEGER": pa.int32(),
    "VARCHAR": pa.string(),
    "BOOLEAN": pa.bool_(),
    "DOUBLE": pa.float64(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us"),
    "DECIMAL(18,6)": pa.decimal128(18, 6),
    "DECIMAL(18,9)": pa.decimal128(18, 9),
}


@dataclass
class Organisation:
    """One organisation of a warehouse that is open to write. What is put for a day takes the place of what was there."""

    connection: duckdb.DuckDBPyConnection
    org_id: int
    calendar_month: bool = False
    rules: RecommendationRules = field(default_factory=RecommendationRules)

    def put(self, table: Table, rows: Sequence[Row], day: date | None = None) -> None:
        """Rows in the place of those of the day, or of all days."""
        types = {column.name: _ARROW[column.type] for column in table.columns}
        full = [{"org_id": self.org_id, "day": day} | row for row in rows]
        columns = {name: pa.array([row.get(name) for row in full], kind) for name, kind in types.items()}
        self._clear(table, day)
        self.connection.register("rows_of_test", pa.table(columns))
        self.connection.execute(f"INSERT INTO {table.qualified} BY NAME SELECT * FROM rows_of_test")
        self.connection.unregister("rows_of_test")

    def _clear(self, table: Table, day: date | None) -> None:
        self.connection.execute(
            f"DELETE FROM {table.qualified} WHERE org_id = $org_id AND day = coalesce($day, day)",
            {"org_id": self.org_id, "day": day},
        )

    def report(
        self,
        day: date,
        sims: Sequence[Sim],
        plans: Sequence[Plan],
        *,
        through: datetime | str | None = "end of day",
        alerts: bool = True,
    ) -> None:
        """The day's catalogue, inventory and report."""
        self.put(PLAN_CATALOG, [_price(plan) for plan in plans], day)
        self.put(
            SIM_INVENTORY,
            [
                {
                    "linkid": sim.linkid,
                    "device_name": sim.name,
                    "overage_limit_bytes": sim.limit,
                    "plan_id": sim.plan_id,
                }
                for sim in sims
            ],
            day,
        )
        self._report(day, sims, midnight(day) + ONE if isinstance(through, str) else through, alerts=alerts)

    def _report(self, day: date, sims: Sequence[Sim], through: datetime | None, *, alerts: bool) -> None:
        connection = self.connection
        usage = pa.table(
            {
                "linkid": pa.array([sim.linkid for sim in sims], pa.int64()),
                "plan_id": pa.array([sim.plan_id for sim in sims], pa.int64()),
                "zone": pa.array([sim.zone for sim in sims], pa.string()),
                "period_start": pa.array([sim.start for sim in sims], pa.timestamp("us")),
                "period_end": pa.array([sim.end for sim in sims], pa.timestamp("us")),
                "usage_bytes": pa.array([sim.usage for sim in sims], pa.int64()),
                "usage_source": ["sessions" if sim.whole else "incomplete" for sim in sims],
                "projected_bytes": pa.array([sim.projected for sim in sims], pa.int64()),
                "projected_bound_bytes": pa.array([sim.bound for sim in sims], pa.int64()),
            }
        )
        connection.register("usage_of_test", usage)
        connection.execute(
            """CREATE OR REPLACE TEMP TABLE usage AS
            SELECT * EXCLUDE (projected_bytes, projected_bound_bytes) FROM usage_of_test"""
        )
        connection.execute(
            sql("priced_usage"),
            {"org_id": self.org_id, "price_day": day, "increment": PRICING.increment_bytes, "mb": PRICING.mb_bytes},
        )
        connection.execute(
            """CREATE OR REPLACE TEMP TABLE forecasts AS
            SELECT u.linkid, CAST(10 AS DOUBLE) AS elapsed_days, u.projected_bytes, u.projected_bound_bytes,
                   CAST(NULL AS DATE) AS exhausted_on
            FROM usage_of_test AS u JOIN priced AS p USING (linkid)
            WHERE u.projected_bytes IS NOT NULL AND p.status <> 'unknown' AND p.usage_source <> 'incomplete'"""
        )
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE report_of_test AS " + sql("overage_report"),
            {
                "org_id": self.org_id,
                "day": day,
                "complete_through": through,
                "increment": PRICING.increment_bytes,
                "mb": PRICING.mb_bytes,
                "quiet_days": ForecastRules().quiet_days,
                "loud_share": ForecastRules().loud_share,
            },
        )
        connection.unregister("usage_of_test")
        self._clear(OVERAGE_REPORT, day)
        connection.execute(f"INSERT INTO {OVERAGE_REPORT.qualified} BY NAME SELECT * FROM report_of_test")
        for asset in (OVERAGE_REPORT.name, ALERTS.name) if alerts else (OVERAGE_REPORT.name,):
            record_load(connection, self.org_id, day, asset, Load(rows=len(sims), complete_through=through), "run")

    def history(self, closed: Iterable[Closed] = (), totals: Iterable[Total] = ()) -> None:
        """All closed periods and totals of the organisation."""
        ended = [
            {
                "day": period.end.date(),
                "linkid": period.linkid,
                "period_start": period.end - 30 * ONE,
                "period_end": period.end,
                "session_bytes": period.bytes,
                "hologram_bytes": period.final,
                "usage_source": "sessions" if period.whole else "incomplete",
            }
            for period in closed
        ]
        named = [
            {
                "day": total.end.date(),
                "linkid": total.linkid,
                "period_end": total.end,
                "bytes": total.bytes,
                "fetched_at": total.end + total.after,
            }
            for total in totals
        ]
        self.put(CLOSED_PERIODS, ended)
        self.put(BILLING_PERIODS, named)

    def alert(self, *alarms: Alarm, day: date = DAY) -> None:
        self.put(ALERTS, [alarm.row | {"alert_id": str(n)} for n, alarm in enumerate(alarms)], day)

    def summed(self, day: date = DAY, now: datetime | None = None) -> Load:
        """Write the day's `fleet_summary` and `fleet_cost_changes`, at noon of the day if not told otherwise."""
        with patch.object(money, "utc_now", lambda: now or midnight(day) + ONE / 2):
            return money.write_fleet_summary(
                self.connection, self.org_id, day, calendar_month=self.calendar_month, pricing=PRICING, run_id="run"
            )

    def recommended(self, day: date = DAY) -> Load:
        """Write the day's `plan_recommendations`."""
        return money.write_plan_recommendations(
            self.connection,
            self.org_id,
            day,
            calendar_month=self.calendar_month,
            pricing=PRICING,
            rules=self.rules,
            run_id="run",
        )

    def advised(self, *cases: Case) -> list[Row]:
        """What `plan_recommendations` says of each case; ids of plans are the case's own."""
        apart = [case.apart(number) for number, case in enumerate(cases)]
        self.report(DAY, [case.sim for case in apart], [plan for case in apart for plan in case.plans])
        self.history([each for case in apart for each in case.closed], [each for case in apart for each in case.totals])
        self.alert(*(alarm for case in apart for alarm in case.alarms))
        self.recommended()
        found = self.advice()
        plans = ("plan_id", "best_plan_id", "recommended_plan_id", "upgrade_plan_id")
        return [
            found[case.sim.linkid]
            | {name: plan and plan % 1_000 for name in plans for plan in (found[case.sim.linkid][name],)}
            for case in apart
        ]

    def rows(self, table: str, day: date = DAY, where: str = "true") -> list[Row]:
        """A day's rows of a table, as they are stored."""
        asked = self.connection.execute(
            f"SELECT * FROM hologram.{table} WHERE org_id = ? AND day = ? AND {where}", [self.org_id, day]
        )
        names = [column[0] for column in asked.description]
        return [dict(zip(names, row, strict=True)) for row in asked.fetchall()]

    def total(self, day: date = DAY) -> Row:
        return self.rows("fleet_summary", day, "scope = 'total'")[0]

    def changes(self, since: str = "yesterday", day: date = DAY) -> dict[int | str | None, Row]:
        """The rows of `fleet_cost_changes` by plan; `total` is all."""
        found = self.rows("fleet_cost_changes", day, f"since = '{since}'")
        return {"total" if row["scope"] == "total" else row["plan_id"]: row for row in found}

    def advice(self, day: date = DAY) -> dict[int, Row]:
        """The rows of `plan_recommendations` by SIM."""
        return {row["linkid"]: row for row in self.rows("plan_recommendations", day)}


def _price(plan: Plan) -> Row:
    offered = plan.rate is not None and plan.recurring is not None
    return {
        "plan_id": plan.plan_id,
        "name": None if plan.name is None else f"{plan.name} {plan.plan_id}",
        "tier": "BASE",
        "zone": plan.zone,
        "included_bytes": plan.allowance,
        "recurring_amount": Decimal(plan.recurring or 0) if offered else None,
        "overage_rate_per_mb": Decimal(plan.rate or 0) if offered else None,
        "is_offered": offered,
        "billingperiod": plan.intervals,
        "coverage_region_id": plan.region,
        "is_current_tier": True,
        "is_dynamic_pool": plan.pooled,
        "use_variable_rates": plan.variable,
        "is_enabled": plan.enabled,
        "snapshot_basis": "own",
    }


def shown(effects: Row) -> dict[str, str]:
    """The effects that are not zero."""
    return {name: str(effects[name]) for name in EFFECTS if effects[name]}


# The oracle


class Price(NamedTuple):
    """What usage is priced by: bytes included, USD per MB beyond, USD per period. None: there is no such price."""

    allowance: int | None
    rate: Decimal | None
    recurring: Decimal | None

    def of(self, usage: int | None) -> Decimal:
        """What a usage costs; what has no price, or is not known, costs nothing."""
        cost = self.recurring or NOTHING
        if usage is None or self.allowance is None or self.rate is None:
            return cost
        bill = charge(usage, self.allowance, self.rate)
        return cost + bill.overage_cost + bill.usage_charge


def price_of(row: Row) -> Price:
    """By what the report priced a SIM."""
    rate = row["overage_rate_per_mb"] if row["pricing_status"] == "priced" else None
    return Price(row["included_bytes"], rate, row["recurring_amount"])


def to_date(row: Row) -> Decimal:
    return sum((row[name] or NOTHING for name in ("recurring_amount", "usage_charge", "overage_cost")), NOTHING)


def _amount(row: Row, *names: str) -> Decimal:
    """The largest of some amounts; what is not known is 0."""
    return max(row[name] or NOTHING for name in names)


def _expected(row: Row) -> tuple[Decimal, Decimal]:
    """Usage and overage at the period's end: not less than they come to so far, where nothing is foreseen."""
    return (
        _amount(row, "projected_usage_charge", "usage_charge"),
        _amount(row, "projected_overage_cost", "overage_cost"),
    )


def _bound(row: Row) -> Decimal:
    """What usage and overage come to at the bound; not less than what is expected."""
    expected = sum(_expected(row), NOTHING)
    if row["pricing_status"] != "priced" or row["projected_bound_bytes"] is None:
        return expected
    return max(expected, price_of(row)._replace(recurring=NOTHING).of(row["projected_bound_bytes"]))


def expected_summary(report: Sequence[Row]) -> dict[int | str | None, Row]:
    """`fleet_summary` by plan; `total` is all."""
    groups: dict[int | str | None, list[Row]] = defaultdict(list, {"total": list(report)})
    for row in report:
        groups[row["plan_id"]].append(row)
    return {plan: _summed(rows) for plan, rows in groups.items()}


def _summed(rows: Sequence[Row]) -> Row:
    def added(amount: Callable[[Row], Decimal], of: Callable[[Row], object] = lambda _: True) -> Decimal:
        return sum((amount(row) for row in rows if of(row)), NOTHING)

    def uncapped(row: Row) -> bool:
        return bool(row["overage_limit_bytes"] == -1)

    recurring = added(lambda row: _amount(row, "recurring_amount"))
    usage = added(lambda row: _amount(row, "usage_charge"))
    overage = added(lambda row: _amount(row, "overage_cost"))
    usage_then = added(lambda row: _expected(row)[0])
    overage_then = added(lambda row: _expected(row)[1])
    bytes_then = [row["usage_bytes"] if row["projected_bytes"] is None else row["projected_bytes"] for row in rows]
    return {
        "sims": len(rows),
        "priced_sims": sum(row["overage_cost"] is not None for row in rows),
        "usage_bytes": sum(row["usage_bytes"] or 0 for row in rows),
        "projected_bytes": sum(size or 0 for size in bytes_then),
        "recurring_cost": recurring,
        "usage_charge": usage,
        "overage_cost": overage,
        "cost_to_date": recurring + usage + overage,
        "projected_usage_charge": usage_then,
        "projected_overage_cost": overage_then,
        "projected_cost": recurring + usage_then + overage_then,
        "bound_cost": recurring + added(_bound),
        "sims_over": sum(row["status"] == "over" for row in rows),
        "sims_will_exceed": sum(row["status"] == "will_exceed" for row in rows),
        "uncapped_sims": sum(map(uncapped, rows)),
        "uncapped_cost": added(lambda row: _amount(row, "overage_cost"), uncapped),
        "uncapped_projected_cost": added(lambda row: _expected(row)[1], uncapped),
        "uncapped_bound_cost": added(_bound, lambda row: uncapped(row) and (row["included_bytes"] or 0) > 0),
        "limit_unknown_sims": sum(not uncapped(row) and (row["overage_limit_bytes"] or 0) <= 0 for row in rows),
        "capped_exposure_cost": added(lambda row: _amount(row, "max_exposure_cost")),
    }


def expected_changes(
    before: Sequence[Row],
    after: Sequence[Row],
    then_prices: Mapping[tuple[int, str], Price],
    published: Mapping[int | None, Decimal] | None,
    *,
    since: str,
) -> dict[int | str | None, dict[str, Decimal]]:
    """`fleet_cost_changes` by plan (`total` is all), each effect as the difference that its one step makes.

    `published` is None where nothing was.
    """
    found: dict[int | str | None, dict[str, Decimal]] = defaultdict(
        lambda: dict.fromkeys(("before_cost", *EFFECTS, "after_cost"), NOTHING)
    )

    def add(plan: int | None, effect: str, amount: Decimal) -> None:
        for key in (plan, "total"):
            found[key][effect] += amount

    was, now = ({row["linkid"]: row for row in rows} for rows in (before, after))
    for row in before:
        add(row["plan_id"], "before_cost" if published is None else "late_corrections", to_date(row))
        if row["linkid"] not in now:
            add(row["plan_id"], "sim_count", -to_date(row))
    for plan, cost in (published or {}).items():
        if plan is not None or cost:
            add(plan, "before_cost", cost)
            add(plan, "late_corrections", -cost)
    for row in after:
        add(row["plan_id"], "after_cost", to_date(row))
        old = was.get(row["linkid"])
        if old is None:
            add(row["plan_id"], "sim_count", to_date(row))
        else:
            _explain(old, row, then_prices, add, since=since)
    assert found["total"]
    return dict(found)


def _explain(
    old: Row,
    new: Row,
    then_prices: Mapping[tuple[int, str], Price],
    add: Callable[[int | None, str, Decimal], None],
    *,
    since: str,
) -> None:
    cost, price = to_date(old), price_of(old)
    if (old["overage_cost"] is None) != (new["overage_cost"] is None):
        add(old["plan_id"], "became_known", -cost)
        add(new["plan_id"], "became_known", to_date(new))
        return
    bytes_then = None if old["overage_cost"] is None else old["usage_bytes"]
    if _has_begun(old, new, since):
        bytes_then = 0
        add(old["plan_id"], "periods_begun", price.of(0) - cost)
        cost = price.of(0)
    if (old["plan_id"], old["zone"]) != (new["plan_id"], new["zone"]):
        price = then_prices.get((new["plan_id"], new["zone"]), price_of(new))
        add(old["plan_id"], "plan_mix", -cost)
        cost = price.of(bytes_then)
        add(new["plan_id"], "plan_mix", cost)
    if price_of(new) != price:
        add(new["plan_id"], "rate", price_of(new).of(bytes_then) - cost)
        cost = price_of(new).of(bytes_then)
    add(new["plan_id"], "usage_per_sim", to_date(new) - cost)


def _has_begun(old: Row, new: Row, since: str) -> bool:
    """Whether the SIM is in another period than the day before, or not as far in one as on that day of the last."""
    if None in {old["period_start"], new["period_start"]}:
        return False
    moved: timedelta = abs(new["period_start"] - old["period_start"])
    # The last day of a month stands for up to three days of the next.
    as_far = abs(moved - (new["day"] - old["day"])) <= timedelta(days=3, hours=12)
    return moved >= timedelta(hours=12) and (since == "yesterday" or not as_far)


@dataclass(frozen=True)
class History:
    """What a recommendation is made from besides the report."""

    plans: Sequence[Plan]
    closed: Sequence[Closed]
    totals: Sequence[Total] = ()
    alarms: Sequence[Alarm] = ()


def expected_advice(report: Row, history: History, rules: RecommendationRules) -> Row:
    """The columns of `plan_recommendations` that a reader acts upon, of one SIM."""
    own = price_of(report)
    mine = [
        plan
        for plan in history.plans
        if (plan.plan_id, plan.zone) == (report["plan_id"], report["zone"]) and report["zone"] is not None
    ]
    intervals = mine[0].intervals if mine else 1
    offers = {
        plan.plan_id: Price(plan.allowance, Decimal(plan.rate), Decimal(plan.recurring))
        for plan in history.plans
        if plan.rate is not None and plan.recurring is not None and mine
        and plan.enabled and not plan.pooled and not plan.variable
        and (plan.zone, plan.region, plan.intervals) == (report["zone"], mine[0].region, intervals)
        and plan.plan_id != report["plan_id"]
    }  # fmt: skip
    found: Row = {"verdict": "not_priced", "best_plan_id": None, "saving_per_period": None, "recommended_plan_id": None}
    is_priced = own.rate is not None and own.recurring is not None and report["projected_bound_bytes"] is not None
    usages = _judged(report, history, intervals, rules.periods) if is_priced else None
    found["anomaly"] = _anomaly(report, history, usages, rules)
    found |= _upgrade(report, own, offers, found["anomaly"])
    if not is_priced:
        return found
    if usages is None:
        return found | {"verdict": "too_little_history"}
    foreseen = report["projected_bound_bytes"]

    def costs(price: Price) -> tuple[Decimal, Decimal]:
        return sum((price.of(usage) for usage in usages), NOTHING), price.of(foreseen)

    mine_cost = costs(own)
    # In neither view dearer, and cheaper in all.
    theirs = {plan_id: costs(price) for plan_id, price in offers.items()}
    better = {
        plan_id: (closed, running)
        for plan_id, (closed, running) in theirs.items()
        if closed <= mine_cost[0] and running <= mine_cost[1] and closed + running < sum(mine_cost)
    }
    best = min(better, key=lambda plan_id: (sum(better[plan_id]), plan_id), default=None)
    best_costs = mine_cost if best is None else better[best]
    saved = [ours - others for ours, others in zip(mine_cost, best_costs, strict=True)]
    # In the closed periods on average, and in the running one.
    enough = all(
        saving >= periods * rules.saving_usd and saving >= rules.saving_share * cost
        for saving, periods, cost in zip(saved, (rules.periods, 1), mine_cost, strict=True)
    )
    if best is None:
        verdict = "cheapest_already"
    elif not enough:
        verdict = "saving_too_small"
    else:
        verdict = "anomaly_open" if found["anomaly"] else "recommended"
    return found | {
        "verdict": verdict,
        "highest_bytes": max(usages),
        "current_history_cost": mine_cost[0],
        "current_forecast_cost": mine_cost[1],
        "best_plan_id": report["plan_id"] if best is None else best,
        "best_history_cost": best_costs[0],
        "best_forecast_cost": best_costs[1],
        "saving_per_period": (saved[0] / rules.periods).quantize(MICRO, ROUND_HALF_UP),
        "forecast_saving": saved[1],
        "recommended_plan_id": best if verdict == "recommended" else None,
    }


def _judged(report: Row, history: History, intervals: int, periods: int) -> list[int] | None:
    """Usage of the last closed periods, newest first; None if they are not all known, one after the other."""
    link, start = report["linkid"], report["period_start"]
    ended: dict[datetime, int | None] = {
        each.end: max(each.bytes, each.final or 0) if each.whole else None
        for each in history.closed
        if each.linkid == link
    }
    for total in history.totals:
        # A total that was fetched before the period's end is not final.
        if total.linkid == link and total.after >= timedelta(0) and not any(_same(total.end, end) for end in ended):
            ended[total.end] = total.bytes
    last = sorted((end for end in ended if end < start + timedelta(hours=12)), reverse=True)[:periods]
    if len(last) < periods:
        return None
    # No period is missing between two of them, nor after the last.
    gaps = (later - earlier for later, earlier in pairwise(last))
    if start - last[0] > 4 * ONE or any(gap > 30 * intervals * ONE + 4 * ONE for gap in gaps):
        return None
    sizes = [ended[end] for end in last]
    return None if None in sizes else [size for size in sizes if size is not None]


def _same(one: datetime, other: datetime) -> bool:
    return abs(one - other) < timedelta(hours=12)


def _anomaly(report: Row, history: History, usages: list[int] | None, rules: RecommendationRules) -> str | None:
    rules_of = {
        alarm.rule
        for alarm in history.alarms
        if alarm.linkid == report["linkid"]
        and alarm.state in {"open", "escalated", "silenced"}
        and (alarm.family == "network" or alarm.rule == "payg_spend")
    }
    if usages and report["projected_bound_bytes"] > rules.beyond_times * Decimal(max(median(usages), MB)):
        rules_of.add("usage_beyond_history")
    return ", ".join(sorted(rules_of)) or None


def _upgrade(report: Row, own: Price, offers: Mapping[int, Price], anomaly: str | None) -> Row:
    nothing = dict.fromkeys(("upgrade_plan_id", "pay_overage_cost", "upgrade_cost", "upgrade_advice"))
    allowance, recurring = own.allowance or 0, own.recurring
    pay = report["projected_overage_cost"]
    if own.rate is None or recurring is None or not allowance or not pay or report["projected_bound_bytes"] is None:
        return nothing
    more = {
        plan_id: price.of(report["projected_bytes"]) - recurring
        for plan_id, price in offers.items()
        if (price.allowance or 0) > allowance
    }
    if not more:
        return nothing | {"pay_overage_cost": pay, "upgrade_advice": "pay_overage"}
    best = min(more, key=lambda plan_id: (more[plan_id], plan_id))
    advice = "pay_overage"
    if more[best] < pay:
        advice = "anomaly_open" if anomaly else "upgrade_now"
    return {
        "upgrade_plan_id": best,
        "pay_overage_cost": pay,
        "upgrade_cost": more[best],
        "upgrade_advice": advice,
    }
