"""Scenes as arrays of fixed size, passed from the processes that draw scenes to the device that renders them.

A scene is a stack of up to `LAYERS` surfaces, back to front: images uint8 [LAYERS, S, S, 3] (gamma-coded, x^(1/2.2)), alphas
uint8 [LAYERS, S, S], radii float16 [LAYERS, S, S] (signed, pixels), and everything else as float32 numbers [LENGTH].
"""

from typing import Any

import numpy as np

from dpdeblur.models.optics.psf import Aperture, Floats

LAYERS = 4
WAVES = 6
REACH = 48
"""How many pixels from its centre a kernel may be non-zero; lenses that would pass it are drawn again."""
PUPIL = ("aspect", "edge", "rim", "hollow_floor", "hollow_cutoff", "hollow_order", "cat_x", "cat_y", "cat_radius", "slope",
         "leak", "decentre_x", "decentre_y", "radius_scale")  # fmt: skip
"""Parameters of an `Aperture`, in the order of the numbers."""
FIELDS: dict[str, tuple[int, ...]] = {
    "channels": (),  # 1 or 3
    "layers": (),  # how many there are
    "mix": (LAYERS, 3, 3),  # [channel out, channel in] of each layer, in linear light
    "range": (LAYERS, 2),  # smallest and largest radius of each layer
    "gain": (),  # exposure
    "boost": (),  # see `lit`
    "shift": (2, 2),  # (x, y) of each view, in pixels
    "shot": (),
    "read": (),
    "correlated": (2,),  # whether the noise is, along y and along x
    "balance": (),  # brightness of the left view, and one over that of the right
    "curve": (),  # 1: x^(1/2.2), 0: sRGB
    "eight_bits": (),
    "pupil": (2, len(PUPIL)),
    "waves": (2, WAVES, 4),
}
LENGTH = sum(int(np.prod(shape)) for shape in FIELDS.values())


def unpacked(numbers: Any) -> dict[str, Any]:
    """Return views of `numbers` [N, LENGTH] (numpy or torch) by field, each [N, *shape]."""
    out, at = {}, 0
    for name, shape in FIELDS.items():
        count = int(np.prod(shape))
        out[name] = numbers[:, at : at + count].reshape(len(numbers), *shape)
        at += count
    return out


def pack_pupil(pupil: Aperture, numbers: Floats, waves: Floats) -> None:
    """Write a pupil into `numbers` [len(PUPIL)] and `waves` [WAVES, 4]."""
    numbers[:] = [getattr(pupil, name) for name in PUPIL]
    waves[: len(pupil.waves)] = pupil.waves
