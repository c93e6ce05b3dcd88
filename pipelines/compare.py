"""`dpdeblur compare`: runs against each other, scene by scene; with more than two, a leaderboard."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import PurePath

from dpdeblur.pipelines.console import say, write
from dpdeblur.pipelines.html import comparison_page, page
from dpdeblur.pipelines.html.comparison_tables import grids
from dpdeblur.pipelines.html.grids import to_latex, to_markdown, to_text
from dpdeblur.pipelines.options.tools import CompareOptions
from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.scoring import paired
from dpdeblur.transforms.scoring.comparison import Comparison, compare
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.tables.results import read_run

SUFFIXES = {".txt": "table", ".md": "markdown", ".json": "json", ".tex": "latex", ".html": "html", ".htm": "html"}


def run(options: CompareOptions) -> int:
    """Compare, and print or write the result.

    Raises:
        UsageError: a folder holds no finished run, or the runs do not compare.
    """
    kind = options.format or SUFFIXES.get(PurePath(options.output or "").suffix.lower(), "table")
    text = FORMATS[kind](compare([read_run(folder) for folder in options.runs], any_protocol=options.any_protocol))
    if not options.output:
        write(text)
        return 0
    try:
        store.write_whole(options.output, text.encode())
    except OSError as error:
        raise UsageError(f"{options.output} cannot be written: {error.strerror or error}.") from error
    say(f"Comparison: {options.output}")
    return 0


def to_json(comparison: Comparison) -> str:
    """All numbers, every scene included; infinite values are the strings "Infinity" and "-Infinity"."""
    content = {**dataclasses.asdict(comparison), "resamples": paired.RESAMPLES, "seed": paired.SEED, "level": paired.LEVEL}
    return json.dumps(page.finite(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _table(comparison: Comparison) -> str:
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    return to_text(grids(comparison), comparison.notes, width)


FORMATS: dict[str, Callable[[Comparison], str]] = {
    "table": _table,
    "markdown": lambda comparison: to_markdown(grids(comparison), comparison.notes),
    "json": to_json,
    "latex": lambda comparison: to_latex(grids(comparison), comparison.notes),
    "html": comparison_page.render,
}
