"""LPIPS: the published values, a plain float64 evaluation of the same weights, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper
from scipy import ndimage

from dpdeblur.models.errors import ModelError
from dpdeblur.models.metrics.lpips import GRAPH, SMALLEST, open_lpips

Array = NDArray[np.float64]

SHIFT, SCALE = np.array([-0.030, -0.088, -0.188]), np.array([0.458, 0.448, 0.450])
LAYERS = ((4, 2, False), (1, 2, True), (1, 1, True), (1, 1, False), (1, 1, False))  # stride, padding, max-pool before


def base() -> Array:
    """A made-up picture of 128 by 96, [H, W, 3], values 0 to 255, whose distances to its variants are published."""
    y, x = np.mgrid[:96, :128].astype(float)
    return np.stack([np.clip(127.5 + 100 * np.sin(x / 7 + c) + 25 * np.cos(y / 5 - c), 0, 255) for c in range(3)], -1)


def blurred(picture: Array) -> Array:
    result: Array = ndimage.uniform_filter(picture, (5, 5, 1), mode="wrap")
    return result


def noisy(picture: Array) -> Array:
    return np.clip(picture + np.random.default_rng(0).normal(0, 10, picture.shape), 0, 255)


def planes(picture: Array) -> NDArray[np.float32]:
    return np.ascontiguousarray((picture / 255).astype(np.float32).transpose(2, 0, 1))


def distance(picture: Array, target: Array) -> float:
    (value,) = open_lpips().distances(planes(picture)[None], planes(target))
    return value


def weights() -> dict[str, Array]:
    found = {}
    for tensor in onnx.load(GRAPH).graph.initializer:
        found[tensor.name.removesuffix(".half")] = numpy_helper.to_array(tensor).astype(np.float64)
    return found


def convolved(x: Array, kernel: Array, bias: Array, stride: int, padding: int) -> Array:
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[2:], axis=(1, 2))[:, ::stride, ::stride]
    result: Array = np.einsum("chwij,ocij->ohw", windows, kernel, optimize=True) + bias[:, None, None]
    return result


def pooled(x: Array) -> Array:
    result: Array = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))[:, ::2, ::2].max((3, 4))
    return result


def reference(picture: Array, target: Array) -> float:
    """The formula of the paper's code in float64, written without the project's help."""
    w, total = weights(), 0.0
    a, b = (((p / 127.5 - 1 - SHIFT) / SCALE).transpose(2, 0, 1) for p in (picture, target))
    for number, (stride, padding, pool) in enumerate(LAYERS, 1):
        kernel, bias = w[f"conv{number}.weight"], w[f"conv{number}.bias"]
        a, b = (np.maximum(convolved(pooled(x) if pool else x, kernel, bias, stride, padding), 0) for x in (a, b))
        unit_a, unit_b = (x / (np.sqrt((x**2).sum(0)) + 1e-10) for x in (a, b))
        total += float(((unit_a - unit_b) ** 2 * w[f"lin{number}.weight"].reshape(-1, 1, 1)).sum(0).mean())
    return total


@pytest.mark.parametrize(
    ("variant", "published"),
    [
        (lambda p: np.roll(p, 2, 1), 0.023231),
        (lambda p: np.clip(p + 20, 0, 255), 0.004356),
        (noisy, 0.135223),
        (blurred, 0.000511),
    ],
    ids=["rolled", "brighter", "noisy", "blurred"],
)
def test_it_gives_the_published_values(variant: Any, published: float) -> None:
    """Those of the float32 weights; here the convolutions are rounded to half precision."""
    assert distance(variant(base()), base()) == pytest.approx(published, abs=1e-3)
    assert distance(variant(base()), base()) == pytest.approx(reference(variant(base()), base()), abs=1e-5)


@pytest.mark.parametrize(("height", "width"), [(SMALLEST, 40), (63, 131)])
def test_it_equals_float64_at_any_size(height: int, width: int) -> None:
    rng = np.random.default_rng(height)
    a, b = rng.random((2, height, width, 3)) * 255
    assert distance(a, b) == pytest.approx(reference(a, b), abs=1e-5)


def test_equal_pictures_have_no_distance_and_order_makes_no_difference() -> None:
    a, b = base(), noisy(base())
    assert distance(a, a) == 0.0
    assert distance(a, b) == pytest.approx(distance(b, a), abs=1e-7)


def test_several_pictures_score_as_each_alone() -> None:
    target, others = base(), [noisy(base()), blurred(base()), base()]
    together = open_lpips().distances(np.stack([planes(p) for p in others]), planes(target))
    assert together == pytest.approx([distance(p, target) for p in others], abs=1e-7)


@pytest.mark.parametrize("shape", [(3, SMALLEST - 1, 64), (1, 64, 64)])
def test_what_it_refuses(shape: tuple[int, int, int]) -> None:
    with pytest.raises(ModelError, match="at least 31 px"):
        open_lpips().distances(np.zeros((1, *shape), np.float32), np.zeros(shape, np.float32))


def test_shapes_that_differ() -> None:
    with pytest.raises(ModelError, match="same size"):
        open_lpips().distances(np.zeros((1, 3, 64, 64), np.float32), np.zeros((3, 64, 65), np.float32))
