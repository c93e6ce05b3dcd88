"""Restored pictures under other people's names: the right scene or none, and what fits two is refused with both."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpdeblur.transforms.layouts import find_in_listing
from dpdeblur.transforms.layouts.restored import SUFFIXES, Matched, match_by_name, match_by_order
from dpdeblur.transforms.records import Scene, Source, UsageError
from dpdeblur.transforms.storage.listing import Listing
from dpdeblur.transforms.storage.walk import File


def files(*paths: str, root: str = "/in") -> tuple[File, ...]:
    return tuple(File(path, Source(f"{root}/{path}", None, 10, "1")) for path in sorted(paths))


def collection(layout: str, stems: list[str]) -> tuple[Scene, ...]:
    """Scenes of a layout; targets of DPDD are off by one, as in the original."""
    if layout == "folders":
        paths = [f"{stem}/{role}.png" for stem in stems for role in ("left", "right", "combined", "target")]
    elif layout == "ntire":
        paths = [f"{stem}_{letter}.png" for stem in stems for letter in "lrcg"]
    else:
        paths = [f"test_{view}/source/{stem}{end}.png" for view, end in (("l", "_L"), ("r", "_R"), ("c", "")) for stem in stems]
        paths += [f"test_c/target/T{stem}.png" for stem in stems]
    found = find_in_listing("/in", Listing(files(*paths)), layout)
    assert len(found.scenes) == len(stems)
    return found.scenes


def restored(matched: Matched) -> dict[str, str]:
    return {scene.scene_id: scene.restored.place for scene in matched.scenes if scene.restored}


STEMS = st.lists(st.text(st.sampled_from("0123456789AP"), min_size=3, max_size=8), min_size=1, max_size=6, unique=True)
NAMES: dict[str, Callable[[Scene], Source | None]] = {
    "left": lambda scene: scene.left,
    "right": lambda scene: scene.right,
    "combined": lambda scene: scene.combined,
    "target": lambda scene: scene.target,
}


@given(
    STEMS, st.sampled_from(["ntire", "dpdd"]), st.sampled_from(["id", *NAMES]), st.sampled_from(["", *SUFFIXES]), st.booleans()
)
def test_pictures_named_like_the_scene_or_one_of_its_files_are_found(
    stems: list[str], layout: str, like: str, suffix: str, in_folder: bool
) -> None:
    scenes = collection(layout, stems)

    def name(scene: Scene) -> str:
        source = NAMES[like](scene) if like != "id" else None
        return f"{'results/' if in_folder else ''}{PurePosixPath(source.uri).stem if source else scene.scene_id}{suffix}.jpg"

    expected = {scene.scene_id: name(scene) for scene in scenes}
    matched = match_by_name(scenes, files(*expected.values(), root="/out"))
    assert (restored(matched), matched.failures, matched.unused) == (expected, (), ())


@given(STEMS, st.sampled_from(list(NAMES)), st.sampled_from(["", "a/"]), st.integers(0, 5))
def test_files_named_alike_are_told_apart_by_their_folders(stems: list[str], role: str, above: str, missing: int) -> None:
    scenes = collection("folders", stems)
    expected = {scene.scene_id: f"{above}{scene.scene_id}/{role}.png" for scene in scenes[missing % len(stems) :]}
    matched = match_by_name(scenes, files(*expected.values(), root="/out"))
    assert restored(matched) == expected
    assert {failure.scene_id for failure in matched.failures} == {scene.scene_id for scene in scenes} - set(expected)


@given(STEMS, st.randoms(use_true_random=False))
def test_every_picture_is_one_scenes_or_nobodys(stems: list[str], rng: random.Random) -> None:
    scenes = collection(rng.choice(["folders", "ntire", "dpdd"]), stems)
    names = [f"{stem}{end}" for stem in [*stems, "left", "x"] for end in ("", "_g", "_L", "/left", "/out")]
    pictures = files(*(f"{name}.png" for name in rng.sample(names, min(len(names), rng.randrange(1, 8)))), root="/out")
    matched = match_by_name(scenes, pictures)
    used = list(restored(matched).values())
    assert sorted([*used, *matched.unused]) == [file.path for file in pictures]
    assert {scene.scene_id for scene in matched.scenes} | {f.scene_id for f in matched.failures} == {s.scene_id for s in scenes}


def test_a_picture_that_fits_several_scenes_is_refused_with_all_of_them() -> None:
    scenes = collection("folders", ["a", "b"])
    matched = match_by_name(scenes, files("combined.png", root="/out"))
    assert (matched.scenes, matched.unused) == ((), ("combined.png",))
    assert [failure.scene_id for failure in matched.failures] == ["a", "b"]
    for failure in matched.failures:
        assert "combined.png could be the restored picture of 2 scenes: a, b" in failure.message


def test_a_name_that_is_one_scenes_and_another_ones_targets_is_refused() -> None:
    def scene(name: str, target: str) -> Scene:
        left, right = (Source(f"/in/{name}_{side}.png", place=f"{name}_{side}.png") for side in "LR")
        return Scene(name, left, right, target=Source(f"/in/t/{target}.png", place=f"t/{target}.png"))

    scenes = [scene("0917", "0916"), scene("0916", "0915")]
    pictures = files("0916.png", root="/out")
    assert [f.scene_id for f in match_by_name(scenes, pictures).failures] == ["0917", "0916"]
    assert restored(match_by_name(scenes, pictures, ids_only=True)) == {"0916": "0916.png"}


def test_several_pictures_for_one_scene_are_refused() -> None:
    matched = match_by_name(collection("ntire", ["1"]), files("1.png", "1_g.png", root="/out"))
    assert "2 pictures could be its restored picture: 1.png, 1_g.png" in matched.failures[0].message


def test_a_folder_for_each_scene_with_one_picture_of_any_name() -> None:
    scenes = collection("ntire", ["1", "2"])
    matched = match_by_name(scenes, files("1/out.png", "2/out.png", "2/other.png", root="/out"))
    assert restored(matched) == {"1": "1/out.png"}


@given(st.integers(1, 30), st.randoms(use_true_random=False))
def test_by_order_the_nth_picture_is_the_nth_scenes(count: int, rng: random.Random) -> None:
    scenes = collection("ntire", [f"s{number}" for number in range(count)])
    numbers = sorted(rng.sample(range(1000), count))
    matched = match_by_order(scenes, (), files(*(f"out/{number}.png" for number in numbers), root="/out"))
    assert restored(matched) == {f"s{number}": f"out/{name}.png" for number, name in enumerate(numbers)}
    assert f"out/{numbers[0]}.png is s0" in matched.remarks[0]


def test_by_order_counts_must_agree_and_broken_scenes_keep_their_place() -> None:
    scenes = collection("ntire", ["1", "3"])
    with pytest.raises(UsageError, match="3 pictures and 2 scenes"):
        match_by_order(scenes, (), files("a.png", "b.png", "c.png"))
    assert restored(match_by_order(scenes, ("2",), files("a.png", "b.png", "c.png"))) == {"1": "a.png", "3": "c.png"}


def test_a_dead_link_among_the_pictures_is_its_scenes_failure() -> None:
    scenes = collection("ntire", ["1"])
    dead = File("1.png", Source("/out/1.png"), "it is a link without content: /x does not exist")
    for matched in (match_by_name(scenes, [dead]), match_by_order(scenes, (), [dead])):
        assert "cannot be used: it is a link without content" in matched.failures[0].message
        assert matched.failures[0].uri == "/out/1.png"
