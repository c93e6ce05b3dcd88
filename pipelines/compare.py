"""`dpdeblur compare`: compare methods scene by scene; write the table of a paper, or a page with pictures."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import PurePath

from dpdeblur.pipelines.console import say, write
from dpdeblur.pipelines.html import comparison_gallery, comparison_page, page, paper_formats, paper_table
from dpdeblur.pipelines.html.comparison_tables import grids, pairs
from dpdeblur.pipelines.html.grids import to_markdown, to_text
from dpdeblur.pipelines.options.tools import CompareOptions
from dpdeblur.pipelines.options.values import NamedRun
from dpdeblur.transforms.errors import UsageError
from dpdeblur.transforms.scoring import paired
from dpdeblur.transforms.scoring.comparability import method_of
from dpdeblur.transforms.scoring.compare_runs import compare_runs
from dpdeblur.transforms.scoring.comparison import Comparison
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.tables.results import Run, read_run

SUFFIXES = {
    ".txt": "table",
    ".md": "markdown",
    ".json": "json",
    ".tex": "latex",
    ".csv": "csv",
    ".html": "html",
    ".htm": "html",
}


def run(options: CompareOptions) -> int:
    """Compare, and print or write the result.

    Raises:
        UsageError: a folder holds no finished run, or the runs do not compare.
    """
    runs, names = _named(options.runs, options.method)
    kind = options.format or SUFFIXES.get(PurePath(options.output or "").suffix.lower(), "table")
    comparison = compare_runs(runs, names=names, any_protocol=options.any_protocol)
    text = _formatted(kind, comparison, runs, options)
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
    """Return all numbers, every scene included; infinite values are the strings "Infinity" and "-Infinity"."""
    content = {**dataclasses.asdict(comparison), "resamples": paired.RESAMPLES, "seed": paired.SEED, "level": paired.LEVEL}
    return json.dumps(page.finite(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _formatted(kind: str, comparison: Comparison, runs: Sequence[Run], options: CompareOptions) -> str:
    if kind == "json":
        return to_json(comparison)
    if kind == "html":
        return comparison_page.render(comparison, comparison_gallery.collect(runs, comparison))
    if kind == "table":
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        return to_text(grids(comparison), comparison.notes, width)
    if not comparison.scored:
        raise UsageError(f"No scene was scored by all runs, and --format {kind} needs scores. For times use --format table.")
    table = paper_table.paper_table(comparison, metrics=options.metrics or (), columns=options.columns or ())
    if kind == "latex":
        return paper_formats.to_latex(table)
    if kind == "csv":
        return paper_formats.to_csv(table)
    below = pairs(comparison)
    return paper_formats.to_markdown(table) + (f"\n{to_markdown(below, ())}" if below else "")


def _named(folders: Sequence[str], methods: Sequence[NamedRun]) -> tuple[list[Run], list[str] | None]:
    """Return the runs, and the names given to them; None if none were given."""
    given = {folder: name for name, folder in methods}
    addresses = {store.absolute(folder): name for folder, name in given.items()}
    listed = {store.absolute(folder) for folder in folders}
    runs = [read_run(folder) for folder in [*folders, *(f for f in given if store.absolute(f) not in listed)]]
    if not given:
        return runs, None
    return runs, [addresses.get(store.absolute(run.folder)) or method_of(run) for run in runs]
