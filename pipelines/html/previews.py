"""Images for a page: what the samples look like, pixel for pixel, within a budget of bytes."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import (
    Image,
    WebPImagePlugin,  # noqa: F401 - else Pillow loads all of its fifty formats to find this one
)

Bytes = np.ndarray[Any, np.dtype[np.uint8]]

MOST_PIXELS = 2_600_000  # of one image
_WIDTHS = (1536, 1152, 864, 640, 480, 360, 264, 192, 144)  # of windows, which are 3:2
_LOSSLESS = 101
_QUALITIES = (_LOSSLESS, 90, 82)  # of JPEG
_LAST_RESORT = (96, 40)  # width and quality
_SAMPLE, _SAMPLES = 64, 4  # edge of the squares that sizes are estimated from, in pixels, and how many across and down
_STEP = 8  # every so many pixels are looked at to find the place to show


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The same window of several images of one scene, every pixel of it: as WebP without loss, else as JPEG.

    Attributes:
        encoded: one for each image given.
        x, y: the window's upper left corner in the whole image, in pixels.
        width, height: of the window, in pixels.
        whole: width and height of the images given.
        lossless: every sample is as given, so that differences between the images are what they are.
    """

    encoded: tuple[bytes, ...]
    x: int
    y: int
    width: int
    height: int
    whole: tuple[int, int]
    lossless: bool


def excerpt(images: Sequence[Bytes], budget: int) -> Excerpt:
    """Encode one window of all images, as large as a budget allows, around the place where the images differ most.

    Pixels are never scaled: where the whole does not fit, less of it is shown. Where a large window fits without loss, it is
    encoded so.

    Args:
        images: uint8, HxW or HxWx3, all of one size, at least one.
        budget: bytes for all of them together. A window of 96 pixels is given even where it is above.
    """
    height, width = images[0].shape[:2]
    for across, down, quality in _windows(images, budget):
        x, y = _most_different(images, across, down)
        most = budget if across > _LAST_RESORT[0] else math.inf
        encoded = _encode_all([image[y : y + down, x : x + across] for image in images], quality, most)
        if encoded:
            break
    return Excerpt(encoded, x, y, across, down, (width, height), quality == _LOSSLESS)


def _windows(images: Sequence[Bytes], budget: int) -> Iterator[tuple[int, int, int]]:
    """Width, height and quality of the windows to try, the best first, without those that are far above the budget."""
    height, width = images[0].shape[:2]
    sizes = [(width, height)] if width * height <= MOST_PIXELS else []
    sizes += [(min(width, w), min(height, round(w / 1.5))) for w in _WIDTHS if w < width or w < height * 1.5]
    samples = [_sample(image) for image in images]
    for quality in _QUALITIES:
        of_sample = sum(len(_encode(sample, quality)) for sample in samples)
        bytes_per_pixel = of_sample / (samples[0].shape[0] * samples[0].shape[1])
        fitting = [size for size in sizes if size[0] * size[1] * bytes_per_pixel <= 1.2 * budget]
        large = [size for size in fitting if size[0] >= min(width, _WIDTHS[2])]
        yield from ((*size, quality) for size in (fitting if quality == _QUALITIES[-1] else large))
    yield min(width, _LAST_RESORT[0]), min(height, _LAST_RESORT[0]), _LAST_RESORT[1]


def _sample(image: Bytes) -> Bytes:
    """Squares from all over an image, side by side in one: what a pixel of it takes, this takes for each pixel, about."""
    high, wide = (min(_SAMPLE, length) for length in image.shape[:2])
    rows = np.linspace(0, image.shape[0] - high, _SAMPLES).astype(int)
    columns = np.linspace(0, image.shape[1] - wide, _SAMPLES).astype(int)
    return np.concatenate([np.concatenate([image[y : y + high, x : x + wide] for x in columns], axis=1) for y in rows])


def _most_different(images: Sequence[Bytes], across: int, down: int) -> tuple[int, int]:
    """The corner of the window in which the other images differ most from the first; in the middle where none does."""
    height, width = images[0].shape[:2]
    small = [image[::_STEP, ::_STEP].astype(np.int64) for image in images]
    changed = sum((np.abs(image - small[0]) for image in small[1:]), np.zeros_like(small[0]))
    if not changed.any():
        return (width - across) // 2, (height - down) // 2
    sums = np.pad(changed.sum(axis=2) if changed.ndim == 3 else changed, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    rows, columns = (max(1, min(length // _STEP, end - 1)) for length, end in zip((down, across), sums.shape, strict=True))
    inside = sums[rows:, columns:] - sums[:-rows, columns:] - sums[rows:, :-columns] + sums[:-rows, :-columns]
    y, x = np.unravel_index(int(inside.argmax()), inside.shape)
    return min(int(x) * _STEP, width - across), min(int(y) * _STEP, height - down)


def _encode_all(images: Sequence[Bytes], quality: int, budget: float) -> tuple[bytes, ...]:
    """Encode images; nothing as soon as they turn out to be above a budget of bytes. The last one, the target, takes most."""
    encoded: list[bytes] = []
    for image in reversed(images):
        encoded.insert(0, _encode(image, quality))
        if sum(map(len, encoded)) > budget:
            return ()
    return tuple(encoded)


def _encode(image: Bytes, quality: int) -> bytes:
    """Encode an image with a quality up to 100, or `_LOSSLESS`."""
    return _encoded(Image.fromarray(np.ascontiguousarray(image)), quality)


def _encoded(image: Image.Image, quality: int) -> bytes:
    """Encode without loss as WebP, which is a third smaller than PNG; else as JPEG: in an eighth of WebP's time."""
    stream = io.BytesIO()
    if quality == _LOSSLESS:
        image.save(stream, "WEBP", quality=0, method=0, lossless=True)  # quality means effort
    else:
        image.save(stream, "JPEG", quality=quality)
    return stream.getvalue()
