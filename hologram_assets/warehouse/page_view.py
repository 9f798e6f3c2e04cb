"""What the money report shows, read where it is stored: summed and cut there, so that a fleet of any size is a small page.

A part whose table lacks (an older version wrote the file) or was never derived for the day is None: the page says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

import duckdb

from hologram_assets.page.view import (
    CURVE_DAYS,
    FRESH_DAYS,
    JUDGED_DAYS,
    MIX_DAYS,
    MOST_ALERTS,
    MOST_LINES,
    MOST_ORGANISATIONS,
    MOST_PLAN_CHANGES,
    MOST_PLANS,
    MOST_UNCAPPED,
    MOST_UPGRADES,
    MOST_WORST,
    Alerts,
    AssetLoad,
    Change,
    Cost,
    CurveDay,
    Effects,
    Exposure,
    ForecastScore,
    Lack,
    Line,
    Mix,
    MixPart,
    OpenAlert,
    OrganisationView,
    PageView,
    PlanChange,
    Recommendations,
    Reconciliation,
    Sim,
    UncappedSim,
    Upgrade,
    UsageBands,
    WorstSim,
)
from hologram_assets.warehouse.backtest import AGES
from hologram_assets.warehouse.connection import WarehouseError, sql
from hologram_assets.warehouse.pictures import day_mixes, fleet_usage, worst_sims
from hologram_assets.warehouse.tables import (
    ALERTS,
    BILLING_USAGE,
    CLOSED_PERIODS,
    DAILY_LINK_USAGE,
    FLEET_COST_CHANGES,
    FLEET_SUMMARY,
    NETWORK_CHANGES,
    OVERAGE_REPORT,
    PARTITION_LOADS,
    PLAN_CATALOG,
    PLAN_RECOMMENDATIONS,
    RAW_SESSIONS,
    SCHEMA,
    SIM_INVENTORY,
    Table,
)

_ASSETS: Final = (
    RAW_SESSIONS, SIM_INVENTORY, PLAN_CATALOG, BILLING_USAGE, DAILY_LINK_USAGE, OVERAGE_REPORT, NETWORK_CHANGES, ALERTS,
    PLAN_RECOMMENDATIONS, FLEET_SUMMARY,
)  # fmt: skip
_MIX_PARTS: Final = 5
_TOTAL: Final = "total"


class _Standing(NamedTuple):
    """How an organisation's SIMs stand, as page_organisations.sql counts them."""

    sims: int
    sims_over: int
    sims_will_exceed: int
    sims_without_cost: int
    to_look_at: int
    periods_end: date | None
    has_alerts: bool


class _Totals(NamedTuple):
    cost: Cost
    exposure: Exposure
    yesterday: Decimal | None


def read_page_view(
    connection: duckdb.DuckDBPyConnection, day: date, org_ids: Sequence[int], made_at: datetime
) -> PageView:
    """The report of a day, for the organisations named or for all that have an overage report of it.

    Args:
        connection: to the warehouse; reading is enough.
        day: UTC day.
        org_ids: organisations; those without a report of the day are in `not_loaded`.
        made_at: now, naive UTC.

    Raises:
        WarehouseError: an older version wrote the warehouse, and what every report needs lacks.
    """
    reader = _Reader(connection, day)
    standings = reader.standings(org_ids)
    totals, counts = reader.totals(), reader.alert_counts()
    lines = sorted((_line(org_id, standings[org_id], totals, counts) for org_id in standings), key=_most_first)
    sections = [
        reader.organisation(line, standings[line.org_id], totals.get(line.org_id), counts.get(line.org_id, {}))
        for line in lines[:MOST_ORGANISATIONS]
    ]
    rest = lines[MOST_LINES:]
    return PageView(
        day=day,
        made_at=made_at,
        lines=tuple(lines[:MOST_LINES]),
        organisations=tuple(sections),
        not_loaded=tuple(sorted(set(org_ids) - standings.keys())),
        more=_together(rest) if rest else None,
        more_count=len(rest),
    )


