"""The network as an ONNX graph, built node by node.

Built by hand rather than traced, so that the graph stays as old and as plain as its features allow: opset 13, IR 7,
every operation known to every runtime, height and width free. It computes what `network.py` computes, at less cost:

- The network sees cells of 4x4 pixels. Instead of taking the views apart into cells first, each convolution that reads them
  does so itself: the stem, 3x3 cells, is a 12x12 convolution of stride 4; the mean of the views and the halved grey views
  are 4x4 convolutions of stride 4. The residual is added to the mean before both are shuffled back into pixels.
- All shifts of the cost volume are one 1x9 convolution with weights ±1.
- The factor on the residual is folded into the head, the learned gate into one constant.

Weights may be stored in half precision (then cast to float32 when the file is loaded): all arithmetic is in float32 either
way. Nothing is padded but the borders of convolutions: height and width must be multiples of the network's.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from dpdeblur.models.training.network import GATE, Config

OPSET = 13
IR = 7
CELL = 4
Floats = npt.NDArray[np.float32]
Weights = Mapping[str, Floats]


class _Builder:
    """Collects nodes and weights; each method adds one operation and returns the name of its output."""

    def __init__(self, half: bool) -> None:
        self.half = half
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def node(self, operation: str, inputs: list[str], name: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(operation, inputs, [name], name=name, **attributes))
        return name

    def constant(self, values: npt.ArrayLike, name: str, dtype: npt.DTypeLike = np.float32) -> str:
        self.initializers.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def learned(self, values: Floats, name: str) -> str:
        if not self.half or values.size < 64:
            return self.constant(values, name)
        return self.node("Cast", [self.constant(values, name + "_half", np.float16)], name, to=TensorProto.FLOAT)

    def conv(self, x: str, weight: Floats, bias: Floats, name: str, stride: int = 1) -> str:
        """Add a learned convolution whose output is as large as its input, divided by the stride."""
        size = weight.shape[2]
        pads = [(size - stride) // 2] * 4
        inputs = [x, self.learned(weight, name + ".weight"), self.constant(bias, name + ".bias")]
        return self.node("Conv", inputs, name, kernel_shape=[size, size], strides=[stride, stride], pads=pads)

    def fixed_conv(self, x: str, weight: Floats, name: str, stride: int = 1) -> str:
        """Add a convolution that is not learned, without padding."""
        inputs = [x, self.constant(weight, name + ".weight")]
        return self.node("Conv", inputs, name, kernel_shape=list(weight.shape[2:]), strides=[stride, stride])


def build_graph(config: Config, weights: Weights, *, half: bool = True, residual: float = 1.0) -> onnx.ModelProto:
    """Return the ONNX model: `views` float32 [1, 6, H, W] → `sharp` float32 [1, 3, H, W]; not clipped to [0, 1].

    Args:
        config: of the network.
        weights: the network's state, as float32 arrays.
        half: store large weights as float16.
        residual: factor on what the network adds to the mean of the views.
    """
    b = _Builder(half)

    def conv(x: str, name: str, stride: int = 1) -> str:
        return b.conv(x, weights[f"{name}.weight"], weights[f"{name}.bias"], name, stride)

    def block(x: str, name: str) -> str:
        inner = b.node("Relu", [conv(x, f"{name}.first")], f"{name}.relu")
        return b.node("Add", [x, conv(inner, f"{name}.second")], f"{name}.sum")

    def blocks(x: str, name: str, count: int) -> str:
        for i in range(count):
            x = block(x, f"{name}.{i}")
        return x

    matching, opening = _cost_volume(b, config.shifts, GATE * float(np.exp(weights["gate"])))
    match = conv(matching, "match.0")
    match = conv(block(match, "match.1"), "match.2")
    x = b.conv("views", _over_pixels(weights["stem.weight"]), weights["stem.bias"], "stem", CELL)
    x = b.node("Add", [x, match], "entry")
    skips = []
    for i, count in enumerate(config.encoder):
        x = blocks(x, f"encoder.{i}", count)
        skips.append(x)
        x = conv(x, f"down.{i}", 2)
    x = blocks(x, "middle", config.middle)
    for i in reversed(range(len(config.decoder))):
        x = b.node("DepthToSpace", [conv(x, f"up.{i}")], f"up.{i}.shuffle", blocksize=2, mode="CRD")
        x = blocks(b.node("Add", [skips[i], x], f"join.{i}"), f"decoder.{i}", config.decoder[i])
    x = b.conv(x, np.float32(residual) * weights["head.weight"], np.float32(residual) * weights["head.bias"], "head")
    mean = b.fixed_conv("views", _mean_of_views(), "mean", CELL)
    x = b.node("Add", [mean, b.node("Mul", [x, opening], "gated")], "sharp_cells")
    b.node("DepthToSpace", [x], "sharp", blocksize=CELL, mode="CRD")
    graph = helper.make_graph(
        b.nodes,
        "dpdeblur",
        [helper.make_tensor_value_info("views", TensorProto.FLOAT, [1, 6, "height", "width"])],
        [helper.make_tensor_value_info("sharp", TensorProto.FLOAT, [1, 3, "height", "width"])],
        b.initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="dpdeblur")
    model.ir_version = IR
    onnx.checker.check_model(model)
    return model


def weights_in(model: onnx.ModelProto) -> dict[str, Floats]:
    """Return the weights that `build_graph` made `model` of, as the file holds them: rounded, the residual's factor folded in.

    Raises:
        ValueError: it is not a graph of `build_graph`.
    """
    held = {weight.name: numpy_helper.to_array(weight).astype(np.float32) for weight in model.graph.initializer}
    if not {"per_threshold", "head.bias", "mean.weight"} <= set(held):
        raise ValueError("this ONNX file was not made by dpdeblur.models.training.export, so its training cannot continue")
    names = {name.removesuffix("_half"): values for name, values in held.items()}
    fixed = ("mean.", "grey_cells.", "difference.")
    weights = {
        name: values for name, values in names.items() if name.endswith((".weight", ".bias")) and not name.startswith(fixed)
    }
    stem = weights["stem.weight"]
    cells = stem.reshape(len(stem), 6, 3, CELL, 3, CELL).transpose(0, 1, 3, 5, 2, 4)
    weights["stem.weight"] = np.ascontiguousarray(cells.reshape(len(stem), 6 * CELL**2, 3, 3))
    weights["gate"] = np.asarray(-np.log(names["per_threshold"] * GATE), np.float32)
    return weights


def _over_pixels(weight: Floats) -> Floats:
    """Return the weights over pixels [N, 6, 4h, 4w] of a convolution over cells as `pixel_unshuffle` has them [N, 96, h, w]."""
    count, _, height, width = weight.shape
    cells = weight.reshape(count, 6, CELL, CELL, height, width).transpose(0, 1, 4, 2, 5, 3)
    return np.ascontiguousarray(cells.reshape(count, 6, CELL * height, CELL * width))


def _mean_of_views() -> Floats:
    """Return weights [48, 6, 4, 4]: for each colour and pixel of the cell, half of each view."""
    weight = np.zeros((3, CELL, CELL, 2, 3, CELL, CELL), np.float32)
    for colour, row, column in np.ndindex(3, CELL, CELL):
        weight[colour, row, column, :, colour, row, column] = 0.5
    return weight.reshape(3 * CELL**2, 6, CELL, CELL)


def _halved_grey_views() -> Floats:
    """Return weights [8, 6, 4, 4]: for each view, the grey mean of each of the cell's four squares of 2x2 pixels."""
    weight = np.zeros((2, 2, 2, 2, 3, 2, 2, 2, 2), np.float32)  # view, row, column; view, colour, row, its pixel, column, …
    for view, row, column in np.ndindex(2, 2, 2):
        weight[view, row, column, view, :, row, :, column, :] = 1 / 12
    return weight.reshape(8, 6, CELL, CELL)


