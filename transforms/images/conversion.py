"""Convert between the integers of a file and the float planes of a model, exact to the last bit, in one pass each way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dpdeblur.transforms.images import kernels
from dpdeblur.transforms.images.image import Image, describe, full_range
from dpdeblur.transforms.images.tone_curve import AS_STORED, ToneCurve, conversion_between, conversion_nodes, value_table
from dpdeblur.transforms.records import SceneError


def float_planes(
    views: Sequence[Image], curve: ToneCurve, shape: tuple[int, int] | None = None, model_transfer: str = "any"
) -> NDArray[np.float32]:
    """Return the samples of all views as [3·views, Hp, Wp] float32 in [0, 1], contiguous.

    A sample v becomes (v - black) / (white - black), clipped, the float32 nearest to the exact quotient; then in the transfer
    function that the model takes. One channel is repeated to three. Without levels that is v / 65535 (or v / 255).

    Args:
        views: Left, right and perhaps combined; all of one shape and depth.
        curve: What the integers mean.
        shape: (Hp, Wp) to pad to, on the right and at the bottom, by reflection without repeating the edge (numpy's
            "reflect"); None: as is.
        model_transfer: What the model takes, "srgb" or "linear"; "any" leaves the data in their own.

    Raises:
        SceneError: The views differ in shape or depth, or their depth cannot hold the levels.
    """
    first = views[0]
    for view in views[1:]:
        _check_alike(first, view)
    height, width = first.shape[:2]
    padded_height, padded_width = shape or (height, width)
    if padded_height < height or padded_width < width:
        raise ValueError(f"cannot pad {height}x{width} to the smaller {padded_height}x{padded_width}")
    table = value_table(curve, full_range(first), model_transfer)
    rows, columns = _reflected(height, padded_height), _reflected(width, padded_width)
    planes = np.empty((3 * len(views), padded_height, padded_width), np.float32)
    for i, view in enumerate(views):
        samples = np.ascontiguousarray(view).reshape(height, width, -1)
        kernels.fill_planes(samples, table, columns, rows, planes[3 * i : 3 * i + 3])
    return planes


def quantise(
    planes: NDArray[np.float32], bits: int, channels: int, curve: ToneCurve = AS_STORED, model_transfer: str = "any"
) -> Image:
    """Convert a model's output, [3, H, W] float32, to integers: clipped to [0, 1], black 0, white at full range.

    They are in the transfer function of the views. One channel is the mean of the three planes.

    Values are snapped to 64ths of a code, then rounded half to even, so that the mean of two files, taken in float32, comes out
    as the rounded mean of their integers, bit for bit. Why 64: the float32 nearest to a / 65535 is off by at most 2^-25;
    the sum of two such by 2^-24, and by as much again once rounded, since it is at most 2; half of it by 2^-24. That is
    65535 · 2^-24 = .0039 of a code, under 1/128, half of a 64th: k and k + 1/2 are always snapped back to themselves. For 8
    bits the error is 257 times smaller.

    Args:
        planes: What the model gave.
        bits: Of the result, 8 or 16.
        channels: Of the result, 1 or 3.
        curve: What the integers mean.
        model_transfer: What the model gives, "srgb" or "linear"; "any" for what the views have.

    Raises:
        SceneError: A value is not finite.
    """
    _, height, width = planes.shape
    depth = np.uint8 if bits == 8 else np.uint16
    step = planes.itemsize
    if planes.dtype != np.float32 or planes.strides[2] != step or any(s < 0 or s % step for s in planes.strides):
        planes = np.ascontiguousarray(planes, np.float32)
    plane_stride, row_stride = (stride // step for stride in planes.strides[:2])
    span = 2 * plane_stride + (height - 1) * row_stride + width  # a crop of larger planes is read where it is
    flat = np.lib.stride_tricks.as_strided(planes, (span,), (step,), writeable=False)
    codes = np.empty((height, width * channels), depth)
    nodes = conversion_nodes(conversion_between(model_transfer, curve.transfer))
    full, light = float(np.iinfo(depth).max), np.empty((3, width))
    not_finite = kernels.fill_codes(flat, plane_stride, row_stride, nodes, full, channels, light, codes)
    if not_finite:
        raise SceneError(
            f"The model returned {not_finite} values that are not finite (NaN or infinity), of {planes.size}: "
            "the model is at fault."
        )
    return codes.reshape((height, width, 3) if channels == 3 else (height, width))


def mean_of_views(left: Image, right: Image, curve: ToneCurve = AS_STORED) -> Image:
    """Return the unprocessed image: exactly what a model that takes the mean of the views would have written.

    Without levels that is the mean of the integers, rounded half to even.

    Raises:
        SceneError: The views differ in shape or depth, or their depth cannot hold the levels.
    """
    _check_alike(left, right)
    full = full_range(left)
    codes = np.empty(left.size, left.dtype)
    flat_left, flat_right = np.ascontiguousarray(left).reshape(-1), np.ascontiguousarray(right).reshape(-1)
    kernels.fill_mean(flat_left, flat_right, value_table(curve, full, "any"), float(full), codes)
    return codes.reshape(left.shape)


def apply_levels(image: Image, curve: ToneCurve) -> Image:
    """Return an image as it would be written: black 0, white at full range. Without levels, the same."""
    return image if curve.black_level == 0 and curve.white_level is None else mean_of_views(image, image, curve)


def _check_alike(one: Image, other: Image) -> None:
    if (one.shape, one.dtype) != (other.shape, other.dtype):
        raise SceneError(
            f"The views differ: {describe(one)} and {describe(other)}. Both must come from one capture, exported alike."
        )


def _reflected(size: int, padded: int) -> NDArray[np.int64]:
    """Return, for each of `padded` positions, the one of `size` that reflection puts there."""
    return np.pad(np.arange(size), (0, padded - size), mode="reflect").astype(np.int64)
