"""How much memory a model takes while it runs, measured in a separate process: peaks cannot be told apart in a shared one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from dpdeblur.models.errors import ModelError
from dpdeblur.models.runtime.card import CardOverrides
from dpdeblur.models.runtime.session import ModelSpec, load

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def bytes_per_pixel(spec: ModelSpec, height: int = 600, width: int = 800) -> float | None:
    """Restore one picture in a new process, and give the memory it took beyond the views, in bytes per pixel.

    Returns:
        What a card's `cost.bytes_per_pixel` should say; None if the system does not tell (only Linux does).

    Raises:
        ModelError: if the model fails, or takes its process down with it.
    """
    spec = replace(spec, max_memory_bytes=None)  # to measure what it takes, not what it may
    words = json.dumps({"spec": asdict(spec), "height": height, "width": width})
    done = subprocess.run(
        [sys.executable, "-m", "dpdeblur.models.runtime.footprint"], input=words, capture_output=True, text=True, check=False
    )
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        raise ModelError(f"model '{spec.model}' crashes its process ({name}): do not use it with this backend")
    if done.returncode:
        raise ModelError((done.stderr.strip() or "the model's process failed").splitlines()[-1])
    return json.loads(done.stdout)["bytes_per_pixel"] if STATUS.exists() else None


def _measure(spec: ModelSpec, height: int, width: int) -> float:
    model = load(spec)
    high, wide = model.padded(height, width)
    planes = np.random.default_rng(0).random((9 if model.needs_combined else 6, high, wide), np.float32)
    before = _status("VmRSS")
    if CLEAR.exists():
        CLEAR.write_text("5")  # forget the peak so far (proc(5))
    model.restore(planes, height, width)
    return 1024 * max(0, _status("VmHWM") - before) / (high * wide)


def _status(key: str) -> int:
    lines = STATUS.read_text().splitlines() if STATUS.exists() else []
    return next((int(line.split()[1]) for line in lines if line.startswith(key + ":")), 0)


def main() -> int:
    """Measure what standard input says, and write the figure to standard output."""
    job = json.loads(sys.stdin.read())
    spec = ModelSpec(**{**job["spec"], "overrides": CardOverrides(**job["spec"]["overrides"])})
    try:
        figure = _measure(spec, job["height"], job["width"])
    except ModelError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps({"bytes_per_pixel": figure}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