class _Reader:
    """The queries of one day's page."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, day: date) -> None:
        self._connection = connection
        self._day = day
        stored = set(
            connection.execute(
                "SELECT table_name, column_name FROM duckdb_columns() WHERE schema_name = ?", [SCHEMA]
            ).fetchall()
        )
        self._tables = {
            table.name for table in (*_ASSETS, CLOSED_PERIODS, PARTITION_LOADS, FLEET_COST_CHANGES)
            if all((table.name, column) in stored for column in table.column_names)
        }  # fmt: skip
        if not self._has(OVERAGE_REPORT, PARTITION_LOADS):
            msg = (
                "an older version wrote this warehouse, and columns lack that the page needs; bring it up to date by "
                f"loading any day: hologram-assets backfill --from {day} --to {day}"
            )
            raise WarehouseError(msg)

    def standings(self, org_ids: Sequence[int]) -> dict[int, _Standing]:
        rows = self._ask("page_organisations", day=self._day, orgs=list(org_ids))
        return {org_id: _Standing(*numbers) for org_id, *numbers in rows}

    def totals(self) -> dict[int, _Totals]:
        if not self._has(FLEET_SUMMARY, FLEET_COST_CHANGES):
            return {}
        return {
            org_id: _Totals(Cost(None, *row[:12]), Exposure(*row[12:22]), row[22])
            for org_id, *row in self._ask("page_totals", day=self._day)
        }

    def alert_counts(self) -> dict[int, dict[tuple[str, bool], int]]:
        found: defaultdict[int, dict[tuple[str, bool], int]] = defaultdict(dict)
        if self._has(ALERTS):
            for org_id, severity, silenced, count in self._ask("page_alert_counts", day=self._day):
                found[org_id][severity, silenced] = count
        return found

    def organisation(
        self, line: Line, standing: _Standing, totals: _Totals | None, alerts: Mapping[tuple[str, bool], int]
    ) -> OrganisationView:
        """An organisation's section."""
        org_id = line.org_id
        loads = self._loads(org_id)
        loaded = {load.asset for load in loads if load.loaded_at is not None}
        plans, others, others_count = self._plans(org_id) if totals else ((), None, 0)
        changes = self._changes(org_id) if totals else {}
        return OrganisationView(
            org_id=org_id,
            line=line,
            cost=totals.cost if totals else None,
            exposure=totals.exposure if totals else None,
            plans=plans,
            other_plans=others,
            other_plans_count=others_count,
            yesterday=changes.get("yesterday"),
            last_period=changes.get("last_period"),
            curve=self._curve(org_id) if totals else (),
            periods_end=standing.periods_end,
            bands=self._bands(org_id),
            mix=self._mix(org_id),
            worst=tuple(map(_worst_sim, worst_sims(self._connection, org_id, self._day, MOST_WORST))),
            worst_count=standing.to_look_at,
            uncapped=tuple(
                UncappedSim(Sim(*sim[:3]), *sim[3:])
                for sim in self._ask("page_uncapped", org_id=org_id, day=self._day, most=MOST_UNCAPPED)
            ),
            recommendations=self._recommendations(org_id) if PLAN_RECOMMENDATIONS.name in loaded else None,
            alerts=self._alerts(org_id, alerts) if ALERTS.name in loaded else None,
            loads=loads,
            lacks=tuple(Lack(*row) for row in self._ask("page_without_cost", org_id=org_id, day=self._day)),
            scores=self._scores(org_id),
            reconciliation=self._reconciliation(org_id),
        )

    def _plans(self, org_id: int) -> tuple[tuple[Cost, ...], Cost | None, int]:
        plans = [Cost(*row) for row in self._ask("page_plans", org_id=org_id, day=self._day)]
        rest = plans[MOST_PLANS:]
        return tuple(plans[:MOST_PLANS]), _summed(rest) if rest else None, len(rest)

    def _changes(self, org_id: int) -> dict[str, Change]:
        totals: dict[str, tuple[date, int, int, Effects]] = {}
        plans: defaultdict[str, list[Effects]] = defaultdict(list)
        for since, scope, compared_day, sims, unknown, *effects in self._ask(
            "page_changes", org_id=org_id, day=self._day
        ):
            if scope == _TOTAL:
                totals[since] = compared_day, sims, unknown, Effects(*effects)
            else:
                plans[since].append(Effects(*effects))
        return {
            since: Change(
                *of_all,
                tuple(plans[since][:MOST_PLANS]),
                _summed(rest) if (rest := plans[since][MOST_PLANS:]) else None,
            )
            for since, of_all in totals.items()
        }

    def _curve(self, org_id: int) -> tuple[CurveDay, ...]:
        first = self._day - timedelta(days=CURVE_DAYS - 1)
        return tuple(CurveDay(*row) for row in self._ask("page_curve", org_id=org_id, first=first, last=self._day))

    def _bands(self, org_id: int) -> UsageBands | None:
        fleet = fleet_usage(self._connection, org_id, self._day, self._day).get(self._day)
        return UsageBands(fleet.sims, fleet.payg, fleet.unknown, fleet.highest) if fleet else None

    def _mix(self, org_id: int) -> Mix | None:
        if not self._has(DAILY_LINK_USAGE):
            return None
        days = [self._day - timedelta(days=MIX_DAYS - 1 - n) for n in range(MIX_DAYS)]
        mixes = day_mixes(self._connection, org_id, days[0], days[-1])
        each = [mixes.get(day) for day in days]
        return Mix(
            tuple(days),
            frozenset(mixes),
            _mix_parts([mix.rats if mix else {} for mix in each]),
            _mix_parts([mix.networks if mix else {} for mix in each]),
        )

    def _recommendations(self, org_id: int) -> Recommendations | None:
        if not self._has(PLAN_RECOMMENDATIONS, PLAN_CATALOG):
            return None
        key = {"org_id": org_id, "day": self._day}
        verdicts = self._ask("page_verdicts", **key)
        return Recommendations(
            {verdict: count for verdict, count, *_ in verdicts},
            sum((saving for *_, saving, _, _ in verdicts), Decimal(0)),
            sum(longer for *_, longer, _ in verdicts),
            tuple(
                PlanChange(Sim(*row[:3]), *row[3:])
                for row in self._ask("page_plan_changes", **key, most=MOST_PLAN_CHANGES)
            ),
            tuple(Upgrade(Sim(*row[:3]), *row[3:]) for row in self._ask("page_upgrades", **key, most=MOST_UPGRADES)),
            sum(upgrades for *_, upgrades in verdicts),
        )

    def _alerts(self, org_id: int, counts: Mapping[tuple[str, bool], int]) -> Alerts | None:
        if not self._has(ALERTS):
            return None
        return Alerts(
            tuple(OpenAlert(*row) for row in self._ask("page_alerts", org_id=org_id, day=self._day, most=MOST_ALERTS)),
            {severity: count for (severity, silenced), count in counts.items() if not silenced},
            sum(count for (_, silenced), count in counts.items() if silenced),
        )

    def _loads(self, org_id: int) -> tuple[AssetLoad, ...]:
        first = self._day - timedelta(days=FRESH_DAYS - 1)
        found = {
            asset: AssetLoad(asset, through, loaded_at, missing, int(late), lateness)
            for asset, through, loaded_at, missing, late, lateness in self._ask(
                "page_loads", org_id=org_id, day=self._day, first=first
            )
        }
        return tuple(found.get(table.name, AssetLoad(table.name, None, None, FRESH_DAYS, 0, None)) for table in _ASSETS)

    def _scores(self, org_id: int) -> tuple[ForecastScore, ...]:
        if not self._has(CLOSED_PERIODS):
            return ()
        return tuple(ForecastScore(*row) for row in self._ask("page_scores", **self._judged(org_id), ages=list(AGES)))

    def _reconciliation(self, org_id: int) -> Reconciliation | None:
        if not self._has(CLOSED_PERIODS):
            return None
        (row,) = self._ask("page_reconciliation", **self._judged(org_id))
        return Reconciliation(*map(int, row))

    def _judged(self, org_id: int) -> dict[str, Any]:
        return {"org_id": org_id, "first": self._day - timedelta(days=JUDGED_DAYS - 1), "last": self._day}

    def _has(self, *tables: Table) -> bool:
        return all(table.name in self._tables for table in tables)

    def _ask(self, name: str, **parameters: Any) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql(name), parameters).fetchall()


