"""PNG, exact and fast: the container here, DEFLATE by libdeflate and ISA-L, the filters compiled.

About half the time of libpng to read and a fifth to write, and stricter: every checksum is verified, and a file that is cut
anywhere is an error.
"""

from __future__ import annotations

import struct
import sys
from typing import Any

import imagecodecs
import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from dpdeblur.transforms.images.headers import Header, damaged
from dpdeblur.transforms.records import SceneError

MAGIC = b"\x89PNG\r\n\x1a\n"
_CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_REFUSED = {b"tRNS": "a transparent colour", b"acTL": "several frames", b"CgBI": "Apple's private changes"}


def decode_png(data: bytes, header: Header, uri: str = "") -> NDArray[np.uint8 | np.uint16]:
    """Decode a PNG whose header has been read and found good: [H, W, 3], or [H, W] of one channel, the depth kept.

    Raises:
        SceneError: cut short, a checksum is wrong, too few or too many pixels, transparency or animation.
    """
    view = memoryview(data)
    compressed = _compressed(view, uri)
    if data[28]:  # interlaced: rare, and libpng knows how; the chunks are sound by now
        return np.asarray(imagecodecs.png_decode(data))
    pixel = header.channels * header.bits // 8
    size = header.width * pixel
    filtered = np.empty((header.height, 1 + size), np.uint8)
    inflated = imagecodecs.deflate_decode(b"".join(compressed), out=filtered.reshape(-1).data)
    if len(inflated) != filtered.size:
        raise damaged("PNG", f"{len(inflated)} of {filtered.size} bytes of pixels", uri)
    return _unfiltered(filtered, header, pixel, uri)


def _unfiltered(filtered: NDArray[np.uint8], header: Header, pixel: int, uri: str) -> NDArray[np.uint8 | np.uint16]:
    from dpdeblur.transforms.images import png_filters  # noqa: PLC0415  numba is slow to import, and only workers need it

    rows = np.empty((header.height, filtered.shape[1] - 1), np.uint8)
    if not png_filters.unfilter(filtered, pixel, rows):
        raise damaged("PNG", "an unknown filter", uri)
    samples = rows if header.bits == 8 else rows.view(">u2").astype(np.uint16)
    return samples.reshape((header.height, header.width, 3) if header.channels == 3 else (header.height, header.width))


def _compressed(view: memoryview, uri: str) -> list[memoryview]:
    """The bodies of all IDAT chunks, after verifying every chunk up to IEND; what follows IEND is left aside."""
    at = 8
    bodies: list[memoryview] = []
    while True:
        if at + 12 > len(view):
            raise damaged("PNG", "it ends before its end chunk", uri)
        size, name = struct.unpack_from(">I4s", view, at)
        after = at + 8 + size
        if after + 4 > len(view):
            raise damaged("PNG", f"its {name.decode('latin-1')!r} chunk claims {size} bytes", uri)
        (crc,) = struct.unpack_from(">I", view, after)
        if _crc(view[at + 4 : after]) != crc:
            raise damaged("PNG", f"wrong checksum of its {name.decode('latin-1')!r} chunk", uri)
        if name == b"IEND":
            return bodies
        if name == b"IDAT":
            bodies.append(view[at + 8 : after])
        elif name in _REFUSED:
            raise SceneError(f"This PNG has {_REFUSED[name]}: export it without.", uri)
        elif name not in _CRITICAL and not name[0] & 0x20:
            raise damaged("PNG", f"unknown critical chunk {name.decode('latin-1')!r}", uri)
        at = after + 4


def encode_png(picture: NDArray[np.uint8 | np.uint16], *, repeatable: bool = False) -> bytes:
    """Encode [H, W, 3] or [H, W] without loss: filter Sub, ISA-L level 1.

    Noise is most of a 16-bit photograph: the size is that of libpng, whose search for better filters and matches finds none.

    Args:
        picture: its samples.
        repeatable: the same samples always give the same bytes. Otherwise they rarely give others, which decode to the same:
            which matches ISA-L takes depends on what lay in its memory before. By libdeflate, at three times the cost.
    """
    from dpdeblur.transforms.images import png_filters  # noqa: PLC0415  numba is slow to import, and only workers need it

    height, width = picture.shape[:2]
    channels, depth = picture.size // (height * width), picture.dtype.itemsize
    big_endian = picture.byteswap() if depth == 2 and sys.byteorder == "little" else picture
    rows = np.ascontiguousarray(big_endian).view(np.uint8).reshape(height, -1)
    filtered = np.empty((height, 1 + rows.shape[1]), np.uint8)
    png_filters.subtract_left(rows, channels * depth, filtered)
    body = bytes(imagecodecs.deflate_encode(filtered.tobytes(), 1)) if repeatable else isal_zlib.compress(filtered, 1)
    form = struct.pack(">IIBBBBB", width, height, depth * 8, 2 if channels == 3 else 0, 0, 0, 0)
    return b"".join((MAGIC, *_chunk(b"IHDR", form), *_chunk(b"IDAT", body), *_chunk(b"IEND", b"")))


def _chunk(name: bytes, body: bytes) -> tuple[bytes, bytes, bytes]:
    named = name + body
    return struct.pack(">I", len(body)), named, struct.pack(">I", _crc(named))


def _crc(data: Any) -> int:
    """CRC-32, at six times the speed of zlib's."""
    return int(imagecodecs.deflate_crc32(data))
