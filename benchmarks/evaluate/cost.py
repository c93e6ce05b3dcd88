"""What a model costs: parameters and multiply-accumulates read off the graph, milliseconds measured."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort

from dpdeblur.models.runtime.session import Model, open_model

WIDTH, HEIGHT = 1680, 1120
SIDE = 128  # px, of the picture that convolutions are counted on


SETUPS = {
    "ONNX Runtime, 1 thread": ("onnxruntime", 1),
    "ONNX Runtime, 2 threads": ("onnxruntime", 2),
    "OpenVINO, 1 thread": ("openvino", 1),
    "OpenVINO bf16, 1 thread": ("openvino-bf16", 1),
}


def costs(paths: dict[str, Path], runs: int = 7) -> dict[str, Any]:
    """What each model costs, by name.

    Returns:
        Parameters, GMAC per 1680x1120 picture, file size, and by backend and threads the fewest ms per megapixel of a few
        runs: one model's and backend's turn after the other's, so that a busy machine slows all of them alike.
    """
    found: dict[str, Any] = {}
    for name, path in paths.items():
        model = onnx.load(path)
        found[name] = {
            "parameters": sum(int(np.prod(weight.dims)) for weight in model.graph.initializer if len(weight.dims) > 1),
            "gmac": macs(model, *open_model(path).padded(HEIGHT, WIDTH)) / 1e9,
            "megabytes": path.stat().st_size / 1e6,
            "ms_per_megapixel": {},
        }
    models = {
        (name, label): open_model(path, backend=backend, threads=threads)
        for label, (backend, threads) in SETUPS.items()
        for name, path in paths.items()
    }
    taken = [{key: _milliseconds(model) for key, model in models.items()} for _ in range(runs + 1)]
    for name, label in models:
        found[name]["ms_per_megapixel"][label] = min(row[name, label] for row in taken[1:])  # the first one warms up
    return found


def macs(model: onnx.ModelProto, height: int, width: int) -> int:
    """Multiply-accumulates of all convolutions for one picture of that size, in whole multiples of the probe's.

    Counted by running a small picture and looking at what comes out of every convolution: shapes alone do not say it where
    a graph pads by what it is given.
    """
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    convolutions = [node for node in probe.graph.node if node.op_type == "Conv"]
    outputs = [node.output[0] for node in convolutions]
    known = {output.name for output in probe.graph.output}
    probe.graph.output.extend(onnx.ValueInfoProto(name=name) for name in outputs if name not in known)
    session = ort.InferenceSession(probe.SerializeToString(), providers=["CPUExecutionProvider"])
    views = {port.name: np.zeros((1, port.shape[1], SIDE, SIDE), np.float32) for port in session.get_inputs()}
    kernels = [_kernel(node) for node in convolutions]
    channels = {name: out.shape for name, out in zip(outputs, session.run(outputs, views), strict=True)}
    inputs = _input_channels(model)
    total = sum(int(np.prod(channels[name][1:])) * kernel * inputs[name] for name, kernel in zip(outputs, kernels, strict=True))
    return round(total * height * width / SIDE**2)


def _kernel(node: onnx.NodeProto) -> int:
    return next(int(np.prod(a.ints)) for a in node.attribute if a.name == "kernel_shape")


def _input_channels(model: onnx.ModelProto) -> dict[str, int]:
    """Input channels that one output value of each convolution sums over: the second axis of its weight, found by its name."""
    shapes = {weight.name: list(weight.dims) for weight in model.graph.initializer}
    sources = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type in ("Cast", "DequantizeLinear")}

    def weight(name: str) -> list[int]:
        while name in sources:
            name = sources[name]
        return shapes[name]

    return {node.output[0]: weight(node.input[1])[1] for node in model.graph.node if node.op_type == "Conv"}


def _milliseconds(model: Model) -> float:
    """Per megapixel, of one picture."""
    views = np.random.default_rng(0).random((6, HEIGHT, WIDTH), np.float32)
    start = time.perf_counter()
    model.restore(views, HEIGHT, WIDTH)
    return (time.perf_counter() - start) * 1e9 / (WIDTH * HEIGHT)
