"""Scenes found bucket by bucket are those found at once, in every layout and with whatever lies between them."""

from __future__ import annotations

import csv
import random
import tempfile
from collections import Counter
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dpdeblur.transforms.finding import gather
from dpdeblur.transforms.finding.collection import BucketScenes, Collection
from dpdeblur.transforms.layouts import Found, find_scenes
from dpdeblur.transforms.layouts.candidates import CandidateScene
from dpdeblur.transforms.layouts.slips import Slips, Views, views_of
from dpdeblur.transforms.records import Scene, Source, UsageError
from dpdeblur.transforms.storage.listing import Listing
from dpdeblur.transforms.storage.walk import ClosedFolder, File, SkippedEntry
from tests.builders import WRITERS, make_scenes
from tests.transforms.layouts.test_left_out import PATHS as LEFT_OUT_PATHS

PARTS = st.sampled_from(["a", "b", "test", "test_l", "test_r", "test_c", "source", "target", "inputL", "inputR", "index", "é"])
NAMES = st.sampled_from(
    [
        "left.png",
        "right.png",
        "L.tif",
        "r.JPG",
        "g.png",
        "x_l.png",
        "x_r.png",
        "y_l.png",
        "1.png",
        "2.png",
        "note.txt",
        "z.gz",
        "link",
        "a__b",
        "left.webp",
        "R.bmp",
        "y_r.heic",
    ]
)
PATHS = st.builds(lambda folders, name: "/".join([*folders, name]), st.lists(PARTS, max_size=3), NAMES) | LEFT_OUT_PATHS


def scenes_of(collection: Collection, buckets: int) -> Found:
    """All that a collection holds, as if it had been found at once."""
    parts = [collection.bucket(number, buckets) for number in range(buckets)]
    scenes = sorted((scene for part in parts for scene in part.scenes), key=lambda scene: scene.scene_id)
    failures = sorted((failure for part in parts for failure in part.failures), key=lambda failure: failure.scene_id)
    unselected = frozenset().union(*(part.unselected for part in parts))
    return Found(
        collection.source, collection.layout, tuple(scenes), tuple(failures), 0, collection.left_out, collection.remarks,
        unselected=unselected,
    )  # fmt: skip


def assert_same(collection: Collection, found: Found, buckets: int) -> None:
    gathered = scenes_of(collection, buckets)
    for name in ("layout", "scenes", "remarks"):
        assert getattr(gathered, name) == getattr(found, name), name
    assert [(row.scene_id, row.message, row.uri) for row in gathered.failures] == [
        (row.scene_id, row.message, row.uri) for row in found.failures
    ]
    assert [(kind.kind, kind.detail, kind.count) for kind in gathered.left_out] == [
        (kind.kind, kind.detail, kind.count) for kind in found.left_out
    ]
    assert (collection.scenes, collection.failures) == (len(found.scenes), len(found.failures))
    assert collection.first == list(found.scenes[:3])
    assert [row.scene_id for row in collection.first_failures] == [row.scene_id for row in found.failures[:3]]


def outcome_of(listing: Listing, layout: str, at_once: int) -> tuple[Found | str, Collection | str]:
    """What is found at once, and bucket by bucket; or the error."""
    entries = [*listing.files, *listing.closed, *listing.skipped]
    random.Random(len(entries)).shuffle(entries)
    results: list[Found | Collection | str] = []
    with (
        mock.patch.object(gather, "walk_place", lambda _: iter(entries)),
        mock.patch("dpdeblur.transforms.finding.layout_counts.list_place", lambda _: listing),
        mock.patch("dpdeblur.transforms.layouts.find.list_place", lambda _: listing),
        mock.patch.multiple(gather, FILES_AT_ONCE=at_once, SCENES_AT_ONCE=at_once),
    ):
        for find in (find_scenes, gather.gather):
            try:
                results.append(find("/src", layout))
            except UsageError as error:
                results.append(str(error))
    return results[0], results[1]  # type: ignore[return-value]


@given(
    st.sets(PATHS, max_size=14),
    st.sets(PATHS, max_size=3),
    st.sampled_from(["auto", "auto", "folders", "dpdd", "restormer", "ntire"]),
    st.sampled_from([1, 3, 1000]),
)
def test_a_tree_gives_the_same_in_one_pass_and_by_bucket(paths: set[str], dead: set[str], layout: str, at_once: int) -> None:
    files = [File(path, Source(f"/src/{path}", None, 10, "1")) for path in paths - dead]
    files += [File(path, Source(f"/src/{path}"), "it is a link without content") for path in dead]
    listing = Listing(
        tuple(sorted(files, key=lambda file: file.path)), (ClosedFolder("away", "denied"),), (SkippedEntry(".x", "hidden"),)
    )
    found, gathered = outcome_of(listing, layout, at_once)
    if isinstance(found, str):
        assert isinstance(gathered, str)
        assert gathered == found
    else:
        assert isinstance(gathered, Collection), gathered
        assert_same(gathered, found, 4)


