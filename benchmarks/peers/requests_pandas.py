"""A day of sessions as most people write it first: a loop over pages, a pandas frame, delete and insert into DuckDB.

    python -m benchmarks.peers.requests_pandas BASE_URL ORG DAY PAGE_SIZE FILE

It knows that the API filters by `timestamp`, so it asks for the day alone, without a margin.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

import duckdb
import pandas as pd
import requests


def main(base_url: str, org: str, day: str, page_size: str, file: str) -> None:
    """Load the day into table `sessions` of the file."""
    midnight = datetime.fromisoformat(day).replace(tzinfo=UTC)
    params = {
        "orgid": org,
        "timestart": str(int(midnight.timestamp())),
        "timeend": str(int((midnight + timedelta(days=1)).timestamp()) - 1),
        "limit": page_size,
        "getplaninfo": "1",
        "getcountryinfo": "1",
    }
    rows: list[dict[str, object]] = []
    with requests.Session() as session:
        session.auth = ("apikey", "bench")
        session.trust_env = False
        while True:
            answer = session.get(f"{base_url}/usage/data", params=params, timeout=120)
            answer.raise_for_status()
            page = answer.json()
            rows += page["data"]
            if not page.get("continues"):
                break
            params["startafter"] = str(page["lastid"])
    frame = pd.DataFrame(rows)
    for column in ("session_begin", "timestamp"):
        frame[column] = pd.to_datetime(frame[column], format="%Y-%m-%d %H:%M:%S")
    frame["org_id"], frame["day"] = int(org), midnight.date()
    with duckdb.connect(file) as connection:
        connection.register("frame", frame)
        connection.execute("CREATE TABLE IF NOT EXISTS sessions AS FROM frame LIMIT 0")
        connection.begin()
        connection.execute("DELETE FROM sessions WHERE org_id = ? AND day = ?", [int(org), midnight.date()])
        connection.execute("INSERT INTO sessions BY NAME FROM frame")
        connection.commit()


if __name__ == "__main__":
    main(*sys.argv[1:])
