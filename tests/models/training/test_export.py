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
    torch.nn.init.constant_(net.gate, -0.4)
    return {k: v.numpy() for k, v in net.state_dict().items()}


@pytest.mark.parametrize("size", [(32, 32), (96, 160), (64, 224)])
@pytest.mark.parametrize("seed", [0, 1])
def test_graph_equals_network(size: tuple[int, int], seed: int) -> None:
    model = graph.build_graph(SMALL, weights(seed), half=False)
    assert export.largest_difference(SMALL, weights(seed), model, size) < export.TOLERANCE


def test_half_precision_is_that_of_the_learned_weights_alone() -> None:
    model = graph.build_graph(SMALL, weights(0), half=True)
    assert export.largest_difference(SMALL, export.stored(weights(0), half=True), model) < export.TOLERANCE


@pytest.mark.parametrize("change", [{"residual": 0.9}, {}])
def test_a_difference_would_be_seen(change: dict[str, float]) -> None:
    """A factor on the residual; another gate."""
    other = weights(0) if change else weights(0) | {"gate": np.float32(2)}
    model = graph.build_graph(SMALL, other, half=False, **change)
    assert export.largest_difference(SMALL, weights(0), model) > 10 * export.TOLERANCE


def test_weights_are_read_back_from_a_graph() -> None:
    read = graph.weights_in(graph.build_graph(SMALL, weights(0), half=False))
    assert set(read) == set(weights(0))
    for name, values in weights(0).items():
        np.testing.assert_allclose(read[name], values, rtol=1e-5, atol=1e-7)


def test_checkpoints_are_averaged(tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.pt" for i in (0, 1)]
    for i, path in enumerate(paths):
        torch.save({"a": {"head.weight": torch.full((2,), float(i))}, "b": {}}, path)
    assert export.averaged_weights(paths, "a")["head.weight"].tolist() == [0.5, 0.5]


def test_an_exported_file_is_opened_with_its_card(tmp_path: Path) -> None:
    from dpdeblur.models.runtime.session import open_model

    torch.manual_seed(0)
    state = network.DeblurNet(network.CONFIGS["dpdeblur-xs"]).state_dict()
    torch.save({"dpdeblur-xs": state}, tmp_path / "weights-100.pt")
    path = tmp_path / "mine.onnx"
    export.export("dpdeblur-xs", [tmp_path / "weights-100.pt"], path, residual=0.5, gate=0.002, notes={"name": "mine"})
    model = open_model(path)
    assert model.card_source == "file"
    assert model.name == "mine"
    assert model.card.size_multiple == 32
    assert model.restore(np.random.default_rng(0).random((6, 50, 70), np.float32), 50, 70).shape == (3, 50, 70)
