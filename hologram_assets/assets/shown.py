"""What the UI shows beside a partition's numbers: tables with every materialisation, pictures with one a day.

Pictures stay in the event log for good, 5 kB each, and to load what draws them takes most of a second. So a partition's are
drawn once a UTC day, and not by the hourly refresh: by a settle, which comes when the day is over, or by whoever runs the
partition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from urllib.parse import quote

import duckdb
from dagster import (
    AssetExecutionContext,
    AssetRecordsFilter,
    MarkdownMetadataValue,
    MetadataValue,
    TableColumn,
    TableMetadataValue,
    TableRecord,
    TableSchema,
)

from hologram_assets.assets.daywise import Days
from hologram_assets.partitions import OrgDay, days_by_org, parse_key, today
from hologram_assets.pictures.canvas import is_picture
from hologram_assets.pictures.words import one_line
from hologram_assets.run_tags import PICTURES_TAG
from hologram_assets.warehouse.connection import Warehouse

# Reads what the pictures of an organisation's days, first to last, are made of, and gives what draws a day's as markdown.
Picture = Callable[[duckdb.DuckDBPyConnection, int, date, date], Callable[[date], str]]
MOST_SHOWN = 10
"""Rows of a table that stands beside a partition's numbers."""
_EVENTS_AT_ONCE = 200
_LONGEST_CELL = 80
_LEFT = "Drawn once a day: by settle_schedule when the day is over, or when somebody materializes the day."


def shown_table(rows: Iterable[Mapping[str, object]]) -> TableMetadataValue:
    """Up to ten rows of text for the UI, which shows them as they are: nothing in a cell is markup.

    Texts are cut: a table has 2 to 5 kB in the event log, and less than 32 kB whatever names there are.
    """
    cells = [{name: one_line(str(value), _LONGEST_CELL) for name, value in row.items()} for row in rows][:MOST_SHOWN]
    columns = [TableColumn(name, "string") for name in (cells[0] if cells else ())]
    return MetadataValue.table([TableRecord(row) for row in cells], TableSchema(columns))


def add_pictures(
    context: AssetExecutionContext, days: Days, warehouse: Warehouse, pictures: Mapping[str, Picture]
) -> None:
    """Put pictures into the metadata of the days that are stored.

    A day that was materialised earlier on this UTC day, with the picture, gets a link to it. Reads beside other readers,
    after everything is written, and draws after that. Nothing of it fails a day: what can't be drawn says so.

    Args:
        context: of the step.
        days: of the step.
        warehouse: where from.
        pictures: by their key in the metadata.
    """
    try:
        earlier = _drawn_today(context, days, pictures)
    except Exception as error:  # noqa: BLE001 - drawn twice is better than a day failed
        context.log.warning(f"can't see which pictures were drawn today: {error}")
        earlier = {}
    for name, picture in reversed(list(pictures.items())):  # the last that is added is shown first
        lacking = []
        for day in days.stored:
            if (day, name) in earlier:
                days.add(day, name, earlier[day, name])
            elif context.run.tags.get(PICTURES_TAG) == "no":
                days.add(day, name, MetadataValue.text(_LEFT))
            else:
                lacking.append(day.key)
        for org_id, wanted in days_by_org(lacking).items():
            _draw(context, days, name, picture, warehouse, org_id, wanted)


def _draw(
    context: AssetExecutionContext,
    days: Days,
    name: str,
    picture: Picture,
    warehouse: Warehouse,
    org_id: int,
    wanted: list[date],
) -> None:
    draw: Callable[[date], str] | None = None
    reason = ""
    try:
        with warehouse.read() as connection:
            draw = picture(connection, org_id, wanted[0], wanted[-1])
    except Exception as error:  # noqa: BLE001 - as in `add_pictures`
        reason = str(error)
    for day in wanted:
        words: MarkdownMetadataValue | None = None
        if draw is not None:
            try:
                words = MetadataValue.md(draw(day))
            except Exception as error:  # noqa: BLE001 - as in `add_pictures`
                reason = f"{type(error).__name__}: {error}"
        if words is None:
            context.log.warning(f"organisation {org_id}, {day}: no {name}: {reason}")
            days.add(OrgDay(org_id, day), name, MetadataValue.text(f"not drawn: {reason}"))
        else:
            days.add(OrgDay(org_id, day), name, words)


def _drawn_today(
    context: AssetExecutionContext, days: Days, names: Iterable[str]
) -> dict[tuple[OrgDay, str], MarkdownMetadataValue]:
    """Pictures of these days that this asset's events of the UTC day hold, each as words that lead to the event."""
    found: dict[tuple[OrgDay, str], MarkdownMetadataValue] = {}
    midnight = datetime.combine(today(), datetime.min.time(), UTC).timestamp()
    events = AssetRecordsFilter(context.asset_key, [day.key for day in days.stored], midnight)
    cursor: str | None = None
    while days.stored:
        page = context.instance.fetch_materializations(events, _EVENTS_AT_ONCE, cursor)
        for record in page.records:
            event = record.asset_materialization
            if event is None or event.partition is None:
                continue
            for name in names:
                value = event.metadata.get(name)
                if isinstance(value, MarkdownMetadataValue) and is_picture(value.md_str or ""):
                    asset = context.asset_key.to_user_string()
                    found[parse_key(event.partition), name] = _elsewhere(asset, event.partition, record.timestamp)
        if not page.has_more:
            break
        cursor = page.cursor
    return found


def _elsewhere(asset: str, partition: str, moment: float) -> MarkdownMetadataValue:
    """A picture that an earlier event of the partition holds; the UI shows the events up to `asOf`, in milliseconds."""
    at = datetime.fromtimestamp(moment, UTC)
    page = f"/assets/{quote(asset)}?view=events&asOf={int(moment * 1000)}&partition={quote(partition)}"
    return MetadataValue.md(f"Drawn once a day: see [the materialization of {at:%H:%M} UTC]({page}).")
