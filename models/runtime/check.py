"""Trial runs of a model: does it run, and does it keep the promises of its card?"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from dpdeblur.models.errors import ModelError
from dpdeblur.models.runtime.binding import Planes
from dpdeblur.models.runtime.session import Model
from dpdeblur.models.runtime.tiles import plan_tiles, restore_tiles

_ODD_SIZE = (253, 379)  # height and width, in pixels: no multiple of anything that a model may need


class Trial(NamedTuple):
    """Result of a trial: width and height of the picture in pixels, and the lowest and highest value of the result."""

    width: int
    height: int
    lowest: float
    highest: float


def sample_planes(model: Model, height: int, width: int) -> Planes:
    """Make float32 planes [6 or 9, height, width] in [0, 1]: smooth random colours with noise on top."""
    rng = np.random.default_rng(0)
    coarse = rng.random((9 if model.needs_combined else 6, height // 16 + 1, width // 16 + 1), np.float32)
    smooth = coarse.repeat(16, 1).repeat(16, 2)[:, :height, :width]
    noise = rng.random(smooth.shape, np.float32)
    planes: Planes = np.float32(0.9) * smooth + np.float32(0.1) * noise
    return planes


def check_runs(model: Model) -> Trial:
    """Restore a picture twice: an odd-sized one, unless the model takes one fixed size.

    Raises:
        ModelError: if that fails, or the second run gives other bits.
    """
    fixed = model.fixed_size
    height, width = fixed[0] or _ODD_SIZE[0], fixed[1] or _ODD_SIZE[1]
    planes = sample_planes(model, height, width)
    first, second = (model.restore(planes, height, width).copy() for _ in range(2))
    if not np.array_equal(first, second):
        raise ModelError(f"the same picture gives two results that differ by {np.abs(first - second).max():.3g}")
    return Trial(width, height, float(first.min()), float(first.max()))


def check_tiles(model: Model) -> int:
    """Restore a picture as a whole and in four tiles, to check a card that promises equal results.

    Returns:
        The halo, in pixels.

    Raises:
        ModelError: if a bit differs.
    """
    halo, multiple = model.card.halo_px or 0, model.size_multiple
    margin = math.ceil(halo / multiple) * multiple
    side = 4 * margin + 2 * multiple * math.ceil(64 / multiple)
    planes = sample_planes(model, side, side)
    frame = model.frame(planes, side, side)
    whole = model.run(frame)
    tiles = plan_tiles(side, side, multiple=multiple, halo=halo, max_pixels=(3 * side // 4) ** 2)
    difference = np.abs(whole - restore_tiles(model.run, frame, tiles)).max()
    if difference:
        raise ModelError(
            f"its card promises that tiles with a halo of {halo} pixels equal the full frame, but they differ by "
            f"{difference:.3g}: give it a larger halo, or none"
        )
    return halo
