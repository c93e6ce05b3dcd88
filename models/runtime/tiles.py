"""Cutting a picture into tiles whose results equal the full frame bit for bit.

A tile has a margin, the halo, as wide as the network's receptive field; only its core is kept. Three things make the result
equal the full frame's, bit for bit: the halo covers the receptive field; every tile begins at a multiple of the network's
stride; and a tile at the edge of the picture ends there, so that zero padding happens where it does for the full frame.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from dpdeblur.models.errors import ModelError
from dpdeblur.models.runtime.binding import Planes

PLANES_BYTES = 4 * (6 + 3)  # per pixel of the full frame, tiled or not: two views in, one picture out, in float32


@dataclass(frozen=True, slots=True)
class Span:
    """One axis of a tile, in pixels: it is fed [start, stop), of which [keep_start, keep_stop) is kept."""

    start: int
    keep_start: int
    keep_stop: int
    stop: int

    @property
    def fed(self) -> slice:
        """Slice of the frame to feed to the network."""
        return slice(self.start, self.stop)

    @property
    def kept(self) -> slice:
        """Slice of the frame that the core fills."""
        return slice(self.keep_start, self.keep_stop)

    @property
    def core(self) -> slice:
        """Slice of the tile that is kept."""
        return slice(self.keep_start - self.start, self.keep_stop - self.start)


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile: its rows and its columns."""

    rows: Span
    columns: Span

    @property
    def pixels(self) -> int:
        """Number of pixels fed to the network."""
        return (self.rows.stop - self.rows.start) * (self.columns.stop - self.columns.start)


