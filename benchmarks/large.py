"""A picture of 30 megapixels, whole and in tiles: the same bits, and what each takes.

    python -m benchmarks.large MODEL [MAX_MEMORY_MB]

Without a bound the frame is restored whole.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time

import numpy as np

from dpdeblur.models.runtime.session import ModelSpec, load

WIDTH, HEIGHT = 6720, 4480


def main(model: str, max_memory_mb: int | None, width: int = WIDTH, height: int = HEIGHT) -> dict[str, object]:
    """Restore one picture of noise on two threads; gives seconds, peak memory of this process and a digest of the result."""
    limit = max_memory_mb * 10**6 if max_memory_mb else 10**15
    opened = load(ModelSpec(model, threads=2, max_memory_bytes=limit))
    views = np.random.default_rng(0).random((6, *opened.padded(height, width)), np.float32)
    start = time.perf_counter()
    sharp = opened.restore(views, height, width)
    seconds = time.perf_counter() - start
    digest = hashlib.sha256(np.ascontiguousarray(sharp).data).hexdigest()
    return {"seconds": seconds, "peak_mb": _peak_mb(), "sha256": digest}


def _peak_mb() -> float:
    import resource  # noqa: PLC0415 - not on every system

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else None)))
