"""An int8 variant of an exported network: quantise-dequantise nodes around the inner convolutions."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

FLOAT_LAYERS = ("stem", "match", "grey", "difference", "mean", "head")
"""Kept in float32: what touches pixels or differences of pixels. Quantising these too costs a quarter of the gain."""


class _Reader(CalibrationDataReader):
    def __init__(self, views: Iterator[npt.NDArray[np.float32]]) -> None:
        self._views = views

    def get_next(self) -> dict[str, Any] | None:
        """Return the next feed, or None at the end."""
        views = next(self._views, None)
        return None if views is None else {"views": views}


def quantised(model: onnx.ModelProto, views: Iterator[npt.NDArray[np.float32]]) -> onnx.ModelProto:
    """Return `model` (float32 weights) with int8 inner convolutions, calibrated on `views`, each [1, 6, H, W].

    Weights are quantised per output channel, activations per tensor over the range seen in calibration.
    """
    names = [n.name for n in model.graph.node if n.op_type == "Conv"]
    inner = [name for name in names if name.removeprefix("turned.").split(".")[0] not in FLOAT_LAYERS]
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        onnx.save(model, source)
        quantize_static(
            source,
            target,
            _Reader(views),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8,
            nodes_to_quantize=inner,
            extra_options={"ActivationSymmetric": False},
        )
        return onnx.load(target)
