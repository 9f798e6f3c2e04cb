"""The Hologram API as typed records: `/usage/data`, `/usage/data/billing`, `/plans`, `/plans/{id}`, `/links/cellular`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from hologram_assets.api.clock import ClockReading, utc_now
from hologram_assets.api.errors import BadRequestError, NotFoundError, PagingError
from hologram_assets.api.lines import SessionLines, session_lines
from hologram_assets.api.paging import Page, Row, descending_pages, unordered_pages
from hologram_assets.api.plans import PlanPrice, plan_prices
from hologram_assets.api.queries import BillingQuery, LinkQuery, PlanQuery, Query, SessionQuery
from hologram_assets.api.records import BillingTotal, Link, Rejected, Session, billing_total, link, session
from hologram_assets.api.transport import Transport

logger = logging.getLogger(__name__)
T = TypeVar("T")

# Billing has no documented cursor, so one page is asked to hold everything; 5000 is the documented maximum.
_LARGEST_PAGE = 5000
_LINKIDS_PER_REQUEST = 200


class HologramClient:
    """Typed access to one key's view of the API; thread-safe.

    Args:
        transport: carries base URL, key, time-outs, retries and the throttle.
        page_size: rows a page of sessions, plans and links (250 or fewer recommended: bigger pages take over 30 s).
    """

    def __init__(self, transport: Transport, page_size: int = 250) -> None:
        self._transport = transport
        self._page_size = page_size
        self._flags_refused = False

    @property
    def calls(self) -> int:
        """Requests sent so far, retries included."""
        return self._transport.calls

    @property
    def clock(self) -> ClockReading | None:
        """The API's clock beside ours, from the quickest answer so far; None when no answer had a usable `Date`."""
        return self._transport.clock

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def session_pages(self, query: SessionQuery) -> Iterator[list[Session | Rejected]]:
        """Pages of closed data sessions, newest first. Times in the query may filter any of three columns: see slicing.

        Raises:
            PagingError: ids don't decrease or the cursor doesn't advance.
            HologramError: the API failed for good.
        """
        for rows in self._session_rows(lambda: query):
            yield [session(row) for row in rows]

    def session_line_pages(self, ask: Callable[[], SessionQuery]) -> Iterator[SessionLines]:
        """Pages of closed data sessions as JSON lines, newest first.

        `ask` is called before every page: a query may ask for less than the one before it, by a later `timestart`.

        Raises:
            PagingError: ids don't decrease or the cursor doesn't advance.
            HologramError: the API failed for good.
        """
        for rows in self._session_rows(ask):
            yield session_lines(rows, utc_now())

    def session_page(self, query: SessionQuery) -> tuple[list[Session], bool]:
        """The first page of closed data sessions without the rows that can't be read, and whether more follow.

        Raises:
            HologramError: the API failed for good.
        """
        page = Page.of(self._transport.get("usage/data", self._params(query), check=Page.of))
        return [row for row in map(session, page.rows) if isinstance(row, Session)], page.continues

    def _session_rows(self, ask: Callable[[], SessionQuery]) -> Iterator[list[Row]]:
        def pages(*, flags: bool) -> Iterator[list[Row]]:
            def params() -> dict[str, str | int]:
                return self._params(ask() if flags else _without_flags(ask()))

            return descending_pages(self._fetch("usage/data"), params, "record_id")

        flagged = not self._flags_refused and _has_flags(ask())
        found = pages(flags=flagged)
        try:
            first = next(found)
        except BadRequestError as error:
            # Not `_flags_refused`: another worker may have set it since this request was sent with flags.
            if not flagged:
                raise
            logger.warning("asking again without the get* flags, which the API may not know: %s", error)
            found = pages(flags=False)
            first = next(found)
            self._flags_refused = True
        yield first
        yield from found

    def billing_totals(self, query: BillingQuery, known_linkids: Collection[int] = ()) -> list[BillingTotal | Rejected]:
        """Totals per SIM and billing period, each (SIM, period end) once.

        The cursor of this endpoint is not documented: the ones that the server offers are tried as `startafter` and
        as `startat`. Where none brings new rows, the SIMs that the rows so far or `known_linkids` name are asked for
        by id. After more than one page, known SIMs without any row are asked for as well, in case a cursor skipped.

        Raises:
            PagingError: there is more, and neither cursors nor known SIMs lead to it.
        """
        query = replace(query, limit=query.limit or _LARGEST_PAGE)
        found: dict[tuple[int, object] | str, BillingTotal | Rejected] = {}

        def add(rows: Sequence[Row]) -> int:
            before = len(found)
            for row in rows:
                total = billing_total(row)
                found[total.raw if isinstance(total, Rejected) else (total.linkid, total.period_end)] = total
            return len(found) - before

        page = Page.of(self._get("usage/data/billing", query))
        add(page.rows)
        pages, used = 1, set[str]()
        while page.continues:
            following = self._next_billing_page(query, page, add, used)
            if following is None:
                self._billing_by_linkids(query, known_linkids, found, add)
                return list(found.values())
            page = following
            pages += 1
        if pages > 1 and not _names_sims(query):
            missing = set(known_linkids) - {total.linkid for total in found.values() if isinstance(total, BillingTotal)}
            self._ask_linkids(query, sorted(missing), add)
        return list(found.values())

    def _next_billing_page(
        self, query: BillingQuery, page: Page, add: Callable[[Sequence[Row]], int], used: set[str]
    ) -> Page | None:
        last = str(page.rows[-1].get("record_id", "")) if page.rows else ""
        for cursor in dict.fromkeys(c for c in (last, *page.offered) if c and c not in used):
            for asked in (replace(query, startafter=cursor), replace(query, startat=cursor)):
                following = Page.of(self._get("usage/data/billing", asked))
                # A page without new rows is no proof of the end: the server may have ignored the cursor.
                if add(following.rows):
                    used.add(cursor)
                    return following
        return None

    def _billing_by_linkids(
        self,
        query: BillingQuery,
        known: Collection[int],
        found: dict[tuple[int, object] | str, BillingTotal | Rejected],
        add: Callable[[Sequence[Row]], int],
    ) -> None:
        if _names_sims(query) or not known:
            msg = (
                f"/usage/data/billing says that there is more after {len(found)} rows, but no cursor brings new ones and "
                "no SIM ids are known to ask for (load sim_inventory or raw_sessions first)"
            )
            raise PagingError(msg)
        named = {total.linkid for total in found.values() if isinstance(total, BillingTotal)}
        self._ask_linkids(query, sorted({*known, *named}), add)

    def _ask_linkids(self, query: BillingQuery, linkids: Sequence[int], add: Callable[[Sequence[Row]], int]) -> None:
        for first in range(0, len(linkids), _LINKIDS_PER_REQUEST):
            some = linkids[first : first + _LINKIDS_PER_REQUEST]
            page = Page.of(self._get("usage/data/billing", replace(query, linkids=some)))
            add(page.rows)
            if page.continues and len(some) > 1:
                half = len(some) // 2
                self._ask_linkids(query, some[:half], add)
                self._ask_linkids(query, some[half:], add)
            elif page.continues:
                msg = f"/usage/data/billing says that there is more for the one SIM {some[0]}"
                raise PagingError(msg)

    def plans(self, query: PlanQuery) -> list[PlanPrice | Rejected]:
        """Prices of the plans that are offered, one record per plan, tier and zone."""
        return _flattened(plan_prices(row) for rows in self._listed("plans", query) for row in rows)

    def plan(self, org_id: int, plan_id: int) -> list[PlanPrice | Rejected]:
        """Prices of one plan, also one that is no longer offered; empty if the API doesn't know it."""
        try:
            data = self._transport.get(f"plans/{plan_id}", {"orgid": org_id}).get("data")
        except NotFoundError:
            return []
        rows = data if isinstance(data, list) else [data]
        found = _flattened(plan_prices(row) for row in rows if isinstance(row, dict))
        return [price for price in found if isinstance(price, Rejected) or price.plan_id == plan_id]

    def links(self, query: LinkQuery) -> list[Link | Rejected]:
        """Every SIM of the organisation, as it is now.

        Raises:
            ForbiddenError: the key may not read links.
        """
        return [link(row) for rows in self._listed("links/cellular", query) for row in rows]

    def probe(self, path: str, org_id: int) -> None:
        """Ask for one row of a list endpoint, to see whether the key may.

        Raises:
            HologramError: it may not, or the API doesn't answer.
        """
        self._transport.get(path, {"orgid": org_id, "limit": 1})

    def _listed(self, path: str, query: Query) -> Iterator[list[Row]]:
        return unordered_pages(self._fetch(path), self._params(query), "id")

    def _params(self, query: Query) -> dict[str, str | int]:
        return replace(query, limit=query.limit or self._page_size).params()

    def _fetch(self, path: str) -> Callable[[dict[str, str | int]], dict[str, object]]:
        return lambda params: self._transport.get(path, params, check=Page.of)

    def _get(self, path: str, query: Query) -> dict[str, object]:
        return self._transport.get(path, query.params(), check=Page.of)


def _without_flags(query: SessionQuery) -> SessionQuery:
    return replace(query, getdeviceinfo=None, getplaninfo=None, getcountryinfo=None)


def _has_flags(query: SessionQuery) -> bool:
    return bool(query.getdeviceinfo or query.getplaninfo or query.getcountryinfo)


def _names_sims(query: BillingQuery) -> bool:
    return query.linkid is not None or query.linkids is not None


def _flattened(parsed: Iterator[list[T] | Rejected]) -> list[T | Rejected]:
    flat: list[T | Rejected] = []
    for item in parsed:
        if isinstance(item, Rejected):
            flat.append(item)
        else:
            flat.extend(item)
    return flat
