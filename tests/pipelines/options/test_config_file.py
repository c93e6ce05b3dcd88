"""A file of options means what it says: every value as it is written, nothing passed over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dpdeblur.pipelines.cli import main
from dpdeblur.pipelines.options import command_line
from dpdeblur.transforms.records import UsageError


def write(folder: Path, content: str) -> str:
    file = folder / "run.yaml"
    file.write_text(content)
    return str(file)


def options(command: str, *words: str) -> Any:
    return command_line.options(command, command_line.split(command, words))


def test_a_file_gives_options_and_the_command_line_wins(tmp_path: Path) -> None:
    file = write(tmp_path, "input: scenes\noutput: run\nblack-level: 64\nrestart: true\nflink_master: here\n")
    found = options("deblur", "--config", file, "--input", "other")
    assert (found.input, found.black_level, found.restart) == ("other", 64, True)
    assert found.beam_options == ("--flink_master=here",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("- a\n", "must hold options"),
        ("", "must hold options"),
        ("input: [1, 2]\n", "line 1: input takes one value, not 2"),
        ("input: {a: b}\n", "takes one value, not a mapping"),
        ("input: x\noutput: y\nrestart: perhaps\n", "--restart is a switch: true or false, not 'perhaps'"),
        ("input: x\noutput: y\nrestart: yes\n", "--restart is a switch: true or false, not 'yes'"),
        ("a: b: c\n", "is not YAML"),
        ("input:\n", "line 1: input has no value"),
        ("input: x\noutput: ~\n", "line 2: output has no value"),
        ("input: x\ninput: y\n", "line 2: input is said twice"),
        ("black-level: 1\nblack_level: 2\n", "line 2: black_level is said twice"),
        ("flink_master: x\nflink_master: y\n", "said twice"),
        ("input: !!python/name:os.system x\n", "has a tag"),
        ("config: other.yaml\n", "cannot name another one"),
        ("input: x\noutput: y\nmodle: z\n", "unknown option --modle. Did you mean --model"),
        ("input: x\noutput: y\nstreaming: false\n", "--streaming is a switch of Beam"),
        ("input: x\noutput: y\nworkers: 0x10\n", r"run\.yaml: --workers: '0x10' is not a whole number"),
        ("input: x\noutput: y\n<<: {workers: 2}\n", "takes one value, not a mapping"),
    ],
)
def test_what_is_no_list_of_options_is_refused(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        options("deblur", f"--config={write(tmp_path, content)}")


@pytest.mark.parametrize("written", ["no", "off", "007", "1:30", "2024-01-02", "1e3", "0o17", "1_000", ".inf", "'~'", "x"])
def test_text_is_taken_as_it_is_written(tmp_path: Path, written: str) -> None:
    file = write(tmp_path, f"input: {written}\noutput: y\n")
    assert options("deblur", "--config", file).input == written.strip("'")


def test_a_number_with_leading_zeros_is_decimal(tmp_path: Path) -> None:
    assert options("deblur", "--config", write(tmp_path, "input: x\noutput: y\nworkers: 010\n")).workers == 10


def test_a_later_file_wins_over_an_earlier_one(tmp_path: Path) -> None:
    first = tmp_path / "first.yaml"
    first.write_text("input: x\noutput: y\nworkers: 2\n")
    found = options("deblur", "--config", str(first), "--config", write(tmp_path, "workers: 3\n"))
    assert (found.input, found.workers) == ("x", 3)


def test_several_values_and_options_of_beam(tmp_path: Path) -> None:
    assert options("compare", "--config", write(tmp_path, "runs: [a, b]\n")).runs == ("a", "b")
    file = write(tmp_path, "input: x\noutput: y\nbeam_options: {experiments: [a, b], streaming: true}\njob-name: n\n")
    theirs = options("deblur", "--config", file).beam_options
    assert theirs == (
        "--experiments=a",
        "--experiments=b",
        "--streaming",
        "--job_name=n",
    )


def test_a_misspelt_option_in_a_file_is_refused_with_the_nearest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deblur", "--config", write(tmp_path, "input: x\noutput: y\nmodle: z\n")]) == 2
    assert "--model" in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_knows_every_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "deblur" in script
    assert "--black-level" in script
    assert "openvino-bf16" in script
