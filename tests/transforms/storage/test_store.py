"""Files are whole or not there."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.appender import appender, read_from
from tests.memory_files import MemoryFiles

assert MemoryFiles.scheme() == "mem"  # imported, it is registered


@pytest.fixture(params=["local", "mem"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path) if request.param == "local" else f"mem://bucket{tmp_path}"


def test_writes_reads_lists_moves_deletes(folder: str) -> None:
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


def test_nothing_stays_of_a_file_that_could_not_be_written(folder: str) -> None:
    with pytest.raises(OSError, match="disk full"), store.created(store.join(folder, "a.tar")) as stream:
        stream.write(b"half")
        raise OSError("disk full")
    assert store.files_in(folder) == []


def test_no_character_of_a_name_is_a_pattern(folder: str) -> None:
    odd = store.join(folder, "shards[1] *?#%20")
    for name in ("a.part", "[a].part", "a*.txt"):
        store.write_whole(store.join(odd, name), name.encode())
    assert store.files_in(odd) == [store.join(odd, name) for name in ("[a].part", "a*.txt", "a.part")]
    assert store.files_in(odd, "*.part") == [store.join(odd, name) for name in ("[a].part", "a.part")]
    assert store.read_whole(store.join(odd, "[a].part")) == b"[a].part"
    assert store.files_in(store.join(folder, "shards1 x?#%20")) == []


def test_parts_of_files(folder: str) -> None:
    uri = store.join(folder, "digits")
    store.write_whole(uri, b"0123456789")
    assert [store.read(uri, 2, 3), store.read(uri, 8, 5), store.read(uri, 10, 5), store.read(uri, 7)] == [
        b"234",
        b"89",
        b"",
        b"789",
    ]
    with store.open_file(uri) as stream:
        stream.seek(-4, 2)
        assert (stream.read(2), stream.tell(), stream.read()) == (b"67", 8, b"89")


def test_a_file_appended_to_is_read_as_it_grows(tmp_path: Path) -> None:
    uri = str(tmp_path / "new" / "notes")
    notes = appender(uri)
    notes.append(b"one\n")
    assert read_from(uri, 0) == b"one\n"
    notes.append(b"two\n")
    assert read_from(uri, 4) == b"two\n"
    notes.close()
    assert read_from(str(tmp_path / "none"), 0) == b""


def test_notes_in_a_store_are_objects(folder: str) -> None:
    notes = appender(f"mem://notes/{Path(folder).name}/x.jsonl")
    notes.append(b"one")
    notes.append(b"two")
    found = store.files_in(f"mem://notes/{Path(folder).name}", "x-*.jsonl")
    assert sorted(map(store.read, found)) == [b"one", b"two"]


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("file:///a%20b/%5B1%5D", "/a b/[1]"),
        ("file://localhost/a", "/a"),
        ("/a%20b", "/a%20b"),
        ("/a/../b", "/b"),
        ("s3://bucket/a%20b/", "s3://bucket/a%20b"),
    ],
)
def test_one_spelling_for_one_place(given: str, path: str) -> None:
    assert store.absolute(given) == path


PARTS = st.sampled_from(["a", ".", "..", ".b", "c.", "", "/", "d/", "/e", "f//g", "./h"])


@given(PARTS, st.lists(PARTS, min_size=1, max_size=2))
def test_a_path_is_joined_as_pathlib_does(folder: str, parts: list[str]) -> None:
    assert store.join(folder, *parts) == str(Path(folder, *parts))


def test_files_of_this_machine() -> None:
    assert store.local_path("a/b") == Path("a/b")
    assert store.local_path("file:///a%20b") == Path("/a b")
    assert store.local_path("s3://a/b") is None


def test_join() -> None:
    assert store.join("s3://bucket/run/", "a", "b.png") == "s3://bucket/run/a/b.png"
    assert store.join("run", "a") == "run/a"
    assert store.join("file:///a%20b", "c") == "/a b/c"


def test_places_in_places(tmp_path: Path) -> None:
    assert store.is_within("/a/b", "/a") and store.is_within("/a", "/a") and not store.is_within("/ab", "/a")
    assert store.anything_in(str(tmp_path)) is None and store.anything_in(str(tmp_path / "none")) is None
    (tmp_path / "x").touch()
    assert store.anything_in(str(tmp_path)) == str(tmp_path / "x")
    with pytest.raises(NotADirectoryError):
        store.anything_in(str(tmp_path / "x"))
    with pytest.raises(NotADirectoryError):
        store.require_folder(str(tmp_path / "x"))
    with pytest.raises(FileNotFoundError):
        store.require_folder(str(tmp_path / "none"))
    assert (store.free_bytes(str(tmp_path / "new" / "folder")) or 0) > 0 and store.free_bytes("s3://bucket/x") is None


@given(st.lists(st.text(st.sampled_from("ab./"), max_size=5), min_size=1, max_size=4))
def test_joined_paths_are_spelled_as_pathlib_spells_them(parts: list[str]) -> None:
    assert store.join(*parts) == str(Path(*parts))
