"""Numbers as people write them into files: `true` is an int to Python, and none to anybody else."""

from __future__ import annotations

from math import isfinite
from typing import Any, TypeGuard


def is_whole(value: Any) -> TypeGuard[int]:
    """A whole number; a truth value is none."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Any) -> TypeGuard[float]:
    """A whole number or a finite float."""
    return is_whole(value) or (isinstance(value, float) and isfinite(value))
