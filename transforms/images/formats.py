"""Image formats by their first bytes, the contents of a header, and the errors for unsupported or damaged files."""

from __future__ import annotations

from dataclasses import dataclass

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
OTHERS = (
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


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What an image file says of its image before anything is decompressed.

    Attributes:
        width: Pixels, as stored: the image is never turned, since turning a view would turn its disparity.
        height: Pixels, as stored.
        channels: 1 or 3.
        bits: 8 or 16 per sample.
        index: Which image of the file it is, from 0; a file may hold smaller versions of the image too.
        planar: Whether each channel is stored apart from the others.
    """

    width: int
    height: int
    channels: int
    bits: int
    index: int = 0
    planar: bool = False

    @property
    def sample_bytes(self) -> int:
        """Bytes that the samples take in memory."""
        return self.width * self.height * self.channels * self.bits // 8


class UnsupportedImage(Exception):
    """A sound file of a kind that is not wanted: says what it is, as in "a PNG with a palette"."""


def sniff(data: bytes, uri: str = "") -> str:
    """Return the format of an image file by its first bytes: "PNG", "TIFF", "JPEG" or "JPEG XL".

    Raises:
        SceneError: It is none of these; says what it seems to be.
    """
    head = bytes(data[:64])
    for magic, name in SIGNATURES:
        if head.startswith(magic):
            return name
    if not head:
        raise SceneError("The file is empty: copy it again.", uri)
    if head[4:8] == b"ftyp":
        raise SceneError(f"This is a HEIF, AVIF or camera raw file. {WANTED}.", uri)
    for magic, name in OTHERS:
        if head.startswith(magic):
            raise SceneError(f"This is {name}. {WANTED}.", uri)
    if all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in head):  # what it says is nobody's business: it may be a secret
        raise SceneError(f"This is text, not a picture. {WANTED}.", uri)
    raise SceneError(f"This is no picture of a known format. {WANTED}.", uri)


def check_size(header: ImageHeader, max_pixels: int, uri: str = "") -> None:
    """Check that an image is not larger than `max_pixels`.

    Raises:
        SceneError: It is.
    """
    if (pixels := header.width * header.height) > max_pixels:
        raise SceneError(
            f"The picture claims to be {header.width}x{header.height}, {pixels / 1e6:.1f} MP, beyond the limit of "
            f"{max_pixels / 1e6:.1f} MP that guards against decompression bombs: raise --max-pixels if it is real.",
            uri,
        )


def damaged(format_name: str, detail: str, uri: str) -> SceneError:
    """Return the error for a file that is cut short or corrupt."""
    return SceneError(f"The {format_name} file is cut short or damaged ({detail}): copy or export it again.", uri)
