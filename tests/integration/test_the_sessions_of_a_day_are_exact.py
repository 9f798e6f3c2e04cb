"""The sessions stored for a day are exactly those whose `timestamp` falls on it, whatever the API does.

Or the partition failed, said why, and everything stored is what it was before. Which of the two stands in `FAULTS_OF_DATA`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from hologram_assets.backfill import Summary
from hologram_assets.partitions import OrgDay
from hologram_assets.sandbox import FAULTS, FILTER_COLUMNS, Session
from hologram_assets.sandbox.faults import Fault
from hologram_assets.sandbox.tampering import chosen, session_edit
from tests.conftest import Deployment
from tests.integration.conftest import Deploy, this_second

ORG = 144
RAW = ["raw_sessions"]
Row = tuple[Any, ...]
_COLUMNS = """record_id, linkid, session_begin, session_end, bytes, imei, imeisv, cellid, lac, radio_access_technology,
    network_name, country, data_plan_id, simcardid"""
_EVERYTHING = "SELECT * FROM hologram.raw_sessions ORDER BY org_id, record_id"


def row_of(session: Session, deployment: Deployment, *, flags: bool = True) -> Row:
    """What is to be stored of a session; `flags`: the API knows the parameters that add plan and country."""
    sim = next(sim for sim in deployment.sandbox.fleet.sims(ORG) if sim.linkid == session.linkid)
    return (
        session.record_id, session.linkid, session.session_begin, session.timestamp, session.bytes, session.imei,
        session.imeisv, session.cellid, session.lac, session.radio_access_technology, session.network_name,
        *((session.country, sim.plan.id, sim.simcardid) if flags else (None, None, None)),
    )  # fmt: skip


def truth(
    deployment: Deployment, *days: date, sessions: Iterable[Session] | None = None, flags: bool = True
) -> list[Row]:
    """The rows that are to be stored for these days, by record id."""
    visible = deployment.sandbox.fleet.sessions(ORG) if sessions is None else sessions
    return sorted(row_of(session, deployment, flags=flags) for session in visible if session.timestamp.date() in days)


def stored(deployment: Deployment, *days: date) -> list[Row]:
    """The rows that are stored for these days, by record id."""
    marks = ", ".join("?" * len(days))
    return deployment.rows(
        f"SELECT {_COLUMNS} FROM hologram.raw_sessions WHERE org_id = ? AND day IN ({marks}) ORDER BY record_id",
        [ORG, *days],
    )


def load_of(deployment: Deployment, day: date) -> dict[str, int]:
    """The counts of a day's latest load."""
    names = ("rows", "late_rows", "changed_rows", "missing_upstream", "new_rows", "rejected_rows")
    (row,) = deployment.rows(
        f"SELECT {', '.join(names)} FROM hologram.partition_loads WHERE org_id = ? AND day = ? AND asset = 'raw_sessions'",
        [ORG, day],
    )
    return dict(zip(names, row, strict=True))


def days_ago(deployment: Deployment, ago: int) -> date:
    return deployment.sandbox.clock.now().date() - timedelta(days=ago)


def small_fleet(quick: Deploy, monkeypatch: pytest.MonkeyPatch, **options: Any) -> Deployment:
    """Eight SIMs, pages of 20 rows, two connections: every slice of a day's window has several pages."""
    monkeypatch.setenv("HOLOGRAM_PAGE_SIZE", "20")
    monkeypatch.setenv("HOLOGRAM_MAX_CONNECTIONS", "2")
    monkeypatch.setenv("HOLOGRAM_TIMEOUT_SECONDS", "5")
    return quick(**{"orgs": (ORG,), "sims": 8, "days": 10} | options)


