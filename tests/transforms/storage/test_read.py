"""Reading bytes: whole files and slices, here and in an object store, and files that changed meanwhile."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from dpdeblur.transforms.layouts import find_scenes
from dpdeblur.transforms.records import SceneError, Source, UsageError
from dpdeblur.transforms.storage.listing import list_files, single_file
from dpdeblur.transforms.storage.read import read_bytes
from tests.memory_files import MemoryFiles

DATA = bytes(range(256)) * 4


@pytest.fixture(params=["local", "mem"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    if request.param == "local":
        path = tmp_path / "file"
        path.write_bytes(DATA)
        return str(path)
    MemoryFiles.objects["mem://bucket/file"] = DATA
    return "mem://bucket/file"


def test_whole_files_and_slices(uri: str) -> None:
    assert read_bytes(Source(uri)) == DATA
    assert read_bytes(Source(uri, None, len(DATA))) == DATA
    assert read_bytes(Source(uri, 3, 5)) == DATA[3:8]
    assert read_bytes(Source(uri, 0, len(DATA))) == DATA


@pytest.mark.parametrize(
    ("offset", "size", "limit", "message"),
    [
        (None, len(DATA) + 1, 10**6, "1024 of 1025 bytes"),
        (None, len(DATA) - 1, 10**6, "changed while the job ran"),
        (1000, 100, 10**6, "Only 24 of 100"),
        (5000, 100, 10**6, "is empty"),
        (None, 0, 10**6, "is empty"),
        (None, None, 1023, "more than 1023 bytes"),
        (0, 1024, 1023, "more than 1023 bytes"),
        (None, 1 << 60, 1 << 30, "more than"),
    ],
)
def test_what_is_not_as_listed(uri: str, offset: int | None, size: int | None, limit: int, message: str) -> None:
    with pytest.raises(SceneError, match=message) as caught:
        read_bytes(Source(uri, offset, size), limit)
    assert caught.value.uri == uri


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").touch()
    for name, message in {
        "none": "missing",
        "pipe": "not a plain file",
        "empty": "empty",
        ".": "not a plain file",
        "a\0b": "null byte",
    }.items():
        with pytest.raises(SceneError, match=message):
            read_bytes(Source(f"{tmp_path}/{name}"))
    with pytest.raises(SceneError, match="cannot be read"):
        read_bytes(Source("mem://bucket/none"))
    with pytest.raises(SceneError, match="cannot be read"):
        read_bytes(Source("nowhere://bucket/none"))


def test_scenes_in_an_object_store() -> None:
    for name in ("a[1]/left.png", "a[1]/right.png", ".hidden/left.png", "a[1]/", "b/0001_l.png"):
        MemoryFiles.objects[f"mem://store[x]*/scenes/{name}"] = DATA
    found = find_scenes("mem://store[x]*/scenes/", "folders")
    assert [scene.scene_id for scene in found.scenes] == ["a[1]"]
    assert read_bytes(found.scenes[0].left) == DATA
    assert found.scenes[0].left.stamp == "1024-1.0"
    assert single_file("mem://store[x]*/scenes/b/0001_l.png") == Source(
        "mem://store[x]*/scenes/b/0001_l.png", None, 1024, "1024-1.0"
    )
    assert single_file("mem://store[x]*/scenes/b/none") is None


def test_a_folder_that_cannot_be_listed(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    if os.access(tmp_path / "closed", os.R_OK):
        pytest.skip("running as a user who may read everything")
    with pytest.raises(UsageError, match="closed cannot be listed"):
        find_scenes(str(tmp_path))
    with pytest.raises(UsageError, match="closed cannot be listed"):
        list_files(str(tmp_path / "closed"))
