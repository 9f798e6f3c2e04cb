"""The forecast over fleets of every shape: loaded through Dagster, replayed by the command, and told again in Python."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import date, datetime, time, timedelta
from statistics import median

import pytest
from click.testing import CliRunner

from hologram_assets.cli import main
from hologram_assets.domain.forecast import Forecast, forecast, ordinary_days, rhythm
from hologram_assets.sandbox import Fleet, SandboxClock
from hologram_assets.sandbox.evenly import even_sessions
from hologram_assets.sandbox.periods import period_end, period_index, period_start
from tests.integration.conftest import Deploy

FORECAST_FLEETS = ("steady", "weekly", "bursts", "firmware_spike")
AGES = (5, 10, 20)
DAY = timedelta(days=1)
HISTORY = 28
# Of the fleet that is loaded: a period that ended in the last 10 days was 5 days old 35 days ago at most, so that all have
# 28 loaded days behind them.
ENDED_DAYS = 10
LOADED_DAYS = 64
# A clock that stands still, so that coverage is a number and not a draw.
NOW = datetime(2025, 12, 1)


class Replayed:
    """The forecasts of a fleet's periods that ended lately, by `domain.forecast` from the sandbox's own truth."""

    def __init__(self, fleet: Fleet, now: datetime, ended_days: int) -> None:
        self.updates = {sim.update_on for sim in fleet.sims(144)} - {None}
        self.found: dict[int, list[tuple[date, Forecast, int]]] = defaultdict(list)
        for sim in fleet.sims(144):
            bounds = [(period_start(sim, n), period_end(sim, n)) for n in range(period_index(sim, now))]
            ended = [(start, end) for start, end in bounds if now.date() - ended_days * DAY <= end.date() and end < now]
            if not ended:
                continue
            # A session of the day before ends on the first day of history.
            first = ended[0][0].date() + (AGES[0] - HISTORY - 1) * DAY
            days = [first + n * DAY for n in range((ended[-1][1].date() - first).days + 1)]
            sessions = [
                (session.timestamp, session.bytes) for day in days for session in even_sessions(fleet.seed, sim, day)
            ]
            for start, end in ended:
                self._replay(start, end, sessions)

    def _replay(self, start: datetime, end: datetime, sessions: list[tuple[datetime, int]]) -> None:
        daily: defaultdict[date, int] = defaultdict(int)
        for at, size in sessions:
            daily[at.date()] += size
        truth = sum(size for at, size in sessions if start <= at < end)
        for age in AGES:
            as_of = (start + age * DAY + DAY - timedelta.resolution).date()
            midnight = datetime.combine(as_of, time())
            usage = sum(size for at, size in sessions if start <= at < midnight)
            days = ordinary_days([daily[as_of - ago * DAY] for ago in range(1, HISTORY + 1)])
            self.found[age].append((as_of, forecast(usage, 0, midnight, end, rhythm(days)), truth))

    def after_update(self, age: int) -> list[tuple[date, Forecast, int]]:
        """The forecasts that have an update in their history."""
        return [
            each for each in self.found[age] if any(0 < (each[0] - day).days <= HISTORY for day in self.updates if day)
        ]


def covered(forecasts: list[tuple[date, Forecast, int]]) -> float:
    return sum(truth <= found.bound for _, found, truth in forecasts) / len(forecasts)


def bias(forecasts: list[tuple[date, Forecast, int]]) -> float:
    return sum(found.expected - truth for _, found, truth in forecasts) / sum(truth for *_, truth in forecasts)


@pytest.mark.campaign
@pytest.mark.timeout(240)
@pytest.mark.parametrize("profile", FORECAST_FLEETS)
def test_the_bound_holds_what_it_promises_on_a_thousand_sims_of_each_fleet(profile: str) -> None:
    """85 to 95 %, from each age; a thousand periods say it to a point. An update is left out of the four weeks after it."""
    now = datetime(2026, 11, 23, 12)
    replays = [
        Replayed(Fleet(SandboxClock(now), orgs=(144,), sims=480, days=90, seed=seed, profile=profile), now, 30)
        for seed in (1, 2)
    ]
    for age in AGES:
        forecasts = [each for replay in replays for each in replay.found[age]]
        assert len(forecasts) == 975
        assert 0.85 <= covered(forecasts) <= 0.95, (profile, age)
        assert abs(bias(forecasts)) < 0.025, (profile, age)
    after = [each for replay in replays for age in AGES for each in replay.after_update(age)]
    assert len(after) == (552 if profile == "firmware_spike" else 0)
    if after:
        assert 0.85 <= covered(after) <= 0.95
        assert bias(after) < 0.025


@pytest.mark.campaign
@pytest.mark.timeout(240)
@pytest.mark.parametrize("profile", ["bursts", "firmware_spike"])
def test_the_command_finds_what_the_rules_say_of_a_loaded_fleet(
    quick: Deploy, monkeypatch: pytest.MonkeyPatch, profile: str
) -> None:
    deployment = quick(orgs=(144,), sims=48, days=LOADED_DAYS, profile=profile, now=NOW)
    monkeypatch.setenv("HOLOGRAM_START_DATE", "2025-01-01")
    monkeypatch.setenv("HOLOGRAM_RETENTION_DAYS", "100000")
    monkeypatch.setenv("HOLOGRAM_PAGE_SIZE", "2000")
    last = NOW.date() - DAY
    ended = last - (ENDED_DAYS - 1) * DAY
    for first, assets in (
        (last - (LOADED_DAYS - 1) * DAY, ("raw_sessions", "daily_link_usage")),
        (last, ("sim_inventory", "plan_catalog", "billing_usage")),
        (ended, ("overage_report",)),
    ):
        summary = deployment.backfill(first, last, assets=assets)
        assert summary.ok, (summary.failed, summary.errors)
    result = CliRunner().invoke(main, ["forecast", "backtest", "--from", str(ended), "--to", str(last), "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert set(found["left_out"].values()) == {0}
    right = Replayed(deployment.sandbox.fleet, NOW, ENDED_DAYS)
    assert found["periods"] == len(right.found[AGES[0]]) > 10
    assert [score["age"] for score in found["ages"]] == list(AGES)
    for score in found["ages"]:
        forecasts = right.found[score["age"]]
        assert score["forecasts"] == len(forecasts)
        assert score["covered_pct"] == pytest.approx(100 * covered(forecasts), abs=1e-3)
        errors = [abs(each.expected - truth) / truth for _, each, truth in forecasts]
        assert score["median_error_pct"] == pytest.approx(100 * median(errors), abs=1e-3)
        assert score["bias_pct"] == pytest.approx(100 * bias(forecasts), abs=1e-3)
    assert bool(right.after_update(AGES[0])) is (profile == "firmware_spike")
