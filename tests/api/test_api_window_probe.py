"""Which time a window filters: the rule by properties, the asking against the sandbox and against stranger servers."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from math import inf

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hologram_assets.api.client import HologramClient
from hologram_assets.api.queries import SessionQuery
from hologram_assets.api.window_probe import (
    MEANINGS,
    MOST_REQUESTS,
    Column,
    Known,
    Meaning,
    Sighting,
    Verdict,
    chosen_of,
    judged,
    known_of,
    possible,
    probe_window,
)
from hologram_assets.sandbox import Sandbox
from tests.api.conftest import NOON
from tests.api.loopback import Answer, Asked, Loopback, page

Serve = Callable[[Callable[[Asked], Answer]], Loopback]
ClientTo = Callable[..., HologramClient]
T0 = datetime.fromisoformat("2026-11-01T00:00:00")
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
END = Meaning(Column.END, inclusive=True)
COLUMNS = {"timestamp": Column.END, "session_begin": Column.BEGIN, "received_at": Column.RECEIPT}


@dataclass(frozen=True)
class Truth:
    """A session with what no row tells: when it was received."""

    record_id: int
    linkid: int
    begin: datetime
    end: datetime
    receipt: datetime

    def value(self, column: Column) -> datetime:
        return {Column.END: self.end, Column.BEGIN: self.begin, Column.RECEIPT: self.receipt}[column]

    def within(self, meaning: Meaning, start: datetime, stop: datetime) -> bool:
        value = self.value(meaning.column)
        return start <= value < stop or (meaning.inclusive and start <= value == stop)


def fleet(
    number: int = 40, sims: int = 20, lateness: Callable[[int], timedelta] = lambda _: SECOND, seed: int = 1
) -> list[Truth]:
    """Sessions one after the other, their ids ascending with receipt."""
    chance = random.Random(seed)
    drafts = []
    for n in range(number):
        begin = T0 + n * 10 * MINUTE
        end = begin + timedelta(seconds=chance.randrange(10, 590))
        drafts.append((end + lateness(n), n % sims + 1, begin, end))
    return [
        Truth(1000 + rank, linkid, begin, end, receipt)
        for rank, (receipt, linkid, begin, end) in enumerate(sorted(drafts))
    ]


def every_fourth_late(n: int) -> timedelta:
    return timedelta(hours=3, minutes=20) if n % 4 == 0 else n % 4 * SECOND


@dataclass
class Api:
    """A server with these sessions; of the parameters it ignores `ignored`."""

    sessions: Collection[Truth]
    meaning: Meaning = END
    ignored: Collection[str] = ()

    def __call__(self, asked: Asked) -> Answer:
        params = {name: int(value) for name, value in asked.params.items() if name not in self.ignored}
        start, stop = (_moment(params.get(name), unset) for name, unset in (("timestart", -inf), ("timeend", inf)))
        rows = [
            one
            for one in sorted(self.sessions, key=lambda one: -one.record_id)
            if one.linkid == params.get("linkid", one.linkid)
            and one.within(self.meaning, start, stop)
            and one.record_id < params.get("startafter", inf)
        ]
        shown = [
            {
                "record_id": one.record_id,
                "linkid": one.linkid,
                "session_begin": str(one.begin),
                "timestamp": str(one.end),
                "bytes": 1,
            }
            for one in rows[: params["limit"]]
        ]
        return page(shown, continues=len(shown) < len(rows))


def _moment(seconds: int | None, unset: float) -> datetime:
    if seconds is None:
        return datetime.min if unset < 0 else datetime.max
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)


@pytest.fixture
def verdict_on(serve: Serve, client_to: ClientTo) -> Callable[[Callable[[Asked], Answer]], Verdict]:
    def verdict(answer: Callable[[Asked], Answer]) -> Verdict:
        with_requests = serve(answer)
        found = probe_window(client_to(with_requests.base_url), 144)
        assert len(with_requests.asked) <= MOST_REQUESTS
        return found

    return verdict


VerdictOn = Callable[[Callable[[Asked], Answer]], Verdict]


# The rule.

moments = st.integers(0, 30).map(lambda seconds: T0 + seconds * SECOND)


@st.composite
def truths(draw: st.DrawFn) -> Truth:
    begin = draw(moments)
    end = begin + draw(st.integers(0, 20)) * SECOND
    return Truth(draw(st.integers(1, 30)), draw(st.integers(1, 3)), begin, end, end + draw(st.integers(0, 20)) * SECOND)


def known(one: Truth, lag: timedelta = timedelta(0)) -> Known:
    return Known(one.record_id, one.linkid, one.begin, one.end, lag)


@st.composite
def histories(draw: st.DrawFn) -> tuple[Truth, list[tuple[datetime, datetime]]]:
    """A session and the windows that it is looked for in, most of them narrow ones around its times."""
    one = draw(truths())
    spans = []
    for _ in range(draw(st.integers(0, 4))):
        near = draw(st.sampled_from([one.begin, one.end, one.receipt, T0]))
        start = near + draw(st.integers(-2, 2)) * SECOND
        spans.append((start, start + draw(st.sampled_from([0, 1, 2, 3, 20, 60])) * SECOND))
    return one, spans


About = list[tuple[Truth, list[tuple[datetime, datetime]]]]
asked_about = st.lists(histories(), max_size=20, unique_by=lambda it: it[0].record_id)


def sightings(about: About, meaning: Meaning) -> list[Sighting]:
    """What a server answers for which windows mean this. A lag is what ids can tell: never more than the lateness."""
    return [
        Sighting(known(one, one.receipt - one.end), start, stop, one.within(meaning, start, stop))
        for one, spans in about
        for start, stop in spans
    ]


@given(about=asked_about, meaning=st.sampled_from(sorted(MEANINGS)))
def test_what_a_window_means_is_never_ruled_out(about: About, meaning: Meaning) -> None:
    assert meaning in possible(sightings(about, meaning))


@given(about=asked_about, meaning=st.sampled_from(sorted(MEANINGS)))
def test_a_verdict_is_true_or_left_open(about: About, meaning: Meaning) -> None:
    found = judged(sightings(about, meaning))
    assert found.column in {meaning.column, None}
    assert found.inclusive in {meaning.inclusive, None}
    assert (found.column is None) == bool(found.unknown)


@settings(max_examples=40)
@given(
    about=asked_about,
    answers=st.lists(st.booleans(), min_size=80, max_size=80),
    sampled=st.lists(truths().map(known), max_size=5),
)
def test_answers_of_any_kind_are_judged(about: About, answers: list[bool], sampled: list[Known]) -> None:
    told = [one._replace(seen=seen) for one, seen in zip(sightings(about, END), answers, strict=False)]
    found = judged(told, sampled)
    assert (found.column is None) == bool(found.unknown)


def around_their_ends(number: int, lag: timedelta) -> list[Sighting]:
    return [
        Sighting(known(one, lag), one.end - SECOND, one.end, seen=True)
        for one in fleet(number, lateness=lambda _: SECOND)
    ]


def test_the_end_is_told_from_the_receipt_by_enough_sessions_some_of_which_came_late() -> None:
    assert judged(around_their_ends(12, HOUR)).column is Column.END
    assert judged(around_their_ends(11, HOUR)).column is None
    assert judged([*around_their_ends(12, MINUTE)[:1], *around_their_ends(12, SECOND)[1:]]).column is None


def test_sessions_that_came_along_with_others_are_no_sample_of_those_that_are_asked_for() -> None:
    # In the seconds around its end a session comes along just because it was received at once.
    told = [one._replace(asked=one.session.record_id < 1011) for one in around_their_ends(12, HOUR)]
    assert judged(told).column is None


def test_of_every_sim_the_session_that_came_latest_is_asked_for_first() -> None:
    sample = [Known(9 - n, n % 3, T0, T0 + MINUTE, lag * MINUTE) for n, lag in enumerate((0, 0, 1, 5, 2, 0, 3))]
    assert [one.lag // MINUTE for one in chosen_of(sample)] == [5, 2, 1, 3, 0, 0, 0]
    assert {one.linkid for one in chosen_of(sample)[:3]} == {0, 1, 2}


def test_times_that_cannot_be_are_no_measure_of_the_others(client_to: ClientTo, serve: Serve) -> None:
    rows = [
        {"record_id": 9 - n, "linkid": 1, "session_begin": begin, "timestamp": end, "bytes": 1}
        for n, (begin, end) in enumerate(
            [
                ("2026-11-01 00:00:05", "2026-11-01 00:00:09"),
                (None, "2026-11-01 00:00:09"),
                ("2026-11-01 00:00:09", "2026-11-01 00:00:05"),
                ("1970-01-01 00:00:00", "2026-11-01 00:00:05"),
                ("9999-12-31 23:59:50", "9999-12-31 23:59:59"),
                ("2026-11-01 00:00:00.5", "2026-11-01 00:00:08.5"),
                ("2026-11-01 00:00:00", "2026-11-01 00:00:10"),
            ]
        )
    ]
    api = serve(lambda _: page(rows))
    found = known_of(client_to(api.base_url).session_page(SessionQuery(orgid=144))[0])
    assert [(one.record_id, one.lag, one.begin.microsecond) for one in found] == [
        (9, SECOND, 0),
        (4, 2 * SECOND, 0),
        (3, 0 * SECOND, 0),
    ]
    assert probe_window(client_to(api.base_url), 144).column is None


# The asking, against the sandbox.


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("inclusive", [True, False], ids=["inclusive", "exclusive"])
@pytest.mark.parametrize("column", COLUMNS)
def test_the_column_is_found_whichever_it_is(client_to: ClientTo, column: str, inclusive: bool, seed: int) -> None:
    options = {"filter_column": column, "end_inclusive": inclusive, "seed": seed}
    with Sandbox(orgs=(144,), sims=8, days=3, now=NOON, **options) as sandbox:  # type: ignore[arg-type]
        found = probe_window(client_to(sandbox.base_url), 144)
        newest = sorted(sandbox.fleet.sessions(144), key=lambda one: -one.record_id)[:1000]
    assert found.column is COLUMNS[column], found
    # Where the time of receipt decides, a session that was received in the second of its end has to be among those asked.
    assert found.inclusive in ({inclusive, None} if column == "received_at" else {inclusive})
    latest = max(one.received_at - one.timestamp for one in newest)
    longest = max(one.timestamp - one.session_begin for one in newest)
    if column == "received_at":
        assert latest - HOUR < found.reach <= latest + HOUR
    else:
        assert found.reach == (longest if column == "session_begin" else timedelta(0))
    assert len(sandbox.requests) <= MOST_REQUESTS


@pytest.mark.parametrize("column", COLUMNS)
def test_too_few_sessions_tell_nothing(client_to: ClientTo, column: str) -> None:
    with Sandbox(orgs=(144,), sims=0, days=0, filter_column=column) as sandbox:
        found = probe_window(client_to(sandbox.base_url), 144)
    assert found.column is None
    assert "0 of 0 sessions lasted 3 s or longer" in found.unknown
    assert len(sandbox.requests) == 1


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(orgs=(144,), sims=20, days=2, now=NOON) as sandbox:
        yield sandbox


@pytest.mark.parametrize("after", [0, 2, 15])
@pytest.mark.parametrize(
    "fault", ["server_error", "html", "not_success", "drop_connection", "unauthorized", "cut_body"]
)
def test_an_api_that_fails_on_the_way_leaves_it_unknown(
    running: Sandbox, client_to: ClientTo, fault: str, after: int
) -> None:
    running.faults.clear()
    running.faults.set(fault, after=after)
    found = probe_window(client_to(running.base_url, attempts=2), 144)
    running.faults.clear()
    assert found.column is None
    assert "/usage/data" in found.unknown


@pytest.mark.parametrize("fault", ["server_error", "cut_json", "drop_connection"])
def test_a_failure_that_passes_changes_nothing(running: Sandbox, client_to: ClientTo, fault: str) -> None:
    running.faults.clear()
    running.faults.set(fault, times=1, after=7)
    assert probe_window(client_to(running.base_url), 144).column is Column.END


@pytest.mark.parametrize(
    ("fault", "column"),
    [
        ("bad_rows", Column.END),
        ("string_numbers", Column.END),
        ("unknown_fields", Column.END),
        ("fewer_rows", Column.END),
        ("moved_rows", Column.END),
        ("bad_request_on_flags", Column.END),
        ("stuck_cursor", None),
        ("empty_page_continues", None),
        ("ids_not_decreasing", None),
        ("no_rows", None),
    ],
)
def test_strange_answers_are_no_reason_to_guess(
    running: Sandbox, client_to: ClientTo, fault: str, column: Column | None
) -> None:
    running.faults.clear()
    running.faults.set(fault)
    found = probe_window(client_to(running.base_url), 144)
    running.faults.clear()
    assert found.column is column, found


# Against servers of another kind.


@pytest.mark.parametrize("meaning", sorted(MEANINGS))
@pytest.mark.parametrize("ignored", [("timestart", "timeend"), ("timestart",), ("timeend",)], ids=" ".join)
def test_a_bound_that_is_ignored_is_noticed(verdict_on: VerdictOn, meaning: Meaning, ignored: tuple[str, ...]) -> None:
    found = verdict_on(Api(fleet(sims=3, lateness=every_fourth_late), meaning, ignored))
    assert "ignore one or both" in found.unknown


@pytest.mark.parametrize("meaning", sorted(MEANINGS))
def test_a_linkid_that_is_ignored_does_no_harm(verdict_on: VerdictOn, meaning: Meaning) -> None:
    found = verdict_on(Api(fleet(lateness=every_fourth_late), meaning, ("linkid",)))
    assert found.column is meaning.column, found


@pytest.mark.parametrize("lateness", [timedelta(minutes=15), timedelta(minutes=95), 30 * HOUR, 100 * HOUR])
def test_the_greatest_lateness_is_measured_to_the_hour(verdict_on: VerdictOn, lateness: timedelta) -> None:
    late = Api(fleet(60, lateness=lambda n: lateness if n % 20 == 7 else 90 * SECOND), Meaning(Column.RECEIPT, True))
    found = verdict_on(late)
    assert found.column is Column.RECEIPT, found
    assert lateness <= found.reach <= lateness + HOUR


def test_what_may_be_the_receipt_as_well_is_not_called_the_end(verdict_on: VerdictOn) -> None:
    at_once = fleet(lateness=lambda _: timedelta(0))
    found = verdict_on(Api(at_once))
    assert found == verdict_on(Api(at_once, Meaning(Column.RECEIPT, True)))
    assert "may be the time of receipt as well" in found.unknown


def test_sessions_that_begin_when_another_ends_are_told_apart(verdict_on: VerdictOn) -> None:
    chain = [
        Truth(1000 + n, 1, T0 + n * MINUTE, T0 + (n + 1) * MINUTE, T0 + (n + 1) * MINUTE + SECOND) for n in range(40)
    ]
    assert verdict_on(Api(chain, Meaning(Column.BEGIN, True))).column is Column.BEGIN
    assert verdict_on(Api(chain)).column is None  # received a second later, all of them


@pytest.mark.parametrize("lasting", [timedelta(0), 2 * SECOND])
def test_sessions_without_length_tell_nothing(verdict_on: VerdictOn, lasting: timedelta) -> None:
    points = [Truth(n, n, T0 + n * MINUTE, T0 + n * MINUTE + lasting, T0 + n * MINUTE + lasting) for n in range(1, 40)]
    assert "0 of 39 sessions lasted 3 s or longer" in verdict_on(Api(points)).unknown


def test_one_session_alone_tells_nothing(verdict_on: VerdictOn) -> None:
    assert "1 of 1 sessions lasted" in verdict_on(Api(fleet(1))).unknown
    assert verdict_on(Api(fleet(5, lateness=every_fourth_late))).column is None


def instead_of_the_first_window(truth: Api, answer: Answer) -> Callable[[Asked], Answer]:
    windows = count()
    return lambda asked: answer if "timestart" in asked.params and next(windows) == 0 else truth(asked)


def test_a_page_that_is_full_without_the_session_does_not_say_that_it_is_missing(verdict_on: VerdictOn) -> None:
    full = page([], continues=True)
    found = verdict_on(instead_of_the_first_window(Api(fleet(lateness=every_fourth_late)), full))
    assert "the end fits 11 sessions, but 12 are needed" in found.unknown


def test_one_answer_that_lacks_its_session_does_not_turn_the_verdict(verdict_on: VerdictOn) -> None:
    found = verdict_on(instead_of_the_first_window(Api(fleet(lateness=every_fourth_late)), page([])))
    assert "1 sessions came back for times after their end, too few" in found.unknown


@pytest.mark.parametrize("inclusive", [True, False])
def test_a_session_received_at_once_tells_whether_the_end_is_in(verdict_on: VerdictOn, inclusive: bool) -> None:
    sessions = fleet(lateness=lambda n: 3 * HOUR if n % 4 == 0 else n % 2 * SECOND)
    found = verdict_on(Api(sessions, Meaning(Column.RECEIPT, inclusive)))
    assert (found.column, found.inclusive) == (Column.RECEIPT, inclusive)


@pytest.mark.parametrize("seed", range(3))
def test_a_server_that_answers_at_random_is_not_asked_for_ever(verdict_on: VerdictOn, seed: int) -> None:
    chance, asked_before, truth = random.Random(seed), count(), Api(fleet(lateness=every_fourth_late))
    verdict_on(lambda asked: truth(asked) if next(asked_before) < 1 or chance.random() < 0.5 else page([]))


@given(meaning=st.sampled_from(sorted(MEANINGS)), seed=st.integers(0, 10**6), late=st.integers(0, 40_000))
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_fleet_the_verdict_is_true_or_left_open(
    verdict_on: VerdictOn, meaning: Meaning, seed: int, late: int
) -> None:
    chance = random.Random(seed)
    sessions = fleet(
        chance.randrange(60),
        chance.randrange(1, 20),
        lambda _: timedelta(seconds=chance.choice([0, 1, 2, chance.randrange(late + 1)])),
        seed,
    )
    found = verdict_on(Api(sessions, meaning))
    assert found.column in {meaning.column, None}
    assert found.inclusive in {meaning.inclusive, None}
