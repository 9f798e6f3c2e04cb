"""Chance that can be repeated: the same key always draws the same.

Every part of the fleet has its own key (seed, organisation, SIM, day …), so that no draw depends on which others were
made before it. Python's own `hash` is salted per process and can't be used for that.
"""

from __future__ import annotations

from hashlib import blake2b
from random import Random
from typing import Final

_UNIT: Final = float(1 << 64)


def number_of(*key: object) -> int:
    """A 64-bit number that belongs to `key`."""
    text = "\x1f".join(map(str, key))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def random_for(*key: object) -> Random:
    """A random generator whose sequence belongs to `key`."""
    return Random(number_of(*key))


def share_of(*key: object) -> float:
    """A number in [0, 1) that belongs to `key`."""
    return number_of(*key) / _UNIT


def digits_for(length: int, *key: object) -> str:
    """A string of `length` decimal digits that belongs to `key`."""
    return str(number_of(*key) % 10**length).zfill(length)
