"""Files that are there whole or not at all: written beside their place and renamed into it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

_SUFFIX = ".partial"
# Nothing is written for so long: whoever left it was killed.
_LEFT_SECONDS = 24 * 3600


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """A path to write to, in the folder of `target` (which is made), that takes its place when the block ends well.

    A link is followed. What is no file (a pipe, a device) is written to as it is. Of two writers at once the later one's
    file stays, whole.

    Raises:
        OSError: the folder or the file can't be written.
    """
    target = target.resolve()
    if target.exists() and not target.is_file():
        yield target
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    _clear(target)
    partial = target.with_name(f".{target.name}.{uuid4().hex}{_SUFFIX}")
    try:
        partial.touch()
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(target)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def _clear(target: Path) -> None:
    """Take away what killed writers of the same file have left."""
    for left in target.parent.glob(f".{_literal(target.name)}.*{_SUFFIX}"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _LEFT_SECONDS:
                left.unlink()


def _literal(name: str) -> str:
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in name)