@pytest.mark.parametrize("layout", [*WRITERS])
@pytest.mark.parametrize("at_once", [2, 1000])
def test_every_layout(tmp_path: Path, layout: str, at_once: int) -> None:
    scenes = make_scenes(7, height=8, width=8)
    del scenes["scene-003"]["right"]
    if layout in ("dpdd", "restormer"):
        scenes.pop("scene-003")
    source = str(WRITERS[layout](tmp_path / layout, scenes))
    with mock.patch.multiple(gather, FILES_AT_ONCE=at_once, SCENES_AT_ONCE=at_once):
        assert_same(gather.gather(source), find_scenes(source), 2)


@given(
    st.lists(st.tuples(st.sampled_from("abcdA"), st.sampled_from("xyz"), st.sampled_from("xyz")), min_size=1, max_size=12),
    st.booleans(),
)
@example([("c", "x", "z"), ("c", "z", "x"), ("a", "x", "x"), ("a", "x", "x"), ("a", "z", "z")], False)  # two remarks on a row
def test_rows_of_a_manifest(rows: list[tuple[str, str, str]], restored: bool) -> None:
    """Ids and files come twice; one file has two roles. Files in a store are not looked up. Restored pictures may be named."""
    text = "id,left,right,restored\n" + "".join(f"{name},s3://b/{left},s3://b/{right},s3://b/r\n" for name, left, right in rows)
    path = Path("m.csv")
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.chdir(folder)
        path.write_text(text)
        found = find_scenes(f"{folder}/m.csv", restored=restored)
        with mock.patch.multiple(gather, SCENES_AT_ONCE=1):
            gathered = scenes_of(gather.gather(f"{folder}/m.csv", restored=restored), 2)
    assert gathered.scenes == found.scenes
    assert [(row.scene_id, row.message) for row in gathered.failures] == [(row.scene_id, row.message) for row in found.failures]
    assert gathered.remarks == found.remarks


ODD_IDS = st.sampled_from(["a", "b", "é", "a.b", "a/b", "", " ", "x" * 60, "é" * 120, "x" * 201, "\x07"])
FILES = ("1.png", "2.png", "in/3.png")
ODD_FILES = ("./1.png", "in/../1.png", "gone.png", "in", "", "1\x07.png", "s3://b/k", "FOLDER/1.png", "y" * 5000)
ODD_PATHS = st.sampled_from([*FILES, *ODD_FILES])
ODD_ROWS = st.tuples(ODD_IDS, ODD_PATHS, ODD_PATHS, ODD_PATHS, st.sampled_from(["", "test", "t\\x"]))


@given(st.lists(ODD_ROWS, min_size=1, max_size=8))
def test_rows_of_a_manifest_with_files_of_this_machine(rows: list[tuple[str, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "in").mkdir()
        for name in FILES:
            Path(folder, name).touch()
        with Path(folder, "m.csv").open("w", newline="") as stream:
            table = csv.writer(stream)
            table.writerow(["id", "left", "right", "target", "subset"])
            table.writerows([text.replace("FOLDER", folder) for text in row] for row in rows)
        found = find_scenes(f"{folder}/m.csv")
        with mock.patch.multiple(gather, SCENES_AT_ONCE=3):
            collection = gather.gather(f"{folder}/m.csv")
    assert_same(collection, found, 2)
    assert collection.subsets == Counter(scene.subset for scene in found.scenes if scene.subset)
    assert collection.with_role["target"] == sum(scene.target is not None for scene in found.scenes)


@given(st.sets(st.text(st.characters(codec="utf-8"), min_size=1, max_size=3), max_size=40), st.sampled_from([1, 3, 1000]))
def test_scenes_come_in_the_order_of_their_ids(names: set[str], at_once: int) -> None:
    gathered = Collection("/src", "folders")
    for name in names:
        gathered.add(BucketScenes.of([Scene(name, Source("l"), Source("r"))]))
    with mock.patch("dpdeblur.transforms.finding.collection.SCENES_AT_ONCE", at_once):
        assert [scene.scene_id for scene in gathered.in_order()] == sorted(names)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), min_size=1, max_size=12), st.sampled_from([1, 4]))
def test_rows_with_a_view_of_another_row_are_counted_and_the_first_named(rows: list[tuple[str, str]], buckets: int) -> None:
    found = [CandidateScene(f"s{number}", f"m.csv:{number}") for number in range(len(rows))]
    expected = []
    for place, role in enumerate(("left", "right")):
        first: dict[str, int] = {}
        named = []
        for number, row in enumerate(rows):
            found[number].add(role, File("", Source(row[place])))
            if first.setdefault(row[place], number) != number:
                named.append((number, f"s{first[row[place]]} and s{number}"))
        if named:
            shown = ", ".join(name for _, name in named[:3]) + (", …" if len(named) > 3 else "")
            count = f"{len(named)} row{'s' if len(named) > 1 else ''}"
            expected.append(f"{count} with the {role} view of another row: {shown}. Is that intended?")
    views: dict[int, list[Views]] = {}
    for number, candidate in enumerate(found):
        uris = {role: file.source.uri for role, (file,) in candidate.files.items()}
        for bucket, some in Views.of([*views_of(number, candidate.scene_id, uris)]).by_digest(buckets):
            views.setdefault(bucket, []).insert(0, some)
    slips = Slips()
    for parts in views.values():
        of_bucket = Slips()
        of_bucket.add_shared(parts)
        slips.merge(of_bucket)
    assert sorted(slips.remarks()) == sorted(expected)
