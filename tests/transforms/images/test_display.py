"""What a screen shows of an image."""

from __future__ import annotations

import numpy as np

from dpdeblur.transforms.images.display import displayable


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
