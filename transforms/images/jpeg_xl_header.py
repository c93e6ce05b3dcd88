"""The header of a JPEG XL codestream, from its bits (ISO/IEC 18181-1, annexes D, E and F).

libjxl tells size, depth and channels before it decodes only to a streaming decoder, which no Python binding offers: as soon as
one does, this module should go.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from dpdeblur.transforms.images.formats import ImageHeader, UnsupportedImage
from dpdeblur.transforms.images.metadata import Metadata, png_colour

SIGNATURE = b"\xff\x0a"
_RATIOS = ((1, 1), (6, 5), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_LOSSY = "a lossy JPEG XL (make it with distance 0)"
# Numbers of the standard, which are those of ITU-T H.273 but for P3, whose primaries H.273 counts once for each white.
_D65, _CUSTOM, _DCI_WHITE = 1, 2, 11
_SRGB_PRIMARIES, _BT2100_PRIMARIES, _P3_PRIMARIES = 1, 9, 11
_LINEAR_TRANSFER, _SRGB_TRANSFER = 8, 13
_H273_PRIMARIES = {
    (_D65, _SRGB_PRIMARIES): 1,
    (_D65, _BT2100_PRIMARIES): 9,
    (_D65, _P3_PRIMARIES): 12,
    (_DCI_WHITE, _P3_PRIMARIES): 11,
}
_H273_TRANSFERS = (1, 8, 13, 16, 17, 18)
_WHITES = {_D65: (31270, 32900), 10: (33333, 33333), _DCI_WHITE: (31400, 35100)}  # CIE x and y, times 100 000
_PRIMARIES = {
    _SRGB_PRIMARIES: (64000, 33000, 30000, 60000, 15000, 6000),
    _BT2100_PRIMARIES: (70800, 29200, 17000, 79700, 13100, 4600),
    _P3_PRIMARIES: (68000, 32000, 26500, 69000, 15000, 6000),
}
_GREY = 1


@dataclass(frozen=True, slots=True)
class CodestreamHeader:
    """What the first bits of a codestream say.

    Attributes:
        image: Size, channels and depth.
        metadata: Orientation and colours.
        is_modular: Whether the first frame is coded in the mode that can be lossless; None if an ICC profile, which only a
            decoder can skip, stands before what would say so.
        transfer_at: The bit of the codestream at which the number of the transfer function begins; None if there is none.
    """

    image: ImageHeader
    metadata: Metadata
    is_modular: bool | None
    transfer_at: int | None = None


class _Bits:
    """Bits of a codestream, the least significant of each byte first."""

    def __init__(self, data: bytes) -> None:
        self.value, self.size = int.from_bytes(data, "little"), len(data) * 8
        self.left = self.size

    def take(self, count: int) -> int:
        self.left -= count
        if self.left < 0:
            raise ValueError("the header ends early")
        value, self.value = self.value & ((1 << count) - 1), self.value >> count
        return value

    def choose(self, *options: tuple[int, int]) -> int:
        """Take two bits that choose among (offset, extra bits): U32 of the standard."""
        offset, extra = options[self.take(2)]
        return offset + self.take(extra)

    def enum(self) -> int:
        return self.choose((0, 0), (1, 0), (2, 4), (18, 6))

    def align(self) -> None:
        self.take(self.left % 8)


def parse(codestream: bytes) -> CodestreamHeader:
    """Read the header at the beginning of a codestream.

    Raises:
        UnsupportedImage: It is of a kind that is not wanted.
        ValueError: It ends early, or does not begin as a codestream does.
    """
    if codestream[:2] != SIGNATURE:
        raise ValueError("its codestream has no signature")
    bits = _Bits(codestream[2:])
    width, height = _size(bits)
    if bits.take(1):  # all as by default: 8-bit RGB, lossy
        raise UnsupportedImage(_LOSSY)
    has_extra_fields = bits.take(1)
    orientation = _orientation(bits) if has_extra_fields else 1
    if bits.take(1):
        raise UnsupportedImage("a JPEG XL of floating-point samples")
    depth = bits.choose((8, 0), (10, 0), (12, 0), (1, 6))
    if depth not in (8, 16):
        raise UnsupportedImage(f"a {depth}-bit JPEG XL")
    bits.take(1)  # whether 16-bit buffers do
    if bits.choose((0, 0), (1, 0), (2, 4), (1, 12)):
        raise UnsupportedImage("a JPEG XL with an alpha or extra channel")
    if bits.take(1):  # colours made for the eye: samples are not those of a file
        raise UnsupportedImage(_LOSSY)
    channels, colour, transfer_at = _colour(bits)
    is_modular = None if colour.unreadable_profile else _is_modular(bits, bool(has_extra_fields))
    image = ImageHeader(width, height, channels, depth)
    return CodestreamHeader(image, replace(colour, orientation=orientation), is_modular, transfer_at)


def as_srgb(codestream: bytes) -> bytes:
    """Return the beginning of a codestream that states linear light, stating sRGB instead: both take the same bits.

    Raises:
        ValueError: It does not state linear light by its number.
    """
    at, bits = parse(codestream).transfer_at, int.from_bytes(codestream, "little")
    linear, srgb = (2 | (number - 2) << 2 for number in (_LINEAR_TRANSFER, _SRGB_TRANSFER))
    if at is None or (bits >> at) & 0b111111 != linear:
        raise ValueError("its codestream does not state linear light")
    return (bits ^ ((linear ^ srgb) << at)).to_bytes(len(codestream), "little")


def _orientation(bits: _Bits) -> int:
    """Return the orientation, the first of the fields that are rarely there (D.3)."""
    orientation = 1 + bits.take(3)
    if bits.take(1):  # a size to show it at
        _size(bits)
    if bits.take(1):
        raise UnsupportedImage("a JPEG XL with a preview")
    if bits.take(1):
        raise UnsupportedImage("an animated JPEG XL")
    return orientation


def _size(bits: _Bits) -> tuple[int, int]:
    """Return width and height (D.2): multiples of 8 in 5 bits, and the usual ratios, are stored short."""
    small = bits.take(1)

    def side() -> int:
        return 8 * (1 + bits.take(5)) if small else bits.choose((1, 9), (1, 13), (1, 18), (1, 30))

    height = side()
    if ratio := bits.take(3):
        across, down = _RATIOS[ratio - 1]
        return height * across // down, height
    return side(), height


def _colour(bits: _Bits) -> tuple[int, Metadata, int | None]:
    """Return the number of channels, the colours (E.2), and the bit at which the number of the transfer function begins."""
    if bits.take(1):
        return 3, Metadata(), None
    has_profile, space = bits.take(1), bits.enum()
    if space not in (0, _GREY):
        raise UnsupportedImage("a JPEG XL of neither RGB nor one channel")
    channels = 1 if space == _GREY else 3
    if has_profile:
        return channels, Metadata(unreadable_profile=True), None
    white = bits.enum()
    white_xy = _xy(bits) if white == _CUSTOM else _WHITES.get(white)
    primaries = _SRGB_PRIMARIES if space == _GREY else bits.enum()
    if primaries == _CUSTOM:
        primaries_xy: tuple[int, ...] | None = _xy(bits) + _xy(bits) + _xy(bits)
    else:
        primaries_xy = _PRIMARIES.get(primaries)
    gamma = bits.take(24) // 100 if bits.take(1) else None
    transfer_at = None if gamma else 8 * len(SIGNATURE) + bits.size - bits.left
    transfer = None if gamma else bits.enum()
    bits.enum()  # rendering intent
    if transfer in _H273_TRANSFERS and (white, primaries) in _H273_PRIMARIES:
        return channels, png_colour(None, None, (_H273_PRIMARIES[white, primaries], transfer)), transfer_at
    if gamma and white_xy and primaries_xy:
        return channels, png_colour(white_xy + primaries_xy, gamma, None), None
    return channels, Metadata(unreadable_profile=True), transfer_at


def _xy(bits: _Bits) -> tuple[int, int]:
    """Return CIE x and y, times 100 000 (stored times a million, the sign in the lowest bit)."""
    coded = [bits.choose((0, 19), (1 << 19, 19), (1 << 20, 20), (1 << 21, 21)) for _ in range(2)]
    x, y = ((value >> 1) ^ -(value & 1) for value in coded)
    if min(x, y) < 0:
        raise UnsupportedImage("a JPEG XL whose primaries lie outside of what a PNG can say")
    return round(x / 10), round(y / 10)


def _is_modular(bits: _Bits, has_extra_fields: bool) -> bool | None:
    """Return how the first frame is coded: what is between is skipped (D.3, F.2)."""
    if has_extra_fields and not bits.take(1):
        bits.take(16 + 16 + 1 + 16)  # tone mapping
    if bits.take(2):
        return None  # extensions, of which there are none yet
    if not bits.take(1):
        weights = bits.take(3)
        bits.take(16 * sum(count for bit, count in ((1, 15), (2, 55), (4, 210)) if weights & bit))
    bits.align()
    if bits.take(1):  # all as by default
        return False
    bits.take(2)  # kind of frame
    return bool(bits.take(1))
