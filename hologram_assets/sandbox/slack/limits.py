"""What Slack takes: the shape and the limits of blocks and metadata, and its words when they are exceeded.

The numbers are those of Slack's Block Kit reference; the messages are worded as its API words them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any, Final

MOST_BLOCKS: Final = 50
MOST_TEXT: Final = 40_000
MOST_ATTACHMENTS: Final = 100
_MOST_FIELDS: Final = 10
_MOST_CONTEXT: Final = 10
_MOST_ACTIONS: Final = 25
_MOST_MARKDOWN: Final = 12_000
_MOST_ID: Final = 255
_MOST_URL: Final = 3000
_SECTION: Final = 3000
_FIELD: Final = 2000
_HEADER: Final = 150
_BUTTON: Final = 75
_TEXT_TYPES: Final = ("plain_text", "mrkdwn")
_STYLES: Final = ("primary", "danger")
_OTHER_ELEMENTS: Final = frozenset(
    {
        "checkboxes",
        "datepicker",
        "datetimepicker",
        "overflow",
        "radio_buttons",
        "static_select",
        "multi_static_select",
        "external_select",
        "users_select",
        "conversations_select",
        "channels_select",
        "timepicker",
        "workflow_button",
    }
)
_OTHER_BLOCKS: Final = frozenset({"rich_text", "file", "video", "table", "input"})
Problems = Iterator[str]


def problems_of(blocks: list[Any]) -> list[str]:
    """What Slack would find wrong with a message's blocks, each with a pointer to the place; empty when nothing."""
    return list(_blocks(blocks))


def problem_of_metadata(metadata: Any) -> str | None:
    """The error of message metadata that isn't `{event_type, event_payload}`; None when it is."""
    if not isinstance(metadata, dict):
        return "invalid_metadata_format"
    if set(metadata) - {"event_type", "event_payload", "entities"}:
        return "invalid_metadata_schema"
    event_type, payload = metadata.get("event_type"), metadata.get("event_payload")
    named = isinstance(event_type, str) and 0 < len(event_type) <= _MOST_ID
    return None if named and isinstance(payload, dict) else "invalid_metadata_schema"


def _say(problem: str, place: str) -> str:
    return f"{problem} [json-pointer:{place}]"


def _blocks(blocks: list[Any]) -> Problems:
    if len(blocks) > MOST_BLOCKS:
        yield _say(f"no more than {MOST_BLOCKS} items allowed", "/blocks")
    seen: set[str] = set()
    for number, block in enumerate(blocks):
        place = f"/blocks/{number}"
        if not isinstance(block, dict):
            yield _say("must be an object", place)
            continue
        kind = block.get("type")
        check = _CHECKS.get(kind) if isinstance(kind, str) else None
        if check is not None:
            yield from check(block, place)
        elif kind is None:
            yield _say("missing required field: type", place)
        elif kind not in _OTHER_BLOCKS:
            yield _say(f"unsupported type: {kind}", f"{place}/type")
        id = block.get("block_id")
        if id is not None:
            yield from _string(id, f"{place}/block_id", most=_MOST_ID)
            if id in seen:
                yield _say(f"block_id must be unique: {id}", f"{place}/block_id")
            seen.add(str(id))


def _only(item: dict[str, Any], allowed: Collection[str], place: str) -> Problems:
    for name in item:
        if name not in allowed:
            yield _say(f"no more than the allowed properties: invalid additional property: {name}", place)


def _string(value: Any, place: str, *, most: int, least: int = 1) -> Problems:
    if not isinstance(value, str):
        yield _say("must be a string", place)
    elif len(value) > most:
        yield _say(f"must be less than {most + 1} characters", place)
    elif len(value) < least:
        yield _say(f"must be more than {least - 1} characters", place)


def _text(text: Any, place: str, *, most: int, types: Collection[str] = _TEXT_TYPES) -> Problems:
    if not isinstance(text, dict):
        yield _say("must be an object", place)
        return
    if text.get("type") not in types:
        yield _say(f"unsupported type: {text.get('type')}", f"{place}/type")
    yield from _only(text, {"type", "text", "emoji"} | ({"verbatim"} if "mrkdwn" in types else set()), place)
    if "emoji" in text and text.get("type") == "mrkdwn":
        yield _say("no more than the allowed properties: invalid additional property: emoji", place)
    if "text" not in text:
        yield _say("missing required field: text", place)
    else:
        yield from _string(text["text"], f"{place}/text", most=most)


def _items(block: dict[str, Any], name: str, place: str, *, most: int) -> Iterator[tuple[Any, str]]:
    """The elements of a list in a block with their places; what is wrong with the list itself comes as text."""
    items = block.get(name)
    if not isinstance(items, list):
        return
    for number, item in enumerate(items[: most + 1]):
        yield item, f"{place}/{name}/{number}"


