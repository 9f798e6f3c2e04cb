"""Rows as the API writes them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from hologram_assets.sandbox.draws import digits_for, number_of
from hologram_assets.sandbox.periods import BillingPeriod
from hologram_assets.sandbox.sessions import Session
from hologram_assets.sandbox.sims import Sim

_ABSENT: Final = object()
_FILLERS: Final = (_ABSENT, None, "", "Unknown")
"""The ways in which the API says that it doesn't know a text; of a number only the first two."""
_NUMBERS: Final = frozenset({"cellid", "lac"})
NEVER: Final = "0000-00-00 00:00:00"
"""How the API writes a date that is not there."""


def moment_text(moment: datetime) -> str:
    """A naive UTC time as the API writes it: `YYYY-MM-DD HH:MM:SS`."""
    return str(moment.replace(microsecond=0) if moment.microsecond else moment)


def session_row(session: Session) -> dict[str, Any]:
    """A row of `/usage/data`, without the fields of the `get*` flags.

    What is not known is missing, null or a filler, always the same way for the same session.
    """
    row = {
        "linkid": session.linkid,
        "record_id": session.record_id,
        "session_begin": moment_text(session.session_begin),
        "timestamp": moment_text(session.timestamp),
        "bytes": session.bytes,
        "imeisv": session.imeisv,
        "cellid": session.cellid,
        "lac": session.lac,
        "radio_access_technology": session.radio_access_technology,
        "network_name": session.network_name,
        "imei": session.imei,
    }
    return _with_gaps(row) if None in row.values() else row


def _with_gaps(row: dict[str, Any]) -> dict[str, Any]:
    way = number_of("filler", row["record_id"])
    gaps = {name: _FILLERS[way % (2 if name in _NUMBERS else 4)] for name, value in row.items() if value is None}
    return {name: shown for name, value in row.items() if (shown := gaps.get(name, value)) is not _ABSENT}


def billing_row(period: BillingPeriod) -> dict[str, Any]:
    """A row of `/usage/data/billing`: all but `bytes` and `linkid` are strings, as in the documented example."""
    return {
        "linkid": period.linkid,
        "cur_period_end": moment_text(period.period_end),
        "periods_back": str(period.periods_back),
        "record_id": str(billing_id(period)),
        "bytes": period.bytes,
    }


def billing_id(period: BillingPeriod) -> int:
    """The record id of a billing row: the link id followed by `periods_back`."""
    return int(f"{period.linkid}{period.periods_back}")


def link_row(sim: Sim, periods: list[BillingPeriod], now: datetime) -> dict[str, Any]:
    """A row of `/links/cellular` as of `now`, made-up secrets included: a client must never store those."""
    running = periods[0] if periods else None
    before = periods[1] if len(periods) > 1 else None
    return {
        "id": sim.linkid,
        "partnerid": 1,
        "orgid": sim.org_id,
        "deviceid": sim.device_id,
        "devicename": sim.device_name,
        "tags": [{"id": tag.id, "name": tag.name} for tag in sim.tags],
        "dataplansubscriptionid": sim.plan.id,
        "sim": sim.iccid,
        "simcardid": sim.simcardid,
        "imsi": f"23450{digits_for(10, sim.iccid, 'imsi')}",
        "msisdn": f"88235{digits_for(10, sim.iccid, 'msisdn')}",
        "pin": digits_for(4, sim.iccid, "pin"),
        "puk": digits_for(8, sim.iccid, "puk"),
        "priv_ip_address": f"10.{sim.index // 65_536}.{sim.index // 256 % 256}.{sim.index % 256}",
        "apn": "hologram",
        "zone": sim.kind.zone,
        "state": sim.state(now),
        "whenclaimed": moment_text(sim.activated_at),
        "whenexpires": moment_text(running.period_end) if running else NEVER,
        "overagelimit": sim.overage_limit_bytes,
        "cur_billing_data_used": running.bytes if running else 0,
        "last_billing_data_used": before.bytes if before else 0,
        "plan": {
            "id": sim.plan.id,
            "name": sim.plan.name,
            "data": sim.plan.included_bytes,
            "zone": sim.kind.zone,
        },
    }


def device_row(sim: Sim, periods: list[BillingPeriod], now: datetime) -> dict[str, Any]:
    """A row of `/devices` as of `now`: one SIM per device."""
    return {
        "id": sim.device_id,
        "orgid": sim.org_id,
        "name": sim.device_name,
        "type": "Unknown",
        "whencreated": moment_text(sim.activated_at),
        "phonenumber": "",
        "tunnelable": 0,
        "hidden": 0,
        "imei": sim.imei,
        "tags": [{"id": tag.id, "name": tag.name} for tag in sim.tags],
        "links": {"cellular": [link_row(sim, periods, now)]},
    }
