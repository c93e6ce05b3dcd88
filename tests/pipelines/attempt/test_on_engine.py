"""The graph of an engine, on the one that needs no other process: found, planned, restored and committed in one job."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from dpdeblur.pipelines.cli import main
from tests import builders, commands
from tests.commands import rows

GRAPH = ("--runner", "FnApiRunner")


def deblur(source: Path, run: Path, *options: str) -> int:
    words = ["deblur", "--input", str(source), "--output", str(run), "--model", "views-mean", "--images", "restored"]
    return main([*words, *options])


def timeless(run: Path) -> dict[str, Any]:
    stable = commands.stable(run)
    return {**stable, "failures": [{**row, "finished_at": None} for row in stable["failures"]]}


def test_a_run_that_goes_on_is_that_of_the_command_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = builders.write_folders(tmp_path / "s", commands.scenes(8))
    (source / "scene-004" / "right.png").write_bytes(b"no picture")
    here, graph = tmp_path / "here", tmp_path / "graph"
    assert deblur(source, here, "--limit", "6") == deblur(source, graph, "--limit", "6", *GRAPH) == 3
    assert timeless(graph) == timeless(here)
    for run in (here, graph):
        (run / "images" / "scene-003.png").unlink()
    (source / "scene-001").rename(tmp_path / "elsewhere")
    capsys.readouterr()
    said = []
    for run, options in ((here, ()), (graph, GRAPH)):
        assert deblur(source, run, *options) == 3
        said.append([line for line in capsys.readouterr().out.splitlines() if "layout" in line])
    assert said[0] == said[1] and "1 scene no longer in the input" in said[0][0]
    assert timeless(graph) == timeless(here)
    assert commands.leftovers(graph) == []
    assert deblur(source, graph, *GRAPH) == 3
    assert "Nothing to do: 8 scenes, 1 failed; 1 scene no longer in the input" in capsys.readouterr().out
    assert commands.leftovers(graph) == []


def test_what_failed_is_done_again_and_a_run_begins_anew(tmp_path: Path) -> None:
    source, run = builders.write_folders(tmp_path / "s", commands.scenes(3)), tmp_path / "run"
    view = source / "scene-001" / "right.png"
    whole = view.read_bytes()
    view.write_bytes(b"no picture")
    assert deblur(source, run, "--max-failures", "0", *GRAPH) == 1, "too many have failed"
    assert not (run / "metrics").exists()
    assert deblur(source, run, "--retry-failed", *GRAPH) == 3, "what had failed in the journal is done again"
    view.write_bytes(whole)
    assert deblur(source, run, "--restart", *GRAPH) == 0
    assert [row["scene_id"] for row in rows(run)] == [f"scene-00{number}" for number in range(3)]
    assert commands.leftovers(run) == []


def test_what_is_wrong_is_said_as_the_command_alone_would(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, run = builders.write_folders(tmp_path / "s", commands.scenes(6)), tmp_path / "run"
    (tmp_path / "empty").mkdir()
    assert deblur(source, run) == 0
    before = rows(run)
    for number in range(4):
        (source / f"scene-00{number}").rename(tmp_path / f"gone-{number}")
    capsys.readouterr()
    for place, folder, *options in (
        (tmp_path / "empty", tmp_path / "other"),
        (source, run),
        (source, run, "--transfer", "linear"),
        (source, run, "--scenes", "nobody*"),
    ):
        said = []
        for engine in ((), GRAPH):
            assert deblur(place, folder, *options, *engine) == 2
            said.append(capsys.readouterr().err)
        assert said[0] == said[1], options
    assert rows(run) == before


def test_the_report_shows_pictures_that_the_workers_chose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, here, graph = builders.write_folders(tmp_path / "s", commands.scenes(4)), tmp_path / "here", tmp_path / "graph"
    assert deblur(source, here) == 0
    monkeypatch.setattr("dpdeblur.pipelines.html.gallery.gather", None)  # which would find the input once more
    assert deblur(source, graph, "--limit", "2", *GRAPH) == 0
    assert deblur(source, graph, *GRAPH) == 0, "two come from tables, two are new"
    pages = [(run / "report.html").read_text("utf-8") for run in (here, graph)]
    shots = [re.findall(r"data:image/[a-z]+;base64,[^\"]*", page) for page in pages]
    assert shots[0] == shots[1] and len(shots[0]) > 4 * 3, "before, after, target and a thumbnail"