@pytest.mark.parametrize("end_inclusive", [True, False], ids=["inclusive", "exclusive"])
@pytest.mark.parametrize("column", FILTER_COLUMNS)
def test_the_day_is_exact_whichever_column_the_window_filters(
    quick: Deploy, monkeypatch: pytest.MonkeyPatch, column: str, end_inclusive: bool
) -> None:
    deployment = small_fleet(quick, monkeypatch, filter_column=column, end_inclusive=end_inclusive, sims=20)
    today, past = days_ago(deployment, 0), days_ago(deployment, 4)
    assert deployment.backfill(past, past, [ORG], RAW).ok
    assert deployment.backfill(days_ago(deployment, 1), today, [ORG], RAW).ok
    for day in (past, days_ago(deployment, 1), today):
        assert stored(deployment, day) == truth(deployment, day)
        assert load_of(deployment, day)["rows"] == len(truth(deployment, day))
    crossing = [row for row in stored(deployment, past) if row[2].date() != past]
    assert crossing, "sessions that began on the day before are what this is about"
    assert deployment.rows("SELECT count(*) FROM hologram.raw_sessions WHERE day <> CAST(session_end AS DATE)") == [
        (0,)
    ]


@pytest.mark.parametrize("end_inclusive", [True, False], ids=["inclusive", "exclusive"])
def test_nothing_falls_between_the_slices_of_a_window(
    quick: Deploy, monkeypatch: pytest.MonkeyPatch, end_inclusive: bool
) -> None:
    deployment = small_fleet(quick, monkeypatch, end_inclusive=end_inclusive, sims=60)
    monkeypatch.setenv("HOLOGRAM_PAGE_SIZE", "250")
    # Slices of little more than an hour, the shortest there are.
    monkeypatch.setenv("HOLOGRAM_MAX_CONNECTIONS", "64")
    day = days_ago(deployment, 3)
    assert deployment.backfill(day, day, [ORG], RAW).ok
    assert len(deployment.sandbox.requests) >= 64
    assert stored(deployment, day) == truth(deployment, day)


@pytest.mark.parametrize("column", ["session_begin", "received_at"])
def test_without_the_margin_the_day_would_not_be_exact(
    quick: Deploy, monkeypatch: pytest.MonkeyPatch, column: str
) -> None:
    monkeypatch.setenv("HOLOGRAM_WINDOW_MARGIN_HOURS", "0")
    deployment = small_fleet(quick, monkeypatch, filter_column=column, sims=20)
    past = days_ago(deployment, 4)
    assert deployment.backfill(past, past, [ORG], RAW).ok
    assert set(stored(deployment, past)) < set(truth(deployment, past))


@dataclass(frozen=True)
class Failed:
    """The partition fails with this text; nothing stored changes, nothing half-read is stored."""

    text: str
    asked_at_most: int | None = None
    """Requests for the two days: a permanent failure isn't retried."""


EXACT = "exact"
KEPT = "what is stored stays, what is new comes from what the API shows"
EDITED = "the latest fetch wins"
NO_FLAGS = "exact, without plan and country"

FAULTS_OF_DATA: dict[str, Failed | str] = {
    # 429, 5xx, time-out, cut JSON, HTML, success:false: retried; when it lasts, the partition fails.
    "rate_limited=0": Failed("answered 429"),
    "server_error": Failed("answered 503"),
    "server_error=500": Failed("answered 500"),
    "hang=3": Failed("no answer from /usage/data.*[Tt]ime"),
    "drop_connection": Failed("no answer from /usage/data"),
    "cut_json": Failed("not a JSON object"),
    "cut_body": Failed("no answer from /usage/data"),
    "html": Failed("not a JSON object"),
    "not_success": Failed("success"),
    # A wrong key, a redirect: at once, not retried.
    "unauthorized": Failed("answered 401.*HOLOGRAM_API_KEY", asked_at_most=2),
    "forbidden": Failed("answered 403.*HOLOGRAM_API_KEY", asked_at_most=2),
    "redirect": Failed("redirect.*HOLOGRAM_BASE_URL", asked_at_most=2),
    # A page that doesn't advance the cursor; ids that don't decrease: an error that shows the cursor.
    "stuck_cursor": Failed("startafter"),
    "empty_page_continues": Failed("startafter"),
    "ids_not_decreasing": Failed("startafter|cursor"),
    # Fewer rows than stored, or none: stored rows stay.
    "no_rows": KEPT,
    "fewer_rows=0.3": KEPT,
    # Rows that differ from what is stored: the latest fetch wins.
    "changed_rows=0.3": EDITED,
    "moved_rows=0.3": EDITED,
    # What a client has to live with.
    "wrong_lastid": EXACT,
    "wrong_next": EXACT,
    "repeated_edge_row": EXACT,
    "bad_rows": EXACT,
    "unknown_fields": EXACT,
    "string_numbers": EXACT,
    "bad_request_on_flags": NO_FLAGS,
    "foreign_base": EXACT,
    "billing_cursor": EXACT,
    "single_as_list": EXACT,
}


