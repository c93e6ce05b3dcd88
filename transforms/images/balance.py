"""Removing the smooth difference in brightness between the two views.

Each half of a lens vignettes towards its own side: on phone sensors one view can be .7 times as bright as the other at the edge
of the field. A network that looks for disparity mistakes that for blur. Camera makers calibrate it away; otherwise it can be
estimated from the picture itself, since all other differences between the views are local.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BLOCKS = 20  # along each side
_DARK, _BRIGHT = 0.03, 0.95  # block means outside say nothing: noise, or clipping
_FEWEST = 30  # usable blocks; below that nothing is done
_LIMIT = np.log(2.0)
_STRIP = 64  # rows at a time: what is touched stays in the cache


def balance(planes: NDArray[np.float32]) -> None:
    """Give left and right the same brightness, in place, without changing their mean.

    With g, the quadratic surface nearest to the views' ratio L/R of local means (in logarithms, twice: the second time without
    the tenth of the blocks that fit worst), L becomes L (1 + 1/g) / 2 and R becomes R (1 + g) / 2: where R = L / g, both become
    the mean of the two.

    Args:
        planes: [C, H, W] float32, left in the first three, right in the next three, as the model takes them.
    """
    surface = _fit(planes)
    if surface is None:
        return
    _, height, width = planes.shape
    x = np.linspace(-1, 1, width)
    for top in range(0, height, _STRIP):
        rows = slice(top, min(top + _STRIP, height))
        y = np.linspace(-1, 1, height)[rows, None]
        gain = np.exp(np.clip(sum(c * t for c, t in zip(surface, _terms(x, y), strict=True)), -_LIMIT, _LIMIT))
        planes[:3, rows] *= ((1 + 1 / gain) / 2).astype(np.float32)
        planes[3:6, rows] *= ((1 + gain) / 2).astype(np.float32)


def _fit(planes: NDArray[np.float32]) -> NDArray[np.float64] | None:
    """Return the coefficients of log(L/R), or None if the picture is too small, too dark or too bright to tell."""
    _, height, width = planes.shape
    if min(height, width) < 8 * BLOCKS:
        return None
    left, right = (_block_means(planes[first : first + 3].mean(axis=0)) for first in (0, 3))
    usable = (np.minimum(left, right) > _DARK) & (np.maximum(left, right) < _BRIGHT)
    centres = (np.arange(BLOCKS) + 0.5) / BLOCKS * 2 - 1
    terms = np.stack([np.broadcast_to(t, left.shape)[usable] for t in _terms(centres, centres[:, None])], axis=1)
    if len(terms) < _FEWEST:
        return None
    ratios = np.log(left[usable] / right[usable])
    coefficients = np.linalg.lstsq(terms, ratios, rcond=None)[0]
    misfit = np.abs(terms @ coefficients - ratios)
    fitting = misfit <= np.quantile(misfit, 0.9)
    return np.asarray(np.linalg.lstsq(terms[fitting], ratios[fitting], rcond=None)[0])


def _block_means(plane: NDArray[np.float32]) -> NDArray[np.float64]:
    rows, columns = (np.linspace(0, side, BLOCKS + 1).astype(int)[:-1] for side in plane.shape)
    sums = np.add.reduceat(np.add.reduceat(plane.astype(np.float64), rows, axis=0), columns, axis=1)
    counts = np.outer(np.diff([*rows, plane.shape[0]]), np.diff([*columns, plane.shape[1]]))
    return np.asarray(sums / counts)


def _terms(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    return np.ones_like(x), x, y, x * x, x * y, y * y
