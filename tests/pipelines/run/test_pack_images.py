"""The pictures of a run into shards: whatever was there before, and wherever it is cut short, each ends in one shard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpdeblur.pipelines.cli import main
from dpdeblur.pipelines.run import pack_images
from dpdeblur.pipelines.run.pack_images import plan
from dpdeblur.transforms.records import Member, Source
from dpdeblur.transforms.storage import store
from tests import builders

NAMES = st.sampled_from("abcdef")
MEMBERS = st.lists(st.tuples(NAMES, st.integers(0, 3)), unique=True)


def member(name: str, shard: int) -> Member:
    return Member(
        shard=f"shard-{shard:06d}.tar", scene_id=name, subset="", role="restored", offset=512, size=9, sha256=f"{name}{shard}"
    )


@given(rows=st.sets(NAMES), files=st.sets(NAMES), members=MEMBERS, lost=st.sets(st.integers(0, 3)))
def test_each_picture_ends_in_one_shard(
    rows: set[str], files: set[str], members: list[tuple[str, int]], lost: set[int]
) -> None:
    index = [member(*one) for one in members]
    gone = {f"shard-{number:06d}.tar" for number in lost}
    change = plan(dict.fromkeys(rows, ""), {name: Source(f"/images/{name}.png") for name in files}, index, gone, "/images")
    packed = [scene.scene_id for scene in change.scenes]
    stay = [one.scene_id for one in index if one.shard not in change.stale]
    there = {one.scene_id for one in index if one.shard not in gone} | files
    assert sorted(packed + stay) == sorted(rows & there), "each picture of a row once, and none without one"
    assert gone & {one.shard for one in index} <= change.stale
    assert all(one.shard < f"shard-{change.first:06d}.tar" for one in index)
    for scene in change.scenes:
        assert scene.restored is not None
        assert (scene.restored.offset is None) == (scene.scene_id in files), "a file is newer than what is in a shard"
        assert Path(scene.restored.uri).name not in gone


@pytest.mark.parametrize("step", ["before packing", "before the index", "before the files go"])
def test_cut_short_at_any_step_no_picture_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    scenes = builders.make_scenes(3, roles=("left", "right"), height=8, width=8)
    source, run = builders.write_folders(tmp_path / "s", scenes), tmp_path / "run"
    command = ["deblur", "--input", str(source), "--output", str(run), "--model", "views-mean", "--quiet"]
    command += ["--images", "shards", "--shard-size", "3KB"]
    assert main(command) == 0
    (source / "scene-000/left.png").write_bytes(scenes["scene-001"]["left"])  # to be made anew
    delete = store.delete

    def cut_short(*_: object) -> None:
        raise OSError("cut short")

    def delete_no_picture(uris: Sequence[str]) -> None:
        if any(uri.endswith(".png") for uri in uris):
            raise OSError("cut short")
        delete(uris)

    with monkeypatch.context() as broken:
        match step:
            case "before packing":
                broken.setattr(pack_images, "assign", cut_short)
            case "before the index":
                broken.setattr(pack_images, "write_table", cut_short)
            case _:
                broken.setattr(store, "delete", delete_no_picture)
        assert main(command) == 1
    assert main(command) == 0
    index = pq.read_table(run / "images/index").to_pylist()
    assert sorted(row["scene_id"] for row in index) == sorted(scenes)
    assert {row["shard"] for row in index} == {path.name for path in (run / "images").glob("*.tar")}
    assert not list((run / "images").glob("*.png"))
