"""Question j: what it takes to import the package, to ask for help, and to start and end a job.

Beside them stands an interpreter that does nothing.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import scenes, timing
from benchmarks.answers import Answer

NOTHING = "python that does nothing"
COMMANDS: Mapping[str, Sequence[str]] = {
    NOTHING: (timing.PYTHON, "-c", "pass"),
    "import dpdeblur": (timing.PYTHON, "-c", "import dpdeblur"),
    "dpdeblur --help": (str(timing.DPDEBLUR), "--help"),
    "dpdeblur deblur --help": (str(timing.DPDEBLUR), "deblur", "--help"),
}
PLAN, JOB = "dpdeblur plan of 6 scenes", "dpdeblur deblur of 6 scenes of 320×240"
AIMS_S = {"import dpdeblur": 0.1, "dpdeblur --help": 0.2, "dpdeblur deblur --help": 0.2, PLAN: 2.0, JOB: 2.0}


def measure(rounds: int, folder: Path, say: Callable[[str], None]) -> dict[str, list[float]]:
    """Return the wall times of each command, in seconds, side by side, after one round to warm up.

    Args:
        rounds: how often each is run; the longer ones a third as often.
        folder: for scenes and results.
        say: is told of progress.
    """
    source = scenes.collection(scenes.make(folder / "tiny", 2, 320, 240), 6)
    output = folder / "tiny-run"
    places = ("--input", str(source), "--output", str(output), "--model", "dpdeblur-s")
    longer = {
        PLAN: (str(timing.DPDEBLUR), "plan", *places),
        JOB: (str(timing.DPDEBLUR), "deblur", *places, "--images", "restored", "--quiet"),
    }
    taken: dict[str, list[float]] = {name: [] for name in (*COMMANDS, *longer)}
    for turn in range(rounds + 1):
        for name, command in {**COMMANDS, **(longer if turn % 3 == 0 or turn < 2 else {})}.items():
            shutil.rmtree(output, ignore_errors=True)
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            if turn:
                taken[name].append(time.perf_counter() - start)
    say("  " + ", ".join(f"{name} {1e3 * median(seconds):.0f} ms" for name, seconds in taken.items()))
    return taken


def answers(measured: Mapping[str, Any]) -> list[Answer]:
    """Return one line for each command: what it takes beyond the interpreter."""
    nothing = median(measured[NOTHING])
    return [
        Answer("j", name, median(seconds) - nothing, "s", "<=", AIMS_S[name], f"beyond the {nothing:.3f} s of the interpreter")
        for name, seconds in measured.items()
        if name != NOTHING
    ]
