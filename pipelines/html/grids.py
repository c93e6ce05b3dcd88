"""Small tables of text, and their output formats."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "|": r"\textbar{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "\u2212": "$-$",
        "\u221e": r"$\infty$",
        "\u2013": "--",
        "\n": " ",
        "\r": " ",
    }
)


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: a title, headers, rows of text; all but the first `text` columns hold numbers and stand right."""

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    text: int = 1


def to_text(grids: Sequence[Grid], notes: Sequence[str], width: int | None) -> str:
    """Return the table for a terminal of so many columns; None for no limit."""
    stream = io.StringIO()
    console = Console(file=stream, width=width or 200, color_system=None, highlight=False)
    for grid in grids:
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
        for index, header in enumerate(grid.headers):
            words = index < grid.text
            table.add_column(header, justify="left" if words else "right", overflow="fold", no_wrap=not words)
        for row in grid.rows:
            table.add_row(*map(Text, row))
        console.print(Text(grid.title, overflow="fold"), table, "", sep="\n")
    for note in notes:
        console.print(Text(note))
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


def to_markdown(grids: Sequence[Grid], notes: Sequence[str]) -> str:
    """Return the table in GitHub's Markdown."""
    return "\n\n".join([*(_markdown(grid) for grid in grids), *map(in_markdown, notes)]) + "\n"


def _markdown(grid: Grid) -> str:
    rule = ["---" if index < grid.text else "---:" for index in range(len(grid.headers))]
    lines = [grid.headers, rule, *grid.rows]
    return f"**{in_markdown(grid.title)}**\n\n" + "\n".join(
        f"| {' | '.join(cells if cells is rule else map(in_markdown, cells))} |" for cells in lines
    )


def in_markdown(text: str) -> str:
    """Escape text for Markdown."""
    one_line = " ".join(text.split())
    return "".join(f"\\{letter}" if letter in "\\|*_`[]<>" else letter for letter in one_line)


def in_latex(text: str) -> str:
    """Escape text for LaTeX."""
    return text.translate(_LATEX)
