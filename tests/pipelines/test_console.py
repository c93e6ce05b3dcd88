"""What the program prints reaches every terminal, log and pipe in some form, and fails no job."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.table import Table

from dpdeblur.pipelines import console
from tests.builders import make_scenes, write_file, write_folders

PROGRAM = [sys.executable, "-m", "dpdeblur.pipelines.cli"]


def program(*words: str, encoding: str = "utf-8", **how: object) -> subprocess.CompletedProcess[bytes]:
    """Run the program in a process of its own."""
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        [*PROGRAM, *words],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONIOENCODING": encoding, "COLUMNS": "20"},
        check=False,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **how},
    )


@pytest.fixture
def job(tmp_path: Path) -> list[str]:
    """A command line of two scenes, of which one is broken in a way that needs a special letter to say."""
    source = write_folders(tmp_path / "scenes", make_scenes(2))
    write_file(source / "Ĉielo → 3" / "left.png", b"no picture")
    return ["deblur", "--input", str(source), "--output", str(tmp_path / "run"), "--model", "views-mean"]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437", "utf-8"])
def test_a_job_ends_the_same_on_every_terminal(job: list[str], tmp_path: Path, encoding: str) -> None:
    ended = program(*job, encoding=encoding)
    said = ended.stdout.decode(encoding)
    assert ended.returncode == 3, said
    assert "2 restored, 1 failed" in said and (tmp_path / "run/report.html").exists()
    assert ("→" if encoding == "utf-8" else "->") in said
    assert "Traceback" not in said and "failed: " not in said
    again = program(*job, encoding=encoding)
    assert again.returncode == 3 and b"Nothing to do" in again.stdout


@pytest.mark.parametrize("words", [["--help"], ["deblur", "--help"], ["compare", "--help"], ["models"], ["nonsense"]])
def test_everything_can_be_read_in_ascii(words: list[str]) -> None:
    ended = program(*words, encoding="ascii")
    assert ended.returncode == (2 if words == ["nonsense"] else 0)
    assert ended.stdout.isascii() and b"Traceback" not in ended.stdout


def test_a_job_whose_reader_has_gone_ends_as_any_other(job: list[str], tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = program(*job, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert ended.returncode == 3, ended.stderr
    assert b"Traceback" not in ended.stderr and b"BrokenPipe" not in ended.stderr
    assert (tmp_path / "run/report.html").exists()


def test_help_whose_reader_has_gone_is_no_failure() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = program("deblur", "--help", stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_job_whose_log_is_full_ends_as_any_other(job: list[str], tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        ended = program(*job, stdout=full, stderr=full)
    assert ended.returncode == 3 and (tmp_path / "run/report.html").exists()


def test_a_job_without_standard_streams_writes_no_file_into_their_place(job: list[str], tmp_path: Path) -> None:
    script = '"$@" >&- 2>&- <&-'
    ended = subprocess.run(["sh", "-c", script, "sh", *PROGRAM, *job], cwd=Path(__file__).parents[2], check=False)
    assert ended.returncode == 3 and (tmp_path / "run/report.html").exists()


def test_names_that_are_no_text_are_shown(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    console.say("caf\udce9 → 1 scene · 20 µm, 東京")
    assert capsysbinary.readouterr().out.decode() == "caf\\xe9 → 1 scene · 20 µm, 東京\n"


def test_no_number_of_a_table_is_cut(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    table = Table("method", "PSNR dB", "SSIM", "MAE")
    table.add_row("a method with a name", "21.282 → 22.951", "0.7812 → 0.8123", "0.04213 → 0.03917")
    console.print_table(console.rich_console(), table)
    said = capsys.readouterr().out
    assert "21.282 → 22.951" in said and "0.04213 → 0.03917" in said


def test_quiet_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    console.rich_console(quiet=True).print("a line")
    assert capsys.readouterr().out == ""
