"""The filters of PNG (specification, section 9), compiled: samples as a picture has them ↔ bytes as DEFLATE likes them.

A PNG holds samples of 16 bits with the high byte first. Where the machine has the low byte first, the bytes change places here,
a row at a time, while the row is in the processor's cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpdeblur.transforms.images.machine_code import compiled


@compiled
def _swap(samples: NDArray[np.uint16]) -> None:
    """Exchange the two bytes of each sample."""
    for i in range(samples.size):
        samples[i] = (samples[i] << np.uint16(8)) | (samples[i] >> np.uint16(8))


@compiled
def subtract_left(samples: NDArray[np.uint8], channels: int, filtered: NDArray[np.uint8]) -> None:
    """PNG filter 1 (Sub): samples of 8 bits [H, n] → bytes [H, 1 + n], each less the one a pixel to its left, modulo 256."""
    height, size = samples.shape
    for y in range(height):
        row, line = samples[y], filtered[y, 1:]
        filtered[y, 0] = 1
        for i in range(channels):
            line[i] = row[i]
        here, left, out = row[channels:], row[: size - channels], line[channels:]
        for i in range(size - channels):
            out[i] = here[i] - left[i]


@compiled
def subtract_left_16(samples: NDArray[np.uint16], channels: int, filtered: NDArray[np.uint8]) -> None:
    """PNG filter 1 (Sub): samples of 16 bits [H, n] → bytes [H, 1 + 2n], high byte first, each less its like to the left."""
    height, size = samples.shape
    for y in range(height):
        row, line = samples[y], filtered[y, 1:]
        filtered[y, 0] = 1
        for i in range(channels):
            line[2 * i] = row[i] >> np.uint16(8)
            line[2 * i + 1] = row[i]
        here, left, out = row[channels:], row[: size - channels], line[2 * channels :]
        for i in range(size - channels):
            out[2 * i] = np.uint8(here[i] >> np.uint16(8)) - np.uint8(left[i] >> np.uint16(8))
            out[2 * i + 1] = np.uint8(here[i]) - np.uint8(left[i])


@compiled
def _paeth(left: Any, above: Any, corner: Any, residue: Any) -> Any:
    """One byte under PNG filter 4: the neighbour nearest to left + above - corner, plus the residue. No branches."""
    to_left = np.int32(above - corner)
    to_above = np.int32(left - corner)
    to_corner = abs(np.int32(to_left + to_above))
    to_left, to_above = abs(to_left), abs(to_above)
    other = np.int32(above ^ ((above ^ corner) & -np.int32(to_above > to_corner)))
    mask = -np.int32((to_left > to_above) | (to_left > to_corner))
    return np.int32(np.uint8(residue + np.uint8(left ^ ((left ^ other) & mask))))


@compiled
def _unfilter_paeth(residues: NDArray[np.uint8], above: NDArray[np.uint8], pixel: int, row: NDArray[np.uint8]) -> None:
    """Undo PNG filter 4 for one row: every byte of a pixel on its own, three at a time where there are three."""
    if pixel % 3 == 0:
        for first in range(0, pixel, 3):
            left0 = left1 = left2 = corner0 = corner1 = corner2 = np.int32(0)
            for x in range(first, row.size, pixel):
                i, j, k = np.uint64(x), np.uint64(x + 1), np.uint64(x + 2)
                above0, above1, above2 = np.int32(above[i]), np.int32(above[j]), np.int32(above[k])
                left0 = _paeth(left0, above0, corner0, residues[i])
                left1 = _paeth(left1, above1, corner1, residues[j])
                left2 = _paeth(left2, above2, corner2, residues[k])
                row[i], row[j], row[k] = left0, left1, left2
                corner0, corner1, corner2 = above0, above1, above2
    else:
        for first in range(pixel):
            left0 = corner0 = np.int32(0)
            for x in range(first, row.size, pixel):
                i = np.uint64(x)
                above0 = np.int32(above[i])
                left0 = _paeth(left0, above0, corner0, residues[i])
                row[i] = left0
                corner0 = above0


@compiled
def _unfilter_row(kind: int, residues: NDArray[np.uint8], above: NDArray[np.uint8], pixel: int, row: NDArray[np.uint8]) -> bool:
    """Undo one of the PNG filters for one row; False if there is no filter of this kind."""
    size = row.size
    left, here, line, over = row[: size - pixel], row[pixel:], residues[pixel:], above[pixel:]
    if kind == 0:
        for i in range(size):
            row[i] = residues[i]
    elif kind == 1:
        for i in range(pixel):
            row[i] = residues[i]
        for i in range(size - pixel):
            here[i] = line[i] + left[i]
    elif kind == 2:
        for i in range(size):
            row[i] = residues[i] + above[i]
    elif kind == 3:
        for i in range(pixel):
            row[i] = residues[i] + (above[i] >> 1)
        for i in range(size - pixel):
            here[i] = line[i] + np.uint8((np.int32(left[i]) + np.int32(over[i])) >> 1)
    elif kind == 4:
        _unfilter_paeth(residues, above, pixel, row)
    else:
        return False
    return True


@compiled
def unfilter(
    filtered: NDArray[np.uint8], pixel: int, rows: NDArray[np.uint8], samples: NDArray[np.uint16], above: NDArray[np.uint8]
) -> int:
    """Undo the PNG filters: bytes [H, 1 + n] → [H, n]; return how many rows were undone, which end at an unknown filter.

    Args:
        filtered: a byte that names the filter, and the bytes of a row.
        pixel: bytes of one.
        rows: to fill.
        samples: the same memory as numbers of 16 bits, whose bytes are to change places; none where they are not to.
        above: n zeros, which stand for the row above the first.
    """
    swap, height = samples.size > 0, len(rows)
    for y in range(height):
        if not _unfilter_row(filtered[y, 0], filtered[y, 1:], above, pixel, rows[y]):
            return y
        if swap and y:  # the row that no other needs any more
            _swap(samples[y - 1])
        above = rows[y]
    if swap:
        _swap(samples[height - 1])
    return height