def test_every_fault_of_the_sandbox_has_its_answer_here() -> None:
    of_the_api = {name for name in FAULTS if not name.startswith("slack_")}
    assert {re.split("=", notation)[0] for notation in FAULTS_OF_DATA} == of_the_api


def edited(deployment: Deployment, fault: Fault) -> list[Session]:
    """The sessions as the API shows them with a fault that alters them."""
    edit = session_edit({fault.name: fault}, deployment.sandbox.clock.now().replace(minute=0, second=0, microsecond=0))
    assert edit is not None
    return [edit(session) for session in deployment.sandbox.fleet.sessions(ORG)]


def expected_under(answer: str, deployment: Deployment, fault: Fault, known: date, new: date) -> list[Row]:
    """What is to be stored of both days after a load with the fault on."""
    if answer == EDITED:
        # A session stored before is stored once, under its new day, also when that is another one.
        return truth(deployment, known, new, sessions=edited(deployment, fault))
    if answer == KEPT:
        shown = [
            session
            for session in deployment.sandbox.fleet.sessions(ORG)
            if fault.name != "no_rows" and not chosen(fault, session.record_id)
        ]
        return sorted([*truth(deployment, known), *truth(deployment, new, sessions=shown)])
    return truth(deployment, known, new, flags=answer != NO_FLAGS)


def reasons(summary: Summary) -> str:
    return " / ".join(summary.failed.values())


# One of each kind with every change, all in the campaigns: the client's own tests have each fault too.
OF_EACH_KIND = {
    "rate_limited=0", "server_error", "cut_json", "unauthorized", "stuck_cursor", "fewer_rows=0.3", "moved_rows=0.3",
    "repeated_edge_row", "bad_rows", "bad_request_on_flags",
}  # fmt: skip


@pytest.mark.parametrize(
    "notation",
    [
        notation if notation in OF_EACH_KIND else pytest.param(notation, marks=pytest.mark.campaign)
        for notation in FAULTS_OF_DATA
    ],
)
def test_with_a_fault_the_days_are_exact_or_untouched(
    quick: Deploy, monkeypatch: pytest.MonkeyPatch, no_waiting: None, notation: str
) -> None:
    answer = FAULTS_OF_DATA[notation]
    deployment = small_fleet(quick, monkeypatch, sims=6)
    if notation.startswith("hang"):
        monkeypatch.setenv("HOLOGRAM_TIMEOUT_SECONDS", "0.2")
    known, new = days_ago(deployment, 3), days_ago(deployment, 2)
    assert deployment.backfill(known, known, [ORG], RAW).ok
    before = deployment.rows(_EVERYTHING)
    loads = deployment.rows("SELECT * FROM hologram.partition_loads")
    assert stored(deployment, known) == truth(deployment, known)

    deployment.sandbox.requests.clear()
    name, _, value = notation.partition("=")
    fault = Fault(name, value=value or None, endpoint="usage/data$")
    deployment.sandbox.faults.add(fault)
    began = time.monotonic()
    summary = deployment.backfill(known, new, [ORG], RAW)
    assert time.monotonic() - began < 30

    if isinstance(answer, Failed):
        assert set(summary.failed) == {("raw_sessions", OrgDay(ORG, day)) for day in (known, new)}
        assert re.search(answer.text, reasons(summary)), reasons(summary)
        assert f"organisation {ORG}" in reasons(summary)
        assert deployment.rows(_EVERYTHING) == before
        assert deployment.rows("SELECT * FROM hologram.partition_loads") == loads
        if answer.asked_at_most is not None:
            assert len(deployment.sandbox.requests) <= answer.asked_at_most
    else:
        assert summary.ok, reasons(summary)
        assert stored(deployment, known, new) == expected_under(answer, deployment, fault, known, new)

    if isinstance(answer, Failed) or answer in {KEPT, EDITED}:
        # When it is over, nothing has to be mended by hand.
        deployment.sandbox.faults.clear()
        assert deployment.backfill(known, new, [ORG], RAW).ok
        assert stored(deployment, known, new) == truth(deployment, known, new)


