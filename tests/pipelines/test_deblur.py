"""The main job, through its command line, on small scenes in every layout."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pyarrow.parquet as pq
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from dpdeblur.pipelines.cli import main
from dpdeblur.transforms.images import codecs
from tests import builders

TIMINGS = {"read_ms", "decode_ms", "inference_ms", "score_ms", "write_ms", "host", "concurrency", "finished_at"}


def deblur(source: Path, run: Path, *options: str) -> int:
    return main(["deblur", "--input", str(source), "--output", str(run), "--model", "views-mean", *options])


def rows(run: Path, table: str = "metrics") -> list[dict[str, Any]]:
    return sorted(pq.read_table(run / table).to_pylist(), key=lambda row: row["scene_id"])


def stable(run: Path, *leave_out: str) -> list[dict[str, Any]]:
    """The metrics without what may differ from run to run."""
    return [{k: v for k, v in row.items() if k not in TIMINGS | set(leave_out)} for row in rows(run)]


def test_rows_pictures_and_files(tmp_path: Path) -> None:
    scenes = builders.make_scenes(3, height=37, width=51)
    source = builders.write_folders(tmp_path / "scenes", scenes)
    run = tmp_path / "run"
    assert deblur(source, run, "--images", "restored") == 0
    assert {row["scene_id"] for row in rows(run)} == set(scenes)
    for row in rows(run):
        views = {role: imagecodecs.png_decode(data) for role, data in scenes[row["scene_id"]].items()}
        picture = imagecodecs.png_decode((run / row["image_path"]).read_bytes())
        mean = np.rint((views["left"].astype(float) + views["right"]) / 2)
        assert picture.dtype == np.uint16
        assert np.array_equal(picture, mean)
        assert row["image_sha256"] == hashlib.sha256(picture.tobytes()).hexdigest()
        for prefix, result in (("", picture), ("input_", views["combined"])):
            a, b = result / 65535, views["target"] / 65535
            assert row[f"{prefix}psnr_db"] == pytest.approx(peak_signal_noise_ratio(b, a, data_range=1), abs=1e-9)
            assert row[f"{prefix}ssim"] == pytest.approx(structural_similarity(b, a, data_range=1, channel_axis=2), abs=1e-9)
            assert row[f"{prefix}mae"] == pytest.approx(np.abs(a - b).mean(), abs=1e-9)
        assert (row["width"], row["height"], row["bit_depth"]) == (51, 37, 16)
        assert row["bytes_read"] == sum(map(len, scenes[row["scene_id"]].values()))
        assert row["bytes_written"] == (run / row["image_path"]).stat().st_size
    assert rows(run, "failures") == []
    latency = pq.read_table(run / "latency.parquet").to_pylist()
    assert {(r["stage"], r["count"]) for r in latency if r["group_by"] == "all"} >= {("inference", 3), ("total", 3)}
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["finished"] >= manifest["started"]
    summary = json.loads((run / "summary.json").read_text())
    assert summary["scenes"] == {"restored": 3, "failed": 0}
    assert summary["quality"]["psnr_db"] == pytest.approx(np.mean([row["psnr_db"] for row in rows(run)]))


def test_a_scene_keeps_its_row_and_picture_when_another_of_nearly_its_name_comes(tmp_path: Path) -> None:
    source, run = tmp_path / "scenes", tmp_path / "run"
    scenes = list(builders.make_scenes(3, height=24, width=32).values())
    builders.write_folders(source, {"img": scenes[0], "other": scenes[1]})
    assert deblur(source, run, "--images", "restored") == 0
    builders.write_folders(source, {"IMG": scenes[2]})
    for _ in range(2):
        assert deblur(source, run, "--images", "restored") == 3
        assert [row["scene_id"] for row in rows(run)] == ["img", "other"]
        assert [row["scene_id"] for row in rows(run, "failures")] == ["IMG", "img"]
        assert sorted(path.name for path in (run / "images").iterdir()) == ["img.png", "other.png"]


@pytest.mark.parametrize("layout", ["dpdd", "restormer", "ntire", "manifest"])
def test_every_layout_gives_the_rows_of_scene_folders(tmp_path: Path, layout: str) -> None:
    scenes = builders.make_scenes(3)
    assert deblur(builders.write_folders(tmp_path / "folders", scenes), tmp_path / "run-folders") == 0
    source = builders.WRITERS[layout](tmp_path / layout, scenes)
    assert deblur(source, tmp_path / "run") == 0
    assert stable(tmp_path / "run", "subset", "input_key") == stable(tmp_path / "run-folders", "subset", "input_key")


def test_packed_shards_give_the_same_rows_to_the_last_bit(tmp_path: Path) -> None:
    source = builders.write_folders(tmp_path / "scenes", builders.make_scenes(5))
    assert main(["pack", "--input", str(source), "--output", str(tmp_path / "shards"), "--shard-size", "40KB"]) == 0
    assert len(list((tmp_path / "shards").glob("*.tar"))) > 1
    assert deblur(source, tmp_path / "a", "--images", "restored") == 0
    assert deblur(tmp_path / "shards", tmp_path / "b", "--images", "restored") == 0
    assert stable(tmp_path / "a", "input_key") == stable(tmp_path / "b", "input_key")


@pytest.mark.parametrize(("bits", "channels"), [(8, 3), (16, 1), (8, 1)])
def test_depth_and_channels_are_kept(tmp_path: Path, bits: int, channels: int) -> None:
    scenes = builders.make_scenes(1, roles=("left", "right"), bits=bits, channels=channels)
    assert deblur(builders.write_folders(tmp_path / "s", scenes), tmp_path / "run", "--images", "restored") == 0
    (row,) = rows(tmp_path / "run")
    left, right = (imagecodecs.png_decode(scenes["scene-000"][role]).astype(float) for role in ("left", "right"))
    picture = imagecodecs.png_decode((tmp_path / "run" / row["image_path"]).read_bytes())
    assert picture.dtype == f"u{bits // 8}"
    assert np.array_equal(picture, np.rint((left + right) / 2))
    assert [row[name] for name in ("psnr_db", "ssim", "mae", "input_psnr_db", "input_ssim", "input_mae")] == [None] * 6


def test_linear_sensor_data_come_out_linear_with_black_at_zero(tmp_path: Path) -> None:
    left = np.linspace(0, 16383, 32 * 48).reshape(32, 48).astype("u2")
    scenes = {"s": {"left": builders.png(left), "right": builders.png(left[:, ::-1].copy())}}
    source = builders.write_folders(tmp_path / "s", scenes)
    levels = ("--black-level", "1024", "--white-level", "16383", "--transfer", "linear", "--images", "restored")
    assert deblur(source, tmp_path / "run", *levels) == 0
    picture = imagecodecs.png_decode((tmp_path / "run/images/s.png").read_bytes())
    light = [np.clip((v.astype(float) - 1024) / (16383 - 1024), 0, 1) for v in (left, left[:, ::-1])]
    assert np.abs(picture - np.mean(light, 0) * 65535).max() <= 0.51


def test_pictures_in_another_format_are_scored_as_they_are_written(tmp_path: Path) -> None:
    source = builders.write_folders(tmp_path / "s", builders.make_scenes(1))
    for form, suffix in (("png", "png"), ("tiff", "tif"), ("jpeg", "jpg")):
        run = tmp_path / form
        assert deblur(source, run, "--images", "restored", "--images-format", form, "--view") == 0
        (row,) = rows(run)
        assert row["image_path"] == f"images/scene-000.{suffix}"
        picture = codecs.decode((run / row["image_path"]).read_bytes())
        assert (picture.dtype == np.uint8) == (form == "jpeg")
        assert row["image_sha256"] == hashlib.sha256(picture.tobytes()).hexdigest()
        assert codecs.decode((run / "view/scene-000.jpg").read_bytes()).dtype == np.uint8
        scored = tmp_path / f"{form} scored"
        assert main(["score", "--input", str(source), "--restored", str(run / "images"), "--output", str(scored)]) == 0
        names = ("psnr_db", "ssim", "mae", "image_sha256", "protocol", "bit_depth")
        assert {name: row[name] for name in names} == {name: rows(scored)[0][name] for name in names}
        (run / row["image_path"]).unlink()  # as if lost: it is made again
        assert deblur(source, run, "--images", "restored", "--images-format", form, "--view") == 0
        assert (run / row["image_path"]).exists()
    lossless, lossy = rows(tmp_path / "tiff")[0], rows(tmp_path / "jpeg")[0]
    assert lossless["psnr_db"] == rows(tmp_path / "png")[0]["psnr_db"] != lossy["psnr_db"]
    report = (tmp_path / "tiff/report.html").read_text()
    assert "not kept" not in report and "damaged" not in report
    assert deblur(source, tmp_path / "jpeg", "--images", "restored", "--restart") == 0
    assert [file.name for file in (tmp_path / "jpeg").glob("[iv]*/*")] == ["scene-000.png"]


def packed(run: Path) -> dict[str, str]:
    """The pictures in the shards of a run, by scene, each with its shard; every one is decoded."""
    index = pq.read_table(run / "images/index").to_pylist()
    for row in index:
        data = (run / "images" / row["shard"]).read_bytes()[row["offset"] :][: row["size"]]
        assert codecs.decode(data).dtype == np.uint16
    assert {row["shard"] for row in index} == {path.name for path in (run / "images").glob("*.tar")}
    assert len({row["scene_id"] for row in index}) == len(index)
    return {row["scene_id"]: row["shard"] for row in index}


def test_pictures_go_into_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    scenes = builders.make_scenes(4)
    source, run = builders.write_folders(tmp_path / "s", scenes), tmp_path / "run"
    shards = ("--images", "shards", "--shard-size", "12KB")

    def cut_short(*_: object) -> None:
        raise OSError("cut short")

    with monkeypatch.context() as broken:  # when the tables stand, and the first shards are written, but not their index
        broken.setattr("dpdeblur.pipelines.run.pack_images.write_table", cut_short)
        assert deblur(source, run, *shards) == 1
    assert len(list((run / "images").glob("*.png"))) == 4
    before = rows(run)
    assert deblur(source, run, *shards) == 0
    assert rows(run) == before, "nothing is restored twice"
    assert packed(run).keys() == scenes.keys()
    assert len(set(packed(run).values())) > 1
    assert not list((run / "images").glob("*.png"))
    report = (run / "report.html").read_text()
    assert "is missing" not in report and "cannot be read" not in report
    capsys.readouterr()
    assert deblur(source, run, *shards) == 0
    assert "Nothing to do" in capsys.readouterr().out

    scored = tmp_path / "scored"
    assert main(["score", "--input", str(source), "--restored", str(run / "images"), "--output", str(scored)]) == 0
    assert [row["image_sha256"] for row in rows(scored)] == [row["image_sha256"] for row in rows(run)]
    assert main(["pack", "--input", str(run), "--output", str(tmp_path / "out")]) == 0

    where = packed(run)
    (source / "scene-000/left.png").write_bytes(builders.make_scenes(8)["scene-007"]["left"])  # made anew
    builders.write_folders(source, {"scene-new": builders.make_scenes(9)["scene-008"]})
    assert deblur(source, run, *shards) == 0
    assert packed(run).keys() == {*scenes, "scene-new"}
    moved = {name for name, shard in packed(run).items() if shard != where.get(name)}
    assert moved == {name for name, shard in where.items() if shard == where["scene-000"]} | {"scene-new"}

    (run / "images" / packed(run)["scene-003"]).unlink()  # as if lost: it is made again
    assert deblur(source, run, *shards) == 0
    assert packed(run).keys() == {*scenes, "scene-new"}
    assert deblur(source, run, "--restart") == 0
    assert not [path for path in (run / "images").rglob("*") if path.is_file()]


@pytest.mark.parametrize("images", ["restored", "shards"])
def test_pictures_apart_from_the_tables(tmp_path: Path, images: str, capsys: pytest.CaptureFixture[str]) -> None:
    source, run, apart = builders.write_folders(tmp_path / "s", builders.make_scenes(2)), tmp_path / "run", tmp_path / "apart"
    where = ("--images", images, "--images-output", str(apart))
    assert deblur(source, run, *where) == 0
    assert not (run / "images").exists()
    assert [row["image_path"] for row in rows(run)] == [str(apart / f"scene-{number:03d}.png") for number in range(2)]
    report = (run / "report.html").read_text()
    assert "is missing" not in report and "cannot be read" not in report
    capsys.readouterr()
    assert deblur(source, run, *where) == 0
    assert "Nothing to do" in capsys.readouterr().out
    scored, packed_again = tmp_path / "scored", tmp_path / "packed"
    assert main(["score", "--input", str(source), "--restored", str(apart), "--output", str(scored)]) == 0
    assert main(["pack", "--input", str(run), "--output", str(packed_again)]) == 0
    assert deblur(source, tmp_path / "other", *where) == 2
    assert "would overwrite each other" in capsys.readouterr().err
    (source / "scene-001/left.png").unlink()
    assert deblur(source, run, *where, "--prune") == 3
    left = {path.name for path in apart.iterdir()}
    assert left == ({"scene-000.png"} if images == "restored" else {"index", *(path.name for path in apart.glob("*.tar"))})
    assert deblur(source, run, *where, "--restart") == 3
    assert deblur(source, run, "--images-output", str(apart), "--restart") == 2
    assert "needs --images restored" in capsys.readouterr().err


def test_a_copy_to_look_at_of_linear_data_is_bright(tmp_path: Path) -> None:
    left = np.linspace(0, 4000, 32 * 48).reshape(32, 48).astype("u2")
    source = builders.write_folders(tmp_path / "s", {"s": {"left": builders.png(left), "right": builders.png(left)}})
    assert deblur(source, tmp_path / "run", "--transfer", "linear", "--view") == 0
    copy = codecs.decode((tmp_path / "run/view/s.jpg").read_bytes())
    assert copy.max() > 250  # of 16 bits these samples have a sixteenth
    assert 180 < copy[16, 24] < 205  # half of the light, with a gamma
    assert not (tmp_path / "run/images").exists()


def test_broken_scenes_become_rows_and_the_others_finish(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenes = builders.make_scenes(7)
    good = {"scene-000", "scene-006"}
    scenes["scene-001"]["left"] = scenes["scene-001"]["left"][:-40]
    scenes["scene-002"]["right"] = builders.png(builders.make_views(height=20)["right"])
    scenes["scene-003"]["target"] = builders.png(builders.make_views(height=20)["target"])
    scenes["scene-004"]["left"] = b"no picture"
    del scenes["scene-005"]["right"]
    run = tmp_path / "run"
    assert deblur(builders.write_folders(tmp_path / "s", scenes), run) == 3
    assert {row["scene_id"] for row in rows(run)} == good
    failed = {row["scene_id"]: row for row in rows(run, "failures")}
    assert set(failed) == set(scenes) - good
    assert {row["stage"] for row in failed.values()} >= {"find", "decode"}
    assert "left.png" in failed["scene-001"]["uri"]
    assert all(len(row["message"]) > 15 for row in failed.values())
    assert "--target-fit center" in failed["scene-003"]["message"]
    assert "2 restored, 5 failed" in capsys.readouterr().out


def test_a_run_starts_again_only_where_it_must(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenes = builders.make_scenes(3)
    source, run = builders.write_folders(tmp_path / "s", scenes), tmp_path / "run"
    assert deblur(source, run) == 0
    before = rows(run)
    capsys.readouterr()
    assert deblur(source, run) == 0
    assert "Nothing to do" in capsys.readouterr().out
    assert rows(run) == before
    builders.write_folders(source, {"scene-new": builders.make_scenes(9)["scene-008"]})
    (source / "scene-000" / "left.png").write_bytes(builders.make_scenes(8)["scene-007"]["left"])
    (source / "scene-001" / "left.png").unlink()
    assert deblur(source, run) == 3
    after = {row["scene_id"]: row for row in rows(run)}
    assert set(after) == {"scene-000", "scene-001", "scene-002", "scene-new"}
    assert [after["scene-001"], after["scene-002"]] == before[1:], "an unchanged scene keeps its row, and one that lost a view"
    assert after["scene-000"]["psnr_db"] != before[0]["psnr_db"]


def test_a_self_ensemble_is_a_method_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = builders.write_folders(tmp_path / "scenes", builders.make_scenes(1, height=40, width=48))
    runs = {passes: tmp_path / f"run{passes}" for passes in (1, 4)}
    for passes, run in runs.items():
        words = ["deblur", "--input", str(source), "--output", str(run), "--model", "dpdeblur-xs"]
        assert main([*words, "--self-ensemble", str(passes)]) == 0
    (once,), (often,) = rows(runs[1]), rows(runs[4])
    assert (once["model"], often["model"]) == ("dpdeblur-xs", "dpdeblur-xs x4")
    assert once["psnr_db"] != often["psnr_db"]
    assert "self_ensemble" not in json.loads((runs[1] / "manifest.json").read_text())["settings"]
    assert main(["deblur", "--input", str(source), "--output", str(runs[4]), "--model", "dpdeblur-xs"]) == 2
    assert "self_ensemble: 4 → the default" in " ".join(capsys.readouterr().err.split())
    assert main(["deblur", "--input", str(source), "--output", str(tmp_path / "run3"), "--self-ensemble", "3"]) == 2


def test_other_settings_are_refused_until_restarted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, run = builders.write_folders(tmp_path / "s", builders.make_scenes(2)), tmp_path / "run"
    assert deblur(source, run) == 0
    assert deblur(source, run, "--black-level", "10") == 2
    message = capsys.readouterr().err
    assert "black_level: 0" in message
    assert "--restart" in message
    assert deblur(source, run, "--black-level", "10", "--restart") == 0


def test_retry_failed_tries_only_the_failed_again(tmp_path: Path) -> None:
    scenes = builders.make_scenes(3)
    source, run = builders.write_folders(tmp_path / "s", scenes), tmp_path / "run"
    left = source / "scene-001" / "left.png"
    whole, time = left.read_bytes(), left.stat()
    left.write_bytes(b"x" * len(whole))
    os.utime(left, ns=(time.st_atime_ns, time.st_mtime_ns))  # same size, same time: only --retry-failed looks again
    assert deblur(source, run) == 3
    kept = rows(run)
    left.write_bytes(whole)
    os.utime(left, ns=(time.st_atime_ns, time.st_mtime_ns))
    assert deblur(source, run) == 3
    assert deblur(source, run, "--retry-failed") == 0
    assert [row for row in rows(run) if row["scene_id"] != "scene-001"] == kept


def test_usage_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = builders.write_folders(tmp_path / "s", builders.make_scenes(1))
    for options, says in [
        (("--imags", "none"), "--images"),
        (("--model", "views-men"), "views-mean"),
        (("--white-level", "0"), "--white-level"),
        (("--runner", "DaskRunner"), "DaskRunner"),
        (("--layout", "dpdd"), "dpdd"),
    ]:
        assert deblur(source, tmp_path / "run", *options) == 2
        assert says in capsys.readouterr().err
    assert deblur(tmp_path / "nowhere", tmp_path / "run") == 2
    assert not (tmp_path / "run").exists()
    assert main(["deblurr"]) == 2
    assert "deblur" in capsys.readouterr().err


@pytest.mark.parametrize("inside", ["", "0001"])
def test_captures_where_the_run_keeps_its_pictures_are_safe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], inside: str
) -> None:
    source = builders.write_folders(tmp_path / "images" / inside, builders.make_scenes(1))
    assert deblur(source, tmp_path, "--images", "restored", "--restart") == 2
    assert "choose another --output" in capsys.readouterr().err


def test_the_screen_names_a_scene_for_each_cause(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenes = builders.make_scenes(3)
    scenes["scene-001"]["right"] = scenes["scene-002"]["left"] = b"no picture"
    assert deblur(builders.write_folders(tmp_path / "s", scenes), tmp_path / "run") == 3
    assert "2 scenes could not be decoded, for example scene-001: This is text" in capsys.readouterr().out
