"""What is done to pictures before they are scored, and what a run says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dpdeblur.models.srgb import linear_to_srgb, srgb_to_linear
from dpdeblur.pipelines.api import deblur, score
from dpdeblur.pipelines.cli import main
from dpdeblur.transforms.records import SceneError
from dpdeblur.transforms.scoring.alignment import align
from dpdeblur.transforms.scoring.extra_metrics import open_metrics
from dpdeblur.transforms.scoring.metrics import compare
from dpdeblur.transforms.scoring.preparation import Preparation, fitted_gain
from dpdeblur.transforms.scoring.protocols import PROTOCOLS
from tests.builders import make_scenes, make_views, write_file, write_folders

FULL = 65535


def views(size: int = 64) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    made = make_views(size, size)
    return made["left"] // 2, made["combined"] // 2, made["target"]


def test_without_wishes_pictures_are_compared_as_they_are() -> None:
    restored, unprocessed, target = views()
    assert [tuple(map(id, pair)) for pair in Preparation().pairs(restored, unprocessed, target, "srgb")] == [
        (id(restored), id(target)),
        (id(unprocessed), id(target)),
    ]


@pytest.mark.parametrize("transfer", ["srgb", "linear"])
def test_the_gain_is_that_of_least_squares_in_light(transfer: str) -> None:
    _, unprocessed, target = views()
    light = [srgb_to_linear(p / FULL) if transfer == "srgb" else p / FULL for p in (unprocessed, target)]
    (expected,), *_ = np.linalg.lstsq(light[0].reshape(-1, 1), light[1].reshape(-1), rcond=None)
    assert fitted_gain(unprocessed, target, transfer) == pytest.approx(expected, rel=1e-12)


def test_the_gain_of_the_unprocessed_picture_is_given_to_both() -> None:
    restored, unprocessed, target = views()
    gain = fitted_gain(unprocessed, target, "srgb")
    (after, same), (before, _) = Preparation(fit_gain=True).pairs(restored, unprocessed, target, "srgb")
    assert np.array_equal(same, target)
    for picture, prepared in ((restored, after), (unprocessed, before)):
        wanted = linear_to_srgb(np.clip(srgb_to_linear(picture / FULL) * gain, 0, 1))
        np.testing.assert_allclose(prepared / FULL, wanted, atol=0.51 / FULL)


def test_a_target_of_another_depth_and_an_exposure_off_by_a_factor_lose_nothing() -> None:
    sharp = make_views(64, 64, bits=8)["target"] // 2
    dark = (sharp // 2 * 2).astype(np.uint16) * 257 // 2  # the same picture at half of the light
    ((after, target), _) = Preparation(fit_gain=True).pairs(dark, dark, sharp // 2 * 2, "linear")
    assert compare(after, target).psnr_db > 90


def test_linear_values_are_compared_as_eyes_see_them() -> None:
    restored, unprocessed, target = views()
    pairs = Preparation(gamma=2.2).pairs(restored, unprocessed, target, "linear")
    for original, prepared in zip((restored, target, unprocessed, target), [p for pair in pairs for p in pair], strict=True):
        np.testing.assert_allclose(prepared / FULL, (original / FULL) ** (1 / 2.2), atol=0.51 / FULL)


def test_a_black_picture_has_no_gain() -> None:
    black, target = np.zeros((64, 64), np.uint16), np.ones((64, 64), np.uint16)
    with pytest.raises(SceneError, match="black"):
        fitted_gain(black, target, "linear")


def test_runs_say_how_they_scored_and_scoring_their_pictures_gives_the_same(tmp_path: Path) -> None:
    source = write_folders(tmp_path / "s", make_scenes(2, height=64, width=72))
    how: dict[str, Any] = {"align": 3, "fit_gain": True}
    ours = deblur(input=source, output=tmp_path / "ours", model="views-mean", images="restored", **how)
    theirs = score(input=source, restored=tmp_path / "ours/images", output=tmp_path / "theirs", **how)
    plain = score(input=source, restored=tmp_path / "ours/images", output=tmp_path / "plain")
    assert {row.protocol for row in (*ours.scores, *theirs.scores)} == {
        "psnr|ssim:uniform7|range:1|bits:16|gain:fitted|align:3|block:84|agg:image-mean|v:1"
    }
    assert [row.psnr_db for row in ours.scores] == [row.psnr_db for row in theirs.scores]
    assert all((row.psnr_db or 0) > (other.psnr_db or 0) for row, other in zip(theirs.scores, plain.scores, strict=True))
    assert {name: ours.manifest["settings"][name] for name in how} == how
    assert not set(how) & set(plain.manifest["settings"])
    assert main(["compare", str(tmp_path / "ours"), str(tmp_path / "plain")]) == 2, "different protocols"


def test_published_protocols_and_further_metrics_see_the_prepared_pictures(tmp_path: Path) -> None:
    scenes = make_scenes(1, height=64, width=72)
    source = write_folders(tmp_path / "s", scenes)
    write_file(tmp_path / "theirs/scene-000.png", scenes["scene-000"]["left"])
    how: dict[str, Any] = {"align": 2, "metrics": "lpips", "protocol": "restormer"}
    (row,) = score(input=source, restored=tmp_path / "theirs", output=tmp_path / "r", **how).scores
    made = make_views(64, 72)
    after, target = align(made["left"], made["target"], 2)
    expected = PROTOCOLS["restormer"].score(after, target)
    assert (row.psnr_db, row.ssim, row.mae) == (expected.psnr_db, expected.ssim, expected.mae)
    ((lpips,),) = (opened.score([after], target) for opened in open_metrics(["lpips"]))
    assert row.lpips == pytest.approx(lpips, abs=1e-6)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--align", "33"], "at most 32 px"),
        (["--align", "-1"], "--align"),
        (["--score-gamma", "2.2"], "--transfer linear"),
        (["--score-gamma", "0", "--transfer", "linear"], "above 0"),
    ],
)
def test_what_makes_no_sense_is_refused(
    tmp_path: Path, words: list[str], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_folders(tmp_path / "s", make_scenes(1))
    assert main(["plan", "--input", str(source), "--output", str(tmp_path / "run"), "--model", "views-mean", *words]) == 2
    assert what in capsys.readouterr().err
