"""Progress for programs: whole lines of JSON with the fields that the docs name, whatever becomes of the work."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from dpdeblur.pipelines.cli import main
from dpdeblur.pipelines.run.display import Tally
from tests import builders, commands
from tests.rows import failure, score

PAGE = Path(__file__).parents[3] / "docs/how-to/automation.md"


def told(said: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said.splitlines() if line.startswith("{")]


def test_a_run_tells_programs_how_far_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = builders.write_folders(tmp_path / "s", commands.scenes(3))
    (source / "scene-001" / "left.png").write_bytes(b"no picture")
    words = ["--input", str(source), "--quiet", "--progress", "json"]
    assert main(["deblur", *words, "--output", str(tmp_path / "run"), "--model", "views-mean"]) == 3
    said = capsys.readouterr()
    assert said.out == ""
    lines = told(said.err)
    assert len(lines) == len(said.err.splitlines())
    assert [line["event"] for line in (lines[0], lines[-1])] == ["start", "end"]
    assert [lines[-1][name] for name in ("unit", "todo", "done", "failed")] == ["scene", 3, 3, 1]
    assert all(earlier["done"] <= later["done"] for earlier, later in pairwise(lines))
    of_lines = PAGE.read_text(encoding="utf-8").partition("**Prometheus**")[0]
    documented = re.findall(r"^\| `(\w+)` \|", of_lines, re.MULTILINE)
    assert list(lines[-1]) == documented

    assert main(["pack", *words, "--output", str(tmp_path / "shards")]) == 3
    assert told(capsys.readouterr().err)[-1]["unit"] == "shard"


def test_failures_are_not_counted_among_what_is_kept() -> None:
    tally = Tally(None)
    tally.add(score("a"))
    assert tally.kept() == "1 scene"
    for name in ("b", "c"):
        tally.add(failure(name))
    assert tally.kept() == "1 scene, and 2 failures"


def test_the_end_is_told_of_a_run_that_stops(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = builders.write_folders(tmp_path / "s", commands.scenes(3))
    for scene in source.iterdir():
        (scene / "left.png").write_bytes(b"no picture")
    words = ["deblur", "--input", str(source), "--output", str(tmp_path / "run"), "--model", "views-mean"]
    assert main([*words, "--progress", "json", "--max-failures", "1", "--workers", "1"]) == 1
    assert told(capsys.readouterr().err)[-1]["event"] == "end"
