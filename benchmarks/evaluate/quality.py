"""PSNR, SSIM and MAE of planes in [0, 1], by scikit-image's formulas, in float64."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from skimage.metrics import structural_similarity

Planes = np.ndarray[Any, np.dtype[Any]]
GAMMA = 1 / 2.2
BORDER = 8  # px
BLOCK, REACH = 84, 4  # px


class Quality(NamedTuple):
    psnr_db: float
    ssim: float
    mae: float


def quality(a: Planes, target: Planes) -> Quality:
    """Compare [H, W], or [C, H, W] over all channels at once, with the target; data range 1."""
    error = a.astype(np.float64) - target
    mse = float(np.mean(error**2))
    axis = 0 if a.ndim == 3 else None
    similarity = structural_similarity(a.astype(np.float64), target.astype(np.float64), data_range=1, channel_axis=axis)
    return Quality(-10 * float(np.log10(mse)) if mse else float("inf"), float(similarity), float(np.mean(np.abs(error))))


def aligned_psnr_db(a: Planes, target: Planes) -> float:
    """PSNR of [H, W] or [C, H, W] against a target that is a pixel or three off, by different amounts in different places.

    Every block of 84x84 pixels (or of all the picture, where that is smaller) is compared at its own best offset, of at most 4
    whole pixels along each axis; the PSNR is that of the mean squared error over all blocks. A border of 8 pixels, and what
    fills no block, is left out.
    """
    a, target = (picture[None] if picture.ndim == 2 else picture for picture in (a, target))
    margin = BORDER + REACH
    block = min(BLOCK, *(length - 2 * margin for length in target.shape[1:]))
    height, width = ((length - 2 * margin) // block * block for length in target.shape[1:])
    wanted = target[:, margin : margin + height, margin : margin + width]
    best = np.full((height // block, width // block), np.inf)
    for down in range(BORDER, BORDER + 2 * REACH + 1):
        for across in range(BORDER, BORDER + 2 * REACH + 1):
            error = (a[:, down : down + height, across : across + width] - wanted) ** 2
            blocks = error.reshape(-1, height // block, block, width // block, block)
            best = np.minimum(best, blocks.mean((0, 2, 4)))
    return -10 * float(np.log10(best.mean()))


def coded(light: Planes) -> Planes:
    """Light in [0, 1] to x^(1/2.2), rounded to 16 bits, still in [0, 1]."""
    return np.rint(np.clip(light, 0, 1) ** GAMMA * 65535) / 65535


def linear(values: Planes) -> Planes:
    """Undo `coded`, but for its rounding."""
    return values ** (1 / GAMMA)


def mean(rows: list[Quality]) -> Quality:
    """Mean over scenes, of each number by itself."""
    return Quality(*(float(np.mean(column)) for column in zip(*rows, strict=True)))
