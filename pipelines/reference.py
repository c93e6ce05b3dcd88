"""The pages of `docs/` that come from the code: `python -m pipelines.reference`, called by `make docs`."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from pipelines.cli import COMMANDS
from transforms.schemas import markdown

DOCS = Path(__file__).parents[1] / "docs"


def pages() -> dict[str, str]:
    """Every generated page, by file name."""
    return {"schema.md": markdown(), "commands.md": "\n".join(_commands()).rstrip() + "\n"}


def _commands() -> Iterator[str]:
    yield "# Commands\n\nGenerated from the code by `make docs`: what `dpdeblur COMMAND --help` prints.\n"
    for name, line in COMMANDS.items():
        parser = argparse.ArgumentParser(
            prog=f"dpdeblur {name}", description=line, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        importlib.import_module(f"pipelines.{name}").add_arguments(parser)
        yield f"## `dpdeblur {name}`\n\n```text\n{parser.format_help().rstrip()}\n```\n"


def main() -> int:
    """Write the pages."""
    logging.basicConfig(level=logging.ERROR)
    os.environ["COLUMNS"] = "100"  # argparse wraps at the terminal's width
    for name, text in pages().items():
        (DOCS / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
