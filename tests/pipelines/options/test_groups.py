"""What people type, and what it means."""

from __future__ import annotations

import argparse

import pytest

from dpdeblur.pipelines.cli import main
from dpdeblur.pipelines.options.groups import number, positive, share, size


@pytest.mark.parametrize(("text", "value"), [("256MB", 256_000_000), ("1.5 GiB", 1_610_612_736), ("10", 10), ("2kb", 2000)])
def test_size(text: str, value: int) -> None:
    assert size(text) == value


@pytest.mark.parametrize(("text", "value"), [("5%", (0.05, True)), ("20", (20.0, False)), ("0", (0.0, False))])
def test_share(text: str, value: tuple[float, bool]) -> None:
    assert share(text) == value


@pytest.mark.parametrize(("text", "value"), [("250M", 250_000_000), ("1e6", 1_000_000), ("7", 7)])
def test_number(text: str, value: int) -> None:
    assert number(text) == value


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (size, "many"),
        (size, "-1MB"),
        (size, "0"),
        (share, "101%"),
        (share, "1.5"),
        (number, "inf"),
        (number, "0"),
        (positive, "0"),
        (positive, "x"),
    ],
)
def test_nonsense_is_refused_with_an_example(parse: object, text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"not a|neither"):
        parse(text)  # type: ignore[operator]


def test_a_wrong_choice_gets_the_nearest_right_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deblur", "--input", "x", "--output", "y", "--layout", "folder"]) == 2
    assert "Did you mean folders?" in capsys.readouterr().err


def test_a_config_file_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deblur", "--config", "nowhere.yaml"]) == 2
    assert "--config nowhere.yaml cannot be read: No such file or directory." in capsys.readouterr().err
