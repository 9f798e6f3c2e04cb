"""This machine's clock against the API's, by the `Date` header that every answer carries."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import NamedTuple

_DATE_STEP = timedelta(seconds=1)


def utc_now() -> datetime:
    """This moment by our clock, naive UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


class ClockReading(NamedTuple):
    """The API's `Date` (whole seconds), and when the request left and the answer was here by our clock; naive UTC."""

    date: datetime
    sent_at: datetime
    answered_at: datetime

    @property
    def round_trip(self) -> timedelta:
        """From request to answer."""
        return self.answered_at - self.sent_at

    @property
    def ahead(self) -> timedelta:
        """How far our clock is ahead for certain, negative when it is behind.

        The API wrote its `Date` at some moment of the round trip and cut off the fraction of the second: what that
        explains is no difference.
        """
        least = self.sent_at - self.date - _DATE_STEP
        most = self.answered_at - self.date
        return max(least, timedelta(0)) + min(most, timedelta(0))


def clock_reading(headers: Mapping[str, str], sent_at: datetime, answered_at: datetime) -> ClockReading | None:
    """Read the headers of an answer; None without a usable `Date`, and for an answer out of a cache, whose is old."""
    if headers.get("Age", "0").strip() != "0" or answered_at < sent_at:
        return None
    try:
        date = parsedate_to_datetime(headers.get("Date", ""))
        # `-0000` is UTC, too, and is read without an offset.
        date = date if date.tzinfo is None else date.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None
    return ClockReading(date, sent_at, answered_at)
