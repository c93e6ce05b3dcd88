"""Measure models against doing nothing and against classical rivals, and write the tables of `docs/models.md`.

    python -m benchmarks.evaluate                                       # the models of the package
    python -m benchmarks.evaluate my.onnx --realdata DIR --photos DIR --page my.md

Numbers go to `benchmarks/evaluation.json`; those of the classical rivals, which do not change, are taken from there.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.evaluate import crops, measure, page, rivals, synthetic
from benchmarks.evaluate.captures import Capture
from benchmarks.evaluate.cost import costs
from benchmarks.evaluate.quality import Planes
from benchmarks.evaluate.safety import safety
from dpdeblur.models.machine import cpu_name
from dpdeblur.models.runtime import zoo

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
ENSEMBLE = 4  # passes, where fidelity counts more than time
PARTS = ("real", "synthetic", "safety", "cost")


def main() -> None:
    args = arguments()
    paths = {path.stem: path for path in args.models}
    restorers = {name: measure.model_method(path, args.threads) for name, path in paths.items()}
    before = json.loads(args.numbers.read_text()) if args.numbers.exists() else {}
    results = evaluate(args, paths, restorers, before)
    args.numbers.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    page.write(results, args.page) if args.page.exists() else args.page.write_text(page.section(results), encoding="utf-8")
    print(f"{args.numbers}\n{args.page}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=Path, help="ONNX files; by default the deblurring models of the package")
    parser.add_argument("--realdata", type=Path, default=SHARED / "realdata", help="real captures; left out where absent")
    parser.add_argument("--photos", type=Path, default=SHARED / "photos/test", help="for the synthetic test (Kodak)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--numbers", type=Path, default=ROOT / "benchmarks/evaluation.json")
    parser.add_argument("--page", type=Path, default=ROOT / "docs/models.md")
    parser.add_argument("--crops", type=Path, help="also write side-by-side crops of the real scenes here: not to be published")
    args = parser.parse_args()
    args.models = args.models or [zoo.find(name) for name in zoo.names() if name.startswith("dpdeblur")]
    return args


def evaluate(
    args: argparse.Namespace, paths: dict[str, Path], restorers: dict[str, Callable[[Planes], Planes]], results: dict[str, Any]
) -> dict[str, Any]:
    """Bring `results` up to date, part by part."""
    if "real" in args.only and args.realdata.is_dir():
        for name, scenes in measure.real_sets(args.realdata).items():
            known = {rival: results.get(name, {}).get(rival) or measure.by_rival(rival, scenes) for rival in rivals.RIVALS}
            ensembles = {
                f"{model} x{ENSEMBLE}": measure.model_method(path, args.threads, ENSEMBLE) for model, path in paths.items()
            }
            methods = {model: measure.by_model(restore) for model, restore in {**restorers, **ensembles}.items()}
            measured = {model: measure.real(scenes, method) for model, method in methods.items()}
            results[name] = {measure.NOTHING: measure.real(scenes, measure.nothing), **known, **measured}
            if args.crops:
                write_crops(args.crops / name, scenes, methods)
    if "synthetic" in args.only:
        photos = str(args.photos) if args.photos.is_dir() else None
        width, height = synthetic.SIZE
        source = "the 24 Kodak pictures" if photos else "the pictures that scikit-image brings"
        results["photographs"] = f"{synthetic.SCENES} scenes of {width}x{height} from {source}, seed {synthetic.SEED}"
        results["synthetic"] = measure.synthetic_test(restorers, photos)
    if "safety" in args.only:
        results["safety"] = {name: safety(restore) for name, restore in restorers.items()}
    if "cost" in args.only:
        results["machine"] = machine()
        results["cost"] = costs(paths)
    return results


def write_crops(folder: Path, scenes: list[Capture], methods: dict[str, measure.Method]) -> None:
    """Before | each model | target, at the busiest places of every scene."""
    for scene in scenes:
        pictures = [scene.before, *(method(scene)[0] for method in methods.values()), scene.target]
        strips = [crops.strip(pictures, *corner, 336) for corner in crops.busiest(scene.target, 336, 3)]
        crops.write(crops.stack(strips), folder / f"{scene.name}.png")


def machine() -> str:
    return f"{cpu_name()}, ONNX Runtime, NumPy {np.__version__}"


if __name__ == "__main__":
    main()
