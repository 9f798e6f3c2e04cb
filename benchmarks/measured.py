"""A process, how long it took and how much memory it held at most.

The operating system's figure for a child starts with the memory of its parent, and ours has Dagster and whole fleets in
it; so a small Python that imports next to nothing starts the process and asks.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
_SHOWN_CHARACTERS: Final = 2_000
# What the process prints goes to the error stream, so that the output is the figures alone.
_WATCH: Final = """
import json, os, sys, time
began = time.perf_counter()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)])
_, status, usage = os.wait4(child, 0)
told = {"seconds": time.perf_counter() - began, "peak": usage.ru_maxrss, "code": os.waitstatus_to_exitcode(status)}
print(json.dumps(told))
"""


@dataclass(frozen=True)
class Finished:
    """How long a process took from its start to its end, its peak resident memory, and what it printed."""

    seconds: float
    peak_mb: float
    printed: str


def run(command: Sequence[str], environment: Mapping[str, str]) -> Finished:
    """Run Python with these arguments, in the project's folder, to its end.

    Raises:
        RuntimeError: it failed.
    """
    watching = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _WATCH, sys.executable, *command],
        cwd=ROOT,
        env=dict(environment),
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(watching.stdout)
    if told["code"]:
        raise RuntimeError(f"{' '.join(command)}: {watching.stderr[-_SHOWN_CHARACTERS:]}")
    # In bytes on macOS, else in KiB.
    unit = 1 if sys.platform == "darwin" else 1_024
    return Finished(told["seconds"], told["peak"] * unit / 1_000_000, watching.stderr)
