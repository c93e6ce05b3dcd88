"""The pages of `docs/` that come from the code: `python -m dpdeblur.pipelines.reference`, called by `make docs`."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from dpdeblur.pipelines.cli import COMMANDS, command
from dpdeblur.transforms.tables.schemas import markdown

DOCS = Path(__file__).parents[1] / "docs"
WIDTH = 100  # of the terminal that the commands' help is printed for


def pages() -> dict[str, str]:
    """Every generated page, by file name."""
    return {"schema.md": markdown(), "commands.md": "\n".join(_commands()).rstrip() + "\n"}


def _commands() -> Iterator[str]:
    yield "# Commands\n\nGenerated from the code by `make docs`: what `dpdeblur COMMAND --help` prints.\n"
    for name in COMMANDS:
        _, parser = command(name)
        parser.formatter_class = partial(argparse.RawDescriptionHelpFormatter, width=WIDTH)
        yield f"## `dpdeblur {name}`\n\n```text\n{parser.format_help().rstrip()}\n```\n"


def main() -> int:
    """Write the pages."""
    logging.basicConfig(level=logging.ERROR)
    for name, text in pages().items():
        (DOCS / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
