"""The peer of benchmarks.report: the same answers in plain pandas, from one Parquet file of sessions a day.

`python -m benchmarks.peers.report_pandas STEP FOLDER`: `usage` writes a file of daily sums per day; `report` prices the last
day; `network` compares its sessions with the four weeks before. Prints one line of JSON: seconds, and what was found.

It does less than ours: no forecast, no closed periods, four of the eight network rules, no merge with what is stored, and
nothing is stored but the daily sums. Money is whole micro-dollars, never a float.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from datetime import date, timedelta
from math import ceil, log
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.large_fleet import DAYS, FIRST, LAST

_KEY = ["linkid", "network_name", "country", "radio_access_technology", "imei"]
_LEVELS = {"LTE": 4, "3G": 3, "2G": 1}
_WINDOW = [LAST - timedelta(days=back) for back in range(7, -1, -1)]
_BEFORE = [day for day in (FIRST + timedelta(days=number) for number in range(DAYS)) if day < _WINDOW[0]]
_BASELINE = [LAST - timedelta(days=back) for back in range(29, 1, -1)]

_MIDNIGHT = pd.Timestamp(LAST)


def _sessions(folder: Path, days: list[date], columns: list[str]) -> pd.DataFrame:
    return pd.concat(
        [pd.read_parquet(folder / f"sessions-{day}.parquet", columns=columns) for day in days], ignore_index=True
    )


def _daily(folder: Path, days: list[date]) -> pd.DataFrame:
    return pd.concat(
        [pd.read_parquet(folder / f"daily-{day}.parquet").assign(day=day) for day in days], ignore_index=True
    )


def usage(folder: Path) -> dict[str, Any]:
    """Daily sums, day by day: all days at once would take 31 times the memory."""
    rows = size = 0
    for number in range(DAYS):
        day = FIRST + timedelta(days=number)
        of_day = _sessions(folder, [day], [*_KEY, "bytes", "session_end"])
        of_day["is_zero"] = of_day["bytes"] == 0
        daily = of_day.groupby(_KEY, dropna=False, sort=False, as_index=False).agg(
            sessions=("bytes", "size"),
            zero_byte_sessions=("is_zero", "sum"),
            bytes=("bytes", "sum"),
            first_seen=("session_end", "min"),
            last_seen=("session_end", "max"),
        )
        daily.to_parquet(folder / f"daily-{day}.parquet", index=False)
        rows, size = rows + len(daily), size + int(daily["bytes"].sum())
    return {"rows": rows, "bytes": size}


def report(folder: Path) -> dict[str, Any]:
    """Usage of each SIM in its period up to the end of the last day, and what it costs, rounded half up per SIM."""
    sims = pd.read_parquet(folder / "sims.parquet").merge(pd.read_parquet(folder / "plans.parquet"), on="plan_id")
    sims["period_start"] = sims["period_end"] - timedelta(days=30)
    days = [FIRST + timedelta(days=number) for number in range(DAYS)]
    sessions = _sessions(folder, days, ["linkid", "session_end", "bytes"])
    sessions = sessions.merge(sims[["linkid", "period_start"]], on="linkid")
    used = sessions[sessions["session_end"] >= sessions["period_start"]].groupby("linkid")["bytes"].sum()
    sims["usage"] = sims["linkid"].map(used).fillna(0).astype("int64")
    over = (sims["usage"] - sims["included_bytes"]).clip(lower=0)
    billable = (over + 999) // 1_000 * 1_000
    # Micro-dollars per MB times bytes, through a million bytes per MB, half up.
    sims["cost"] = (billable * sims["rate_micros"] + 500_000) // 1_000_000
    payg = sims["included_bytes"] == 0
    return {
        "rows": len(sims),
        "bytes": int(sims["usage"].sum()),
        "overage_micros": int(sims.loc[~payg, "cost"].sum()),
        "usage_micros": int(sims.loc[payg, "cost"].sum()),
        "over": int((~payg & (over > 0)).sum()),
    }


def network(folder: Path) -> dict[str, Any]:
    """The SIMs that are told of on the last day, per rule."""
    window = _sessions(folder, _WINDOW, [*_KEY, "record_id", "session_end", "bytes"])
    window = window.sort_values(["linkid", "session_end", "record_id"], ignore_index=True)
    before, baseline = _daily(folder, _BEFORE), _daily(folder, _BASELINE)
    known = before.groupby("linkid").agg(sessions=("sessions", "sum"), days=("day", "nunique"))
    known_sims = known.index[(known["sessions"] >= 10) & (known["days"] >= 3)]
    window = window[window["linkid"].isin(known_sims)]
    return {
        "new_network": _new(
            window, before, "network_name", lambda first: (first["nth"] >= 2) | (first["sum"] > 10_000)
        ),
        "country_change": _new(window[window["bytes"] > 0], before, "country", lambda first: first["nth"] >= 1),
        "imei_change": _new_imeis(window, before),
        "rat_downgrade": _downgrades(window, baseline),
    }


def _new(
    window: pd.DataFrame, before: pd.DataFrame, column: str, enough: Callable[[pd.DataFrame], pd.Series[bool]]
) -> list[int]:
    """SIMs that met a value of the column for the first time, and on the last day often enough."""
    met = before[["linkid", column]].drop_duplicates().assign(met=True)
    new = window.merge(met, on=["linkid", column], how="left")
    new = new[new["met"].isna()]
    groups = new.groupby(["linkid", column])["bytes"]
    new = new.assign(nth=groups.cumcount() + 1, sum=groups.cumsum())
    told = new[enough(new)].groupby(["linkid", column], as_index=False).first()
    linkids: list[int] = told.loc[told["session_end"] >= _MIDNIGHT, "linkid"].unique().tolist()
    return sorted(linkids)


def _new_imeis(window: pd.DataFrame, before: pd.DataFrame) -> list[int]:
    """SIMs in another device: of another model at once, of the same model at its second session in a row."""
    met = before[["linkid", "imei"]].drop_duplicates().assign(met=True)
    with_met = window.merge(met, on=["linkid", "imei"], how="left")
    changed = with_met[with_met["linkid"].isin(with_met.loc[with_met["met"].isna(), "linkid"])]
    last_before = before.sort_values("last_seen").groupby("linkid")["imei"].last().to_dict()

    def told_on(sim: Any) -> date | None:
        previous, last, row = None, last_before.get(sim.name), 0
        for imei, is_met, moment in zip(sim["imei"], sim["met"], sim["session_end"], strict=True):
            if imei == last:
                row += 1
            else:
                previous, last, row = last, imei, 1
            if is_met is not True and previous is not None and (row >= 2 or imei[:8] != previous[:8]):
                day: date = moment.date()
                return day
        return None

    groups: Any = changed.groupby("linkid")[["imei", "met", "session_end"]]
    return sorted(int(linkid) for linkid, of_day in groups.apply(told_on).items() if of_day == LAST)


def _downgrades(window: pd.DataFrame, baseline: pd.DataFrame) -> list[int]:
    """SIMs that fell below the RAT that has 80 % of four weeks for so many sessions in a row that it is no chance.

    By the baseline of the last day; ours is that of the day on which the row began, and goes back before the window.
    """
    counts = baseline.assign(level=baseline["radio_access_technology"].map(_LEVELS))
    table = counts.pivot_table(index="linkid", columns="level", values="sessions", aggfunc="sum", fill_value=0)
    usual, total = table.idxmax(axis=1), table.sum(axis=1)
    active_days = counts.groupby("linkid")["day"].nunique()
    below = table.where(table.columns.to_numpy() < usual.to_numpy()[:, None], 0).sum(axis=1) / total
    is_known = (table.max(axis=1) >= 0.8 * total) & (total >= 10) & (active_days >= 3)
    of_sim = pd.DataFrame({"usual": usual, "below": below, "per_day": total / active_days})[is_known]
    numbers: dict[Any, Any] = of_sim.to_dict("index")
    events = window[["linkid", "session_end"]].assign(level=window["radio_access_technology"].map(_LEVELS))
    events["is_below"] = events["level"] < events["linkid"].map(of_sim["usual"])
    last = events[events["session_end"] >= _MIDNIGHT]
    suspects = last.loc[last["is_below"], "linkid"].unique()

    def is_told(sim: Any) -> bool:
        number = numbers[sim.name]
        k = max(3, ceil(log(0.0003 / number["per_day"]) / log(max(0.005, number["below"]))))
        row: list[int] = []
        lowest, told = number["usual"], False
        for level, is_below, moment in zip(sim["level"], sim["is_below"], sim["session_end"], strict=True):
            if not is_below:
                row, lowest = [], number["usual"]
                continue
            row = [*row, level][-k:]
            if len(row) == k and max(row) < lowest:
                lowest = max(row)
                told = told or moment >= _MIDNIGHT
        return told

    groups: Any = events[events["linkid"].isin(suspects)].groupby("linkid")[["level", "is_below", "session_end"]]
    return sorted(int(linkid) for linkid, is_true in groups.apply(is_told).items() if is_true)


_STEPS: dict[str, Callable[[Path], dict[str, Any]]] = {"usage": usage, "report": report, "network": network}

if __name__ == "__main__":
    _began = time.perf_counter()
    _found = _STEPS[sys.argv[1]](Path(sys.argv[2]))
    print(json.dumps({"seconds": time.perf_counter() - _began, "found": _found}))
