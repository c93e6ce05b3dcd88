"""Files are whole or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from dpdeblur.transforms.storage import store


def test_writes_reads_lists_moves_deletes(tmp_path: Path) -> None:
    folder = str(tmp_path)
    a, b = store.join(folder, "x", "a.txt"), store.join(folder, "b.txt")
    store.write_whole(a, b"one")
    store.write_whole(a, b"two")
    assert store.read_whole(a) == b"two"
    assert store.files_in(store.join(folder, "x")) == [a]
    store.move(a, b)
    assert store.read_whole(a) is None
    assert store.read_whole(b) == b"two"
    store.delete([b, b])
    assert store.files_in(folder, "*.txt") == []
    assert store.files_in(store.join(folder, "nowhere")) == []


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "taken"
    (target / "inside").mkdir(parents=True)
    with pytest.raises(OSError):
        store.write_whole(str(target), b"data")
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]


def test_longest_names(tmp_path: Path) -> None:
    name = "n" * 251 + ".png"
    store.write_whole(str(tmp_path / name), b"x")
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(("uri", "local"), [("a/b", True), ("/a", True), ("s3://a/b", False), ("gs://a", False)])
def test_is_local(uri: str, local: bool) -> None:
    assert store.is_local(uri) is local


def test_join() -> None:
    assert store.join("s3://bucket/run/", "a", "b.png") == "s3://bucket/run/a/b.png"
    assert store.join("run", "a") == "run/a"
