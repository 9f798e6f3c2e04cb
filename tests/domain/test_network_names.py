"""Network names: which spellings are one network, and which alias files are refused."""

from __future__ import annotations

import pytest

from hologram_assets.domain.networks import default_network_aliases, normalized, read_network_aliases


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
