"""An image: integers as a file holds them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dpdeblur.transforms.records import SceneError

Image = NDArray[np.uint8 | np.uint16]
"""RGB of shape [H, W, 3], or one channel of shape [H, W]; uint8 or uint16, from 0 to the largest value of the dtype."""


_NEAREST_8_BITS = ((np.arange(2**16) + 128) // 257).astype(np.uint8)


def describe(image: Image) -> str:
    """Return size, channels and depth in words, for messages.

    >>> describe(np.zeros((1120, 1680, 3), np.uint16))
    '1680x1120 RGB 16-bit'
    """
    channels = "RGB" if image.ndim == 3 else "one-channel"
    return f"{image.shape[1]}x{image.shape[0]} {channels} {image.dtype.itemsize * 8}-bit"


def full_range(image: Image) -> int:
    """Return the largest value that the image's dtype can hold."""
    return int(np.iinfo(image.dtype).max)


def to_8_bits(image: Image) -> NDArray[np.uint8]:
    """Return an image with 8 bits, each sample the nearest fraction of full range (65535 = 257 · 255); the same if it has 8.

    >>> to_8_bits(np.array([[0, 128, 129, 65535]], np.uint16)).tolist()
    [[0, 0, 1, 255]]
    """
    return image.astype(np.uint8, copy=False) if image.dtype == np.uint8 else _NEAREST_8_BITS[image]


def crop_center(image: Image, height: int, width: int) -> Image:
    """Return the central part of an image, from row (H - height) // 2 and column (W - width) // 2: a view, not a copy.

    Raises:
        ValueError: The image is smaller than that.
    """
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    if min(top, left) < 0:
        raise ValueError(f"no {width}x{height} inside {describe(image)}")
    return image[top : top + height, left : left + width]


def fit_target(image: Image, target: Image, fit: str = "exact") -> tuple[Image, Image]:
    """Return the image and its target in one size, ready to be compared.

    Args:
        image: Restored or unprocessed.
        target: Ground truth. Its bit depth may differ.
        fit: "exact" where both have one size; "center" where the target shows the central part of the image, which is then
            cropped to it.

    Raises:
        SceneError: The sizes do not fit, or one is RGB and the other has one channel.
    """
    if fit not in ("exact", "center"):
        raise ValueError(f"fit {fit!r} is neither 'exact' nor 'center'")
    if image.ndim != target.ndim:
        raise SceneError(
            f"The picture is {describe(image)}, its target {describe(target)}: they cannot be compared. Convert one of them."
        )
    (height, width), wanted = image.shape[:2], target.shape[:2]
    if (height, width) == wanted:
        return image, target
    if wanted[0] > height or wanted[1] > width:
        raise SceneError(
            f"The target, {describe(target)}, is larger than the picture, {describe(image)}: is it another scene's?"
        )
    if fit == "exact":
        raise SceneError(
            f"The picture is {describe(image)}, its target {describe(target)}. "
            "If the target is the central crop of the views, say --target-fit center."
        )
    return crop_center(image, *wanted), target
