"""Pages: which rows of a listing a request gets, and the envelope around them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from hologram_assets.sandbox.query import Query
from hologram_assets.sandbox.tampering import Faults, Row, chosen, tampered

Entry = TypeVar("Entry")


@dataclass(frozen=True, slots=True)
class Listing(Generic[Entry]):
    """The rows of one list endpoint for one set of filters, in the order in which they are served.

    `key` is the id by which pages are cut; `descending` says in which direction it runs. The rest are the traits by
    which Hologram's list endpoints differ from each other: whether `size` is a string like "2s", whether `continues` is
    there (and false) on the last page, whether there are `links`, and whether `lastid` is a string.
    """

    entries: Sequence[Entry]
    key: Callable[[Entry], int]
    row: Callable[[Entry], Row]
    descending: bool = True
    size_is_text: bool = False
    says_when_it_ends: bool = True
    has_links: bool = True
    lastid_is_text: bool = False

    def position_after(self, cursor: int) -> int:
        """The position of the first entry that comes after the id `cursor`, whether an entry has that id or not."""
        sign = -1 if self.descending else 1
        return bisect_right(self.entries, sign * cursor, key=lambda entry: sign * self.key(entry))


@dataclass(frozen=True, slots=True)
class _Page(Generic[Entry]):
    entries: Sequence[Entry]
    continues: bool
    following: Entry | None


def envelope(
    listing: Listing[Any],
    path: str,
    query: Query,
    faults: Faults,
    *,
    cursor: int | None,
    before: Callable[[int | None], list[Row]] | None = None,
) -> dict[str, Any]:
    """The answer to a request for one page.

    Args:
        listing: what is paged through.
        path: the endpoint's full path, for `links`.
        query: the request, for `limit`.
        faults: what is to go wrong.
        cursor: the id after which the page begins; None for the first page.
        before: makes rows to put in front of the first page, given the first id of it (None: an empty page).
    """
    listing = _thinned(listing, faults)
    page = _cut(listing, cursor, query.limit, faults)
    rows = [listing.row(entry) for entry in page.entries]
    first = listing.key(page.entries[0]) if page.entries else None
    if before is not None and cursor is None:
        rows = before(first) + rows
    rows = tampered(rows, faults)
    answer: dict[str, Any] = {
        "success": True,
        "limit": query.limit,
        "size": f"{len(rows)}s" if listing.size_is_text else len(rows),
    }
    if page.continues or listing.says_when_it_ends:
        answer["continues"] = page.continues
    last = listing.key(page.entries[-1]) if page.entries else cursor
    if listing.has_links:
        answer["links"] = {"path": path, "base": faults["foreign_base"].text}
        if page.continues:
            after = _wrong(listing, page) if "wrong_next" in faults else last
            answer["links"]["next"] = f"{path}?limit={query.limit}&startafter={after}"
    if last is not None:
        lastid = _wrong(listing, page) if "wrong_lastid" in faults else last
        answer["lastid"] = str(lastid) if listing.lastid_is_text else lastid
    answer["data"] = rows
    return answer


def _thinned(listing: Listing[Entry], faults: Faults) -> Listing[Entry]:
    """The listing without the rows that `no_rows` and `fewer_rows` take away."""
    fewer = faults.get("fewer_rows")
    if "no_rows" in faults:
        kept: Sequence[Entry] = ()
    elif fewer is not None:
        kept = [entry for entry in listing.entries if not chosen(fewer, listing.key(entry))]
    else:
        return listing
    return Listing(
        kept,
        listing.key,
        listing.row,
        listing.descending,
        listing.size_is_text,
        listing.says_when_it_ends,
        listing.has_links,
        listing.lastid_is_text,
    )


def _cut(listing: Listing[Entry], cursor: int | None, limit: int, faults: Faults) -> _Page[Entry]:
    if "empty_page_continues" in faults:
        return _Page((), continues=True, following=None)
    stuck = "stuck_cursor" in faults
    start = 0 if cursor is None or stuck else listing.position_after(cursor)
    # The row of the cursor, if the filters of now still hold it.
    if "repeated_edge_row" in faults and start and listing.key(listing.entries[start - 1]) == cursor:
        start -= 1
        # A page of one row would be the old row for ever.
        limit = max(limit, 2)
    stop = start + limit
    more = stop < len(listing.entries)
    following = listing.entries[stop] if more else None
    return _Page(listing.entries[start:stop], continues=more or stuck, following=following)


def _wrong(listing: Listing[Entry], page: _Page[Entry]) -> int:
    """An id just beyond the page's last one: who pages by it skips a row and never knows."""
    if page.following is not None:
        return listing.key(page.following)
    last = listing.key(page.entries[-1]) if page.entries else 1
    return last - 1 if listing.descending else last + 1
