"""Images for a page: what the samples look like, pixel for pixel, within a budget of bytes."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np
from PIL import (
    Image,
    WebPImagePlugin,  # noqa: F401 - else Pillow loads all of its fifty formats to find this one
)

from dpdeblur.transforms.images import jpeg

Bytes = np.ndarray[Any, np.dtype[np.uint8]]

MOST_PIXELS = 2_600_000  # of one image
_WIDTHS = (1536, 1152, 864, 640, 480, 360, 264, 192, 144)  # of windows, which are 3:2
_LOSSLESS = 101
_QUALITIES = (_LOSSLESS, 90, 82)  # of JPEG
_LAST_RESORT = (96, 40)  # width and quality
_SAMPLE, _SAMPLES = 32, 8  # edge of the squares that sizes are estimated from, in pixels, and how many across and down
_FROM_ELSEWHERE, _FROM_SAMPLES, _FROM_ONE = 1.3, 1.12, 1.05
"""How far an estimate may be above what fits: from a larger window, from samples of this one, and once one image is encoded.

On photographs they are up to 20, 10 and 4 % too high: squares take more than what they are part of.
"""
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
    for quality in _QUALITIES:
        bytes_per_pixel = 0.0
        for across, down in _sizes(width, height, quality):
            if across * down * bytes_per_pixel > _FROM_ELSEWHERE * budget:
                continue
            x, y = _most_different(images, across, down)
            shown = _cut(images, x, y, across, down)
            estimates = _estimates(shown, quality, budget)
            bytes_per_pixel = sum(estimates) / (across * down)
            if encoded := _encode_all(shown, quality, estimates, budget):
                return Excerpt(encoded, x, y, across, down, (width, height), quality == _LOSSLESS)
    across, down = (min(length, _LAST_RESORT[0]) for length in (width, height))
    x, y = _most_different(images, across, down)
    encoded = tuple(_encode(image, _LAST_RESORT[1]) for image in _cut(images, x, y, across, down))
    return Excerpt(encoded, x, y, across, down, (width, height), lossless=False)


def _sizes(width: int, height: int, quality: int) -> Iterator[tuple[int, int]]:
    """Width and height of the windows to try with a quality, the largest first: small ones with the lowest quality only."""
    if width * height <= MOST_PIXELS:
        yield width, height
    least = 0 if quality == _QUALITIES[-1] else min(width, _WIDTHS[2])
    for across, down in ((min(width, w), min(height, round(w / 1.5))) for w in _WIDTHS):
        if across >= least and (across, down) != (width, height):
            yield across, down


def _cut(images: Sequence[Bytes], x: int, y: int, across: int, down: int) -> list[Bytes]:
    return [image[y : y + down, x : x + across] for image in images]


def _estimates(images: Sequence[Bytes], quality: int, budget: int) -> list[float]:
    """Estimate how many bytes each image takes once it is encoded: from samples of it, unless they fit as they are."""
    if sum(image.nbytes for image in images) <= budget:
        return [image.nbytes for image in images]
    samples = [_sample(image) for image in images]
    return [len(_encode(s, quality)) * image.nbytes / s.nbytes for image, s in zip(images, samples, strict=True)]


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


def _encode_all(images: Sequence[Bytes], quality: int, estimates: Sequence[float], budget: int) -> tuple[bytes, ...]:
    """Encode images; nothing as soon as it is clear that together they are above a budget of bytes.

    The last one, the target, takes most; from what it takes follows what the others will take.
    """
    if sum(estimates) > _FROM_SAMPLES * budget:
        return ()
    *others, last = images
    encoded = _encode(last, quality)
    if sum(estimates) / estimates[-1] * len(encoded) > _FROM_ONE * budget:
        return ()
    with ThreadPoolExecutor(max(1, len(others))) as threads:  # the encoders leave Python's lock alone
        everything = (*threads.map(_encode, others, repeat(quality)), encoded)
    return everything if sum(map(len, everything)) <= budget else ()


def _encode(image: Bytes, quality: int) -> bytes:
    """Encode an image with a quality up to 100, or `_LOSSLESS`.

    Without loss as WebP, which is a third smaller than PNG; else as JPEG: in an eighth of WebP's time.
    """
    if quality != _LOSSLESS:
        return jpeg.compressed(image, quality)
    stream, effort = io.BytesIO(), 0
    Image.fromarray(np.ascontiguousarray(image)).save(stream, "WEBP", quality=effort, method=0, lossless=True)
    return stream.getvalue()
