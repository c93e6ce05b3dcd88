"""The baseline: the mean of the two views as an ONNX graph. It removes no blur; it is what every model is measured against.

`python -m dpdeblur.models.training.baseline` writes it into the package again (extra `train`, for the onnx package).
"""

from __future__ import annotations

from pathlib import Path

from dpdeblur.models.runtime.card import Card
from dpdeblur.models.runtime.stamp import stamp
from dpdeblur.models.runtime.zoo import WEIGHTS

CARD = Card(
    name="views-mean",
    version="1",
    description="The baseline, not a deblurring model: the mean of the left and the right view.",
    transfer="any",
    size_multiple=1,
    halo_px=0,
    exact_tiles=True,
    training_data="None: nothing in it is learned.",
    licence="Apache-2.0",
    cost={"parameters": 0, "gmac": 0, "bytes_per_pixel": 36},
)


def write_views_mean(path: Path) -> None:
    """Write the graph and its card: `views` float32 [n, 6, h, w] → `sharp` float32 [n, 3, h, w], (L + R) / 2.

    Operators of opset 7 and IR version 3, the oldest that ONNX Runtime still runs as they are.
    """
    import onnx  # noqa: PLC0415 - an extra
    from onnx import TensorProto, helper  # noqa: PLC0415

    nodes = [
        helper.make_node("Split", ["views"], ["left", "right"], axis=1, split=[3, 3]),
        helper.make_node("Mean", ["left", "right"], ["sharp"]),
    ]
    views = helper.make_tensor_value_info("views", TensorProto.FLOAT, ["n", 6, "h", "w"])
    sharp = helper.make_tensor_value_info("sharp", TensorProto.FLOAT, ["n", 3, "h", "w"])
    graph = helper.make_graph(nodes, "views-mean", [views], [sharp])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 7)], ir_version=3), path)
    stamp(path, CARD)


if __name__ == "__main__":
    write_views_mean(WEIGHTS / "views-mean.onnx")
