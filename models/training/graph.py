"""The network as an ONNX graph, built node by node.

Built by hand rather than traced, so that the graph stays as old and as plain as its features allow: opset 13, IR 7,
every operation known to every runtime, height and width free. Four things are written differently from `network.py`
but compute the same: grey conversion and the first halving are one strided convolution; all shifts of the cost volume
are one 1x9 convolution with weights ±1; the stem's input channels are permuted to what SpaceToDepth delivers; and an
optional factor on the residual is folded into the head. Weights may be stored in half precision (then cast to
float32 when the file is loaded): all arithmetic is in float32 either way.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from dpdeblur.models.training.network import GATE, Config

OPSET = 13
IR = 7
Weights = Mapping[str, npt.NDArray[np.float32]]


class _Builder:
    """Collects nodes and weights; each method adds one operation and returns the name of its output."""

    def __init__(self, half: bool) -> None:
        self.half = half
        self.prefix = ""
        """Goes before all names, so that the network can be added twice."""
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def node(self, operation: str, inputs: list[str], name: str, **attributes: object) -> str:
        name = self.prefix + name
        self.nodes.append(helper.make_node(operation, inputs, [name], name=name, **attributes))
        return name

    def constant(self, values: npt.ArrayLike, name: str, dtype: npt.DTypeLike = np.float32) -> str:
        name = self.prefix + name
        self.initializers.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def weight(self, values: npt.NDArray[np.float32], name: str) -> str:
        if not self.half or values.size < 64:
            return self.constant(values, name)
        return self.node("Cast", [self.constant(values, name + "_half", np.float16)], name, to=TensorProto.FLOAT)

    def conv(
        self, x: str, weight: npt.NDArray[np.float32], bias: npt.NDArray[np.float32] | None, name: str, stride: int = 1
    ) -> str:
        height, width = weight.shape[2:]
        pads = [height // 2, width // 2] * 2 if stride == 1 and height == width else [0] * 4
        inputs = [x, self.weight(weight, name + ".weight")]
        if bias is not None:
            inputs.append(self.constant(bias, name + ".bias"))
        return self.node("Conv", inputs, name, kernel_shape=[height, width], strides=[stride, stride], pads=pads)


def build_graph(
    config: Config, weights: Weights, *, half: bool = True, residual: float = 1.0, second: Weights | None = None
) -> onnx.ModelProto:
    """Return the ONNX model: `views` float32 [1, 6, H, W] → `sharp` float32 [1, 3, H, W]; not clipped to [0, 1].

    `weights` are the network's state as float32 arrays. `half` stores large weights as float16. `residual` scales what the
    network adds to the mean of the views. With `second`, weights of the same network from another run (or the same again),
    that one sees the views upside down and the average of the two is added: twice the cost. Any height and width will do:
    the graph pads to the network's multiple itself.
    """
    b = _Builder(half)
    views, size = _padded(b, 4 * 2 ** (len(config.widths) - 1))
    added = _residual(b, config, weights, residual, views, "")
    if second is not None:
        other = _residual(b, config, second, residual, _upside_down(b, views, "turned"), "turned.")
        both = b.node("Add", [added, _upside_down(b, other, "turned_back")], "both")
        added = b.node("Mul", [both, b.constant(0.5, "one_half")], "average")
    mean = np.zeros((3, 6, 1, 1), np.float32)
    mean[range(3), range(3)] = mean[range(3), range(3, 6)] = 0.5
    full = b.node("Add", [b.conv(views, mean, None, "mean"), added], "padded_sharp")
    origin, axes = b.constant([0, 0], "origin", np.int64), b.constant([2, 3], "plane", np.int64)
    b.node("Slice", [full, origin, size, axes], "sharp")
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


def _residual(b: _Builder, config: Config, weights: Weights, scale: float, views: str, prefix: str) -> str:
    """Add one pass of the network and return the name of what it adds to the mean of the views."""
    b.prefix = prefix

    def conv(x: str, name: str, stride: int = 1) -> str:
        return b.conv(x, weights[f"{name}.weight"], weights[f"{name}.bias"], name, stride)

    def block(x: str, name: str) -> str:
        inner = b.node("Relu", [conv(x, f"{name}.first")], f"{name}.relu")
        return b.node("Add", [x, conv(inner, f"{name}.second")], f"{name}.sum")

    def blocks(x: str, name: str, count: int) -> str:
        for i in range(count):
            x = block(x, f"{name}.{i}")
        return x

    matching, gate = _cost_volume(b, views, config.shifts)
    match = conv(matching, "match.0")
    match = conv(block(match, "match.1"), "match.2")
    stem = weights["stem.weight"]
    # SpaceToDepth puts the position within the 4x4 cell before the channel; torch's pixel_unshuffle after it.
    stem = stem.reshape(stem.shape[0], 6, 16, 3, 3).transpose(0, 2, 1, 3, 4).reshape(stem.shape)
    x = b.conv(b.node("SpaceToDepth", [views], "cells", blocksize=4), stem, weights["stem.bias"], "stem")
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
    x = b.conv(x, np.float32(scale) * weights["head.weight"], np.float32(scale) * weights["head.bias"], "head")
    added = b.node("DepthToSpace", [b.node("Mul", [x, gate], "gated")], "residual", blocksize=4, mode="CRD")
    b.prefix = ""
    return added


def _upside_down(b: _Builder, x: str, name: str) -> str:
    """Add a vertical flip: disparity stays horizontal, left stays left."""
    bounds = ((-1, "last_row"), (np.iinfo(np.int64).min, "before_first"), (2, "rows"), (-1, "backwards"))
    return b.node("Slice", [x, *(b.constant([v], f"{name}.{n}", np.int64) for v, n in bounds)], name)


def _padded(b: _Builder, multiple: int) -> tuple[str, str]:
    """Mirror the views below and to the right, as the session does, to a multiple; return them and their true size."""
    bounds = [b.constant([v], name, np.int64) for v, name in ((2, "two"), (4, "four"))]
    size = b.node("Slice", [b.node("Shape", ["views"], "shape"), *bounds], "size")
    short = b.node("Mod", [b.node("Neg", [size], "minus_size"), b.constant(multiple, "multiple", np.int64)], "short")
    ends = b.node("Concat", [b.constant([0] * 6, "zeros", np.int64), short], "ends", axis=0)
    return b.node("Pad", ["views", ends], "padded_views", mode="reflect"), size


def _cost_volume(b: _Builder, views: str, shifts: int) -> tuple[str, str]:
    """Add the cost volume and the gate (see `network.cost_volume`) and return their names."""
    grey = np.zeros((2, 6, 2, 2), np.float32)
    grey[0, :3] = grey[1, 3:] = 1 / 12
    halved = b.conv(views, grey, None, "grey", 2)
    sides = b.constant([0, 0, 0, shifts, 0, 0, 0, shifts], "sides", np.int64)
    wide = b.node("Pad", [halved, sides], "wide", mode="edge")
    count = 2 * shifts + 1
    against = np.zeros((count, 2, 1, count), np.float32)
    against[range(count), 0, 0, range(count)] = 1
    against[:, 1, 0, shifts] -= 1
    difference = b.node("Abs", [b.conv(wide, against, None, "difference")], "distance")
    cost = b.node("AveragePool", [difference], "smooth", kernel_shape=[5, 5], pads=[2] * 4, count_include_pad=0)
    cost = b.node("AveragePool", [cost], "cost", kernel_shape=[2, 2], strides=[2, 2])
    mean = b.node("ReduceMean", [cost], "cost_mean", axes=[1], keepdims=1)
    relative = b.node("Div", [cost, b.node("Add", [mean, b.constant(0.004, "little")], "cost_floor")], "relative")
    absolute = b.node("Mul", [mean, b.constant(20.0, "twenty")], "absolute")
    bounds = [b.constant([v], name, np.int64) for v, name in ((shifts, "zero_shift"), (shifts + 1, "next"), (1, "channel"))]
    unlike = b.node("Slice", [cost, *bounds], "cost_in_focus")
    unlike = b.node("AveragePool", [unlike], "unlike", kernel_shape=[5, 5], pads=[2] * 4, count_include_pad=0)
    fourth = b.node("Pow", [unlike, b.constant(4.0, "power")], "fourth")
    gate = b.node("Div", [fourth, b.node("Add", [fourth, b.constant(GATE**4, "gate_at")], "gate_floor")], "gate")
    return b.node("Concat", [relative, absolute], "matching", axis=1), gate