TRANSIENT = [
    "rate_limited=0", "server_error", "hang=1", "drop_connection", "cut_json", "cut_body", "html", "not_success",
]  # fmt: skip


@pytest.mark.parametrize("notation", TRANSIENT)
def test_a_fault_that_passes_is_not_noticed(
    quick: Deploy, monkeypatch: pytest.MonkeyPatch, no_waiting: None, notation: str
) -> None:
    deployment = small_fleet(quick, monkeypatch, sims=6)
    if notation.startswith("hang"):
        monkeypatch.setenv("HOLOGRAM_TIMEOUT_SECONDS", "0.4")
    day = days_ago(deployment, 2)
    name, _, value = notation.partition("=")
    deployment.sandbox.faults.set(name, value=value or None, endpoint="usage/data$", times=3, after=1)
    assert deployment.backfill(day, day, [ORG], RAW).ok
    assert deployment.sandbox.faults.active() == []
    assert stored(deployment, day) == truth(deployment, day)


def check_of(deployment: Deployment, name: str, day: date) -> tuple[bool, str, dict[str, Any]]:
    """The latest evaluation of a check on a partition: passed, severity, its numbers."""
    from dagster import AssetCheckKey, AssetKey

    records = deployment.instance.event_log_storage.get_asset_check_execution_history(
        AssetCheckKey(AssetKey("raw_sessions"), name), limit=100
    )
    for record in records:
        event = record.event
        evaluation = event.dagster_event.asset_check_evaluation_data if event and event.dagster_event else None
        if evaluation is not None and evaluation.partition == OrgDay(ORG, day).key:
            return evaluation.passed, evaluation.severity.value, {k: v.value for k, v in evaluation.metadata.items()}
    raise AssertionError(f"{name} was not evaluated for {day}")


@pytest.mark.parametrize("notation", ["no_rows", "fewer_rows=0.3"])
def test_rows_that_the_api_no_longer_shows_are_counted_and_warned_of(
    quick: Deploy, monkeypatch: pytest.MonkeyPatch, notation: str
) -> None:
    deployment = small_fleet(quick, monkeypatch)
    first, last = days_ago(deployment, 3), days_ago(deployment, 2)
    assert deployment.backfill(first, last, [ORG], RAW).ok
    assert check_of(deployment, "nothing_missing_upstream", first)[0]
    name, _, value = notation.partition("=")
    fault = Fault(name, value=value or None)
    deployment.sandbox.faults.add(fault)
    assert deployment.backfill(first, last, [ORG], RAW).ok
    for day in (first, last):
        rows = truth(deployment, day)
        gone = [row for row in rows if name == "no_rows" or chosen(fault, row[0])]
        assert gone
        assert stored(deployment, day) == rows
        assert load_of(deployment, day) == {
            "rows": len(rows), "late_rows": 0, "changed_rows": 0, "missing_upstream": len(gone), "new_rows": 0,
            "rejected_rows": 0,
        }  # fmt: skip
        passed, severity, numbers = check_of(deployment, "nothing_missing_upstream", day)
        assert (passed, severity) == (False, "WARN")
        assert numbers == {"stored_rows": len(rows), "missing_upstream": len(gone)}


