"""Slack's own markup as HTML: `*bold*`, `_italic_`, `~struck~`, `code`, quotes, lists as they come, links and mentions.

What is put in comes from outside and is escaped first; only `&amp;`, `&lt;` and `&gt;` are read as Slack reads them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from markupsafe import Markup, escape

_SAFE_SCHEMES: Final = frozenset({"http", "https", "mailto"})
_FENCE: Final = re.compile(r"```\n?(.+?)\n?```", re.DOTALL)
_CODE: Final = re.compile(r"`([^`\n]+)`")
_ANGLE: Final = re.compile(r"<([^<>\n]+)>")
_EMOJI_CODE: Final = re.compile(r":([a-z0-9_+-]+):")
_KEPT: Final = re.compile("\ue000(\\d+)\ue001")


def _span(sign: str) -> re.Pattern[str]:
    """Text between two signs, as Slack wants it: no blank inside of them, no letter outside."""
    return re.compile(rf"(?<![\w{sign}]){sign}(?=\S)([^\n{sign}]+?)(?<=\S){sign}(?![\w{sign}])")


_SPANS: Final = (
    (_span(r"\*"), "<strong>{}</strong>"),
    (_span("_"), "<em>{}</em>"),
    (_span("~"), "<s>{}</s>"),
)

EMOJI: Final[dict[str, str]] = {
    "arrow_down": "⬇️",
    "arrow_right": "➡️",
    "arrow_up": "⬆️",
    "bar_chart": "📊",
    "bell": "🔔",
    "black_circle": "⚫",
    "bulb": "💡",
    "calendar": "📅",
    "chart_with_downwards_trend": "📉",
    "chart_with_upwards_trend": "📈",
    "earth_africa": "🌍",
    "exclamation": "❗",
    "eyes": "👀",
    "fire": "🔥",
    "globe_with_meridians": "🌐",
    "hourglass": "⌛",
    "hourglass_flowing_sand": "⏳",
    "information_source": "ℹ️",  # noqa: RUF001
    "iphone": "📱",
    "large_blue_circle": "🔵",
    "large_green_circle": "🟢",
    "large_orange_circle": "🟠",
    "large_yellow_circle": "🟡",
    "leftwards_arrow_with_hook": "↩️",
    "link": "🔗",
    "lock": "🔒",
    "mag": "🔍",
    "money_with_wings": "💸",
    "moneybag": "💰",
    "mute": "🔇",
    "no_bell": "🔕",
    "no_entry": "⛔",
    "ok": "🆗",
    "package": "📦",
    "question": "❓",
    "red_circle": "🔴",
    "repeat": "🔁",
    "rotating_light": "🚨",
    "satellite": "🛰️",
    "satellite_antenna": "📡",
    "shushing_face": "🤫",
    "signal_strength": "📶",
    "small_red_triangle": "🔺",
    "tada": "🎉",
    "twisted_rightwards_arrows": "🔀",
    "vertical_traffic_light": "🚦",
    "warning": "⚠️",
    "white_check_mark": "✅",
    "white_circle": "⚪",
    "wrench": "🔧",
    "x": "❌",
    "zap": "⚡",
}
"""The emoji that alerts are likely to use; others stay as `:name:`."""


def text_html(text: Any) -> Markup:
    """A text object (`plain_text` or `mrkdwn`) or a bare string, which Slack reads as mrkdwn."""
    if isinstance(text, dict):
        written = str(text.get("text", ""))
        return plain_html(written) if text.get("type") == "plain_text" else mrkdwn_html(written)
    return mrkdwn_html(str(text or ""))


def plain_html(text: str) -> Markup:
    """Text without markup; emoji and line ends are shown."""
    return _lines(_emoji(str(escape(_read(text)))))


def mrkdwn_html(text: str) -> Markup:
    """Text with Slack's markup."""
    kept: list[str] = []

    def keep(html: str) -> str:
        """Set finished HTML aside, so that nothing inside of it is taken for markup."""
        kept.append(html)
        return f"\ue000{len(kept) - 1}\ue001"

    def wrap(template: str) -> Callable[[re.Match[str]], str]:
        return lambda match: keep(template.format(escape(_read(match[1]))))

    text = text.replace("\ue000", "").replace("\ue001", "")
    text = _FENCE.sub(wrap("<pre>{}</pre>"), text)
    text = _CODE.sub(wrap("<code>{}</code>"), text)
    text = _ANGLE.sub(lambda match: keep(_angle(match[1])), text)
    html = str(escape(_read(text)))
    for pattern, template in _SPANS:
        html = pattern.sub(lambda match, shape=template: shape.format(match[1]), html)  # type: ignore[misc]
    html = _emoji(html)
    html = "\n".join(_quote(line) for line in html.split("\n")).replace("</blockquote>\n", "</blockquote>")
    while _KEPT.search(html):
        html = _KEPT.sub(lambda match: kept[int(match[1])], html)
    return _lines(html)


def _read(text: str) -> str:
    """Slack's three entities as the signs they stand for."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _angle(inside: str) -> str:
    """`<…>`: a link, a mention, a channel or a date."""
    target, _, label = inside.partition("|")
    if target.startswith("!date^"):
        return str(escape(_read(label) or _date(target)))
    if target.startswith("!"):
        word = label or target.removeprefix("!").partition("^")[0]
        return f'<span class="mention">@{escape(_read(word).removeprefix("@"))}</span>'
    if target.startswith(("@", "#")):
        return f'<span class="mention">{escape(target[0] + (_read(label).lstrip("@#") or target[1:]))}</span>'
    address = _read(target)
    if not is_safe_link(address):
        return str(escape(f"<{_read(inside)}>"))
    return f'<a href="{escape(address)}" rel="noreferrer">{_emoji(str(escape(_read(label) or address)))}</a>'


def is_safe_link(address: str) -> bool:
    """Whether an address may become a link: nothing that runs in the page."""
    try:
        return urlsplit(address).scheme.casefold() in _SAFE_SCHEMES
    except ValueError:
        return False


def _date(target: str) -> str:
    try:
        seconds = int(target.split("^")[1])
    except (IndexError, ValueError):
        return target
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def _quote(line: str) -> str:
    return f"<blockquote>{line.removeprefix('&gt;').lstrip()}</blockquote>" if line.startswith("&gt;") else line


def _emoji(html: str) -> str:
    return _EMOJI_CODE.sub(lambda match: EMOJI.get(match[1], match[0]), html)


def _lines(html: str) -> Markup:
    return Markup(html.replace("\n", "<br>"))  # noqa: S704 - every part was escaped above
