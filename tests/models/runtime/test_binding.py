"""Whatever a file takes and the card says, `restore` takes left and right in RGB, [0, 1], and gives the same."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

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


def test_two_inputs_whose_names_say_nothing_go_by_what_is_said(tmp_path: Path) -> None:
    path = tiny_onnx.pick(tmp_path / "m.onnx", [3, 4, 5], inputs={"a": THREE, "b": THREE})
    with pytest.raises(ModelError, match="--model-views: 'left, right' for two"):
        open_model(path)
    assert np.array_equal(restore(path, views="left, right"), RIGHT)
    assert np.array_equal(restore(path, views="right, left"), LEFT)


@pytest.mark.parametrize(
    ("right", "left"),
    [
        ("right_view", "left_view"),
        ("R", "L"),
        ("r", "l"),
        ("img_r", "img_l"),
        ("inputR", "inputL"),
        ("RightImage", "LeftImage"),
        ("x.right", "x.left"),
        ("dp_R_1", "dp_L_1"),
    ],
)
def test_two_inputs_that_are_named_go_by_their_names(tmp_path: Path, right: str, left: str) -> None:
    path = tiny_onnx.pick(tmp_path / "m.onnx", [0, 1, 2], inputs={right: THREE, left: THREE})
    assert np.array_equal(restore(path), RIGHT)
    path = tiny_onnx.pick(tmp_path / "m.onnx", [0, 1, 2], inputs={left: THREE, right: THREE})
    assert np.array_equal(restore(path), LEFT)
    last = ("n", "h", "w", 3)
    path = tiny_onnx.pick(tmp_path / "m.onnx", [0, 1, 2], inputs={right: last, left: last}, axis=3)
    assert np.array_equal(restore(path), RIGHT)


@pytest.mark.parametrize("names", [("left", "left2"), ("right", "x"), ("left_right", "right_left"), ("color", "later")])
def test_names_that_do_not_tell_both_apart_decide_nothing(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(ModelError, match="--model-views"):
        open_model(tiny_onnx.pick(tmp_path / "m.onnx", [0, 1, 2], inputs=dict.fromkeys(names, THREE)))


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


def test_three_inputs_go_by_their_names(tmp_path: Path) -> None:
    path = tiny_onnx.pick(tmp_path / "m.onnx", [0, 1, 2], inputs={"c": THREE, "r": THREE, "l": THREE})
    assert np.array_equal(restore(path, PLANES), COMBINED)


def test_three_inputs_without_names_go_by_what_is_said(tmp_path: Path) -> None:
    path = tiny_onnx.pick(tmp_path / "m.onnx", [0, 1, 2], inputs={"x": THREE, "y": THREE, "z": THREE})
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
def test_other_ranges_go_in_and_out(tmp_path: Path, low: float, high: float) -> None:
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
        ([0, 1], {}, "output .* is not a picture"),
    ],
)
def test_disagreements_are_told_before_any_work(tmp_path: Path, channels: list[int], said: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        open_model(tiny_onnx.pick(tmp_path / "m.onnx", channels), overrides=CardOverrides(**said))


def test_integers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="uint8"):
        open_model(tiny_onnx.pick(tmp_path / "m.onnx", [0, 1, 2], element_type=TensorProto.UINT8))


@pytest.mark.parametrize("value_range", [(0.0, 1.0), (-1.0, 1.0)])
def test_a_seventh_channel_may_be_the_distance_from_the_centre(tmp_path: Path, value_range: tuple[float, float]) -> None:
    path = tiny_onnx.pick(tmp_path / "m.onnx", [6, 6, 6], inputs={"x": ("n", 7, "h", "w")})
    plane = restore(path, views="left right radius", value_range=value_range)[0]
    plane = plane * (value_range[1] - value_range[0]) + value_range[0]  # back to what the network was fed
    y, x = np.mgrid[:6, :10]
    assert np.allclose(plane, np.hypot(y - 2.5, x - 4.5) / np.hypot(2.5, 4.5), atol=1e-6)


def test_the_centre_is_the_pictures_however_much_is_padded(tmp_path: Path) -> None:
    path = tiny_onnx.pick(tmp_path / "m.onnx", [6, 6, 6], inputs={"x": ("n", 7, "h", "w")})
    plain = restore(path, views="left right radius")
    assert np.array_equal(restore(path, views="left right radius", size_multiple=16), plain)


def test_further_channels_may_be_constants_and_stand_anywhere(tmp_path: Path) -> None:
    path = tiny_onnx.pick(tmp_path / "m.onnx", [0, 4, 8], inputs={"x": ("n", 9, "h", "w")})
    picture = restore(path, views="0.25 left 1 right -3", value_range=(0, 255), channel_order="bgr")
    assert np.allclose(picture[:, 0, 0] * 255, [-3, 1, 0.25])
    views = tiny_onnx.pick(tmp_path / "m.onnx", [1, 2, 3], inputs={"x": ("n", 9, "h", "w")})
    assert np.array_equal(restore(views, views="0.25 left 1 right -3"), LEFT)


def test_ten_channels_are_three_views_and_a_plane(tmp_path: Path) -> None:
    path = tiny_onnx.pick(tmp_path / "m.onnx", [6, 7, 8], inputs={"x": ("n", 10, "h", "w")})
    assert np.array_equal(restore(path, PLANES, views="left right combined radius"), COMBINED)


def test_words_that_are_no_view_and_no_plane(tmp_path: Path) -> None:
    path = tiny_onnx.pick(tmp_path / "m.onnx", [0, 1, 2], inputs={"x": ("n", 7, "h", "w")})
    for views in ("left right radios", "left right nan", "radius 1"):
        with pytest.raises(ModelError, match="views"):
            open_model(path, overrides=CardOverrides(views=views))


def several(path: Path, outputs: dict[str, tuple[list[int], int]]) -> Path:
    """A graph of one input of 6 channels and these outputs: name to (channels of the input, factor by which it is smaller)."""
    nodes, weights = [], []
    shapes: dict[str, tiny_onnx.Shape] = {}
    for name, (channels, smaller) in outputs.items():
        weights.append(tiny_onnx.constant(f"{name}.which", np.array(channels)))
        inside = f"{name}.full" if smaller > 1 else name
        nodes.append(helper.make_node("Gather", ["x", f"{name}.which"], [inside], axis=1))
        if smaller > 1:
            size = [smaller, smaller]
            nodes.append(helper.make_node("AveragePool", [inside], [name], kernel_shape=size, strides=size))
        shapes[name] = ("n", len(channels), f"h{smaller}", f"w{smaller}")
    return tiny_onnx.save(path, nodes, {"x": ("n", 6, "h", "w")}, shapes, weights)


def test_of_several_outputs_the_one_of_the_pictures_size_is_taken(tmp_path: Path) -> None:
    small_first = several(tmp_path / "m.onnx", {"small": ([0, 1, 2], 4), "half": ([0, 1, 2], 2), "full": ([3, 4, 5], 1)})
    assert np.array_equal(restore(small_first), RIGHT)
    disparity_first = several(tmp_path / "m.onnx", {"disparity": ([0], 1), "full": ([3, 4, 5], 1)})
    assert np.array_equal(restore(disparity_first), RIGHT)


def test_of_two_pictures_of_full_size_none_is_taken_until_somebody_says_which(tmp_path: Path) -> None:
    path = several(tmp_path / "m.onnx", {"first": ([0, 1, 2], 1), "second": ([3, 4, 5], 1)})
    with pytest.raises(ModelError, match="'first' and 'second' are all pictures of full size: choose one with --model-output"):
        open_model(path)
    assert np.array_equal(restore(path, output="second"), RIGHT)
    assert np.array_equal(restore(path, output="0"), LEFT)
    with pytest.raises(ModelError, match=r"no output 'third': its outputs are 'first'"):
        open_model(path, overrides=CardOverrides(output="third"))


def test_a_shape_that_can_be_read_from_both_ends_is_asked_about(tmp_path: Path) -> None:
    path = tiny_onnx.pick(tmp_path / "m.onnx", [3, 4, 5], inputs={"x": (1, 6, 8, 9)})
    with pytest.raises(ModelError, match="--model-layout"):
        open_model(path)
    planes = np.random.default_rng(0).random((6, 8, 9), np.float32)
    assert np.array_equal(restore(path, planes, layout="nchw"), planes[3:6])


@pytest.mark.parametrize(("height", "width"), [(32, 48), (20, 30), (33, 48), (100, 131), (31, 300)])
def test_a_graph_of_one_size_restores_pictures_of_any_in_overlapping_tiles(tmp_path: Path, height: int, width: int) -> None:
    path = tiny_onnx.pick(tmp_path / "m.onnx", [3, 4, 5], inputs={"x": (1, 6, 32, 48)})
    planes = np.random.default_rng(height).random((6, height, width), np.float32)
    if height > 32 or width > 48:
        with pytest.raises(ModelError, match="--model-tile overlap"):
            restore(path, planes)
    assert np.allclose(restore(path, planes, blend_tiles=True), planes[3:6], atol=1e-6)
