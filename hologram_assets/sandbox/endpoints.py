"""The API's endpoints: from a question to the answer's JSON, without HTTP."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, Final

from hologram_assets.sandbox.clock import SandboxClock
from hologram_assets.sandbox.faults import Fault
from hologram_assets.sandbox.fleet import RETENTION, Fleet
from hologram_assets.sandbox.pages import Listing, envelope
from hologram_assets.sandbox.periods import BillingPeriod
from hologram_assets.sandbox.plans import PLANS, Plan
from hologram_assets.sandbox.query import FLAGS, Query, RefusedError
from hologram_assets.sandbox.search import FILTER_COLUMNS, SessionSearch, Window
from hologram_assets.sandbox.sessions import Session
from hologram_assets.sandbox.sims import Sim
from hologram_assets.sandbox.tampering import Faults, Row, broken_sessions, session_edit
from hologram_assets.sandbox.wire import billing_id, billing_row, device_row, link_row, session_row

API_PATH: Final = "/api/1/"
_FOREIGN_BASE: Final = Fault("foreign_base")
_TAG_FILTERS: Final = ("tagid", "tagids", "tagname")
Answer = dict[str, Any]


class Endpoints:
    """Answers requests about a fleet.

    `filter_column` and `end_inclusive` say what `timestart` and `timeend` of `/usage/data` mean, which nobody outside
    Hologram knows.
    """

    def __init__(
        self, fleet: Fleet, clock: SandboxClock, *, filter_column: str = "timestamp", end_inclusive: bool = True
    ) -> None:
        """Raises ValueError when there is no such column."""
        if filter_column not in FILTER_COLUMNS:
            raise ValueError(f"filter column {filter_column!r}: one of {', '.join(FILTER_COLUMNS)}")
        self._fleet = fleet
        self._clock = clock
        self._filter_column = filter_column
        self._end_inclusive = end_inclusive
        self._search = SessionSearch(fleet)
        self._lists: dict[str, Callable[[str, Query, Faults], Answer]] = {
            "usage/data": self._sessions,
            "usage/data/billing": self._billing,
            "plans": self._plans,
            "links/cellular": self._links,
            "devices": self._devices,
        }

    def answer(self, endpoint: str, query: Query, faults: Faults) -> Answer:
        """The answer to a request for `endpoint` (the path below `/api/1/`).

        Raises:
            RefusedError: no such endpoint or record (404), a bad parameter (400), or a foreign organisation (403).
        """
        faults = {"foreign_base": _FOREIGN_BASE, **faults}
        if "bad_request_on_flags" in faults and any(query.flag(name) for name in FLAGS):
            raise RefusedError(400, "Unknown parameter")
        handler = self._lists.get(endpoint)
        if handler is not None:
            return handler(API_PATH + endpoint, query, faults)
        collection, _, number = endpoint.rpartition("/")
        if collection not in {"plans", "links/cellular", "devices"} or not number.isdecimal():
            raise RefusedError(404, "API method does not exist")
        found = self._one(collection, int(number), query)
        if isinstance(found, dict) and "single_as_list" in faults:
            return {"success": True, "data": [found]}
        return {"success": True, "data": found}

    def _orgs(self, query: Query) -> tuple[int, ...]:
        asked = query.ids("orgid", "orgids")
        if asked is None:
            return self._fleet.orgs
        if foreign := asked - set(self._fleet.orgs):
            raise RefusedError(403, f"No access to organization {min(foreign)}")
        return tuple(org for org in self._fleet.orgs if org in asked)

    def _sims(self, query: Query, now: datetime) -> list[Sim]:
        """The SIMs that match the filters every endpoint knows."""
        linkids, device_ids = query.ids("linkid", "linkids"), query.ids("deviceid", "deviceids")
        tag_ids, tag_name = query.ids("tagid", "tagids"), query.params.get("tagname")
        live, untagged = query.flag("islive"), query.flag("notags")
        if untagged and any(query.params.get(name) for name in _TAG_FILTERS):
            raise RefusedError(400, "notags cannot be combined with tagid, tagids or tagname")
        return [
            sim
            for org in self._orgs(query)
            for sim in self._fleet.sims(org)
            if (linkids is None or sim.linkid in linkids)
            and (device_ids is None or sim.device_id in device_ids)
            and (tag_ids is None or any(tag.id in tag_ids for tag in sim.tags))
            and (not tag_name or any(tag.name == tag_name for tag in sim.tags))
            and (not untagged or not sim.tags)
            and (live is None or sim.is_live(now) == live)
        ]

    def _sessions(self, path: str, query: Query, faults: Faults) -> Answer:
        now = self._clock.now()
        orgs = self._orgs(query)
        filtered = any(query.params.get(name) for name in (*_SIM_FILTERS, *_TAG_FILTERS))
        linkids = frozenset(sim.linkid for sim in self._sims(query, now)) if filtered else None
        window = Window(self._filter_column, query.moment("timestart"), query.moment("timeend"), self._end_inclusive)
        hour = now.replace(minute=0, second=0, microsecond=0)
        edits = tuple((name, faults[name].number) for name in ("changed_rows", "moved_rows") if name in faults)
        found = self._search.find(
            orgs,
            window,
            now=now,
            linkids=linkids,
            edit=session_edit(faults, hour),
            edit_name=(edits, hour) if edits else None,
        )

        def before(newest_id: int | None) -> list[Row]:
            return broken_sessions(orgs[0], self._some_link(orgs[0]), newest_id, _within(window, now))

        listing = Listing(
            found, attrgetter("record_id"), self._session_row(query), size_is_text=True, says_when_it_ends=False
        )
        return envelope(
            listing,
            path,
            query,
            faults,
            cursor=query.integer("startafter"),
            before=before if "bad_rows" in faults else None,
        )

    def _session_row(self, query: Query) -> Callable[[Session], Row]:
        """How a session is written, with the fields of the flags that were sent."""
        device, plan, country = (query.flag(name) for name in FLAGS)
        if not (device or plan or country):
            return session_row
        sims = {sim.linkid: sim for org in self._orgs(query) for sim in self._fleet.sims(org)}

        def row(session: Session) -> Row:
            sim, written = sims[session.linkid], session_row(session)
            if device:
                written |= {"devicename": sim.device_name, "tags": [tag.name for tag in sim.tags]}
            if plan:
                written |= {"data_plan_id": sim.plan.id, "sim": sim.iccid, "simcardid": sim.simcardid}
            if country:
                written["country"] = session.country
            return written

        return row

    def _some_link(self, org_id: int) -> int:
        sims = self._fleet.sims(org_id)
        return sims[0].linkid if sims else 1

    def _billing(self, path: str, query: Query, faults: Faults) -> Answer:
        if not query.params.get("orgid"):
            raise RefusedError(400, "orgid is required")
        now = self._clock.now()
        start, end = query.moment("timestart"), query.moment("timeend")
        oldest = now - RETENTION
        periods = [
            period
            for sim in self._sims(query, now)
            for period in self._fleet.ledger(sim.org_id).periods_of(sim, now)
            if period.period_end > oldest
            and (start is None or period.period_end > start)
            and (end is None or period.period_start <= end)
        ]
        listing: Listing[BillingPeriod] = Listing(
            periods, billing_id, billing_row, descending=False, has_links=False, lastid_is_text=True
        )
        return envelope(listing, path, query, faults, cursor=_billing_cursor(query, faults))

    def _plans(self, path: str, query: Query, faults: Faults) -> Answer:
        self._orgs(query)
        asked = query.ids("id", "ids")
        listed: list[Plan] = [plan for plan in PLANS.values() if plan.listed and (asked is None or plan.id in asked)]
        listing = Listing(listed, attrgetter("id"), attrgetter("body"))
        return envelope(listing, path, query, faults, cursor=query.integer("startafter"))

    def _links(self, path: str, query: Query, faults: Faults) -> Answer:
        now = self._clock.now()
        asked = query.ids("id", "ids")
        sims = [sim for sim in self._sims(query, now) if asked is None or sim.linkid in asked]
        listing = Listing(
            sorted(sims, key=attrgetter("linkid"), reverse=True),
            attrgetter("linkid"),
            lambda sim: link_row(sim, self._periods(sim, now), now),
            says_when_it_ends=False,
        )
        return envelope(listing, path, query, faults, cursor=query.integer("startafter"))

    def _devices(self, path: str, query: Query, faults: Faults) -> Answer:
        now = self._clock.now()
        asked = query.ids("id", "ids")
        sims = [sim for sim in self._sims(query, now) if asked is None or sim.device_id in asked]
        listing = Listing(
            sorted(sims, key=attrgetter("device_id"), reverse=True),
            attrgetter("device_id"),
            lambda sim: device_row(sim, self._periods(sim, now), now),
        )
        return envelope(listing, path, query, faults, cursor=query.integer("startafter"))

    def _periods(self, sim: Sim, now: datetime) -> list[BillingPeriod]:
        return self._fleet.ledger(sim.org_id).periods_of(sim, now)

    def _one(self, collection: str, number: int, query: Query) -> Row | list[Row]:
        """One record by its id; for an unknown link an empty array, which is no failure."""
        now = self._clock.now()
        if collection == "plans":
            if number not in PLANS:
                raise RefusedError(404, "Plan not found")
            return PLANS[number].body
        for sim in self._sims(query, now):
            if collection == "links/cellular" and sim.linkid == number:
                return link_row(sim, self._periods(sim, now), now)
            if collection == "devices" and sim.device_id == number:
                return device_row(sim, self._periods(sim, now), now)
        if collection == "links/cellular":
            return []
        raise RefusedError(404, "Device not found")


_SIM_FILTERS: Final = ("linkid", "linkids", "deviceid", "deviceids", "islive", "notags")


def _billing_cursor(query: Query, faults: Faults) -> int | None:
    """Billing's cursor: its documentation names none, so both are honoured unless a fault says otherwise."""
    only = faults["billing_cursor"].text if "billing_cursor" in faults else ""
    if only == "none":
        return None
    startat = query.integer("startat")
    return startat if only == "startat" or startat is not None else query.integer("startafter")


def _within(window: Window, now: datetime) -> datetime:
    """A recent moment in the middle of the window: there it lies in the day asked for, whatever the margin."""
    if window.start is None or window.end is None:
        return now - timedelta(minutes=10)
    return max(window.start, min(window.start + (window.end - window.start) / 2, now - timedelta(minutes=10)))
