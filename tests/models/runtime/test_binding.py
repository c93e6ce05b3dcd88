"""Whatever a file takes and the card says, `restore` takes left and right in RGB, [0, 1], and gives the same."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from dpdeblur.models.errors import ModelError
from dpdeblur.models.runtime.binding import Planes
from dpdeblur.models.runtime.card import CardOverrides
from dpdeblur.models.runtime.session import open_model
from tests import tiny_onnx

PLANES = np.random.default_rng(1).random((9, 6, 10), np.float32)  # left RGB, right RGB, combined RGB
LEFT, RIGHT, COMBINED = PLANES[:3], PLANES[3:6], PLANES[6:]
THREE = ("n", 3, "h", "w")


def restore(path: Path, planes: Planes = PLANES[:6], **said: Any) -> Planes:
    return open_model(path, overrides=CardOverrides(**said)).restore(planes, *planes.shape[1:])


def test_six_channels_are_left_then_right(tmp_path: Path) -> None:
    assert np.array_equal(restore(tiny_onnx.pick(tmp_path / "m.onnx", [0, 1, 2])), LEFT)
    assert np.array_equal(restore(tiny_onnx.pick(tmp_path / "m.onnx", [3, 4, 5])), RIGHT)


def test_two_inputs_are_left_and_right(tmp_path: Path) -> None:
    path = tiny_onnx.pick(tmp_path / "m.onnx", [3, 4, 5], inputs={"a": THREE, "b": THREE})
    assert np.array_equal(restore(path), RIGHT)
    assert np.array_equal(restore(path, views="right, left"), LEFT)


def test_two_inputs_that_are_named_go_by_their_names(tmp_path: Path) -> None:
    path = tiny_onnx.pick(tmp_path / "m.onnx", [0, 1, 2], inputs={"right_view": THREE, "left_view": THREE})
    assert np.array_equal(restore(path), RIGHT)


@pytest.mark.parametrize(
    ("views", "channels", "wanted"),
    [
        ("left right combined", [6, 7, 8], COMBINED),
        ("combined left right", [3, 4, 5], LEFT),
        ("combined right left", [3, 4, 5], RIGHT),
        ("left right right", [6, 7, 8], RIGHT),
    ],
)
def test_nine_channels_go_by_what_is_said(tmp_path: Path, views: str, channels: list[int], wanted: Planes) -> None:
    path = tiny_onnx.pick(tmp_path / "m.onnx", channels, inputs={"x": ("n", 9, "h", "w")})
    with pytest.raises(ModelError, match="--model-views"):
        open_model(path)
    assert np.array_equal(restore(path, PLANES, views=views), wanted)


def test_three_inputs_go_by_what_is_said(tmp_path: Path) -> None:
    path = tiny_onnx.pick(tmp_path / "m.onnx", [0, 1, 2], inputs={"c": THREE, "r": THREE, "l": THREE})
    with pytest.raises(ModelError, match="--model-views"):
        open_model(path)
    model = open_model(path, overrides=CardOverrides(views="combined, right, left"))
    assert model.needs_combined
    assert np.array_equal(model.restore(PLANES, 6, 10), COMBINED)
    with pytest.raises(ModelError, match="combined picture"):
        model.restore(PLANES[:6], 6, 10)


def test_blue_first_goes_in_and_out(tmp_path: Path) -> None:
    path = tiny_onnx.pick(tmp_path / "m.onnx", [0, 4, 2])  # blue of the left, green of the right, red of the left
    assert np.array_equal(restore(path, channel_order="bgr"), np.stack([LEFT[0], RIGHT[1], LEFT[2]]))


@pytest.mark.parametrize(("low", "high"), [(-1, 1), (0, 255)])
def test_other_ranges_go_in_and_out(tmp_path: Path, low: int, high: int) -> None:
    doubled = tiny_onnx.scaled(tmp_path / "m.onnx", 2.0)
    seen = LEFT * (high - low) + low
    assert np.allclose(restore(doubled, value_range=(low, high)), (2 * seen - low) / (high - low), atol=1e-6)


def test_channels_last(tmp_path: Path) -> None:
    inputs: dict[str, tiny_onnx.Shape] = {"views": ("n", "h", "w", 6)}
    path = tiny_onnx.pick(tmp_path / "m.onnx", [3, 4, 5], inputs=inputs, axis=3)
    assert np.array_equal(restore(path), RIGHT)


@pytest.mark.parametrize(("element_type", "name"), [(TensorProto.FLOAT16, "f2"), (TensorProto.DOUBLE, "f8")])
def test_other_floats(tmp_path: Path, element_type: int, name: str) -> None:
    path = tiny_onnx.pick(tmp_path / "m.onnx", [0, 1, 2], element_type=element_type)
    result = restore(path)
    assert result.dtype == np.float32
    assert np.array_equal(result, LEFT.astype(name).astype(np.float32))


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"x": ("n", 7, "h", "w")}, r"--model-views.*three of 3"),
        ({"x": ("n", None, "h", "w")}, "--model-views"),
        ({"x": (4, 6, "h", "w")}, "4 pictures at once"),
    ],
)
def test_what_shapes_do_not_say_is_asked_for(tmp_path: Path, inputs: dict[str, tiny_onnx.Shape], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        open_model(tiny_onnx.pick(tmp_path / "m.onnx", [0, 1, 2], inputs=inputs))


def test_an_open_number_of_channels_goes_by_what_is_said(tmp_path: Path) -> None:
    path = tiny_onnx.pick(tmp_path / "m.onnx", [3, 4, 5], inputs={"x": ("n", None, "h", "w")})
    assert np.array_equal(restore(path, views="left right"), RIGHT)


@pytest.mark.parametrize(
    ("channels", "said", "words"),
    [
        ([0, 1, 2], {"views": "left right combined"}, r"takes 6 channels, but 'left right combined' are 9"),
        ([0, 1, 2], {"views": "left, right"}, r"2 input\(s\), but it has 1"),
        ([0, 1], {}, "output .* is no picture"),
    ],
)
def test_disagreements_are_told_before_any_work(tmp_path: Path, channels: list[int], said: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        open_model(tiny_onnx.pick(tmp_path / "m.onnx", channels), overrides=CardOverrides(**said))


def test_integers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="uint8"):
        open_model(tiny_onnx.pick(tmp_path / "m.onnx", [0, 1, 2], element_type=TensorProto.UINT8))
