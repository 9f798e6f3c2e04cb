"""The forecast of a fleet in SQL and the Python of its rules give the same answers, over whatever history there is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hologram_assets.domain.forecast import (
    Forecast,
    ForecastRules,
    Rhythm,
    forecast,
    ordinary_days,
    outlook,
    pooled,
    rhythm,
)
from hologram_assets.domain.pricing import billable_bytes, charge, cost
from hologram_assets.warehouse.connection import sql
from hologram_assets.warehouse.derived import foresee
from hologram_assets.warehouse.tables import schema_statements

ORG = 144
TODAY = date(2026, 11, 20)
DAY = timedelta(days=1)
MIDNIGHT = datetime.combine(TODAY, time())
RATE = Decimal("0.21")
DEFAULTS = ForecastRules()
MB = 1_000_000


@dataclass(frozen=True)
class Sim:
    """A SIM of the report: its bytes by days ago (yesterday is 1), its period, and what it has used in it."""

    daily: Mapping[int, int] = field(default_factory=dict)
    plan_id: int | None = 1
    allowance: int | None = 100 * MB
    usage: int | None = 50 * MB
    started: float = 10.0
    length: float = 30.0
    known_ends: tuple[float, ...] = ()
    source: str = "sessions"
    pricing: str = "priced"
    limit: int | None = None

    @property
    def start(self) -> datetime:
        return MIDNIGHT - timedelta(days=self.started)

    @property
    def end(self) -> datetime:
        return self.start + timedelta(days=self.length)

    @property
    def status(self) -> str:
        """What `priced` says, before anything is foreseen."""
        if self.usage is None or self.allowance is None or self.pricing in {"pooled", "unknown_plan"}:
            return "unknown"
        if self.usage > self.allowance > 0:
            return "over"
        if self.source == "incomplete":
            return "unknown"
        return "ok" if self.allowance else "payg"


@dataclass(frozen=True)
class Found:
    """What the report says of a SIM."""

    projected: int | None
    bound: int | None
    overage: Decimal | None
    charge: Decimal | None
    exhausted_on: date | None
    exposure: Decimal | None
    status: str


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(sql("macros"))
        for statement in schema_statements():
            connection.execute(statement)
        yield connection


def store(connection: duckdb.DuckDBPyConnection, table: str, columns: str, rows: Sequence[tuple[object, ...]]) -> None:
    values = ", ".join("unnest(?)" for _ in columns.split(", "))
    connection.execute(
        f"INSERT INTO hologram.{table} ({columns}) SELECT {values}", [list(each) for each in zip(*rows, strict=True)]
    )


def reported(
    connection: duckdb.DuckDBPyConnection,
    sims: Mapping[int, Sim],
    *,
    loaded: frozenset[int] = frozenset(range(1, 40)),
    as_of: datetime | None = MIDNIGHT,
    rules: ForecastRules = DEFAULTS,
    calendar_month: bool = False,
) -> dict[int, Found]:
    """The report's rows of SIMs whose usage and price are known already, by SIM."""
    for table in ("daily_link_usage", "partition_loads", "billing_periods", "sim_inventory"):
        connection.execute(f"TRUNCATE hologram.{table}")
    loads = [(TODAY - ago * DAY, datetime.combine(TODAY - (ago - 1) * DAY, time())) for ago in sorted(loaded)]
    store(
        connection,
        "partition_loads",
        "org_id, day, complete_through",
        [(ORG, *load) for load in [*loads, (TODAY, MIDNIGHT + timedelta(hours=12))]],
    )
    connection.execute("UPDATE hologram.partition_loads SET asset = 'daily_link_usage'")
    usage = [
        (ORG, TODAY - ago * DAY, link, network, size)
        for link, sim in sims.items()
        for ago, total in sim.daily.items()
        for network, size in (("A", total // 3), ("B", total - total // 3))
    ]
    # What other organisations do is nobody's business.
    usage.append((ORG + 1, TODAY - DAY, 1, "A", 10**9))
    store(connection, "daily_link_usage", "org_id, day, linkid, network_name, bytes", usage)
    ends = [(ORG, link, MIDNIGHT - timedelta(days=ago)) for link, sim in sims.items() for ago in sim.known_ends]
    ends.append((ORG + 1, 1, MIDNIGHT - 400 * DAY))
    store(connection, "billing_periods", "org_id, linkid, period_end", ends)
    limits = [(ORG, TODAY, link, sim.limit) for link, sim in sims.items()]
    store(connection, "sim_inventory", "org_id, day, linkid, overage_limit_bytes", limits)
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE priced (
            linkid BIGINT, plan_id BIGINT, plan_name VARCHAR, tier VARCHAR, zone VARCHAR, period_start TIMESTAMP,
            period_end TIMESTAMP, usage_bytes BIGINT, usage_source VARCHAR, included_bytes BIGINT, overage_bytes BIGINT,
            billable_bytes BIGINT, overage_rate_per_mb DECIMAL(18,9), overage_cost DECIMAL(18,6),
            usage_charge DECIMAL(18,6), recurring_amount DECIMAL(18,6), status VARCHAR, pricing_status VARCHAR)"""
    )
    for link, sim in sims.items():
        known = sim.status != "unknown" and sim.pricing == "priced"
        bill = charge(sim.usage or 0, sim.allowance or 0, RATE) if known else None
        connection.execute(
            """INSERT INTO priced BY NAME SELECT ? AS linkid, ? AS plan_id, ? AS period_start, ? AS period_end,
            ? AS usage_bytes, ? AS usage_source, ? AS included_bytes, ? AS overage_rate_per_mb, ? AS overage_cost,
            ? AS status, ? AS pricing_status""",
            [
                link, sim.plan_id, sim.start, sim.end, sim.usage, sim.source, sim.allowance, RATE,
                bill.overage_cost if bill else None, sim.status, sim.pricing,
            ],
        )  # fmt: skip
    connection.execute(sql("report_standings"), {"calendar_month": calendar_month})
    foresee(connection, ORG, as_of, rules)
    rows = connection.execute(
        f"""SELECT linkid, projected_bytes, projected_bound_bytes, projected_overage_cost, projected_usage_charge,
        exhausted_on, max_exposure_cost, status FROM ({sql("overage_report")})""",
        {
            "org_id": ORG,
            "day": TODAY,
            "complete_through": as_of,
            "increment": 1000,
            "mb": MB,
            "quiet_days": rules.quiet_days,
            "loud_share": rules.loud_share,
        },
    ).fetchall()
    assert len(rows) == len(sims)
    return {row[0]: Found(*row[1:]) for row in rows}


def own_days(sim: Sim, loaded: frozenset[int], as_of: datetime, rules: ForecastRules) -> list[int]:
    """The bytes of the SIM's whole days, by the text of the rules."""
    window = [(as_of.date() - n * DAY) for n in range(1, rules.history_days + 1)]
    known = min([sim.start, *(MIDNIGHT - timedelta(days=ago + 30) for ago in sim.known_ends)])
    used = [TODAY - ago * DAY for ago in sim.daily if TODAY - ago * DAY in window]
    if used and min(used) < known.date():
        first = min(used)
    else:
        first = known.date() if known == datetime.combine(known.date(), time()) else known.date() + DAY
    days = [day for day in window if day >= first and (TODAY - day).days in loaded]
    return [sim.daily.get((TODAY - day).days, 0) for day in days]


def expected(
    sims: Mapping[int, Sim], loaded: frozenset[int], as_of: datetime, rules: ForecastRules
) -> dict[int, Forecast | None]:
    days = {link: ordinary_days(own_days(sim, loaded, as_of, rules), rules) for link, sim in sims.items()}
    found: dict[int, Forecast | None] = {}
    for link, sim in sims.items():
        mates = [size for other in sims if sims[other].plan_id == sim.plan_id for size in days[other]]
        of_plan = rhythm(mates) if sim.plan_id is not None else Rhythm(0, 0.0, 0.0)
        own = pooled(rhythm(days[link]), of_plan, rules)
        if own.days == 0 or sim.usage is None or sim.allowance is None:
            found[link] = None
        else:
            found[link] = forecast(sim.usage, sim.allowance, max(as_of, sim.start), sim.end, own, rules)
    return found


EVERY_DAY = frozenset(range(1, 40))


def updated(size: int) -> dict[int, int]:
    """Days of 1 MB each, but for one of another size a week ago."""
    return dict.fromkeys(range(1, 33), MB) | {7: size}


sizes = st.integers(0, 50) | st.integers(0, 10**7) | st.integers(0, 10**15)
# Days of about the same size, and one that is a few times as large: left out, or just not.
updates = st.builds(
    lambda size, noise, ago, times: {
        day: int(times * size) if day == ago else size + size * share // 100 for day, share in enumerate(noise, start=1)
    },
    st.integers(1, 10**14),
    st.lists(st.integers(0, 50), min_size=32, max_size=32),
    st.integers(1, 32),
    st.sampled_from([1.5, 2.5, 3.75, 4.0, 5.0, 6.75, 9.0]) | st.floats(1, 12),
)
histories = (
    st.dictionaries(st.integers(1, 32), sizes, max_size=32)
    | sizes.map(lambda size: dict.fromkeys(range(1, 33), size))
    | updates
)
sims = st.builds(
    Sim,
    daily=histories,
    plan_id=st.sampled_from([1, 2]),
    allowance=st.just(100 * MB) | st.integers(0, 10**15) | st.just(0),
    usage=st.just(100 * MB) | sizes,
    started=st.floats(0, 29.9) | st.sampled_from([0.0, 2.0, 3.0, 29.5]),
    length=st.just(30.0) | st.just(90.0),
    known_ends=st.lists(st.floats(0, 60), max_size=2).map(tuple),
)
rules = st.builds(
    ForecastRules,
    st.sampled_from([28, 28, 14, 5]),
    st.sampled_from([1, 3, 5]),
    one_off_times=st.sampled_from([2.5, 1, 1000]) | st.floats(1, 5),
    one_off_share=st.sampled_from([0.2, 0, 1]) | st.floats(0, 1),
)


@settings(max_examples=100, deadline=None)
@given(
    fleet=st.lists(sims, min_size=1, max_size=5),
    loaded=st.just(frozenset(range(1, 40))) | st.frozensets(st.integers(1, 33)),
    hour=st.sampled_from([0.0, 6.25, 12.0]),
    rules=st.just(ForecastRules()) | rules,
)
@example([Sim({}, usage=0)], frozenset(), 0.0, ForecastRules())
@example([Sim(updated(5 * MB)), Sim({}, usage=0, started=0.0)], EVERY_DAY, 0.0, ForecastRules())
@example([Sim(updated(5 * MB // 2)), Sim(updated(27 * MB // 4))], EVERY_DAY, 0.0, ForecastRules())
@example([Sim({1: 8}, plan_id=2), Sim({3: 1, 9: 8})], EVERY_DAY, 0.0, ForecastRules(one_off_times=1, one_off_share=1))
@example([Sim({}, usage=0, started=0.0)], frozenset({1}), 0.0, ForecastRules())
@example([Sim({1: MB}, length=10.0)], frozenset(range(1, 33)), 0.0, ForecastRules())
@example([Sim(dict.fromkeys(range(1, 32), 10**15), usage=10**15)], frozenset(range(1, 33)), 0.0, ForecastRules())
def test_a_forecast_is_the_same(
    connection: duckdb.DuckDBPyConnection,
    fleet: list[Sim],
    loaded: frozenset[int],
    hour: float,
    rules: ForecastRules,
) -> None:
    as_of = MIDNIGHT + timedelta(hours=hour)
    known = dict(enumerate(fleet, start=1))
    found = reported(connection, known, loaded=loaded, as_of=as_of, rules=rules)
    for link, right in expected(known, loaded, as_of, rules).items():
        sim, row = known[link], found[link]
        if right is None:
            assert (row.projected, row.bound, row.exhausted_on, row.overage) == (None, None, None, None)
            continue
        assert row.projected is not None
        assert row.bound is not None
        assert sim.usage is not None
        assert sim.allowance is not None
        # To the byte, but for the last digits of a float.
        assert row.projected == pytest.approx(right.expected, rel=1e-12, abs=1)
        assert row.bound == pytest.approx(right.bound, rel=1e-9, abs=2)
        elapsed = (max(as_of, sim.start) - sim.start) / DAY
        seen = Forecast(row.projected, row.bound, None)
        assert row.status == (outlook(sim.usage, sim.allowance, elapsed, seen, rules) if sim.allowance else "payg")
        bill = charge(row.projected, sim.allowance, RATE)
        assert (row.overage, row.charge) == (bill.overage_cost, bill.usage_charge)
        if abs(right.expected - sim.allowance) > 1 or sim.usage >= sim.allowance:
            assert row.exhausted_on == right.exhausted_on


def test_one_sim_in_numbers(connection: duckdb.DuckDBPyConnection) -> None:
    """As of noon 19.5 days to go, after 28 days that alternate by 1 MB around 2 MB."""
    sim = Sim({ago: (1 if ago % 2 else 3) * MB for ago in range(1, 40)}, started=10, usage=70 * MB)
    as_of = MIDNIGHT + timedelta(hours=12)
    found = reported(connection, {1: sim}, as_of=as_of)[1]
    assert found.projected == 109 * MB
    # 1.2816 * 1 MB * sqrt(19.5 * (1 + 19.5/28)) = 7.371190 MB, and no bursts.
    assert found.bound == 109 * MB + 7_371_190
    assert (found.overage, found.charge) == (cost(9 * MB, RATE), Decimal(0))
    # 30 MB are left at 2 MB a day: 15 days from noon.
    assert found.exhausted_on == TODAY + 15 * DAY
    assert found.status == "will_exceed"


@pytest.mark.parametrize(
    ("usage", "mean", "day"),
    [
        (97 * MB, MB, TODAY + 2 * DAY),  # three whole days: the last moment of the third
        (97 * MB + 1, MB, TODAY + 2 * DAY),
        (97 * MB - 1, MB, TODAY + 3 * DAY),
        (100 * MB, MB, TODAY - DAY),  # to the last byte, at the end of yesterday
        (100 * MB + 1, MB, None),
        (80 * MB, MB, TODAY + 19 * DAY),  # exactly at the end
        (80 * MB - 1, MB, None),
        (0, 0, None),
    ],
)
def test_the_allowance_is_used_up_on_the_day_on_which_the_line_reaches_it(
    connection: duckdb.DuckDBPyConnection, usage: int, mean: int, day: date | None
) -> None:
    sim = Sim(dict.fromkeys(range(1, 30), mean), usage=usage)
    assert reported(connection, {1: sim})[1].exhausted_on == day


def test_a_sim_that_was_activated_five_days_ago_has_no_28_days_of_nothing(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    """Four whole days at 7 MB, and ten days of its plan, whose other SIM uses nothing; half a first day doesn't count."""
    new = Sim({5: 2 * MB, 4: 7 * MB, 3: 7 * MB, 2: 7 * MB, 1: 7 * MB}, started=4.5, usage=30 * MB)
    old = Sim({}, usage=0, known_ends=(10.0,))
    found = reported(connection, {1: new, 2: old})[1]
    plans = rhythm([7 * MB] * 4 + [0] * 28)
    mean = 4 / 14 * 7 * MB + 10 / 14 * plans.mean
    assert found.projected == round(30 * MB + 25.5 * mean)
    # Known for long and used for the first time now, it has 28 days, of which 24 are 0.
    waiting = Sim(new.daily, started=4.5, usage=30 * MB, known_ends=(4.5,))
    assert reported(connection, {1: waiting, 2: old})[1].projected == round(30 * MB + 25.5 * 30 * MB / 28)


@pytest.mark.parametrize(
    ("size", "mean"),
    [
        (5 * MB // 2, Fraction(59, 56)),  # two and a half times the others
        (5 * MB // 2 + 1, Fraction(1)),
        (27 * MB // 4 - 1, Fraction(1)),
        (27 * MB // 4, Fraction(135, 112)),  # a fifth of all
        (100 * MB, Fraction(127, 28)),
    ],
)
def test_a_day_like_no_other_counts_for_nobody(
    connection: duckdb.DuckDBPyConnection, size: int, mean: Fraction
) -> None:
    """The SIM's own days say no more of it, and neither do those of its plan, which stand in for the other's ones."""
    found = reported(connection, {1: Sim(updated(size)), 2: Sim({}, usage=0, started=0.0)})
    assert found[1].projected == round(50 * MB + 20 * mean * MB)
    assert found[2].projected == round(30 * mean * MB)
    assert (found[1].bound == found[1].projected) is (mean == 1)


def test_a_day_like_no_other_can_be_made_to_count(connection: duckdb.DuckDBPyConnection) -> None:
    rules = ForecastRules(one_off_share=0)
    found = reported(connection, {1: Sim(updated(5 * MB))}, rules=rules)[1]
    assert found.projected == round(50 * MB + 20 * MB * 32 / 28)


def test_days_that_were_not_loaded_or_not_to_their_end_say_nothing(connection: duckdb.DuckDBPyConnection) -> None:
    sim = Sim({ago: 100 * MB if ago in {3, 4} else MB for ago in range(1, 40)})
    known = reported(connection, {1: sim}, loaded=frozenset(range(1, 40)) - {3, 4})[1]
    assert known.projected == known.bound == 70 * MB
    # Today is loaded up to noon only: it is no day of the rhythm, even if asked for as of the end of the day.
    late = Sim(dict(sim.daily) | {0: 100 * MB, 3: MB, 4: MB}, started=9)
    assert reported(connection, {1: late}, as_of=MIDNIGHT + DAY)[1].projected == 70 * MB


def test_a_month_that_began_does_not_prove_that_a_sim_was_there(connection: duckdb.DuckDBPyConnection) -> None:
    sim = Sim({2: MB, 1: MB}, started=19, plan_id=None)
    assert reported(connection, {1: sim}, calendar_month=True)[1].projected == 61 * MB
    assert reported(connection, {1: sim})[1].projected == 50 * MB + round(11 * 2 * MB / 19)


@pytest.mark.parametrize(
    "sim",
    [
        Sim({1: MB}, source="incomplete"),
        Sim({1: MB}, source="incomplete", usage=101 * MB),
        Sim({1: MB}, pricing="pooled"),
        Sim({1: MB}, pricing="unknown_plan", allowance=None, plan_id=None),
        Sim({1: MB}, usage=None),
    ],
)
def test_nothing_is_foreseen_of_what_is_not_wholly_known(connection: duckdb.DuckDBPyConnection, sim: Sim) -> None:
    found = reported(connection, {1: sim})[1]
    assert (found.projected, found.bound, found.overage, found.charge, found.exhausted_on) == (None,) * 5
    assert found.status == sim.status


def test_nothing_is_foreseen_without_a_day_or_a_moment(connection: duckdb.DuckDBPyConnection) -> None:
    assert reported(connection, {1: Sim({})}, loaded=frozenset())[1].projected is None
    found = reported(connection, {1: Sim({1: MB})}, as_of=None)[1]
    assert (found.projected, found.status) == (None, "ok")


def test_a_sim_that_is_over_stays_over_and_is_foreseen(connection: duckdb.DuckDBPyConnection) -> None:
    found = reported(connection, {1: Sim(dict.fromkeys(range(1, 30), MB), usage=120 * MB)})[1]
    assert (found.status, found.projected, found.overage) == ("over", 140 * MB, cost(40 * MB, RATE))


def test_pay_as_you_go_has_a_projected_charge_and_no_projected_overage(connection: duckdb.DuckDBPyConnection) -> None:
    found = reported(connection, {1: Sim(dict.fromkeys(range(1, 30), MB), allowance=0, limit=5 * MB)})[1]
    assert (found.status, found.projected) == ("payg", 70 * MB)
    assert (found.overage, found.charge) == (Decimal(0), cost(70 * MB, RATE))
    assert (found.exhausted_on, found.exposure) == (None, None)


def test_without_a_price_usage_is_foreseen_and_costs_are_not(connection: duckdb.DuckDBPyConnection) -> None:
    found = reported(connection, {1: Sim(dict.fromkeys(range(1, 30), 9 * MB), pricing="variable_rate", limit=MB)})[1]
    assert (found.status, found.projected) == ("will_exceed", 230 * MB)
    assert (found.overage, found.charge, found.exposure) == (None, None, None)


def test_a_period_that_begins_later_today_has_not_run_yet(connection: duckdb.DuckDBPyConnection) -> None:
    sim = Sim(dict.fromkeys(range(1, 30), MB), usage=0, started=-0.75, known_ends=(-0.75,))
    assert reported(connection, {1: sim}, as_of=MIDNIGHT + DAY / 4)[1].projected == 30 * MB


@pytest.mark.parametrize(
    ("usage", "limit", "exposure"),
    [
        (50 * MB, 10 * MB + 1, billable_bytes(10 * MB + 1)),
        (105 * MB, 10 * MB, 10 * MB),
        (130 * MB, 10 * MB, 30 * MB),  # a limit is soft: it acts when a session closes
        (130 * MB, -1, None),
        (130 * MB, 0, None),
        (130 * MB, None, None),
    ],
)
def test_exposure_is_the_overage_at_the_limit_or_what_it_is_already(
    connection: duckdb.DuckDBPyConnection, usage: int, limit: int | None, exposure: int | None
) -> None:
    found = reported(connection, {1: Sim({1: MB}, usage=usage, limit=limit)})[1]
    assert found.exposure == (None if exposure is None else cost(exposure, RATE))
