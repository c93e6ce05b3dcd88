"""Bytes to arrays and back: exact, whole or an error, bounded, and without Python's lock."""

from __future__ import annotations

import io
import itertools
import struct
import sys
import threading
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import PIL.Image
import pytest
import tifffile

from dpdeblur.transforms.images import codecs
from dpdeblur.transforms.images.image import Image
from dpdeblur.transforms.records import SceneError

REALDATA = Path(__file__).parents[4] / "shared" / "realdata"


def photograph(bits: int, channels: int, height: int = 37, width: int = 53) -> Image:
    rng = np.random.default_rng(bits * channels)
    steps = np.cumsum(rng.integers(-40, 41, (height, width, channels)), axis=1) + 128
    picture = (
        np.clip(steps, 0, 255) * (257 if bits == 16 else 1) + (rng.integers(-99, 99, steps.shape) if bits == 16 else 0)
    ).clip(0, 2**bits - 1)
    return np.ascontiguousarray(picture.astype(f"u{bits // 8}")[..., 0 if channels == 1 else slice(None)])


def tiff(picture: Any, **options: Any) -> bytes:
    options.setdefault("photometric", "rgb" if picture.ndim == 3 else "minisblack")
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, picture, **options)
    return buffer.getvalue()


def pillow(picture: Any, form: str, **options: Any) -> bytes:
    image = picture if isinstance(picture, PIL.Image.Image) else PIL.Image.fromarray(picture)
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(*chunks: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def ihdr(width: int, height: int, bits: int = 8, colour: int = 0, interlace: int = 0) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlace))


IEND = chunk(b"IEND", b"")


def interlaced(picture: Image) -> bytes:
    """A PNG in the seven passes of Adam7, not filtered."""
    height, width = picture.shape[:2]
    rows = bytearray()
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    for left, top, across, down in passes:
        for row in picture[top::down, left::across]:
            if row.size:
                rows += b"\0" + row.astype(row.dtype.newbyteorder(">")).tobytes()
    head = ihdr(width, height, 8 * picture.itemsize, 2 if picture.ndim == 3 else 0, interlace=1)
    return png(head, chunk(b"IDAT", zlib.compress(rows)), IEND)


def form(data: bytes) -> tuple[int, int, int, int]:
    header = codecs.read_header(data)
    return header.width, header.height, header.channels, header.bits


def lossless(picture: Image) -> dict[str, bytes]:
    """One picture in every lossless file that must be read."""
    files: dict[str, bytes | bytearray] = {
        "png": codecs.encode(picture),
        "png of libpng": imagecodecs.png_encode(picture),
        "png of libpng, Paeth": imagecodecs.png_encode(picture, filter=128),
        "png of libpng, Average": imagecodecs.png_encode(picture, filter=64),
        "jxl": codecs.encode(picture, "jxl"),
        "tiff": codecs.encode(picture, "tiff"),
        "jxl in a container": bytes(imagecodecs.jpegxl_encode(picture, lossless=True, effort=3, usecontainer=True)),
    }
    files["png, interlaced"] = interlaced(picture)
    for compression in (None, "lzw", "zlib", "packbits", "zstd"):
        files[f"tiff {compression}"] = tiff(picture, compression=compression)
    files["tiff, big-endian"] = tiff(picture, byteorder=">")
    files["big tiff, tiles, predictor"] = tiff(picture, bigtiff=True, tile=(16, 16), compression="zlib", predictor=True)
    if picture.ndim == 3:
        files["tiff, planes apart"] = tiff(np.moveaxis(picture, 2, 0), planarconfig="separate", compression="lzw")
    return {name: bytes(data) for name, data in files.items()}


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_what_was_stored_comes_back(bits: int, channels: int) -> None:
    picture = photograph(bits, channels)
    for name, data in lossless(picture).items():
        decoded = codecs.decode(data)
        assert decoded.dtype == picture.dtype, name
        assert decoded.flags.c_contiguous and decoded.flags.writeable and decoded.dtype.isnative, name
        np.testing.assert_array_equal(decoded, picture, name)
        assert form(data) == (53, 37, channels, bits), name


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_others_read_what_we_write(bits: int, channels: int, tmp_path: Path) -> None:
    picture = photograph(bits, channels)
    np.testing.assert_array_equal(imagecodecs.png_decode(codecs.encode(picture)), picture)
    np.testing.assert_array_equal(imagecodecs.jpegxl_decode(codecs.encode(picture, "jxl")), picture)
    uncompressed = codecs.encode(picture, "tiff")
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(uncompressed)), picture)
    np.testing.assert_array_equal(tifffile.memmap(file_of(tmp_path, uncompressed), mode="r"), picture)
    if (bits, channels) != (16, 3):  # Pillow would give 8 bits
        for data in (codecs.encode(picture), uncompressed):
            np.testing.assert_array_equal(np.asarray(PIL.Image.open(io.BytesIO(data))), picture)


