"""Raw files with both halves of their pixels become folders of views; others are refused in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dpdeblur.pipelines.cli import main
from dpdeblur.transforms.images import codecs
from dpdeblur.transforms.raw.frames import read_views
from tests.builders import png, write_file
from tests.raw_files import BLACK, WHITE, frames, mosaics, write_dng


def picture(path: Path) -> np.ndarray:
    return codecs.decode(path.read_bytes(), path.name)


def reference(folder: Path, left: np.ndarray, right: np.ndarray) -> str:
    """What the maker's software would export of these mosaics, in 8 bits."""
    for name, light in (("left", left), ("right", right)):
        view = np.rint(255 * np.sqrt(light / light.max())).astype(np.uint8)
        write_file(folder / f"{name}.png", png(np.repeat(view[..., None], 3, axis=2)))
    return str(folder)


@pytest.mark.parametrize("side", ["left", "right"])
def test_views_are_on_the_side_that_the_reference_tells(side: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left, right = mosaics()
    first, other = (left, right) if side == "left" else (right, left)
    write_dng(tmp_path / "card/a/IMG_1.dng", frames(first, other))
    write_dng(tmp_path / "card/IMG_2.DNG", frames(first, other))
    where = reference(tmp_path / "exported/IMG_1", left, right)
    command = ["import-raw", "--input", str(tmp_path / "card"), "--output", str(tmp_path / "scenes"), "--reference", where]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert f"The second frame is the {side} view" in said and "2 scenes" in said and "--transfer linear" in said
    views = read_views((tmp_path / "card/a/IMG_1.dng").read_bytes())
    expected = {"left": views.first if side == "left" else views.other, "right": views.other if side == "left" else views.first}
    for scene in ("IMG_1", "IMG_2"):
        for name, samples in {**expected, "combined": views.combined}.items():
            assert np.array_equal(picture(tmp_path / "scenes" / scene / f"{name}.tif"), samples)
    assert main(command) == 0
    assert capsys.readouterr().out.count("exists already") == 2
    assert main(["plan", "--input", str(tmp_path / "scenes"), "--output", str(tmp_path / "r"), "--transfer", "linear"]) == 0


def test_views_are_linear_and_alike_in_levels_and_white_balance(tmp_path: Path) -> None:
    flat = [np.full((64, 96), light) for light in (700.0, 1400.0)]
    views = read_views(write_dng(tmp_path / "flat.dng", frames(*flat)).read_bytes())
    inside = (view[16:-16, 16:-16].reshape(-1, 3) for view in (views.first, views.other, views.combined))
    first, other, combined = (view.mean(axis=0) for view in inside)
    np.testing.assert_allclose(other / first, 2, rtol=1e-3)
    np.testing.assert_allclose((first + other) / 2, combined, rtol=1e-3)
    assert first.min() == pytest.approx(65535 * 2 * 700 / (WHITE - BLACK), rel=0.02)  # the channel that is multiplied by 1


def test_a_file_without_a_second_frame_is_refused_and_the_others_are_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = frames(*mosaics(64, 96))
    write_dng(tmp_path / "card/ordinary.dng", pair[:1])
    write_dng(tmp_path / "card/twice.dng", [pair[0], pair[0]])
    write_file(tmp_path / "card/broken.cr3", b"not a raw file")
    write_dng(tmp_path / "card/good.dng", pair)
    assert main(["import-raw", "--input", str(tmp_path / "card"), "--output", str(tmp_path / "scenes"), "--first", "left"]) == 3
    out, err = capsys.readouterr()
    assert [line.split(": ")[0].rsplit("/", 1)[1] for line in err.splitlines()] == ["broken.cr3", "ordinary.dng", "twice.dng"]
    assert err.count("one frame only") == 2 and "Dual Pixel RAW was off" in err
    assert "not a raw file that LibRaw" in err
    assert [path.name for path in (tmp_path / "scenes").iterdir()] == ["good"]
    assert "1 scene in" in out and "3 failed" in out


def test_clipped_pixels_are_counted_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left, right = mosaics(64, 96)
    left[:16] = right[:16] = WHITE
    write_dng(tmp_path / "bright.dng", frames(left, right))
    command = ["import-raw", "--input", str(tmp_path / "bright.dng"), "--output", str(tmp_path / "s"), "--first", "right"]
    assert main(command) == 0
    assert "25.0% clipped" in capsys.readouterr().out
    left, right = (picture(tmp_path / f"s/bright/{side}.tif")[:12] for side in ("left", "right"))
    assert np.array_equal(left, right)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ([], "--reference"),
        (["--reference", "elsewhere"], "must be named after one of the raw files: one"),
        (["--reference", "one"], "must hold one picture left.tif"),
        (["--first", "middle"], "none of left, right"),
    ],
)
def test_nothing_is_guessed(words: list[str], what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_dng(tmp_path / "card/one.dng", frames(*mosaics(64, 96)))
    for name in ("one", "elsewhere"):
        write_file(tmp_path / name / "middle.png", png(np.zeros((8, 8, 3), np.uint8)))
    there = [str(tmp_path / word) if word in ("one", "elsewhere") else word for word in words]
    assert main(["import-raw", "--input", str(tmp_path / "card"), "--output", str(tmp_path / "s"), *there]) == 2
    assert what in capsys.readouterr().err
    assert not (tmp_path / "s").exists()


def test_places_without_raw_files_and_names_that_clash(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_file(tmp_path / "none/a.jpg", b"")
    command = ["import-raw", "--output", str(tmp_path / "s"), "--first", "left", "--input"]
    assert main([*command, str(tmp_path / "none")]) == 2
    assert "no raw files" in capsys.readouterr().err
    for folder in ("a", "b"):
        write_file(tmp_path / "two" / folder / "IMG.CR3", b"")
    assert main([*command, str(tmp_path / "two")]) == 2
    assert "have the same name" in capsys.readouterr().err
