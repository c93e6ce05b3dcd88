"""JPEG (ITU T.81): the header from its segments, the samples by libjpeg-turbo. Written with 8 bits."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from dpdeblur.transforms.images import exif
from dpdeblur.transforms.images.formats import ImageHeader, UnsupportedImage
from dpdeblur.transforms.images.image import Image, to_8_bits
from dpdeblur.transforms.images.metadata import Metadata

QUALITY = 95  # of what is written: at full chroma resolution, hard to tell from the image itself
_LARGEST_SIDE = 65_500  # px: libjpeg's limit
MAX_SCANS = 200  # a progressive file has about ten; each costs a pass over all pixels
_JPEG_LS = 0xF7
_START_OF_SCAN, _END_OF_IMAGE, _APP1, _APP2 = 0xDA, 0xD9, 0xE1, 0xE2
_ICC = b"ICC_PROFILE\0"
_LARGEST_BODY = 65_533  # of a segment, in bytes
_ICC_PART = _LARGEST_BODY - len(_ICC) - 2
_JFIF = 20  # bytes that begin each file that is written: the start marker, and the JFIF segment
# A marker that matters: not a stuffed 0xFF, nor a restart within a scan.
_MARKER = re.compile(rb"\xff+([^\x00\x01\xd0-\xd7\xff])")


def read_header(data: bytes) -> ImageHeader:
    """Return what the frame header says (ITU T.81, B.2.2)."""
    for marker, at in segments(data):
        if marker == _JPEG_LS:
            raise UnsupportedImage("a JPEG-LS")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            bits, height, width, channels = struct.unpack_from(">BHHB", data, at)
            if marker > 0xC2:
                raise UnsupportedImage("a JPEG of a rare kind (lossless, hierarchical or arithmetic)")
            if bits != 8:
                raise UnsupportedImage(f"a {bits}-bit JPEG")
            if channels not in (1, 3):
                raise UnsupportedImage(f"a JPEG of {channels} channels (CMYK?)")
            return ImageHeader(width, height, channels, bits)
    raise ValueError("it has no frame header")


def read_metadata(data: bytes) -> Metadata:
    """Return what the segments before the image say: EXIF data (CIPA DC-008) and an ICC profile (ICC.1, annex B.4)."""
    metadata, profile = Metadata(), {}
    for marker, at in segments(data):
        if marker == _START_OF_SCAN:
            break
        body = data[at : at + struct.unpack_from(">H", data, at - 2)[0] - 2]
        if marker == _APP1 and body.startswith(exif.PREFIX):
            metadata = exif.read_block(body.removeprefix(exif.PREFIX))
        elif marker == _APP2 and body.startswith(_ICC) and len(body) > len(_ICC) + 2:
            profile[body[len(_ICC)]] = body[len(_ICC) + 2 :]  # parts are numbered, and may come in any order
    return replace(metadata, icc_profile=b"".join(profile[part] for part in sorted(profile)), lossy=True)


def decode(data: bytes, header: ImageHeader) -> NDArray[Any]:
    """Return the samples as libjpeg-turbo gives them.

    Raises:
        ValueError: There is no scan, or far too many, or the end of the image is missing.
    """
    markers = [marker for marker, _ in segments(data)]  # to the end marker: libjpeg only warns where it is missing
    scans = markers.count(_START_OF_SCAN)
    if not 1 <= scans <= MAX_SCANS:
        raise ValueError(f"{scans} scans")
    return np.asarray(imagecodecs.jpeg8_decode(data))


def encode(image: Image, metadata: Metadata) -> bytes:
    """Encode [H, W, 3] or [H, W] with loss: 8 bits, quality 95, chroma at full resolution.

    Args:
        image: Its samples; 16 bits are rounded to 8.
        metadata: What the file should say besides them.

    Raises:
        UnsupportedImage: The image is too large for a JPEG, or its colours are given in a way that has no place in one.
    """
    if metadata.unreadable_profile or metadata.colour_chunks:
        raise UnsupportedImage(f"a picture with {metadata.colour}, which cannot be kept in a JPEG: choose PNG")
    if max(image.shape) > _LARGEST_SIDE:
        raise UnsupportedImage(f"a picture with more than {_LARGEST_SIDE} pixels on a side, too large for a JPEG: choose PNG")
    plain = compressed(to_8_bits(image), QUALITY, chroma="444")
    described = [_segment(_APP1, exif.PREFIX + metadata.exif)] if metadata.exif else []
    parts = [metadata.icc_profile[at : at + _ICC_PART] for at in range(0, len(metadata.icc_profile), _ICC_PART)]
    described += [_segment(_APP2, _ICC + bytes((i, len(parts))) + part) for i, part in enumerate(parts, 1)]
    return b"".join((plain[:_JFIF], *described, plain[_JFIF:])) if described else plain


def compressed(image: Image, quality: int, chroma: str = "420") -> bytes:
    """Return a JPEG that says nothing but its samples. Python's lock is left alone meanwhile.

    Args:
        image: uint8, HxW or HxWx3.
        quality: as libjpeg counts it, up to 100.
        chroma: "444" for chroma at full resolution, "420" for half of it in both directions.
    """
    return bytes(imagecodecs.jpeg8_encode(np.ascontiguousarray(image), level=quality, subsampling=chroma))


def _segment(marker: int, body: bytes) -> bytes:
    """Return one segment before the image.

    Raises:
        UnsupportedImage: There is more to say than a segment can hold.
    """
    if len(body) > _LARGEST_BODY:
        raise UnsupportedImage("a picture with too much EXIF data for a JPEG: choose PNG")
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the marker of each segment and where its content begins, up to the end of the image (ITU T.81, B.1).

    Raises:
        ValueError: The end marker is missing, or a segment is shorter than its own length.
    """
    at = 2
    while found := _MARKER.search(data, at):
        marker, at = found[1][0], found.end()
        if marker == _END_OF_IMAGE:
            return
        (length,) = struct.unpack_from(">H", data, at)
        if length < 2:
            raise ValueError(f"a segment of {length} bytes")
        yield marker, at + 2
        at += length
    raise ValueError("the end marker is missing")
