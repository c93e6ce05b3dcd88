"""Finding scenes: every layout, what does not fit, and names that mean harm."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dpdeblur.transforms.layouts import LAYOUTS, check_scene_id, find_in_listing, find_scenes
from dpdeblur.transforms.layouts.ids import printable
from dpdeblur.transforms.records import Scene, SceneError, Source, UsageError
from dpdeblur.transforms.storage.listing import Listing, list_files
from dpdeblur.transforms.storage.walk import File
from tests.builders import ROLES, WRITERS, make_scenes, write_dpdd, write_file, write_folders, write_manifest, write_ntire

PAIRS = Path(__file__).parents[3].parent / "shared/facts/dpdd_pairs.csv"
REAL = Path(__file__).parents[3].parent / "shared/realdata"


def listing(*paths: str) -> Listing:
    return Listing(tuple(File(path, Source(f"/src/{path}", None, 10, "10-1")) for path in sorted(paths)))


def left_out_of(found: Any) -> dict[str, int]:
    return {f"{kind.kind} {kind.detail}".rstrip(): kind.count for kind in found.left_out}


def found_in(*paths: str, layout: str = "auto") -> Any:
    return find_in_listing("/src", listing(*paths), layout)


def paths_of(scene: Scene) -> dict[str, str]:
    sources = {role: getattr(scene, role) for role in ROLES}
    return {role: source.uri.removeprefix("/src/") for role, source in sources.items() if source}


@pytest.mark.parametrize("layout", WRITERS)
def test_every_layout_is_recognised_and_gives_back_the_pictures(tmp_path: Path, layout: str) -> None:
    scenes = make_scenes(3)
    source = WRITERS[layout](tmp_path, scenes)
    found = find_scenes(str(source))
    assert (found.layout, found.failures, left_out_of(found)) == (layout, (), {})
    assert [scene.scene_id for scene in found.scenes] == sorted(scenes)
    for scene in found.scenes:
        for role in ROLES:
            picture = getattr(scene, role)
            assert Path(picture.uri).read_bytes() == scenes[scene.scene_id][role]
            status = Path(picture.uri).stat()
            assert (picture.size, picture.stamp) == (status.st_size, f"{status.st_size}-{status.st_mtime_ns}")


@pytest.mark.parametrize("layout", WRITERS)
def test_combined_and_target_are_optional(tmp_path: Path, layout: str) -> None:
    found = find_scenes(str(WRITERS[layout](tmp_path, make_scenes(2, roles=("left", "right")))))
    assert [(scene.combined, scene.target) for scene in found.scenes] == [(None, None)] * 2


@pytest.mark.parametrize("extension", ["png", "PNG", "tif", "tiff", "jpg", "jpeg", "jxl"])
def test_every_format_that_is_read_is_found(extension: str) -> None:
    for layout, names in {
        "folders": ("a/left", "a/right"),
        "ntire": ("a_l", "a_r"),
        "restormer": ("inputL/a", "inputR/a"),
    }.items():
        found = found_in(*(f"{name}.{extension}" for name in names))
        assert (found.layout, [scene.scene_id for scene in found.scenes]) == (layout, ["a"])


def test_a_single_scene_folder_is_named_after_itself(tmp_path: Path) -> None:
    write_folders(tmp_path, make_scenes(1))
    assert [s.scene_id for s in find_scenes(str(tmp_path / "scene-000")).scenes] == ["scene-000"]
    assert [s.scene_id for s in find_scenes(str(tmp_path / "scene-000") + "/").scenes] == ["scene-000"]


def test_folders_at_any_depth_with_any_names_and_extensions() -> None:
    found = found_in("a/b.1/L.TIF", "a/b.1/r.tiff", "test/x/left.JPG", "test/x/Right.jpeg", "test/x/g.png", "test/x/notes.txt")
    assert [paths_of(scene) for scene in found.scenes] == [
        {"left": "a/b.1/L.TIF", "right": "a/b.1/r.tiff"},
        {"left": "test/x/left.JPG", "right": "test/x/Right.jpeg", "target": "test/x/g.png"},
    ]
    assert [(scene.scene_id, scene.subset) for scene in found.scenes] == [("a__b_1", ""), ("test__x", "test")]


def test_a_scene_with_a_missing_or_a_doubled_view_fails_alone() -> None:
    found = found_in("1/left.png", "1/right.png", "2/left.png", "3/l.png", "3/left.tif", "3/r.png", "4/target.png")
    assert [scene.scene_id for scene in found.scenes] == ["1"]
    assert [(f.scene_id, f.stage, f.error_type) for f in found.failures] == [(n, "find", "SceneError") for n in "234"]
    assert "right view is missing" in found.failures[0].message
    assert "/src/3/l.png, /src/3/left.tif" in found.failures[1].message


def test_two_places_of_one_id_are_refused() -> None:
    with pytest.raises(UsageError, match=r"a/1 and a__1 would both be scene a__1"):
        found_in("a/1/l.png", "a/1/r.png", "a__1/l.png", "a__1/r.png")


def test_two_fitting_layouts_are_refused_with_the_flag_that_decides() -> None:
    paths = ("1/left.png", "1/right.png", "0002_l.png", "0002_r.png")
    with pytest.raises(UsageError, match=r"folders .1 scene, 1.*ntire .1 scene, 0002.*--layout folders or --layout ntire"):
        found_in(*paths)
    assert [scene.scene_id for scene in found_in(*paths, layout="ntire").scenes] == ["0002"]


def test_nothing_fitting_says_what_is_there() -> None:
    with pytest.raises(UsageError, match=r"2 txt, 1 png \(for example a.txt\).*Expected"):
        found_in("a.txt", "b.txt", "x/photo.png")
    with pytest.raises(UsageError, match="no files"):
        found_in()
    with pytest.raises(UsageError, match=r"If list.csv is a manifest"):
        found_in("list.csv")
    with pytest.raises(UsageError, match=r"Expected for --layout dpdd: \{train"):
        found_in("1/left.png", "1/right.png", layout="dpdd")


def test_the_place_itself_may_be_wrong(tmp_path: Path) -> None:
    for source in (str(tmp_path / "none"), "", "nowhere://bucket/x", str(tmp_path / "none.csv"), str(tmp_path / "none.tar")):
        with pytest.raises(UsageError):
            find_scenes(source)
    with pytest.raises(UsageError, match="no layout 'dpd'"):
        find_scenes(str(tmp_path), "dpd")
    assert set(LAYOUTS) == {"folders", "dpdd", "restormer", "ntire", "manifest", "shards"}


def test_hidden_files_are_left_aside_and_links_are_followed_once(tmp_path: Path) -> None:
    real = write_folders(tmp_path / "elsewhere", make_scenes(1))
    source = tmp_path / "source"
    write_file(source / "1/left.png", b"x")
    write_file(source / "1/right.png", b"x")
    write_file(source / "1/._left.png", b"x")
    write_file(source / "__MACOSX/1/left.png", b"x")
    write_file(source / ".cache/2/left.png", b"x")
    write_file(source / "lost+found/3/left.png", b"x")
    (source / "linked").symlink_to(real)
    (source / "linked-back").symlink_to(source)
    (source / "broken.png").symlink_to(source / "none.png")
    os.mkfifo(source / "1/combined.png")
    assert [scene.scene_id for scene in find_scenes(str(source)).scenes] == ["1", "linked__scene-000"]


def test_a_folder_named_like_a_pattern(tmp_path: Path) -> None:
    source = write_folders(tmp_path / "a[1]*?", make_scenes(1))
    assert len(find_scenes(str(source)).scenes) == 1


# DPDD


def test_dpdd_pairs_the_whole_data_set_as_the_oracle_says() -> None:
    if not PAIRS.exists():
        pytest.skip("shared/facts/dpdd_pairs.csv is not here")
    with PAIRS.open() as stream:
        pairs = list(csv.DictReader(stream))
    tree = "dd_dp_dataset_canon"
    paths = []
    for pair in pairs:
        split, source = pair["split"], pair["source"]
        paths += [f"{tree}/{split}_{view}/source/{source}{end}.png" for view, end in (("c", ""), ("l", "_L"), ("r", "_R"))]
        paths.append(f"{tree}/{split}_c/target/{pair['target']}.png")
    found = found_in(*paths)
    assert (found.layout, len(found.scenes), found.failures, left_out_of(found)) == ("dpdd", 500, (), {})
    by_id = {scene.scene_id: scene for scene in found.scenes}
    for pair in pairs:
        scene = by_id[pair["source"]]
        assert scene.subset == pair["split"]
        assert Path(scene.target.uri).stem == pair["target"]
        assert [Path(s.uri).stem for s in (scene.left, scene.right, scene.combined)] == [
            pair["source"] + e for e in ("_L", "_R", "")
        ]


def test_dpdd_with_unequal_counts_says_which_folder_has_how_many(tmp_path: Path) -> None:
    root = write_dpdd(tmp_path, make_scenes(3))
    (root / "test_l/source/scene-001_L.png").unlink()
    with pytest.raises(
        UsageError, match=r"test_l/source 2, test_r/source 3, test_c/source 3, test_c/target 3.*test_l/source lacks scene-001"
    ):
        find_scenes(str(root))


def test_dpdd_with_views_that_disagree_is_refused() -> None:
    paths = [
        f"val_{v}/source/{n}_{v.upper()}.png" for v in "lr" for n in ("a", "b", "c") if (v, n) not in (("l", "a"), ("r", "c"))
    ]
    with pytest.raises(UsageError, match=r"val_l/source/b_L belongs to val_r/source/a_R.*lacks a.*lacks c"):
        found_in(*paths)


def test_dpdd_without_combined_pictures_or_targets() -> None:
    found = found_in("dd/val_l/source/a_L.png", "dd/val_r/source/a_R.png")
    assert [paths_of(scene) for scene in found.scenes] == [
        {"left": "dd/val_l/source/a_L.png", "right": "dd/val_r/source/a_R.png"}
    ]
    with pytest.raises(UsageError, match="the right views 0"):
        found_in("dd/val_l/source/a_L.png")


def test_two_dpdd_trees_with_the_same_scenes_are_refused() -> None:
    with pytest.raises(UsageError, match="would both be scene a"):
        found_in(*[f"{tree}/val_{v}/source/a_{v.upper()}.png" for tree in "xy" for v in "lr"])


# Restormer, NTIRE


def test_restormer_pairs_in_natural_order_within_each_subset() -> None:
    names = ("9", "10", "1")
    paths = [f"{s}/{f}/{n}.png" for s in ("test", "train") for f in ("inputL", "inputR", "inputC") for n in names]
    paths += [f"{s}/target/t{n}.png" for s in ("test", "train") for n in ("1", "9", "10")]
    found = found_in(*paths)
    assert found.layout == "restormer"
    assert {(s.scene_id, s.subset, Path(s.target.uri).stem) for s in found.scenes} == {
        (f"{subset}__{n}", subset, f"t{n}") for subset in ("test", "train") for n in names
    }


def test_restormer_with_unequal_counts_is_refused() -> None:
    with pytest.raises(UsageError, match="inputL 2, inputR 1"):
        found_in("inputL/1.png", "inputL/2.png", "inputR/1.png")


def test_ntire_with_any_stem_and_strays() -> None:
    found = found_in("test/0500_l.png", "test/0500_r.png", "my.photo_L.tif", "my.photo_R.tif", "fig_c.png", "0501_l.png")
    assert [(s.scene_id, s.subset) for s in found.scenes] == [("my_photo", ""), ("test__0500", "test")]
    assert [f.scene_id for f in found.failures] == ["0501"]
    assert left_out_of(found) == {"picture of no scene": 1}


# Manifests


@pytest.mark.parametrize(("name", "failures"), [("m.csv", 9), ("m.parquet", 8), ("m.jsonl", 10)])
def test_manifest_rows_fail_alone(tmp_path: Path, name: str, failures: int) -> None:
    write_manifest(tmp_path, make_scenes(1), name)
    good = "pictures/scene-000/left.png"
    columns = {
        "id": ["good", "twice", "twice", "../up", "tab\there", "none", "", "-", "dot.ted", "x" * 201],
        "left": [good] * 5 + ["pictures/none.png", good, "", good, good],
        "right": [good] * 10,
        "subset": ["test"] * 10,
    }
    path = tmp_path / name
    if name.endswith("csv"):
        rows = list(zip(*columns.values(), strict=True))
        path.write_text("\ufeff" + "\n".join(",".join(row) for row in [tuple(columns), *rows, ("too", "few")]) + "\n\n")
    elif name.endswith("jsonl"):
        objects = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        path.write_text("\n".join(["\ufeff", *map(json.dumps, objects), '{"id": "too few"', '{"id": 7, "left": 1}', ""]))
    else:
        pq.write_table(pa.table(columns), path)
    found = find_scenes(str(path))
    assert [(s.scene_id, s.subset) for s in found.scenes] == [("good", "test")]
    ids = [f.scene_id for f in found.failures]
    assert len(set(ids)) == len(ids) == failures
    by_id = {f.scene_id: f.message for f in found.failures}
    assert "2 scenes have this name" in by_id["twice"]
    assert "'/'" in by_id["../up"] or "'.'" in by_id["../up"]
    assert "pictures/none.png" in by_id["none"]
    assert f"{name}:" in by_id["-"]
    assert "no left" in by_id["-"]


@pytest.mark.parametrize(
    ("names", "fine"),
    [
        (["IMG_1", "img_1", "img_2"], ["img_2"]),
        (["\u00e9", "e\u0301", "e"], ["e"]),
        (["\u00c9t\u00e9", "e\u0301te\u0301", "\u00e9T\u00c9"], []),
        (["stra\u00dfe", "strasse", "a b", "ab"], ["a b", "ab", "strasse", "stra\u00dfe"]),
        (["\u4e00", "\u4e01", "\u4e8c"], ["\u4e00", "\u4e01", "\u4e8c"]),
    ],
)
def test_names_that_some_disks_take_for_one_are_refused(tmp_path: Path, names: list[str], fine: list[str]) -> None:
    write_file(tmp_path / "x.png", b"data")
    path = tmp_path / "m.csv"
    path.write_text("id,left,right\n" + "".join(f"{name},x.png,x.png\n" for name in names), "utf-8")
    found = find_scenes(str(path))
    assert [scene.scene_id for scene in found.scenes] == fine
    assert [failure.scene_id for failure in found.failures] == sorted(set(names) - set(fine))
    for failure in found.failures:
        other = failure.message.split(" of ")[1].split(" (m.csv:")[0]
        assert other in names and other != failure.scene_id
        assert "Rename one" in failure.message


def test_a_folder_that_lacks_a_view_does_not_cost_the_scene_of_a_like_name(tmp_path: Path) -> None:
    for name in ("a/left.png", "a/right.png", "A/left.png"):
        write_file(tmp_path / name, b"data")
    found = find_scenes(str(tmp_path))
    assert [scene.scene_id for scene in found.scenes] == ["a"]
    assert found.incomplete == {"A"}


def test_manifest_with_absolute_paths_and_files_elsewhere(tmp_path: Path) -> None:
    picture = write_file(tmp_path / "far away/left.png", b"data")
    (tmp_path / "sub").mkdir()
    manifest = tmp_path / "sub/m.csv"
    manifest.write_text(f"right,left,id\n../far away/left.png,file://{picture},a\ngs://bucket/r.png,s3://bucket/l.png,b\n")
    found = find_scenes(str(manifest))
    assert [Path(s.uri).resolve() == Path(picture) for s in (found.scenes[0].left, found.scenes[0].right)] == [True, True]
    assert found.scenes[1].left == Source("s3://bucket/l.png")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,left\na,b\n", "no column right"),
        ("", "no column id, left, right"),
        ("id,left,right\n", "no rows"),
        ("id,left,right,left\na,b,c,d\n", "left twice"),
        ("x" * 200_000, "more than 65536 characters"),
        ("id,left,right\n" + "x" * 200_000, "more than 65536 characters"),
    ],
)
def test_manifest_files_that_are_wrong_as_a_whole(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "m.csv"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        find_scenes(str(path))


def test_parquet_manifests_that_are_wrong_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    path.write_bytes(b"PAR1 not really PAR1")
    with pytest.raises(UsageError, match="cannot be read as Parquet"):
        find_scenes(str(path))
    pq.write_table(pa.table({"id": [1, 2], "left": ["a", "b"], "right": ["a", "b"]}), path)
    with pytest.raises(UsageError, match=r"column id .* is int64; it must be string"):
        find_scenes(str(path))
    pq.write_table(pa.table({"id": ["a"], "left": ["x" * 5000], "right": ["a"]}), path)
    with pytest.raises(UsageError, match="text of 5000 bytes"):
        find_scenes(str(path))


def test_a_row_says_what_lies_where_its_picture_should_be(tmp_path: Path) -> None:
    picture = write_file(tmp_path / "p.png", b"data")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "round").symlink_to("round")
    names = ("folder", "pipe", "round", "none", "x" * 300, "caf\u00e9")
    rows = "".join(f"s{number},{picture},{name}\n" for number, name in enumerate(names))
    (tmp_path / "m.csv").write_bytes(f"id,left,right\nok,{picture},{picture}\n{rows}".encode("latin-1"))
    found = find_scenes(str(tmp_path / "m.csv"))
    assert [scene.scene_id for scene in found.scenes] == ["ok"]
    for failure, said in zip(
        found.failures,
        ("is a folder: folder.", "a pipe, a socket or a device: pipe.", "cannot be examined: Too many", "does not exist: none.",
         "cannot be examined: File name too long", r"holds the byte \xe9, which is not UTF-8; save the manifest as UTF-8"),
        strict=True,
    ):  # fmt: skip
        assert said in failure.message


def test_csv_with_bytes_that_are_no_text_fails_by_row(tmp_path: Path) -> None:
    picture = write_file(tmp_path / "l.png", b"data")
    (tmp_path / "m.csv").write_bytes(
        f"id,left,right\nok,{picture},{picture}\n".encode() + b"b\xffd,l.png,l.png\nn\0l,l.png,l.png\n"
    )
    found = find_scenes(str(tmp_path / "m.csv"))
    assert [s.scene_id for s in found.scenes] == ["ok"]
    assert [f.message.isprintable() and f.scene_id.isprintable() for f in found.failures] == [True, True]


# Ids


@pytest.mark.parametrize(
    "bad", ["", " ", "a/b", "a\\b", "..", ".", "a.b", "a\nb", "\0", "a\x7f", "a\u202eb", "\udc80", "é" * 101]
)
def test_ids_that_are_refused(bad: str) -> None:
    with pytest.raises(SceneError) as caught:
        check_scene_id(bad)
    assert str(caught.value).isprintable()
    assert str(caught.value).encode()


@pytest.mark.parametrize("good", ["0001", "1P0A0917", "a b", "-x", "été", "日本", "x" * 200])
def test_ids_that_pass(good: str) -> None:
    assert check_scene_id(good) == good


def test_printable_keeps_what_is_harmless_and_tells_the_rest_apart() -> None:
    assert printable("a/b.c") == "a/b.c"
    alike = ("\0", "\\x00", "\\\\x00", "\x85", "\udc85", "\\x85", "\\u0085", "é\0", "\udce9\0", "x" * 300, "x" * 301)
    assert len({printable(text) for text in alike}) == len(alike)


def test_a_byte_that_is_not_utf8_is_shown_as_a_shell_takes_it() -> None:
    assert printable("caf\udce904") == r"caf\xe904"
    with pytest.raises(SceneError, match=r"The scene id é\\xe9 holds the byte \\xe9, which is not UTF-8"):
        check_scene_id("é\udce9")


def test_files_that_are_not_utf8_become_failures_that_a_table_can_hold(tmp_path: Path) -> None:
    for name in ("left.png", "right.png"):
        write_file(tmp_path / os.fsdecode(b"caf\xe9") / name, b"x")
    found = find_scenes(str(tmp_path))
    assert [f.message.encode() and f.scene_id.encode() and f.uri.encode() is not None for f in found.failures] == [True]


def test_real_captures() -> None:
    if not REAL.exists():
        pytest.skip("shared/realdata is not here")
    found = find_scenes(str(REAL / "pixel4"))
    assert ([s.scene_id for s in found.scenes], left_out_of(found)) == (
        ["003", "007", "010", "013", "016"],
        {"picture of no scene": 2},
    )
    assert all(scene.target for scene in found.scenes)
    canon = find_scenes(str(REAL / "canon"))
    assert (len(canon.scenes), canon.failures) == (21, ())


def test_listing_is_sorted_and_complete(tmp_path: Path) -> None:
    write_ntire(tmp_path, make_scenes(2))
    assert [file.path for file in list_files(str(tmp_path)).files] == sorted(path.name for path in tmp_path.iterdir())
