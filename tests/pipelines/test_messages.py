"""What commands say, on the terminal and in the log: no more than helps, and nothing untrue."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dpdeblur.pipelines.cli import main
from tests import builders
from tests.cluster.commands import wait_for


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return builders.write_folders(tmp_path / "scenes", builders.make_scenes(1))


def test_the_log_holds_no_notes_on_type_hints(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deblur", "--input", str(source), "--output", str(tmp_path / "run"), "--model", "views-mean"]) == 0
    assert "type hint" not in (tmp_path / "run/log.txt").read_text()
    said = capsys.readouterr().out
    assert said.startswith("1 scene, layout folders")
    assert not re.search(r"(?<![\d.])1 scenes", said)


@pytest.mark.parametrize(("broken", "code"), [(False, 0), (True, 3)])
def test_a_quiet_plan_answers_by_its_exit_code(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], broken: bool, code: int
) -> None:
    if broken:
        builders.write_file(source / "scene-001" / "left.png", b"")  # and no right one
    words = ["plan", "--input", str(source), "--output", str(tmp_path / "run"), "--model", "views-mean"]
    assert main([*words, "--quiet"]) == code
    assert capsys.readouterr().out == ""
    assert main(words) == code
    assert "1 scene; already done" in capsys.readouterr().out


def test_scenes_half_made_are_not_promised_to_go_on(tmp_path: Path) -> None:
    words = ["synthesize", "--output", str(tmp_path / "scenes"), "--scenes", "500", "--size", "640x480"]
    process = subprocess.Popen(
        [sys.executable, "-m", "dpdeblur.pipelines.cli", *words],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: list(tmp_path.glob("scenes/*/scene.json")), process)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=600)[1]
    assert process.returncode == 128 + signal.SIGTERM
    assert "remove them, or choose another --output" in said
    assert "resumes" not in said


def test_files_that_are_left_out_are_said_everywhere_and_count_where_asked(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    builders.write_file(source / "IMG_1.CR3", b"raw")
    builders.write_file(source / ".DS_Store", b"hidden")
    options = ["--input", str(source), "--output", str(tmp_path / "run"), "--model", "views-mean"]
    line = "1 file left out: 1 raw file (such as IMG_1.CR3); see plan --explain"
    assert main(["plan", *options, "--explain"]) == 0
    said = capsys.readouterr().out
    assert line in said
    assert "IMG_1.CR3: left out: raw file" in said
    assert "scene-000/left.png: left of scene scene-000" in said
    assert main(["deblur", *options]) == 0
    assert line in capsys.readouterr().out
    assert {kind["kind"]: kind["count"] for kind in json.loads((tmp_path / "run/summary.json").read_text())["left_out"]} == {
        "raw file": 1,
        "hidden file": 1,
    }
    assert line in (tmp_path / "run/report.html").read_text()
    assert main(["deblur", *options, "--strict"]) == 3, "nothing to do, and still a file is left out"
    assert main(["plan", *options, "--strict"]) == 3
    (source / "IMG_1.CR3").unlink()
    assert main(["deblur", *options, "--strict"]) == 0, "hidden files are not meant to be read"
