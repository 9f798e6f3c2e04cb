"""The fetch of a day's sessions into files, as `raw_sessions` does it, without Dagster and the warehouse; settings as ever.

    python -m benchmarks.fetch_alone DAY

Prints the seconds from before the first request until the last slice is staged.
"""

from __future__ import annotations

import sys
import time
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hologram_assets.api.queries import SessionQuery
from hologram_assets.api.slicing import cut, staged_slices
from hologram_assets.build import hologram_resource
from hologram_assets.domain.periods import end_of_day, start_of_day
from hologram_assets.settings import load_settings
from hologram_assets.warehouse.staging import packer


def main(day: date) -> None:
    """Fetch and print.

    Raises:
        HologramError: a slice failed.
    """
    settings = load_settings()
    (org,) = settings.hologram_org_ids
    hologram = hologram_resource(settings)
    margin = timedelta(hours=hologram.window_margin_hours)
    query = SessionQuery(orgid=org, getplaninfo=True, getcountryinfo=True)
    with (
        TemporaryDirectory(prefix="hologram-") as folder,
        hologram.client(org) as client,
        packer() as packing,
    ):
        began = time.perf_counter()
        pieces = cut(start_of_day(day) - margin, end_of_day(day) + margin, hologram.max_connections)
        for staged in staged_slices(client, query, pieces, Path(folder), hologram.max_connections, packing.pack):
            if staged.error is not None:
                raise staged.error
        print(time.perf_counter() - began)


if __name__ == "__main__":
    main(date.fromisoformat(sys.argv[1]))
