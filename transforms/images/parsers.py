"""Headers of PNG, JPEG, TIFF and JPEG XL files, from their specifications: bytes → width, height, channels, bits per sample.

Each parser raises `Unsupported` for a file that is sound but not wanted, and ValueError, struct.error, IndexError
or OverflowError for one that is not sound. They allocate nothing that a file's contents could make large.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

Form = tuple[int, int, int, int]


class Unsupported(Exception):
    """A known format, of a kind that is not wanted: what it is, as in "a PNG with a palette"."""


def parse_png(data: bytes) -> Form:
    """PNG specification, 11.2.2: the IHDR chunk."""
    size, name, width, height, bits, colour, _, _, interlace, crc = struct.unpack_from(">I4sIIBBBBBI", data, 8)
    if (size, name) != (13, b"IHDR") or zlib.crc32(data[12:29]) != crc or interlace > 1:
        raise ValueError("its IHDR chunk is wrong")
    if colour == 3:
        raise Unsupported("a PNG with a palette")
    if colour in (4, 6):
        raise Unsupported("a PNG with an alpha channel")
    if colour not in (0, 2):
        raise ValueError(f"colour type {colour}")
    if bits not in (8, 16):
        raise Unsupported(f"a {bits}-bit PNG")
    return width, height, 3 if colour == 2 else 1, bits


# A marker that matters: not a stuffed 0xFF, nor a restart within a scan.
_JPEG_MARKER = re.compile(rb"\xff+([^\x00\x01\xd0-\xd7\xff])")


def jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Marker and first byte of each JPEG segment up to the end marker (ITU T.81, B.1); ValueError where that is missing."""
    at = 2
    while found := _JPEG_MARKER.search(data, at):
        marker, at = found[1][0], found.end()
        if marker == 0xD9:
            return
        (length,) = struct.unpack_from(">H", data, at)
        if length < 2:
            raise ValueError(f"a segment of {length} bytes")
        yield marker, at + 2
        at += length
    raise ValueError("the end marker is missing")


def parse_jpeg(data: bytes) -> Form:
    """ITU T.81, B.2.2: the frame header."""
    for marker, at in jpeg_segments(data):
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            bits, height, width, channels = struct.unpack_from(">BHHB", data, at)
            if marker > 0xC2:
                raise Unsupported("a JPEG of a rare kind (lossless, hierarchical or arithmetic)")
            if bits != 8:
                raise Unsupported(f"a {bits}-bit JPEG")
            if channels not in (1, 3):
                raise Unsupported(f"a JPEG of {channels} channels (CMYK?)")
            return width, height, channels, bits
    raise ValueError("it has no frame header")


_TIFF_TYPES = {1: "B", 3: "H", 4: "I", 16: "Q"}
_TIFF_COMPRESSIONS = {1: "none", 5: "LZW", 8: "deflate", 32946: "deflate", 32773: "PackBits", 34925: "LZMA", 50000: "Zstandard"}


