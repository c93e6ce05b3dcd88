"""What finding and packing promise for every input, not only for the ones we thought of."""

from __future__ import annotations

import io
import tarfile
from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpdeblur.transforms.layouts import check_scene_id, find_in_listing
from dpdeblur.transforms.layouts.ids import printable
from dpdeblur.transforms.records import Scene, SceneError, Source, UsageError
from dpdeblur.transforms.shards.shard_plan import ShardPlan, assign, views
from dpdeblur.transforms.shards.tar_scan import scan
from dpdeblur.transforms.shards.tar_shards import TarWriter, tar_size
from dpdeblur.transforms.storage.listing import Listing
from dpdeblur.transforms.storage.uris import folded
from dpdeblur.transforms.storage.walk import File
from tests.builders import ROLES

PARTS = st.text(st.sampled_from("ab1_.- \n\\é\udc80"), min_size=1, max_size=4).filter(lambda part: not part.startswith("."))
NAMES = st.sampled_from(
    ["left.png", "right.png", "L.tif", "r.JPG", "combined.png", "g.png", "target.png", "x_l.png", "x_r.png", "note.txt"]
)
PATHS = st.builds(lambda folders, name: "/".join([*folders, name]), st.lists(PARTS, max_size=3), NAMES)
STEMS = st.text(st.sampled_from("0123456789Aab"), min_size=1, max_size=6)


def listing(paths: Iterable[str]) -> Listing:
    return Listing(tuple(File(path, Source(f"/src/{path}", None, 10, "1")) for path in sorted(paths)))


@given(st.sets(PATHS, max_size=12), st.sampled_from(["folders", "ntire", "auto"]))
def test_found_scenes_are_whole_safe_and_told_apart(paths: set[str], layout: str) -> None:
    try:
        found = find_in_listing("/src", listing(paths), layout)
    except UsageError as error:
        assert str(error).isprintable()
        return
    ids = [scene.scene_id for scene in found.scenes] + [failure.scene_id for failure in found.failures]
    assert len(ids) == len(set(ids))
    assert [scene.scene_id for scene in found.scenes] == sorted(scene.scene_id for scene in found.scenes)
    used = [source.uri for scene in found.scenes for _, source in views(scene)]
    assert len(used) == len(set(used))
    for scene in found.scenes:
        assert check_scene_id(scene.scene_id) == scene.scene_id
        assert len({PurePosixPath(source.uri).parent for _, source in views(scene)}) == 1
    for failure in found.failures:
        assert failure.scene_id.isprintable() and failure.message.isprintable() and failure.uri.isprintable()
        assert (failure.scene_id + failure.message + failure.uri).encode()


@given(st.text(max_size=250))
def test_an_id_that_passes_stays_in_its_folder(text: str) -> None:
    try:
        name = check_scene_id(text)
    except SceneError as error:
        assert str(error).isprintable()
        return
    path = PurePosixPath("/run/images", f"{name}.png")
    assert path.parent == PurePosixPath("/run/images")
    assert ".." not in path.parts
    assert len(path.name.encode()) < 255
    assert printable(name) == name


@given(st.dictionaries(STEMS, STEMS, min_size=1, max_size=8), st.permutations(["c", "l", "r"]), st.booleans())
def test_dpdd_pairs_by_rank_whatever_the_names(pairs: dict[str, str], _: object, with_combined: bool) -> None:
    stems, targets = sorted(pairs), sorted(f"T{stem}" for stem in pairs.values())
    paths = [f"test_{view}/source/{stem}_{view.upper()}.png" for view in "lr" for stem in stems]
    if with_combined:
        paths += [f"test_c/source/{stem}.png" for stem in stems]
    paths += [f"test_c/target/{target}.png" for target in set(targets)]
    if len(set(targets)) != len(stems):
        with pytest.raises(UsageError, match=f"test_l/source {len(stems)}.*test_c/target {len(set(targets))}"):
            find_in_listing("/src", listing(paths))
        return
    found = find_in_listing("/src", listing(paths))
    times = Counter(map(folded, stems))
    assert [(s.scene_id, PurePosixPath(s.target.uri).stem) for s in found.scenes if s.target] == [
        (stem, target) for stem, target in zip(stems, targets, strict=True) if times[folded(stem)] == 1
    ]
    assert [failure.scene_id for failure in found.failures] == [stem for stem in stems if times[folded(stem)] > 1]
    for scene in found.scenes:
        assert PurePosixPath(scene.left.uri).stem == f"{scene.scene_id}_L"
        assert PurePosixPath(scene.right.uri).stem == f"{scene.scene_id}_R"
        assert (scene.combined is not None) == with_combined


SIZES = st.lists(st.one_of(st.none(), st.integers(0, 10**6)), max_size=30)


@given(SIZES, st.integers(1, 5 * 10**6))
def test_every_scene_goes_into_one_shard_in_order_and_no_shard_is_too_large(sizes: list[int], limit: int) -> None:
    scenes = [Scene(f"{n}", Source("l", size=size), Source("r", size=size), subset="é") for n, size in enumerate(sizes)]
    plans = list(assign(scenes, limit))
    assert [scene for plan in plans for scene in plan.scenes] == scenes
    assert [plan.shard for plan in plans] == [f"shard-{n:06d}.tar" for n in range(len(plans))]
    for plan in plans:
        known = [source.size for scene in plan.scenes for _, source in views(scene) if source.size is not None]
        assert len(plan.scenes) == 1 or sum(map(tar_size, known)) <= limit
        assert ShardPlan.from_line(plan.to_line()) == plan


def content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    stream = tar.extractfile(member)
    assert stream is not None
    return stream.read()


MEMBERS = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=150), st.binary(max_size=1500), max_size=6
)


@given(MEMBERS)
def test_tars_are_read_back_by_our_reader_and_by_the_standard_one(members: dict[str, bytes]) -> None:
    members = {
        f"{name.strip('/')}.{role}": data for (name, data), role in zip(members.items(), [*ROLES, "x", "y"], strict=False)
    }
    stream = io.BytesIO()
    writer = TarWriter(stream)
    offsets = {name: writer.add(name, data) for name, data in members.items()}
    writer.close()
    data = stream.getvalue()
    ours = list(scan(io.BytesIO(data), len(data)))
    assert [(entry.name, entry.offset, entry.size, entry.problem) for entry in ours] == [
        (name, offsets[name], len(members[name]), "") for name in members
    ]
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert [(member.name, content(tar, member)) for member in tar] == list(members.items())
