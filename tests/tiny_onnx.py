"""Small ONNX graphs with random weights: what tests open, run and break."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Shape = Sequence[int | str | None]
OPEN = ("n", "h", "w")


def save(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    inputs: dict[str, Shape],
    outputs: dict[str, Shape],
    weights: Sequence[TensorProto] = (),
    *,
    element_type: int = TensorProto.FLOAT,
) -> Path:
    """Write a graph of opset 11 and IR 4."""
    graph = helper.make_graph(
        list(nodes),
        "tiny",
        [helper.make_tensor_value_info(name, element_type, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, element_type, shape) for name, shape in outputs.items()],
        list(weights),
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=4), path)
    return path


def constant(name: str, values: Any) -> TensorProto:
    """A weight."""
    return numpy_helper.from_array(np.asarray(values), name)


def pick(path: Path, channels: Sequence[int], *, inputs: dict[str, Shape] | None = None, axis: int = 1, **more: Any) -> Path:
    """A graph whose three output channels are the named channels of its inputs, joined along `axis`."""
    inputs = inputs or {"views": ("n", 6, "h", "w")}
    nodes = [helper.make_node("Concat", list(inputs), ["all"], axis=axis)]
    nodes.append(helper.make_node("Gather", ["all", "which"], ["sharp"], axis=axis))
    shape = [*next(iter(inputs.values()))]
    shape[axis] = len(channels)
    return save(path, nodes, inputs, {"sharp": shape}, [constant("which", np.array(channels))], **more)


def scaled(path: Path, factor: float = 1.0, offset: float = 0.0) -> Path:
    """A graph that gives factor · left + offset: with factor 0 and offset NaN, a broken model."""
    nodes = [
        helper.make_node("Gather", ["views", "which"], ["left"], axis=1),
        helper.make_node("Mul", ["left", "factor"], ["product"]),
        helper.make_node("Add", ["product", "offset"], ["sharp"]),
    ]
    weights = [
        constant("which", np.array([0, 1, 2])),
        constant("factor", np.float32(factor)),
        constant("offset", np.float32(offset)),
    ]
    return save(path, nodes, {"views": ("n", 6, "h", "w")}, {"sharp": ("n", 3, "h", "w")}, weights)


def conv_net(path: Path, *, width: int = 8, unshuffle: int = 4, convs: int = 2, seed: int = 0) -> Path:
    """A network with the parts of a real one: unshuffle, 3x3 convolutions, one strided level, pixel shuffles.

    See `conv_net_multiple` and `conv_net_halo` for what its card must say.
    """
    rng = np.random.default_rng(seed)
    nodes: list[onnx.NodeProto] = []
    weights: list[TensorProto] = []

    def node(kind: str, inputs: list[str], **attributes: Any) -> str:
        name = f"v{len(nodes)}"
        nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def conv(x: str, inside: int, outside: int, size: int = 3, stride: int = 1) -> str:
        scale = (1 / (inside * size * size)) ** 0.5
        weights.append(
            constant(f"w{len(nodes)}", (rng.standard_normal((outside, inside, size, size)) * scale).astype(np.float32))
        )
        pad = [size // 2 if stride == 1 else 0] * 4
        return node("Conv", [x, f"w{len(nodes)}"], kernel_shape=[size, size], strides=[stride, stride], pads=pad)

    block = unshuffle * unshuffle
    x = node("Relu", [conv(node("SpaceToDepth", ["views"], blocksize=unshuffle), 6 * block, width)])
    for _ in range(convs):
        x = node("Relu", [conv(x, width, width)])
    low = node("Relu", [conv(x, width, 2 * width, 2, 2)])
    for _ in range(convs):
        low = node("Relu", [conv(low, 2 * width, 2 * width)])
    x = node("Add", [x, node("DepthToSpace", [conv(low, 2 * width, 4 * width, 1)], blocksize=2)])
    nodes.append(helper.make_node("DepthToSpace", [conv(x, width, 3 * block)], ["sharp"], blocksize=unshuffle))
    return save(path, nodes, {"views": ("n", 6, "h", "w")}, {"sharp": ("n", 3, "h", "w")}, weights)


def conv_net_multiple(unshuffle: int = 4) -> int:
    """The size multiple of `conv_net`: the unshuffle, and one level below it."""
    return 2 * unshuffle


def conv_net_halo(unshuffle: int = 4, convs: int = 2) -> int:
    """The halo of `conv_net`, in pixels: 3x3 convolutions at both levels, and the rest of a block at each.

    In cells of the upper level: the stem, the head and `convs` reach one cell each, the lower `convs` two each, and the
    strided convolution up to one; the cells themselves are `unshuffle` pixels wide, of which any may be asked for.
    """
    return unshuffle * (2 + convs + 2 * convs + 1) + unshuffle - 1
