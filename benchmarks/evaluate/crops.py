"""Side by side: doing nothing | model | target, as PNG, to be looked at closely."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import imagecodecs
import numpy as np

from benchmarks.evaluate.quality import Planes

GAP = 6  # px, white


def strip(pictures: Sequence[Planes], top: int, left: int, size: int, zoom: int = 1) -> Planes:
    """The same square of each picture ([H, W] or [3, H, W], in [0, 1]) in a row: uint8 [h, w, 3]."""
    tiles = []
    for picture in pictures:
        planes = np.broadcast_to(picture, (3, *picture.shape[-2:]))[:, top : top + size, left : left + size]
        tile = np.rint(np.clip(planes, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)
        tiles += [tile.repeat(zoom, 0).repeat(zoom, 1), np.full((tile.shape[0] * zoom, GAP, 3), 255, np.uint8)]
    return np.ascontiguousarray(np.concatenate(tiles[:-1], 1))


def stack(strips: Sequence[Planes]) -> Planes:
    """Strips of one width, one under the other."""
    width = max(part.shape[1] for part in strips)
    gap = np.full((GAP, width, 3), 255, np.uint8)
    return np.concatenate([part for picture in strips for part in (picture, gap)][:-1])


def write(picture: Planes, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(imagecodecs.png_encode(picture, level=9))


def busiest(target: Planes, size: int, count: int) -> list[tuple[int, int]]:
    """Corners of the `count` squares with the most detail in the target, no two overlapping."""
    grey = target if target.ndim == 2 else target.mean(0)
    rows, columns = grey.shape[0] // size, grey.shape[1] // size
    tiles = grey[: rows * size, : columns * size].reshape(rows, size, columns, size).swapaxes(1, 2)
    detail = np.abs(np.diff(tiles, axis=-1)).mean((-2, -1)).ravel()
    order = np.argsort(detail)[::-1][:count]
    return [(int(i) // columns * size, int(i) % columns * size) for i in order]
