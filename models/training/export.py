"""Checkpoints to ONNX: `python -m dpdeblur.models.training.export dpdeblur-s weights-*.pt --output FILE.onnx`.

Several checkpoints are averaged, weight by weight. The exported graph is run and compared with the network before a file is
written; its card is stamped into it and written next to it.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch

from dpdeblur.models.runtime.card import Card
from dpdeblur.models.runtime.stamp import stamp
from dpdeblur.models.training.graph import Weights, build_graph
from dpdeblur.models.training.network import CONFIGS, GATE, Config, DeblurNet, gmac, halo

TOLERANCE = 1e-5
TRAINED_ON = (
    "Dual-pixel blur rendered (models.optics) on openly licensed photographs and on generated text and line art. No real "
    "dual-pixel pairs. See docs/training.md."
)


def averaged_weights(paths: Sequence[Path], name: str) -> dict[str, np.ndarray]:
    """Return the mean of the weights of network `name` in the checkpoints, as float32 arrays.

    Raises:
        KeyError: a checkpoint does not hold that network.
    """
    states = [torch.load(path, map_location="cpu")[name] for path in paths]
    return {key: sum(s[key].double() for s in states).div(len(states)).float().numpy() for key in states[0]}


def stored(weights: Weights, half: bool) -> dict[str, np.ndarray]:
    """Return the weights as the file will hold them: large ones rounded to half precision where `half` says so."""
    return {
        k: v.astype(np.float16).astype(np.float32) if half and v.size >= 64 and v.ndim == 4 else v for k, v in weights.items()
    }


def scaled(weights: Weights, residual: float) -> dict[str, np.ndarray]:
    """Return the weights with what the network adds to the mean of the views multiplied by `residual`."""
    return {k: v * np.float32(residual) if k.startswith("head.") else v for k, v in weights.items()}


def largest_difference(config: Config, weights: Weights, model: onnx.ModelProto, size: tuple[int, int] = (96, 160)) -> float:
    """Return the largest absolute difference between network and graph on random views [1, 6, *size]."""
    rng = np.random.default_rng(0)
    coarse = torch.from_numpy(rng.random((1, 6, size[0] // 8, size[1] // 8), np.float32))
    smooth = torch.nn.functional.interpolate(coarse, size, mode="bilinear")
    views = smooth + 0.05 * torch.from_numpy(rng.random((1, 6, *size), np.float32))
    network = DeblurNet(config).eval()
    network.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in weights.items()})
    with torch.no_grad():
        expected = network(views).numpy()
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return float(np.abs(session.run(None, {"views": views.numpy()})[0] - expected).max())


def card(name: str, weights: Weights, notes: dict[str, Any]) -> Card:
    """Return the model's card; `notes` may hold name, version, description, training_data, quality and cost."""
    config = CONFIGS[name]
    network = DeblurNet(config)
    own = {"parameters": sum(int(v.size) for v in weights.values()), "gmac": round(gmac(network), 2)}
    return Card(
        name=notes.get("name", name),
        version=notes.get("version", "1"),
        description=notes.get("description", ""),
        views="left right",
        transfer="srgb",
        size_multiple=network.multiple,
        halo_px=halo(config),
        exact_tiles=True,
        training_data=notes.get("training_data", TRAINED_ON),
        licence="Apache-2.0",
        quality=notes.get("quality", {}),
        cost={"bytes_per_pixel": 400, **own, **notes.get("cost", {})},
    )


def export(
    name: str,
    checkpoints: Sequence[Path],
    output: Path,
    *,
    residual: float = 1.0,
    gate: float | None = None,
    half: bool = True,
    notes: dict[str, Any] | None = None,
) -> float:
    """Average, build, compare, write `output` and its card; see `main`.

    Returns:
        The largest difference between the network and the graph on views in [0, 1].

    Raises:
        ValueError: they differ by more than `TOLERANCE`; nothing is written.
    """
    weights = averaged_weights(checkpoints, name)
    if gate is not None:
        weights["gate"] = np.log(np.float32(gate / GATE))
    model = build_graph(CONFIGS[name], weights, half=half, residual=residual)
    # The head is scaled before it is rounded; compare with what the file holds.
    difference = largest_difference(CONFIGS[name], stored(scaled(weights, residual), half), model)
    if difference > TOLERANCE:
        raise ValueError(f"the exported graph differs from the network by {difference:.2g}, more than {TOLERANCE:g}")
    output.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, output)
    stamp(output, card(name, weights, notes or {}))
    return difference


def main(argv: Sequence[str] | None = None) -> None:
    """Export from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=CONFIGS, help="the network")
    parser.add_argument("checkpoints", nargs="+", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--residual", type=float, default=1.0, help="factor on what the network adds, folded into its head")
    parser.add_argument("--gate", type=float, help="threshold of the gate instead of the learned one (see network.GATE)")
    parser.add_argument("--float32", action="store_true", help="store weights in single precision: twice the size")
    parser.add_argument("--notes", type=Path, help="JSON file with further fields of the card: training_data, quality, cost …")
    args = parser.parse_args(argv)
    notes = json.loads(args.notes.read_text()) if args.notes else {}
    difference = export(
        args.model,
        args.checkpoints,
        args.output,
        residual=args.residual,
        gate=args.gate,
        half=not args.float32,
        notes=notes,
    )
    size = args.output.stat().st_size / 1e6
    sys.stdout.write(f"{args.output}: {size:.2f} MB, differs from the network by {difference:.1e}\n")


if __name__ == "__main__":
    main()
