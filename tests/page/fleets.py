"""Views of fleets as the warehouse would give them: of no SIM, of one, of 200,000, with names of any kind."""

from __future__ import annotations

import random
from dataclasses import fields
from datetime import date, datetime, timedelta
from decimal import Decimal

from hologram_assets.page.view import (
    CURVE_DAYS,
    MIX_DAYS,
    MOST_ALERTS,
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

DAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 17)
HOSTILE = (
    "<script>alert(1)</script>", '" onload="alert(1)', "'><img src=x onerror=alert(1)>", "{{ 7 * 7 }} {% raw %}",
    "]]> -->",     "</title></svg><b>", "&lt;&amp;", '=HYPERLINK("http://x")', "x" * 300, "\0\x1b[31m",
    "a\u202eb\u2066c", "中国移动", "اتصالات", "ไทย", "🚀📡", "Z\u0301\u0300\u0301", "", "  ", "%s {0}",
    "$\\frac{$", "javascript:alert(1)", "url(#x) #010001",
)  # fmt: skip


PLANS = (
    "Global 100 MB",
    "High Data 5 GB",
    "Global 10 MB",
    "Global All Standard Flat Rate",
    "Quarterly 90 MB",
    "Legacy Zones 5 MB",
)
DEVICES = ("Pump 7", "Cold room 3", "Lift Nord", "Zähler Nº 12", "Truck 118", "车辆 25", "عداد 4", "Weather mast")
NETWORKS = ("Telefonica Moviles Espana S.A.", "Verizon Wireless", "T-Mobile USA, Inc", "中国移动", "Swisscom")
WEIGHTS = (400, 250, 120, 60, 40)


def usd(draw: random.Random, low: float, high: float) -> Decimal:
    """An amount with six places."""
    return Decimal(draw.randrange(int(low * 1_000_000), int(high * 1_000_000))) / 1_000_000


