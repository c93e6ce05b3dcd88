"""JPEG XL: the header from its bits (ISO/IEC 18181), the samples by libjxl.

libjxl tells size, depth and channels before it decodes only to a streaming decoder, which no Python binding offers: as soon as
one does, the reading of bits here should go.
"""

from __future__ import annotations

import struct
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from dpdeblur.transforms.images.formats import ImageHeader, UnsupportedImage

_RATIOS = ((1, 1), (6, 5), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


class _Bits:
    """Bits of a JPEG XL codestream, least significant first."""

    def __init__(self, data: bytes) -> None:
        self.value, self.left = int.from_bytes(data, "little"), len(data) * 8

    def take(self, count: int) -> int:
        self.left -= count
        if self.left < 0:
            raise ValueError("the header ends early")
        value, self.value = self.value & ((1 << count) - 1), self.value >> count
        return value

    def choose(self, *options: tuple[int, int]) -> int:
        """U32 of the specification: two bits choose among (offset, extra bits)."""
        offset, extra = options[self.take(2)]
        return offset + self.take(extra)


def _size(bits: _Bits) -> tuple[int, int]:
    """Width and height (ISO/IEC 18181-1, D.2): multiples of 8 in 5 bits, and the usual ratios, are stored short."""
    small = bits.take(1)

    def side() -> int:
        return 8 * (1 + bits.take(5)) if small else bits.choose((1, 9), (1, 13), (1, 18), (1, 30))

    height = side()
    if ratio := bits.take(3):
        across, down = _RATIOS[ratio - 1]
        return height * across // down, height
    return side(), height


def _codestream_head(data: bytes) -> bytes:
    """The first bytes of the codestream, bare or in the first box that holds it (ISO/IEC 18181-2)."""
    at = 0
    while data[:2] != b"\xff\x0a":
        size, name = struct.unpack_from(">I4s", data, at)
        body = at + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, body)
            body += 8
        if name in (b"jxlc", b"jxlp"):
            data, at = data[body + 4 * (name == b"jxlp") :][:96], 0
            if data[:2] != b"\xff\x0a":
                raise ValueError("its codestream has no signature")
        elif size < 8:
            raise ValueError("it holds no codestream")
        else:
            at += size
    return data[2:96]


def read_header(data: bytes) -> ImageHeader:
    """Return what the codestream says of its image (ISO/IEC 18181-1, D.2 and D.3)."""
    bits = _Bits(_codestream_head(data))
    width, height = _size(bits)
    if bits.take(1):  # all as by default: 8-bit RGB, lossy
        raise UnsupportedImage("a lossy JPEG XL (make it with distance 0)")
    if bits.take(1):  # rarely used fields
        bits.take(3)  # orientation: left aside
        if bits.take(1):  # a size to show it at
            _size(bits)
        if bits.take(1):
            raise UnsupportedImage("a JPEG XL with a preview")
        if bits.take(1):
            raise UnsupportedImage("an animated JPEG XL")
    if bits.take(1):
        raise UnsupportedImage("a JPEG XL of floating-point samples")
    depth = bits.choose((8, 0), (10, 0), (12, 0), (1, 6))
    if depth not in (8, 16):
        raise UnsupportedImage(f"a {depth}-bit JPEG XL")
    bits.take(1)
    if bits.choose((0, 0), (1, 0), (2, 4), (1, 12)):
        raise UnsupportedImage("a JPEG XL with an alpha or extra channel")
    if bits.take(1):
        raise UnsupportedImage("a lossy JPEG XL (make it with distance 0)")
    colour = 0
    if not bits.take(1):
        bits.take(1)
        colour = bits.choose((0, 0), (1, 0), (2, 4), (18, 6))
    if colour not in (0, 1):
        raise UnsupportedImage("a JPEG XL of neither RGB nor one channel")
    return ImageHeader(width, height, 3 if colour == 0 else 1, depth)


def decode(data: bytes, header: ImageHeader) -> NDArray[Any]:
    """Return the samples as libjxl gives them."""
    return np.asarray(imagecodecs.jpegxl_decode(data, keeporientation=True, numthreads=1))
