"""Processes of runs: which one runs something, whether it is still there, and what its memory costs it in time."""

from __future__ import annotations

import atexit
import gc
import os
import socket
from pathlib import Path

_PROC = Path("/proc")
# That many more make Python look for garbage among them, instead of 700: a page of rows alone has thousands.
_NEW_OBJECTS = 50_000


def spare_the_collector() -> None:
    """Let Python's collector leave alone what is loaded by now, and at the process's end everything.

    Every run is a process of its own. It would look through the million objects of what it imports again and again, and
    once more before it ends: 0.5 s of a run of 5 s, for memory that the system takes back anyway.
    """
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS)
    atexit.register(gc.freeze)


def this_process() -> str:
    """This process, so that no other is taken for it: host, boot, process id, and when it started."""
    return "|".join((socket.gethostname(), _boot(), str(os.getpid()), _state_and_start(os.getpid())[1]))


def is_gone(process: str) -> bool:
    """Whether a process that `this_process` named has ended; False for one of another machine, of which nothing is known."""
    host, boot, pid, started = process.split("|")
    if host != socket.gethostname():
        return False
    if boot != _boot():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    state, start = _state_and_start(int(pid))
    return state == "Z" or (bool(started) and start != started)


def _boot() -> str:
    """Another one after every start of the machine; empty where the system doesn't tell."""
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _state_and_start(pid: int) -> tuple[str, str]:
    """A process's state (Z: ended, not yet collected) and its start in ticks; empty where the system doesn't tell."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return "", ""
    return fields[0], fields[19]
