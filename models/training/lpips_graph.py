"""The LPIPS graph from its weights: `python -m dpdeblur.models.training.lpips_graph WEIGHTS.npz` (extra `train`, for onnx).

WEIGHTS.npz holds the backbone's convolutions `convN.weight` (float16 or float32, out x in x h x w) and `convN.bias`, and the
linear heads `linN.weight`, N from 1 to 5. They stay in the file's own precision, and are widened when a session opens.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from dpdeblur.models.metrics.lpips import GRAPH

# RGB from 0 to 1 becomes -1 to 1, then is shifted and scaled by the constants of the LPIPS code (v0.1).
SHIFT = np.array([-0.030, -0.088, -0.188])
SCALE = np.array([0.458, 0.448, 0.450])
CONVOLUTIONS = (  # AlexNet's five: stride, padding, and whether a max-pool of 3 by 3, stride 2, stands before
    (4, 2, False),
    (1, 2, True),
    (1, 1, True),
    (1, 1, False),
    (1, 1, False),
)
TINY = 1e-10


def build(weights: dict[str, np.ndarray[Any, Any]]) -> Any:
    """Return the ONNX model: `first` float32 [n, 3, h, w] and `second` [1, 3, h, w], RGB in [0, 1] → `distance` float32 [n].

    Of each feature map: unit length over channels, squared difference, the head's weighted sum over channels, mean over
    positions; the distance is the sum over the five maps.
    """
    import onnx  # noqa: PLC0415 - an extra
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415

    nodes: list[Any] = []
    constants: list[Any] = []

    def constant(name: str, value: Any) -> str:
        """Add a constant; half precision is widened by the graph, so that the file stays small."""
        array = np.asarray(value)
        if array.dtype == np.float16:
            constants.append(numpy_helper.from_array(array, f"{name}.half"))
            nodes.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
        else:
            constants.append(numpy_helper.from_array(array, name))
        return name

    def node(operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    scale = constant("scale", (2 / SCALE).astype(np.float32).reshape(1, 3, 1, 1))
    offset = constant("offset", ((-1 - SHIFT) / SCALE).astype(np.float32).reshape(1, 3, 1, 1))
    tiny = constant("tiny", np.float32(TINY))
    channels, positions = constant("channels", np.array([1])), constant("positions", np.array([1, 2, 3]))
    for number in range(1, 6):
        constant(f"conv{number}.weight", weights[f"conv{number}.weight"])
        constant(f"conv{number}.bias", weights[f"conv{number}.bias"])
        constant(f"lin{number}.weight", np.asarray(weights[f"lin{number}.weight"], np.float32).reshape(1, -1, 1, 1))

    features: dict[str, list[str]] = {}
    for side in ("first", "second"):
        x = node("Add", [node("Mul", [side, scale], f"{side}.scaled"), offset], f"{side}.shifted")
        features[side] = []
        for number, (stride, padding, pooled) in enumerate(CONVOLUTIONS, 1):
            if pooled:
                x = node("MaxPool", [x], f"{side}.pool{number}", kernel_shape=[3, 3], strides=[2, 2])
            x = node(
                "Conv", [x, f"conv{number}.weight", f"conv{number}.bias"], f"{side}.conv{number}",
                strides=[stride, stride], pads=[padding] * 4,
            )  # fmt: skip
            x = node("Relu", [x], f"{side}.relu{number}")
            norm = node("ReduceL2", [x, channels], f"{side}.norm{number}", keepdims=1)
            features[side].append(node("Div", [x, node("Add", [norm, tiny], f"{side}.length{number}")], f"{side}.unit{number}"))
    distances = []
    for number, (first, second) in enumerate(zip(features["first"], features["second"], strict=True), 1):
        difference = node("Sub", [first, second], f"difference{number}")
        squared = node("Mul", [difference, difference], f"squared{number}")
        weighted = node("Mul", [squared, f"lin{number}.weight"], f"weighted{number}")
        summed = node("ReduceSum", [weighted, channels], f"summed{number}", keepdims=1)
        distances.append(node("ReduceMean", [summed, positions], f"distance{number}", keepdims=0))
    node("Sum", distances, "distance")

    pictures = helper.make_tensor_value_info("first", TensorProto.FLOAT, ["n", 3, "h", "w"])
    target = helper.make_tensor_value_info("second", TensorProto.FLOAT, [1, 3, "h", "w"])
    output = helper.make_tensor_value_info("distance", TensorProto.FLOAT, ["n"])
    graph = helper.make_graph(nodes, "lpips-alex", [pictures, target], [output], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def main() -> None:
    """Write the graph into the package."""
    import onnx  # noqa: PLC0415 - an extra

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--output", type=Path, default=GRAPH)
    args = parser.parse_args()
    with np.load(args.weights) as weights:
        onnx.save(build(dict(weights)), args.output)


if __name__ == "__main__":
    main()
