"""Integers as a file holds them ↔ float planes as a model sees them, exact to the last bit, in one pass each way.

Also what a score needs of pictures: the unprocessed one, and the part that a target shows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dpdeblur.transforms.images.transfer import Tone, code_table, conversion, conversion_curve
from dpdeblur.transforms.records import SceneError

__all__ = [
    "Picture",
    "Tone",
    "crop_center",
    "fit_target",
    "float_planes",
    "form",
    "full_range",
    "level",
    "mean_of_views",
    "quantise",
]

Picture = NDArray[np.uint8 | np.uint16]  # [H, W, 3] RGB or [H, W] of one channel
AS_STORED = Tone()


def float_planes(
    views: Sequence[Picture], tone: Tone, shape: tuple[int, int] | None = None, model_transfer: str = "any"
) -> NDArray[np.float32]:
    """Interleaved integers of all views → [3·views, Hp, Wp] float32 in [0, 1], contiguous.

    A sample v becomes (v - black) / (white - black), clipped, the float32 nearest to the exact quotient; then in the transfer
    function that the model takes. One channel is repeated to three. Without levels that is v / 65535 (or v / 255).

    Args:
        views: left, right and perhaps combined; all of one shape and depth.
        tone: what the integers mean.
        shape: (Hp, Wp) to pad to, on the right and at the bottom, by reflection without repeating the edge (numpy's
            "reflect"); None: as is.
        model_transfer: what the model takes, "srgb" or "linear"; "any" leaves the data in their own.

    Raises:
        SceneError: views that differ in shape or depth, or levels that their depth cannot hold.
    """
    from dpdeblur.transforms.images import kernels  # noqa: PLC0415  numba is slow to import, and only workers need it

    first = views[0]
    for view in views[1:]:
        if (view.shape, view.dtype) != (first.shape, first.dtype):
            raise SceneError(
                f"The views differ: {form(first)} and {form(view)}. Both must come from one capture, exported alike."
            )
    height, width = first.shape[:2]
    padded_height, padded_width = shape or (height, width)
    if padded_height < height or padded_width < width:
        raise ValueError(f"cannot pad {height}x{width} to the smaller {padded_height}x{padded_width}")
    table = code_table(tone, full_range(first), model_transfer)
    rows, columns = _reflected(height, padded_height), _reflected(width, padded_width)
    planes = np.empty((3 * len(views), padded_height, padded_width), np.float32)
    for i, view in enumerate(views):
        samples = np.ascontiguousarray(view).reshape(height, width, -1)
        kernels.fill_planes(samples, table, columns, rows, planes[3 * i : 3 * i + 3])
    return planes


def quantise(
    planes: NDArray[np.float32], bits: int, channels: int, tone: Tone = AS_STORED, model_transfer: str = "any"
) -> Picture:
    """What a model gave, [3, H, W] float32 → [H, W, 3] or [H, W] integers: clipped to [0, 1], black 0, white at full range.

    They are in the transfer function of the views. One channel is the mean of the three planes.

    Values are snapped to 64ths of a code, then rounded half to even, so that the mean of two files, taken in float32, comes out
    as the rounded mean of their integers, bit for bit. Why 64: the float32 nearest to a / 65535 is off by at most 2^-25;
    the sum of two such by 2^-24, and by as much again once rounded, since it is at most 2; half of it by 2^-24. That is
    65535 · 2^-24 = .0039 of a code, under 1/128, half of a 64th: k and k + 1/2 are always snapped back to themselves. For 8
    bits the error is 257 times smaller.

    Raises:
        SceneError: a value that is not finite.
    """
    from dpdeblur.transforms.images import kernels  # noqa: PLC0415  numba is slow to import, and only workers need it

    _, height, width = planes.shape
    depth = np.uint8 if bits == 8 else np.uint16
    step = planes.itemsize
    if planes.dtype != np.float32 or planes.strides[2] != step or any(s < 0 or s % step for s in planes.strides):
        planes = np.ascontiguousarray(planes, np.float32)
    plane_stride, row_stride = (stride // step for stride in planes.strides[:2])
    span = 2 * plane_stride + (height - 1) * row_stride + width  # a crop of larger planes is read where it lies
    flat = np.lib.stride_tricks.as_strided(planes, (span,), (step,), writeable=False)
    codes = np.empty((height, width * channels), depth)
    curve = conversion_curve(conversion(model_transfer, tone.transfer))
    strange = kernels.fill_codes(flat, plane_stride, row_stride, curve, float(np.iinfo(depth).max), channels, codes)
    if strange:
        raise SceneError(
            f"The model gave {strange} values that are not finite (NaN or infinity), of {planes.size}: the model is at fault."
        )
    return codes.reshape((height, width, 3) if channels == 3 else (height, width))


def mean_of_views(left: Picture, right: Picture, tone: Tone = AS_STORED) -> Picture:
    """The unprocessed picture: exactly what a model that takes the mean of the views would have written.

    Without levels that is the mean of the integers, rounded half to even.
    """
    from dpdeblur.transforms.images import kernels  # noqa: PLC0415  numba is slow to import, and only workers need it

    if (left.shape, left.dtype) != (right.shape, right.dtype):
        raise SceneError(f"The views differ: {form(left)} and {form(right)}. Both must come from one capture, exported alike.")
    full = full_range(left)
    codes = np.empty(left.size, left.dtype)
    flat_left, flat_right = np.ascontiguousarray(left).reshape(-1), np.ascontiguousarray(right).reshape(-1)
    kernels.fill_mean(flat_left, flat_right, code_table(tone, full, "any"), float(full), codes)
    return codes.reshape(left.shape)


def level(picture: Picture, tone: Tone) -> Picture:
    """One picture with its levels applied, as it would be written: black 0, white at full range. Without levels, the same."""
    return picture if tone.black_level == 0 and tone.white_level is None else mean_of_views(picture, picture, tone)


def crop_center(picture: Picture, height: int, width: int) -> Picture:
    """The central height by width of a picture, from row (H - height) // 2 and column (W - width) // 2; a view, not a copy."""
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    if min(top, left) < 0:
        raise ValueError(f"no {width}x{height} inside {form(picture)}")
    return picture[top : top + height, left : left + width]