def file_of(folder: Path, data: bytes) -> Path:
    (folder / "picture").write_bytes(data)
    return folder / "picture"


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_jpeg_has_the_nearest_8_bits_with_little_loss(bits: int, channels: int) -> None:
    smooth = np.linspace(0, 2**bits - 1, 40 * 60 * channels).reshape((40, 60, channels)[: 2 + channels // 3])
    picture = smooth.astype(f"u{bits // 8}")
    data = codecs.encode(picture, "jpeg")
    assert form(data) == (60, 40, channels, 8)
    assert np.abs(codecs.decode(data).astype(float) - smooth / (257 if bits == 16 else 1)).max() < 4


def test_what_a_format_cannot_hold_is_refused() -> None:
    with pytest.raises(SceneError, match="too large for a JPEG: choose PNG"):
        codecs.encode(np.zeros((1, 70_000), np.uint8), "jpeg")


def test_views_into_larger_arrays_are_encoded_right() -> None:
    picture = photograph(16, 3)[3:30, 5:40]
    for codec in ("png", "jxl", "tiff"):
        np.testing.assert_array_equal(codecs.decode(codecs.encode(picture, codec)), picture)
    with pytest.raises(ValueError, match="choose from"):
        codecs.encode(picture, "gif")


def test_interlaced_png() -> None:
    rows = photograph(8, 1, 1, 1)
    data = png(ihdr(1, 1, interlace=1), chunk(b"IDAT", zlib.compress(b"\0" + rows.tobytes())), IEND)
    np.testing.assert_array_equal(codecs.decode(data), rows)
    short = png(ihdr(9, 9, interlace=1), chunk(b"IDAT", zlib.compress(b"\0\0")), IEND)
    with pytest.raises(SceneError, match="damaged"):
        codecs.decode(short)


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"subsampling": 0, "quality": 95}, {"restart_marker_blocks": 1}]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_as_libjpeg_decodes_it(channels: int, options: dict[str, Any]) -> None:
    data = pillow(photograph(8, channels), "JPEG", **options)
    np.testing.assert_array_equal(codecs.decode(data), np.asarray(PIL.Image.open(io.BytesIO(data))))
    assert form(data) == (53, 37, channels, 8)


def cuts(data: bytes, count: int = 60) -> Iterator[int]:
    rng = np.random.default_rng(len(data))
    yield from {0, 1, 4, 8, 20, 33, len(data) - 1, len(data) - 2, len(data) - 5, len(data) - 13}
    yield from rng.integers(0, len(data), count).tolist()


def test_a_file_cut_anywhere_is_an_error() -> None:
    picture = photograph(16, 3)
    files = lossless(picture)
    files |= {f"jpeg {p}": pillow(photograph(8, 3), "JPEG", progressive=p) for p in (False, True)}
    for name, data in files.items():
        for cut in cuts(data):
            with pytest.raises(SceneError):
                codecs.decode(data[:cut])
                pytest.fail(f"{name}, {cut} of {len(data)} bytes, was read")


def test_what_follows_the_end_is_left_aside() -> None:
    for name, data in (lossless(photograph(8, 3)) | {"jpeg": pillow(photograph(8, 3), "JPEG")}).items():
        np.testing.assert_array_equal(codecs.decode(data + b"\xff garbage" * 9), codecs.decode(data), name)


def test_every_changed_byte_of_a_png_is_noticed() -> None:
    data = codecs.encode(photograph(16, 1, 9, 7))
    for i in range(len(data)):
        with pytest.raises(SceneError):
            codecs.decode(data[:i] + bytes([data[i] ^ 0x10]) + data[i + 1 :])


def gif() -> bytes:
    return pillow(photograph(8, 1), "GIF")


def rgba(bits: int) -> Image:
    picture = photograph(bits, 3)
    return np.concatenate([picture, picture[..., :1]], axis=2)


