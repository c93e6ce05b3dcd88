"""Changes to pictures before they are scored: none by default; those asked for are part of the signature."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dpdeblur.models.srgb import linear_to_srgb, srgb_to_linear
from dpdeblur.transforms.images.image import Image, full_range
from dpdeblur.transforms.records import SceneError
from dpdeblur.transforms.scoring.alignment import BLOCK, align
from dpdeblur.transforms.scoring.metrics import comparable

_FULL = 65535


@dataclass(frozen=True, slots=True)
class Preparation:
    """How pictures are made comparable with their target.

    Attributes:
        align: each block of the target is compared at its best offset of at most this many pixels; 0: no offset.
        fit_gain: restored and unprocessed picture are first brought to the brightness of the target, by one factor for a scene.
        gamma: values v of linear data are compared as v^(1/gamma).
    """

    align: int = 0
    fit_gain: bool = False
    gamma: float = 1.0

    @property
    def changes_values(self) -> bool:
        """Whether the compared values differ from those of the files; they then have 16 bits."""
        return self.fit_gain or self.gamma != 1

    def signature(self) -> tuple[str, ...]:
        """Return its part of the signature of a score.

        >>> Preparation(align=4, gamma=2.2).signature()
        ('gamma:2.2', 'align:4', 'block:84')
        """
        return (
            *(("gain:fitted",) if self.fit_gain else ()),
            *((f"gamma:{self.gamma:g}",) if self.gamma != 1 else ()),
            *((f"align:{self.align}", f"block:{BLOCK}") if self.align else ()),
        )

    def pairs(self, restored: Image, unprocessed: Image, target: Image, transfer: str) -> list[tuple[Image, Image]]:
        """Return (restored, target) and (unprocessed, target), ready to be compared.

        Args:
            restored: [H, W, 3] or [H, W].
            unprocessed: of the same shape.
            target: of the same shape.
            transfer: of all three, "srgb" or "linear".

        Raises:
            SceneError: the pictures are too small to be aligned, or the unprocessed one is black.
        """
        pictures = [restored, unprocessed]
        if self.changes_values:
            gain = fitted_gain(unprocessed, target, transfer) if self.fit_gain else 1.0
            pictures = [self._changed(picture, gain, transfer) for picture in pictures]
            target = self._changed(target, 1.0, transfer)
        if self.align:
            return [align(*comparable(picture, target), self.align) for picture in pictures]
        return [(picture, target) for picture in pictures]

    def _changed(self, picture: Image, gain: float, transfer: str) -> Image:
        """Return a picture times a gain in light, in the values that are compared, as 16 bits."""
        light = np.clip(_light(full_range(picture), transfer) * gain, 0, 1)
        values = linear_to_srgb(light) if transfer == "srgb" else light ** (1 / self.gamma)
        table = np.rint(values * _FULL).astype(np.uint16)
        changed: Image = table[picture]
        return changed


def fitted_gain(picture: Image, target: Image, transfer: str) -> float:
    """Return the factor g that makes the sum of (g · picture - target)² smallest, in linear light.

    Args:
        picture: [H, W, 3] or [H, W].
        target: of the same shape.
        transfer: of both, "srgb" or "linear".

    Raises:
        SceneError: the picture is black.
    """
    a, b = (_light(full_range(image), transfer)[image] for image in (picture, target))
    power = float(np.vdot(a, a))
    if power == 0:
        raise SceneError("No gain can be fitted: the unprocessed picture is black.")
    return float(np.vdot(a, b)) / power


def _light(full: int, transfer: str) -> NDArray[np.float64]:
    """Return the light of each integer, in [0, 1]."""
    values = np.arange(full + 1) / full
    return srgb_to_linear(values) if transfer == "srgb" else values
