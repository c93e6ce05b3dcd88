"""Running rivals side by side, each in a separate process, and what is read off them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
PYTHON = sys.executable
DPDEBLUR = Path(sys.executable).with_name("dpdeblur")


@dataclass(frozen=True, slots=True)
class Taken:
    """What one run of a command took.

    Attributes:
        scene_ms: wall time per scene while the run is in full swing: see `pace`.
        command_s: wall time of the command as a whole, from its start to its end.
        peak_mb: peak memory of the largest of its processes.
    """

    scene_ms: float
    command_s: float
    peak_mb: float


Contestants = Mapping[str, Callable[[], Taken]]


def run(command: Sequence[str | Path], output: Path, check: Callable[[Path], None] = lambda output: None) -> Taken:
    """Run a command that writes `output/images/*`, let `check` look at its results, and remove them.

    Raises:
        SystemExit: it fails; its last lines say why.
    """
    shutil.rmtree(output, ignore_errors=True)
    os.sync()  # what earlier runs wrote is not this one's business
    start = time.perf_counter()
    process = subprocess.Popen([str(word) for word in command], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = process.stdout.read() if process.stdout else b""
    _, status, usage = os.wait4(process.pid, 0)  # of the process and of all its children
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - start
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\n{said.decode()[-2000:]}")
    taken = Taken(pace(output / "images"), wall, usage.ru_maxrss / 1024)
    check(output)
    shutil.rmtree(output)
    return taken


def pace(images: Path) -> float:
    """Milliseconds per scene, by the times at which the pictures were written, the first sixth left out.

    The slope of a straight line through these times: what a further scene takes, start-up and conclusion apart.
    """
    done = sorted(path.stat().st_mtime_ns / 1e6 for path in images.glob("[!.]*"))
    swing = done[max(1, len(done) // 6) :]
    return float(np.polyfit(range(len(swing)), swing, 1)[0])


def tour(contestants: Contestants, rounds: int, say: Callable[[str], None]) -> dict[str, list[Taken]]:
    """Run all contestants in turn, `rounds` times, every second time in the opposite order: whatever drifts hits all alike."""
    taken: dict[str, list[Taken]] = {name: [] for name in contestants}
    for number in range(rounds):
        names = list(contestants)[:: -1 if number % 2 else 1]
        for name in names:
            taken[name].append(contestants[name]())
            say(f"  {name}: {taken[name][-1].scene_ms:.0f} ms per scene, {taken[name][-1].command_s:.1f} s in all")
    return taken


def ratio(slow: Sequence[float], fast: Sequence[float]) -> float:
    """How many times as long `slow` took: the median over rounds of what was measured side by side."""
    return median(a / b for a, b in zip(slow, fast, strict=True))


def floor(module: str, *words: str | Path) -> Taken:
    """Run a module that writes its milliseconds per scene to standard output."""
    start = time.perf_counter()
    done = subprocess.run([PYTHON, "-m", module, *map(str, words)], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{module}: {done.stderr[-2000:]}")
    return Taken(float(done.stdout.split()[-1]), time.perf_counter() - start, 0.0)


def call(command: Sequence[str | Path]) -> None:
    """Run a command whose time is of no interest."""
    done = subprocess.run([str(word) for word in command], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
