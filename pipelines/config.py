"""`--config run.yaml`: the options of a command in a file; what the command line says wins."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from transforms.records import UsageError


def expand(parser: argparse.ArgumentParser, words: Sequence[str]) -> list[str]:
    """Put the options of every `--config FILE` before the other words, so that these win.

    Args:
        parser: of the command, for the names of its options. Options that it does not know are taken for Beam's.
        words: the command line.

    Raises:
        UsageError: the file cannot be read, or is not a list of options.
    """
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    finder.add_argument("--config", action="append", default=[])
    found, rest = finder.parse_known_args(words)
    flags = {option for action in parser._actions if action.nargs == 0 for option in action.option_strings}
    return [word for file in found.config for word in _words(file, flags)] + rest


def _words(file: str, flags: set[str]) -> Iterator[str]:
    try:
        content = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--config {file} cannot be read: {error}.") from error
    except yaml.YAMLError as error:
        raise UsageError(f"--config {file} is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise UsageError(f"--config {file} must hold options, one a line, such as 'input: scenes/'.")
    for name, value in content.items():
        yield from _option(str(name), value, flags, file)


def _option(name: str, value: Any, flags: set[str], file: str) -> Iterator[str]:
    option = f"--{name.removeprefix('--')}"
    dashed = option.replace("_", "-")
    if dashed in flags:
        if not isinstance(value, bool):
            raise UsageError(f"--config {file}: {name} is a switch: true or false, not {value!r}.")
        if value:
            yield dashed
    elif isinstance(value, list | dict) or value is None:
        raise UsageError(f"--config {file}: {name} takes one value, not {value!r}.")
    else:
        yield f"{option}={str(value).lower() if isinstance(value, bool) else value}"
