"""Question e: whether ten times as many scenes need more memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import scenes, speed
from benchmarks.answers import Answer

FEW, MANY = 20, 200


def measure(pictures: Path, model: Path | str, backend: str, work: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Peak memory of the job, in MB, over few and over many scenes."""
    peaks = {}
    for count in (FEW, MANY):
        taken = speed.job(scenes.collection(pictures, count), work / "run", model, "--workers", "2", "--backend", backend)
        peaks[str(count)] = taken.peak_mb
        say(f"  {count} scenes: {taken.peak_mb:.0f} MB, {taken.scene_ms:.0f} ms per scene")
    return {"peak_mb": peaks, "backend": backend}


def answers(measured: dict[str, Any]) -> list[Answer]:
    """What was asked."""
    few, many = measured["peak_mb"].values()
    note = f"{few:.0f} / {many:.0f} MB, 2 workers, {measured['backend']}"
    return [Answer("e", f"peak memory over {MANY} scenes against {FEW}", many / few, "×", "<=", 1.1, note)]
