"""Checkpoint(s) to ONNX: `python -m models.export dpdeblur-m weights-*.pt --output FILE.onnx`.

Several checkpoints are averaged, weight by weight. The exported file is run and compared with the network before it
gets its name; beside it a `.facts.json` says what a model card needs to know.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch

from models.network import CONFIGS, Config, DeblurNet, gmac, halo
from models.training.graph import Weights, build_graph
from models.training.pool import Pool
from models.training.quantise import quantised

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


def largest_difference(
    config: Config, weights: Weights, model: onnx.ModelProto, residual: float, size: tuple[int, int] = (88, 147)
) -> float:
    """Return the largest absolute difference between network and graph on random views [1, 6, *size]."""
    rng = np.random.default_rng(0)
    coarse = torch.from_numpy(rng.random((1, 6, size[0] // 8, size[1] // 8), np.float32))
    smooth = torch.nn.functional.interpolate(coarse, size, mode="bilinear")
    views = smooth + 0.05 * torch.from_numpy(rng.random((1, 6, *size), np.float32))
    network = DeblurNet(config).eval()
    network.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in weights.items()})
    with torch.no_grad():
        network.head.weight.mul_(residual)
        network.head.bias.mul_(residual)
        below, right = (-n % network.multiple for n in size)
        padded = torch.nn.functional.pad(views, (0, right, 0, below), mode="replicate")
        out = (network(padded) + network(padded.flip(2)).flip(2)) / 2 if flip else network(padded)
        expected = out[..., : size[0], : size[1]].numpy()
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return float(np.abs(session.run(None, {"views": views.numpy()})[0] - expected).max())


def facts(name: str, weights: Weights, training: dict[str, object]) -> dict[str, object]:
    """Return what a card needs to know about a model and cannot be read off its file."""
    config = CONFIGS[name]
    network = DeblurNet(config)
    return {
        "name": name,
        "version": "1.0.0",
        "licence": "Apache-2.0",
        "inputs": {"views": "float32 [1, 6, H, W]: left RGB, right RGB, gamma-coded, in [0, 1]"},
        "outputs": {"sharp": "float32 [1, 3, H, W]: RGB, gamma-coded, not clipped"},
        "size_multiple": network.multiple,
        "halo": halo(config),
        "parameters": int(sum(v.size for v in weights.values())),
        "gmac_1680x1120": round(gmac(network), 2),
        "training": training,
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Average, build, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=CONFIGS)
    parser.add_argument("checkpoints", nargs="+", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--residual", type=float, default=1.0, help="factor on what the network adds, folded into its head")
    parser.add_argument("--flip", action="store_true", help="average over the picture and its vertical mirror image: twice the cost")
    parser.add_argument("--float32", action="store_true", help="store weights in single precision: twice the size")
    parser.add_argument("--int8", type=Path, metavar="POOL", help="also write FILE-int8.onnx, calibrated on examples from this pool")
    parser.add_argument("--training", type=Path, help="JSON with the training facts, kept in the facts file")
    args = parser.parse_args(argv)
    config, half = CONFIGS[args.model], not args.float32
    weights = averaged_weights(args.checkpoints)
    model = build_graph(config, weights, half=half, residual=args.residual, flip=args.flip)
    # The head is scaled before it is rounded; scaling is no part of rounding's error, so compare with what is stored.
    scaled = {k: v * np.float32(args.residual) if k.startswith("head.") else v for k, v in weights.items()}
    difference = largest_difference(config, stored(scaled, half), model, args.flip)
    if difference > TOLERANCE:
        raise SystemExit(f"the exported graph differs from the network by {difference:.2g}, more than {TOLERANCE:g}")
    args.output.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, args.output)
    if args.int8:
        pool = Pool(args.int8, np.random.default_rng(0), crop=192)
        views = (pool.batch(1)[0] for _ in range(48))
        single = build_graph(config, weights, half=False, residual=args.residual, flip=args.flip)
        onnx.save(quantised(single, views), args.output.with_name(args.output.stem + "-int8.onnx"))
    training = json.loads(args.training.read_text()) if args.training else {}
    text = json.dumps(facts(args.model, weights, training), indent=1, ensure_ascii=False)
    args.output.with_suffix(".facts.json").write_text(text + "\n")
    sys.stdout.write(
        f"{args.output}: {args.output.stat().st_size / 1e6:.2f} MB, differs from the network by {difference:.1e}\n"
    )


if __name__ == "__main__":
    main()
