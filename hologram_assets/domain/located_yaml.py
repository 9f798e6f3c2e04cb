"""YAML with its lines: what a text says and on which line it says it, so that an error can point there."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

import yaml


class Located(NamedTuple):
    """A value and its line, from 1: that of its name in a mapping, else where it begins.

    Mappings hold `Located` by plain key, lists hold `Located`.
    """

    value: Any
    line: int


_WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9_]*)")


class _Loader(yaml.SafeLoader):
    """The safe loader, with exact decimal fractions and whole numbers as people write them."""


def _exact(loader: _Loader, node: yaml.ScalarNode) -> Decimal | float:
    """Money is written into these files: 0.1 must stay 0.1. What isn't a plain number (.inf, .nan) is YAML's float."""
    if ":" in node.value:
        raise ValueError(_BASE)
    try:
        number = Decimal(node.value.replace("_", ""))
    except InvalidOperation:
        return loader.construct_yaml_float(node)
    return number if number.is_finite() else loader.construct_yaml_float(node)


def _whole(loader: _Loader, node: yaml.ScalarNode) -> int:
    """YAML takes 0144 for 100, 0x10 for 16 and 1:30 for 90: whoever writes an organisation's id that way means another."""
    if not _WHOLE.fullmatch(node.value):
        raise ValueError(_BASE)
    return int(loader.construct_yaml_int(node))


_BASE = "write the number in decimal digits, without zeros before it, or in quotes if it is text"
_Loader.add_constructor("tag:yaml.org,2002:float", _exact)
_Loader.add_constructor("tag:yaml.org,2002:int", _whole)


def read_yaml(text: str) -> Located:
    """The one document of a text; None for an empty one. Decimal fractions are `Decimal`.

    Raises:
        ValueError: the text isn't YAML, a name stands twice in a mapping, or a list or mapping holds itself. The message
            starts with `line N:`.
    """
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        msg = f"line {line}: the character {text[error.position]!r} can't stand in YAML"
        raise ValueError(msg) from error
    try:
        node = loader.get_single_node()
        return Located(None, 1) if node is None else _located(loader, node, {})
    except RecursionError:
        msg = f"line {loader.line + 1}: is nested too deeply"
        raise ValueError(msg) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = ", ".join(part for part in (error.context, error.problem) if part)
        msg = f"line {mark.line + 1 if mark else 1}: is not YAML: {reason}"
        raise ValueError(msg) from error


def as_written(value: Any) -> Any:
    """A plain value for an error text: without the Decimals, of which a reader knows nothing."""
    if isinstance(value, dict):
        return {key: as_written(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(as_written, value))
    return float(value) if isinstance(value, Decimal) else value


def plain(located: Located) -> Any:
    """The value without its lines, all the way down."""
    if isinstance(located.value, dict):
        return {key: plain(value) for key, value in located.value.items()}
    if isinstance(located.value, list):
        return [plain(value) for value in located.value]
    return located.value


def _located(loader: _Loader, node: yaml.Node, known: dict[int, Located | None]) -> Located:
    """`known` holds each node that an anchor may repeat, None while it is being read."""
    line = node.start_mark.line + 1
    if id(node) in known:
        found = known[id(node)]
        if found is None:
            msg = f"line {line}: holds itself"
            raise ValueError(msg)
        return found
    known[id(node)] = None
    value: Any
    if isinstance(node, yaml.MappingNode):
        value = _mapping(loader, node, known)
    elif isinstance(node, yaml.SequenceNode):
        value = [_located(loader, each, known) for each in node.value]
    else:
        value = _scalar(loader, node)
    result = known[id(node)] = Located(value, line)
    return result


def _mapping(loader: _Loader, node: yaml.MappingNode, known: dict[int, Located | None]) -> dict[Any, Located]:
    written = set()
    for key, _ in node.value:
        name = (key.tag, str(key.value))
        if name in written:
            # YAML loaders take the last one and say nothing.
            msg = f"line {key.start_mark.line + 1}: {key.value!r} stands twice"
            raise ValueError(msg)
        written.add(name)
    loader.flatten_mapping(node)  # `<<: *anchor`
    values = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            msg = f"line {key.start_mark.line + 1}: expected a name, not a list or mapping"
            raise ValueError(msg)  # noqa: TRY004 - what is wrong is the text
        values[_scalar(loader, key)] = _located(loader, value, known)._replace(line=key.start_mark.line + 1)
    return values


def _scalar(loader: _Loader, node: yaml.Node) -> Any:
    try:
        return loader.construct_object(node)
    except ValueError as error:
        # 2026-02-30 looks like a date and is none.
        msg = f"line {node.start_mark.line + 1}: {node.value!r} can't be read: {error}"
        raise ValueError(msg) from error
    except (ArithmeticError, AttributeError, LookupError, TypeError) as error:
        # What the loader says of `!!timestamp abc`.
        msg = f"line {node.start_mark.line + 1}: {node.value!r} is no {node.tag.rpartition(':')[2]}"
        raise ValueError(msg) from error
