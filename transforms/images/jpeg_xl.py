"""JPEG XL: the boxes of a file (ISO/IEC 18181-2), the samples by libjxl.

A lossless file gives the samples that it was made from. One that was made from a JPEG holds that JPEG: its samples are those of
the JPEG, by the same decoder, and it counts as lossy. Other lossy files are refused: what they decode to depends on libjxl.
Not even libjxl can tell a lossless file from one of the mode that can be lossless with colours rounded (a lossy palette, or
lossy squeezing without XYB): such a rare file passes as lossless.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from dpdeblur.transforms.images import exif, jpeg, jpeg_xl_header
from dpdeblur.transforms.images.formats import ImageHeader, UnsupportedImage
from dpdeblur.transforms.images.image import Image
from dpdeblur.transforms.images.jpeg_xl_header import CodestreamHeader
from dpdeblur.transforms.images.metadata import Metadata

_HEAD = 1024  # bytes: no header is longer, but for an ICC profile


def read_header(data: bytes) -> ImageHeader:
    """Return what the codestream says of its image."""
    codestream = jpeg_xl_header.parse(_codestream_head(data))
    _check_known_samples(data, codestream)
    return codestream.image


def read_metadata(data: bytes) -> Metadata:
    """Return what the codestream and the boxes say; of a file made from a JPEG, what the JPEG says."""
    if _holds_jpeg(data):
        return jpeg.read_metadata(_jpeg_inside(data))
    stated = jpeg_xl_header.parse(_codestream_head(data)).metadata
    block = next((body for name, body in _boxes(data) if name == b"Exif"), None)
    said = exif.read_block(bytes(block[4 + int.from_bytes(block[:4], "big") :]), stated.orientation) if block else Metadata()
    return replace(stated, exif=said.exif)


def decode(data: bytes, header: ImageHeader) -> NDArray[Any]:
    """Return the samples as libjxl gives them; those of a file made from a JPEG as libjpeg-turbo gives those of the JPEG."""
    if _holds_jpeg(data):
        inside = _jpeg_inside(data)
        said = jpeg.read_header(inside)
        if (said.width, said.height, said.channels) != (header.width, header.height, header.channels):
            raise ValueError("the JPEG inside has another size")
        return jpeg.decode(inside, said)
    return np.asarray(imagecodecs.jpegxl_decode(data, keeporientation=True, numthreads=1))


def encode(image: Image, metadata: Metadata) -> bytes:
    """Encode [H, W, 3] or [H, W] without loss, at effort 1.

    Raises:
        UnsupportedImage: The image has other colours than sRGB, or an orientation: libjxl's binding cannot write these.
    """
    if metadata.says_colour or metadata.orientation != 1:
        raise UnsupportedImage("a picture whose colour profile or orientation cannot be kept in a JPEG XL: choose PNG")
    container = bool(metadata.exif)
    data = bytearray(
        imagecodecs.jpegxl_encode(
            np.ascontiguousarray(image), lossless=True, effort=1, numthreads=1, usecontainer=container or None
        )
    )
    if image.dtype == np.uint16:
        _state_srgb(data)
    if not container:
        return bytes(data)
    return bytes(data) + struct.pack(">I4sI", 12 + len(metadata.exif), b"Exif", 0) + metadata.exif


def _state_srgb(data: bytearray) -> None:
    """Have a file of 16 bits state sRGB, where libjxl's binding states linear light, whatever the samples are."""
    bare = data[:2] == jpeg_xl_header.SIGNATURE
    codestream = memoryview(data) if bare else next(body for name, body in _boxes(data) if name == b"jxlc")
    head = codestream[:_HEAD]
    head[:] = jpeg_xl_header.as_srgb(bytes(head))


def _check_known_samples(data: bytes, codestream: CodestreamHeader) -> None:
    if codestream.is_modular is False and not _holds_jpeg(data):
        raise UnsupportedImage("a lossy JPEG XL (make it with distance 0)")


def _holds_jpeg(data: bytes) -> bool:
    return any(name == b"jbrd" for name, _ in _boxes(data))


def _jpeg_inside(data: bytes) -> bytes:
    return bytes(imagecodecs.jpegxl_decode_jpeg(data, numthreads=1))


def _boxes(data: bytes | bytearray) -> Iterator[tuple[bytes, memoryview]]:
    """Yield type and content of each box of a container; none of a bare codestream. Content that is cut short is shorter."""
    at, view = 0, memoryview(data)
    while data[:2] != jpeg_xl_header.SIGNATURE and at + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        body = at + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, body)
            body += 8
        end = at + size if size else len(data)  # 0: the last box, up to the end
        if end < body:
            raise ValueError("a box is shorter than its own length")
        yield name, view[body:end]
        at = end


def _codestream_head(data: bytes) -> bytes:
    """Return the first bytes of the codestream: bare, in one box, or in parts."""
    if data[:2] == jpeg_xl_header.SIGNATURE:
        return data[:_HEAD]
    head = b""
    for name, body in _boxes(data):
        if name in (b"jxlc", b"jxlp"):
            head += bytes(body[4 if name == b"jxlp" else 0 :][:_HEAD])
        if name == b"jxlc" or len(head) >= _HEAD:
            break
    if not head:
        raise ValueError("it holds no codestream")
    return head
