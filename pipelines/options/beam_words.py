"""Options of Apache Beam as words of a command line, which is how Beam takes them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from dpdeblur.pipelines.options.values import text, words


def beam_words(said: Mapping[str, Any] | Iterable[str]) -> tuple[str, ...]:
    """Read options of Beam: by name, or as words of a command line.

    >>> beam_words({"flink_master": "here:8081", "streaming": True, "experiments": ["a", "b"]})
    ('--flink_master=here:8081', '--streaming', '--experiments=a', '--experiments=b')
    """
    if isinstance(said, str):
        raise ValueError(f"{said!r} is one text: give a mapping of names to values, or a list of words")
    if not isinstance(said, Mapping):
        return tuple(map(words, said))
    listed = [(str(name), value) for name, given in said.items() for value in (given if isinstance(given, list) else [given])]
    return tuple(_beam_word(name.removeprefix("--"), value) for name, value in listed)


def _beam_word(name: str, value: object) -> str:
    if not re.fullmatch(r"\w[\w-]*", name):
        raise ValueError(f"{name!r} is no option")
    if value is None or value is False:
        raise ValueError(f"{name} is {value}: leave it out")
    if isinstance(value, Mapping):
        raise ValueError(f"{name} is a mapping: write it as one text")
    return f"--{name}" if value is True else f"--{name}={text(value)}"
