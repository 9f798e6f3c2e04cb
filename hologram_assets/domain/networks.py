"""Mobile networks: how the many ways of writing a name map to one, so that a spelling is not taken for a change.

The table is `network_aliases.csv` beside this module: `alias,network`, both as people write them.
"""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files

# As they stand after folding: dots are gone, blanks may stand between single letters.
_LEGAL_FORMS = (
    "inc,incorporated,corp,corporation,co,company,llc,llp,lp,ltd,limited,pty,pvt,pte,plc,sdn,bhd,jsc,pjsc,ojsc,ooo,oao,"
    "pao,sa,s a,sau,s a u,sas,s a s,sarl,s a r l,sl,s l,slu,s l u,spa,s p a,srl,s r l,sa de cv,sab de cv,s de rl de cv,"
    "gmbh,mbh,ag,kg,kgaa,se,ug,ohg,bv,b v,nv,n v,vof,ab,as,a s,asa,aps,oy,oyj,kft,zrt,nyrt,doo,d o o,dd,sro,s r o,"
    "sp zoo,sp z oo,sp z o o,kk,k k"
)
# The longest first: the end of `sa de cv` is not one itself.
_LEGAL_SUFFIXES = sorted((tuple(form.split()) for form in _LEGAL_FORMS.split(",")), key=len, reverse=True)


def _folded(name: str) -> str:
    """Without case, accents, dots and legal form; every other punctuation and spacing becomes one blank."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    kept = [mark for mark in plain if mark not in ".'’" and not unicodedata.combining(mark)]
    words = "".join(mark if mark.isalnum() else " " for mark in kept).split()
    stripped = True
    while stripped:
        stripped = False
        for suffix in _LEGAL_SUFFIXES:
            # A name that is nothing but a legal form is still a name.
            if len(words) > len(suffix) and tuple(words[-len(suffix) :]) == suffix:
                del words[-len(suffix) :]
                stripped = True
                break
    return " ".join(words)


def normalized(name: str | None, aliases: Mapping[str, str]) -> str | None:
    """The name that networks are compared by; None for a missing name or one without a letter or digit.

    `aliases` is what `read_network_aliases` gives.

    >>> normalized("Vodafone España, S.A.U.", {})
    'vodafone espana'
    """
    folded = _folded(name) if name is not None else ""
    return aliases.get(folded, folded) or None


def read_network_aliases(lines: Iterable[str]) -> dict[str, str]:
    """Folded alias to folded network from CSV `alias,network`.

    Raises:
        ValueError: another heading, a line without exactly two names, an alias given twice for different networks, or a
            network that is itself an alias. The message starts with the line.
    """
    return {alias: network for alias, network in _rows(lines).items() if alias != network}


def _rows(lines: Iterable[str]) -> dict[str, str]:
    """What `read_network_aliases` reads, and the names that are said to stand for themselves."""
    reader = csv.reader(lines)
    heading = [cell.strip().casefold() for cell in next(reader, [])]
    if heading != ["alias", "network"]:
        msg = f"line 1: expected the heading alias,network, not {','.join(heading)!r}"
        raise ValueError(msg)
    networks: dict[str, str] = {}
    line_of: dict[str, int] = {}
    for row in reader:
        if not any(cell.strip() for cell in row):
            continue
        number = reader.line_num
        folded = [_folded(cell) for cell in row]
        if len(folded) != len(heading) or not all(folded):
            msg = f"line {number}: expected alias,network, not {','.join(row)!r}"
            raise ValueError(msg)
        alias, network = folded
        if networks.get(alias, network) != network:
            msg = f"line {number}: {row[0].strip()!r} stands for {networks[alias]!r} since line {line_of[alias]}"
            raise ValueError(msg)
        networks[alias] = network
        line_of.setdefault(alias, number)
    for alias, network in networks.items():
        if networks.get(network, network) != network:
            msg = f"line {line_of[alias]}: {network!r} is itself an alias, see line {line_of[network]}"
            raise ValueError(msg)
    return networks


def network_aliases_with(lines: Iterable[str]) -> dict[str, str]:
    """The shipped table with the rows of another added; a row wins over the shipped one of the same alias.

    A row that gives a name for itself takes a shipped alias away. A row may name what the other table has as an alias, in
    either direction: every alias of the result stands for a network that is none.

    Raises:
        ValueError: as `read_network_aliases` does.
    """
    own = _rows(lines)
    networks = {**default_network_aliases(), **own}
    for network in own.values():
        trail = _trail(network, networks)
        if len(trail) > 1 and networks.get(trail[-1]) == network:
            # The file turns shipped rows around, so that both lead in a circle: the name that the file gives is kept.
            del networks[network]
    ends = {alias: _trail(alias, networks)[-1] for alias in networks}
    return {alias: end for alias, end in ends.items() if alias != end}


def _trail(name: str, networks: Mapping[str, str]) -> list[str]:
    """The name, what it stands for, what that stands for, and so on, each once."""
    trail = [name]
    while (following := networks.get(trail[-1], name)) not in trail:
        trail.append(following)
    return trail


@cache
def default_network_aliases() -> Mapping[str, str]:
    """The table that ships with the package."""
    return read_network_aliases((files(__package__) / "network_aliases.csv").read_text(encoding="utf-8").splitlines())
