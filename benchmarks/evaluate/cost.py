"""What a model costs: parameters and multiply-accumulates read off the graph, milliseconds measured."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from models.session import Model, open_model

WIDTH, HEIGHT = 1680, 1120


def cost(path: Path, threads: tuple[int, ...] = (1, 2), runs: int = 5) -> dict[str, Any]:
    """Parameters, GMAC per 1680x1120 picture, file size, and the median ms per megapixel for each number of threads."""
    model = onnx.load(path)
    opened = open_model(path)
    return {
        "parameters": sum(int(np.prod(weight.dims)) for weight in model.graph.initializer if len(weight.dims) > 1),
        "gmac": macs(model, *opened.padded(HEIGHT, WIDTH)) / 1e9,
        "megabytes": path.stat().st_size / 1e6,
        "ms_per_megapixel": {str(n): _milliseconds(open_model(path, threads=n), runs) for n in threads},
    }


def macs(model: onnx.ModelProto, height: int, width: int) -> int:
    """Multiply-accumulates of all convolutions for one picture of that size."""
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    for port in fixed.graph.input:
        for axis, length in zip(port.type.tensor_type.shape.dim, (1, None, height, width), strict=True):
            if length:
                axis.dim_value = length
    inferred = onnx.shape_inference.infer_shapes(fixed, data_prop=True).graph
    shapes = {
        value.name: [axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in (*inferred.value_info, *inferred.output, *inferred.input)
    }
    shapes |= {weight.name: list(weight.dims) for weight in inferred.initializer}
    total = 0
    for node in inferred.node:
        if node.op_type == "Conv":
            out, kernel = shapes[node.output[0]], shapes[node.input[1]]
            total += int(np.prod(out[1:]) * np.prod(kernel[1:]))
    return total


def _milliseconds(model: Model, runs: int) -> float:
    views = np.random.default_rng(0).random((6, HEIGHT, WIDTH), np.float32)
    taken = []
    for _ in range(runs + 1):  # the first one warms up
        start = time.perf_counter()
        model.restore(views, HEIGHT, WIDTH)
        taken.append(time.perf_counter() - start)
    return float(np.median(taken[1:])) * 1e9 / (WIDTH * HEIGHT)
