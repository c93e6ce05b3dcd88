"""Nothing vanishes: every file of a place is a scene's, or a failure's, or counted among those left out."""

from __future__ import annotations

import gzip
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpdeblur.transforms.finding.gather import gather
from dpdeblur.transforms.layouts import Found, find_in_listing, find_scenes
from dpdeblur.transforms.layouts.left_out import MAX_EXAMPLES, sentence
from dpdeblur.transforms.layouts.reading import the_reading, unused
from dpdeblur.transforms.records import Source, UsageError
from dpdeblur.transforms.shards.shard_plan import views
from dpdeblur.transforms.storage.listing import Listing
from dpdeblur.transforms.storage.walk import ClosedFolder, File
from tests.builders import make_scenes, write_dpdd, write_file, write_folders, write_ntire, write_tar


def listing(*paths: str, dead: tuple[str, ...] = (), closed: tuple[str, ...] = ()) -> Listing:
    files = [File(path, Source(f"/src/{path}", None, 10, "1")) for path in paths]
    files += [File(path, Source(f"/src/{path}"), "it is a link without content: x is not there") for path in dead]
    folders = tuple(ClosedFolder(path, "Permission denied") for path in closed)
    return Listing(tuple(sorted(files, key=lambda file: file.path)), folders)


def kinds(found: Found) -> dict[str, int]:
    return {f"{kind.kind} {kind.detail}".rstrip(): kind.count for kind in found.left_out}


NAMES = st.sampled_from(
    [
        "left.png",
        "right.png",
        "target.tif",
        "x_l.png",
        "x_r.png",
        "b_left.png",
        "IMG.CR2",
        "a.MOV",
        "notes.txt",
        "m.csv",
        "x.heic",
        "left.webp",
        "R.bmp",
        "x_l.heic",
    ]
)
PATHS = st.builds(lambda folder, name: f"{folder}/{name}" if folder else name, st.sampled_from(["", "a", "a/b", "c.d"]), NAMES)
LINKS = st.sampled_from(["link", "a/link", "a__b"])  # that may have led to folders; the last has the name of a scene


@given(st.sets(PATHS, max_size=15), st.sets(PATHS | LINKS, max_size=4), st.sampled_from(["folders", "ntire", "auto"]))
def test_every_file_is_a_scenes_a_failures_or_left_out(paths: set[str], dead: set[str], layout: str) -> None:
    place = listing(*(paths - dead), dead=tuple(dead))
    try:
        found, reading = find_in_listing("/src", place, layout), the_reading("/src", place, layout)
    except UsageError:
        return
    used = [source.uri.removeprefix("/src/") for scene in found.scenes for _, source in views(scene)]
    failed = {failure.scene_id for failure in found.failures}
    of_failures = [
        file.path
        for candidate in reading.candidates
        if candidate.scene_id in failed
        for files in candidate.files.values()
        for file in files
    ]
    of_failures += [candidate.place for candidate in reading.candidates if not candidate.files]
    left_out = [path for path, _ in unused(place, reading)]
    assert sorted([*used, *of_failures, *left_out]) == [file.path for file in place.files]
    assert sum(kinds(found).values()) == len(left_out)
    assert not set(used) & dead, "a link without content is no picture"
    for kind in found.left_out:
        assert len(kind.examples) == min(kind.count, MAX_EXAMPLES)


def test_the_kinds_and_the_line_that_is_printed() -> None:
    found = find_in_listing(
        "/src",
        listing("a/left.png", "a/right.png", "b/b_left.png", "b/b_right.png", *(f"r/{n}.CR3" for n in range(9)), "v.mp4"),
    )
    assert kinds(found) == {"raw file": 9, "picture of no scene": 2, "video": 1}
    assert sentence(found.left_out) == (
        "12 files left out: 9 raw files (such as r/0.CR3), 2 pictures of no scene (such as b/b_left.png), "
        "1 video (such as v.mp4); see plan --explain"
    )
    assert sentence(()) == ""


def test_what_synthesize_writes_beside_the_views_is_not_left_out() -> None:
    found = find_in_listing("/src", listing("a/left.png", "a/right.png", "a/scene.json", "a/radius.tiff"))
    assert found.left_out == ()


