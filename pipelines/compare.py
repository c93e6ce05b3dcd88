"""`dpdeblur compare`: runs against each other, scene by scene; with more than two, a leaderboard."""

from __future__ import annotations

import argparse
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
from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.scoring import paired
from dpdeblur.transforms.scoring.comparison import Comparison, compare
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.tables.results import read_run

EXAMPLES = """examples:
  dpdeblur compare runs/views-mean runs/mine
  dpdeblur compare runs/* --format markdown
  dpdeblur compare runs/views-mean runs/mine --output gain.html

The first run is the baseline. Intervals and bootstrap p-values come from {resamples} resamples of the scenes, seed {seed},
and need {bootstrap} scenes or more; the Wilcoxon test needs {wilcoxon}. Tests are two-sided, and p-values are not corrected
for the number of comparisons. CPU time is wall time of the model times its threads.
"""
SUFFIXES = {".txt": "table", ".md": "markdown", ".json": "json", ".tex": "latex", ".html": "html", ".htm": "html"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """All options of the command."""
    parser.epilog = EXAMPLES.format(
        resamples=paired.RESAMPLES,
        seed=paired.SEED,
        bootstrap=paired.FEWEST_FOR_BOOTSTRAP,
        wilcoxon=paired.FEWEST_FOR_WILCOXON,
    )
    parser.add_argument(
        "runs", nargs="+", metavar="RUN", help="folders of finished runs, two or more; the first is the baseline"
    )
    parser.add_argument("--format", choices=list(FORMATS), help="default: by the name of --output, else table")
    parser.add_argument("--output", metavar="FILE", help="where it goes (default: the terminal)")
    parser.add_argument("--any-protocol", action="store_true", help="compare scores of different metric protocols all the same")


def run(args: argparse.Namespace, beam_args: list[str]) -> int:
    """Compare, and print or write the result.

    Raises:
        UsageError: a folder holds no finished run, or the runs do not compare.
    """
    if beam_args:
        raise UsageError(f"compare runs no pipeline, so it has no option {beam_args[0]}.")
    kind = args.format or SUFFIXES.get(PurePath(args.output or "").suffix.lower(), "table")
    text = FORMATS[kind](compare([read_run(folder) for folder in args.runs], any_protocol=args.any_protocol))
    if not args.output:
        write(text)
        return 0
    try:
        store.write_whole(args.output, text.encode())
    except OSError as error:
        raise UsageError(f"{args.output} cannot be written: {error.strerror or error}.") from error
    say(f"Comparison: {args.output}")
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
