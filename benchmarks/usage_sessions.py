"""The sessions that the benchmarks' API serves: drawn from a seed as arrays, written as JSON when they are asked for.

Three million sessions as Python objects, or as JSON, would take the memory of the machine; as arrays they take 100 MB.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

_SECONDS_A_DAY: Final = 86_400
_SESSIONS_PER_SIM_AND_DAY: Final = 11
_FIRST_ID: Final = 5_234_567_890  # beyond 32 bits, as Hologram's are
_BLOCK: Final = 1_000
# JSON of a block is 0.4 MB. All of 300,000 sessions stay; of 3,000,000 what is being paged through does.
_KEPT_BLOCKS: Final = 1_000
_NETWORKS: Final = (
    ("LTE", "T-Mobile USA, Inc", "United States"),
    ("LTE", "AT&T Mobility", "United States"),
    ("3G", "Telefonica Moviles Espana S.A.", "Spain"),
    ("LTE", "Orange France", "France"),
    ("LTE", "Vodafone GmbH", "Germany"),
    ("3G", "Swisscom AG", "Switzerland"),
    (None, "Unknown", None),
)
_CELLS: Final = 200
_ROW: Final = (
    '{"linkid":%d,"record_id":%d,"session_begin":"%s","timestamp":"%s","bytes":%d,"imeisv":"%015d0",'
    '%s,"imei":"%015d"%s}'
)
_PLAN: Final = ',"data_plan_id":%d,"sim":"%d","simcardid":%d'

Numbers = npt.NDArray[np.int64]


def _cells() -> list[tuple[str, str]]:
    """The fields of a radio cell, and its country: about 1 % of the sessions know neither RAT nor network."""
    cells = []
    for number in range(_CELLS):
        rat, network, country = _NETWORKS[-1] if number % 100 == 99 else _NETWORKS[number * 7 % 13 % 6]
        fields = {"cellid": 42_851_392 + number, "lac": 25_847 + number % 40, "radio_access_technology": rat}
        text = json.dumps(fields | {"network_name": network}, separators=(",", ":"))
        cells.append((text[1:-1], f',"country":{json.dumps(country)}'))
    return cells


class Sessions:
    """Sessions of one organisation, in the order of their ids and of their ends.

    Days are as full as days of a fleet are: quiet at night, and a twelfth of the sessions in the three minutes in which
    many devices report at once.

    Args:
        days: the UTC days on which they end, ascending; each has the same number.
        per_day: how many on each day.
        seed: what they are drawn from.
    """

    def __init__(self, days: list[date], per_day: int, seed: int = 1) -> None:
        draw = np.random.default_rng(seed)
        total = len(days) * per_day
        self.ends: Numbers = np.concatenate([_ends(draw, day, per_day) for day in days])
        self.ids: Numbers = _FIRST_ID + np.cumsum(draw.integers(1, 9, total))
        self._begins: Numbers = self.ends - 2 - draw.exponential(1_500, total).astype(np.int64)
        # Half of all sessions are small, a few are large; some are empty.
        self._bytes: Numbers = np.maximum(0, draw.lognormal(8, 2, total).astype(np.int64) - 100)
        self._sims: Numbers = draw.integers(0, max(1, per_day // _SESSIONS_PER_SIM_AND_DAY), total)
        self._cells: Numbers = draw.integers(0, _CELLS, total)
        self._cell_texts = _cells()
        self.bytes = int(self._bytes.sum())
        self._block = lru_cache(_KEPT_BLOCKS)(self._written)

    def __len__(self) -> int:
        return len(self.ids)

    def within(self, start: float | None, end: float | None, before: int | None) -> tuple[int, int]:
        """The positions `[low, high)` of sessions that end from `start` to `end` (inclusive), with ids below `before`."""
        low = 0 if start is None else int(np.searchsorted(self.ends, start, "left"))
        high = len(self) if end is None else int(np.searchsorted(self.ends, end, "right"))
        if before is not None:
            high = min(high, int(np.searchsorted(self.ids, before, "left")))
        return low, max(low, high)

    def newest_first(self, low: int, high: int, *, plan: bool, country: bool) -> bytes:
        """The rows at positions `[low, high)`, descending, as the inside of a JSON array."""
        pieces = []
        for number in range((high - 1) // _BLOCK, low // _BLOCK - 1, -1) if high > low else ():
            text, places = self._block(number, plan, country)
            first, last = max(low - number * _BLOCK, 0), min(high - number * _BLOCK, len(places) - 1)
            pieces.append(text[places[last] : places[first] - 1])
        return b",".join(pieces)

    def prepare(self) -> None:
        """Write beforehand what fits, so that the first client waits no longer than the next."""
        for number in range(min(_KEPT_BLOCKS, -(-len(self) // _BLOCK))):
            self._block(number, True, True)

    def _written(self, number: int, plan: bool, country: bool) -> tuple[bytes, list[int]]:  # noqa: FBT001 - lru_cache
        """A block's rows, descending, each followed by a comma, and where the row of each position ends.

        The row of a position begins where that of the next position ends, so there is one place more than rows.
        """
        part = slice(number * _BLOCK, (number + 1) * _BLOCK)
        rows = []
        for record_id, begin, end, size, sim, cell in zip(
            self.ids[part].tolist(),
            _texts(self._begins[part]),
            _texts(self.ends[part]),
            self._bytes[part].tolist(),
            self._sims[part].tolist(),
            self._cells[part].tolist(),
            strict=True,
        ):
            cell_text, country_text = self._cell_texts[cell]
            more = country_text if country else ""
            if plan:
                more += _PLAN % (73 + sim % 4, 8_945_000_000_000_000_000 + sim, 600_000 + sim)
            imei = 868_159_059_000_000 + sim
            row = _ROW % (2_235_000 + sim, record_id, begin, end, size, imei, cell_text, imei, more)
            rows.append(row.encode() + b",")
        rows.reverse()
        ends = np.cumsum([0, *map(len, rows)])
        return b"".join(rows), ends[::-1].tolist()


def _texts(moments: Numbers) -> list[str]:
    return [text.replace("T", " ") for text in moments.astype("datetime64[s]").astype(str).tolist()]


def _ends(draw: np.random.Generator, day: date, count: int) -> Numbers:
    """Ascending ends, in epoch seconds."""
    minutes = np.arange(_SECONDS_A_DAY // 60)
    weight = 1.15 - np.cos(2 * np.pi * (minutes - 180) / len(minutes))
    weight /= weight.sum()
    weight[120:123] += 1 / 12 / 3
    weight /= weight.sum()
    chosen = draw.choice(len(minutes), count, p=weight) * 60 + draw.integers(0, 60, count)
    midnight = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    return np.sort(midnight + chosen)
