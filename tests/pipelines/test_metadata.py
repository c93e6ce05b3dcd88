"""Colours, orientation, camera and time of the left view, and what is lossy: through the whole command."""

from __future__ import annotations

import json
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from dpdeblur.transforms.images import codecs
from dpdeblur.transforms.images.conversion import mean_of_views
from tests.commands import deblur, rows
from tests.transforms.images.test_codecs import photograph, pillow
from tests.transforms.images.test_metadata import (
    CAMERA,
    PROFILES,
    camera_data,
    embedded_profile,
    exiftool,
    needs_exiftool,
    tagged_file,
)


def write_scene(folder: Path, **files: bytes) -> Path:
    """A folder with one scene; files by role and extension, as in left_png."""
    (folder / "s").mkdir(parents=True)
    for name, data in files.items():
        (folder / "s" / name.replace("_", ".")).write_bytes(data)
    return folder


@needs_exiftool
@pytest.mark.parametrize("kind", ["PNG", "tiff", "JPEG"])
@pytest.mark.parametrize("profile", PROFILES)
def test_the_restored_picture_says_what_the_left_view_says(profile: str, kind: str, tmp_path: Path) -> None:
    view = tagged_file(kind, PROFILES[profile], tmp_path)
    source = write_scene(tmp_path / "scenes", **{f"{role}_{kind.lower()}": view for role in ("left", "right")})
    code, _ = deblur(source, tmp_path / "run", "--images", "restored")
    assert code == 0
    restored = (tmp_path / "run/images/s.png").read_bytes()
    said = exiftool(restored, tmp_path)
    assert {name: said.get(name) for name in CAMERA} == CAMERA
    assert embedded_profile(restored, tmp_path) == PROFILES[profile]
    image = codecs.decode(view)  # neither turned, though it is to be turned for viewing, nor converted
    np.testing.assert_array_equal(codecs.decode(restored), mean_of_views(image, image))
    assert rows(tmp_path / "run")[0]["source_lossy"] == ("left right" if kind == "JPEG" else "")


@pytest.mark.parametrize("other", ["another profile", "no profile", "another orientation"])
def test_views_that_differ_are_a_failure_that_says_which(other: str, tmp_path: Path) -> None:
    image = photograph(8, 3)
    adobe = PROFILES["Adobe RGB"]
    right = {
        "another profile": pillow(image, "PNG", icc_profile=PROFILES["Display P3"]),
        "no profile": pillow(image, "PNG"),
        "another orientation": pillow(image, "PNG", icc_profile=adobe, exif=camera_data(3)),
    }[other]
    source = write_scene(tmp_path / "scenes", left_png=pillow(image, "PNG", icc_profile=adobe), right_png=right)
    code, _ = deblur(source, tmp_path / "run", "--images", "restored")
    assert code == 3
    (failure,) = rows(tmp_path / "run", "failures")
    assert failure["stage"] == "decode"
    assert failure["message"].startswith("The right view has")
    assert ("orientation 3, the left view 1" if "orientation" in other else "Adobe") in failure["message"]
    assert failure["uri"].endswith("right.png")


def test_a_score_against_a_lossy_target_says_so(tmp_path: Path) -> None:
    image = photograph(8, 3)
    view, target = codecs.encode(image), pillow(image, "JPEG")
    (tmp_path / "scenes").mkdir()
    for name, data in (("jpeg", target), ("png", view), ("jxl", bytes(imagecodecs.jpegxl_encode_jpeg(target)))):
        write_scene(tmp_path / "of" / name, left_png=view, right_png=view, **{f"target_{name}": data})
        (tmp_path / "of" / name / "s").rename(tmp_path / "scenes" / name)
    code, printed = deblur(tmp_path / "scenes", tmp_path / "run")
    assert code == 0
    assert {row["scene_id"]: row["source_lossy"] for row in rows(tmp_path / "run")} == {
        "jpeg": "target",
        "jxl": "target",
        "png": "",
    }
    assert json.loads((tmp_path / "run/summary.json").read_text())["scored_against_lossy_targets"] == 2
    assert "2 scored against a lossy target" in printed


def test_a_jpeg_xl_of_a_jpeg_equals_the_jpeg(tmp_path: Path) -> None:
    target = pillow(photograph(8, 3), "JPEG", subsampling=2)
    view = bytes(imagecodecs.jpegxl_encode_jpeg(target))
    source = write_scene(tmp_path / "scenes", left_jxl=view, right_jxl=view, target_jpg=target)
    assert deblur(source, tmp_path / "run")[0] == 0
    (row,) = rows(tmp_path / "run")
    assert row["psnr_db"] == float("inf")
    assert row["source_lossy"] == "left right target"
