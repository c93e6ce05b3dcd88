"""MS-SSIM: structural similarity over five scales.

Z. Wang, E. Simoncelli, A. Bovik, "Multi-scale structural similarity for image quality assessment", Asilomar Conference on
Signals, Systems and Computers, 2003. Each channel is scored on its own, and the channels are averaged.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # from the finest scale to the coarsest, as published
SIGMA, RADIUS = 1.5, 5  # px: a Gaussian window of 11 by 11
SMALLEST = (2 * RADIUS + 1) << (len(WEIGHTS) - 1)  # px: the window must fit at the coarsest scale

Channel = NDArray[np.float64]


def ms_ssim(picture: NDArray[np.float64], target: NDArray[np.float64]) -> float:
    """Return the multi-scale structural similarity of two pictures, at most 1.

    At each scale but the coarsest only contrast and structure count; each is raised to the published power, and they are
    multiplied. Values below 0, which have no such power, count as 0. K1 = .01, K2 = .03, windows inside the picture only.

    Args:
        picture: float64 [H, W, C] or [H, W], values 0 to 1, H and W at least 176.
        target: of the same shape.

    >>> flat = np.full((176, 176), 0.5)
    >>> ms_ssim(flat, flat)
    1.0
    """
    a, b = (np.atleast_3d(samples) for samples in (picture, target))
    return float(np.mean([_channel(a[..., number], b[..., number]) for number in range(a.shape[2])]))


def _channel(a: Channel, b: Channel) -> float:
    similarity = 1.0
    for scale, weight in enumerate(WEIGHTS):
        luminance, contrast = _terms(a, b)
        coarsest = scale == len(WEIGHTS) - 1
        similarity *= math.pow(max(0.0, float(np.mean(luminance * contrast if coarsest else contrast))), weight)
        a, b = _halved(a), _halved(b)
    return similarity


def _terms(a: Channel, b: Channel) -> tuple[Channel, Channel]:
    """Return the luminance term of SSIM, and the one of contrast and structure, for each window."""
    c1, c2 = 0.01**2, 0.03**2
    mean_a, mean_b = _windowed(a), _windowed(b)
    variances = _windowed(a * a) - mean_a**2 + _windowed(b * b) - mean_b**2
    covariance = _windowed(a * b) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    return luminance, (2 * covariance + c2) / (variances + c2)


def _windowed(samples: Channel) -> Channel:
    """Return the Gaussian-weighted mean of every window that is inside."""
    from scipy.ndimage import correlate1d  # noqa: PLC0415 - slow to import, and only those who ask for it should wait

    window = np.exp(-(np.arange(-RADIUS, RADIUS + 1) ** 2) / (2 * SIGMA**2))
    window /= window.sum()
    inside = correlate1d(samples, window, axis=0)[RADIUS:-RADIUS]
    result: Channel = correlate1d(inside, window, axis=1)[:, RADIUS:-RADIUS]
    return result


def _halved(samples: Channel) -> Channel:
    """Return the mean of each block of 2 by 2; the last row or column of an odd side is taken twice."""
    even = np.pad(samples, [(0, side % 2) for side in samples.shape], mode="edge")
    return (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4
