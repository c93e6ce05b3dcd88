"""Thumbnails, and those of restored pictures that were made while their samples were at hand.

A report shows some of the pictures of a run in small. To decode them for that takes ten times as long as to shrink them.
"""

from __future__ import annotations

import bisect
import threading

import numpy as np
from PIL import Image as pillow

from dpdeblur.transforms.images import jpeg
from dpdeblur.transforms.images.display import displayable
from dpdeblur.transforms.images.image import Image

MOST = 412
"""Thumbnails that a process remembers: for as many scenes as a report shows (see `tables.examples`)."""
_SIZE = (168, 126)  # width and height that a thumbnail just covers, in pixels
_QUALITY = 70  # of JPEG
_SAMPLES_LEFT = 4  # along each edge of a pixel of the thumbnail, of all that there are


def thumbnail(image: Image, *, linear: bool = False) -> bytes:
    """Return an image scaled down to just cover 168x126 pixels: a few kilobytes of JPEG.

    Args:
        image: uint8 or uint16, HxW or HxWx3.
        linear: the samples are proportional to light.
    """
    height, width = image.shape[:2]
    scale = min(1.0, max(_SIZE[0] / width, _SIZE[1] / height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    step = max(1, int(1 / scale) // _SAMPLES_LEFT)
    (shown,) = displayable([image[::step, ::step]], linear=linear)
    whole = pillow.fromarray(shown)
    small = whole if size == whole.size else whole.resize(size, pillow.Resampling.BOX)
    return jpeg.compressed(np.asarray(small), _QUALITY)


class Thumbnails:
    """Thumbnails of the images whose samples have the lowest SHA-256, of all that are offered: the same sample every time.

    Args:
        most: how many are kept.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most, self._lock = most, threading.Lock()
        self._made: dict[tuple[str, bool], bytes] = {}
        self._kept: list[tuple[str, bool]] = []  # sorted

    def offer(self, sha256: str, image: Image, *, linear: bool) -> None:
        """Make and keep the thumbnail of an image, if it is among those that are kept.

        Args:
            sha256: of its samples, in hexadecimal.
            image: its samples.
            linear: whether these are proportional to light.
        """
        key = sha256, linear
        if key in self._made or (len(self._kept) >= self._most and key > self._kept[-1]):
            return
        made = thumbnail(image, linear=linear)
        with self._lock:
            if key in self._made:
                return
            self._made[key] = made
            bisect.insort(self._kept, key)
            if len(self._kept) > self._most:
                del self._made[self._kept.pop()]

    def get(self, sha256: str | None, *, linear: bool) -> bytes | None:
        """Return the thumbnail of an image with such samples, if it is kept here."""
        return self._made.get((sha256 or "", linear))


of_this_process = Thumbnails()
"""Those of the pictures that this process restored."""
