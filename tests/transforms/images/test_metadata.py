"""Colours, orientation, camera and time: read from every format, and written so that an independent reader finds them."""

from __future__ import annotations

import io
import json
import shutil
import struct
import subprocess
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import PIL.Image
import pytest
from PIL.TiffImagePlugin import IFDRational

from dpdeblur.transforms.images import codecs
from dpdeblur.transforms.images.metadata import UNTAGGED, Metadata, check_alike
from dpdeblur.transforms.records import SceneError
from tests.transforms.images.test_codecs import IEND, chunk, ihdr, photograph, pillow, png, tiff

D65 = (0.3127, 0.3290, 1.0)
PROFILES = {
    "Adobe RGB": imagecodecs.cms_profile("adobergb"),
    "Display P3": imagecodecs.cms_profile(
        "rgb", whitepoint=D65, primaries=[0.68, 0.32, 1, 0.265, 0.69, 1, 0.15, 0.06, 1], gamma=2.2
    ),
    "linear": imagecodecs.cms_profile("rgb", whitepoint=D65, primaries=[0.64, 0.33, 1, 0.3, 0.6, 1, 0.15, 0.06, 1], gamma=1.0),
}
PROFILES = {name: bytes(profile) for name, profile in PROFILES.items()}
CAMERA = {
    "Orientation": 6,
    "Make": "Pixelmaker",
    "Model": "Two Views 7",
    "DateTimeOriginal": "2024:05:17 11:12:13",
    "OffsetTimeOriginal": "+02:00",
    "ExposureTime": 0.008,
}
needs_exiftool = pytest.mark.skipif(not shutil.which("exiftool"), reason="exiftool, the independent reader, is not installed")


def camera_data(orientation: int = 6) -> PIL.Image.Exif:
    """What a camera writes, places and serial numbers included."""
    block = PIL.Image.Exif()
    block.update({271: "Pixelmaker", 272: "Two Views 7", 274: orientation, 306: "2024:05:18 00:00:00"})
    block.get_ifd(34665).update(
        {
            33434: IFDRational(1, 125),
            36864: b"0232",
            36867: "2024:05:17 11:12:13",
            36881: "+02:00",
            42033: "SERIAL-12345",
            37500: b"notes" * 100,
        }
    )
    block.get_ifd(34853).update({1: "N", 2: (IFDRational(48), IFDRational(8), IFDRational(13))})
    return block


def tagged_file(kind: str, profile: bytes, folder: Path) -> bytes:
    """A picture that says everything."""
    if kind != "tiff":
        return pillow(photograph(8, 3), kind, exif=camera_data(), icc_profile=profile)
    camera, picture = folder / "camera.jpg", folder / "picture.tif"
    camera.write_bytes(tagged_file("JPEG", profile, folder))
    picture.write_bytes(tiff(photograph(16, 3), metadata=None))
    subprocess.run(
        ["exiftool", "-q", "-tagsfromfile", camera, "-all:all", "-icc_profile", "-overwrite_original", picture], check=True
    )
    return picture.read_bytes()


def exiftool(data: bytes, folder: Path) -> dict[str, Any]:
    file = folder / "picture"
    file.write_bytes(data)
    done = subprocess.run(["exiftool", "-json", "-n", file], capture_output=True, text=True, check=True)
    said: dict[str, Any] = json.loads(done.stdout)[0]
    assert not {"Error", "Warning"} & said.keys(), said
    return said


def embedded_profile(data: bytes, folder: Path) -> bytes:
    (folder / "picture").write_bytes(data)
    return subprocess.run(["exiftool", "-icc_profile", "-b", folder / "picture"], capture_output=True, check=True).stdout


@needs_exiftool
@pytest.mark.parametrize("source", ["PNG", "tiff", "JPEG"])
@pytest.mark.parametrize("profile", PROFILES)
def test_colours_orientation_camera_and_time_survive(profile: str, source: str, tmp_path: Path) -> None:
    data = tagged_file(source, PROFILES[profile], tmp_path)
    metadata = codecs.read_metadata(data)
    written = {codec: codecs.encode(photograph(16, 3), codec, metadata=metadata) for codec in ("png", "tiff", "jpeg")}
    for codec, data in written.items():
        said = exiftool(data, tmp_path)
        assert {name: said.get(name) for name in CAMERA} == CAMERA, codec
        assert embedded_profile(data, tmp_path) == PROFILES[profile], codec
        assert not any("SERIAL" in str(value) or "GPS" in name for name, value in said.items()), codec
        assert codecs.read_metadata(data) == Metadata(**{**_fields(metadata), "lossy": codec == "jpeg"}), codec
    for codec in ("png", "tiff"):
        np.testing.assert_array_equal(codecs.decode(written[codec]), photograph(16, 3))


