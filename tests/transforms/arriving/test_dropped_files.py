"""Shards and manifests in a watched folder: read once, when complete; a broken one fails alone until it is replaced."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from dpdeblur.transforms.arriving.watched_place import WatchedPlace, mended
from dpdeblur.transforms.tables.ledger import Done
from tests.builders import Scenes, make_scenes, write_folders, write_manifest, write_tar
from tests.transforms.arriving.test_arrivals import Watcher, finished, names


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def scenes() -> Scenes:
    return make_scenes(3, height=8, width=8)


def shard(path: Path, scenes: Scenes) -> bytes:
    members = {f"{name}.{role}.png": data for name, views in scenes.items() for role, data in views.items()}
    return write_tar(path, members).read_bytes()


def drop(place: Path, name: str, data: bytes) -> None:
    (place / name).write_bytes(data)


def test_a_shard_is_read_when_it_is_complete_and_at_rest(tmp_path: Path, place: Path, scenes: Scenes) -> None:
    data, watcher = shard(tmp_path / "s.tar", scenes), Watcher(place)
    assert watcher.at(0) == []
    for time, share in ((1, 0.3), (7, 0.6), (13, 0.9)):  # each piece rests for longer than it takes to settle
        drop(place, "s.tar", data[: int(share * len(data.rstrip(b"\0")))])
        assert watcher.at(time) == watcher.at(time + 5.5) == []
        assert "no end mark" in watcher.arrivals.waiting.incomplete["s.tar"]
    drop(place, "s.tar", data)
    assert watcher.at(20) == []
    assert watcher.arrivals.waiting.unsettled == 1
    assert watcher.at(21) == []
    assert names(watcher.at(26)) == list(scenes)
    assert watcher.at(27) == watcher.at(100) == []


def test_a_shard_without_end_fails_alone_and_is_taken_when_it_is_replaced(tmp_path: Path, place: Path, scenes: Scenes) -> None:
    data = shard(tmp_path / "s.tar", scenes)
    drop(place, "s.tar", data.rstrip(b"\0")[:-100])
    write_folders(place, {"beside": scenes["scene-000"]})
    watcher = Watcher(place)
    assert watcher.at(0) == []
    assert names(watcher.at(5)) == ["beside"]
    (failure,) = watcher.at(60)
    assert (failure.scene_id, failure.stage) == ("s.tar", "find")  # type: ignore[union-attr]
    watcher.done["s.tar"] = finished(failure)
    assert watcher.at(61) == []
    drop(place, "s.tar", data)
    assert watcher.at(62) == watcher.at(63) == []
    assert names(watcher.at(68)) == list(scenes)
    assert mended(watcher.place.look(watcher.done), watcher.done) == ["s.tar"]


def test_a_damaged_shard_gives_no_scene_but_a_failure(tmp_path: Path, place: Path, scenes: Scenes) -> None:
    data = bytearray(shard(tmp_path / "s.tar", scenes))
    second = data.index(b"scene-001")
    data[second : second + 20] = b"x" * 20
    drop(place, "s.tar", bytes(data))
    watcher = Watcher(place)
    assert watcher.at(0) == []
    (failure,) = watcher.at(5)
    assert failure.scene_id == "s.tar"
    assert "not a tar, or it is damaged" in failure.message  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["m.csv", "m.parquet", "m.jsonl"])
def test_a_manifest_is_read_when_it_is_at_rest(tmp_path: Path, place: Path, scenes: Scenes, name: str) -> None:
    data = write_manifest(tmp_path, scenes, name).read_bytes()
    watcher = Watcher(place)
    assert watcher.at(0) == []
    drop(place, name, data[: len(data) // 2])
    assert watcher.at(1) == []
    drop(place, name, data)
    assert watcher.at(2) == watcher.at(3) == []
    waiting = watcher.arrivals.waiting.incomplete
    assert "picture of row m" in waiting["scene-000"], "its pictures have not come"
    shutil.copytree(tmp_path / "pictures", place / "pictures")
    assert watcher.at(9) == []
    ready = watcher.at(14)
    assert names(ready) == list(scenes), "the folders of the pictures are no scenes beside those of the manifest"
    assert {item.subset for item in ready} == {"test"}
    assert watcher.at(15) == []


def test_a_row_that_is_broken_fails_until_the_manifest_is_replaced(tmp_path: Path, place: Path, scenes: Scenes) -> None:
    manifest = write_manifest(place, scenes, "m.jsonl")
    good = manifest.read_text()
    manifest.write_text(good + "{no json\n")
    watcher = Watcher(place)
    assert watcher.at(0) == []
    *_, failure = watcher.at(5)
    assert failure.scene_id == "m.jsonl:4"
    watcher.done |= {name: Done("done") for name in scenes} | {failure.scene_id: finished(failure)}
    manifest.write_text(good)
    watcher.at(6)
    watcher.at(7)
    assert mended(watcher.place.look(watcher.done), watcher.done) == [failure.scene_id]


def test_tables_of_other_things_are_left_out(place: Path, scenes: Scenes) -> None:
    write_folders(place, scenes)
    (place / "notes.csv").write_text("camera,lens\nPixel,wide\n")
    (place / "index").mkdir()
    (place / "index" / "part.parquet").write_bytes(b"of shards")
    watcher = Watcher(place)
    watcher.at(0)
    assert names(watcher.at(5)) == list(scenes)
    assert "2 tables" in watcher.arrivals.waiting.left_out


def test_only_the_layout_that_is_asked_for(tmp_path: Path, place: Path, scenes: Scenes) -> None:
    write_folders(place, {"folder": scenes["scene-000"]})
    shard(place / "s.tar", {"shard": scenes["scene-001"]})
    write_manifest(tmp_path, {"row": scenes["scene-002"]}, "m.csv")
    shutil.copytree(tmp_path / "pictures", tmp_path / "elsewhere")
    line = json.dumps({"id": "row", **{side: f"{tmp_path}/elsewhere/row/{side}.png" for side in ("left", "right")}})
    (place / "m.jsonl").write_text(line)
    for layout, expected in {
        "auto": ["folder", "row", "shard"],
        "folders": ["folder"],
        "shards": ["shard"],
        "manifest": ["row"],
    }.items():
        found = WatchedPlace(str(place), layout).look().found
        assert [scene.scene_id for scene in found.scenes] == expected
        assert not found.failures
