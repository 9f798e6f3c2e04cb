"""The report of a large fleet: time and memory of the three assets that are made from its sessions.

Beside plain pandas, and beside one scan of the same sessions, which is the least that anything made from them can take. Each
is a process of its own; the time is that of the work, without starting Python. All run on the same warehouse, or on Parquet
files that were exported from it, and a figure counts only if the answers agree.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import measured
from benchmarks.large_fleet import DAYS, LAST
from benchmarks.table import Row

SIMS = 200_000
FEWER_SIMS = 50_000
_STEPS = {"usage": "daily_link_usage", "report": "overage_report", "network": "network_changes"}
_TIMES_FASTER = 10
_TIMES_SCAN = 2
_MOST_MB = 2 * 1_024**3 / 1e6
_GROWTH = 0.2
_SIMPLER_RULE = "rat_downgrade"
_MOST_DIFFERING = 0.05


@dataclass(frozen=True)
class Step:
    """What a process took and found."""

    seconds: float
    peak_mb: float
    found: Mapping[str, Any]


@dataclass(frozen=True)
class Measured:
    """A fleet's size and its steps: `scan`, and ours and the peer's by name."""

    sims: int
    sessions: int
    scan: Step
    ours: Mapping[str, Step]
    pandas: Mapping[str, Step]


def rows(sims: int = SIMS, fewer_sims: int = FEWER_SIMS, peer_sims: int = SIMS) -> Iterator[Row]:
    """The rows of the table; pandas gets `peer_sims` SIMs, either all or the fewer ones."""
    fewer = _measured(fewer_sims, with_peer=peer_sims == fewer_sims)
    all_sims = _measured(sims, with_peer=peer_sims == sims)
    both = fewer if fewer.pandas else all_sims
    for step, asset in _STEPS.items():
        yield _beside_pandas(f"{asset}{_of(step)}", both, [step])
    yield _beside_pandas("the three together", both, list(_STEPS))
    usage, scan = all_sims.ours["usage"], all_sims.scan
    agree = usage.found["bytes"] == scan.found["bytes"]
    yield Row(
        f"daily_link_usage{_of('usage')}, {_size(all_sims)} (s)",
        f"{usage.seconds:.1f}",
        f"{scan.seconds:.1f} (one DuckDB scan of the sessions){'' if agree else ': other sums'}",
        f"{usage.seconds / scan.seconds:.1f}",
        f"<= {_TIMES_SCAN}",
        agree and usage.seconds <= _TIMES_SCAN * scan.seconds,
    )
    times = all_sims.sims / fewer.sims
    for step, asset in _STEPS.items():
        long, short = all_sims.ours[step].seconds, fewer.ours[step].seconds
        growth = long / short / times
        yield Row(
            f"{asset}{_of(step)}: growth with the fleet (s)",
            f"{long:.1f} ({all_sims.sims:,} SIMs)",
            f"{short:.1f} ({fewer.sims:,} SIMs)",
            f"{growth:.2f} of linear",
            f"<= {1 + _GROWTH}",
            growth <= 1 + _GROWTH,
        )
    peak = max(all_sims.ours.values(), key=lambda step: step.peak_mb)
    peer = max((step.peak_mb for step in both.pandas.values()), default=0)
    yield Row(
        f"the three assets, {_size(all_sims)}: peak memory (MB)",
        ", ".join(
            f"{step.peak_mb:,.0f} ({asset})"
            for asset, step in zip(_STEPS.values(), all_sims.ours.values(), strict=True)
        ),
        f"{peer:,.0f} (pandas, {both.sims:,} SIMs)",
        f"{peak.peak_mb / peer:.2f}",
        f"< {_MOST_MB:,.0f}",
        peak.peak_mb < _MOST_MB,
    )


def _of(step: str) -> str:
    return f", {DAYS} days" if step == "usage" else f" of {LAST}"


def _size(fleet: Measured) -> str:
    return f"{fleet.sims:,} SIMs, {fleet.sessions:,} sessions"


def _beside_pandas(what: str, fleet: Measured, steps: list[str]) -> Row:
    ours = sum(fleet.ours[step].seconds for step in steps)
    peer = sum(fleet.pandas[step].seconds for step in steps)
    differing = [_STEPS[step] for step in steps if not _agree(fleet, step)]
    return Row(
        f"{what}, {_size(fleet)} (s)",
        f"{ours:.1f}",
        f"{peer:.1f} (pandas){': other answers, ' + ', '.join(differing) if differing else ''}",
        f"{peer / ours:.1f}",
        f">= {_TIMES_FASTER}",
        not differing and peer >= _TIMES_FASTER * ours,
    )


def _agree(fleet: Measured, step: str) -> bool:
    """Whether both found the same: rows and bytes, money to the micro-dollar, the SIMs of each of the peer's rules.

    Of rat_downgrade the peer knows a simpler form: one SIM in twenty may differ.
    """
    ours, peer = fleet.ours[step].found, fleet.pandas[step].found
    differing = {
        name for name, value in peer.items() if ours.get(name, [] if isinstance(value, list) else None) != value
    }
    if differing == {_SIMPLER_RULE}:
        mine, theirs = set(ours.get(_SIMPLER_RULE, ())), set(peer[_SIMPLER_RULE])
        return len(mine ^ theirs) <= _MOST_DIFFERING * len(mine | theirs)
    return not differing


def _measured(sims: int, *, with_peer: bool) -> Measured:
    with TemporaryDirectory(prefix="hologram-bench-") as folder:
        path, files = Path(folder) / "warehouse.duckdb", Path(folder) / "files"
        # In a process of its own: what filling holds would be held here while the others are measured.
        _step("benchmarks.large_fleet", str(sims), path, *([files] if with_peer else []))
        scan = _step("benchmarks.report_steps", "scan", path)
        ours = {step: _step("benchmarks.report_steps", step, path) for step in _STEPS}
        pandas = {step: _step("benchmarks.peers.report_pandas", step, files) for step in _STEPS if with_peer}
    return Measured(sims, scan.found["sessions"], scan, ours, pandas)


def _step(module: str, *arguments: str | Path) -> Step:
    finished = measured.run(["-W", "ignore", "-m", module, *map(str, arguments)], os.environ)
    told = json.loads(finished.printed.splitlines()[-1])
    return Step(told["seconds"], finished.peak_mb, told["found"])
