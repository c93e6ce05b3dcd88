"""Question h: a picture of 30 megapixels, whole and in tiles."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

from benchmarks import timing
from benchmarks.answers import Answer

BOUND_MB = 3000  # of which the frame itself takes 1100


def measure(model: str, say: Callable[[str], None]) -> dict[str, Any]:
    """Seconds, peak memory and digest of the result, whole and with a bound: the quicker of two processes each."""
    measured: dict[str, Any] = {}
    bound = {"whole": [], "tiles": [str(BOUND_MB)]}
    for name in ("whole", "tiles", "tiles", "whole"):
        command = [timing.PYTHON, "-m", "benchmarks.large", model, *bound[name]]
        done = subprocess.run(command, cwd=timing.ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr[-2000:])
        once = json.loads(done.stdout)
        measured[name] = min(measured.get(name, once), once, key=lambda run: run["seconds"])
        say(f"  {name}: {once['seconds']:.1f} s, {once['peak_mb']:.0f} MB")
    return {"model": model.rpartition("/")[2], "bound_mb": BOUND_MB, **measured}


def answers(measured: dict[str, Any]) -> list[Answer]:
    """Time, memory, and whether the bits are the same."""
    whole, tiles = measured["whole"], measured["tiles"]
    same = "the same bits" if whole["sha256"] == tiles["sha256"] else "**other bits**"
    what = f"a 6720×4480 picture with {measured['model']} in tiles against whole"
    limit = f"bound: {measured['bound_mb']} MB, the process itself apart"
    return [
        Answer(
            "h",
            f"{what}: time",
            tiles["seconds"] / whole["seconds"],
            "×",
            note=f"{tiles['seconds']:.1f} / {whole['seconds']:.1f} s; {same}",
        ),
        Answer(
            "h",
            f"{what}: peak memory",
            tiles["peak_mb"] / whole["peak_mb"],
            "×",
            note=f"{tiles['peak_mb']:.0f} / {whole['peak_mb']:.0f} MB; {limit}",
        ),
    ]
