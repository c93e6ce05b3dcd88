"""Arguments that nobody means: each is answered in a line that says what is wrong, and by an exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from dpdeblur.pipelines import report
from dpdeblur.pipelines.cli import main
from tests import builders

TOO_LONG = "x" * 300
BEGINNING = "only the beginning of an address"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `scenes`, a `file`, and what is `broken`: a folder has the name of a run's file."""
    folder = tmp_path_factory.mktemp("odd")
    builders.write_folders(folder / "scenes", builders.make_scenes(1))
    builders.write_file(folder / "file", b"hello\n")
    (folder / "broken/manifest.json").mkdir(parents=True)
    return folder


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("deblur --input scenes --output s3://", 2, f"--output: s3:// is {BEGINNING}"),
        ("deblur --input file:// --output run", 2, f"--input: file:// is {BEGINNING}"),
        ("plan --input gs:/// --output run", 2, BEGINNING),
        ("pack --input scenes --output gs://", 2, BEGINNING),
        ("report hdfs://", 2, BEGINNING),
        ("compare scenes s3://", 2, BEGINNING),
        ("models check gs://", 2, BEGINNING),
        (f"models check {TOO_LONG}", 2, "File name too long"),
        (f"latency --model {TOO_LONG}", 2, "File name too long"),
        (f"deblur --input scenes --output {TOO_LONG}", 1, "File name too long"),
        (f"submit --check {TOO_LONG}", 1, "File name too long"),
        ("deblur --input scenes --output run --images restored --images-output file", 2, "/file is a file: give a folder."),
        ("deblur --config= --input scenes --output run", 2, "--config: the value is empty"),
        ("deblur --config /dev/zero --input scenes --output run", 2, "no file of options"),
        ("deblur --input scenes --output broken", 1, "broken/manifest.json is a folder, where a file should be"),
        ("pack --input scenes --output sh\udcffards", 2, "sh\\xffards holds the byte \\xff, which is not UTF-8"),
        ("report http://127.0.0.1:9/run", 1, "http://127.0.0.1:9/run"),
    ],
)
def test_one_line_says_what_is_wrong(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str, code: int, words: str
) -> None:
    monkeypatch.chdir(folder)
    before = sorted(folder.rglob("*"))
    assert main(line.split()) == code
    said = capsys.readouterr()
    assert words in said.out + said.err
    assert "Traceback" not in said.err
    assert sorted(folder.rglob("*")) == before


def test_a_fault_of_ours_is_called_one(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def faulty(options: object) -> int:
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr(report, "run", faulty)
    assert main(["report", "run"]) == 1
    said = capsys.readouterr().err
    assert "of all things" in said
    assert said.splitlines()[-1] == "dpdeblur report: This is a bug in dpdeblur. Please report it, with the lines above."
