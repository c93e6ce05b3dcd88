"""The pieces that the pixels of a PNG come in: joined as they are, their checksums verified all at once."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpdeblur.transforms.images import codecs, png_chunks
from dpdeblur.transforms.records import SceneError

bodies = st.lists(st.binary(max_size=40) | st.integers(0, 3000).map(bytes), min_size=1, max_size=8)


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


@given(bodies, st.binary(max_size=20))
def test_pieces_are_joined_and_their_checksums_too(pieces: list[bytes], before: bytes) -> None:
    run = b"".join(chunk(b"IDAT", piece) for piece in pieces)
    whole = before + run + chunk(b"IEND", b"")
    end = png_chunks.end_of_run(np.frombuffer(whole, np.uint8), len(before))
    assert end == len(before) + len(run)
    joined = np.empty(len(run), np.uint8)
    crc = np.empty(1, np.int64)
    length = png_chunks.join(np.frombuffer(run, np.uint8), joined, crc)
    assert joined[:length].tobytes() == b"".join(pieces)
    assert crc[0] == zlib.crc32(b"IDAT" + b"".join(pieces))


@given(bodies, st.data())
def test_a_piece_that_is_cut_short_is_no_part_of_a_run(pieces: list[bytes], data: st.DataObject) -> None:
    run = b"".join(chunk(b"IDAT", piece) for piece in pieces)
    last = 12 + len(pieces[-1])
    cut = data.draw(st.integers(1, last))
    assert png_chunks.end_of_run(np.frombuffer(run[:-cut], np.uint8), 0) == len(run) - last


@pytest.mark.parametrize("pieces", [1, 2, 7])
@pytest.mark.parametrize("apart", [False, True], ids=["in a row", "with another chunk between"])
def test_every_changed_byte_is_noticed_however_the_pixels_are_cut(pieces: int, apart: bool) -> None:
    picture = np.arange(2 * 3 * 3, dtype=np.uint16).reshape(2, 3, 3) * 999
    data = codecs.encode(picture)
    at = data.index(b"IDAT") - 4
    (size,) = struct.unpack_from(">I", data, at)
    body, step = data[at + 8 : at + 8 + size], -(-size // pieces)
    cut = [chunk(b"IDAT", body[start : start + step]) for start in range(0, size, step)]
    whole = data[:at] + (chunk(b"tEXt", b"") if apart else b"").join(cut) + chunk(b"IEND", b"")
    assert np.array_equal(codecs.decode(whole), picture)
    for position in range(at, len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 0x10
        with pytest.raises(SceneError):
            codecs.decode(bytes(damaged))
