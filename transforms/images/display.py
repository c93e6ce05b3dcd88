"""An image as shown on a screen: 8 bits, in sRGB or near it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dpdeblur.transforms.images.image import Image


def displayable(images: Sequence[Image], *, linear: bool) -> list[NDArray[np.uint8]]:
    """Return what a screen shows: 8 bits, in sRGB or near it.

    Args:
        images: uint8 or uint16, HxW or HxWx3, all of one scene; black is 0, white the full range.
        linear: the samples are proportional to light: all images get one exposure, at which the brightest half percent of
            the first is white, and an exponent of 1/2.2.
    """
    if not linear:
        return [(image >> 8 if image.dtype == np.uint16 else image).astype(np.uint8, copy=False) for image in images]
    first = images[0]
    white = max(float(np.quantile(first[::4, ::4], 0.995)) / np.iinfo(first.dtype).max, 1e-4)
    return [_bright(image, white) for image in images]


def _bright(image: Image, white: float) -> NDArray[np.uint8]:
    """Return an image at a given exposure, by a table: computing a power for every pixel would be slow."""
    samples = np.iinfo(image.dtype).max
    light = np.clip(np.arange(samples + 1) / samples / white, 0, 1)
    return np.asarray(np.rint(255 * light ** (1 / 2.2)).astype(np.uint8)[image])
