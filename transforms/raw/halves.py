"""From the two frames of a Dual Pixel RAW file to the two views, as mosaics.

Each pixel of the sensor has two photodiodes, one behind each half of the lens. Canon's files hold the sum of both as their
first frame, and one of the two as their second. The other is the difference; where the sum is clipped, that says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Mosaic = NDArray[np.uint16]  # [H, W]: one sample a pixel, behind its colour filter


@dataclass(frozen=True, slots=True)
class Halves:
    """The two views of one exposure, as mosaics with the black and white level of the sum.

    Attributes:
        first: the view of the second frame, brought to the brightness of the sum.
        other: what the sum holds besides it, alike.
        clipped: share of pixels at which the sum is clipped, so that `other` is unknown, and equal to `first`.
    """

    first: Mosaic
    other: Mosaic
    clipped: float


def split(both: Mosaic, half: Mosaic, black: NDArray[np.float64], half_black: NDArray[np.float64], white: float) -> Halves:
    """Return the two views of an exposure.

    With S and A the light of the sum and of one half above their black levels, the other half is S - A. Each half has about
    half of the light, so both are doubled: black + 2 A, and black + 2 (S - A).

    Args:
        both: the sum of both halves, [H, W].
        half: one of them, of the same shape.
        black: black level of the sum, [H, W] or broadcast to it.
        half_black: black level of the half, alike.
        white: level at which the sum clips.
    """
    light, first = both - black, half - half_black
    unknown = both >= white
    other = np.where(unknown, first, light - first)
    return Halves(_mosaic(black + 2 * first, white), _mosaic(black + 2 * other, white), float(unknown.mean()))


def _mosaic(samples: NDArray[np.float64], white: float) -> Mosaic:
    return np.rint(np.clip(samples, 0, white)).astype(np.uint16)
