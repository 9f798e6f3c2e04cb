"""The one Hologram resource: hands out a client per organisation."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from dagster import ConfigurableResource

from hologram_assets.api.client import HologramClient
from hologram_assets.api.errors import KeyMissingError
from hologram_assets.api.transport import Transport


class HologramResource(ConfigurableResource[None]):
    """Where and how to ask Hologram.

    Keys are no part of it, so that they appear in no config, repr, log or metadata: `HOLOGRAM_API_KEY_<ORGID>`, or else
    `HOLOGRAM_API_KEY`, is read from the environment whenever a client is made.
    """

    base_url: str
    page_size: int = 250
    max_connections: int = 8
    requests_per_second: float | None = None
    timeout_seconds: float = 120
    window_margin_hours: float = 24
    retention_days: int = 90
    attempts: int = 5

    @contextmanager
    def client(self, org_id: int) -> Iterator[HologramClient]:
        """A client with the organisation's key; its connections are closed at the end.

        Raises:
            KeyMissingError: neither `HOLOGRAM_API_KEY_<ORGID>` nor `HOLOGRAM_API_KEY` is set.
        """
        key = os.environ.get(key_variable(org_id), "").strip()
        if not key:
            msg = (
                f"no API key for organisation {org_id}: set HOLOGRAM_API_KEY, or HOLOGRAM_API_KEY_{org_id} for this one"
            )
            raise KeyMissingError(msg)
        transport = Transport(
            self.base_url,
            key,
            timeout_seconds=self.timeout_seconds,
            connections=self.max_connections,
            requests_per_second=self.requests_per_second,
            attempts=self.attempts,
        )
        client = HologramClient(transport, self.page_size)
        try:
            yield client
        finally:
            client.close()


def key_variable(org_id: int) -> str:
    """The variable that holds the organisation's key: its own one if that is set, else the one for all."""
    own = f"HOLOGRAM_API_KEY_{org_id}"
    return own if os.environ.get(own) else "HOLOGRAM_API_KEY"