@pytest.mark.parametrize("role", ["left", "right", "combined", "target"])
def test_a_dead_link_is_its_scenes_failure(tmp_path: Path, role: str) -> None:
    place = write_folders(tmp_path / "in", make_scenes(3))
    (place / f"scene-001/{role}.png").unlink()
    (place / f"scene-001/{role}.png").symlink_to(tmp_path / "unmounted/x.png")
    found = find_scenes(str(place))
    assert [scene.scene_id for scene in found.scenes] == ["scene-000", "scene-002"]
    (failure,) = found.failures
    assert failure.scene_id == "scene-001"
    assert f"{role} picture cannot be used: it is a link without content" in failure.message
    assert failure.uri == str(place / f"scene-001/{role}.png")
    assert found.incomplete == {"scene-001"}


def test_dead_links_keep_their_rank_where_pictures_are_paired_by_order(tmp_path: Path) -> None:
    root = write_dpdd(tmp_path, make_scenes(3))
    target = sorted((root / "test_c/target").iterdir())[1]
    target.unlink()
    target.symlink_to(tmp_path / "unmounted")
    found = find_scenes(str(root))
    assert [(scene.scene_id, Path(scene.target.uri).stem) for scene in found.scenes if scene.target] == [
        ("scene-000", "T0000"),
        ("scene-002", "T0002"),
    ]
    assert [failure.scene_id for failure in found.failures] == ["scene-001"]


def test_a_dead_link_to_a_folder_is_a_failure_of_its_name(tmp_path: Path) -> None:
    place = write_folders(tmp_path / "in", make_scenes(1))
    (place / "session-2").symlink_to(tmp_path / "unmounted")
    found = find_scenes(str(place))
    assert [(failure.scene_id, "does not exist" in failure.message) for failure in found.failures] == [("session-2", True)]


def test_a_folder_that_cannot_be_listed_costs_its_own_scenes_only() -> None:
    found = find_in_listing("/src", listing("a/left.png", "a/right.png", closed=("test/b",)))
    assert [scene.scene_id for scene in found.scenes] == ["a"]
    assert [(f.scene_id, f.subset, f.message) for f in found.failures] == [
        ("test__b", "test", "The folder cannot be listed: Permission denied.")
    ]
    with pytest.raises(UsageError, match="locked cannot be listed: Permission denied"):
        find_in_listing("/src", listing(closed=("locked",)))


@pytest.mark.parametrize("closed", ["train_r", "train_r/source", "train_c"])
def test_pictures_are_not_paired_by_order_with_a_folder_that_cannot_be_listed(closed: str) -> None:
    whole = [f"test_{v}/source/{n}_{v}.png" for v in "lr" for n in "ab"]
    part = [f"train_l/source/{n}_l.png" for n in "cde"]
    if closed == "train_c":
        part += [f"train_r/source/{n}_r.png" for n in "cde"]
    found = find_in_listing("/src", listing(*whole, *part, closed=(closed,)))
    assert [scene.scene_id for scene in found.scenes] == ["a", "b"]
    assert [failure.scene_id for failure in found.failures] == ["c", "d", "e", closed.replace("/", "__")]
    assert all(f"{closed} cannot be listed" in failure.message for failure in found.failures[:3])


def test_members_of_shards_that_fit_no_scene_are_counted(tmp_path: Path) -> None:
    views = {f"{key}.{role}.png": b"x" for key in ("f4_0", "f1.8_1", "f1.8_2") for role in ("left", "right")}
    write_tar(tmp_path / "a.tar", {**views, "f4_0.json": b"{}", "f4_0.radius.tiff": b"x", "notes.txt": b"x"})
    write_tar(tmp_path / "captions.tar", {"1.txt": b"x", "2.txt": b"x"})
    write_tar(tmp_path / "empty.tar", {})
    found = find_scenes(str(tmp_path))
    assert [scene.scene_id for scene in found.scenes] == ["f4_0"]
    assert kinds(found) == {"shard member of no scene": 5, "tar without a scene": 2}
    assert found.left_out[0].examples[0] == "a.tar: f1.8_1.left.png"


