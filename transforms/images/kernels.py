"""Loops that numpy cannot fuse, compiled: everything that touches each sample of a picture once.

Written for LLVM's vectoriser: one plain loop over contiguous rows, unsigned or sliced indices (a signed offset makes numba look
for negative indices), no division that could raise. All sums of integers are held in float64 below 2^53, where they are exact.
What may stand in a kernel: see `machine_code`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpdeblur.transforms.images.machine_code import compiled

Samples = NDArray[np.uint8 | np.uint16]

WINDOW = 7  # px: side of the SSIM window
_ROUND = 1.5 * 2.0**52  # adding, then subtracting this rounds a float64 below 2^51 to an integer, half to even


# --- integers to planes and back -----------------------------------------------------------------------------------


@compiled
def fill_planes(
    picture: Samples,
    table: NDArray[np.float32],
    columns: NDArray[np.int64],
    rows: NDArray[np.int64],
    planes: NDArray[np.float32],
) -> None:
    """[H, W, C] integers → [3, Hp, Wp]: each sample through `table`; padding copies column `columns[x]`, row `rows[y]`."""
    height, width, channels = picture.shape
    for y in range(height):
        for c in range(3):
            source = c if channels == 3 else 0
            out = planes[c, y]
            for x in range(width):
                out[x] = table[picture[y, x, source]]
            for x in range(width, out.size):
                out[x] = out[columns[x]]
    for c in range(3):
        for y in range(height, planes.shape[1]):
            below, shown = planes[c, y], planes[c, rows[y]]
            for x in range(below.size):
                below[x] = shown[x]


@compiled
def _code(value: float) -> Any:
    """Value in 64ths of a code → the nearest code, ties (after snapping to whole 64ths) to the even one."""
    n = np.int32((value + _ROUND) - _ROUND)
    return (n + 31 + ((n >> 6) & 1)) >> 6


@compiled
def fill_codes(
    flat: NDArray[np.float32],
    plane_stride: int,
    row_stride: int,
    curve: NDArray[np.float64],
    full: float,
    channels: int,
    light: NDArray[np.float64],
    codes: Samples,
) -> int:
    """Three planes inside `flat` → [H, W·C] integers, clipped to [0, 1]; returns how many values are not finite.

    A `curve` of K + 2 nodes at 0, 1/K … bends each value by linear interpolation; an empty one leaves it. One channel is
    the mean of the planes. `light` is room to work in, [3, W].
    """
    height, width = codes.shape[0], codes.shape[1] // channels
    scale, last = full * 64.0, np.float64(curve.size - 2)
    strange = 0
    for y in range(height):
        for p in range(3):
            start = p * plane_stride + y * row_stride
            values, line = flat[start : start + width], light[p]
            for x in range(width):
                value: Any = np.float64(values[x])
                strange += 0 if abs(value) < np.inf else 1
                value = value if value > 0.0 else 0.0  # also what is not a number: it must not become an index below
                line[x] = value if value < 1.0 else 1.0
            if curve.size:
                for x in range(width):
                    position = line[x] * last
                    i = np.uint64(position)
                    line[x] = curve[i] + (curve[i + np.uint64(1)] - curve[i]) * (position - np.float64(i))
        red, green, blue, out = light[0], light[1], light[2], codes[y]
        if channels == 3:
            for x in range(width):
                out[3 * x] = _code(red[x] * scale)
                out[3 * x + 1] = _code(green[x] * scale)
                out[3 * x + 2] = _code(blue[x] * scale)
        else:
            for x in range(width):
                out[x] = _code((red[x] + green[x] + blue[x]) / 3.0 * scale)
    return strange


@compiled
def fill_mean(left: Samples, right: Samples, table: NDArray[np.float32], full: float, codes: Samples) -> None:
    """Flat integers: the mean of both in float32 as a model would take it, back to integers as `fill_codes` would."""
    for i in range(codes.size):
        mean = np.float32(0.5) * (table[left[i]] + table[right[i]])
        codes[i] = _code(np.float64(mean) * (full * 64.0))


# --- scores --------------------------------------------------------------------------------------------------------


@compiled
def _add_row(a: Samples, b: Samples, sign: float, sums: NDArray[np.float64]) -> None:
    """Add (or, with sign -1, take away) one row to the column sums of a, b, a² + b² and ab. One sum a loop: vectorised."""
    sum_a, sum_b, squares, products = sums[0], sums[1], sums[2], sums[3]
    for i in range(a.size):
        sum_a[i] += sign * np.float64(a[i])
    for i in range(a.size):
        sum_b[i] += sign * np.float64(b[i])
    for i in range(a.size):
        u, v = np.float64(a[i]), np.float64(b[i])
        squares[i] += sign * (u * u + v * v)
    for i in range(a.size):
        products[i] += sign * (np.float64(a[i]) * np.float64(b[i]))


@compiled
def _add_similarity(sums: NDArray[np.float64], channels: int, c1: float, c2: float, similarity: NDArray[np.float64]) -> None:
    """Add the SSIM of every window that the column sums hold; its formula multiplied out, so that only c1 and c2 round."""
    sum_a, sum_b, squares, products = sums[0], sums[1], sums[2], sums[3]
    o1 = np.uint64(channels)
    o2, o3, o4, o5, o6 = o1 * np.uint64(2), o1 * np.uint64(3), o1 * np.uint64(4), o1 * np.uint64(5), o1 * np.uint64(6)
    for x in range(similarity.size):
        i = np.uint64(x)
        a = sum_a[i] + sum_a[i + o1] + sum_a[i + o2] + sum_a[i + o3] + sum_a[i + o4] + sum_a[i + o5] + sum_a[i + o6]
        b = sum_b[i] + sum_b[i + o1] + sum_b[i + o2] + sum_b[i + o3] + sum_b[i + o4] + sum_b[i + o5] + sum_b[i + o6]
        s = (
            squares[i]
            + squares[i + o1]
            + squares[i + o2]
            + squares[i + o3]
            + squares[i + o4]
            + squares[i + o5]
            + squares[i + o6]
        )
        p = (
            products[i]
            + products[i + o1]
            + products[i + o2]
            + products[i + o3]
            + products[i + o4]
            + products[i + o5]
            + products[i + o6]
        )
        ab, aabb = a * b, a * a + b * b
        similarity[i] += (2.0 * ab + c1) * (2.0 * (49.0 * p - ab) + c2) / ((aabb + c1) * (49.0 * s - aabb + c2))


@compiled
def add_differences(
    a: Samples,
    b: Samples,
    channels: int,
    full: float,
    sums: NDArray[np.float64],
    squared: NDArray[np.float64],
    absolute: NDArray[np.float64],
    similarity: NDArray[np.float64],
) -> None:
    """Two [H, W·C] pictures → sums over their columns: of squared and absolute differences, and of the SSIM of 7 by 7 windows.

    `squared` and `absolute` are [W·C], `similarity` is [(W - 6)·C], `sums` room to work in, [4, W·C]; all begin as zeros.

    SSIM of a window of n = 49 samples with sums A, B, S = Σa² + Σb², P = Σab and sample (co)variances, times n² and n(n - 1):
    (2AB + n²C1)(2(nP - AB) + n(n - 1)C2) / ((A² + B² + n²C1)(nS - A² - B² + n(n - 1)C2)), C1 = (.01 full)², C2 = (.03 full)².
    """
    height, size = a.shape
    c1, c2 = 49.0 * 49.0 * (0.01 * full) ** 2, 49.0 * 48.0 * (0.03 * full) ** 2
    for y in range(height):
        row_a, row_b = a[y], b[y]
        for i in range(size):
            difference = np.float64(row_a[i]) - np.float64(row_b[i])
            squared[i] += difference * difference
            absolute[i] += abs(difference)
        _add_row(row_a, row_b, 1.0, sums)
        if y >= WINDOW:
            _add_row(a[y - WINDOW], b[y - WINDOW], -1.0, sums)
        if y >= WINDOW - 1:
            _add_similarity(sums, channels, c1, c2, similarity)
