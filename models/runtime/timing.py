"""The time that a model takes for one picture at a time: the figure for challenges and publications."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

import numpy as np

from dpdeblur.models.machine import cpu_name, usable_cores
from dpdeblur.models.runtime.check import sample_planes
from dpdeblur.models.runtime.session import Model


@dataclass(frozen=True, slots=True)
class ModelTiming:
    """The time for one picture, and how it was measured.

    Attributes:
        model, model_sha256, backend: what was timed.
        threads: cores that one picture used.
        cpu, cores: what it ran on; `cores` is how many this process may use.
        load_average: processes that ran or waited over the last minute before, this machine's own work included; None
            where the system does not tell. Well above 0, others were at work too.
        width, height: of the picture, in pixels.
        runs_ms: wall time of each timed run.
        warmup: runs before, not counted.
        median_ms, p95_ms, mean_ms, min_ms, max_ms: of `runs_ms`.
        ms_per_megapixel: median over the picture's millions of pixels.
        self_ensemble: mirrored passes in each run.
    """

    model: str
    model_sha256: str
    backend: str
    threads: int
    cpu: str
    cores: int
    load_average: float | None
    width: int
    height: int
    warmup: int
    median_ms: float
    p95_ms: float
    mean_ms: float
    min_ms: float
    max_ms: float
    ms_per_megapixel: float
    runs_ms: list[float]
    self_ensemble: int = 1


def time_model(model: Model, width: int, height: int, *, runs: int, warmup: int) -> ModelTiming:
    """Time a model on one picture, restored again and again.

    Raises:
        ModelError: if the model cannot restore it.
    """
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    planes = sample_planes(model, height, width)
    for _ in range(warmup):
        model.restore(planes, height, width)
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        model.restore(planes, height, width)
        times.append((time.perf_counter() - start) * 1e3)
    return ModelTiming(
        model=model.label,
        model_sha256=model.sha256,
        backend=model.backend,
        threads=model.spec.threads,
        cpu=cpu_name(),
        cores=usable_cores(),
        load_average=load,
        width=width,
        height=height,
        warmup=warmup,
        median_ms=float(np.median(times)),
        p95_ms=float(np.percentile(times, 95)),
        mean_ms=float(np.mean(times)),
        min_ms=min(times),
        max_ms=max(times),
        ms_per_megapixel=float(np.median(times)) / (width * height / 1e6),
        runs_ms=times,
        self_ensemble=model.spec.self_ensemble,
    )
