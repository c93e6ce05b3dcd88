"""The pages of `docs/` that come from the code: `python -m dpdeblur.pipelines.reference`, called by `make docs`."""

from __future__ import annotations

import logging
import re
import sys
import textwrap
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from dpdeblur.pipelines.options.command_line import CONFIG
from dpdeblur.pipelines.options.commands import COMMANDS, summary
from dpdeblur.pipelines.options.declaration import Option, options_of
from dpdeblur.pipelines.options.values import text
from dpdeblur.transforms.tables.schemas import markdown

DOCS = Path(__file__).resolve().parents[1] / "docs"
WIDTH = 128  # of a line of prose
HEAD = f"""# Commands

Generated from the code by `make docs`. An option has the same name on the command line, in a YAML file and in Python:

- `dpdeblur deblur --input scenes/ --black-level 64`
- `dpdeblur deblur --config run.yaml`, where `run.yaml` contains `input: scenes/` and `black-level: 64`
- `dpdeblur.deblur(input="scenes/", black_level=64)`

Every command takes `--config FILE`: {CONFIG}. Values are read as they are written: `no`, `007` and `2024-01-02` stay
text, a switch is `true` or `false`, and an option that is repeated or has no value is an error.

Commands with an engine also take the options of Apache Beam and its runners: on the command line and in a file like any
other option, in Python as `beam_options={{"flink_master": "flink:8081"}}`. Passwords, keys and tokens among them are
used, but never written into a manifest, a report or a log.
"""


def pages() -> dict[str, str]:
    """Every generated page, by file name."""
    return {"schema.md": markdown(), "commands.md": "\n".join(_commands()).rstrip() + "\n"}


def _commands() -> Iterator[str]:
    yield "\n\n".join(map(_wrapped, HEAD.split("\n\n"))) + "\n"
    told: dict[str, str] = {}  # each group of options, as text, and the command under which the page has it
    for name, kind in COMMANDS.items():
        yield f"## `dpdeblur {name}`\n\n{summary(name)}\n"
        yield "```sh norun\n" + "\n".join(re.sub(r"\n +", "\n  ", example) for example in kind.examples) + "\n```\n"
        again: dict[str, list[str]] = {}
        for title, options in groupby(options_of(kind), key=lambda option: option.title):
            group = _group(title, [option for option in options if not option.hidden])
            if (command := told.setdefault(group, name)) == name:
                yield group
            else:
                again.setdefault(command, []).append(title)
        for command, titles in again.items():
            yield (
                textwrap.fill(f"Also the options of [dpdeblur {command}](#dpdeblur-{command}): {', '.join(titles)}.", WIDTH)
                + "\n"
            )
        yield textwrap.fill(kind.notes, WIDTH, break_on_hyphens=False) + "\n"


def _wrapped(part: str) -> str:
    return part if part.startswith(("#", "-")) else textwrap.fill(part, WIDTH, break_on_hyphens=False)


def _group(title: str, options: list[Option]) -> str:
    about = f" {options[0].about}" if options[0].about else ""
    lines = "\n".join(f"- {_spelling(option)}: {_plain(option.help)}" for option in options)
    return f"**{title.capitalize() or 'Arguments'}.**{about}\n\n{lines}\n"


def _spelling(option: Option) -> str:
    if option.positional:
        return f"`{option.metavar}`"
    value: Any = "" if option.switch else f" {option.metavar or '|'.join(map(text, option.choices))}"
    required = " **required**" if option.required else ""
    return f"`{option.flag}{value}`{required}"


def _plain(words: str) -> str:
    """Return words escaped for Markdown."""
    return re.sub(r"([\[\]*_])", r"\\\1", words).replace("<", "&lt;")


def main() -> int:
    """Write the pages."""
    logging.basicConfig(level=logging.ERROR)
    for name, content in pages().items():
        (DOCS / name).write_text(content, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