def fit_target(picture: Picture, target: Picture, fit: str = "exact") -> tuple[Picture, Picture]:
    """The picture and its target, brought to the same size: what is compared.

    Args:
        picture: restored or unprocessed.
        target: ground truth. Its bit depth may differ.
        fit: "exact": sizes must be equal; "center": the target shows the central part of the picture, which is cropped to it.

    Raises:
        SceneError: sizes that do not fit, or RGB against one channel.
    """
    if fit not in ("exact", "center"):
        raise ValueError(f"fit {fit!r} is neither 'exact' nor 'center'")
    if picture.ndim != target.ndim:
        raise SceneError(
            f"The picture is {form(picture)}, its target {form(target)}: they cannot be compared. Convert one of them."
        )
    (height, width), wanted = picture.shape[:2], target.shape[:2]
    if (height, width) == wanted:
        return picture, target
    if wanted[0] > height or wanted[1] > width:
        raise SceneError(f"The target, {form(target)}, is larger than the picture, {form(picture)}: is it another scene's?")
    if fit == "exact":
        raise SceneError(
            f"The picture is {form(picture)}, its target {form(target)}. "
            "If the target is the central crop of the views, say --target-fit center."
        )
    return crop_center(picture, *wanted), target


def form(picture: Picture) -> str:
    """A picture in words, for messages: "1680x1120 RGB 16-bit"."""
    kind = "RGB" if picture.ndim == 3 else "one-channel"
    return f"{picture.shape[1]}x{picture.shape[0]} {kind} {picture.dtype.itemsize * 8}-bit"


def full_range(picture: Picture) -> int:
    """The largest value its depth can hold."""
    return int(np.iinfo(picture.dtype).max)


def _reflected(size: int, padded: int) -> NDArray[np.int64]:
    """For each of `padded` positions, the one of `size` that it shows."""
    return np.pad(np.arange(size), (0, padded - size), mode="reflect").astype(np.int64)
