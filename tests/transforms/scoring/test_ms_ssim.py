"""MS-SSIM against a plain evaluation of its formula, and its bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import convolve2d

from dpdeblur.transforms.scoring.ms_ssim import SMALLEST, ms_ssim

Array = NDArray[np.float64]

POWERS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def window() -> Array:
    y, x = np.mgrid[-5:6, -5:6]
    weights = np.exp(-(x**2 + y**2) / (2 * 1.5**2))
    result: Array = weights / weights.sum()
    return result


def halved(a: Array) -> Array:
    rows = [(a[i] + a[min(i + 1, len(a) - 1)]) / 2 for i in range(0, len(a), 2)]
    columns = np.array(rows).T
    result: Array = np.array([(columns[i] + columns[min(i + 1, len(columns) - 1)]) / 2 for i in range(0, len(columns), 2)]).T
    return result


def plain(a: Array, b: Array) -> float:
    """One channel, by the formulas of the paper, with one two-dimensional window."""
    value = 1.0
    for scale, power in enumerate(POWERS):
        mean_a, mean_b, aa, bb, ab = (convolve2d(x, window(), mode="valid") for x in (a, b, a * a, b * b, a * b))
        contrast = (2 * (ab - mean_a * mean_b) + 0.03**2) / (aa - mean_a**2 + bb - mean_b**2 + 0.03**2)
        luminance = (2 * mean_a * mean_b + 0.01**2) / (mean_a**2 + mean_b**2 + 0.01**2)
        term = (luminance * contrast if scale == 4 else contrast).mean()
        value *= max(term, 0.0) ** power
        a, b = halved(a), halved(b)
    return float(value)


@pytest.mark.parametrize(("height", "width"), [(SMALLEST, SMALLEST), (177, 201), (203, 178)])
def test_it_equals_a_plain_evaluation(height: int, width: int) -> None:
    rng = np.random.default_rng(height)
    target = np.cumsum(np.cumsum(rng.normal(size=(height, width, 3)), 0), 1)
    target = (target - target.min()) / np.ptp(target)
    picture = np.clip(target + rng.normal(0, 0.05, target.shape), 0, 1)
    expected = np.mean([plain(picture[..., c], target[..., c]) for c in range(3)])
    assert ms_ssim(picture, target) == pytest.approx(expected, abs=1e-9)


@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_it_is_at_most_1_and_symmetric(seed: int, noise: float) -> None:
    rng = np.random.default_rng(seed)
    target = rng.random((SMALLEST, SMALLEST))
    picture = np.clip(target + rng.normal(0, 1, target.shape) * noise, 0, 1)
    assert 0 <= ms_ssim(picture, target) <= 1 + 1e-12  # rounding
    assert ms_ssim(picture, target) == pytest.approx(ms_ssim(target, picture), abs=1e-12)


def test_opposite_pictures_score_0_and_not_nan() -> None:
    target = np.random.default_rng(0).random((SMALLEST, SMALLEST))
    assert ms_ssim(1 - target, target) == 0.0
