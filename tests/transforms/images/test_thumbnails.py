"""Thumbnails, and which of them a process keeps."""

from __future__ import annotations

import hashlib
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dpdeblur.transforms.images.thumbnails import Thumbnails, thumbnail


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(90, 120, 3), (2000, 500), (1, 1, 3), (3, 4000), (1120, 1680, 3)])
def test_thumbnails_are_tiny(shape: tuple[int, ...], dtype: type[np.uint8 | np.uint16]) -> None:
    made = thumbnail(np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype))
    assert len(made) < 40_000
    width, height = Image.open(io.BytesIO(made)).size
    assert width <= max(shape[1], 168) and height <= max(shape[0], 126)
    assert min(width / 168, height / 126) < 1.01, "no larger than needed"
    assert width >= min(shape[1], 168) and height >= min(shape[0], 126), "the frame is covered"


def test_a_thumbnail_looks_like_its_image() -> None:
    """Left half dark, right half bright, with fine lines: lines are averaged, halves are kept."""
    image = np.full((1120, 1680, 3), 10_000, np.uint16)
    image[:, 840:] = 50_000
    image[::2] += 5_000
    small = np.asarray(Image.open(io.BytesIO(thumbnail(image))), np.float64)
    left, right = small[:, :80].mean(), small[:, -80:].mean()
    assert abs(left - 12_500 / 257) < 12 and abs(right - 52_500 / 257) < 12


@given(st.lists(st.integers(0, 30), max_size=60), st.integers(1, 9))
def test_the_lowest_of_all_that_were_offered_are_kept(offered: list[int], most: int) -> None:
    images = [np.full((2, 2), number, np.uint8) for number in offered]
    digests = [hashlib.sha256(image.data).hexdigest() for image in images]
    kept = Thumbnails(most)
    for digest, image in zip(digests, images, strict=True):
        kept.offer(digest, image, linear=False)
    lowest = sorted(set(digests))[:most]
    for digest, image in zip(digests, images, strict=True):
        assert kept.get(digest, linear=False) == (thumbnail(image) if digest in lowest else None)
        assert kept.get(digest, linear=True) is None
    assert kept.get(None, linear=False) is None
