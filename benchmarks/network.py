"""A network of about 250 ms per megapixel on one core of today, with weights drawn at random: its pictures mean nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import helper

from dpdeblur.models.runtime.card import Card
from dpdeblur.models.runtime.stamp import stamp
from tests.tiny_onnx import constant, conv_net, conv_net_halo, conv_net_multiple

NAME = "random-20gmac"
WIDTH, UNSHUFFLE, CONVS = 64, 4, 3  # 20 GMAC per megapixel


def write(path: Path) -> Path:
    """Unshuffle by 4, a U-Net of two levels with 64 and 128 channels, plus the mean of the views, as in trained networks."""
    model = onnx.load(conv_net(path, width=WIDTH, unshuffle=UNSHUFFLE, convs=CONVS))
    graph = model.graph
    next(node for node in graph.node if node.output[0] == "sharp").output[0] = "detail"
    graph.initializer.append(constant("share", np.float32(0.01)))
    graph.node.extend(
        [
            helper.make_node("Split", ["views"], ["left", "right"], axis=1),
            helper.make_node("Mean", ["left", "right"], ["mean"]),
            helper.make_node("Mul", ["detail", "share"], ["faint"]),
            helper.make_node("Add", ["mean", "faint"], ["sharp"]),
        ]
    )
    onnx.save(model, path)
    multiple, halo = conv_net_multiple(UNSHUFFLE), conv_net_halo(UNSHUFFLE, CONVS)
    cost = {"bytes_per_pixel": 100}
    stamp(path, Card(name=NAME, transfer="any", size_multiple=multiple, halo_px=halo, exact_tiles=True, cost=cost))
    return path
