"""Network names: which spellings are one network, and which alias files are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hologram_assets.domain.networks import (
    default_network_aliases,
    network_aliases_with,
    normalized,
    read_network_aliases,
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("T-Mobile USA, Inc", "T-MOBILE USA"),
        ("AT&T Wireless Inc.", "AT & T wireless"),
        ("Telefonica Moviles Espana S.A.", "Telefónica Móviles España, SA"),
        ("Vodafone Espana S.A.U.", "VODAFONE ESPANA S. A. U."),
        ("Telekom Deutschland GmbH", "telekom  deutschland"),
        ("Swisscom (Schweiz) AG", "Swisscom Schweiz"),
        ("Vodafone GmbH & Co. KG", "Vodafone"),
        ("KPN B.V.", "KPN"),
        ("Vodafone Group plc", "vodafone group"),
        ("Three UK Ltd", "Three-UK Limited"),
        ("US Cellular Corp.", "US Cellular, LLC"),
        ("Polkomtel Sp. z o.o.", "Polkomtel"),
        ("Telcel S.A. de C.V.", "TELCEL"),
        ("China Mobile Co., Ltd.", "China Mobile"),
    ],
)
def test_case_punctuation_accents_and_legal_form_are_no_difference(one: str, other: str) -> None:
    assert normalized(one, {}) == normalized(other, {})


@pytest.mark.parametrize(
    ("one", "other"),
    [("Vodafone Espana", "Vodafone"), ("T-Mobile USA", "T-Mobile"), ("Orange", "Orange Spain"), ("SA", "AG")],
)
def test_different_names_stay_different(one: str, other: str) -> None:
    assert normalized(one, {}) != normalized(other, {})


@pytest.mark.parametrize("nothing", [None, "", "  ", "-", "..."])
def test_a_name_without_a_letter_is_none(nothing: str | None) -> None:
    assert normalized(nothing, {}) is None


def test_aliases_are_found_in_any_spelling() -> None:
    aliases = read_network_aliases(
        ["alias,network", "Movistar,Telefonica Moviles Espana", '"AT&T, Inc.",AT&T Wireless']
    )
    assert normalized("MOVISTAR S.A.", aliases) == "telefonica moviles espana"
    assert normalized("At&T", aliases) == normalized("AT&T Wireless Inc.", aliases)


def test_the_shipped_table_reads_and_knows_the_usual_short_names() -> None:
    aliases = default_network_aliases()
    assert normalized("T-Mobile US", aliases) == normalized("T-Mobile USA, Inc", aliases)
    assert normalized("Swisscom", aliases) == normalized("Swisscom (Schweiz) AG", aliases)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "line 1: expected the heading"),
        (["name,network", "a,b"], "line 1: expected the heading"),
        (["alias,network", "a,b", "c"], "line 3: expected alias,network"),
        (["alias,network", "a,b,c"], "line 2: expected alias,network"),
        (["alias,network", ",b"], "line 2: expected alias,network"),
        (["alias,network", "a,"], "line 2: expected alias,network"),
        (["alias,network", "a,b", "A,c"], "line 3: 'A' stands for 'b' since line 2"),
        (["alias,network", "a,b", "", "b,c"], "line 2: 'b' is itself an alias, see line 4"),
    ],
)
def test_an_alias_file_with_an_error_is_refused_with_line_and_reason(lines: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_network_aliases(lines)


def test_a_line_that_says_twice_the_same_is_harmless() -> None:
    assert read_network_aliases(["alias,network", "a,b", "A.,B Inc", "b,B"]) == {"a": "b"}


def test_a_name_that_stands_for_itself_may_be_an_aliases_network() -> None:
    assert read_network_aliases(["alias,network", "b,b", "a,b"]) == {"a": "b"}


# --- rows over the shipped table


def compared(rows: list[str], *names: str) -> list[str | None]:
    aliases = network_aliases_with(["alias,network", *rows])
    return [normalized(name, aliases) for name in names]


def test_a_files_rows_add_to_the_shipped_ones() -> None:
    one, other = compared(["Big Red,Verizon Wireless"], "BIG RED", "Verizon")
    assert one == other == "verizon wireless"


def test_a_files_row_wins_over_the_shipped_one_of_its_alias() -> None:
    assert compared(["Swisscom,Swisscom Roaming"], "Swisscom", "Swisscom Schweiz") == [
        "swisscom roaming",
        "swisscom schweiz",
    ]


def test_a_name_given_for_itself_takes_a_shipped_alias_away() -> None:
    assert compared(["Swisscom,Swisscom"], "Swisscom", "Swisscom Schweiz") == ["swisscom", "swisscom schweiz"]


def test_a_files_network_may_be_a_shipped_alias() -> None:
    one, other = compared(["Ma Bell,AT&T Mobility"], "Ma Bell", "AT&T")
    assert one == other == "at t wireless"


def test_a_files_alias_may_be_a_shipped_network() -> None:
    one, other = compared(["AT&T Wireless,Ma Bell"], "AT&T Mobility", "AT&T Wireless")
    assert one == other == "ma bell"


def test_a_file_may_turn_a_shipped_row_around() -> None:
    names = compared(["AT&T Wireless,AT&T"], "AT&T", "AT&T Wireless", "AT&T Mobility")
    assert names == ["at t"] * 3


_KNOWN = sorted({*default_network_aliases(), *default_network_aliases().values()})


@given(st.dictionaries(st.sampled_from([*_KNOWN, "new"]), st.sampled_from([*_KNOWN, "new", "newer"]), max_size=6))
def test_whatever_a_file_says_every_alias_stands_for_a_network_and_the_files_own_rows_hold(own: dict[str, str]) -> None:
    lines = ["alias,network", *(f"{alias},{network}" for alias, network in own.items())]
    try:
        read_network_aliases(lines)
    except ValueError:
        return  # a network of the file is an alias of the file
    aliases = network_aliases_with(lines)
    assert not set(aliases.values()) & aliases.keys()
    for alias, network in own.items():
        assert aliases.get(alias, alias) == aliases.get(network, network)
    assert all(aliases.get(name) == name or name not in aliases for name, network in own.items() if name == network)
