"""Question f: each model on each backend."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

import numpy as np

from benchmarks import timing
from benchmarks.answers import Answer
from benchmarks.scenes import HEIGHT, WIDTH
from dpdeblur.models.runtime.backends import BACKENDS
from dpdeblur.models.runtime.session import Model, ModelError, ModelSpec, load

FIRST = "onnxruntime"


def available() -> list[str]:
    """The backends that are installed and that this processor can run, the first the default one."""
    return [backend for backend in BACKENDS if _opens("views-mean", backend)]


def fastest() -> str:
    """The backend for those in a hurry."""
    return max(available(), key=["onnxruntime", "openvino", "openvino-bf16"].index)


def measure(models: Mapping[str, str], rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Milliseconds per megapixel, one picture at a time on one thread, backends side by side, and how far they are apart.

    Args:
        models: files or names, by the name to show.
        rounds: timed runs of each, after one to warm up.
        say: is told of progress.
    """
    return {name: _measure(model, rounds, say) for name, model in models.items()}


def _measure(model: str, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    opened = {backend: load(ModelSpec(model, backend)) for backend in available()}
    first = opened[FIRST]
    views = np.random.default_rng(0).random((6, *first.padded(HEIGHT, WIDTH)), np.float32)
    pictures = {backend: one.restore(views, HEIGHT, WIDTH) for backend, one in opened.items()}
    taken: dict[str, list[float]] = {backend: [] for backend in opened}
    for _ in range(rounds):
        for backend, one in opened.items():
            taken[backend].append(_ms_per_megapixel(one, views))
    say(f"  {first.name}: " + ", ".join(f"{backend} {median(ms):.0f} ms/MP" for backend, ms in taken.items()))
    apart = {backend: float(np.abs(picture - pictures[FIRST]).max()) for backend, picture in pictures.items()}
    return {"ms_per_megapixel": taken, "largest_difference": apart}


def _ms_per_megapixel(model: Model, views: np.ndarray[Any, np.dtype[np.float32]]) -> float:
    start = time.perf_counter()
    model.restore(views, HEIGHT, WIDTH)
    return (time.perf_counter() - start) * 1e9 / (WIDTH * HEIGHT)


def answers(measured: dict[str, Any]) -> list[Answer]:
    """What was asked."""
    lines = []
    for model, facts in measured.items():
        taken = facts["ms_per_megapixel"]
        lines.append(Answer("f", f"{model} on {FIRST}, 1 thread", round(median(taken[FIRST])), "ms/MP"))
        for backend, ms in taken.items():
            if backend != FIRST:
                apart = facts["largest_difference"][backend]
                note = f"{median(ms):.0f} ms/MP; pictures differ by at most {apart:.0e} of full range"
                lines.append(
                    Answer("f", f"{model} on {backend} against {FIRST}", timing.ratio(taken[FIRST], ms), "×", note=note)
                )
    return lines


def _opens(model: str, backend: str) -> bool:
    try:
        load(ModelSpec(model, backend))
    except ModelError:
        return False
    return True
