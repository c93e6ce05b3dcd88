"""The filters of PNG (specification, section 9), compiled: samples as a picture has them ↔ bytes as DEFLATE likes them.

A PNG holds samples of 16 bits with the high byte first: where the machine has the low byte first (`swap`), the bytes change
places here, a row at a time, while the row is in the processor's cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpdeblur.transforms.images.kernels import compiled


@compiled
def _swap(source: NDArray[np.uint8], swapped: NDArray[np.uint8]) -> None:
    """Exchange the two bytes of each sample of 16 bits; both may be the same."""
    samples, out = source.view(np.uint16), swapped.view(np.uint16)
    for i in range(samples.size):
        out[i] = (samples[i] << np.uint16(8)) | (samples[i] >> np.uint16(8))


@compiled
def subtract_left(rows: NDArray[np.uint8], pixel: int, swap: bool, filtered: NDArray[np.uint8]) -> None:
    """PNG filter 1 (Sub): bytes [H, n] → [H, 1 + n], each byte less the one `pixel` bytes to its left, modulo 256."""
    height, size = rows.shape
    swapped = np.empty(size, np.uint8)
    for y in range(height):
        row, line = rows[y], filtered[y]
        if swap:
            _swap(row, swapped)
            row = swapped
        line[0] = 1
        line[1 : 1 + pixel] = row[:pixel]
        here, left, out = row[pixel:], row[: size - pixel], line[1 + pixel :]
        for i in range(size - pixel):
            out[i] = here[i] - left[i]


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
    """Undo one of the PNG filters for one row; False where there is no filter of this kind."""
    size = row.size
    left, here, line, over = row[: size - pixel], row[pixel:], residues[pixel:], above[pixel:]
    if kind == 0:
        row[:] = residues
    elif kind == 1:
        row[:pixel] = residues[:pixel]
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
def unfilter(filtered: NDArray[np.uint8], pixel: int, swap: bool, rows: NDArray[np.uint8]) -> bool:
    """Undo the PNG filters: bytes [H, 1 + n] → [H, n]; False at an unknown filter."""
    height, size = rows.shape
    above = np.zeros(size, np.uint8)
    for y in range(height):
        if not _unfilter_row(filtered[y, 0], filtered[y, 1:], above, pixel, rows[y]):
            return False
        if swap and y:  # the row that no other needs any more
            _swap(above, above)
        above = rows[y]
    if swap:
        _swap(above, above)
    return True
