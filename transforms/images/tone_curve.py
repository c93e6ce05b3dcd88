"""How the integers of a file relate to light: levels and transfer function, as tables."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from dpdeblur.models.srgb import linear_to_srgb, srgb_to_linear
from dpdeblur.transforms.records import SceneError, UsageError

TRANSFERS = ("srgb", "linear")


@dataclass(frozen=True, slots=True)
class ToneCurve:
    """How the integers of the views relate to light.

    Attributes:
        black_level: The integer that means no light.
        white_level: The integer that means full light; None for the largest that the file's depth can hold.
        transfer: "srgb" where equal steps look about equal to the eye, "linear" where they are equal in light (sensor data).

    Raises:
        UsageError: A level or the transfer function makes no sense.
    """

    black_level: float = 0
    white_level: float | None = None
    transfer: str = "srgb"

    def __post_init__(self) -> None:
        if self.transfer not in TRANSFERS:
            raise UsageError(f"--transfer is {self.transfer!r}: give one of {', '.join(TRANSFERS)}.")
        if not (math.isfinite(self.black_level) and self.black_level >= 0):
            raise UsageError(f"--black-level is {self.black_level}: give a number from 0.")
        if self.white_level is not None and not (math.isfinite(self.white_level) and self.white_level > self.black_level):
            raise UsageError(f"--white-level is {self.white_level}: give a number above the black level, {self.black_level}.")

    @property
    def is_linear(self) -> bool:
        """Return whether equal steps are equal in light."""
        return self.transfer == "linear"


AS_STORED = ToneCurve()


def conversion_between(given: str, wanted: str) -> str:
    """Return what turns values in one transfer function into another: "encode", "decode", or "" where nothing is to be done.

    >>> conversion_between("linear", "srgb"), conversion_between("srgb", "linear"), conversion_between("srgb", "any")
    ('encode', 'decode', '')
    """
    if "any" in (given, wanted) or given == wanted:
        return ""
    return "encode" if wanted == "srgb" else "decode"


@lru_cache(maxsize=16)
def value_table(curve: ToneCurve, full: int, model_transfer: str) -> NDArray[np.float32]:
    """Return the value that a model sees for each integer: float32 of shape [full + 1], in [0, 1].

    Args:
        curve: What the integers mean.
        full: The largest integer that the file's depth can hold.
        model_transfer: The transfer function of the model: "srgb", "linear" or "any".

    Raises:
        SceneError: The levels do not fit that depth.
    """
    white = full if curve.white_level is None else curve.white_level
    if white > full or curve.black_level >= white:
        raise SceneError(
            f"Levels {curve.black_level} to {white} do not fit a picture of {full.bit_length()} bits (0 to {full}): "
            "check --black-level and --white-level, or the file."
        )
    values = np.clip((np.arange(full + 1) - curve.black_level) / (white - curve.black_level), 0, 1)
    match conversion_between(curve.transfer, model_transfer):
        case "encode":
            values = linear_to_srgb(values)
        case "decode":
            values = srgb_to_linear(values)
    table: NDArray[np.float32] = values.astype(np.float32)
    return table


@lru_cache(maxsize=4)
def conversion_nodes(conversion: str) -> NDArray[np.float64]:
    """Return a conversion at 0, 1/K … (K + 1)/K, to be interpolated; an empty array for none.

    With K = 2^16 the result is within .005 of a 16-bit code.
    """
    if not conversion:
        return np.empty(0)
    nodes = np.arange(2**16 + 2) / 2**16
    return srgb_to_linear(nodes) if conversion == "decode" else linear_to_srgb(nodes)
