"""What a run leaves for people and programs that must not open the warehouse: a copy of it, and a page per organisation.

Both are put in place whole, by renaming. Where one can't be written, the run's data is stored all the same: the log, the
partition's metadata and `doctor` say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from dagster import AssetExecutionContext, MetadataValue

from hologram_assets.assets.daywise import Days
from hologram_assets.partitions import OrgDay, days_by_org
from hologram_assets.run_tags import PICTURES_TAG
from hologram_assets.warehouse.connection import Warehouse
from hologram_assets.warehouse.loads import utc_now
from hologram_assets.whole_files import whole_file

COPY = "current.duckdb"


@dataclass(frozen=True)
class Reports:
    """Where to publish: a folder, how many days' pages it keeps of an organisation (0: none), and whether a copy."""

    folder: Path
    kept: int
    copy: bool

    @property
    def copy_path(self) -> Path:
        """The copy of the warehouse."""
        return self.folder / COPY

    def pages(self, org_id: int) -> dict[date, Path]:
        """The pages of an organisation that are there, by day."""
        found = {}
        for path in (self.folder / str(org_id)).glob("*.html"):
            with suppress(ValueError):  # somebody else's
                day = date.fromisoformat(path.stem)
                if path == self.page(org_id, day):
                    found[day] = path
        return found

    def page(self, org_id: int, day: date) -> Path:
        """Where the page of a day stands."""
        return self.folder / str(org_id) / f"{day}.html"


def publish(context: AssetExecutionContext, days: Days, warehouse: Warehouse, reports: Reports) -> None:
    """Put the copy and the pages in place, and say on the run's stored partitions where they are."""
    stored = days.stored
    if not stored:
        return
    if reports.copy:
        copied = _copied(context, warehouse, reports)
        for day in stored:
            days.add(day, "copy_for_bi", copied)
    # The page of the newest day that was asked for is enough: it shows the weeks before it. The hourly refresh leaves it to
    # the daily run, as it does pictures.
    if reports.kept and context.run.tags.get(PICTURES_TAG) != "no":
        asked = [day.key for day in days.partitions if day in stored]
        for org_id, of_org in days_by_org(asked).items():
            newest = OrgDay(org_id, of_org[-1])
            days.add(newest, "report", _page(context, warehouse, reports, newest))


def _copied(context: AssetExecutionContext, warehouse: Warehouse, reports: Reports) -> MetadataValue:
    try:
        warehouse.publish(reports.copy_path)
    except Exception as error:  # noqa: BLE001 - the data is stored; what is published beside it must not fail the run
        context.log.warning(f"the copy for BI was not published, what stands there is older: {error}")
        return MetadataValue.text(f"not published: {error}")
    return MetadataValue.path(str(reports.copy_path))


def _page(context: AssetExecutionContext, warehouse: Warehouse, reports: Reports, day: OrgDay) -> MetadataValue:
    path = reports.page(*day)
    try:
        pages = reports.pages(day.org_id)
        kept = sorted({*pages, day.day})[-reports.kept :]
        if day.day not in kept:
            return MetadataValue.text(
                f"not written: {reports.kept} pages of later days are kept (HOLOGRAM_REPORTS_KEPT)"
            )
        # matplotlib takes most of a second to import, and every run imports this module.
        from hologram_assets.page.render import render_page
        from hologram_assets.warehouse.page_view import read_page_view

        with warehouse.read() as connection:
            view = read_page_view(connection, day.day, [day.org_id], utc_now())
        with whole_file(path) as file:
            file.write_text(render_page(view), encoding="utf-8")
        _drop(pages, keep=kept)
    except Exception as error:  # noqa: BLE001 - as above
        context.log.warning(f"organisation {day.org_id}, {day.day}: no report was written: {error}")
        return MetadataValue.text(f"not written: {error}")
    return MetadataValue.path(str(path))


def _drop(pages: Mapping[date, Path], keep: list[date]) -> None:
    for day, path in pages.items():
        if day not in keep:
            path.unlink(missing_ok=True)
