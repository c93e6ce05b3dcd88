"""The floor: the model alone, called from as many threads as the job has workers, on planes that are in memory.

    python -m benchmarks.bare MODEL BACKEND WORKERS RUNS

Writes the wall time per picture in milliseconds to standard output.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from benchmarks.scenes import HEIGHT, WIDTH
from dpdeblur.models.runtime.allocator import keep_freed_memory
from dpdeblur.models.runtime.session import ModelSpec, load


def main(model_file: str, backend: str, workers: int, runs: int) -> float:
    keep_freed_memory()
    model = load(ModelSpec(model_file, backend, callers=workers))
    views = np.random.default_rng(0).random((6, *model.padded(HEIGHT, WIDTH)), np.float32)
    with ThreadPoolExecutor(workers) as threads:
        list(threads.map(lambda _: model.restore(views, HEIGHT, WIDTH) is None, range(workers)))  # warm-up
        start = time.perf_counter()
        list(threads.map(lambda _: model.restore(views, HEIGHT, WIDTH) is None, range(runs)))
        return (time.perf_counter() - start) / runs * 1e3


if __name__ == "__main__":
    print(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
