"""A data session: the truth behind one row of `/usage/data`."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

FIRST_SECOND: Final = datetime(2020, 1, 1)
_RANKS: Final = 100
ORG_SLOTS: Final = 100_000


class Session(msgspec.Struct, frozen=True, gc=False):
    """One closed data session of one SIM; `record_id` is its key.

    Times are naive UTC with whole seconds: `session_begin`, `timestamp` (the end) and `received_at` (when Hologram got
    the record: the session is visible from then on). `bytes` counts both directions. None means that the API doesn't
    know; on the wire that is a missing field, a null or a filler.
    """

    org_id: int
    linkid: int
    record_id: int
    session_begin: datetime
    timestamp: datetime
    received_at: datetime
    bytes: int
    imei: str | None
    imeisv: str | None
    cellid: int | None
    lac: int | None
    radio_access_technology: str | None
    network_name: str | None
    country: str | None


def record_id_of(received_at: datetime, rank: int, org_id: int) -> int:
    """The id of the `rank`-th session that an organisation's ledger took in during one second.

    Ascending with the moment of receipt across organisations, above 32 bits, and below 2^53 so that a float holds it.

    Raises:
        ValueError: more than 100 sessions of one organisation in one second.
    """
    if rank >= _RANKS:
        message = f"organisation {org_id} has more than {_RANKS} sessions in one second: ask for fewer SIMs"
        raise ValueError(message)
    second = int((received_at - FIRST_SECOND).total_seconds())
    return (second * _RANKS + rank) * ORG_SLOTS + org_id % ORG_SLOTS
