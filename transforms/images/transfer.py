"""How the integers of a file relate to light: levels and transfer functions, as tables."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from dpdeblur.transforms.records import SceneError, UsageError

TRANSFERS = ("srgb", "linear")


@dataclass(frozen=True, slots=True)
class Tone:
    """How the integers of the views relate to light.

    Attributes:
        black_level: the integer that means no light.
        white_level: the integer that means full light; None for the largest that the file's depth can hold.
        transfer: "srgb" where equal steps are about equal to the eye, "linear" where they are equal in light (sensor data).
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


def srgb_encode(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear light in [0, 1] → sRGB (IEC 61966-2-1)."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055)


def srgb_decode(coded: NDArray[np.float64]) -> NDArray[np.float64]:
    """Decode sRGB values in [0, 1] to linear light (IEC 61966-2-1)."""
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


def conversion(given: str, wanted: str) -> str:
    """What turns values in one transfer function into another: "encode", "decode" or "" where nothing is to be done."""
    if "any" in (given, wanted) or given == wanted:
        return ""
    return "encode" if wanted == "srgb" else "decode"


@lru_cache(maxsize=16)
def code_table(tone: Tone, full: int, model_transfer: str) -> NDArray[np.float32]:
    """For each integer up to `full`, the float32 that the model sees."""
    white = full if tone.white_level is None else tone.white_level
    if white > full or tone.black_level >= white:
        raise SceneError(
            f"Levels {tone.black_level} to {white} do not fit a picture of {full.bit_length()} bits (0 to {full}): "
            "check --black-level and --white-level, or the file."
        )
    values = np.clip((np.arange(full + 1) - tone.black_level) / (white - tone.black_level), 0, 1)
    match conversion(tone.transfer, model_transfer):
        case "encode":
            values = srgb_encode(values)
        case "decode":
            values = srgb_decode(values)
    table: NDArray[np.float32] = values.astype(np.float32)
    return table


@lru_cache(maxsize=4)
def conversion_curve(conversion: str) -> NDArray[np.float64]:
    """A conversion at 0, 1/K … (K + 1)/K, to be interpolated: with K = 2^16 within .005 of a 16-bit code. Empty for none."""
    if not conversion:
        return np.empty(0)
    nodes = np.arange(2**16 + 2) / 2**16
    return srgb_decode(nodes) if conversion == "decode" else srgb_encode(nodes)
