"""Who may ask: HTTP Basic with the user `apikey`, or the key in the query string."""

from __future__ import annotations

import base64
from collections.abc import Collection

from hologram_assets.sandbox.query import RefusedError

_NEVER_VALID = "wrong"
_NEVER_ALLOWED = "forbidden"


def key_from(authorization: str, in_query: str | None) -> str:
    """The key of a request: the password of `Authorization: Basic`, or `?apikey=`; empty when there is none."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.casefold() == "basic":
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except ValueError:
            return ""
        return password if user == "apikey" else ""
    return in_query or ""


def admit(key: str, keys: Collection[str] | None) -> None:
    """Let a key in, or not: any that is not empty, or only those of `keys`.

    Raises:
        RefusedError: 401 without a key, with the key `wrong`, or with one that is not in `keys`; 403 with the key
            `forbidden`.
    """
    if not key or key == _NEVER_VALID:
        raise RefusedError(401, "Invalid API key")
    if key == _NEVER_ALLOWED:
        raise RefusedError(403, "This key has no access")
    if keys is not None and key not in keys:
        raise RefusedError(401, "Invalid API key")
