"""The rival: the script that a user would write in an afternoon, one scene after the other.

    python -m benchmarks.plain MANIFEST MODEL.onnx OUTPUT MULTIPLE

OpenCV reads and writes the pictures (Pillow would cut RGB samples of 16 bits down to 8), numpy prepares them in float64,
ONNX Runtime runs on all cores, scikit-image scores before and after. Careful where it matters for the numbers, careless of
everything else: a broken file ends it, and what it did is then lost.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

FULL = 65535
COLUMNS = ("scene_id", "psnr_db", "ssim", "mae", "input_psnr_db", "input_ssim", "input_mae")
Picture = NDArray[np.float64]  # [H, W, 3], RGB in [0, 1]


def read(path: str) -> Picture:
    samples = cv2.imread(path, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    if samples is None:
        raise OSError(f"OpenCV cannot read {path}")
    # Not IMREAD_COLOR_RGB: of a TIFF of 16 bits it gives other samples (seen in OpenCV 5.0).
    return np.asarray(cv2.cvtColor(samples, cv2.COLOR_BGR2RGB) / FULL)


def restore(session: onnxruntime.InferenceSession, left: Picture, right: Picture, multiple: int) -> Picture:
    height, width = left.shape[:2]
    views = np.concatenate([left, right], axis=2).transpose(2, 0, 1)
    views = np.pad(views, ((0, 0), (0, -height % multiple), (0, -width % multiple)), mode="reflect")
    sharp = session.run(None, {session.get_inputs()[0].name: views[None].astype(np.float32)})[0][0]
    return np.asarray(sharp[:, :height, :width].transpose(1, 2, 0).astype(np.float64))


def to_integers(picture: Picture) -> NDArray[np.uint16]:
    # Rounded as dpdeblur does it, to 64ths of a code first, so that both write the same picture: costs this script 1 %.
    return np.rint(np.rint(np.clip(picture, 0, 1) * (FULL * 64)) / 64).astype(np.uint16)


def scores(picture: Picture, target: Picture) -> tuple[float, float, float]:
    return (
        float(peak_signal_noise_ratio(target, picture, data_range=1)),
        float(structural_similarity(target, picture, data_range=1, channel_axis=2)),
        float(np.abs(target - picture).mean()),
    )


def main(manifest: Path, model: Path, output: Path, multiple: int) -> None:
    (output / "images").mkdir(parents=True, exist_ok=True)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])  # all cores, as it comes
    rows = []
    with manifest.open(newline="") as stream:
        for scene in csv.DictReader(stream):
            left, right, combined, target = (read(scene[role]) for role in ("left", "right", "combined", "target"))
            sharp = to_integers(restore(session, left, right, multiple))
            cv2.imwrite(str(output / "images" / f"{scene['id']}.png"), cv2.cvtColor(sharp, cv2.COLOR_RGB2BGR))
            rows.append((scene["id"], *scores(sharp / FULL, target), *scores(combined, target)))
    with (output / "metrics.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([COLUMNS, *rows])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
