"""The rival: a thread pool written by hand around the same kernels and the same session, without Beam.

    python -m benchmarks.pool MANIFEST MODEL.onnx OUTPUT WORKERS

No journal, no resuming, no statistics, no failures table, no engine but this process: what is left when all that goes.
"""

from __future__ import annotations

import csv
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dpdeblur.models.runtime.allocator import keep_freed_memory
from dpdeblur.models.runtime.session import Model, ModelSpec, load
from dpdeblur.transforms.images import codecs, conversion
from dpdeblur.transforms.images.tone_curve import AS_STORED
from dpdeblur.transforms.scoring import metrics
from dpdeblur.transforms.warm_up import warm_up

ROLES = ("left", "right", "combined", "target")


def restore(scene: dict[str, str], model: Model, images: Path) -> tuple[object, ...]:
    left, right, combined, target = (codecs.decode(Path(scene[role]).read_bytes()) for role in ROLES)
    height, width = left.shape[:2]
    views = conversion.float_planes((left, right), AS_STORED, model.padded(height, width), model.card.transfer)
    sharp = conversion.quantise(model.restore(views, height, width), 16, 3)
    after, before = metrics.compare(sharp, target), metrics.compare(combined, target)
    (images / f"{scene['id']}.png").write_bytes(codecs.encode(sharp))
    return scene["id"], after.psnr_db, after.ssim, after.mae, before.psnr_db, before.ssim, before.mae


def main(manifest: Path, model_file: str, output: Path, workers: int) -> None:
    (output / "images").mkdir(parents=True, exist_ok=True)
    keep_freed_memory()
    model = load(ModelSpec(model_file, callers=workers))
    warm_up()
    with manifest.open(newline="") as stream:
        scenes = list(csv.DictReader(stream))
    with ThreadPoolExecutor(workers) as threads:
        rows = list(threads.map(lambda scene: restore(scene, model, output / "images"), scenes))
    with (output / "metrics.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
