"""Which of two views is the left one, told by the disparity of two views of the same scene whose sides are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dpdeblur.transforms.errors import UsageError
from dpdeblur.transforms.images.image import Image, full_range
from dpdeblur.transforms.scoring.block_offsets import best_offsets

BLOCK = 32  # px: side of a block, after reduction
REACH = 12  # px: largest disparity that is looked for, after reduction
WIDTH = 1600  # px: what pictures are reduced to, about
FEWEST = 5  # blocks that must have a disparity in both pairs
MAJORITY = 0.75  # of them, by weight, must agree


@dataclass(frozen=True, slots=True)
class Side:
    """Which view the first one is.

    Attributes:
        first: "left" or "right".
        agreeing: blocks that say so.
        blocks: blocks that say anything.
    """

    first: str
    agreeing: int
    blocks: int


def side_of_first(first: Image, other: Image, left: Image, right: Image) -> Side:
    """Return on which side a view is, of two whose order is unknown.

    Both pairs are cut into blocks, and each block's disparity is measured. Where the first view is the left one, the
    disparities of both pairs have the same signs, else opposite ones.

    Args:
        first: one view, uint8 or uint16, [H, W, 3] or [H, W].
        other: the other one.
        left: the left view of the same scene, of any size and brightness, not turned.
        right: its right view.

    Raises:
        UsageError: the pictures have not the same shape, or the disparities do not tell.
    """
    if abs(np.log((first.shape[0] / first.shape[1]) / (left.shape[0] / left.shape[1]))) > 0.1:
        raise UsageError(
            f"the reference is {left.shape[1]}x{left.shape[0]}, the raw file {first.shape[1]}x{first.shape[0]}: export it "
            "uncropped and not rotated."
        )
    ours, theirs = disparities(first, other), disparities(left, right)
    rows, columns = (
        np.minimum((np.arange(count) + 0.5) / count * limit, limit - 1).astype(int)
        for count, limit in zip(ours.shape, theirs.shape, strict=True)
    )
    votes = ours * theirs[np.ix_(rows, columns)]
    said = votes[np.isfinite(votes) & (votes != 0)]
    total = np.abs(said).sum()
    balance = said.sum() / total if total else 0.0
    if len(said) < FEWEST or abs(balance) < 2 * MAJORITY - 1:
        raise UsageError(
            f"the reference does not show which view is the left one: {len(said)} blocks have a disparity in both pairs, and "
            f"{(1 + abs(balance)) / 2:.0%} of it agrees. Take a scene with more out of focus, or use --first."
        )
    return Side("left" if balance > 0 else "right", int((np.sign(said) == np.sign(balance)).sum()), len(said))


def disparities(left: Image, right: Image) -> NDArray[np.float64]:
    """Return how far what is in the right view is to the right of where it is in the left one, for each block.

    Args:
        left: uint8 or uint16, [H, W, 3] or [H, W].
        right: of the same shape.

    Returns:
        Whole pixels after reduction, [rows, columns]; NaN where a block has no texture, or no offset within reach fits.
    """
    a, b = (_reduced(view) for view in (left, right))
    rows, columns = ((side - 2 * REACH) // BLOCK for side in a.shape)
    if rows < 1 or columns < 1:
        raise UsageError("the reference is too small to measure a disparity.")
    offsets = np.empty((rows, columns, 2), np.int64)
    best_offsets(b, a, 1, BLOCK, REACH, 0, offsets)
    inside = a[REACH : REACH + rows * BLOCK, REACH : REACH + columns * BLOCK].astype(np.float64)
    blocks = inside.reshape(rows, BLOCK, columns, BLOCK)
    texture = np.abs(np.diff(blocks, axis=3)).mean(axis=(1, 3))
    found: NDArray[np.float64] = offsets[..., 1].astype(np.float64)
    wrong = (np.abs(found) == REACH) | (np.abs(offsets[..., 0]) > 1) | (texture < np.median(texture) / 2) | (texture == 0)
    return np.where(wrong, np.nan, found)


def _reduced(view: Image) -> NDArray[np.uint16]:
    """Return a view as one channel of about 1600 px, gamma-coded, with a mean of a quarter of full range."""
    gray = view.astype(np.float64).mean(axis=2) if view.ndim == 3 else view.astype(np.float64)
    factor = max(1, round(gray.shape[1] / WIDTH))
    height, width = (side // factor for side in gray.shape)
    mean = gray[: height * factor, : width * factor].reshape(height, factor, width, factor).mean(axis=(1, 3))
    coded = np.sqrt(mean / full_range(view))
    coded *= 0.25 / max(float(coded.mean()), 1e-6)
    reduced: NDArray[np.uint16] = np.rint(np.clip(coded, 0, 1) * 65535).astype(np.uint16)
    return reduced
