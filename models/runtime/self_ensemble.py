"""The mean over mirrored passes of one picture: a little sharper, for as many times the work.

A network that restores a picture restores its mirror image too, with other errors, and the mean of both has smaller ones
(Lim et al., "Enhanced deep residual networks for single image super-resolution", 2017, section 3.3). What is to the left of a
dual-pixel lens is to the right in the mirror: there the two views change places. Turning a picture by 90 degrees is left
out, since it would turn the direction of the disparity.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from dpdeblur.models.runtime.binding import Planes


class Mirror(NamedTuple):
    """How a picture is mirrored: `upside_down` reverses its rows, `left_right` its columns."""

    upside_down: bool
    left_right: bool


PASSES = {
    1: (Mirror(False, False),),
    2: (Mirror(False, False), Mirror(True, False)),
    4: (Mirror(False, False), Mirror(True, False), Mirror(False, True), Mirror(True, True)),
}
"""The mirrored pictures whose mean is taken, by their number."""


def mean_of_passes(restore: Callable[[Planes], Planes], planes: Planes, passes: int) -> Planes:
    """Return the mean of a model's results for a picture and for its mirror images, each mirrored back.

    Args:
        restore: from float32 [C, H, W] to float32 [3, H, W].
        planes: float32 [C, H, W]: the left view, the right view, and maybe more pictures, of three channels each.
        passes: how many; one of `PASSES`.
    """
    first, *others = PASSES[passes]
    total = _turned(restore(mirrored(planes, first)), first).copy()
    for mirror in others:
        total += _turned(restore(mirrored(planes, mirror)), mirror)
    return total / np.float32(passes)


def mirrored(planes: Planes, mirror: Mirror) -> Planes:
    """Return the planes that the camera would have recorded of the mirrored scene: float32 [C, H, W]."""
    turned = _turned(planes, mirror)
    return np.concatenate([turned[3:6], turned[:3], turned[6:]]) if mirror.left_right else np.ascontiguousarray(turned)


def _turned(planes: Planes, mirror: Mirror) -> Planes:
    return planes[:, :: -1 if mirror.upside_down else 1, :: -1 if mirror.left_right else 1]
