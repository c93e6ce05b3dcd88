"""The ONNX graph is the network: needs the extra `train`, and is skipped without it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
export = pytest.importorskip("dpdeblur.models.training.export")
network = pytest.importorskip("dpdeblur.models.training.network")
graph = pytest.importorskip("dpdeblur.models.training.graph")

SMALL = network.Config(widths=(8, 8, 8, 8), matching=8)


def weights(seed: int) -> dict[str, np.ndarray]:
    torch.manual_seed(seed)
    net = network.DeblurNet(SMALL)
    torch.nn.init.normal_(net.head.weight, std=0.1)
    return {k: v.numpy() for k, v in net.state_dict().items()}


@pytest.mark.parametrize("size", [(64, 64), (88, 147), (33, 70)])
@pytest.mark.parametrize("runs", [1, 2])
def test_graph_equals_network(size: tuple[int, int], runs: int) -> None:
    first, second = weights(0), weights(1) if runs == 2 else None
    model = graph.build_graph(SMALL, first, half=False, second=second)
    assert export.largest_difference(SMALL, first, model, second, size) < export.TOLERANCE


def test_a_difference_would_be_seen() -> None:
    model = graph.build_graph(SMALL, weights(0), half=False, residual=0.9)
    assert export.largest_difference(SMALL, weights(0), model, None) > 10 * export.TOLERANCE


def test_checkpoints_are_averaged(tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.pt" for i in (0, 1)]
    for i, path in enumerate(paths):
        torch.save({"head.weight": torch.full((2,), float(i))}, path)
    assert export.averaged_weights(paths)["head.weight"].tolist() == [0.5, 0.5]
