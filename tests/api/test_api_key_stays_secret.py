"""The key is in the header of each request and nowhere else: no log, repr, exception, URL; whatever the server says."""

from __future__ import annotations

import base64
import logging
import socket
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from hologram_assets.api.client import HologramClient
from hologram_assets.api.errors import HologramError
from hologram_assets.api.queries import BillingQuery, LinkQuery, PlanQuery, SessionQuery
from hologram_assets.api.throttle import Throttle
from hologram_assets.api.transport import Transport, _KeyAuth
from hologram_assets.sandbox import Sandbox
from tests.api.loopback import Answer, Asked, Loopback, page, said

Serve = Callable[[Callable[[Asked], Answer]], Loopback]
ClientTo = Callable[..., HologramClient]
KEY = "Zq7-s3cr3t/k3y+with=signs"
IN_BASIC = base64.b64encode(f"apikey:{KEY}".encode()).decode()
FORMS = (KEY, IN_BASIC, quote(KEY, safe=""))


def shows_the_key(text: str) -> bool:
    """Whether any form of the key, or a half of one that would do to guess the rest, is in the text."""
    return any(form[: len(form) // 2] in text or form[len(form) // 2 :] in text for form in FORMS)


def everything_in(error: BaseException) -> Iterator[object]:
    """The error, the errors behind it, and whatever hangs on them."""
    seen: set[int] = set()
    left: list[object] = [error]
    while left:
        item = left.pop()
        if id(item) in seen or len(seen) > 5000:
            continue
        seen.add(id(item))
        yield item
        if isinstance(item, BaseException):
            left += [item.__cause__, item.__context__, item.args, vars(item), getattr(item, "__notes__", None)]
        elif isinstance(item, dict):
            left += [*item.keys(), *item.values()]
        elif isinstance(item, (list, tuple, set)):
            left += item
        elif type(item).__module__.split(".")[0] in {"requests", "urllib3", "http", "tenacity"}:
            left += [vars(item)] if hasattr(item, "__dict__") else []


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A 429 pauses nobody."""
    monkeypatch.setattr(Throttle, "pause", lambda *_: None)


@pytest.fixture
def records(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Everything that any logger says."""
    with caplog.at_level(logging.DEBUG):
        for name in ("urllib3", "urllib3.connectionpool", "requests", "hologram_assets", "tenacity", "http.client"):
            caplog.set_level(logging.DEBUG, logger=name)
        yield caplog


def no_key_in(records: pytest.LogCaptureFixture) -> None:
    assert records.records, "nothing was logged, so nothing was tested"
    for record in records.records:
        assert not shows_the_key(record.getMessage() + repr(vars(record))), record


def test_the_words_of_this_test_find_a_key() -> None:
    error = ValueError("x")
    error.__context__ = RuntimeError({"headers": [f"Basic {IN_BASIC}"]})
    assert any(shows_the_key(str(item)) for item in everything_in(error))
    assert not shows_the_key(str(error))


@pytest.mark.parametrize(
    ("fault", "value"),
    [
        ("rate_limited", 0),
        ("server_error", None),
        ("hang", None),
        ("drop_connection", None),
        ("cut_json", None),
        ("cut_body", None),
        ("html", None),
        ("not_success", None),
        ("unauthorized", None),
        ("forbidden", None),
        ("redirect", f"http://elsewhere.invalid/{quote(KEY, safe='')}"),
        ("stuck_cursor", None),
        ("ids_not_decreasing", None),
        ("empty_page_continues", None),
    ],
)
def test_no_failure_shows_the_key(
    sandbox: Sandbox, client_to: ClientTo, records: pytest.LogCaptureFixture, fault: str, value: float | str | None
) -> None:
    sandbox.faults.set(fault, value=value)
    client = client_to(sandbox.base_url, key=KEY, attempts=2, timeout_seconds=0.15 if fault == "hang" else 5)
    with pytest.raises(HologramError) as caught:
        list(client.session_pages(SessionQuery(orgid=144, limit=3)))
    for item in everything_in(caught.value):
        assert not shows_the_key(f"{item!r} {item}"), item
    no_key_in(records)


@pytest.mark.parametrize("port", ["nobody listens", "http"])
def test_no_failure_to_connect_shows_the_key(client_to: ClientTo, records: pytest.LogCaptureFixture, port: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        scheme = "http" if port == "nobody listens" else "gopher"
        client = client_to(f"{scheme}://127.0.0.1:{taken.getsockname()[1]}/api/1", key=KEY, attempts=2)
        with pytest.raises(HologramError) as caught:
            client.probe("plans", 144)
    for item in everything_in(caught.value):
        assert not shows_the_key(f"{item!r} {item}"), item
    assert not shows_the_key(records.text)


@pytest.mark.parametrize("echoed", FORMS)
@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 429, 500])
@pytest.mark.parametrize("before", ["", "x" * 180])
@pytest.mark.parametrize("kind", ["error", "html", "success", "data"])
def test_a_server_that_echoes_the_key_does_not_get_it_into_an_error(
    serve: Serve,
    client_to: ClientTo,
    records: pytest.LogCaptureFixture,
    echoed: str,
    status: int,
    before: str,
    kind: str,
) -> None:
    text = f"{before}{echoed} is not a key"
    bodies: dict[str, Answer] = {
        "error": said({"success": False, "error": text}, status),
        "html": Answer(status, f"<h1>{text}</h1>".encode(), {"Content-Type": "text/html"}),
        "success": said({"success": text}, status),
        "data": said({"success": True, "data": text}, status),
    }
    server = serve(lambda _: bodies[kind])
    with pytest.raises(HologramError) as caught:
        client_to(server.base_url, key=KEY, attempts=2).plans(PlanQuery(orgid=144))
    for item in everything_in(caught.value):
        assert not shows_the_key(f"{item!r} {item}"), item
    no_key_in(records)


def test_an_object_in_the_error_text_is_searched_too(serve: Serve, client_to: ClientTo) -> None:
    server = serve(lambda _: said({"success": False, "error": {"sent": {"Authorization": f"Basic {IN_BASIC}"}}}, 401))
    with pytest.raises(HologramError) as caught:
        client_to(server.base_url, key=KEY).plans(PlanQuery(orgid=144))
    assert "Authorization" in str(caught.value)
    assert not shows_the_key(str(caught.value))


def test_nothing_that_is_printed_shows_the_key(sandbox: Sandbox, client_to: ClientTo) -> None:
    client = client_to(sandbox.base_url, key=KEY)
    transport: Transport = client._transport
    auth = transport._session.auth
    for thing in (client, transport, auth, transport._session, transport._throttle, transport._session.headers):
        assert not shows_the_key(f"{thing!r} {thing}"), thing
    assert isinstance(auth, _KeyAuth)


def test_no_request_has_the_key_in_its_url_and_no_log_of_a_success_shows_it(
    sandbox: Sandbox, client_to: ClientTo, records: pytest.LogCaptureFixture
) -> None:
    client = client_to(sandbox.base_url, key=KEY)
    list(client.session_pages(SessionQuery(orgid=144, timestart=sandbox.clock.now())))
    client.billing_totals(BillingQuery(orgid=144))
    client.plans(PlanQuery(orgid=144))
    client.plan(144, 902)
    client.links(LinkQuery(orgid=144))
    assert len(sandbox.requests) >= 5
    assert not any(asked.key_in_query or shows_the_key(repr(asked)) for asked in sandbox.requests)
    no_key_in(records)


def test_a_key_with_a_stray_character_is_sent_as_it_is_and_refused_by_the_api(
    sandbox: Sandbox, client_to: ClientTo
) -> None:
    # Pasted from a chat: a typographic quote around it. An encoder that fails holds the key in its exception.
    sandbox.faults.set("unauthorized")
    with pytest.raises(HologramError, match="401") as caught:
        client_to(sandbox.base_url, key=f"“{KEY}”").plans(PlanQuery(orgid=144))
    for item in everything_in(caught.value):
        assert not shows_the_key(f"{item!r} {item}"), item


def test_a_machines_netrc_does_not_take_the_keys_place(
    serve: Serve, client_to: ClientTo, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    server = serve(lambda _: page([]))
    client_to(server.base_url, key=KEY).plans(PlanQuery(orgid=144))
    assert [asked.headers["Authorization"] for asked in server.asked] == [f"Basic {IN_BASIC}"]
