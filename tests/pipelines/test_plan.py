"""The plan says what the run would do: the same scenes, the same refusals, and what it would cost elsewhere."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dpdeblur.pipelines.cli import main
from dpdeblur.pipelines.run.estimate import SceneTime
from tests import builders, commands, runs
from tests.rows import score


def words(source: Path, run: Path, *options: str, model: str = "views-mean") -> list[str]:
    return ["--input", str(source), "--output", str(run), "--model", model, *options]


def write_restormer_with_a_dead_link(root: Path, scenes: builders.Scenes) -> Path:
    builders.write_restormer(root, scenes)
    view = root / "inputL" / "scene-001.png"
    view.unlink()
    view.symlink_to(root / "nowhere.png")
    return root


def write_folders_without_a_view(root: Path, scenes: builders.Scenes) -> Path:
    builders.write_folders(root, scenes)
    (root / "scene-001" / "right.png").unlink()
    return root


@pytest.mark.parametrize(
    "write",
    [
        builders.write_ntire,
        builders.write_dpdd,
        builders.write_manifest,
        write_restormer_with_a_dead_link,
        write_folders_without_a_view,
    ],
)
def test_plan_and_deblur_count_alike(
    tmp_path: Path, write: Callable[[Path, builders.Scenes], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    source, run = write(tmp_path / "s", commands.scenes(3)), tmp_path / "run"
    for options in ((), ("--limit", "2"), ("--limit", "2")):  # all; a part, others stay; nothing to do
        code = main(["plan", *words(source, run, *options)])
        planned = [line for line in capsys.readouterr().out.splitlines() if line.startswith("scenes ")]
        assert main(["deblur", *words(source, run, *options)]) == code
        said = capsys.readouterr().out
        line = planned[0].removeprefix("scenes").strip()
        assert line in said.splitlines() or "Nothing to do" in said


def test_to_plan_takes_no_beam(tmp_path: Path) -> None:
    source = builders.write_folders(tmp_path / "s", commands.scenes(1))
    code = "import sys; from dpdeblur.pipelines.cli import main; print(main(sys.argv[1:]), 'apache_beam' in sys.modules)"
    command = [sys.executable, "-c", code, "plan", *words(source, tmp_path / "run")]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert said.splitlines()[-1] == "0 False"


@pytest.mark.parametrize("kind", ["no complete scene", "broken views", "model", "max-failures", "output"])
def test_a_run_that_would_fail_whole_is_refused(tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    source, run, model, options = tmp_path / "s", tmp_path / "run", "views-mean", []
    builders.write_folders(source, commands.scenes(3, bright=(0, 1, 2)))
    for scene in source.iterdir():
        if kind == "no complete scene" or (kind == "max-failures" and scene.name > "scene-000"):
            (scene / "left.png").unlink()
        elif kind == "broken views":
            (scene / "left.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    if kind == "model":
        model = str(commands.bright_is_nan(tmp_path / "nan.onnx"))
    elif kind == "max-failures":
        options = ["--max-failures", "1"]
    elif kind == "output":
        builders.write_file(tmp_path / "file", b"")
        run = tmp_path / "file" / "run"
    for more in ([], ["--quiet"]):
        assert main(["plan", *words(source, run, *options, *more, model=model)]) == 2
        said = capsys.readouterr().err
        assert "every scene would fail" in said or "cannot be written to" in said
    assert not run.exists()


def test_one_broken_scene_is_no_reason_to_refuse_the_rest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = builders.write_folders(tmp_path / "s", commands.scenes(2))
    (source / "scene-000" / "left.png").write_bytes(b"no picture")
    assert main(["plan", *words(source, tmp_path / "run")]) == 3
    said = capsys.readouterr().out
    assert "scene-000 would fail at decode" in said
    assert "16x16, 16 bit (of scene-001)" in said


def test_time_and_cost_elsewhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = builders.write_folders(tmp_path / "s", commands.scenes(3, size=32))
    measured = runs.write_run(
        tmp_path / "measured", [score("a", megapixels=2.0), score("b", megapixels=4.0)], manifest={"threads": 2}
    )
    options = ["--cores", "4", "--core-hour", "3600", "--measured", str(measured)]
    assert main(["plan", *words(source, tmp_path / "run", *options)]) == 0
    said = capsys.readouterr().out
    seconds = 2 * (3 + 150 + 400 + 60 + 110) / 6 * 32 * 32 / 1e6 / 1e3  # stages of both scenes, over their megapixels
    assert "2 scenes in" in said
    assert "on 4 cores" in said
    assert f"cost       about {3 * seconds * 2 * 3600 / 3600:.2f}:" in said
    assert main(["plan", *words(source, tmp_path / "run", "--cores", "4")]) == 0
    said = capsys.readouterr().out
    assert "timed here, alone" in said
    assert "\ncost " not in said
    assert main(["plan", *words(source, tmp_path / "run", "--cores", "4", "--measured", str(tmp_path / "none"))]) == 2
    assert "no latency statistics" in capsys.readouterr().err


def test_rounds_of_scenes() -> None:
    scene = SceneTime(seconds=10.0, threads=4, source="")
    assert scene.wall_s(9, 16) == 30.0, "four at once, in three rounds"
    assert scene.wall_s(9, 2) == 90.0, "fewer cores than threads: one after the other"
    assert scene.core_hours(9) == pytest.approx(0.1)
