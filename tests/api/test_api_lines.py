"""Pages of sessions as JSON lines: the same as row by row, whatever comes, and as DuckDB reads them."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hologram_assets.api import lines
from hologram_assets.api.lines import session_lines
from hologram_assets.api.records import Rejected, Session, session
from hologram_assets.warehouse.staging import packer
from tests.api.rows import NULLS, SESSION, Row, hurt

NOW = datetime(2025, 9, 20, 1, 2, 3, 456789)


def read(text: bytes) -> list[Session]:
    """Lines as the sessions that they are; each must name when it was fetched."""
    found = [json.loads(line) for line in text.split(b"\n")[:-1]]
    assert all(line.pop("fetched_at") == NOW.isoformat() for line in found)
    for line in found:
        line["session_end"] = datetime.fromisoformat(line.pop("timestamp"))
        line["session_begin"] = line["session_begin"] and datetime.fromisoformat(line["session_begin"])
    return [Session(**line) for line in found]


# Rows that a whole page is read at once of, so that one row of another make among them is a page of both.
usual = st.builds(
    lambda size, changes: SESSION | {"bytes": size} | changes,
    st.integers(0, 2**63 - 1),
    st.fixed_dictionaries(
        {},
        optional={
            "network_name": st.sampled_from([*NULLS, "Síminn", "a\u2028b"]),
            "imei": st.sampled_from([*NULLS, "868159059979570"]),
            "session_begin": st.sampled_from([None, "2025-09-19T14:30:22", "2025-09-19 14:30:22.5", ""]),
            "timestamp": st.sampled_from(["2025-09-19T16:45:18", "2025-09-19 16:45:18.1234567", "2025-09-19 16:45+01"]),
            "sim": st.sampled_from(["89440", None, 7, "a\u2028b"]),
            "pin": st.just("1234"),
            "tags": st.sampled_from([[], [{"id": 1, "puk": "7"}]]),
        },
    ),
)


odd = hurt("session") | st.sampled_from([SESSION | {"extra": "x"}, SESSION | {"fetched_at": "2025-09-19 16:45:18"}])


@given(st.lists(usual, max_size=4), st.lists(odd, max_size=1))
def test_a_page_at_once_is_what_its_rows_are_one_by_one(page: list[Row], others: list[Row]) -> None:
    rows = page + others
    expected = [session(row) for row in rows]
    found = session_lines(rows, NOW)
    sessions = [row for row in expected if isinstance(row, Session)]
    assert read(found.text) == sessions
    assert found.rejected == [row for row in expected if isinstance(row, Rejected)]
    assert found.sessions == len(sessions)
    ends = [row.session_end for row in sessions]
    assert (found.newest, found.oldest) == ((ends[0], ends[-1]) if ends else (None, None))


@pytest.mark.parametrize(
    "changes",
    [{}, {"sim": "89440"}, {"network_name": "Unknown", "imei": None}, {"session_begin": None}, {"tags": [{"id": 1}]}],
)
def test_a_page_of_the_usual_make_is_not_read_row_by_row(monkeypatch: pytest.MonkeyPatch, changes: Row) -> None:
    expected = session(SESSION | changes)

    def slow(_: Row) -> NoReturn:
        raise AssertionError

    monkeypatch.setattr(lines, "session", slow)
    assert read(session_lines([SESSION | changes], NOW).text) == [expected]


def test_duckdb_reads_from_the_lines_what_the_rows_say(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        SESSION | {"record_id": 2**63 - 1, "linkid": 2**53 + 1, "bytes": 0, "sim": "8944"},
        SESSION
        | {"record_id": 3, "network_name": 'quoted " \\ \u2028 \x00 Síminn 📡', "imei": "0012", "session_begin": None},
        {name: SESSION[name] for name in ("record_id", "linkid", "timestamp", "bytes")},
        SESSION | {"record_id": 1, "timestamp": "2025-09-19 16:45:18.5", "cellid": "12", "lac": "x", "bytes": 5.0},
    ]
    (tmp_path / "a.jsonl").write_bytes(session_lines(rows, NOW).text)
    with packer() as packing:
        packing.pack([tmp_path / "a.jsonl"], tmp_path / "a.parquet")
        assert packing.days([tmp_path / "a.parquet"]) == {datetime(2025, 9, 19).date(): [tmp_path / "a.parquet"]}
        assert packing.days([]) == {}
    with duckdb.connect() as connection:
        packed = connection.read_parquet(str(tmp_path / "a.parquet"))
        found = [dict(zip(packed.columns, row, strict=True)) for row in packed.fetchall()]
    expected = [session(row) for row in rows]
    assert [row.pop("fetched_at") for row in found] == [NOW] * 4
    assert found == [row._asdict() for row in expected if isinstance(row, Session)]
    assert found[3]["session_end"] == datetime(2025, 9, 19, 16, 45, 18) + timedelta(milliseconds=500)