def plan_tiles(height: int, width: int, *, multiple: int, halo: int, max_pixels: int) -> list[Tile]:
    """Cover a frame with tiles of at most `max_pixels` each, as wide as the frame where that fits.

    Strips of full width are preferred, since some engines round differently at other widths: ONNX Runtime's average pools do,
    by one unit in the last place, in rows of more than 2040 values, and our networks pool at half size. Narrower tiles are
    chosen to feed as few pixels in all as can be.

    Args:
        height: of the padded frame, in pixels; a multiple of `multiple`.
        width: likewise.
        multiple: where tiles may begin and end.
        halo: pixels of margin that the network needs; rounded up to `multiple`.
        max_pixels: the largest tile, halo included.

    Returns:
        Tiles from left to right, top to bottom; their cores cover the frame once. One tile where the frame fits.

    Raises:
        ModelError: if not even the smallest tile fits.
    """
    margin = math.ceil(halo / multiple) * multiple
    plans = []
    for across in range(1, width // multiple + 1):
        down = _parts(height, multiple, margin, max_pixels // _longest(width, multiple, margin, across))
        if down is not None:
            fed = (height + 2 * margin * (down - 1)) * (width + 2 * margin * (across - 1))
            plans.append((fed, down, across))
    if not plans:
        least = _smallest(height, multiple, margin) * _smallest(width, multiple, margin)
        raise ModelError(f"tiles of {max_pixels} pixels are too small for a halo of {halo} pixels: {least} are needed")
    _, down, across = plans[0] if plans[0][2] == 1 else min(plans)
    rows, columns = _spans(height, multiple, margin, down), _spans(width, multiple, margin, across)
    return [Tile(row, column) for row in rows for column in columns]


def frame_bytes(height: int, width: int, bytes_per_pixel: float) -> int:
    """Return what restoring a whole frame takes, in bytes: its float planes, and the network at work."""
    return math.ceil((PLANES_BYTES + bytes_per_pixel) * height * width)


def tiles_within(height: int, width: int, *, multiple: int, halo: int, bytes_per_pixel: float, max_bytes: int) -> list[Tile]:
    """Plan tiles so that restoring a frame takes at most `max_bytes`: its own float planes, and the network at work.

    Raises:
        ModelError: if that is too little; it says how much is needed.
    """
    frame = PLANES_BYTES * height * width
    per_pixel = PLANES_BYTES + bytes_per_pixel  # what a tile is fed is a copy out of the frame
    try:
        most = int(max(0, max_bytes - frame) / per_pixel)
        return plan_tiles(height, width, multiple=multiple, halo=halo, max_pixels=most)
    except ModelError:
        margin = math.ceil(halo / multiple) * multiple
        tile = _smallest(height, multiple, margin) * _smallest(width, multiple, margin)
        least = frame + tile * per_pixel
        raise ModelError(
            f"a frame of {width}x{height} takes at least {math.ceil(least / 1e6)} MB with this model, even in tiles, but "
            f"{max_bytes / 1e6:.0f} MB are allowed: raise --max-memory, or work on fewer scenes at once with --workers"
        ) from None


def restore_tiles(run: Callable[[Planes], Planes], frame: Planes, tiles: list[Tile]) -> Planes:
    """Run a network on every tile of `frame`, float32 [C, H, W], and put the cores together to float32 [3, H, W]."""
    picture = np.empty((3, *frame.shape[1:]), np.float32)
    for tile in tiles:
        part = run(frame[:, tile.rows.fed, tile.columns.fed])
        picture[:, tile.rows.kept, tile.columns.kept] = part[:, tile.rows.core, tile.columns.core]
    return picture


def restore_blended(run: Callable[[Planes], Planes], frame: Planes, height: int, width: int) -> Planes:
    """Run a network that takes one size on overlapping tiles of a frame, and blend them.

    Neighbours overlap by a quarter of a tile or more. A tile's weight falls linearly towards its edges, where a network sees
    least, and the weights of a pixel are made to sum to 1. What comes out is close to, but not, what the network would give
    for the whole frame.

    Args:
        run: the network, float32 [C, height, width] to float32 [3, height, width].
        frame: float32 [C, H, W], H at least `height`, W at least `width`.
        height: of a tile, in pixels.
        width: likewise.
    """
    high, wide = frame.shape[1:]
    weight = np.minimum.outer(_ramp(height), _ramp(width))
    picture, total = np.zeros((3, high, wide), np.float32), np.zeros((high, wide), np.float32)
    for top in _starts(high, height):
        for left in _starts(wide, width):
            tile = (slice(top, top + height), slice(left, left + width))
            picture[:, *tile] += weight * run(frame[:, *tile])
            total[tile] += weight
    return picture / total


def _starts(length: int, tile: int) -> list[int]:
    """Spread tiles evenly over one axis, neighbours overlapping by at least a quarter.

    >>> _starts(100, 100), _starts(250, 100)
    ([0], [0, 75, 150])
    """
    steps = math.ceil((length - tile) / max(1, tile * 3 // 4))
    return [(length - tile) * step // steps for step in range(steps + 1)] if steps else [0]


def _ramp(tile: int) -> npt.NDArray[np.float32]:
    """Weights along one axis: 1 in the middle, falling to almost nothing over a quarter of the tile at each end."""
    from_edge = np.minimum(np.arange(tile), np.arange(tile)[::-1]) + 1
    ramp: npt.NDArray[np.float32] = np.minimum(from_edge / max(1, tile // 4), 1).astype(np.float32)
    return ramp


def _spans(length: int, multiple: int, margin: int, parts: int) -> list[Span]:
    """Cut one axis into `parts` of equal length, in units of `multiple`, each with its margin inside the frame."""
    units = length // multiple
    cuts = [units * part // parts * multiple for part in range(parts + 1)]
    return [Span(max(0, start - margin), start, stop, min(length, stop + margin)) for start, stop in pairwise(cuts)]


def _longest(length: int, multiple: int, margin: int, parts: int) -> int:
    """Return an upper bound, in pixels, of the spans of `parts` parts."""
    if parts == 1:
        return length
    return min(length, math.ceil(length // multiple / parts) * multiple + 2 * margin)


def _parts(length: int, multiple: int, margin: int, limit: int) -> int | None:
    """Return a number of parts whose spans are within `limit`; None if there is none."""
    if length <= limit:
        return 1
    core = (limit - 2 * margin) // multiple
    return math.ceil(length // multiple / core) if core > 0 else None


def _smallest(length: int, multiple: int, margin: int) -> int:
    return min(length, multiple + 2 * margin)
