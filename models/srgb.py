"""The transfer function of sRGB (IEC 61966-2-1), the one place where it is written down."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def linear_to_srgb(light: NDArray[Any]) -> NDArray[Any]:
    """Return sRGB values in [0, 1] for linear light in [0, 1]: any shape, float32 or float64, whose dtype is kept."""
    curve = 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055
    return np.where(light <= 0.0031308, 12.92 * light, curve)


def srgb_to_linear(coded: NDArray[Any]) -> NDArray[Any]:
    """Return linear light in [0, 1] for sRGB values in [0, 1]: any shape, float32 or float64, whose dtype is kept."""
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
