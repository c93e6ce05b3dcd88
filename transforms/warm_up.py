"""Load the compiled kernels before the first scene is timed."""

from __future__ import annotations

import numpy as np

from dpdeblur.transforms.images import codecs, conversion, png_chunks
from dpdeblur.transforms.images.image import Image
from dpdeblur.transforms.images.tone_curve import AS_STORED
from dpdeblur.transforms.scoring import metrics


def warm_up() -> None:
    """Run every kernel once, for both depths, on an image of 8 by 8 pixels. Call it before scenes are timed.

    Takes some hundredths of a second to load them from the disk; on a machine's first run, about twenty to compile them.
    """
    ramp = np.arange(192).reshape(8, 8, 3)
    pictures: tuple[Image, ...] = (ramp.astype(np.uint8), ramp.astype(np.uint16))
    for picture in pictures:
        codecs.decode(codecs.encode(picture))
        conversion.quantise(conversion.float_planes((picture,), AS_STORED), picture.dtype.itemsize * 8, 3)
        conversion.mean_of_views(picture, picture)
        metrics.compare(picture, picture)
    pieces = np.frombuffer(bytes(12), np.uint8)  # as other programs write a PNG
    png_chunks.join(pieces, np.empty(12, np.uint8), np.empty(1, np.int64))
