"""Image files ↔ arrays, exact to the bit: the one place where a file format matters.

Read: PNG, TIFF, JPEG and JPEG XL, recognised by their bytes, never by their names. Written: PNG, TIFF and JPEG XL, lossless;
JPEG where somebody asks for it.
Anything that might not be read exactly as stored (palettes, alpha, floats, several pages, lossy 16 bits) is refused with a
reason. Images are never rotated: that would make the disparity of the views vertical.

All decoders release Python's lock, so that scenes are decoded in parallel.
"""

from __future__ import annotations

from types import ModuleType

import numpy as np

from dpdeblur.transforms.images import jpeg, jpeg_xl, png, tiff
from dpdeblur.transforms.images.formats import WANTED, ImageHeader, UnsupportedImage, check_size, damaged, sniff
from dpdeblur.transforms.images.image import Image
from dpdeblur.transforms.images.metadata import UNTAGGED, Metadata
from dpdeblur.transforms.records import SceneError

__all__ = ["LOSSY", "MAX_PIXELS", "WRITTEN", "ImageHeader", "decode", "encode", "read_header", "read_metadata"]

WRITTEN = {"png": ".png", "tiff": ".tif", "jxl": ".jxl", "jpeg": ".jpg"}
"""Formats that are written, and how the names of such files end."""
LOSSY = ("jpeg",)
MAX_PIXELS = 200_000_000  # larger than any camera of today, and 1.2 GB as 16-bit RGB
# Bytes in memory at the worst moment, over bytes of the samples: measured on noise and on one colour, rounded up. libjxl may
# hold all samples of 8 bits as 32.
_DECODING_MEMORY = {"PNG": 3, "TIFF": 2, "JPEG": 3, "JPEG XL": 5}
_FORMATS: dict[str, ModuleType] = {"PNG": png, "TIFF": tiff, "JPEG": jpeg, "JPEG XL": jpeg_xl}


def read_header(data: bytes, uri: str = "") -> ImageHeader:
    """Return what an image file says of its image, without decompressing it.

    The first 64 bytes are enough of a PNG, the first 4 kB of a JPEG XL; a TIFF or a JPEG may need all its bytes.

    Args:
        data: The file.
        uri: Where it came from, for the error.

    Raises:
        SceneError: It is not of a format, kind or depth that is wanted, or its header is cut short or contradicts itself.
    """
    name = sniff(data, uri)
    try:
        header: ImageHeader = _FORMATS[name].read_header(data)
    except UnsupportedImage as what:
        raise SceneError(f"This is {what}. {WANTED}.", uri) from None
    except ValueError as error:
        raise damaged(name, str(error), uri) from error
    except Exception as error:  # struct.error, IndexError and whatever a library raises
        raise damaged(name, "its header ends early, or points outside the file", uri) from error
    if header.width < 1 or header.height < 1:
        raise damaged(name, f"it claims to be {header.width}x{header.height} pixels", uri)
    return header


def decode(data: bytes, uri: str = "", max_pixels: int = MAX_PIXELS, max_bytes: int | None = None) -> Image:
    """Decode an image file: uint8 or uint16 as stored; [H, W, 3] RGB or [H, W]; C-contiguous, native byte order.

    Args:
        data: The whole file. Bytes after the end of the image are left aside.
        uri: Where it came from, for the error.
        max_pixels: Width times height, above which it is refused before it is decompressed.
        max_bytes: Memory that decoding may take, the samples included; None for any. What would take more is refused before
            it is decompressed.

    Raises:
        SceneError: It is not of a format, kind or depth that is wanted, too large, cut short or damaged. A JPEG carries no
            checksums: one that is cut short is found, one whose data were altered may not be.
    """
    name = sniff(data, uri)
    header = read_header(data, uri)
    check_size(header, max_pixels, uri)
    needed = header.sample_bytes * _DECODING_MEMORY[name]
    if max_bytes is not None and needed > max_bytes:
        raise SceneError(
            f"To decode this picture of {header.width}x{header.height} may take {needed / 1e6:.0f} MB of memory, and "
            f"{max_bytes / 1e6:.0f} MB are left for it: work on fewer scenes at once (--workers) or with more memory.",
            uri,
        )
    try:
        image: Image = _FORMATS[name].decode(data, header)
    except MemoryError:
        raise
    except UnsupportedImage as what:
        raise SceneError(f"This is {what}. {WANTED}.", uri) from None
    except Exception as error:  # each library has its own
        raise damaged(name, str(error) or type(error).__name__, uri) from error
    shape = (header.height, header.width, 3) if header.channels == 3 else (header.height, header.width)
    if image.shape != shape or image.dtype.itemsize * 8 != header.bits or image.dtype.kind != "u":
        raise damaged(name, f"decoded to {image.dtype} {image.shape}, its header says {shape} of {header.bits} bits", uri)
    return np.ascontiguousarray(image, image.dtype.newbyteorder("="))


def read_metadata(data: bytes, uri: str = "") -> Metadata:
    """Return what an image file says besides its samples: colours, orientation, camera, time, and whether it is lossy.

    Args:
        data: The whole file, which `decode` has read without an error.
        uri: Where it came from, for the error.

    Raises:
        SceneError: What it says of its colours is damaged.
    """
    name = sniff(data, uri)
    try:
        metadata: Metadata = _FORMATS[name].read_metadata(data)
    except Exception as error:  # each library has its own
        raise damaged(name, "its colour information cannot be read", uri) from error
    return metadata


def encode(image: Image, codec: str = "png", *, metadata: Metadata = UNTAGGED, repeatable: bool = False) -> bytes:
    """Encode [H, W, 3] or [H, W], uint8 or uint16; without loss, unless as JPEG.

    Args:
        image: Its samples.
        codec: One of `WRITTEN`. "tiff" is not compressed: a fifth larger than PNG, and many times as fast both ways. "jxl" is
            JPEG XL at effort 1, a sixth smaller than PNG. "jpeg" has 8 bits and is lossy.
        metadata: What the file should say besides them.
        repeatable: Whether the same samples must always give the same bytes, and not only the same image; PNG then takes
            longer.

    Raises:
        SceneError: The format cannot hold the image or the metadata.
    """
    try:
        match codec:
            case "png":
                return png.encode(image, metadata, repeatable=repeatable)
            case "tiff":
                return tiff.encode(image, metadata)
            case "jxl":
                return jpeg_xl.encode(image, metadata)
            case "jpeg":
                return jpeg.encode(image, metadata)
    except UnsupportedImage as what:
        raise SceneError(f"This is {what}.") from None
    raise ValueError(f"codec {codec!r} is unknown: choose from {', '.join(WRITTEN)}")
