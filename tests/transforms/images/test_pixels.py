"""What must hold of every picture: exact means, scikit-image's scores, whole files or errors."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dpdeblur.transforms.images import codecs, conversion, kernels
from dpdeblur.transforms.images.image import Image
from dpdeblur.transforms.images.tone_curve import ToneCurve, value_table
from dpdeblur.transforms.records import SceneError
from dpdeblur.transforms.scoring.metrics import compare
from tests.transforms.images.test_codecs import lossless, photograph, pillow
from tests.transforms.scoring.test_metrics import assert_equal

REALDATA = Path(__file__).parents[4] / "shared" / "realdata"
DEPTHS: st.SearchStrategy[type[np.uint8 | np.uint16]] = st.sampled_from([np.uint8, np.uint16])


@st.composite
def pictures(draw: st.DrawFn, least: int = 1, most: int = 12, count: int = 1) -> list[Image]:
    """Pictures of one shape and depth, whose values like to be extreme, equal or near each other."""
    kind = draw(DEPTHS)
    full = int(np.iinfo(kind).max)
    shape = (draw(st.integers(least, most)), draw(st.integers(least, most)), *draw(st.sampled_from([(), (3,)])))
    level = draw(st.integers(0, full))
    values = st.sampled_from([0, full, level, min(level + 1, full)]) | st.integers(0, full)
    return [draw(hnp.arrays(kind, shape, elements=values, fill=st.just(level))) for _ in range(count)]


@given(pictures(count=2))
@settings(deadline=None)
def test_the_mean_of_two_files_is_exact(views: list[Image]) -> None:
    left, right = views
    bits, channels = left.dtype.itemsize * 8, 3 if left.ndim == 3 else 1
    values = conversion.float_planes(views, ToneCurve(), (16, 16))
    mean = (np.float32(0.5) * (values[:3] + values[3:]))[:, : left.shape[0], : left.shape[1]]
    expected = np.rint((left.astype(np.float64) + right) / 2)
    np.testing.assert_array_equal(conversion.quantise(mean, bits, channels), expected)
    np.testing.assert_array_equal(conversion.mean_of_views(left, right), expected)


@given(st.lists(st.integers(0, 65535), min_size=1, max_size=4))
@settings(deadline=None)
def test_the_mean_with_every_other_value_is_exact(values: list[int]) -> None:
    ramp = np.arange(65536, dtype=np.uint16)
    for value in values:
        expected = np.rint((ramp.astype(np.float64) + value) / 2)
        np.testing.assert_array_equal(conversion.mean_of_views(np.full_like(ramp, value), ramp), expected)


@pytest.mark.long
def test_the_mean_of_all_pairs_of_sixteen_bit_values_is_exact() -> None:
    table, codes = value_table(ToneCurve(), 65535, "any"), np.empty(65536, np.uint16)
    ramp = np.arange(65536, dtype=np.uint16)
    twice = np.rint(np.arange(131071) / 2).astype(np.uint16)
    for value in range(65536):
        kernels.fill_mean(np.full_like(ramp, value), ramp, table, 65535.0, codes)
        assert np.array_equal(codes, twice[value : value + 65536]), value


@given(pictures(), st.integers(0, 9), st.integers(0, 9))
@settings(deadline=None)
def test_padding_reflects(views: list[Image], down: int, right: int) -> None:
    (view,) = views
    full = np.float32(np.iinfo(view.dtype).max)
    plain = np.broadcast_to(view[..., None] if view.ndim == 2 else view, (*view.shape[:2], 3)).transpose(2, 0, 1) / full
    expected = np.pad(plain.astype(np.float32), ((0, 0), (0, down), (0, right)), mode="reflect")
    np.testing.assert_array_equal(conversion.float_planes(views, ToneCurve(), expected.shape[1:]), expected)


@given(pictures(least=7, most=20, count=2))
@settings(deadline=None)
def test_scores_are_scikit_images(pair: list[Image]) -> None:
    assert_equal(*pair)


@given(pictures(least=7, most=40), st.integers(0, 2**32 - 1), st.integers(1, 3000))
@settings(deadline=None)
def test_scores_of_nearly_equal_pictures_are_scikit_images(pair: list[Image], seed: int, strength: int) -> None:
    (picture,) = pair
    full = np.iinfo(picture.dtype).max
    noise = np.random.default_rng(seed).integers(-strength, strength, picture.shape, endpoint=True)
    assert_equal(picture, np.clip(picture + noise, 0, full).astype(picture.dtype))


@given(pictures(least=7, most=20, count=2))
@settings(deadline=None)
def test_scores_do_not_care_which_is_the_target_or_how_it_lies_in_memory(pair: list[Image]) -> None:
    a, b = pair
    assert compare(a, b) == compare(b, a)
    assert compare(np.asfortranarray(a), b) == compare(a, np.repeat(b, 2, axis=0)[::2])
    assert compare(a, a).ssim == 1 and compare(a, b).ssim <= 1 + 1e-12


@given(pictures(most=20), st.sampled_from([8, 16, 32, 64, 128, 0xF8]))
@settings(deadline=None)
def test_files_come_back(drawn: list[Image], png_filter: int) -> None:
    (picture,) = drawn
    repeatable = codecs.encode(picture, repeatable=True)
    assert codecs.encode(picture, repeatable=True) == repeatable
    for data in (
        codecs.encode(picture),
        repeatable,
        codecs.encode(picture, "jxl"),
        bytes(imagecodecs.png_encode(picture, filter=png_filter)),
    ):
        decoded = codecs.decode(data)
        assert decoded.dtype == picture.dtype
        np.testing.assert_array_equal(decoded, picture)
    np.testing.assert_array_equal(imagecodecs.png_decode(codecs.encode(picture)).reshape(picture.shape), picture)


def seeds() -> list[bytes]:
    files = [data for bits in (8, 16) for channels in (1, 3) for data in lossless(photograph(bits, channels, 9, 13)).values()]
    jpegs = [pillow(photograph(8, channels, 16, 24), "JPEG", progressive=p) for channels in (1, 3) for p in (False, True)]
    files += [*jpegs, *(bytes(imagecodecs.jpegxl_encode_jpeg(data)) for data in jpegs)]
    camera = PIL.Image.Exif()
    camera.update({271: "Pixelmaker", 274: 6})
    profile = bytes(imagecodecs.cms_profile("adobergb"))
    files += [pillow(photograph(8, 3, 9, 13), name, exif=camera, icc_profile=profile) for name in ("PNG", "JPEG", "TIFF")]
    if REALDATA.exists():
        files += [codecs.encode(codecs.decode((REALDATA / name).read_bytes())[:40, :60]) for name in ("canon/box/001/l.png",)]
    return files


SEEDS = seeds()


def with_true_checksums(data: bytes) -> bytes:
    """A PNG whose chunks are again what their checksums say, so that what lies behind them is reached."""
    at, out = 8, [data[:8]]
    while at + 12 <= len(data):
        size = min(struct.unpack_from(">I", data, at)[0], len(data) - at - 12)
        body = data[at + 4 : at + 8 + size]
        out.append(struct.pack(">I", size) + body + struct.pack(">I", zlib.crc32(body)))
        at += 12 + size
    return b"".join(out)


def mutated(rng: Any) -> bytes:
    data = bytearray(SEEDS[rng.randrange(len(SEEDS))])
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at, other = rng.randrange(len(data)), rng.randrange(len(data))
        near = rng.randrange(min(len(data), 200))
        match rng.randrange(5):
            case 0:
                data[at] = rng.choice((0, 1, 127, 128, 255))
            case 1:
                data[near] = rng.randrange(256)
            case 2:
                del data[at : at + rng.choice((1, 2, 4, 50))]
            case 3:
                data[at:at] = bytes(rng.randrange(256) for _ in range(rng.choice((1, 4, 20))))
            case 4:
                data[at : at + 8] = data[other : other + 8]
        data = data or bytearray(b"\xff")
    mended = data[:4] == b"\x89PNG" and rng.random() < 0.7
    return with_true_checksums(bytes(data)) if mended else bytes(data)


def decode_or_refuse(data: bytes) -> bool:
    """Whether it was read. Nothing but a SceneError may come of a damaged file."""
    try:
        picture = codecs.decode(data, max_pixels=2**20)
        assert codecs.read_metadata(data).orientation in range(1, 9)
    except SceneError as error:
        assert str(error)
        return False
    header = codecs.read_header(data)
    width, height, channels, bits = header.width, header.height, header.channels, header.bits
    assert picture.shape == ((height, width, 3) if channels == 3 else (height, width))
    assert picture.dtype.itemsize * 8 == bits
    return True


@given(st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=300)
def test_mutated_files_are_read_or_refused(rng: Any) -> None:
    decode_or_refuse(mutated(rng))


@given(st.binary(max_size=300), st.sampled_from([b"", *(data[:12] for data in SEEDS)]))
@settings(deadline=None, max_examples=200)
def test_arbitrary_bytes_are_refused(data: bytes, head: bytes) -> None:
    decode_or_refuse(head + data)


@pytest.mark.long
def test_ten_thousand_mutated_files(capsys: pytest.CaptureFixture[str]) -> None:
    import random

    rng = random.Random(0)
    read = sum(decode_or_refuse(mutated(rng)) for _ in range(10_000))
    with capsys.disabled():
        print(f"\n10000 mutated pictures: {read} read, {10_000 - read} refused, no crash")
    assert 0 < read < 10_000
