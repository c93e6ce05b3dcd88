"""The answers as a table of `docs/performance.md`, between two marks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.answers import Answer

BEGIN, END = "<!-- bench: begin (written by make bench) -->", "<!-- bench: end -->"
HEAD = ("", "what against what", "measured", "aim", "met", "the figures behind it")


def write(path: Path, facts: dict[str, Any], answers: Sequence[Answer]) -> None:
    """Replace what stands between the marks."""
    text = path.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    path.write_text(f"{before}{BEGIN}\n\n{section(facts, answers)}\n{END}{after}", encoding="utf-8")


def section(facts: dict[str, Any], answers: Sequence[Answer]) -> str:
    """When and on what, and the table."""
    when = (
        f"{facts['date']}, {facts['cores']} cores of {facts['cpu']}, load before: {facts['load_before']:.1f}. "
        f"{facts['versions']}. Took {facts['minutes']:.1f} minutes."
    )
    lines = [HEAD, ("---",) * 2 + ("--:",) * 2 + ("---",) * 2, *(answer.cells() for answer in answers)]
    return when + "\n\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
