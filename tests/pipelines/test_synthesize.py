"""Made-up scenes through the command line: the same bytes each time, whole, true, and readable by the other commands."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from dpdeblur.pipelines.cli import main
from dpdeblur.transforms.images.photographs import brought_photographs, read_photograph
from dpdeblur.transforms.layouts import find_scenes
from tests import builders

FILES = ["combined.png", "left.png", "radius.tiff", "right.png", "scene.json", "target.png"]
SMALL = ("--size", "160x96", "--quiet")


def synthesize(output: Path, *options: str, scenes: int = 2, seed: int = 3) -> int:
    return main(["synthesize", "--output", str(output), "--scenes", str(scenes), "--seed", str(seed), *SMALL, *options])


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def picture(scene: Path, name: str) -> np.ndarray[Any, Any]:
    return np.asarray(imagecodecs.png_decode((scene / f"{name}.png").read_bytes()))


def test_the_same_bytes_again_whatever_is_made_beside(tmp_path: Path) -> None:
    assert synthesize(tmp_path / "one", scenes=3) == 0
    assert synthesize(tmp_path / "two", "--workers", "1", scenes=2) == 0
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    assert sorted(one) == [f"scene-000{n}/{name}" for n in range(3) for name in FILES]
    assert two == {name: data for name, data in one.items() if not name.startswith("scene-0002")}
    assert synthesize(tmp_path / "other", seed=4) == 0
    assert not set(two.values()) & set(contents(tmp_path / "other").values())


def test_pictures_and_truth_agree(tmp_path: Path) -> None:
    assert synthesize(tmp_path / "scenes", "--bits", "8", scenes=3) == 0
    for scene in sorted((tmp_path / "scenes").iterdir()):
        views = {name: picture(scene, name) for name in ("left", "right", "combined", "target")}
        assert {(p.shape, str(p.dtype)) for p in views.values()} == {((96, 160, 3), "uint8")}
        truth = json.loads((scene / "scene.json").read_text())
        radius = np.asarray(Image.open(scene / "radius.tiff"))
        assert radius.dtype == np.float32
        assert radius.shape == (96, 160)
        assert truth["radius_range_px"] == [float(radius.min()), float(radius.max())]
        assert truth["id"] == scene.name
        assert truth["seed"] == 3
        camera = truth["camera"]
        near, far = truth["depth_range_m"]
        assert camera["focal_length_mm"] * 1e-3 < near <= far
        if radius.min() > 0.1:
            assert near > camera["focus_distance_m"]


def test_everything_in_focus_is_the_target_but_for_noise(tmp_path: Path) -> None:
    assert synthesize(tmp_path / "sharp", "--max-radius", "0") == 0
    assert synthesize(tmp_path / "blurred") == 0
    for name in ("scene-0000", "scene-0001"):
        sharp, blurred = tmp_path / "sharp" / name, tmp_path / "blurred" / name
        noise = json.loads((sharp / "scene.json").read_text())["noise"]
        target = picture(sharp, "target").astype(np.float64) / 65535
        for view in ("left", "right"):
            error = linear(picture(sharp, view) / 65535) - linear(target)
            unclipped = (target > 0.1) & (target < 0.98)
            deviation = np.sqrt(noise["shot"] * linear(target) + noise["read"]) + 4 / 65535
            assert np.percentile(np.abs(error[unclipped]) / deviation[unclipped], 95) < 2.2
        # and with blur it is not
        assert np.abs(picture(blurred, "left") / 65535 - picture(blurred, "target") / 65535).mean() > 0.01


def linear(coded: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


def test_shards_hold_the_same_scenes(tmp_path: Path) -> None:
    assert synthesize(tmp_path / "folders", scenes=3) == 0
    assert synthesize(tmp_path / "shards", "--shards", scenes=3) == 0
    folders = contents(tmp_path / "folders")
    with tarfile.open(tmp_path / "shards" / "shard-000000.tar") as tar:
        members = {m.name: tar.extractfile(m).read() for m in tar}  # type: ignore[union-attr]
    expected = {name.replace("/", ".").replace(".scene.json", ".json"): data for name, data in folders.items()}
    assert members == expected
    index = pq.read_table(tmp_path / "shards" / "index").to_pylist()
    assert len(index) == 12
    found = find_scenes(str(tmp_path / "shards"), "auto")
    assert [scene.scene_id for scene in found.scenes] == ["scene-0000", "scene-0001", "scene-0002"]
    assert not found.failures


def test_folders_are_found_by_the_other_commands(tmp_path: Path) -> None:
    assert synthesize(tmp_path / "scenes") == 0
    found = find_scenes(str(tmp_path / "scenes"), "auto")
    assert [scene.scene_id for scene in found.scenes] == ["scene-0000", "scene-0001"]
    assert all(scene.combined and scene.target for scene in found.scenes)


def test_photographs_of_ones_own(tmp_path: Path) -> None:
    photos = tmp_path / "photos" / "holiday"
    photos.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, shape in (("large.jpg", (300, 500, 3)), ("small.png", (70, 90, 3)), ("grey.tif", (120, 200))):
        Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(photos / name)
    assert synthesize(tmp_path / "scenes", "--photos", str(tmp_path / "photos"), scenes=4) == 0
    drawn = {
        surface["photo"]
        for path in (tmp_path / "scenes").rglob("scene.json")
        for surface in json.loads(path.read_text())["surfaces"]
    }
    assert drawn <= {"large.jpg", "small.png", "grey.tif", ""}
    assert len(drawn) > 1


TOO_NARROW = builders.png(np.zeros((900, 20, 3), np.uint8))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda folder: None, "is not a folder"),
        (lambda folder: folder.mkdir(), "holds no photographs"),
        (lambda folder: builders.write_file(folder / "a.jpg", b"no picture"), "a.jpg cannot be read"),
        (lambda folder: [folder.mkdir(), (folder / "c.png").symlink_to("gone.png")], "c.png cannot be read"),
        (lambda folder: builders.write_file(folder / "b.png", TOO_NARROW), "20x900 pixels, but needs 64"),
    ],
)
def test_bad_photographs_stop_it_before_any_work(
    tmp_path: Path, spoil: Any, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(tmp_path / "photos")
    assert synthesize(tmp_path / "out", "--photos", str(tmp_path / "photos")) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_a_photograph_cut_short_is_named_and_nothing_is_made(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = tmp_path / "photos" / f"cut.{form.lower()}"
    photo.parent.mkdir()
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)).save(stream, form)
    for share in (0.3, 0.9, 0.999):
        photo.write_bytes(stream.getvalue()[: int(len(stream.getvalue()) * share)])
        assert synthesize(tmp_path / "out", "--photos", str(tmp_path / "photos")) == 2, share
        said = capsys.readouterr().err
        assert said.count("The photograph ") == 1
        assert f"{photo.name} cannot be read" in said
        assert not (tmp_path / "out").exists()
    photo.write_bytes(stream.getvalue())
    assert synthesize(tmp_path / "out", "--photos", str(tmp_path / "photos")) == 0, "nothing was made, nothing is in the way"
    assert {name.split("/")[0] for name in contents(tmp_path / "out")} == {"scene-0000", "scene-0001"}


def test_a_folder_that_holds_anything_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "precious.txt").write_text("mine")
    assert synthesize(tmp_path / "out") == 2
    assert "already holds files" in capsys.readouterr().err
    assert contents(tmp_path / "out") == {"precious.txt": b"mine"}
    (tmp_path / "file").write_text("")
    assert synthesize(tmp_path / "file") == 2


@pytest.mark.parametrize(
    "options",
    [("--size", "10x10"), ("--size", "wide"), ("--bits", "12"), ("--max-radius", "-1"), ("--seed", "-1"), ("--scenes", "0")],
)
def test_wrong_options(tmp_path: Path, options: tuple[str, ...]) -> None:
    assert main(["synthesize", "--output", str(tmp_path / "out"), "--scenes", "1", *options]) == 2


def test_the_brought_photographs_are_there() -> None:
    for path in brought_photographs():
        assert min(read_photograph(path).shape[:2]) >= 300


def test_making_scenes_needs_no_torch(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = f"""
import sys
sys.modules["torch"] = None
from dpdeblur.pipelines.cli import main
sys.exit(main(["synthesize", "--output", {str(tmp_path / "out")!r}, "--scenes", "1", "--size", "64x64", "--quiet"]))
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)
