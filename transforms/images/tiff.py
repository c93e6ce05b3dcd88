"""TIFF: which image of the file, and in which form, by tifffile; its samples by libtiff. Written without compression."""

from __future__ import annotations

import io
import logging
import struct
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from dpdeblur.transforms.images import exif
from dpdeblur.transforms.images.formats import ImageHeader, UnsupportedImage
from dpdeblur.transforms.images.image import Image
from dpdeblur.transforms.images.metadata import Metadata

if TYPE_CHECKING:
    from tifffile import TiffPage

MAX_DIRECTORIES = 64  # a file has as many as it has images, smaller versions of them included
_READABLE = (1, 5, 8, 32946, 32773, 34925, 50000)  # not compressed, LZW, deflate (two numbers), PackBits, LZMA, Zstandard
_FROM_RAW_OR_LOSSY = (6, 7, 34892)
_BLACK_IS_ZERO, _RGB = 1, 2
_STRIP_OFFSET, _ORIENTATION, _EXIF_DIRECTORY, _ICC_PROFILE = 273, 274, 34665, 34675
_LARGEST = 2**32 - 2**20  # bytes of samples: offsets of a TIFF have 32 bits
_REDUCED, _MASK = 1, 4  # bits of the tag NewSubfileType: a smaller version of another image; a transparency mask
# What is wrong with a file becomes a failure of its scene, not a line of a log.
logging.getLogger("tifffile").setLevel(logging.CRITICAL + 1)


def read_header(data: bytes) -> ImageHeader:
    """Return what the directory of the file's one image says (TIFF 6.0, section 8)."""
    import tifffile  # noqa: PLC0415  slow to import, and only TIFFs need it

    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            return _header(*_only_image(file.pages))
    except tifffile.TiffFileError as error:  # whose words may be those of the file
        raise ValueError("its directory cannot be read") from error


def read_metadata(data: bytes) -> Metadata:
    """Return what the tags of the file's one image say."""
    import tifffile  # noqa: PLC0415  slow to import, and only TIFFs need it

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        _, page = _only_image(file.pages)
        profile = page.tags.valueof(_ICC_PROFILE)
        return replace(exif.from_tags(page.tags), icc_profile=profile if isinstance(profile, bytes) else b"")


def decode(data: bytes, header: ImageHeader) -> NDArray[Any]:
    """Return the samples as libtiff gives them, with the channels last."""
    samples = np.asarray(imagecodecs.tiff_decode(data, index=header.index))
    return samples.transpose(1, 2, 0) if header.planar else samples


def encode(image: Image, metadata: Metadata) -> bytes:
    """Encode [H, W, 3] or [H, W] without compression, as one strip: the directory first, then the samples as they are.

    Args:
        image: Its samples.
        metadata: What the file should say besides them.

    Raises:
        UnsupportedImage: The image is too large for a TIFF, or its colours are given in a way that has no place in one.
    """
    from PIL.Image import Exif  # noqa: PLC0415  only workers need it
    from PIL.TiffImagePlugin import ImageFileDirectory_v2  # noqa: PLC0415  only workers need it

    if metadata.unreadable_profile or metadata.colour_chunks:
        raise UnsupportedImage(f"a picture with {metadata.colour}, which cannot be kept in a TIFF: choose PNG")
    if image.nbytes > _LARGEST:
        raise UnsupportedImage(f"a picture of {image.nbytes / 1e9:.1f} GB, which is too large for a TIFF: choose PNG")
    height, width = image.shape[:2]
    channels = image.size // (height * width)
    directory = ImageFileDirectory_v2(b"II*\0\0\0\0\0")
    directory.tagtype.update({_STRIP_OFFSET: 4, _ICC_PROFILE: 7})  # LONG, UNDEFINED
    if metadata.exif:
        block = Exif()
        block.load(metadata.exif)
        directory.update(block)
        if inner := block.get_ifd(_EXIF_DIRECTORY):
            directory[_EXIF_DIRECTORY] = inner
    if metadata.orientation != 1:
        directory[_ORIENTATION] = metadata.orientation
    if metadata.icc_profile:
        directory[_ICC_PROFILE] = metadata.icc_profile
    directory.update(
        {
            256: width,
            257: height,
            258: (8 * image.itemsize,) * channels,
            259: 1,  # not compressed
            262: _RGB if channels == 3 else _BLACK_IS_ZERO,
            _STRIP_OFFSET: 0,  # from the end of the directory
            277: channels,
            278: height,
            279: image.nbytes,
        }
    )
    head = struct.pack("<2sHI", b"II", 42, 8)
    samples = np.ascontiguousarray(image, image.dtype.newbyteorder("<"))
    return b"".join((head, directory.tobytes(len(head)), samples.data))


def _only_image(pages: Iterable[Any]) -> tuple[int, TiffPage]:
    """Return the image that the file is about, and where it stands among those in it.

    By the standard, smaller versions of an image and transparency masks are marked as such (NewSubfileType). Where several
    others remain, nothing says which of them is meant, nor whether they are the channels of one image.
    """
    directories = list(islice(pages, MAX_DIRECTORIES + 1))
    if len(directories) > MAX_DIRECTORIES:
        raise UnsupportedImage(f"a TIFF of more than {MAX_DIRECTORIES} images")
    images = [(index, page) for index, page in enumerate(directories) if not page.subfiletype & (_REDUCED | _MASK)]
    if not images:
        raise ValueError("all its images are marked as smaller versions of another one")
    if len(images) > 1:
        forms = {(page.imagewidth, page.imagelength, page.samplesperpixel) for _, page in images}
        as_channels = " or the channels of one picture" if len(forms) == 1 and next(iter(forms))[2] == 1 else ""
        raise UnsupportedImage(
            f"a TIFF with several pages: {len(images)} pictures{as_channels}, and nothing says which one to use"
        )
    return images[0]


def _header(index: int, page: TiffPage) -> ImageHeader:
    width, height, channels = page.imagewidth, page.imagelength, page.samplesperpixel
    photometric = page.tags.valueof(262)
    bits = {page.bitspersample} if isinstance(page.bitspersample, int) else set(page.bitspersample)
    if not {256, 257} <= set(page.tags.keys()):
        raise ValueError("its size is missing")
    if set(np.atleast_1d(page.tags.valueof(339, 1))) != {1}:
        raise UnsupportedImage("a TIFF of floating-point or signed samples")
    if page.compression not in _READABLE:
        hint = " (a raw file or a lossy picture)" if page.compression in _FROM_RAW_OR_LOSSY else ""
        raise UnsupportedImage(f"a TIFF with compression {int(page.compression)}{hint}")
    if page.extrasamples or channels not in (1, 3):
        raise UnsupportedImage(f"a TIFF with an alpha or extra channel ({channels} samples a pixel)")
    if photometric is None:
        raise UnsupportedImage(
            "a TIFF that does not say what its samples mean (the tag PhotometricInterpretation, which the standard requires)"
        )
    if (channels, photometric) not in ((1, _BLACK_IS_ZERO), (3, _RGB)):
        raise UnsupportedImage(
            f"a TIFF of {channels} channels with photometric interpretation {int(photometric)} (a palette, CMYK or inverted?)"
        )
    if bits not in ({8}, {16}):
        raise UnsupportedImage(f"a TIFF of {'/'.join(map(str, sorted(bits)))} bits")
    if page.tilewidth * page.tilelength > 4 * (width + 4096) * (height + 4096):
        raise ValueError("its tiles are far larger than the picture")
    return ImageHeader(width, height, channels, bits.pop(), index=index, planar=channels == 3 and page.planarconfig == 2)