@pytest.mark.parametrize("name", ["b.tgz", "b.tar.gz", "b.tar"])
def test_compressed_tars_are_refused_by_name(tmp_path: Path, name: str) -> None:
    write_tar(tmp_path / "a.tar", {f"1.{role}.png": b"x" for role in ("left", "right")})
    other = write_tar(tmp_path / "other", {f"2.{role}.png": b"x" for role in ("left", "right")})
    (tmp_path / name).write_bytes(gzip.compress(other.read_bytes()))
    other.unlink()
    found = find_scenes(str(tmp_path))
    assert [scene.scene_id for scene in found.scenes] == ["1"]
    (failure,) = found.failures
    assert failure.scene_id == name
    assert "compressed" in failure.message
    (tmp_path / "a.tar").unlink()
    if name != "b.tar":
        with pytest.raises(UsageError, match=f"{name} is a compressed"):
            find_scenes(str(tmp_path))
        with pytest.raises(UsageError, match="compressed archive"):
            find_scenes(str(tmp_path / name))


def test_what_is_given_for_a_tar_is_called_what_it_is(tmp_path: Path) -> None:
    for content, words in {
        b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 10\n": "Git LFS pointer",
        b"\n<!DOCTYPE html><html>": "web page",
        b"PK\x03\x04" + bytes(100): "zip archive",
    }.items():
        write_file(tmp_path / "x.tar", content)
        (failure,) = find_scenes(str(tmp_path / "x.tar")).failures
        assert words in failure.message


@pytest.mark.parametrize("find", [find_scenes, gather])
def test_a_scene_whose_pictures_are_all_in_a_format_that_is_not_read_is_a_failure(
    find: Callable[[str], Any], tmp_path: Path
) -> None:
    """Beside pictures that are read they may well be meant to be left out: thumbnails, for example."""
    place = write_folders(tmp_path, make_scenes(2))
    for name in ("scene-000/left.webp", "scene-000/right.webp", "other/left.webp", "other/right.webp", "other/x.webp"):
        write_file(place / name, b"RIFF")
    found = find(str(place))
    assert kinds(found) == {"picture in an unsupported format": 3}
    (failure,) = found.failures if isinstance(found, Found) else found.first_failures
    assert failure.scene_id == "other"
    assert "left picture cannot be used: webp is not a supported format: convert it" in failure.message
    assert failure.uri == str(place / "other/left.webp")


@pytest.mark.parametrize("find", [find_scenes, gather])
def test_a_view_that_is_a_folder_is_called_so(find: Callable[[str], Any], tmp_path: Path) -> None:
    place = write_folders(tmp_path, make_scenes(3))
    (place / "scene-001/left.png").unlink()
    (place / "scene-001/left.png").mkdir()
    (place / "scenes.png").mkdir()
    (place / "scene-002").rename(place / "scenes.png/scene-002")
    found = find(str(place))
    (failure,) = found.failures if isinstance(found, Found) else found.first_failures
    assert (failure.scene_id, failure.message) == ("scene-001", "The left picture cannot be used: it is a folder.")
    assert kinds(found) == {}
    assert len(found.scenes if isinstance(found, Found) else found.first) == 2


@pytest.mark.parametrize("find", [find_scenes, gather])
def test_a_tar_without_scenes_is_told_with_the_name_of_a_member(find: Callable[[str], Any], tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("scene-0000/left.png"))
    with pytest.raises(UsageError, match=r"Members of a\.tar belong to no scene: scene-0000/left\.png, for example"):
        find(str(tmp_path / "a.tar"))


def test_a_tar_beside_an_index_that_does_not_know_it_is_read_and_counted(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("folder/"))
    write_ntire(tmp_path / "flat", make_scenes(1))
    found = find_scenes(str(tmp_path))
    assert (found.layout, kinds(found)) == ("ntire", {"archive": 1})


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["IMG_1.CR2", "IMG_2.CR3", "x.jpg"], ["1 cr2, 1 cr3", "Raw files hold both views", "docs/how-to/canon.md"]),
        (["PXL.dng"], ["docs/how-to/pixel.md"]),
        (["IMG.HEIC", "b.webp"], ["converted|convert", "docs/how-to/canon.md"]),
        (["DSC_1.JPG", "DSC_2.JPG", "DSC_3.jpeg"], ["ordinary photographs", "docs/how-to/manifests.md"]),
    ],
)
def test_a_folder_of_photographs_gets_a_word_and_the_page_that_helps(names: list[str], words: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        find_in_listing("/src", listing(*names))
    for word in words:
        assert any(part in str(caught.value) for part in word.split("|"))
    assert "Expected for --layout" not in str(caught.value)
    with pytest.raises(UsageError, match="Expected for --layout dpdd"):
        find_in_listing("/src", listing(*names), "dpdd")