def _tiff_tags(data: bytes) -> tuple[dict[int, tuple[int, ...]], int]:
    """Integer tags of the first directory (TIFF 6.0, section 2; BigTIFF) and where the next directory is, 0 for none."""
    order = "<" if data[:1] == b"I" else ">"
    big = 43 in (data[2], data[3])
    (start,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
    (count,) = struct.unpack_from(order + ("Q" if big else "H"), data, start)
    first, size, inline, number = (start + 8, 20, 8, "Q") if big else (start + 2, 12, 4, "I")
    if count > 4096:
        raise ValueError(f"a directory of {count} entries")
    tags = {}
    for at in range(first, first + size * count, size):
        tag, kind, values = struct.unpack_from(order + "HH" + number, data, at)
        if kind not in _TIFF_TYPES or values > 16:  # texts, fractions and long lists are none that we need
            continue
        form = f"{order}{values}{_TIFF_TYPES[kind]}"
        where = at + size - inline
        if struct.calcsize(form) > inline:
            (where,) = struct.unpack_from(order + number, data, where)
        tags[tag] = struct.unpack_from(form, data, where)
    (following,) = struct.unpack_from(order + number, data, first + size * count)
    return tags, following


def parse_tiff(data: bytes) -> Form:
    """TIFF 6.0, section 8: the baseline tags of one picture of unsigned integers."""
    tags, following = _tiff_tags(data)
    if not {256, 257} <= tags.keys():
        raise ValueError("its size is missing")
    (width, *_), (height, *_) = tags[256], tags[257]
    (channels, *_), bits = tags.get(277, (1,)), set(tags.get(258, (1,)))
    (compression, *_), (colour, *_) = tags.get(259, (1,)), tags.get(262, (-1,))
    if following:
        raise Unsupported("a TIFF with several pages")
    if set(tags.get(339, (1,))) != {1}:
        raise Unsupported("a TIFF of floating-point or signed samples")
    if compression not in _TIFF_COMPRESSIONS:
        raise Unsupported(
            f"a TIFF with compression {compression}"
            + (" (a raw file or a lossy picture)" if compression in (6, 7, 34892) else "")
        )
    if tags.get(338) or channels not in (1, 3):
        raise Unsupported(f"a TIFF with an alpha or extra channel ({channels} samples a pixel)")
    if (channels, colour) not in ((1, 1), (3, 2)):
        raise Unsupported(
            f"a TIFF of {channels} channels with photometric interpretation {colour} (a palette, CMYK or inverted?)"
        )
    if bits not in ({8}, {16}):
        raise Unsupported(f"a TIFF of {'/'.join(map(str, sorted(bits)))} bits")
    tile = tags.get(322, (0,))[0] * tags.get(323, (0,))[0]
    if tile > 4 * (width + 4096) * (height + 4096):
        raise ValueError("its tiles are far larger than the picture")
    return width, height, channels, bits.pop()


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


_JXL_RATIOS = ((1, 1), (6, 5), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


def _jxl_size(bits: _Bits) -> tuple[int, int]:
    """Width and height (ISO/IEC 18181-1, D.2): multiples of 8 in 5 bits, and the usual ratios, are stored short."""
    small = bits.take(1)

    def side() -> int:
        return 8 * (1 + bits.take(5)) if small else bits.choose((1, 9), (1, 13), (1, 18), (1, 30))

    height = side()
    if ratio := bits.take(3):
        across, down = _JXL_RATIOS[ratio - 1]
        return height * across // down, height
    return side(), height


def _jxl_codestream(data: bytes) -> bytes:
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


def parse_jxl(data: bytes) -> Form:
    """ISO/IEC 18181-1, D.2 and D.3. libjxl tells these only to a streaming decoder, which its Python bindings do not offer."""
    bits = _Bits(_jxl_codestream(data))
    width, height = _jxl_size(bits)
    if bits.take(1):  # all as by default: 8-bit RGB, lossy
        raise Unsupported("a lossy JPEG XL (make it with distance 0)")
    if bits.take(1):  # rarely used fields
        bits.take(3)  # orientation: left aside
        if bits.take(1):  # a size to show it at
            _jxl_size(bits)
        if bits.take(1):
            raise Unsupported("a JPEG XL with a preview")
        if bits.take(1):
            raise Unsupported("an animated JPEG XL")
    if bits.take(1):
        raise Unsupported("a JPEG XL of floating-point samples")
    depth = bits.choose((8, 0), (10, 0), (12, 0), (1, 6))
    if depth not in (8, 16):
        raise Unsupported(f"a {depth}-bit JPEG XL")
    bits.take(1)
    if bits.choose((0, 0), (1, 0), (2, 4), (1, 12)):
        raise Unsupported("a JPEG XL with an alpha or extra channel")
    if bits.take(1):
        raise Unsupported("a lossy JPEG XL (make it with distance 0)")
    colour = 0
    if not bits.take(1):
        bits.take(1)
        colour = bits.choose((0, 0), (1, 0), (2, 4), (18, 6))
    if colour not in (0, 1):
        raise Unsupported("a JPEG XL of neither RGB nor one channel")
    return width, height, 3 if colour == 0 else 1, depth