def _cost_volume(b: _Builder, shifts: int, threshold: float) -> tuple[str, str]:
    """Add the cost volume and the gate (see `network.cost_volume`) and return their names."""
    halved = b.fixed_conv("views", _halved_grey_views(), "grey_cells", CELL)
    halved = b.node("DepthToSpace", [halved], "grey", blocksize=2, mode="CRD")
    sides = b.constant([0, 0, 0, shifts, 0, 0, 0, shifts], "sides", np.int64)
    wide = b.node("Pad", [halved, sides], "wide", mode="edge")
    count = 2 * shifts + 1
    against = np.zeros((count, 2, 1, count), np.float32)
    against[range(count), 0, 0, range(count)] = 1
    against[:, 1, 0, shifts] -= 1
    difference = b.node("Abs", [b.fixed_conv(wide, against, "difference")], "distance")
    cost = b.node("AveragePool", [difference], "smooth", kernel_shape=[5, 5], pads=[2] * 4, count_include_pad=0)
    cost = b.node("AveragePool", [cost], "cost", kernel_shape=[2, 2], strides=[2, 2])
    mean = b.node("ReduceMean", [cost], "cost_mean", axes=[1], keepdims=1)
    relative = b.node("Div", [cost, b.node("Add", [mean, b.constant(0.004, "little")], "cost_floor")], "relative")
    absolute = b.node("Mul", [mean, b.constant(20.0, "twenty")], "absolute")
    bounds = [b.constant([v], name, np.int64) for v, name in ((shifts, "zero_shift"), (shifts + 1, "next"), (1, "channel"))]
    unlike = b.node("Slice", [cost, *bounds], "cost_in_focus")
    unlike = b.node("AveragePool", [unlike], "unlike", kernel_shape=[5, 5], pads=[2] * 4, count_include_pad=0)
    # In units of the threshold, whose fourth power is near the end of float32.
    ratio = b.node("Mul", [unlike, b.constant(1 / threshold, "per_threshold")], "ratio")
    fourth = b.node("Pow", [ratio, b.constant(4.0, "power")], "fourth")
    gate = b.node("Div", [fourth, b.node("Add", [fourth, b.constant(1.0, "one")], "fourth_and_one")], "gate")
    return b.node("Concat", [relative, absolute], "matching", axis=1), gate
