"""The rules file: thresholds that differ from the defaults, for all organisations or for one.

YAML with the parts `forecast`, `network`, `overage`, `pricing` and `recommendations`, whose names are those of the rules'
classes, and `organisations`, which maps an organisation's id to the same parts. An organisation's value wins over the common
one, value by value; what neither says keeps its default.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from decimal import Decimal
from typing import Any, Final, NamedTuple, TypeVar

from hologram_assets.domain.forecast import ForecastRules
from hologram_assets.domain.located_yaml import Located, as_written, plain, read_yaml
from hologram_assets.domain.network_rules import NetworkRules
from hologram_assets.domain.overage_rules import OverageRules
from hologram_assets.domain.pricing import PricingRules
from hologram_assets.domain.recommendation_rules import RecommendationRules
from hologram_assets.domain.written_numbers import is_whole

_PARTS: Final = ("forecast", "network", "overage", "pricing", "recommendations")
_ORGANISATIONS: Final = "organisations"
_Part = TypeVar("_Part", ForecastRules, NetworkRules, OverageRules, PricingRules, RecommendationRules)
_Values = Mapping[str, Mapping[str, Located]]
"""Part to name to value, as written."""


class Rules(NamedTuple):
    """Every threshold that holds for one organisation, or for those that have none of their own."""

    forecast: ForecastRules = ForecastRules()
    network: NetworkRules = NetworkRules()
    overage: OverageRules = OverageRules()
    pricing: PricingRules = PricingRules()
    recommendations: RecommendationRules = RecommendationRules()


class RulesFile(NamedTuple):
    """The common rules, and those of the organisations that the file names, the common ones merged in."""

    common: Rules = Rules()
    organisations: Mapping[int, Rules] = {}

    def of(self, org_id: int | None) -> Rules:
        """The rules of an organisation; the common ones for None and for one that the file doesn't name."""
        return self.common if org_id is None else self.organisations.get(org_id, self.common)


def read_rules(text: str) -> RulesFile:
    """The rules that a file holds, every organisation's checked. An empty text gives the defaults.

    Raises:
        ValueError: not YAML, an unknown part or name, or a value that makes no sense, for whichever organisation. The
            message starts with `line N:` and names the value, like `organisations.144.network.min_sessions`.
    """
    top = dict(_mapping(read_yaml(text), "the file", (*_PARTS, _ORGANISATIONS)))
    organisations = top.pop(_ORGANISATIONS, Located(None, 1))
    common = {part: _mapping(values, part) for part, values in top.items()}
    of_organisations: dict[int, Rules] = {}
    for key, parts in _mapping(organisations, _ORGANISATIONS).items():
        org_id = _org_id(key, parts.line)
        if org_id in of_organisations:
            msg = f"line {parts.line}: {_ORGANISATIONS}.{org_id} stands twice"
            raise ValueError(msg)
        where = f"{_ORGANISATIONS}.{org_id}"
        own = {part: _mapping(values, f"{where}.{part}") for part, values in _mapping(parts, where, _PARTS).items()}
        merged = {part: {**common.get(part, {}), **own.get(part, {})} for part in _PARTS}
        of_organisations[org_id] = _rules(merged, f"{where}.")
    return RulesFile(_rules(common, ""), of_organisations)


def _rules(values: _Values, where: str) -> Rules:
    return Rules(
        _made(ForecastRules, "forecast", values, where),
        _made(NetworkRules, "network", values, where),
        _made(OverageRules, "overage", values, where),
        _made(PricingRules, "pricing", values, where),
        _made(RecommendationRules, "recommendations", values, where),
    )


def _made(kind: type[_Part], part: str, values: _Values, where: str) -> _Part:
    written = values.get(part, {})
    defaults = {field.name: field.default for field in fields(kind)}
    for name, value in written.items():
        if name not in defaults:
            msg = f"line {value.line}: {where}{part}.{name} is not known; there are {', '.join(defaults)}"
            raise ValueError(msg)
    try:
        return kind(**{name: _as(defaults[name], plain(value)) for name, value in written.items()})
    except ValueError as error:
        # The rules say `part.name must …`. Two values may only disagree, and one of them may be a default.
        at_fault = [value.line for name, value in written.items() if str(error).startswith(f"{part}.{name} ")]
        line = at_fault[0] if at_fault else max(value.line for value in written.values())
        msg = f"line {line}: {where}{error}"
        raise ValueError(msg) from error


def _as(default: object, value: Any) -> Any:
    """A YAML value as the type of the default; what doesn't fit stays as it is, and the rules refuse it."""
    if isinstance(default, Decimal):
        return Decimal(value) if is_whole(value) else value
    if isinstance(default, tuple):
        return tuple(map(as_written, value)) if isinstance(value, list) else value
    if isinstance(default, frozenset):
        return frozenset(map(str, value)) if isinstance(value, list) else value
    return float(value) if isinstance(value, Decimal) else value


def _mapping(located: Located, name: str, keys: Collection[str] | None = None) -> Mapping[Any, Located]:
    """A mapping; an empty one where nothing is written."""
    if located.value is None:
        return {}
    if not isinstance(located.value, dict):
        msg = f"line {located.line}: {name} must be a mapping, not {as_written(plain(located))!r}"
        raise ValueError(msg)  # noqa: TRY004 - what is wrong is the text
    for key, value in located.value.items():
        if keys is not None and key not in keys:
            msg = f"line {value.line}: {name} has no part {key!r}; there are {', '.join(keys)}"
            raise ValueError(msg)
    return located.value


def _org_id(key: object, line: int) -> int:
    # Programs that write YAML put the keys of a mapping into quotes.
    if isinstance(key, str) and key.isascii() and key.isdigit():
        key = int(key)
    if not is_whole(key) or key <= 0:
        msg = f"line {line}: {_ORGANISATIONS}.{key} is not an organisation id; write it as a number, like 144"
        raise ValueError(msg)
    return key
