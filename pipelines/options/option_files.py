"""Options by name: in a file, `--config run.yaml`, or from Python. On the command line, what it says itself wins."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from dpdeblur.transforms.records import UsageError


def expand(parser: argparse.ArgumentParser, line: Sequence[str]) -> list[str]:
    """Put the options of every `--config FILE` before the other words, so that these win.

    Args:
        parser: of the command, for the names of its options. Options that it does not know are taken for Beam's.
        line: the words of the command line.

    Raises:
        UsageError: the file cannot be read, or is not a list of options.
    """
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    finder.add_argument("--config", action="append", default=[])
    found, rest = finder.parse_known_args(line)
    return [word for file in found.config for word in words(parser, _read(file), f"--config {file}")] + rest


def words(parser: argparse.ArgumentParser, options: Mapping[str, Any], where: str) -> list[str]:
    """Options by name as words of a command line.

    >>> parser = argparse.ArgumentParser()
    >>> _ = parser.add_argument("--black-level"), parser.add_argument("--quiet", action="store_true")
    >>> words(parser, {"black_level": 64, "quiet": True, "flink_master": "here"}, "example")
    ['--black-level=64', '--quiet', '--flink_master=here']

    Args:
        parser: of the command, for the names of its options, which may be spelt with dashes or underscores.
        options: their values; true or false for switches.
        where: they come from, for the error.

    Raises:
        UsageError: a value is no single one.
    """
    known = {option: action for action in parser._actions for option in action.option_strings}
    return [word for name, value in options.items() for word in _option(str(name), value, known, where)]


def _read(file: str) -> dict[Any, Any]:
    try:
        content = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--config {file} cannot be read: {getattr(error, 'strerror', error)}.") from error
    except yaml.YAMLError as error:
        raise UsageError(f"--config {file} is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise UsageError(f"--config {file} must hold options, one a line, such as 'input: scenes/'.")
    return content


def _option(name: str, value: Any, known: Mapping[str, argparse.Action], where: str) -> Iterator[str]:
    option = f"--{name.removeprefix('--')}"
    option = dashed if (dashed := option.replace("_", "-")) in known else option  # Beam's own are spelt with underscores
    if option in known and known[option].nargs == 0:
        if not isinstance(value, bool):
            raise UsageError(f"{where}: {name} is a switch: true or false, not {value!r}.")
        if value:
            yield option
    elif isinstance(value, list | tuple | dict) or value is None:
        raise UsageError(f"{where}: {name} takes one value, not {value!r}.")
    else:
        yield f"{option}={str(value).lower() if isinstance(value, bool) else value}"
