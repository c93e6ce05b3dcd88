"""The smooth difference in brightness between the views goes, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from dpdeblur.transforms.images.balance import balance


def planes(seed: int = 0, height: int = 240, width: int = 320) -> NDArray[np.float32]:
    """Two equal views of something uneven."""
    rng = np.random.default_rng(seed)
    coarse = 0.15 + 0.6 * rng.random((3, height // 8, width // 8))
    view = np.kron(coarse, np.ones((1, 8, 8)))
    return np.concatenate([view, view]).astype(np.float32)


def vignetting(height: int, width: int) -> NDArray[np.float32]:
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return np.asarray(np.exp(0.12 + 0.1 * x - 0.04 * y + 0.05 * x * x), np.float32)


def test_equal_views_stay_as_they_are() -> None:
    views = planes()
    before = views.copy()
    balance(views)
    assert np.array_equal(views, before)


def test_a_smooth_difference_goes_and_the_mean_stays() -> None:
    views = planes()
    views[3:] /= vignetting(240, 320)
    mean = (views[:3] + views[3:]) / 2
    balance(views)
    assert np.abs(views[:3] / views[3:] - 1).max() < 1e-3
    assert np.abs((views[:3] + views[3:]) / 2 - mean).max() < 1e-3


def test_disparity_is_left_alone() -> None:
    views = planes()
    views[3:] = np.roll(views[3:], 6, axis=2)
    moved = views.copy()
    views[3:] /= vignetting(240, 320)
    balance(views)
    assert np.abs(views[:3] - moved[:3] * (1 + 1 / vignetting(240, 320)) / 2).mean() < 0.01
    assert np.corrcoef(views[3:].ravel(), moved[3:].ravel())[0, 1] > 0.99


@pytest.mark.parametrize("level", [0.0, 0.01, 1.0])
def test_nothing_is_done_where_nothing_can_be_told(level: float) -> None:
    views = np.full((6, 200, 200), level, np.float32)
    views[3:] *= 0.8
    before = views.copy()
    balance(views)
    assert np.array_equal(views, before)


def test_small_pictures_are_left_alone() -> None:
    views = planes(height=40, width=48)
    views[3:] *= 0.8
    before = views.copy()
    balance(views)
    assert np.array_equal(views, before)