def _line(
    org_id: int,
    standing: _Standing,
    totals: Mapping[int, _Totals],
    alerts: Mapping[int, Mapping[tuple[str, bool], int]],
) -> Line:
    total = totals.get(org_id)
    return Line(
        org_id,
        standing.sims,
        standing.sims_over,
        standing.sims_will_exceed,
        standing.sims_without_cost,
        total.cost.to_date if total else None,
        total.cost.expected if total else None,
        total.yesterday if total else None,
        sum(count for (_, silenced), count in alerts.get(org_id, {}).items() if not silenced)
        if standing.has_alerts
        else None,
    )


def _most_first(line: Line) -> tuple[bool, Decimal, int]:
    return line.expected is None, -(line.expected or Decimal(0)), line.org_id


def _together(lines: Sequence[Line]) -> Line:
    """Several organisations as one line; an amount that is not known for one of them is not known for all."""

    def together(name: str) -> Any:
        known = [getattr(line, name) for line in lines]
        return None if None in known else sum(known[1:], known[0])

    return Line(0, *(together(each.name) for each in fields(Line) if each.name != "org_id"))


def _summed(rows: Sequence[Any]) -> Any:
    """Costs or effects of several plans as those of one."""
    kind = type(rows[0])
    numbers = [field.name for field in fields(kind) if field.name != "plan"]
    return kind(None, *(sum((getattr(row, name) for row in rows[1:]), getattr(rows[0], name)) for name in numbers))


