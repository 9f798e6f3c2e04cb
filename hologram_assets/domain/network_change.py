"""What goes into the network and RAT rules, and what comes out: sessions and daily sums in, changes out.

All times are naive UTC, bytes are bytes, None means that the API doesn't know. Source: rules.md, "Network and RAT rules";
contract.md, `network_changes`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final, NamedTuple

INFO: Final = "info"
WARN: Final = "warn"
CRITICAL: Final = "critical"

RAT_DOWNGRADE: Final = "rat_downgrade"
NEW_NETWORK: Final = "new_network"
NETWORK_SHIFT: Final = "network_shift"
COUNTRY_CHANGE: Final = "country_change"
IMEI_CHANGE: Final = "imei_change"
SHARED_IMEI: Final = "shared_imei"
FLAPPING: Final = "flapping"
FLEET_INCIDENT: Final = "fleet_incident"

NETWORK_RULES: Final = (
    RAT_DOWNGRADE,
    NEW_NETWORK,
    NETWORK_SHIFT,
    COUNTRY_CHANGE,
    IMEI_CHANGE,
    SHARED_IMEI,
    FLAPPING,
    FLEET_INCIDENT,
)

INHIBITED_BY: Final = "inhibited_by"
"""Key in `detail`: the `change_id` of the flapping or the fleet incident that speaks for this change."""


class Seen(NamedTuple):
    """One session: a row of `raw_sessions`."""

    linkid: int
    record_id: int
    session_end: datetime
    bytes: int
    imei: str | None
    rat: str | None
    network: str | None
    country: str | None


class DailyUse(NamedTuple):
    """One row of `daily_link_usage`: a SIM's sessions of a UTC day on one network, country, RAT and IMEI."""

    day: date
    linkid: int
    network: str | None
    country: str | None
    rat: str | None
    imei: str | None
    sessions: int
    bytes: int
    first_seen: datetime
    last_seen: datetime


class Change(NamedTuple):
    """One row of `network_changes`.

    `observed_at` and `record_id` are those of the session that completed the rule's condition; `linkid` is None for a
    fleet incident. `detail` holds plain JSON values: the numbers that say why.
    """

    org_id: int
    linkid: int | None
    rule: str
    severity: str
    previous: str | None
    current: str | None
    observed_at: datetime
    record_id: int | None
    detail: Mapping[str, Any]

    @property
    def change_id(self) -> str:
        """The same text for the same change, however often and in whatever order days are run."""
        return change_id(self.org_id, self.rule, self.linkid, self.previous, self.current, self.observed_at)


def change_id(
    org_id: int, rule: str, linkid: int | None, previous: str | None, current: str | None, observed_at: datetime
) -> str:
    """32 hex digits of a hash over what makes a change this one."""
    identity = json.dumps([org_id, rule, linkid, previous, current, observed_at.isoformat()])
    return hashlib.sha256(identity.encode()).hexdigest()[:32]


class Finding(NamedTuple):
    """A SIM's own change on any day of the window, before the fleet is looked at.

    `began_at` is the end of the first session of the change. Where several SIMs may have the same change, `kind` and
    `target` name it for the fleet rule, and `home` is the network that the SIM was usually on; else they are None.
    """

    rule: str
    severity: str
    previous: str | None
    current: str | None
    observed_at: datetime
    record_id: int | None
    began_at: datetime
    detail: dict[str, Any]
    kind: str | None = None
    target: str | None = None
    home: str | None = None

    def change(self, org_id: int, linkid: int, inhibited_by: str | None = None) -> Change:
        """The row of `network_changes`."""
        detail = {"began_at": self.began_at.isoformat(), **self.detail}
        if inhibited_by is not None:
            detail[INHIBITED_BY] = inhibited_by
        return Change(
            org_id,
            linkid,
            self.rule,
            self.severity,
            self.previous,
            self.current,
            self.observed_at,
            self.record_id,
            detail,
        )
