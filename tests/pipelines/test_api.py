"""The commands as functions do what the command line does, and refuse what it refuses."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

import dpdeblur
from dpdeblur.pipelines import api
from dpdeblur.pipelines.cli import main
from dpdeblur.pipelines.options.jobs import DeblurOptions, WatchOptions
from dpdeblur.transforms.tables.results import Run, read_run
from tests.builders import make_scenes, write_folders


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    return write_folders(tmp_path / "scenes", make_scenes(3))


def columns(run: Run) -> list[tuple[object, ...]]:
    names = ("scene_id", "psnr_db", "ssim", "image_sha256", "input_key")
    return list(zip(*(run.metrics[name].to_pylist() for name in names), strict=True))


def test_the_same_rows_as_the_command_line(scenes: Path, tmp_path: Path) -> None:
    run = api.deblur(input=scenes, output=tmp_path / "a", model="views-mean", images="restored", black_level=64, workers=None)
    line = ["--input", str(scenes), "--output", str(tmp_path / "b"), "--model", "views-mean", "--images", "restored"]
    assert main(["deblur", *line, "--black-level", "64", "--quiet"]) == 0
    assert columns(run) == columns(read_run(tmp_path / "b"))
    assert run.manifest["settings"]["black_level"] == 64
    words = "dpdeblur deblur --input {} --output {} --images restored --quiet --model views-mean --black-level 64"
    assert run.manifest["command"] == words.format(scenes, tmp_path / "a")


def test_nothing_is_printed(scenes: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    api.deblur(input=scenes, output=tmp_path / "run", model="views-mean")
    assert capfd.readouterr() == ("", "")


def test_failed_scenes_are_rows(scenes: Path, tmp_path: Path) -> None:
    (scenes / "scene-001" / "left.png").write_bytes(b"no picture")
    run = api.deblur(input=scenes, output=tmp_path / "run", model="views-mean")
    assert run.failures["scene_id"].to_pylist() == ["scene-001"]
    assert run.metrics.num_rows == 2


def test_scores_of_ones_own_pictures(scenes: Path, tmp_path: Path) -> None:
    run = api.deblur(input=scenes, output=tmp_path / "run", model="views-mean", images="restored")
    theirs = api.score(input=scenes, restored=tmp_path / "run" / "images", output=tmp_path / "theirs", method="theirs")
    np.testing.assert_array_equal(theirs.metrics["psnr_db"], run.metrics["psnr_db"])
    assert set(theirs.metrics["model"].to_pylist()) == {"theirs"}


def test_synthesized_and_packed_scenes_are_found(tmp_path: Path) -> None:
    made = api.synthesize(output=tmp_path / "made", scenes=2, size="96x64")
    packed = api.pack(input=tmp_path / "made", output=tmp_path / "shards")
    assert (made.layout, packed.layout) == ("folders", "shards")
    assert [scene.scene_id for scene in packed.scenes] == [scene.scene_id for scene in made.scenes]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"modle": "views-mean"}, r"unknown option modle\. Did you mean model\?"),
        ({"model": "views-men"}, "Did you mean 'views-mean'"),
        ({"restart": "yes"}, "--restart is a switch"),
        ({"black_level": "dark"}, "--black-level: 'dark' is not a number"),
        ({"black_level": [1, 2]}, r"--black-level: '\[1, 2\]' is not a number"),
    ],
)
def test_wrong_options_are_refused(scenes: Path, tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(api.UsageError, match=message):
        api.deblur(input=scenes, output=tmp_path / "run", **options)
    assert not (tmp_path / "run" / "manifest.json").exists()


def test_a_job_that_fails_is_an_error_of_its_own(scenes: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for scene in scenes.iterdir():
        (scene / "left.png").write_bytes(b"no picture")
    with pytest.raises(api.JobError, match="1 scene failed, more than --max-failures"):
        api.deblur(input=scenes, output=tmp_path / "run", model="views-mean", max_failures=0)
    assert capfd.readouterr() == ("", "")


def test_a_job_that_fails_says_its_cause(scenes: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "images").write_bytes(b"a file where a folder should be")
    with pytest.raises(api.JobError, match="results cannot be written") as failed:
        api.deblur(input=scenes, output=tmp_path / "run", model="views-mean", images="restored")
    assert isinstance(failed.value.__cause__, OSError)
    assert "images" in str(failed.value.__cause__)


def test_functions_have_the_options_of_their_commands_as_arguments() -> None:
    for function, options in ((dpdeblur.deblur, DeblurOptions), (dpdeblur.watch, WatchOptions)):
        arguments = inspect.signature(function).parameters
        assert arguments.keys() == attrs.fields_dict(options).keys()
        assert all(argument.kind is inspect.Parameter.KEYWORD_ONLY for argument in arguments.values())
        assert list(arguments)[:2] == ["input", "output"], "what is required comes first"
        assert arguments["max_memory"].default is None
        assert "max_memory: memory for restoring" in (function.__doc__ or "")


def test_a_watch_is_not_of_its_own_pictures(tmp_path: Path) -> None:
    with pytest.raises(api.UsageError, match="lies inside --input"):
        dpdeblur.watch(input=tmp_path, output=tmp_path / "run")


def test_options_of_beam_are_checked(scenes: Path, tmp_path: Path) -> None:
    with pytest.raises(api.UsageError, match=r"unknown option --jobname\. Did you mean --job_name\?"):
        api.deblur(input=scenes, output=tmp_path / "run", beam_options={"jobname": "x"})
    with pytest.raises(api.UsageError, match="streaming is False: leave it out"):
        api.deblur(input=scenes, output=tmp_path / "run", beam_options={"streaming": False})


def test_secrets_are_used_and_not_kept(scenes: Path, tmp_path: Path) -> None:
    secret = {"s3_access_key_id": "KEYID", "s3_secret_access_key": "TOPSECRET"}
    run = api.deblur(input=scenes, output=tmp_path / "run", model="views-mean", beam_options=secret)
    assert "KEYID" in run.manifest["command"]
    kept = [path for path in (tmp_path / "run").rglob("*") if path.is_file() and b"TOPSECRET" in path.read_bytes()]
    assert kept == []