REFUSED = {
    "empty": (b"", "empty"),
    "text": (b"id,left,right\n1,a.png,b.png\n", "text"),
    "nothing known": (bytes(range(1, 200)), "no picture"),
    "Git LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "git lfs pull"),
    "GIF": (gif(), "GIF"),
    "BMP": (pillow(photograph(8, 3), "BMP"), "BMP"),
    "WebP": (pillow(photograph(8, 3), "WEBP"), "WebP"),
    "HEIF": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIF"),
    "palette PNG": (pillow(PIL.Image.fromarray(photograph(8, 1)).convert("P"), "PNG"), "palette"),
    "alpha PNG": (imagecodecs.png_encode(rgba(16)), "alpha"),
    "grey alpha PNG": (pillow(PIL.Image.fromarray(photograph(8, 1)).convert("LA"), "PNG"), "alpha"),
    "1-bit PNG": (pillow(PIL.Image.fromarray(photograph(8, 1)).convert("1"), "PNG"), "1-bit"),
    "transparent colour": (
        png(ihdr(1, 1), chunk(b"tRNS", b"\0\0"), chunk(b"IDAT", zlib.compress(b"\0\0")), IEND),
        "transparent colour",
    ),
    "alpha TIFF": (tiff(rgba(16), extrasamples=["unassalpha"]), "alpha"),
    "float TIFF": (tiff(photograph(16, 1).astype(np.float32)), "floating-point"),
    "signed TIFF": (tiff(photograph(8, 1).astype(np.int16)), "signed"),
    "32-bit TIFF": (tiff(photograph(16, 1).astype(np.uint32)), "32 bits"),
    "pages": (tiff(np.stack([photograph(8, 1)] * 2), photometric="minisblack"), "several pages"),
    "palette TIFF": (tiff(photograph(8, 1), photometric="palette", colormap=np.zeros((3, 256), np.uint16)), "photometric"),
    "inverted TIFF": (tiff(photograph(8, 1), photometric="miniswhite"), "inverted"),
    "CMYK TIFF": (tiff(rgba(8), photometric="separated"), "extra channel"),
    "JPEG in TIFF": (tiff(photograph(8, 3), compression="jpeg"), "compression 7"),
    "CMYK JPEG": (pillow(PIL.Image.fromarray(photograph(8, 3)).convert("CMYK"), "JPEG"), "CMYK"),
    "12-bit JPEG": (imagecodecs.jpeg8_encode(photograph(16, 1) >> 4, bitspersample=12), "JPEG"),
    "JPEG-LS": (imagecodecs.jpegls_encode(photograph(8, 3)), "JPEG-LS"),
    "lossless JPEG": (imagecodecs.ljpeg_encode(photograph(16, 1)), "JPEG"),
    "lossy JPEG XL": (imagecodecs.jpegxl_encode(photograph(8, 3), distance=1.0), "lossy"),
    "float JPEG XL": (imagecodecs.jpegxl_encode(photograph(8, 1).astype(np.float32) / 255, lossless=True), "floating-point"),
    "alpha JPEG XL": (imagecodecs.jpegxl_encode(rgba(8), lossless=True), "alpha"),
    "animated JPEG XL": (imagecodecs.jpegxl_encode(np.stack([photograph(8, 3)] * 2), lossless=True), "animated"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_and_why(name: str) -> None:
    data, reason = REFUSED[name]
    with pytest.raises(SceneError, match=reason) as caught:
        codecs.decode(bytes(data), "views/1.png")
    assert caught.value.uri == "views/1.png"


def test_nothing_large_is_decompressed_before_its_size_is_checked() -> None:
    bombs = {
        "png": png(ihdr(60_000, 60_000, 16, 2), chunk(b"IDAT", zlib.compress(b"\0" * 1000)), IEND),
        "tiff": tiff(np.zeros((4, 4), np.uint8)).replace(
            struct.pack("<HHII", 256, 4, 1, 4), struct.pack("<HHII", 256, 4, 1, 2**31)
        ),
        "jpeg": pillow(np.zeros((8, 8), np.uint8), "JPEG").replace(b"\x08\x00\x08\x00\x08\x01", b"\x08\xff\xff\xff\xff\x01"),
        "jxl": imagecodecs.jpegxl_encode(np.zeros((2000, 2000), np.uint8), lossless=True, effort=1)[:50],
    }  # whoever decompressed one of them would find it damaged
    for name, data in bombs.items():
        with pytest.raises(SceneError, match="--max-pixels"):
            codecs.decode(bytes(data), max_pixels=2**20)
            pytest.fail(name)


def test_the_limit_is_of_pixels() -> None:
    data = codecs.encode(photograph(8, 1))
    assert codecs.decode(data, max_pixels=37 * 53).shape == (37, 53)
    with pytest.raises(SceneError, match="53x37"):
        codecs.decode(data, max_pixels=37 * 53 - 1)


def gigabyte_tiles() -> bytes:
    data = bytearray(tiff(photograph(8, 1), tile=(16, 16)))
    for tag in (322, 323):
        at = data.index(struct.pack("<HHI", tag, 4, 1))
        data[at : at + 12] = struct.pack("<HHII", tag, 4, 1, 2**15)
    return bytes(data)


HOSTILE = {
    "0x0": png(ihdr(0, 0), chunk(b"IDAT", zlib.compress(b"")), IEND),
    "0 wide": png(ihdr(0, 5), chunk(b"IDAT", zlib.compress(b"\0" * 5)), IEND),
    "too few pixels": png(ihdr(4, 4), chunk(b"IDAT", zlib.compress(b"\0" * 19)), IEND),
    "too many pixels": png(ihdr(4, 4), chunk(b"IDAT", zlib.compress(b"\0" * 21)), IEND),
    "no pixels": png(ihdr(4, 4), IEND),
    "unknown filter": png(ihdr(4, 1), chunk(b"IDAT", zlib.compress(b"\x05\0\0\0\0")), IEND),
    "unknown critical chunk": png(ihdr(1, 1), chunk(b"ABCD", b""), chunk(b"IDAT", zlib.compress(b"\0\0")), IEND),
    "claims 4 GB": png(ihdr(1, 1), b"\xff\xff\xff\xffIDAT" + zlib.compress(b"\0\0")),
    "header of another length": png(chunk(b"IHDR", bytes(20)), IEND),
    "TIFF without size": b"II*\0\x08\0\0\0\0\0\0\0\0\0",
    "TIFF directory far away": b"II*\0\xff\xff\xff\x7f",
    "TIFF of gigabyte tiles": gigabyte_tiles(),
    "JPEG without a frame": b"\xff\xd8\xff\xd9",
    "JPEG of a hundred thousand scans": b"\xff\xd8\xff\xc0\x00\x0b\x08\x00\x08\x00\x08\x01\x01\x11\x00"
    + b"\xff\xda\x00\x02" * 100_000
    + b"\xff\xd9",
    "JPEG XL container of nothing": b"\0\0\0\x0cJXL \r\n\x87\n" + b"\0\0\0\x08free" * 9,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_errors(name: str) -> None:
    with pytest.raises(SceneError, match="damaged"):
        codecs.decode(HOSTILE[name])


def test_giant_text_chunks_are_not_inflated() -> None:
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(50_000_000)))
    data = png(ihdr(1, 1), text, chunk(b"IDAT", zlib.compress(b"\0\x07")), IEND)
    assert codecs.decode(data).tolist() == [[7]]


def test_orientation_is_left_aside() -> None:
    picture = photograph(8, 3)
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees
    jpeg = pillow(picture, "JPEG", exif=exif)
    assert codecs.decode(jpeg).shape == picture.shape
    for data in (pillow(picture, "PNG", exif=exif), tiff(picture, extratags=[(274, "H", 1, 6, True)])):
        np.testing.assert_array_equal(codecs.decode(data), picture)


def turns_of_another_thread(job: Callable[[], object]) -> int:
    """Count how often another thread gets its turn while `job` runs: never, where `job` holds Python's lock throughout."""
    done, turns, interval = threading.Event(), itertools.count(), sys.getswitchinterval()

    def count() -> None:
        while not done.is_set():
            next(turns)
            time.sleep(0)

    other = threading.Thread(target=count)
    sys.setswitchinterval(1000)  # the lock changes hands where it is given up, and nowhere else
    try:
        other.start()
        before = next(turns)
        job()
        return next(turns) - before - 1
    finally:
        done.set()
        sys.setswitchinterval(interval)
        other.join()


@pytest.mark.parametrize("codec", ["png", "jxl", "tiff", "encode"])
def test_other_threads_run_meanwhile(codec: str) -> None:
    picture = photograph(16, 3, 1000, 1000)
    data = tiff(picture, compression="zlib") if codec == "tiff" else codecs.encode(picture, "jxl" if codec == "jxl" else "png")

    def job() -> object:
        return codecs.encode(picture) if codec == "encode" else codecs.decode(data)

    job()  # compiled by now
    tries = range(100)  # it depends on the machine's other work whether the other thread has a core meanwhile
    assert any(turns_of_another_thread(lambda: sum(range(1_000_000))) == 0 for _ in tries)
    assert any(turns_of_another_thread(job) > 10 for _ in tries)


@pytest.mark.skipif(not REALDATA.exists(), reason="the real captures are not here")
def test_real_captures_come_back_as_libpng_reads_them() -> None:
    for path in (REALDATA / "canon/box/001/l.png", REALDATA / "pixel4/003/left.png", REALDATA / "pixel4/003/target.png"):
        data = path.read_bytes()
        picture = codecs.decode(data, str(path))
        np.testing.assert_array_equal(picture, imagecodecs.png_decode(data))
        np.testing.assert_array_equal(codecs.decode(codecs.encode(picture)), picture)


def test_no_warnings_reach_the_user() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for data in lossless(photograph(16, 1)).values():
            codecs.decode(data)


def tiff_pages(*pages: tuple[Any, dict[str, Any]]) -> bytes:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        for picture, options in pages:
            writer.write(picture, photometric="rgb" if picture.ndim == 3 else "minisblack", **options)
    return buffer.getvalue()


@pytest.mark.parametrize("thumbnail_first", [True, False])
def test_a_tiff_with_a_thumbnail_or_a_mask_holds_one_picture(thumbnail_first: bool) -> None:
    picture = photograph(16, 3)
    small = (picture[::4, ::4].copy(), {"subfiletype": 1})
    mask = (np.zeros((37, 53), bool), {"subfiletype": 4})
    pages = [(picture, {}), small, mask]
    np.testing.assert_array_equal(codecs.decode(tiff_pages(*(pages[::-1] if thumbnail_first else pages))), picture)


def test_a_tiff_of_pages_names_both_readings() -> None:
    grey, colour = photograph(8, 1), photograph(8, 3)
    with pytest.raises(SceneError, match="3 pictures or the channels of one picture"):
        codecs.decode(tiff_pages((grey, {}), (grey, {}), (grey, {})))
    with pytest.raises(SceneError, match="2 pictures, and nothing says which one to use"):
        codecs.decode(tiff_pages((colour, {}), (colour[::2].copy(), {})))
    with pytest.raises(SceneError, match="smaller versions"):
        codecs.decode(tiff_pages((grey, {"subfiletype": 1})))
    with pytest.raises(SceneError, match="more than 64 images"):
        codecs.decode(tiff_pages(*[(grey[:2, :2].copy(), {"subfiletype": 1})] * 80))


def test_the_tag_says_which_axis_holds_the_channels() -> None:
    """A picture of 3 by 3 has the same shape whichever way it is stored."""
    picture = photograph(16, 3, 3, 3)
    np.testing.assert_array_equal(codecs.decode(tiff(picture)), picture)
    apart = tiff(np.moveaxis(picture, 2, 0), planarconfig="separate")
    np.testing.assert_array_equal(codecs.decode(apart), picture)


def test_a_tiff_that_does_not_say_what_its_samples_mean() -> None:
    data = bytearray(tiff(photograph(16, 3)))
    at = data.index(struct.pack("<HHII", 262, 3, 1, 2))
    data[at : at + 2] = struct.pack("<H", 60000)  # a private tag instead
    with pytest.raises(SceneError, match="PhotometricInterpretation"):
        codecs.decode(bytes(data))


def test_errors_show_nothing_of_a_file_that_is_no_picture() -> None:
    secret = b"hunter2-correct-horse"
    files = [
        secret,
        b"\0\0\0\x18ftyp" + secret,
        b"\x89PNG\r\n\x1a\n" + secret * 3,
        png(ihdr(1, 1), chunk(b"HUNt", secret), IEND),
        png(ihdr(1, 1), struct.pack(">I", 3) + b"hun\n" + secret),
        b"II*\0" + secret * 9,
        b"\xff\xd8\xff\xe0" + secret * 9,
        b"\xff\x0a" + secret,
    ]
    for data in files:
        with pytest.raises(SceneError) as caught:
            codecs.decode(data)
        assert "hunter" not in str(caught.value)
        assert "hun\n" not in str(caught.value)
