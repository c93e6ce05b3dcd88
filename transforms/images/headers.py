"""What an encoded picture says of itself, read before anything is decompressed: format, size, channels, bits per sample.

Only the documented formats get further than this module: PNG, TIFF, JPEG and JPEG XL with one channel or RGB, 8 or 16 bits,
no alpha. Sizes are bounded here, so that a small file cannot ask for a large amount of memory later.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from dpdeblur.transforms.images.parsers import Unsupported, parse_jpeg, parse_jxl, parse_png, parse_tiff
from dpdeblur.transforms.records import SceneError

SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
)
STRANGERS = (
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"RIFF", "a WebP (or another RIFF file)"),
    (b"8BPS", "a Photoshop document"),
    (b"v/1\x01", "an OpenEXR picture"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000"),
    (b"version https://git-lfs", "a Git LFS pointer, not the picture itself (run `git lfs pull`)"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"PK\x03\x04", "a zip archive"),
    (b"%PDF", "a PDF"),
)
WANTED = "Export it as PNG, TIFF or lossless JPEG XL of 8 or 16 bits, or as JPEG: RGB or one channel, without alpha"


class Header(NamedTuple):
    """Form of a picture.

    Attributes:
        width, height: pixels, as stored: EXIF orientation is left aside, because turning a view would turn its disparity.
        channels: 1 or 3.
        bits: 8 or 16 per sample.
    """

    width: int
    height: int
    channels: int
    bits: int


def sniff(data: bytes, uri: str = "") -> str:
    """Format of an encoded picture by its first bytes: "PNG", "TIFF", "JPEG" or "JPEG XL".

    Raises:
        SceneError: it is none of these; says what it seems to be.
    """
    head = bytes(data[:64])
    for magic, kind in SIGNATURES:
        if head.startswith(magic):
            return kind
    if not head:
        raise SceneError("The file is empty: copy it again.", uri)
    if head[4:8] == b"ftyp":
        raise SceneError(f"This is a HEIF, AVIF or camera raw file ({head[8:12].decode('latin-1')!r}). {WANTED}.", uri)
    for magic, kind in STRANGERS:
        if head.startswith(magic):
            raise SceneError(f"This is {kind}. {WANTED}.", uri)
    if all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in head):
        raise SceneError(f"This is text, not a picture; it begins with {head[:24].decode()!r}. {WANTED}.", uri)
    raise SceneError(f"This is no picture of a known format. {WANTED}.", uri)


def read_header(data: bytes, uri: str = "") -> Header:
    """Form of an encoded picture, without decompressing it.

    The first 64 bytes are enough of a PNG, the first 4 kB of a JPEG XL; a TIFF or a JPEG may need all its bytes.

    Raises:
        SceneError: not one of the documented formats, kinds or depths, or the header is cut short or contradicts itself.
    """
    kind = sniff(data, uri)
    parse = {"PNG": parse_png, "TIFF": parse_tiff, "JPEG": parse_jpeg, "JPEG XL": parse_jxl}[kind]
    try:
        header = Header(*parse(data))
    except Unsupported as what:
        raise SceneError(f"This is {what}. {WANTED}.", uri) from None
    except ValueError as error:
        raise damaged(kind, str(error), uri) from error
    except (struct.error, IndexError, OverflowError) as error:
        raise damaged(kind, "its header ends early, or points outside the file", uri) from error
    if header.width < 1 or header.height < 1:
        raise damaged(kind, f"it claims to be {header.width}x{header.height} pixels", uri)
    return header


def check_size(header: Header, max_pixels: int, uri: str = "") -> None:
    """Refuse what is larger than `max_pixels`, with a SceneError."""
    if (pixels := header.width * header.height) > max_pixels:
        raise SceneError(
            f"The picture claims to be {header.width}x{header.height}, {pixels / 1e6:.1f} MP, beyond the limit of "
            f"{max_pixels / 1e6:.1f} MP that guards against decompression bombs: raise --max-pixels if it is real.",
            uri,
        )


def damaged(kind: str, detail: str, uri: str) -> SceneError:
    """The error for a file that is cut short or corrupt."""
    return SceneError(f"The {kind} file is cut short or damaged ({detail}): copy or export it again.", uri)
