"""`new_network` and `country_change`: a SIM where it has not been for 90 days.

What is known of a SIM is the set of the time before the window (D-91 to D-8); what it met since counts as new until the
window has passed it. So a SIM's first ten days or so say nothing: until then every place is new to it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hologram_assets.domain.network_change import COUNTRY_CHANGE, INFO, NEW_NETWORK, WARN, Finding
from hologram_assets.domain.network_rules import NetworkRules
from hologram_assets.domain.network_sim import ONE_DAY, SimView
from hologram_assets.domain.network_words import Event


def new_networks(sim: SimView) -> list[Finding]:
    """Networks first seen in the window, at their second session or beyond 10 kB, whichever is first.

    Once per SIM and network in 90 days: afterwards it is in the set. Severity is info: only the fleet knows whether the
    network is new to the organisation too (`network_fleet`).
    """
    findings = []
    met: dict[str, tuple[Event, int, int]] = {}
    for event in sim.events:
        network = event.network
        if network is None or network in sim.networks_before:
            continue
        first, sessions, volume = met.get(network, (event, 0, 0))
        told = _enough(sessions, volume, sim.rules)
        sessions, volume = sessions + 1, volume + event.bytes
        met[network] = first, sessions, volume
        day = first.at.date()
        if told or not _enough(sessions, volume, sim.rules) or not sim.set_is_known(day):
            continue
        home = sim.baseline(day).home(sim.rules)
        detail: dict[str, Any] = {
            "sessions": sessions,
            "bytes": volume,
            "networks_known": len(sim.networks_before),
            "days_known": len(sim.days_before),
        }
        findings.append(
            Finding(
                NEW_NETWORK,
                INFO,
                home,
                network,
                event.at,
                event.record_id,
                first.at,
                detail,
                "network",
                network,
                home,
            )
        )
    return findings


def _enough(sessions: int, volume: int, rules: NetworkRules) -> bool:
    return sessions >= rules.new_network_sessions or volume > rules.new_network_bytes


def country_changes(sim: SimView) -> list[Finding]:
    """Countries first seen in the window, at the first session with bytes.

    "Again after 24 h" is kept per SIM: if another new country began within the 24 hours before, a country waits until
    those are over, and is told only if the SIM is still there. A drive through Europe is one alert, not one per border,
    and where it ends is told too.
    """
    known = sim.countries_before
    events = [event for event in sim.events if event.country is not None and event.country not in known]
    if not events:
        return []
    onsets = _onsets_on_the_day_before(sim)
    first: dict[str, datetime] = {}
    for event in events:
        country = event.country or ""
        first.setdefault(country, event.at)
        if event.bytes > 0:
            onsets.setdefault(country, event.at)
    findings = []
    told: set[str] = set()
    pause = timedelta(hours=sim.rules.country_again_hours)
    for event in events:
        country = event.country or ""
        waits = any(other != country and timedelta(0) < event.at - at < pause for other, at in onsets.items())
        if event.bytes <= 0 or country in told or waits:
            continue
        told.add(country)
        day = first[country].date()
        if not sim.set_is_known(day):
            continue
        home = sim.baseline(day).home(sim.rules)
        detail: dict[str, Any] = {
            "bytes": event.bytes,
            "countries_known": sorted(country for country in known if country is not None),
            "network": event.network,
            "days_known": len(sim.days_before),
        }
        findings.append(
            Finding(
                COUNTRY_CHANGE,
                WARN,
                sim.usual_country(day),
                country,
                event.at,
                event.record_id,
                first[country],
                detail,
                "country",
                country,
                home,
            )
        )
    return findings


def _onsets_on_the_day_before(sim: SimView) -> dict[str, datetime]:
    """New countries whose first bytes came on the window's eve: they may still make another one wait."""
    eve = sim.first_day - ONE_DAY
    country = sim.words.country
    older = {country(use.country) for day, uses in sim.uses.items() if day < eve for use in uses}
    onsets: dict[str, datetime] = {}
    for use in sim.uses.get(eve, ()):
        there = country(use.country)
        if there is not None and there not in older and use.bytes > 0:
            onsets[there] = min(use.first_seen, onsets.get(there, use.first_seen))
    return onsets
