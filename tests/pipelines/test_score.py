"""Pictures that someone else restored are scored like our own, by any named protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pyarrow.parquet as pq
import pytest

from dpdeblur.pipelines.cli import main
from dpdeblur.transforms.scoring import protocols
from tests import builders


def rows(run: Path) -> list[dict[str, Any]]:
    return sorted(pq.read_table(run / "metrics").to_pylist(), key=lambda row: row["scene_id"])


def test_our_own_pictures_score_as_they_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = builders.write_folders(tmp_path / "s", builders.make_scenes(3))
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    assert main(["deblur", "--input", str(source), "--output", str(ours), "--model", "views-mean", "--images", "restored"]) == 0
    assert main(["score", "--input", str(source), "--restored", str(ours / "images"), "--output", str(theirs)]) == 0
    for mine, other in zip(rows(ours), rows(theirs), strict=True):
        for column in (
            "scene_id",
            "psnr_db",
            "ssim",
            "mae",
            "input_psnr_db",
            "input_ssim",
            "input_mae",
            "image_sha256",
            "protocol",
        ):
            assert mine[column] == other[column]
        assert (other["model"], other["backend"], other["inference_ms"]) == ("images", "none", 0)
    ours_said, theirs_said = capsys.readouterr().out.split("images, protocol dpdeblur")
    assert "inference p50" in ours_said
    assert "inference p50" not in theirs_said


@pytest.mark.parametrize("name", [name for name in protocols.PROTOCOLS if name != protocols.DEFAULT])
def test_the_protocol_asked_for_is_used_and_told(tmp_path: Path, name: str) -> None:
    scenes = builders.make_scenes(1)
    source = builders.write_ntire(tmp_path / "s", scenes)
    builders.write_file(tmp_path / "r" / "scene-000_g.png", scenes["scene-000"]["combined"])
    options = ["--restored", str(tmp_path / "r"), "--output", str(tmp_path / "run"), "--protocol", name]
    assert main(["score", "--input", str(source), *options]) == 0
    (row,) = rows(tmp_path / "run")
    picture, target = (imagecodecs.png_decode(scenes["scene-000"][role]) for role in ("combined", "target"))
    expected = protocols.named(name).score(picture, target)
    assert (row["psnr_db"], row["ssim"], row["mae"]) == (expected.psnr_db, expected.ssim, expected.mae)
    assert row["protocol"] == protocols.named(name).signature(16)


def test_eight_bit_results_missing_ones_and_strangers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenes = builders.make_scenes(2)
    source = builders.write_folders(tmp_path / "s", scenes)
    eight = np.round(imagecodecs.png_decode(scenes["scene-000"]["target"]) / 257).astype("u1")
    builders.write_file(tmp_path / "r" / "scene-000.png", builders.png(eight))
    builders.write_file(tmp_path / "r" / "stranger.png", builders.png(eight))
    assert main(["score", "--input", str(source), "--restored", str(tmp_path / "r"), "--output", str(tmp_path / "run")]) == 3
    assert "1 restored picture not scored (such as stranger.png)" in capsys.readouterr().out
    assert rows(tmp_path / "run")[0]["psnr_db"] > 50
    (failed,) = pq.read_table(tmp_path / "run/failures").to_pylist()
    assert failed["scene_id"] == "scene-001"
    assert "scene-001.png" in failed["message"]


def test_names_that_do_not_match_at_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = builders.write_folders(tmp_path / "s", builders.make_scenes(1))
    builders.write_file(tmp_path / "r" / "other.png", b"x")
    assert main(["score", "--input", str(source), "--restored", str(tmp_path / "r"), "--output", str(tmp_path / "run")]) == 2
    assert "other" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_where_no_picture_fits_the_scene_that_nearly_has_one_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = builders.write_folders(tmp_path / "s", builders.make_scenes(3))
    for names, says in (
        (["SCENE-002.png"], "scene-002: SCENE-002.png has its name in other upper and lower case. Rename the picture."),
        (["x/scene-001.png", "y/scene-001.png"], "scene-001: 2 pictures could be its restored picture"),
    ):
        folder = tmp_path / names[0].partition(".")[0].replace("/", "-")
        for name in names:
            builders.write_file(folder / name, b"x")
        assert main(["score", "--input", str(source), "--restored", str(folder), "--output", str(tmp_path / "run")]) == 2
        assert says in capsys.readouterr().err


def test_a_picture_in_a_folder_of_its_scene_is_not_another_scenes(tmp_path: Path) -> None:
    scenes = builders.make_scenes(3)
    source = builders.write_folders(tmp_path / "s", scenes)
    builders.write_file(tmp_path / "r" / "scene-002" / "combined.png", scenes["scene-002"]["target"])
    options = ["--restored", str(tmp_path / "r"), "--output", str(tmp_path / "run")]
    assert main(["score", "--input", str(source), *options]) == 3
    assert [(row["scene_id"], row["mae"]) for row in rows(tmp_path / "run")] == [("scene-002", 0)]


def test_by_order_and_by_the_column_of_a_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenes = builders.make_scenes(2)
    source = builders.write_folders(tmp_path / "s", scenes)
    for number, views in enumerate(scenes.values()):
        builders.write_file(tmp_path / "r" / f"out{9 + number}.png", views["target"])
    options = ["--restored", str(tmp_path / "r"), "--match", "order", "--output", str(tmp_path / "ordered")]
    assert main(["score", "--input", str(source), *options]) == 0
    assert [row["mae"] for row in rows(tmp_path / "ordered")] == [0, 0]
    assert "out9.png is scene-000, …, out10.png is scene-001" in capsys.readouterr().out
    lines = [
        f"{name},s/{name}/left.png,s/{name}/right.png,s/{name}/target.png,r/out{9 + n}.png" for n, name in enumerate(scenes)
    ]
    (tmp_path / "m.csv").write_text("\n".join(["id,left,right,target,restored", *lines]))
    assert main(["score", "--input", str(tmp_path / "m.csv"), "--output", str(tmp_path / "listed")]) == 0
    assert [row["mae"] for row in rows(tmp_path / "listed")] == [0, 0]
    assert main(["score", "--input", str(source), "--output", str(tmp_path / "none")]) == 2
    assert "give the folder of the restored pictures with --restored" in capsys.readouterr().err


def test_deblur_and_score_compute_the_same_further_metrics(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "their_metrics.py").write_text("def top(picture, target):\n    return float(picture.max())\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    source = builders.write_folders(tmp_path / "s", builders.make_scenes(2, height=180, width=176))
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    wanted = ("--metrics", "psnr,lpips,ms_ssim,their_metrics:top")
    words = ["deblur", "--input", str(source), "--output", str(ours), "--model", "views-mean", "--images", "restored", *wanted]
    assert main(words) == 0
    assert "LPIPS" in capsys.readouterr().out
    assert main(words) == 0
    assert "Nothing to do" in capsys.readouterr().out
    assert main(["score", "--input", str(source), "--restored", str(ours / "images"), "--output", str(theirs), *wanted]) == 0
    for mine, other in zip(rows(ours), rows(theirs), strict=True):
        for column in ("lpips", "input_lpips", "ms_ssim", "input_ms_ssim", "other_scores", "protocol"):
            assert mine[column] == other[column]
        assert "|lpips:alex-0.1|ms-ssim:gaussian11|their_metrics:top|" in mine["protocol"]
        assert 0 < mine["input_lpips"] < mine["lpips"]  # the combined picture is nearer than the mean of the views
        assert dict(mine["other_scores"])["top"] == mine["other_scores"][0][1] > 0
        assert mine["extra_score_ms"] > 0


def test_a_metric_that_is_none_is_refused_before_any_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = builders.write_folders(tmp_path / "s", builders.make_scenes(1))
    assert main(["deblur", "--input", str(source), "--output", str(tmp_path / "run"), "--metrics", "psnr,lpip"]) == 2
    assert "Did you mean lpips?" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_scenes_too_small_for_a_metric_fail_alone(tmp_path: Path) -> None:
    source = builders.write_folders(tmp_path / "s", builders.make_scenes(1, height=40, width=48))
    words = ["deblur", "--input", str(source), "--output", str(tmp_path / "run"), "--model", "views-mean"]
    assert main([*words, "--metrics", "ms_ssim"]) == 3
    (failure,) = pq.read_table(tmp_path / "run/failures").to_pylist()
    assert (failure["stage"], "at least 176 px" in failure["message"]) == ("score", True)
