"""Every query parameter of the list endpoints, typed. Source: hologram-api.md; times are naive UTC.

`None` leaves a parameter out. Sequences are sent joined by commas, times as epoch seconds, flags as 1 or 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime


@dataclass(frozen=True, kw_only=True)
class Query:
    """What every list endpoint takes. `orgid` is always sent: a key sees every organisation of its owner."""

    orgid: int
    limit: int | None = None
    startafter: str | int | None = None

    def params(self) -> dict[str, str | int]:
        """The parameters as they go into the URL."""
        pairs = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: _encoded(value) for name, value in pairs if value is not None}


@dataclass(frozen=True, kw_only=True)
class _UsageQuery(Query):
    deviceid: int | None = None
    deviceids: Sequence[int] | None = None
    linkid: int | None = None
    linkids: Sequence[int] | None = None
    tagid: int | None = None
    tagids: Sequence[int] | None = None
    tagname: str | None = None
    timestart: datetime | None = None
    timeend: datetime | None = None
    islive: bool | None = None


@dataclass(frozen=True, kw_only=True)
class SessionQuery(_UsageQuery):
    """`GET /usage/data`. The `get*` flags are recent: an API that refuses them is asked without."""

    orgids: Sequence[int] | None = None
    getdeviceinfo: bool | None = None
    getplaninfo: bool | None = None
    getcountryinfo: bool | None = None


@dataclass(frozen=True, kw_only=True)
class BillingQuery(_UsageQuery):
    """`GET /usage/data/billing`. `startat` is the cursor's other name in newer texts.

    Raises:
        ValueError: `notags` together with a tag.
    """

    notags: bool | None = None
    startat: str | int | None = None

    def __post_init__(self) -> None:
        if self.notags and (self.tagid or self.tagids or self.tagname):
            msg = "notags can't be combined with tagid, tagids or tagname"
            raise ValueError(msg)


@dataclass(frozen=True, kw_only=True)
class PlanQuery(Query):
    """`GET /plans`."""

    id: int | None = None
    ids: Sequence[int] | None = None


@dataclass(frozen=True, kw_only=True)
class LinkQuery(Query):
    """`GET /links/cellular`."""


def _encoded(value: object) -> str | int:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, datetime):
        return int((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp())
    if isinstance(value, (str, int)):
        return value
    if isinstance(value, Sequence):
        if not value:
            msg = "an empty list of ids would ask for everything: leave the parameter out, or don't ask"
            raise ValueError(msg)
        return ",".join(str(item) for item in value)
    msg = f"can't be sent as a query parameter: {value!r}"
    raise TypeError(msg)
