"""Every figure that was ever kept, with the commit and the machine that it belongs to: a line each in a CSV file."""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.answers import Answer

COLUMNS = ("date", "commit", "cpu", "cores", "load_before", "question", "what", "value", "unit")


def commit(folder: Path) -> str:
    """The commit that is checked out in a folder, with a plus where files differ from it; empty if nobody knows."""
    done = subprocess.run(
        ["git", "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()


def append(file: Path, commit: str, facts: dict[str, Any], answers: Sequence[Answer]) -> None:
    """Add a line for each answer, below those of earlier times."""
    new = not file.exists()
    with file.open("a", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        if new:
            rows.writerow(COLUMNS)
        about = (facts["date"], commit, facts["cpu"], facts["cores"], f"{facts['load_before']:.1f}")
        for answer in answers:
            rows.writerow((*about, answer.key, answer.what, f"{answer.value:.4g}", answer.unit))
