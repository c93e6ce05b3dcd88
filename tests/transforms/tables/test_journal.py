"""The journal loses nothing that was appended, and takes nothing for finished that was not."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from dpdeblur.transforms.records import Outcome, Scene, Source
from dpdeblur.transforms.tables import journal, journal_lines
from dpdeblur.transforms.tables.input_key import former_input_key, input_key
from tests.rows import failure, score


def test_append_then_read_with_a_torn_tail(tmp_path: Path) -> None:
    first, second = journal.Journal(str(tmp_path)), journal.Journal(str(tmp_path))
    for n in range(3):
        first.append(score(f"a{n}"))
        second.append(failure(f"b{n}"))
    file = next(tmp_path.glob("*.jsonl"))
    with file.open("a") as stream:
        stream.write(journal_lines.to_line(score("torn"))[:50])
    assert {o.scene_id for o in journal.read(str(tmp_path))} == {"a0", "a1", "a2", "b0", "b1", "b2"}


class SlowDisk:
    """Keeps what is appended; takes its time over the first."""

    def __init__(self, uri: str) -> None:
        self.notes: list[bytes] = []
        self.busy, self.free = threading.Event(), threading.Event()

    def append(self, data: bytes) -> None:
        self.busy.set()
        self.free.wait(600)
        if b"full" in data:
            raise OSError("no space left")
        self.notes.append(data)

    def close(self) -> None:
        pass


@pytest.mark.parametrize("name", ["sound", "full"])
def test_lines_that_wait_for_the_disk_are_written_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    disk = SlowDisk("")
    monkeypatch.setattr(journal, "appender", lambda uri: disk)
    book = journal.Journal(str(tmp_path))
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(book.append, score("first"))
        assert disk.busy.wait(600)
        others = [pool.submit(book.append, score(f"{name}-{number}")) for number in range(8)]
        while book.waiting < 8:
            time.sleep(0.001)
        assert not any(future.done() for future in (first, *others)), "none is told before its line is safe"
        disk.free.set()
        assert first.exception() is None
        assert [type(future.exception()) for future in others] == [OSError if name == "full" else type(None)] * 8
    lines = [note.count(b"\n") for note in disk.notes]
    assert lines == ([1] if name == "full" else [1, 8])


def test_the_key_changes_with_each_file_and_with_the_settings() -> None:
    scene = Scene("s", Source("l", stamp="1"), Source("r", stamp="1"), None, Source("t", stamp="1"))
    variants = [
        (scene, "d"),
        (scene, "other"),
        (replace(scene, left=replace(scene.left, stamp="2")), "d"),
        (replace(scene, right=replace(scene.right, uri="r2")), "d"),
        (replace(scene, combined=Source("c")), "d"),
        (replace(scene, target=None), "d"),
    ]
    assert len({input_key(s, d) for s, d in variants}) == len(variants)


def test_a_file_is_known_by_its_place_in_the_input_and_its_version() -> None:
    def scene(root: str, stamp: str = "1", place: str = "a/left.png") -> Scene:
        return Scene("a", Source(f"{root}/a/left.png", stamp=stamp, place=place), Source("r", stamp="1", place="a/right.png"))

    here = input_key(scene("/here"), "d")
    assert input_key(scene("/moved"), "d") == here
    assert input_key(scene("/here", stamp="2"), "d") != here
    assert input_key(scene("/here", place="b/left.png"), "d") != here
    unknown = input_key(scene("/here", stamp=""), "d")
    assert input_key(scene("/moved", stamp=""), "d") != unknown, "without a version the address is all there is"
    assert former_input_key(scene("/moved"), "d") != former_input_key(scene("/here"), "d")


def test_a_journal_without_its_failures(tmp_path: Path) -> None:
    attempts: list[list[Outcome]] = [[score("a"), failure("b")], [failure("c"), score("d é\n")]]
    for rows in attempts:
        records = journal.Journal(str(tmp_path))
        for row in rows:
            records.append(row)
        records.close()
    journal.drop_failures(str(tmp_path))
    assert {outcome.scene_id for outcome in journal.read(str(tmp_path))} == {"a", "d é\n"}
    assert len(list(tmp_path.glob("*.jsonl"))) == 1