def test_changed_rows_are_counted_and_the_latest_version_is_stored_once(
    quick: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = small_fleet(quick, monkeypatch)
    day = days_ago(deployment, 2)
    assert deployment.backfill(day, day, [ORG], RAW).ok
    fault = Fault("changed_rows", value=0.3)
    deployment.sandbox.faults.add(fault)
    assert deployment.backfill(day, day, [ORG], RAW).ok
    changed = [row for row in truth(deployment, day) if chosen(fault, row[0])]
    assert stored(deployment, day) == truth(deployment, day, sessions=edited(deployment, fault))
    assert load_of(deployment, day)["changed_rows"] == len(changed) > 0
    assert load_of(deployment, day)["new_rows"] == 0
    assert deployment.backfill(day, day, [ORG], RAW).ok
    assert load_of(deployment, day)["changed_rows"] == 0


def test_a_row_whose_timestamp_moved_is_stored_once_under_its_new_day_and_both_days_are_summed_again(
    quick: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = small_fleet(quick, monkeypatch)
    first, middle, last = (days_ago(deployment, ago) for ago in (4, 3, 2))
    usage = [*RAW, "daily_link_usage"]
    assert deployment.backfill(first, last, [ORG], usage).ok
    fault = Fault("moved_rows", value=0.3)
    deployment.sandbox.faults.add(fault)
    assert deployment.backfill(middle, middle, [ORG], usage).ok
    after = {session.record_id: session for session in edited(deployment, fault)}
    moved = [row for row in truth(deployment, middle) if after[row[0]].timestamp.date() != middle]
    assert {after[row[0]].timestamp.date() for row in moved} == {first, last}
    everything = deployment.rows(
        "SELECT record_id, day, session_end FROM hologram.raw_sessions WHERE org_id = ?", [ORG]
    )
    assert len({record for record, _, _ in everything}) == len(everything)
    found = {record: (day, end) for record, day, end in everything}
    for row in moved:
        moment = after[row[0]].timestamp
        assert found[row[0]] == (moment.date(), moment)
    # What moved in from the neighbours (they were not asked for) is there too, by their new days.
    assert stored(deployment, middle) == truth(deployment, middle, sessions=edited(deployment, fault))
    summed = dict(
        deployment.rows("SELECT day, sum(sessions) FROM hologram.daily_link_usage WHERE org_id = ? GROUP BY day", [ORG])
    )
    counted = dict(
        deployment.rows("SELECT day, count(*) FROM hologram.raw_sessions WHERE org_id = ? GROUP BY day", [ORG])
    )
    assert summed == counted


def test_broken_rows_are_set_aside_with_their_reasons_and_the_rest_goes_in(
    quick: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = small_fleet(quick, monkeypatch, faults=["bad_rows"])
    first, last = days_ago(deployment, 3), days_ago(deployment, 2)
    for again in (False, True):
        assert deployment.backfill(first, last, [ORG], RAW).ok
        assert stored(deployment, first, last) == truth(deployment, first, last)
        rejected = deployment.rows("SELECT reason, raw, day FROM hologram.rejected_rows WHERE org_id = ?", [ORG])
        about = " ".join(reason for reason, _, _ in rejected)
        for name in ("record_id", "linkid", "timestamp", "bytes"):
            assert name in about
        assert {day for _, _, day in rejected} <= {first, last}
        assert len({raw for _, raw, _ in rejected}) == len(rejected)
        # The sandbox breaks rows of every chain's first page, and where chains are split differs from run to run.
        of_this_run = sum(load_of(deployment, day)["rejected_rows"] for day in (first, last))
        assert 4 <= of_this_run <= len(rejected)
        assert again or of_this_run == len(rejected)
    by_day = {day: check_of(deployment, "every_row_readable", day) for day in (first, last)}
    assert any(not passed and severity == "WARN" for passed, severity, _ in by_day.values())


def test_unknown_fields_are_kept_in_extra(quick: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    deployment = small_fleet(quick, monkeypatch, faults=["unknown_fields"])
    day = days_ago(deployment, 2)
    assert deployment.backfill(day, day, [ORG], RAW).ok
    assert stored(deployment, day) == truth(deployment, day)
    extras = deployment.rows(
        "SELECT DISTINCT json_extract_string(extra, '$.future_field.unit'), json_extract(extra, '$.future_field.values') "
        "FROM hologram.raw_sessions"
    )
    assert [(unit, str(values).replace(" ", "")) for unit, values in extras] == [("dBm", "[-71,-93]")]


def test_late_arrivals_are_counted_when_a_day_is_loaded_again(quick: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    deployment = small_fleet(quick, monkeypatch, sims=20)
    now = deployment.sandbox.clock.now()
    day = days_ago(deployment, 2)
    end_of_day = datetime.combine(day, datetime.min.time()) + timedelta(days=1)
    deployment.sandbox.clock.freeze(end_of_day)
    assert deployment.backfill(day, day, [ORG], RAW).ok
    early = truth(deployment, day)
    assert stored(deployment, day) == early
    assert load_of(deployment, day)["late_rows"] == 0
    deployment.sandbox.clock.freeze(now)
    whole = truth(deployment, day)
    assert len(whole) > len(early)
    assert deployment.backfill(day, day, [ORG], RAW).ok
    assert stored(deployment, day) == whole
    counts = load_of(deployment, day)
    assert counts["late_rows"] == counts["new_rows"] == len(whole) - len(early)


def test_late_sessions_that_come_with_the_margin_of_another_day_are_stored_on_their_own(
    quick: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = small_fleet(quick, monkeypatch, sims=20)
    now = deployment.sandbox.clock.now()
    day, following = days_ago(deployment, 2), days_ago(deployment, 1)
    deployment.sandbox.clock.freeze(datetime.combine(following, datetime.min.time()))
    assert deployment.backfill(day, day, [ORG], RAW).ok
    early = stored(deployment, day)
    through = deployment.rows("SELECT complete_through, missing_upstream FROM hologram.partition_loads")
    deployment.sandbox.clock.freeze(now)
    whole = truth(deployment, day)
    assert len(whole) > len(early)
    assert deployment.backfill(following, following, [ORG], RAW).ok
    assert stored(deployment, day) == whole
    assert stored(deployment, following) == truth(deployment, following)
    assert load_of(deployment, day)["late_rows"] == len(whole) - len(early)
    query = "SELECT complete_through, missing_upstream FROM hologram.partition_loads WHERE day = ?"
    assert deployment.rows(query, [day]) == through
    # A day that nobody has loaded is not begun: it would look whole.
    assert stored(deployment, days_ago(deployment, 0)) == stored(deployment, days_ago(deployment, 3)) == []


def test_today_grows_and_what_comes_later_is_not_late(quick: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    deployment = small_fleet(quick, monkeypatch, sims=20)
    day, now = days_ago(deployment, 0), this_second()
    deployment.sandbox.clock.freeze(now - timedelta(minutes=30) if now.hour else now)
    assert deployment.backfill(day, day, [ORG], RAW).ok
    assert stored(deployment, day) == truth(deployment, day)
    ((through,),) = deployment.rows(
        "SELECT complete_through FROM hologram.partition_loads WHERE asset = 'raw_sessions'"
    )
    assert now <= through <= this_second() + timedelta(seconds=1)
