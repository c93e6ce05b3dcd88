"""Small pictures for a page: what the samples look like, encoded within a budget of bytes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

Pixels = np.ndarray[Any, np.dtype[Any]]
Bytes = np.ndarray[Any, np.dtype[np.uint8]]

MOST_PIXELS = 2_600_000  # of one preview
_ATTEMPTS = ((1.0, 85), (1.0, 72), (0.75, 72), (0.5, 72), (0.35, 65), (0.25, 60), (0.12, 50))  # size, WebP quality
_THUMB = (168, 126)


@dataclass(frozen=True, slots=True)
class Preview:
    """Pictures of one size, as WebP.

    Attributes:
        encoded: one for each picture given.
        width, height: of each, in pixels.
        whole: width and height of the pictures given.
    """

    encoded: tuple[bytes, ...]
    width: int
    height: int
    whole: tuple[int, int]


def displayable(pictures: Sequence[Pixels], *, linear: bool) -> list[Bytes]:
    """What a screen shows: 8 bits, in sRGB or near it.

    Args:
        pictures: uint8 or uint16, HxW or HxWx3, all of one scene; black is 0, white the full range.
        linear: the samples are proportional to light: all pictures get one exposure, at which the brightest half percent of
            the first is white, and an exponent of 1/2.2.
    """
    if not linear:
        return [picture if picture.dtype == np.uint8 else (picture >> 8).astype(np.uint8) for picture in pictures]
    first = pictures[0]
    white = max(float(np.quantile(first[::4, ::4], 0.995)) / np.iinfo(first.dtype).max, 1e-4)
    return [_bright(picture, white) for picture in pictures]


def encode(pictures: Sequence[Bytes], budget: int) -> Preview:
    """Encode pictures of one scene at the best quality and size whose sum stays within a budget.

    Args:
        pictures: uint8, HxW or HxWx3, all of one size, at least one.
        budget: bytes for all of them together. The smallest attempt is given even where it is above.
    """
    height, width = pictures[0].shape[:2]
    fits = min(1.0, (MOST_PIXELS / (width * height)) ** 0.5)
    for size, quality in _ATTEMPTS:
        scale = size * fits
        shape = (max(1, round(width * scale)), max(1, round(height * scale)))
        encoded = tuple(_webp(Image.fromarray(picture), shape, quality) for picture in pictures)
        if sum(map(len, encoded)) <= budget:
            break
    return Preview(encoded, *shape, (width, height))


def thumbnail(picture: Bytes) -> bytes:
    """A picture scaled down to just cover 168x126 pixels: a few kilobytes of WebP."""
    image = Image.fromarray(picture)
    scale = min(1.0, max(_THUMB[0] / image.width, _THUMB[1] / image.height))
    return _webp(image, (max(1, round(image.width * scale)), max(1, round(image.height * scale))), 70)


def _bright(picture: Pixels, white: float) -> Bytes:
    """A table look-up: an exponent for every pixel would be slow."""
    samples = np.iinfo(picture.dtype).max
    light = np.clip(np.arange(samples + 1) / samples / white, 0, 1)
    return np.asarray(np.rint(255 * light ** (1 / 2.2)).astype(np.uint8)[picture])


def _webp(image: Image.Image, shape: tuple[int, int], quality: int) -> bytes:
    stream = io.BytesIO()
    resized = image if image.size == shape else image.resize(shape, Image.Resampling.LANCZOS)
    resized.save(stream, "WEBP", quality=quality, method=2)
    return stream.getvalue()
