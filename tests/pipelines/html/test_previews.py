"""Small pictures for a page: what they look like, and how many bytes they take."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dpdeblur.pipelines.html.previews import MOST_PIXELS, excerpt


def decoded(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def test_encodes_all_alike_and_near_the_original() -> None:
    ramp = np.broadcast_to(np.linspace(0, 255, 120).astype(np.uint8)[None, :, None], (90, 120, 3))
    shown = excerpt([ramp, ramp[:, ::-1]], budget=100_000)
    assert (shown.x, shown.y, shown.width, shown.height, shown.whole) == (0, 0, 120, 90, (120, 90))
    assert shown.lossless and np.array_equal(decoded(shown.encoded[0]), ramp), "error maps are made of these"


def test_what_does_not_fit_without_loss_is_near_the_original() -> None:
    y, x = np.mgrid[:512, :768]
    noisy = 90 + 60 * np.sin(x / 40 + y / 60) + np.random.default_rng(0).normal(0, 3, (512, 768))
    image = np.repeat(noisy.astype(np.uint8)[..., None], 3, axis=2)
    (small, large) = (excerpt([image, image], budget) for budget in (300_000, 3_000_000))
    assert (small.lossless, large.lossless) == (False, True)
    assert [Image.open(io.BytesIO(shown.encoded[0])).format for shown in (small, large)] == ["JPEG", "WEBP"]
    assert (small.width, small.height) == (768, 512)
    assert np.abs(decoded(small.encoded[0]).astype(int) - image).mean() < 4


@pytest.mark.parametrize("noise", [1.0, 4.0, 20.0])
def test_a_window_that_just_fits_is_shown(noise: float) -> None:
    y, x = np.mgrid[:500, :760]
    smooth = np.stack([120 + 60 * np.sin(x / 40 + y / 60 + phase) for phase in (0, 1, 2)], axis=2)
    rng = np.random.default_rng(0)
    images = [np.clip(smooth + rng.normal(0, noise, smooth.shape), 0, 255).astype(np.uint8) for _ in range(3)]
    fits = excerpt(images, 10_000_000)
    needed = sum(map(len, fits.encoded))
    assert fits.lossless and (fits.width, fits.height) == (760, 500)
    assert excerpt(images, needed) == fits
    assert not excerpt(images, needed - 1).lossless


@pytest.mark.parametrize("budget", [400_000, 60_000])
def test_of_noise_less_is_shown_and_nothing_is_scaled(budget: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (600, 800, 3), np.uint8)
    shown = excerpt([noise, noise, noise], budget)
    assert sum(map(len, shown.encoded)) <= budget
    assert 96 <= shown.width < 800
    assert {decoded(data).shape for data in shown.encoded} == {(shown.height, shown.width, 3)}


def test_large_images_are_shown_in_part() -> None:
    shown = excerpt([np.zeros((3000, 4000), np.uint8)], budget=10**9)
    assert shown.width * shown.height <= MOST_PIXELS
    assert (shown.x, shown.y) == ((4000 - shown.width) // 2, (3000 - shown.height) // 2)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 700), st.integers(1, 700), st.integers(0, 2**16), st.integers(500, 60_000))
def test_the_place_where_images_differ_is_shown(width: int, height: int, seed: int, budget: int) -> None:
    rng = np.random.default_rng(seed)
    first = rng.integers(0, 256, (height, width), np.uint8)
    second, (y, x) = first.copy(), (int(rng.integers(height)), int(rng.integers(width)))
    second[max(0, y - 8) : y + 8, max(0, x - 8) : x + 8] ^= 255
    shown = excerpt([first, second], budget)
    assert 0 <= shown.x <= width - shown.width and 0 <= shown.y <= height - shown.height
    assert shown.x <= x + 8 and x - 8 <= shown.x + shown.width
    assert shown.y <= y + 8 and y - 8 <= shown.y + shown.height