def _size(block: dict[str, Any], name: str, place: str, *, most: int) -> Problems:
    items = block.get(name)
    if items is None:
        yield _say(f"missing required field: {name}", place)
    elif not isinstance(items, list):
        yield _say("must be an array", f"{place}/{name}")
    elif len(items) > most:
        yield _say(f"no more than {most} items allowed", f"{place}/{name}")
    elif not items:
        yield _say("must provide at least 1 item", f"{place}/{name}")


def _section(block: dict[str, Any], place: str) -> Problems:
    yield from _only(block, {"type", "block_id", "text", "fields", "accessory", "expand"}, place)
    if "text" not in block and "fields" not in block:
        yield _say("missing required field: text or fields", place)
    if "text" in block:
        yield from _text(block["text"], f"{place}/text", most=_SECTION)
    if "fields" in block:
        yield from _size(block, "fields", place, most=_MOST_FIELDS)
        for field, at in _items(block, "fields", place, most=_MOST_FIELDS):
            yield from _text(field, at, most=_FIELD)
    if "accessory" in block:
        yield from _element(block["accessory"], f"{place}/accessory", image=True)


def _header(block: dict[str, Any], place: str) -> Problems:
    yield from _only(block, {"type", "block_id", "text"}, place)
    yield from _text(block.get("text"), f"{place}/text", most=_HEADER, types=("plain_text",))


def _divider(block: dict[str, Any], place: str) -> Problems:
    yield from _only(block, {"type", "block_id"}, place)


def _context(block: dict[str, Any], place: str) -> Problems:
    yield from _only(block, {"type", "block_id", "elements"}, place)
    yield from _size(block, "elements", place, most=_MOST_CONTEXT)
    for item, at in _items(block, "elements", place, most=_MOST_CONTEXT):
        if isinstance(item, dict) and item.get("type") == "image":
            yield from _image(item, at)
        else:
            yield from _text(item, at, most=_SECTION)


def _actions(block: dict[str, Any], place: str) -> Problems:
    yield from _only(block, {"type", "block_id", "elements"}, place)
    yield from _size(block, "elements", place, most=_MOST_ACTIONS)
    seen: set[str] = set()
    for item, at in _items(block, "elements", place, most=_MOST_ACTIONS):
        yield from _element(item, at, image=False)
        id = item.get("action_id") if isinstance(item, dict) else None
        if id is not None and id in seen:
            yield _say(f"action_id must be unique within a block: {id}", f"{at}/action_id")
        seen.add(str(id))


def _element(item: Any, place: str, *, image: bool) -> Problems:
    kind = item.get("type") if isinstance(item, dict) else None
    if kind == "button":
        yield from _button(item, place)
    elif kind == "image" and image:
        yield from _image(item, place)
    elif kind not in _OTHER_ELEMENTS:
        yield _say(f"unsupported type: {kind}", f"{place}/type")


def _button(item: dict[str, Any], place: str) -> Problems:
    allowed = {"type", "text", "action_id", "url", "value", "style", "confirm", "accessibility_label"}
    yield from _only(item, allowed, place)
    yield from _text(item.get("text"), f"{place}/text", most=_BUTTON, types=("plain_text",))
    for name, most in (
        ("url", _MOST_URL),
        ("value", _FIELD),
        ("action_id", _MOST_ID),
        ("accessibility_label", _BUTTON),
    ):
        if name in item:
            yield from _string(item[name], f"{place}/{name}", most=most)
    if isinstance(item.get("url"), str) and not item["url"].startswith(("http://", "https://", "slack://", "mailto:")):
        yield _say("must be a valid url", f"{place}/url")
    if "style" in item and item["style"] not in _STYLES:
        yield _say("must be one of primary, danger", f"{place}/style")


def _image(item: dict[str, Any], place: str) -> Problems:
    yield from _only(item, {"type", "block_id", "image_url", "slack_file", "alt_text", "title"}, place)
    if "alt_text" not in item:
        yield _say("missing required field: alt_text", place)
    else:
        yield from _string(item["alt_text"], f"{place}/alt_text", most=_FIELD)
    if "image_url" in item:
        yield from _string(item["image_url"], f"{place}/image_url", most=_MOST_URL)
    elif "slack_file" not in item:
        yield _say("missing required field: image_url", place)
    if "title" in item:
        yield from _text(item["title"], f"{place}/title", most=_FIELD, types=("plain_text",))


def _markdown(block: dict[str, Any], place: str) -> Problems:
    yield from _only(block, {"type", "block_id", "text"}, place)
    yield from _string(block.get("text"), f"{place}/text", most=_MOST_MARKDOWN)


_CHECKS: Final[dict[str, Callable[[dict[str, Any], str], Problems]]] = {
    "section": _section,
    "header": _header,
    "divider": _divider,
    "context": _context,
    "actions": _actions,
    "image": _image,
    "markdown": _markdown,
}
