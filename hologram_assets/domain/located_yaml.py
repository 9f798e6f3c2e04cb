"""YAML with its lines: what a text says and on which line it says it, so that an error can point there."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

import yaml


class Located(NamedTuple):
    """A value and its line, from 1: that of its name in a mapping, else where it begins.

    Mappings hold `Located` by plain key, lists hold `Located`.
    """

    value: Any
    line: int


class _Loader(yaml.SafeLoader):
    """The safe loader, with exact decimal fractions."""


def _exact(loader: _Loader, node: yaml.ScalarNode) -> Decimal | float:
    """Money is written into these files: 0.1 must stay 0.1. What isn't a plain number (.inf, .nan) is YAML's float."""
    try:
        number = Decimal(node.value.replace("_", ""))
    except InvalidOperation:
        return loader.construct_yaml_float(node)
    return number if number.is_finite() else loader.construct_yaml_float(node)


_Loader.add_constructor("tag:yaml.org,2002:float", _exact)


def read_yaml(text: str) -> Located:
    """The one document of a text; None for an empty one. Decimal fractions are `Decimal`.

    Raises:
        ValueError: the text isn't YAML, a name stands twice in a mapping, or a list or mapping holds itself. The message
            starts with `line N:`.
    """
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        return Located(None, 1) if node is None else _located(loader, node, {})
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        msg = f"line {line}: the character {text[error.position]!r} can't stand in YAML"
        raise ValueError(msg) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = ", ".join(part for part in (error.context, error.problem) if part)
        msg = f"line {mark.line + 1 if mark else 1}: is not YAML: {reason}"
        raise ValueError(msg) from error


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
