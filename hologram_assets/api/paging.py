"""Following a list endpoint from page to page.

The rules and their reasons are in hologram-api.md, "Every list endpoint": `continues` false or absent ends the
list; the cursor is the last row's own id, else `links.next`'s `startafter`, else `lastid`; of `links` nothing else is
used, and its host is never asked. A page that doesn't advance the cursor is an error, not a silent stop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from hologram_assets.api.errors import PagingError, TransientError
from hologram_assets.api.transport import Envelope
from hologram_assets.api.values import flag, signed

Row = dict[str, Any]
Fetch = Callable[[dict[str, str | int]], Envelope]


@dataclass(frozen=True)
class Page:
    """One page: its rows (JSON objects), whether more follow, and the cursors that the server itself offers."""

    rows: list[Row]
    continues: bool
    offered: list[str]

    @classmethod
    def of(cls, envelope: Envelope) -> Page:
        """Read an envelope.

        Raises:
            TransientError: `data` is not a list of objects, so the page is broken (its text isn't shown: it may be
                anything, also an echo of the key).
        """
        rows = envelope.get("data")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            msg = f"a page whose data is not a list of objects, but {_kind(rows)}"
            raise TransientError(msg)
        offered = [_next_startafter(envelope), envelope.get("lastid")]
        # `flag`: a true spelled 1 or "true" must not end the list in silence.
        return cls(rows, flag(envelope.get("continues")), [str(c) for c in offered if c not in (None, "")])


def _kind(rows: object) -> str:
    return "an array with something else in it" if isinstance(rows, list) else f"a {type(rows).__name__}"


def _next_startafter(envelope: Envelope) -> str | None:
    links = envelope.get("links")
    following = links.get("next") if isinstance(links, dict) else None
    if not isinstance(following, str):
        return None
    values = parse_qs(urlsplit(following).query)
    found = values.get("startafter") or values.get("startat")
    return found[0] if found else None


def own_id(row: Row, column: str) -> int | None:
    """A row's own id, None when it has none that can be read."""
    return signed(row.get(column))


def descending_pages(fetch: Fetch, params: Callable[[], dict[str, str | int]], column: str) -> Iterator[list[Row]]:
    """Pages of an endpoint that lists newest first, by strictly descending id; a row repeated at an edge is dropped.

    `params` is called for every page.

    Raises:
        PagingError: ids that don't decrease, or a cursor that doesn't.
    """
    cursor: int | None = None
    while True:
        asked = params()
        page = Page.of(fetch(asked if cursor is None else {**asked, "startafter": cursor}))
        rows: list[Row] = []
        lowest = cursor
        for row in page.rows:
            number = own_id(row, column)
            if number is not None:
                if number == cursor == lowest:
                    continue
                if lowest is not None and number >= lowest:
                    msg = (
                        f"{column} {number} follows {lowest} after the cursor startafter={cursor}, but ids must decrease; "
                        "nothing of this answer is stored"
                    )
                    raise PagingError(msg)
                lowest = number
            rows.append(row)
        yield rows
        if not page.continues:
            return
        cursor = _advanced(cursor, lowest, page)


def _advanced(cursor: int | None, lowest: int | None, page: Page) -> int:
    candidates = [lowest, *(int(c) for c in page.offered if c.isdecimal())]
    for candidate in candidates:
        if candidate is not None and (cursor is None or candidate < cursor):
            return candidate
    msg = (
        f"the page after startafter={cursor} ({len(page.rows)} rows) says that there is more, but does not advance the "
        f"cursor (lowest id {lowest}, offered {page.offered})"
    )
    raise PagingError(msg)


def unordered_pages(fetch: Fetch, params: dict[str, str | int], column: str) -> Iterator[list[Row]]:
    """Pages of an endpoint whose order is not known; rows seen before are dropped.

    Raises:
        PagingError: a page that says there is more and brings nothing new.
    """
    seen: set[int] = set()
    used: set[str] = set()
    cursor: str | None = None
    while True:
        page = Page.of(fetch(params if cursor is None else {**params, "startafter": cursor}))
        numbers = [own_id(row, column) for row in page.rows]
        rows = [row for row, number in zip(page.rows, numbers, strict=True) if number is None or number not in seen]
        fresh = {number for number in numbers if number is not None} - seen
        yield rows
        if not page.continues:
            return
        seen |= fresh
        candidates = [*(str(number) for number in numbers[-1:] if number is not None), *page.offered]
        following = next((c for c in candidates if c not in used), None)
        if not fresh or following is None:
            msg = (
                f"the page after startafter={cursor} ({len(page.rows)} rows) says that there is more, but brings "
                f"nothing new (offered {page.offered})"
            )
            raise PagingError(msg)
        used.add(following)
        cursor = following
