"""Which SIMs of a fleet a network rule might tell something of, found by sums in SQL; and what the rules ask of all SIMs.

The rules run SIM by SIM in Python, at about 0.8 ms each, and on most days they have nothing to tell of most SIMs.
`sql/network_suspects.sql` leaves out those of which they can't: it may name a SIM too many, never one too few.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import date
from functools import cache
from typing import Any

import duckdb

from hologram_assets.domain.network_changes import Fleet
from hologram_assets.domain.network_rules import (
    BASELINE_DAYS,
    BASELINE_LAG_DAYS,
    SET_DAYS,
    WINDOW_DAYS,
    NetworkRules,
)
from hologram_assets.domain.network_words import Words
from hologram_assets.warehouse.connection import sql

_SPANS = {
    "window_days": WINDOW_DAYS,
    "baseline_days": BASELINE_DAYS,
    "lag_days": BASELINE_LAG_DAYS,
    "set_days": SET_DAYS,
}


def fleet_of(
    connection: duckdb.DuckDBPyConnection,
    org_id: int,
    day: date,
    rules: NetworkRules,
    rat_levels: Mapping[str, int],
    network_aliases: Mapping[str, str],
) -> Fleet:
    """The SIMs of an organisation of which a rule might tell a change on any day of day-7 to day, ascending; and the rest.

    Any day, not only the last: what a SIM told a week ago may be part of an incident that is found, or speaks, today.
    The result asks the connection when it is used; no other query of it must be running then.
    """
    values = {**asdict(rules), **_SPANS, "org_id": org_id, "day": day}
    values["shared_imei_allowed_models"] = sorted(rules.shared_imei_allowed_models)

    def ask(name: str, **more: object) -> duckdb.DuckDBPyConnection:
        text = sql(name)
        wanted = {**values, **more}
        return connection.execute(
            text, {key: wanted[key] for key in duckdb.extract_statements(text)[0].named_parameters}
        )

    ask("network_recent")
    ask("network_before")
    words = Words(rat_levels, network_aliases)
    _read_words(connection, "network_words", "network_name", "VARCHAR", words.network)
    _read_words(connection, "country_words", "country", "VARCHAR", words.country)
    _read_words(connection, "rat_words", "rat", "INTEGER", words.level)
    networks = connection.execute(
        """SELECT DISTINCT word FROM network_words
           WHERE name IN (SELECT network_name FROM before WHERE sessions > 0) AND word IS NOT NULL"""
    ).fetchall()
    ask("network_maybe")
    found = ask("network_suspects").fetchall()

    @cache
    def settle() -> None:
        ask("network_settled")

    @cache
    def homes_on(of_day: date) -> Mapping[str, int]:
        settle()
        return dict(ask("network_homes", day=of_day).fetchall())

    return Fleet(dict(found), {network for (network,) in networks}, homes_on)


def _read_words(
    connection: duckdb.DuckDBPyConnection, table: str, column: str, kind: str, read: Callable[[str], Any]
) -> None:
    """Make a temp table of the words of a column, each with what it is compared by: Python reads them, a few of each."""
    rows = connection.execute(
        f"SELECT {column} FROM (SELECT {column} FROM recent UNION SELECT {column} FROM before) WHERE {column} IS NOT NULL"
    ).fetchall()
    names = [name for (name,) in rows]
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE {table} AS
        SELECT unnest(CAST($names AS VARCHAR[])) AS name, unnest(CAST($words AS {kind}[])) AS word""",
        {"names": names, "words": [read(name) for name in names]},
    )
