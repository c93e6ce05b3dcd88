"""Raw files made in code: DNGs with one frame or two, laid out as Dual Pixel RAW is.

No camera's file is here. LibRaw reads these as it reads a camera's, and chooses between their frames alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

Light = NDArray[np.float64]
BLACK, WHITE = 512, 16383
_FROM_XYZ = (
    3.2406,
    -1.5372,
    -0.4986,
    -0.9689,
    1.8758,
    0.0415,
    0.0557,
    -0.2040,
    1.0570,
)  # to sRGB
_MATRIX = tuple(part for value in _FROM_XYZ for part in (round(value * 10000), 10000))
# Number, type, count and value of tags (DNG 1.4): version, camera, colour filters, levels, colour matrix, white balance, light.
_TAGS = [
    (50706, "B", 4, (1, 4, 0, 0)),
    (50708, "s", 0, "Camera of the tests"),
    (33421, "H", 2, (2, 2)),
    (33422, "B", 4, (0, 1, 1, 2)),
    (50714, "H", 1, BLACK),
    (50717, "H", 1, WHITE),
    (50721, "2i", 9, _MATRIX),
    (50728, "2I", 3, (1, 2, 1, 1, 1, 2)),
    (50778, "H", 1, 21),
]


def write_dng(path: Path, frames: Sequence[NDArray[np.uint16]]) -> Path:
    """Write mosaics, [H, W], as the frames of one file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tifffile.TiffWriter(path) as writer:
        for frame in frames:
            tags = [(*tag, True) for tag in _TAGS]
            writer.write(frame, photometric=32803, extratags=tags, metadata=None, subfiletype=0)
    return path


def mosaics(height: int = 160, width: int = 224, shift: int = 3, seed: int = 0) -> tuple[Light, Light]:
    """Light of a left and a right view behind their filters: what is in the right one lies `shift` px further to the left."""
    rng = np.random.default_rng(seed)
    coarse = np.kron(rng.random((height // 8, (width + 32) // 8)), np.ones((8, 8)))
    scene = 400 + 3000 * coarse + 40 * rng.random(coarse.shape)
    return scene[:, 16 : 16 + width], scene[:, 16 + shift : 16 + shift + width]


def frames(first: Light, other: Light) -> list[NDArray[np.uint16]]:
    """The two frames of a file: the sum of both views, clipped, and the first of them, above their black level."""
    return [np.rint(np.clip(light + BLACK, 0, WHITE)).astype(np.uint16) for light in (first + other, first)]
