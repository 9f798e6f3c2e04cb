"""The query string of a request, read into what the endpoints filter by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

DEFAULT_LIMIT: Final = 100
MOST_ROWS: Final = 5000
FLAGS: Final = ("getdeviceinfo", "getplaninfo", "getcountryinfo")


class RefusedError(Exception):
    """The API says no: an HTTP status and the text of `error`."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status = status
        self.error = error


@dataclass(frozen=True, slots=True)
class Query:
    """The parameters of one request (the key is not among them)."""

    params: Mapping[str, str]

    def integer(self, name: str) -> int | None:
        """A whole number, or None when it was not sent.

        Raises:
            RefusedError: something else than a number was sent (400).
        """
        text = self.params.get(name, "")
        if not text:
            return None
        try:
            return int(text)
        except ValueError:
            raise RefusedError(400, f"Invalid value for {name}") from None

    def ids(self, *names: str) -> frozenset[int] | None:
        """The ids sent under any of `names`, each one number or several with commas; None when none was sent.

        Raises:
            RefusedError: something else than numbers was sent (400).
        """
        texts = [(name, self.params[name]) for name in names if self.params.get(name)]
        if not texts:
            return None
        found = set()
        for name, text in texts:
            try:
                found |= {int(part) for part in text.split(",")}
            except ValueError:
                raise RefusedError(400, f"Invalid value for {name}") from None
        return frozenset(found)

    def flag(self, name: str) -> bool | None:
        """A yes or no; None when it was not sent."""
        text = self.params.get(name, "").casefold()
        return None if not text else text not in {"0", "false", "no"}

    def moment(self, name: str) -> datetime | None:
        """A time sent in epoch seconds, as naive UTC; None when it was not sent.

        Raises:
            RefusedError: not a number, or beyond the calendar (400).
        """
        text = self.params.get(name, "")
        if not text:
            return None
        try:
            return datetime.fromtimestamp(float(text), UTC).replace(tzinfo=None)
        except (ValueError, OverflowError, OSError):
            raise RefusedError(400, f"Invalid value for {name}") from None

    @property
    def limit(self) -> int:
        """Rows per page: 100 when not sent, at most 5,000 whatever was sent."""
        asked = self.integer("limit")
        return DEFAULT_LIMIT if asked is None else max(1, min(asked, MOST_ROWS))
