"""Comparing with a target that is shifted by a few pixels, by different amounts in different places.

The target of a dual-pixel capture is a second exposure with a small aperture: what is out of focus in the first is in another
place there. A sharp picture is punished for that more than a blurred one.
"""

from __future__ import annotations

import numpy as np

from dpdeblur.transforms.images.image import Image, describe
from dpdeblur.transforms.records import SceneError
from dpdeblur.transforms.scoring.block_offsets import best_offsets

BLOCK = 84  # px: side of a block
BORDER = 8  # px: left out on each side, where nobody knows the scene beyond the frame
SMALLEST_BLOCK = 16  # px


def align(picture: Image, target: Image, reach: int) -> tuple[Image, Image]:
    """Return a picture with each of its blocks moved to where it fits the target best, and the target without its borders.

    The target is cut into blocks of 84 by 84 px, or into square blocks as large as the shorter side where that is smaller. Each
    is compared with the picture at every offset of at most `reach` whole pixels along each axis, and the offset of the smallest
    squared error over all channels is taken. A border of 8 + `reach` px is left out, and so is what fills no block.

    Args:
        picture: [H, W, 3] or [H, W], uint8 or uint16.
        target: of the same shape and dtype.
        reach: largest offset, in px.

    Raises:
        SceneError: the picture is too small.
    """
    margin, channels = BORDER + reach, 3 if target.ndim == 3 else 1
    block = min(BLOCK, *(side - 2 * margin for side in target.shape[:2]))
    if block < SMALLEST_BLOCK:
        least = SMALLEST_BLOCK + 2 * margin
        raise SceneError(f"--align {reach} needs at least {least} px each way, and the target is {describe(target)}.")
    rows, columns = ((side - 2 * margin) // block for side in target.shape[:2])
    offsets = np.empty((rows, columns, 2), np.int64)
    flat, wanted = (np.ascontiguousarray(samples).reshape(target.shape[0], -1) for samples in (picture, target))
    best_offsets(flat, wanted, channels, block, reach, BORDER, offsets)
    inside = target[margin : margin + rows * block, margin : margin + columns * block]
    aligned = np.empty_like(inside)
    for row, column in np.ndindex(rows, columns):
        y, x = row * block, column * block
        down, across = offsets[row, column] + margin
        aligned[y : y + block, x : x + block] = picture[y + down : y + down + block, x + across : x + across + block]
    return aligned, inside
