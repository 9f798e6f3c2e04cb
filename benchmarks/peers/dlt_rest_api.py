"""A day of sessions with dlt: its rest_api source, merged by `record_id` into DuckDB.

    python -m benchmarks.peers.dlt_rest_api BASE_URL ORG DAY PAGE_SIZE FILE [WINDOWS FORMAT]

Without WINDOWS and FORMAT it is what dlt's documentation shows for such an API, on its default settings. FORMAT is the
loader's file format: Parquet loads ten times as fast into DuckDB as the default, `INSERT` statements. WINDOWS cuts the day
into so many, which a resource of ours lists and the endpoint depends on: with `parallelized` dlt then follows that many
cursors at once, as many as `EXTRACT__WORKERS` says. Two processes to normalise (`NORMALIZE__WORKERS`) gained nothing on two
cores.

It knows that the API filters by `timestamp`, so it asks for the day alone, without a margin.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any

import dlt
from dlt.sources.rest_api import rest_api_source

_SECONDS_A_DAY = 86_400


def main(
    base_url: str, org: str, day: str, page_size: str, file: str, windows: str = "1", file_format: str | None = None
) -> None:
    """Load the day into table `hologram.sessions` of the file."""
    midnight = int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())
    length = _SECONDS_A_DAY // int(windows)
    cut = [{"start": start, "end": start + length - 1} for start in range(midnight, midnight + _SECONDS_A_DAY, length)]
    sessions = _resource({"orgid": org, "limit": page_size, "getplaninfo": 1, "getcountryinfo": 1})
    resources: list[Any] = [sessions]
    window: dict[str, object] = {"timestart": cut[0]["start"], "timeend": cut[0]["end"]}
    if len(cut) > 1:
        # One item that is the list of windows: what depends on it then asks for all of them at once.
        resources.append(dlt.resource([cut], name="windows", selected=False))
        sessions["parallelized"] = True
        window = {"timestart": "{resources.windows.start}", "timeend": "{resources.windows.end}"}
    sessions["endpoint"]["params"] |= window
    source = rest_api_source(
        {
            "client": {"base_url": base_url, "auth": {"type": "http_basic", "username": "apikey", "password": "bench"}},
            "resources": resources,
        }
    )
    pipeline = dlt.pipeline("sessions", destination=dlt.destinations.duckdb(file), dataset_name="hologram")
    pipeline.run(source, loader_file_format=file_format)


def _resource(params: dict[str, object]) -> dict[str, Any]:
    return {
        "name": "sessions",
        "primary_key": "record_id",
        "write_disposition": "merge",
        "columns": {"session_begin": {"data_type": "timestamp"}, "timestamp": {"data_type": "timestamp"}},
        "endpoint": {
            "path": "usage/data",
            "params": params,
            "data_selector": "data",
            # `continues` is absent on the last page, which dlt's `has_more_path` takes for an error.
            "paginator": {
                "type": "cursor",
                "cursor_path": "lastid",
                "cursor_param": "startafter",
                "stop_after_empty_page": True,
            },
        },
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