def cost(draw: random.Random, plan: str, sims: int) -> Cost:
    recurring, usage, overage = Decimal(sims), usd(draw, 0, sims), usd(draw, 0, sims)
    ahead = usage * 2, overage * 3
    bound = recurring + sum(ahead) + usd(draw, 0, sims)
    return Cost(plan, sims, sims, 10**9, 2 * 10**9, recurring, usage, overage, *ahead, bound, sims // 9, sims // 8)


def summed(costs: list[Cost]) -> Cost:
    names = [each.name for each in fields(Cost) if each.name != "plan"]
    return Cost(None, *(sum(getattr(each, name) for each in costs) for name in names))


def effects(draw: random.Random, of: Cost) -> Effects:
    """Effects that lead to the cost of today."""
    found = [
        usd(draw, -2, 0.5), Decimal(of.sims) / 8, usd(draw, 1, 2), usd(draw, -3, 0), usd(draw, -1, 1), Decimal(0),
        usd(draw, 0, 4),
    ]  # fmt: skip
    return Effects(of.plan, of.to_date - sum(found), *found)


def change(draw: random.Random, day: date, plans: list[Cost]) -> Change:
    of_plans = [effects(draw, plan) for plan in plans]
    amounts = [sum(column) for column in zip(*((each.before, *each.parts) for each in of_plans), strict=True)]
    sims = sum(plan.sims for plan in plans)
    return Change(day, sims, sims // 10, Effects(None, *(Decimal(amount) for amount in amounts)), tuple(of_plans), None)


def organisation(
    org_id: int = 144, sims: int = 40, names: tuple[str, ...] = (), *, most: bool = False
) -> OrganisationView:
    """A section with everything. `names` stand in every place for one; `most`: as many rows as there may be."""
    draw = random.Random(org_id)

    def rows(largest: int) -> range:
        return range(largest if most else min(largest, sims, 8))

    def name(number: int, usual: tuple[str, ...] = DEVICES) -> str:
        chosen = names or usual
        return chosen[number % len(chosen)]

    def sim(number: int) -> Sim:
        return Sim(14_400_000 + 7 * number, name(number), name(number + 1, PLANS))

    days = [DAY - timedelta(days=n) for n in range(MIX_DAYS - 1, -1, -1)]

    def parts(usual: tuple[str, ...]) -> tuple[MixPart, ...]:
        each = [[draw.randrange(weight, 2 * weight) for _ in days] for weight in (*WEIGHTS[: len(usual)], 30, 12)]
        largest = (MixPart(name(n, usual), 0, tuple(each[n])) for n in range(len(usual)))
        return *largest, MixPart(None, 12, tuple(each[-2])), MixPart(None, 0, tuple(each[-1]))

    plans = [cost(draw, name(n, PLANS), max(sims // (n + 2), 1)) for n in (rows(MOST_PLANS) if most else rows(6))]
    total = summed(plans)
    each = max(sims // 100, 1)
    line = Line(org_id, sims, 10 * each, 3 * each, 6, total.to_date, total.expected, total.to_date + 1, 70)
    return OrganisationView(
        org_id=org_id,
        line=line,
        cost=total,
        exposure=Exposure(
            sims, usd(draw, 0, 9), usd(draw, 9, 30), usd(draw, 30, 50), 2, usd(draw, 90, 500),
            1, sims // 4, usd(draw, 0, 5), usd(draw, 5, 9),
        ),
        plans=tuple(plans),
        yesterday=change(draw, DAY - timedelta(days=1), plans),
        last_period=change(draw, DAY - timedelta(days=30), plans),
        curve=tuple(
            CurveDay(
                DAY - timedelta(days=n),
                total.sims,
                total.priced_sims * (9 if 40 < n < 46 else 10) // 10,
                total.to_date * Decimal(100 - (n % 23)) / 100,
                total.expected * Decimal(100 - (n % 5)) / 100,
            )
            for n in range(CURVE_DAYS - 8, -1, -1)
            if n not in {20, 21, 22, 31, 33}
        ),
        periods_end=DAY + timedelta(days=29),
        bands=UsageBands(
            {(n, "over"): each * (14 - n) for n in range(10, 14)}
            | {(n, "ok"): each * (12 - n) for n in range(10)}
            | {(8, "at_risk"): 2 * each, (9, "will_exceed"): 3 * each},
            3,
            2,
            812.4,
        ),
        mix=Mix(tuple(days), frozenset(days[3:]), parts(("LTE", "LTE-M", "3G", "2G")), parts(NETWORKS)),
        worst=tuple(
            WorstSim(
                sim(n), ("over", "will_exceed", "payg", "at_risk")[n % 4], "priced", DAY if n == 2 else None, 10**9 - n,
                "incomplete" if n == 3 else "sessions", 0 if n % 4 == 2 else 10**8, None if n % 4 == 2 else 1000.0 - n,
                usd(draw, 0, 3), usd(draw, 3, 9), NOW + timedelta(days=n), DAY if n % 4 == 1 else None,
            )
            for n in rows(MOST_WORST)
        ),
        worst_count=sims,
        uncapped=tuple(
            UncappedSim(sim(n), "over", usd(draw, 0, 3), usd(draw, 3, 9), 120.0 - n)
            if n % 4
            else UncappedSim(sim(n), "payg", usd(draw, 0, 3), usd(draw, 3, 9), None)
            for n in rows(MOST_UNCAPPED)
        ),
        recommendations=Recommendations(
            {"recommended": sims // 20, "cheapest_already": sims // 2, "saving_too_small": sims // 4},
            usd(draw, 9, 90),
            sims // 40,
            tuple(
                PlanChange(
                    sim(n), name(n, PLANS), usd(draw, 1, 9), 12.5, usd(draw, 1, 9), 3 if n == 1 else 1, 3,
                    f"USD on {name(n + 1, PLANS)} → {name(n, PLANS)}: 21.974110 → 14.374110",
                )
                for n in rows(MOST_PLAN_CHANGES)
            ),
            tuple(
                Upgrade(sim(n), name(n, PLANS), usd(draw, 5, 9), usd(draw, 1, 5), DAY, 4.5) for n in rows(MOST_UPGRADES)
            ),
            sims // 100,
        ),
        alerts=Alerts(
            tuple(
                OpenAlert(
                    ("critical", "critical", "warn", "info")[n % 4], "overage_step", f"SIM {n}", name(n),
                    f"{name(n)}: 200 % of the allowance used", "open", NOW,
                )
                for n in rows(MOST_ALERTS)
            ),
            {"critical": 38, "warn": 22, "info": 10},
            5,
        ),
        loads=(
            AssetLoad("raw_sessions", NOW, NOW, 2, 14, 90_000),
            AssetLoad("overage_report", NOW, NOW, 0, 0, None),
            AssetLoad("fleet_summary", None, None, 30, 0, None),
        ),
        lacks=(Lack("pooled", 3, 0), Lack("zone_not_offered", 2, 2), Lack("incomplete", 1, 0), Lack("at_least", 1, 0)),
        scores=(ForecastScore(5, 60, 4.2, -1.5, 91.0), ForecastScore(None, 180, None, None, 99.0)),
        reconciliation=Reconciliation(97, 3, 5, 1, 10**12, 12_345, -45),
    )  # fmt: skip


def page(*organisations: OrganisationView) -> PageView:
    return PageView(DAY, NOW, tuple(each.line for each in organisations), organisations)


def empty(org_id: int = 144) -> OrganisationView:
    """An organisation whose report is stored and has no SIM."""
    nothing = Decimal(0)
    return OrganisationView(
        org_id=org_id,
        line=Line(org_id, 0, 0, 0, 0, nothing, nothing, nothing, 0),
        cost=Cost(None, 0, 0, 0, 0, nothing, nothing, nothing, nothing, nothing, nothing, 0, 0),
        exposure=Exposure(0, nothing, nothing, nothing, 0, nothing, 0, 0, nothing, nothing),
        curve=(CurveDay(DAY, 0, 0, nothing, nothing),),
        bands=UsageBands({}, 0, 0, None),
        mix=Mix((DAY,), frozenset({DAY}), (), ()),
        recommendations=Recommendations({}, nothing, 0, (), (), 0),
        alerts=Alerts((), {}, 0),
        loads=(AssetLoad("overage_report", NOW, NOW, 0, 0, None),),
        reconciliation=Reconciliation(0, 0, 0, 0, 0, 0, 0),
    )


def underived(org_id: int = 144) -> OrganisationView:
    """What an older version left: a report, and nothing that was derived of it."""
    return OrganisationView(org_id=org_id, line=Line(org_id, 12, 1, 0, 0, None, None, None, None))
