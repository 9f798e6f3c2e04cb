"""Which channels there are, and what each is called by name and by id."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Final

_ID: Final = re.compile(r"[CGD][A-Z0-9]{8,}")
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class SlackChannels:
    """The channels of the workspace.

    Any channel exists that nobody has spoken of otherwise. Tests may change the sets; names in them are without `#`.

    Attributes:
        existing: if not None, no channel exists but these.
        missing: channels that don't exist.
        not_joined: channels that exist, but the app is not in them.
        archived: channels that exist, but nobody can write to them any more.
    """

    def __init__(self) -> None:
        self.existing: set[str] | None = None
        self.missing: set[str] = {"missing"}
        self.not_joined: set[str] = {"not-joined"}
        self.archived: set[str] = {"archived"}
        self._names: dict[str, str] = {}

    def only(self, *names: str) -> None:
        """Let these channels exist and no others."""
        self.existing = {bare(name) for name in names}

    def id_of(self, channel: str, *, by_name: bool = True) -> str | None:
        """The id of a channel given as `#name`, `name` or id; None when there is no such channel.

        Args:
            channel: how the caller calls it.
            by_name: whether a name will do; `chat.update` of Slack takes ids only.
        """
        known = channel in self._names
        if not known and not by_name and not _ID.fullmatch(channel):
            return None
        name = self._names[channel] if known else bare(channel)
        if not name or name in self.missing or (self.existing is not None and name not in self.existing):
            return None
        id = name if _ID.fullmatch(name) else _id_for(name)
        self._names[id] = name
        return id

    def name_of(self, id: str) -> str:
        """The name of a channel (without `#`); the id itself when nobody has called it by a name."""
        return self._names.get(id, id)

    def error_of(self, id: str) -> str | None:
        """Why the app may not write to a channel that exists; None when it may."""
        name = self.name_of(id)
        if name in self.archived:
            return "is_archived"
        return "not_in_channel" if name in self.not_joined else None


def bare(channel: str) -> str:
    """A channel's name without `#` and blanks."""
    return channel.strip().removeprefix("#").strip()


def _id_for(name: str) -> str:
    number = int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big")
    letters = ""
    for _ in range(9):
        number, digit = divmod(number, 36)
        letters += _DIGITS[digit]
    return f"C0{letters}"
