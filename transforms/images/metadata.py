"""What an image file says besides its samples: colours, orientation, camera, time. It goes into the restored image.

The image itself is never converted to other colours nor turned: turning a view would make its disparity vertical.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass

from dpdeblur.transforms.records import SceneError

MAX_PROFILE = 16 << 20  # bytes: more than any ICC profile has


@dataclass(frozen=True, slots=True)
class Metadata:
    """What an image file says besides its samples.

    Attributes:
        icc_profile: The ICC profile that says which colours the samples mean; empty for none.
        colour_chunks: Name and body of the PNG chunks that say so without a profile (cICP, cHRM, gAMA), in alphabetical
            order. Empty for sRGB, as what says nothing is taken to be.
        unreadable_profile: Whether there is a profile that cannot be read.
        orientation: How the image is to be turned for viewing, as EXIF numbers it: 1 for not at all.
        exif: Orientation, camera and time, as a block of EXIF data without its prefix; empty for none.
        lossy: Whether the samples were changed when the file was made.
    """

    icc_profile: bytes = b""
    colour_chunks: tuple[tuple[bytes, bytes], ...] = ()
    unreadable_profile: bool = False
    orientation: int = 1
    exif: bytes = b""
    lossy: bool = False

    @property
    def says_colour(self) -> bool:
        """Whether the file says that its colours are others than sRGB."""
        return bool(self.icc_profile or self.colour_chunks or self.unreadable_profile)

    @property
    def colour(self) -> str:
        """The colours in words, for messages: the profile's own name where it has one."""
        if self.unreadable_profile:
            return "a colour profile that cannot be read"
        if self.icc_profile:
            digest = hashlib.sha256(self.icc_profile).hexdigest()[:8]
            return f"the colour profile {_profile_name(self.icc_profile)} ({len(self.icc_profile)} bytes, SHA-256 {digest}…)"
        if self.colour_chunks:
            return (
                "colours of its own (" + ", ".join(f"{name.decode()} {body.hex()}" for name, body in self.colour_chunks) + ")"
            )
        return "no colour profile, or sRGB"


UNTAGGED = Metadata()
"""A file without metadata: an sRGB image that needs no rotation."""


def check_alike(role: str, other: Metadata, left: Metadata, uri: str) -> None:
    """Check that a picture of a scene has the orientation and the colours of the left view.

    Views of one exposure must say the same. A target or a picture restored by others may also say nothing of its colours, as
    many programs drop the profile and keep the samples.

    Args:
        role: "right", "combined", "target" or "restored".
        other: What the picture's file says.
        left: What the left view's file says.
        uri: The picture's file, for the error.

    Raises:
        SceneError: They differ, and samples of the two cannot be compared.
    """
    name = f"{role} {'view' if role == 'right' else 'picture'}"
    if other.orientation != left.orientation:
        raise SceneError(
            f"The {name} has the EXIF orientation {other.orientation}, the left view {left.orientation}: one of them would be "
            "rotated for viewing and the other not. Export both alike.",
            uri,
        )
    alike = (other.icc_profile, other.colour_chunks) == (left.icc_profile, left.colour_chunks)
    needs_none = role in ("target", "restored") and not other.says_colour
    if not alike and not needs_none:
        raise SceneError(
            f"The {name} has {other.colour}, the left view has {left.colour}: equal samples mean different colours. "
            "Export both alike.",
            uri,
        )


def png_colour(primaries_white: tuple[int, ...] | None, gamma: int | None, cicp: tuple[int, int] | None) -> Metadata:
    """Return metadata for colours that are given by numbers rather than by a profile.

    Args:
        primaries_white: x and y of white, red, green and blue, times 100 000; None if they are those of sRGB or in `cicp`.
        gamma: The exponent that encodes light, times 100 000; None if there is none.
        cicp: Numbers of primaries and transfer function in ITU-T H.273.
    """
    chunks = []
    if primaries_white:
        chunks.append((b"cHRM", b"".join(number.to_bytes(4, "big") for number in primaries_white)))
    if cicp:
        chunks.append((b"cICP", bytes([*cicp, 0, 1])))
    if gamma:
        chunks.append((b"gAMA", gamma.to_bytes(4, "big")))
    return Metadata(colour_chunks=plain_colour(chunks))


SRGB_GAMMA = (45455).to_bytes(4, "big")
SRGB_PRIMARIES = b"".join(number.to_bytes(4, "big") for number in (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000))
SRGB_CICP = bytes([1, 13, 0, 1])


def plain_colour(chunks: list[tuple[bytes, bytes]]) -> tuple[tuple[bytes, bytes], ...]:
    """Return the chunks that say what the colours are, by the order of precedence of PNG (4.3); none for sRGB."""
    said = dict(chunks)
    if b"cICP" in said:
        return () if said[b"cICP"] == SRGB_CICP else tuple(sorted(said.items()))
    if b"sRGB" in said:
        return ()
    if said.get(b"gAMA", SRGB_GAMMA) == SRGB_GAMMA and said.get(b"cHRM", SRGB_PRIMARIES) == SRGB_PRIMARIES:
        return ()
    return tuple(sorted(said.items()))


def _profile_name(profile: bytes) -> str:
    from PIL import ImageCms  # noqa: PLC0415  only an error needs it

    try:
        name = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    except (ImageCms.PyCMSError, OSError):
        return "without a name"
    return "'" + "".join(sign for sign in name if sign.isalnum() or sign in " .()-_")[:60].strip() + "'"
