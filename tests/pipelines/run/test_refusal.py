"""A run that is refused leaves nothing that it has made, and all that was there before."""

from __future__ import annotations

from pathlib import Path

import pytest

from dpdeblur.pipelines.cli import main
from tests import builders, commands
from tests.memory_files import MemoryFiles

GRAPH = ("--runner", "FnApiRunner")


def everything(folder: Path) -> dict[str, bytes]:
    """All that lies in a folder: contents of files; empty for folders."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}


def deblur(source: Path, run: Path, *options: str) -> int:
    return main(["deblur", "--input", str(source), "--output", str(run), "--model", "views-mean", *options, *GRAPH])


@pytest.mark.parametrize("there", [(), ("notes", "log.txt", ".state/lock")])
def test_nothing_is_left(tmp_path: Path, there: tuple[str, ...]) -> None:
    for name in there:
        builders.write_file(tmp_path / "new" / "run" / name, b"of somebody else")
    builders.write_file(tmp_path / "empty" / "readme.txt", b"no scene")
    before = everything(tmp_path)
    assert deblur(tmp_path / "empty", tmp_path / "new" / "run") == 2
    after = everything(tmp_path)
    assert after.keys() == before.keys()
    assert all(after[name] == before[name] for name in before if not name.endswith(("lock", "log.txt"))), "a log grows"


def test_a_run_that_was_finished_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, run = builders.write_folders(tmp_path / "s", commands.scenes(6)), tmp_path / "run"
    assert deblur(source, run) == 0
    before = everything(run)
    for number in range(5):
        (source / f"scene-00{number}").rename(tmp_path / f"away-{number}")
    assert deblur(source, run) == 2
    assert "no longer" in capsys.readouterr().err
    assert everything(run).keys() == before.keys()


def test_nothing_is_left_in_a_store(tmp_path: Path) -> None:
    builders.write_file(tmp_path / "empty" / "readme.txt", b"no scene")
    words = ["deblur", "--input", str(tmp_path / "empty"), "--output", "mem://refused/run", "--model", "views-mean", *GRAPH]
    assert main(words) == 2
    assert [name for name in MemoryFiles.objects if name.startswith("mem://refused/")] == []
