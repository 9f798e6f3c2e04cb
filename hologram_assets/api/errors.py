"""What can go wrong with the API, grouped by what to do about it."""

from __future__ import annotations


class HologramError(Exception):
    """Any failure of the API. The text never holds the key."""


class TransientError(HologramError):
    """Waiting helps: time-out, dropped connection, 5xx, a body that isn't the promised JSON. Retried."""


class RateLimitedError(TransientError):
    """429. `retry_after` is the server's wish in seconds, if it had one."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PermanentError(HologramError):
    """Asking again won't help; somebody has to change something. Never retried."""


class KeyMissingError(PermanentError):
    """There is no key for the organisation."""


class KeyRefusedError(PermanentError):
    """401: the key is unknown or revoked."""


class ForbiddenError(PermanentError):
    """403: the key may not read this."""


class NotFoundError(PermanentError):
    """404 or 410."""


class BadRequestError(PermanentError):
    """400 or another 4xx: the API doesn't take these parameters."""


class RedirectedError(PermanentError):
    """3xx: not followed, since the key would go to a host that nobody configured."""


class PagingError(PermanentError):
    """The pages don't lead anywhere: a cursor that doesn't advance, or ids that don't decrease. Shows the cursor."""