def _mix_parts(each: Sequence[Mapping[str | None, int]]) -> tuple[MixPart, ...]:
    """The five names with most sessions of all days, largest first; then the others together, and what was not told."""
    sums: defaultdict[str | None, int] = defaultdict(int)
    for of_day in each:
        for name, sessions in of_day.items():
            sums[name] += sessions
    ranked = sorted((name for name in sums if name is not None), key=lambda name: (-sums[name], name))
    parts = [MixPart(name, 0, tuple(of_day.get(name, 0) for of_day in each)) for name in ranked[:_MIX_PARTS]]
    if rest := ranked[_MIX_PARTS:]:
        parts.append(MixPart(None, len(rest), tuple(_of(of_day, rest) for of_day in each)))
    if None in sums:
        parts.append(MixPart(None, 0, tuple(of_day.get(None, 0) for of_day in each)))
    return tuple(parts)


def _of(of_day: Mapping[str | None, int], names: Iterable[str]) -> int:
    return sum(of_day.get(name, 0) for name in names)


def _worst_sim(row: Mapping[str, Any]) -> WorstSim:
    """A row of the report, its overage and its pay-as-you-go usage together."""
    return WorstSim(
        Sim(row["linkid"], row["device_name"], row["plan_name"]),
        row["status"],
        row["pricing_status"],
        row["plan_changed_on"],
        row["usage_bytes"],
        row["usage_source"],
        row["included_bytes"],
        row["pct_used"],
        _both(row["overage_cost"], row["usage_charge"]),
        _both(row["projected_overage_cost"], row["projected_usage_charge"]),
        row["period_end"],
        row["exhausted_on"],
    )


def _both(overage: Decimal | None, usage: Decimal | None) -> Decimal | None:
    known = [amount for amount in (overage, usage) if amount is not None]
    return sum(known, Decimal(0)) if known else None