def _fields(metadata: Metadata) -> dict[str, Any]:
    return {name: getattr(metadata, name) for name in Metadata.__slots__}


@needs_exiftool
def test_camera_and_time_survive_in_a_jpeg_xl(tmp_path: Path) -> None:
    metadata = codecs.read_metadata(pillow(photograph(8, 3), "JPEG", exif=camera_data(1)))
    written = codecs.encode(photograph(16, 3), "jxl", metadata=metadata)
    said = exiftool(written, tmp_path)
    assert (said["Make"], said["DateTimeOriginal"]) == (CAMERA["Make"], CAMERA["DateTimeOriginal"])
    assert codecs.read_metadata(written).exif == metadata.exif
    np.testing.assert_array_equal(codecs.decode(written), photograph(16, 3))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("profile_bytes", [0, 600, 70_000, 150_000], ids=["none", "small", "two parts", "three parts"])
@pytest.mark.parametrize("exif_bytes", [0, 26, 65_527], ids=["none", "small", "largest"])
def test_pillow_reads_what_a_jpeg_says(channels: int, profile_bytes: int, exif_bytes: int) -> None:
    metadata = Metadata(icc_profile=bytes(range(250)) * (profile_bytes // 250), exif=b"e" * exif_bytes)
    image = photograph(8, channels)
    read = PIL.Image.open(io.BytesIO(codecs.encode(image, "jpeg", metadata=metadata)))
    assert read.info.get("icc_profile", b"") == metadata.icc_profile
    assert read.info.get("exif", b"Exif\0\0") == b"Exif\0\0" + metadata.exif
    np.testing.assert_array_equal(read, PIL.Image.open(io.BytesIO(codecs.encode(image, "jpeg"))))


def test_more_than_a_jpeg_can_say_is_refused() -> None:
    with pytest.raises(SceneError, match="too much EXIF data for a JPEG: choose PNG"):
        codecs.encode(photograph(8, 3), "jpeg", metadata=Metadata(exif=bytes(65_528)))


@pytest.mark.parametrize("codec", ["tiff", "jpeg"])
def test_colours_that_only_a_png_can_say_are_refused_elsewhere(codec: str) -> None:
    with pytest.raises(SceneError, match="a TIFF: choose PNG" if codec == "tiff" else "a JPEG: choose PNG"):
        codecs.encode(photograph(8, 3), codec, metadata=Metadata(colour_chunks=((b"gAMA", b"\0\0\0\1"),)))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("boxes", [False, True])
def test_a_jpeg_xl_that_we_write_says_srgb(bits: int, channels: int, boxes: bool) -> None:
    """The binding of libjxl states linear light for 16 bits: viewers would show the picture far too bright."""
    exif = camera_data(1).tobytes().removeprefix(b"Exif\0\0") if boxes else b""
    written = codecs.encode(photograph(bits, channels), "jxl", metadata=Metadata(exif=exif))
    assert (b"Exif" in written) == boxes
    assert not codecs.read_metadata(written).says_colour
    np.testing.assert_array_equal(codecs.decode(written), photograph(bits, channels))
    np.testing.assert_array_equal(imagecodecs.jpegxl_decode(written), photograph(bits, channels))


def test_what_a_jpeg_xl_cannot_keep_is_refused() -> None:
    for metadata in (Metadata(icc_profile=PROFILES["linear"]), Metadata(orientation=6)):
        with pytest.raises(SceneError, match="choose PNG"):
            codecs.encode(photograph(8, 3), "jxl", metadata=metadata)


PIXEL = chunk(b"IDAT", zlib.compress(b"\0\x07"))
SRGB = chunk(b"sRGB", b"\0")
CICP = (b"cICP", bytes([9, 16, 0, 1]))
GAMMA, PRIMARIES = (b"gAMA", struct.pack(">I", 100_000)), (b"cHRM", struct.pack(">8I", *range(30_000, 38_000, 1000)))
SRGB_GAMMA = chunk(b"gAMA", struct.pack(">I", 45455))


@pytest.mark.parametrize(
    ("chunks", "kept"),
    [
        ([], ()),
        ([SRGB], ()),
        ([SRGB_GAMMA, SRGB], ()),
        ([SRGB_GAMMA], ()),
        ([chunk(b"cICP", bytes([1, 13, 0, 1])), chunk(*GAMMA)], ()),
        ([chunk(*GAMMA)], (GAMMA,)),
        ([chunk(*GAMMA), chunk(*PRIMARIES)], (PRIMARIES, GAMMA)),
        ([chunk(*CICP), SRGB], (CICP, (b"sRGB", b"\0"))),
    ],
)
def test_colour_chunks_of_a_png(chunks: list[bytes], kept: tuple[tuple[bytes, bytes], ...]) -> None:
    data = png(ihdr(1, 1), *chunks, PIXEL, IEND)
    metadata = codecs.read_metadata(data)
    assert metadata == Metadata(colour_chunks=kept)
    written = codecs.encode(codecs.decode(data), metadata=metadata)
    assert codecs.read_metadata(written) == metadata
    assert written.index(b"IDAT") > max([written.index(name) for name, _ in kept], default=0)


def test_exif_data_after_the_pixels_are_found() -> None:
    block = camera_data(3).tobytes().removeprefix(b"Exif\0\0")
    assert codecs.read_metadata(png(ihdr(1, 1), PIXEL, chunk(b"eXIf", block), IEND)).orientation == 3


def test_profiles_in_parts_are_joined() -> None:
    profile = PROFILES["Adobe RGB"] + bytes(200_000)  # three segments of a JPEG
    assert codecs.read_metadata(pillow(photograph(8, 3), "JPEG", icc_profile=profile)).icc_profile == profile


def test_a_profile_is_not_inflated_without_end() -> None:
    bomb = b"name\0\0" + zlib.compress(bytes(300_000_000))
    data = png(ihdr(1, 1), chunk(b"iCCP", bomb), PIXEL, IEND)
    assert len(codecs.read_metadata(data).icc_profile) <= 16 << 20


def test_a_file_that_says_nothing_is_written_as_before() -> None:
    picture = photograph(16, 3)
    assert codecs.read_metadata(codecs.encode(picture)) == UNTAGGED
    assert codecs.encode(picture, repeatable=True, metadata=UNTAGGED) == codecs.encode(picture, repeatable=True)


def test_damaged_exif_data_say_nothing() -> None:
    block = camera_data().tobytes()
    rng = np.random.default_rng(0)
    for _ in range(300):
        broken = bytearray(block[: rng.integers(6, len(block))])
        for at in rng.integers(6, len(broken), 5) if len(broken) > 6 else ():
            broken[at] = rng.integers(256)
        metadata = codecs.read_metadata(pillow(photograph(8, 1, 8, 8), "JPEG", exif=bytes(broken)))
        assert metadata.orientation in range(1, 9)


def test_only_jpegs_are_lossy() -> None:
    picture = photograph(8, 3)
    lossy = pillow(picture, "JPEG")
    for data in (codecs.encode(picture), codecs.encode(picture, "jxl"), tiff(picture)):
        assert not codecs.read_metadata(data).lossy
    for data in (lossy, bytes(imagecodecs.jpegxl_encode_jpeg(lossy))):
        assert codecs.read_metadata(data).lossy


@pytest.mark.parametrize("options", [{}, {"subsampling": 2, "quality": 90}, {"progressive": True}])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_jpeg_xl_of_a_jpeg_has_the_samples_and_the_words_of_the_jpeg(channels: int, options: dict[str, Any]) -> None:
    inside = pillow(photograph(8, channels), "JPEG", exif=camera_data(), **options)
    data = bytes(imagecodecs.jpegxl_encode_jpeg(inside))
    np.testing.assert_array_equal(codecs.decode(data), codecs.decode(inside))
    assert codecs.read_metadata(data) == codecs.read_metadata(inside)


def test_a_jpeg_xl_of_a_jpeg_without_the_jpeg_is_refused() -> None:
    data = bytes(imagecodecs.jpegxl_encode_jpeg(pillow(photograph(8, 3), "JPEG")))
    with pytest.raises(SceneError, match="lossy JPEG XL"):
        codecs.decode(data.replace(b"jbrd", b"free"))


def test_views_must_say_the_same() -> None:
    adobe, p3 = (Metadata(icc_profile=PROFILES[name]) for name in ("Adobe RGB", "Display P3"))
    check_alike("right", adobe, adobe, "r.png")
    check_alike("target", UNTAGGED, adobe, "t.png")  # many programs drop the profile
    for role, other, left, words in (
        ("right", p3, adobe, r"right view has the colour profile .* left view has the colour profile"),
        ("right", UNTAGGED, adobe, "right view has no colour profile, or sRGB"),
        ("right", Metadata(orientation=6), UNTAGGED, "right view has the EXIF orientation 6, the left view 1"),
        ("combined", p3, adobe, "combined picture"),
        ("target", p3, adobe, "target picture"),
        ("target", Metadata(orientation=3), UNTAGGED, "orientation 3"),
        ("right", Metadata(colour_chunks=(GAMMA,)), UNTAGGED, "gAMA"),
    ):
        with pytest.raises(SceneError, match=words) as caught:
            check_alike(role, other, left, f"{role}.png")
        assert caught.value.uri == f"{role}.png"
