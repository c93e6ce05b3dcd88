"""Options from a file are options like any other, and the command line wins."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from dpdeblur.pipelines.cli import main
from dpdeblur.pipelines.options.option_files import expand
from dpdeblur.transforms.records import UsageError


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(allow_abbrev=False)
    made.add_argument("--input")
    made.add_argument("--black-level", type=float, default=0)
    made.add_argument("--restart", action="store_true")
    return made


def write(folder: Path, text: str) -> str:
    file = folder / "run.yaml"
    file.write_text(text)
    return str(file)


def test_a_file_gives_options_and_the_command_line_wins(tmp_path: Path) -> None:
    file = write(tmp_path, "input: scenes\nblack-level: 64\nrestart: true\nflink_master: here\n")
    args, rest = parser().parse_known_args(expand(parser(), ["--config", file, "--input", "other"]))
    assert (args.input, args.black_level, args.restart) == ("other", 64, True)
    assert rest == ["--flink_master=here"]


@pytest.mark.parametrize("text", ["- a\n", "input: [1, 2]\n", "restart: perhaps\n", "a: b: c\n", "input:\n"])
def test_what_is_no_list_of_options_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match=r"run\.yaml"):
        expand(parser(), [f"--config={write(tmp_path, text)}"])


def test_a_misspelt_option_in_a_file_is_refused_with_the_nearest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deblur", "--config", write(tmp_path, "input: x\noutput: y\nmodle: z\n")]) == 2
    assert "--model" in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_knows_every_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "deblur" in script
    assert "--black-level" in script
