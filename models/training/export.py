"""Checkpoint(s) to ONNX: `python -m dpdeblur.models.training.export dpdeblur-s weights-*.pt --output FILE.onnx`.

Several checkpoints are averaged, weight by weight. The exported file is run and compared with the network before it
gets its name; its card is stamped into it and written beside it.
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
from dpdeblur.models.training.network import CONFIGS, Config, DeblurNet, gmac, halo
from dpdeblur.models.training.pool import Pool
from dpdeblur.models.training.quantise import quantised

TOLERANCE = 1e-5


def averaged_weights(paths: Sequence[Path]) -> dict[str, np.ndarray]:
    """Return the mean of the checkpoints' weights as float32 arrays."""
    states = [torch.load(path, map_location="cpu") for path in paths]
    return {key: sum(s[key].double() for s in states).div(len(states)).float().numpy() for key in states[0]}


def stored(weights: Weights, half: bool) -> dict[str, np.ndarray]:
    """Return the weights as the file will hold them: large ones rounded to half precision where `half` says so."""
    return {
        k: v.astype(np.float16).astype(np.float32) if half and v.size >= 64 and v.ndim == 4 else v for k, v in weights.items()
    }


def _scaled(weights: Weights, residual: float) -> dict[str, np.ndarray]:
    return {k: v * np.float32(residual) if k.startswith("head.") else v for k, v in weights.items()}


def largest_difference(
    config: Config, weights: Weights, model: onnx.ModelProto, second: Weights | None, size: tuple[int, int] = (88, 147)
) -> float:
    """Return the largest absolute difference between network and graph on random views [1, 6, *size]."""
    rng = np.random.default_rng(0)
    coarse = torch.from_numpy(rng.random((1, 6, size[0] // 8, size[1] // 8), np.float32))
    smooth = torch.nn.functional.interpolate(coarse, size, mode="bilinear")
    views = smooth + 0.05 * torch.from_numpy(rng.random((1, 6, *size), np.float32))
    networks = [DeblurNet(config).eval() for _ in range(2)]
    for network, state in zip(networks, (weights, second or weights), strict=True):
        network.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in state.items()})
    with torch.no_grad():
        below, right = (-n % networks[0].multiple for n in size)
        padded = torch.nn.functional.pad(views, (0, right, 0, below), mode="reflect")
        first = networks[0](padded)
        out = first if second is None else (first + networks[1](padded.flip(2)).flip(2)) / 2
        expected = out[..., : size[0], : size[1]].numpy()
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return float(np.abs(session.run(None, {"views": views.numpy()})[0] - expected).max())


def card(name: str, weights: Weights, second: Weights | None, notes: dict[str, Any]) -> Card:
    """Return the model's card; `notes` may hold version, description, training_data, quality and cost."""
    config = CONFIGS[name]
    network = DeblurNet(config)
    passes = 1 if second is None else 2
    own = {"parameters": passes * sum(int(v.size) for v in weights.values()), "gmac": round(passes * gmac(network), 2)}
    return Card(
        name=notes.get("name", name),
        version=notes.get("version", "1.0.0"),
        description=notes.get("description", ""),
        views="left right",
        transfer="srgb",
        size_multiple=network.multiple,
        halo_px=halo(config),
        exact_tiles=True,
        training_data=notes.get("training_data", ""),
        licence="Apache-2.0",
        quality=notes.get("quality", {}),
        cost={"bytes_per_pixel": 400, **own, **notes.get("cost", {})},
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Average, build, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=CONFIGS, help="the network")
    parser.add_argument("checkpoints", nargs="+", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--residual", type=float, default=1.0, help="factor on what the network adds, folded into its head")
    second_help = "checkpoints of another run: it sees the mirror image, the two are averaged; twice the cost"
    parser.add_argument("--second", nargs="+", type=Path, help=second_help)
    parser.add_argument("--float32", action="store_true", help="store weights in single precision: twice the size")
    parser.add_argument(
        "--int8", type=Path, metavar="POOL", help="also write FILE-int8.onnx, calibrated on examples from this pool"
    )
    parser.add_argument(
        "--notes", type=Path, help="JSON with what the card says beyond the graph: training_data, quality, cost …"
    )
    args = parser.parse_args(argv)
    config, half = CONFIGS[args.model], not args.float32
    weights = averaged_weights(args.checkpoints)
    second = averaged_weights(args.second) if args.second else None
    model = build_graph(config, weights, half=half, residual=args.residual, second=second)
    # The head is scaled before it is rounded; compare with what the file holds.
    held, other = (None if w is None else stored(_scaled(w, args.residual), half) for w in (weights, second))
    assert held is not None
    difference = largest_difference(config, held, model, other)
    if difference > TOLERANCE:
        raise SystemExit(f"the exported graph differs from the network by {difference:.2g}, more than {TOLERANCE:g}")
    args.output.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, args.output)
    notes = json.loads(args.notes.read_text()) if args.notes else {}
    if args.int8:
        pool = Pool(args.int8, np.random.default_rng(0), crop=192)
        views = (pool.batch(1)[0] for _ in range(48))
        single = build_graph(config, weights, half=False, residual=args.residual, second=second)
        small = args.output.with_name(args.output.stem + "-int8.onnx")
        onnx.save(quantised(single, views), small)
        notes8 = {**notes, "name": notes.get("name", args.model) + "-int8", "quality": {}}
        stamp(small, card(args.model, weights, second, notes8))
    stamp(args.output, card(args.model, weights, second, notes))
    sys.stdout.write(
        f"{args.output}: {args.output.stat().st_size / 1e6:.2f} MB, differs from the network by {difference:.1e}\n"
    )


if __name__ == "__main__":
    main()
