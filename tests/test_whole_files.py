"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from hologram_assets.whole_files import whole_file


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_takes_the_place_of_the_one_before_when_it_is_done_and_the_folder_is_made(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "report*[1].html"
    for text in ("first", "second"):
        with whole_file(target) as path:
            path.write_text(text)
            assert not target.exists() or target.read_text() == "first"
        assert target.read_text() == text
    assert names(target.parent) == [target.name]


def test_what_failed_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "x.csv"
    target.write_text("old")
    with pytest.raises(UnicodeEncodeError), whole_file(target) as path, path.open("w", encoding="ascii") as file:
        file.writelines(["half ", "ü"])
    assert target.read_text() == "old"
    assert names(tmp_path) == ["x.csv"]


def test_what_a_killed_writer_left_is_taken_away_and_what_one_writes_now_is_not(tmp_path: Path) -> None:
    target = tmp_path / "x.csv"
    left, running, other = (tmp_path / name for name in (".x.csv.1.partial", ".x.csv.2.partial", ".y.csv.1.partial"))
    for path in (left, running, other):
        path.touch()
    os.utime(left, (0, 0))
    os.utime(other, (0, 0))
    with whole_file(target) as path:
        path.write_text("new")
    assert names(tmp_path) == [running.name, other.name, target.name]


def test_a_link_stays_a_link_and_a_pipe_a_pipe(tmp_path: Path) -> None:
    link, target, pipe = (tmp_path / name for name in ("link", "target", "pipe"))
    link.symlink_to(target)
    with whole_file(link) as path:
        path.write_text("through")
    assert link.is_symlink()
    assert target.read_text() == "through"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    with whole_file(pipe) as path:
        path.write_text("along")
    reader.join()
    assert read == ["along"]
    assert pipe.is_fifo()


def test_of_two_writers_at_once_each_file_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "x"
    with whole_file(target) as one, whole_file(target) as two:
        one.write_text("1" * 1000)
        two.write_text("2" * 1000)
    assert target.read_text() == "1" * 1000
