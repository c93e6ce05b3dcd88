"""The compiled search for the offset at which each block of a picture fits its target best."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dpdeblur.transforms.images.kernels import Samples
from dpdeblur.transforms.images.machine_code import compiled


@compiled
def best_offsets(
    picture: Samples, target: Samples, channels: int, block: int, reach: int, border: int, offsets: NDArray[np.int64]
) -> None:
    """Fill in (down, across), in px, of the smallest squared error of each block; the first of equal ones.

    Args:
        picture: [H, W·C].
        target: [H, W·C]; its block (0, 0) begins at row and column `border + reach`.
        channels: C.
        block: side of a block, in px.
        reach: largest offset along each axis, in px.
        border: left out on each side, in px, by the picture too.
        offsets: [rows, columns, 2], to fill.
    """
    width, margin = block * channels, border + reach
    for row in range(offsets.shape[0]):
        for column in range(offsets.shape[1]):
            top, left = margin + row * block, (margin + column * block) * channels
            smallest = -1.0
            for down in range(-reach, reach + 1):
                for across in range(-reach, reach + 1):
                    total = np.uint64(0)
                    start = left + across * channels
                    for y in range(top, top + block):
                        seen, wanted = picture[y + down, start : start + width], target[y, left : left + width]
                        for i in range(width):
                            difference = np.int64(seen[i]) - np.int64(wanted[i])
                            total += np.uint64(difference * difference)
                    error = float(total)
                    if smallest < 0 or error < smallest:
                        smallest = error
                        offsets[row, column, 0], offsets[row, column, 1] = down, across
