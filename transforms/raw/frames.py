"""Frames of raw files, read and developed by LibRaw through rawpy (the extra `raw`)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dpdeblur.transforms.raw.halves import Halves, Mosaic, split
from dpdeblur.transforms.records import SceneError, UsageError

if TYPE_CHECKING:
    from rawpy import RawPy

NO_SECOND_FRAME = (
    "The file has one frame only, the sum of both halves of its pixels: Dual Pixel RAW was off when it was taken, or another "
    "program has converted it. The two views cannot be computed from it."
)


@dataclass(frozen=True, slots=True)
class Views:
    """One exposure, developed: linear light, uint16 [H, W, 3], black 0, all three with one white balance.

    Attributes:
        first: the view that the file holds as its second frame.
        other: the other one.
        combined: the ordinary picture, the sum of both.
        clipped: share of pixels at which the sum is clipped, so that the views are equal there.
    """

    first: NDArray[np.uint16]
    other: NDArray[np.uint16]
    combined: NDArray[np.uint16]
    clipped: float


def read_views(data: bytes) -> Views:
    """Return both views and the ordinary picture of a Dual Pixel RAW file.

    Args:
        data: the whole file.

    Raises:
        UsageError: rawpy is not installed.
        SceneError: the file is not a raw file that LibRaw reads, has no second frame, or its frames do not fit one another.
    """
    with _opened(data, 0) as sum_frame:
        both = sum_frame.raw_image.copy()
        halves = _split(sum_frame, both, *_half(data, both))
        balance = _white_balance(sum_frame)
        first, other, combined = (_develop(sum_frame, mosaic, balance) for mosaic in (halves.first, halves.other, both))
        return Views(first, other, combined, halves.clipped)


def _split(sum_frame: RawPy, both: Mosaic, half: Mosaic, half_black: NDArray[np.float64]) -> Halves:
    if half.shape != both.shape:
        raise SceneError(f"The frames of the file differ in size: {both.shape[::-1]} and {half.shape[::-1]}.")
    return split(both, half, _black(sum_frame), half_black, float(sum_frame.white_level))


def _half(data: bytes, both: Mosaic) -> tuple[Mosaic, NDArray[np.float64]]:
    """Return the second frame and its black level."""
    import rawpy  # noqa: PLC0415 - an extra

    try:
        with _opened(data, 1) as frame:
            half = frame.raw_image.copy()
            if np.array_equal(half, both):  # LibRaw gives the first frame of some files instead of an error
                raise SceneError(NO_SECOND_FRAME)
            return half, _black(frame)
    except rawpy.LibRawRequestForNonexistentImageError:
        raise SceneError(NO_SECOND_FRAME) from None


@contextmanager
def _opened(data: bytes, frame: int) -> Iterator[RawPy]:
    try:
        import rawpy  # noqa: PLC0415 - an extra
    except ImportError:
        raise UsageError("raw files are read by the package rawpy: pip install 'dpdeblur[raw]'") from None
    try:
        with rawpy.RawPy() as raw:
            raw.set_unpack_params(shot_select=frame)  # before opening: in TIFF-based files a frame is chosen as they are opened
            raw.open_buffer(io.BytesIO(data))
            raw.unpack()
            if raw.raw_image is None or raw.raw_image.ndim != 2:
                raise SceneError("The file holds no mosaic of one sample a pixel: another program has converted it.")
            yield raw
    except rawpy.LibRawRequestForNonexistentImageError:
        raise
    except (rawpy.LibRawError, rawpy.NotSupportedError) as error:
        version = ".".join(map(str, rawpy.libraw_version))
        raise SceneError(f"This is not a raw file that LibRaw {version} can read: {_words(error)}.") from None


def _words(error: Exception) -> str:
    said: Any = error.args[0] if error.args else error
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)


def _black(frame: RawPy) -> NDArray[np.float64]:
    """Return the black level of each pixel, by its colour filter."""
    return np.asarray(frame.black_level_per_channel, np.float64)[frame.raw_colors]


def _white_balance(frame: RawPy) -> list[float]:
    """Return the multipliers of the camera for its four filters, or none where it says nothing."""
    red, green, blue, second_green = frame.camera_whitebalance
    return [red, green, blue, second_green or green] if red and green and blue else [1.0, 1.0, 1.0, 1.0]


def _develop(frame: RawPy, mosaic: Mosaic, white_balance: list[float]) -> NDArray[np.uint16]:
    """Return a mosaic as a linear picture; nothing in how it is done depends on what it shows.

    Not turned upright, as that would make the disparity of portrait frames vertical.
    """
    import rawpy  # noqa: PLC0415 - an extra

    frame.raw_image[...] = mosaic
    developed = frame.postprocess(
        gamma=(1, 1),
        no_auto_bright=True,
        adjust_maximum_thr=0,
        output_bps=16,
        output_color=rawpy.ColorSpace.sRGB,
        user_wb=white_balance,
        user_flip=0,
    )
    return developed.astype(np.uint16, copy=False)
