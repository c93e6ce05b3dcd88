"""Small pictures for a page: what they look like, and how many bytes they take."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from dpdeblur.pipelines.html.previews import MOST_PIXELS, displayable, encode, thumbnail


def decoded(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def test_sixteen_bits_become_eight() -> None:
    picture = np.array([[[0, 256, 65535]]], np.uint16)
    assert displayable([picture], linear=False)[0].tolist() == [[[0, 1, 255]]]


def test_eight_bits_stay() -> None:
    picture = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(displayable([picture], linear=False)[0], picture)


def test_linear_light_gets_one_exposure_and_a_gamma() -> None:
    """Half the light of white is 255 * .5 ** (1 / 2.2) = 186; the second picture keeps its brightness relative to the first."""
    first = np.full((8, 8), 20000, np.uint16)
    shown = displayable([first, first // 2, np.full((8, 8), 39, np.uint8)], linear=True)
    assert [picture[0, 0] for picture in shown] == [255, 186, round(255 * (39 / 255 / (20000 / 65535)) ** (1 / 2.2))]


def test_encodes_all_alike_and_near_the_original() -> None:
    ramp = np.broadcast_to(np.linspace(0, 255, 120).astype(np.uint8)[None, :, None], (90, 120, 3))
    preview = encode([ramp, ramp[:, ::-1]], budget=100_000)
    assert (preview.width, preview.height, preview.whole) == (120, 90, (120, 90))
    assert np.abs(decoded(preview.encoded[0]).astype(int) - ramp).max() < 12


@pytest.mark.parametrize("budget", [400_000, 60_000])
def test_noise_is_made_to_fit(budget: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (600, 800, 3), np.uint8)
    preview = encode([noise, noise, noise], budget)
    assert sum(map(len, preview.encoded)) <= budget
    assert preview.width < 800
    assert {decoded(data).shape for data in preview.encoded} == {(preview.height, preview.width, 3)}


def test_large_pictures_are_made_smaller() -> None:
    preview = encode([np.zeros((3000, 4000), np.uint8)], budget=10**9)
    assert preview.width * preview.height <= MOST_PIXELS * 1.001
    assert preview.width / preview.height == pytest.approx(4 / 3, rel=0.01)


@pytest.mark.parametrize("shape", [(90, 120, 3), (2000, 500), (1, 1, 3), (3, 4000)])
def test_thumbnails_are_tiny(shape: tuple[int, ...]) -> None:
    assert len(thumbnail(np.random.default_rng(0).integers(0, 256, shape, np.uint8))) < 40_000
