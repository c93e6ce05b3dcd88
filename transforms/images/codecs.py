"""Encoded pictures ↔ arrays, exact to the bit: the one place where a file format matters.

Read: PNG, TIFF, JPEG and JPEG XL, recognised by their bytes, never by their names. Written: PNG and JPEG XL, lossless.
Anything that could come back other than it was stored (palettes, alpha, floats, several pages, lossy 16 bits) is refused with a
reason. EXIF orientation and colour profiles are left aside: turning a view would make its disparity vertical, and the samples
are the data.

All decoders run without Python's lock: scenes are decoded side by side.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from dpdeblur.transforms.images.headers import Header, check_size, damaged, read_header, sniff
from dpdeblur.transforms.images.parsers import jpeg_segments
from dpdeblur.transforms.images.planes import Picture
from dpdeblur.transforms.images.png import decode_png, encode_png
from dpdeblur.transforms.records import SceneError

__all__ = ["MAX_PIXELS", "Header", "decode", "encode", "read_header"]

MAX_PIXELS = 200_000_000  # larger than any camera of today, and 1.2 GB as 16-bit RGB


def decode(data: bytes, uri: str = "", max_pixels: int = MAX_PIXELS) -> Picture:
    """Decode one picture: [H, W, 3] RGB, or [H, W] of one channel; uint8 or uint16 as stored; C-contiguous, native byte order.

    Args:
        data: the whole file. Bytes after the end of the picture are left aside.
        uri: where it came from, for the error.
        max_pixels: width times height, above which it is refused unread.

    Raises:
        SceneError: not a picture of a documented format and kind, too large, cut short or damaged. A JPEG
            carries no checksums: one that is cut short is found, one whose data were altered may not be.
    """
    kind = sniff(data, uri)
    header = read_header(data, uri)
    check_size(header, max_pixels, uri)
    try:
        picture = _DECODERS[kind](data, header, uri)
    except (SceneError, MemoryError):
        raise
    except Exception as error:  # each library has its own
        raise damaged(kind, str(error) or type(error).__name__, uri) from error
    shape = (header.height, header.width, 3) if header.channels == 3 else (header.height, header.width)
    if picture.shape != shape or picture.dtype.itemsize * 8 != header.bits or picture.dtype.kind != "u":
        raise damaged(kind, f"decoded to {picture.dtype} {picture.shape}, its header says {shape} of {header.bits} bits", uri)
    return np.ascontiguousarray(picture, picture.dtype.newbyteorder("="))


def encode(picture: Picture, codec: str = "png", *, repeatable: bool = False) -> bytes:
    """Encode [H, W, 3] or [H, W], uint8 or uint16, without loss: "png", or "jxl" (JPEG XL effort 1: a sixth smaller).

    Args:
        picture: its samples.
        codec: "png" or "jxl".
        repeatable: the same samples always give the same bytes, and not only the same picture; PNG then takes longer.
    """
    if codec == "png":
        return encode_png(picture, repeatable=repeatable)
    if codec == "jxl":
        return bytes(imagecodecs.jpegxl_encode(np.ascontiguousarray(picture), lossless=True, effort=1, numthreads=1))
    raise ValueError(f"codec {codec!r} is neither 'png' nor 'jxl'")


def _decode_tiff(data: bytes, header: Header, uri: str) -> NDArray[Any]:
    picture = imagecodecs.tiff_decode(data)
    separate = header.channels == 3 and picture.shape == (3, header.height, header.width)
    return np.asarray(picture.transpose(1, 2, 0) if separate else picture)


def _decode_jpeg(data: bytes, header: Header, uri: str) -> NDArray[Any]:
    markers = [marker for marker, _ in jpeg_segments(data)]  # to the end marker: libjpeg only warns where it is missing
    scans = markers.count(0xDA)
    if not 1 <= scans <= 200:  # a progressive file has about ten; each costs a pass over all pixels
        raise damaged("JPEG", f"{scans} scans", uri)
    return np.asarray(imagecodecs.jpeg8_decode(data))


def _decode_jxl(data: bytes, header: Header, uri: str) -> NDArray[Any]:
    return np.asarray(imagecodecs.jpegxl_decode(data, keeporientation=True, numthreads=1))


_DECODERS: dict[str, Callable[[bytes, Header, str], NDArray[Any]]] = {
    "PNG": decode_png,
    "TIFF": _decode_tiff,
    "JPEG": _decode_jpeg,
    "JPEG XL": _decode_jxl,
}
