"""EXIF data: the fields that are read from a block, and the block that is written.

Kept are orientation, camera, exposure and time; not places, serial numbers, thumbnails (they would show the blurred image) or
makers' notes.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

from dpdeblur.transforms.images.metadata import Metadata

PREFIX = b"Exif\0\0"  # before a block in a JPEG
_ORIENTATION, _EXIF_DIRECTORY, _VERSION = 274, 34665, 36864
_MAIN = {271: "Make", 272: "Model", 306: "DateTime"}
_INNER = {
    33434: "ExposureTime",
    33437: "FNumber",
    34855: "ISOSpeedRatings",
    36867: "DateTimeOriginal",
    36881: "OffsetTimeOriginal",
    37386: "FocalLength",
    37521: "SubsecTimeOriginal",
    40961: "ColorSpace",
    42036: "LensModel",
}
MAX_TEXT = 200  # characters of a text that is kept


def read_block(block: bytes, orientation: int | None = None) -> Metadata:
    """Return what a block of EXIF data says, which is a TIFF without an image. A damaged block says nothing.

    Args:
        block: The data, without their prefix.
        orientation: The one that holds, where the block is not asked.
    """
    import tifffile  # noqa: PLC0415  slow to import, and only files with EXIF data need it

    try:
        with tifffile.TiffFile(io.BytesIO(block)) as file:
            return from_tags(file.pages.first.tags, orientation)
    except Exception:  # the samples are sound whatever this says: tifffile raises KeyError, struct.error and others
        return Metadata()


def from_tags(tags: Any, orientation: int | None = None) -> Metadata:
    """Return what the tags of a TIFF directory say.

    Args:
        tags: tifffile's `TiffTags`.
        orientation: The one that holds, where the tags are not asked.
    """
    if orientation is None:
        stated = tags.valueof(_ORIENTATION)
        orientation = int(stated) if stated in range(1, 9) else 1
    inner = tags.valueof(_EXIF_DIRECTORY)
    main = _kept((code, tags.valueof(code)) for code in _MAIN)
    more = _kept((code, inner.get(name)) for code, name in _INNER.items()) if isinstance(inner, dict) else {}
    return Metadata(orientation=orientation, exif=_block(orientation, main, more))


def _kept(values: Iterable[tuple[int, Any]]) -> dict[int, Any]:
    """Return the values that are texts, numbers or fractions."""
    from PIL.TiffImagePlugin import IFDRational  # noqa: PLC0415  only files with EXIF data need it

    kept: dict[int, Any] = {}
    for code, value in values:
        match value:
            case str() if value.strip():
                kept[code] = value.strip()[:MAX_TEXT]
            case int():
                kept[code] = int(value)
            case (int() as above, int() as below) if below and 0 <= above < 2**32 and 0 < below < 2**32:
                kept[code] = IFDRational(above, below)
    return kept


def _block(orientation: int, main: dict[int, Any], more: dict[int, Any]) -> bytes:
    from PIL.Image import Exif  # noqa: PLC0415  only files with EXIF data need it

    if orientation == 1 and not main and not more:
        return b""
    block = Exif()
    block.update(main)
    block[_ORIENTATION] = orientation
    if more:
        block.get_ifd(_EXIF_DIRECTORY).update({_VERSION: b"0232", **more})
    return block.tobytes().removeprefix(PREFIX)
