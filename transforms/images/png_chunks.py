"""The chunks that hold the pixels of a PNG, compiled: most writers make them 8 kB long, a thousand and more of them in a file.

Joining them one by one in Python would hold its lock for milliseconds, in which no other scene can go on.

The checksum of each piece covers its name and its bytes (PNG specification, 5.3). A CRC is linear over GF(2): with
`x^n` for the effect of n bits that follow, crc(a + b) = crc(a) * x^(8 * len(b)) + crc(b), so that the checksum of all bytes
together follows from those stated, and one pass over the joined bytes verifies them all. Numbers are polynomials modulo that
of CRC-32, the highest bit the coefficient of x^0, as in zlib's `crc32_combine`.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpdeblur.transforms.images.machine_code import compiled

_POLYNOMIAL = np.uint32(0xEDB88320)
_ONE, _TOP = np.uint32(1), np.uint32(1 << 31)
_NAME = np.uint32(zlib.crc32(b"IDAT"))


@compiled
def _product(a: np.uint32, b: np.uint32) -> np.uint32:
    """Return a * b, modulo the polynomial of CRC-32."""
    product = np.uint32(0)
    for power in range(32):
        if (a >> np.uint32(31 - power)) & _ONE:
            product ^= b
        b = (b >> _ONE) ^ (_POLYNOMIAL if b & _ONE else np.uint32(0))
    return product


@compiled
def _power_of_x(exponent: int) -> np.uint32:
    """Return x^exponent, by squaring."""
    power, square = _TOP, np.uint32(1 << 30)  # x^0, x^1
    while exponent:
        if exponent & 1:
            power = _product(power, square)
        square = _product(square, square)
        exponent >>= 1
    return power


@compiled
def _number(data: NDArray[np.uint8], at: int) -> Any:
    return (np.int64(data[at]) << 24) | (np.int64(data[at + 1]) << 16) | (np.int64(data[at + 2]) << 8) | np.int64(data[at + 3])


@compiled
def end_of_run(data: NDArray[np.uint8], at: int) -> int:
    """Return where the IDAT chunks end that begin at byte `at`; one that is cut short is none of them."""
    after = at
    while after <= data.size:
        at = after
        if at + 12 > data.size or _number(data, at + 4) != 0x49444154:  # IDAT
            break
        after = at + 12 + _number(data, at)
    return at


@compiled
def join(run: NDArray[np.uint8], joined: NDArray[np.uint8], checksum: NDArray[np.int64]) -> int:
    """Copy the bodies of a run of IDAT chunks to the start of `joined`, and return their length together.

    Args:
        run: the chunks.
        joined: as long as these.
        checksum: of one number, to fill: the CRC-32 that "IDAT" followed by these bytes has, if each of the chunks is sound.
    """
    at, to, crc = 0, 0, _NAME
    length, shift = -1, _TOP
    while at < run.size:
        size = _number(run, at)
        body, out = run[at + 8 : at + 8 + size], joined[to : to + size]
        for i in range(size):
            out[i] = body[i]
        if size != length:
            length, shift = size, _power_of_x(8 * size)
        crc = _product(shift, crc ^ _NAME) ^ np.uint32(_number(run, at + 8 + size))
        at, to = at + 12 + size, to + size
    checksum[0] = crc
    return to
