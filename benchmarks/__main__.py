"""Measure speed, as ratios taken side by side, and write them to `benchmarks/results.json` and `docs/performance.md`.

What is measured is also appended to `benchmarks/history.csv`, with the commit and the machine: there a slow-down shows.

    python -m benchmarks                        # all questions, on a quiet machine with two cores: about 8 minutes
    python -m benchmarks --only shards --rounds 1 --scratch

Questions: speed (a to d), memory (e), backends (f), shards (g), tiles (h), stages (i), startup (j), graph (k).
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import backends, graph, history, memory, network, page, scenes, shards, speed, stages, startup, tiles
from benchmarks.answers import Answer
from dpdeblur.models.machine import cpu_name, usable_cores
from dpdeblur.models.runtime import zoo
from dpdeblur.pipelines.run.provenance import versions
from tests.tiny_onnx import conv_net_multiple

ROOT = Path(__file__).resolve().parents[1]
RESULTS, HISTORY = ROOT / "benchmarks/results.json", ROOT / "benchmarks/history.csv"
QUESTIONS = {
    "speed": speed,
    "memory": memory,
    "backends": backends,
    "shards": shards,
    "tiles": tiles,
    "stages": stages,
    "startup": startup,
    "graph": graph,
}
DIFFERENT = 4  # scenes; collections name them again and again
SHOWN = ("python", "apache-beam", "numba", "numpy", "onnxruntime", "openvino", "scikit-image")
print = partial(print, flush=True)


def main() -> None:
    args = arguments()
    started, facts = time.monotonic(), about()
    with tempfile.TemporaryDirectory(prefix="dpdeblur-bench-", dir=args.temp) as folder:
        measured = measure(args, Path(folder))
    facts["minutes"] = round((time.monotonic() - started) / 60, 1)
    show(answered(measured))
    print(f"{facts['minutes']} minutes")
    if not args.scratch:
        history.append(HISTORY, history.commit(ROOT), facts, answered(measured))
        keep(facts, measured)


def answered(measured: dict[str, Any]) -> list[Answer]:
    return [answer for name, module in QUESTIONS.items() if name in measured for answer in module.answers(measured[name])]


def keep(facts: dict[str, Any], measured: dict[str, Any]) -> None:
    """Write results and page; what was not asked this time keeps its answer, and the page the facts of the whole run."""
    before = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    if len(measured) < len(QUESTIONS):
        measured = {**before.get("measured", {}), **measured}
        facts = before.get("facts", facts)
    answers = answered(measured)
    told = [{**asdict(answer), "met": answer.met} for answer in answers]
    RESULTS.write_text(json.dumps({"facts": facts, "answers": told, "measured": measured}, indent=1) + "\n", encoding="utf-8")
    page.write(ROOT / "docs/performance.md", facts, answers)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=QUESTIONS, default=list(QUESTIONS))
    parser.add_argument("--rounds", type=int, default=3, help="how often everything is run (default: 3)")
    parser.add_argument("--scenes", type=int, default=24, help="of each run; the slow rivals get a third (default: 24)")
    parser.add_argument("--temp", type=Path, help="where scenes and results go for the time being: about 2 GB")
    parser.add_argument("--scratch", action="store_true", help="print only: leave results.json and the page as they are")
    return parser.parse_args()


def about() -> dict[str, Any]:
    """When, and on what."""
    found = versions()
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cpu": cpu_name(),
        "cores": usable_cores(),
        "load_before": os.getloadavg()[0],
        "versions": ", ".join(f"{name} {found[name]}" for name in SHOWN if name in found),
    }


def measure(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Answer the questions asked, each with raw figures."""
    print("scenes …")
    model = network.write(folder / f"{network.NAME}.onnx")
    pictures = scenes.make(folder / "pictures", DIFFERENT)
    few, many = (scenes.collection(pictures, count) for count in (max(DIFFERENT, args.scenes // 3), args.scenes))
    packed = {codec: shards.pack(many, folder / codec, codec) for codec in shards.CODECS} if needs_shards(args) else {}
    fastest, rounds = backends.fastest(), args.rounds
    ask: dict[str, Callable[[], Any]] = {
        "speed": lambda: speed.measure(
            speed.Setting(model, conv_net_multiple(network.UNSHUFFLE), fastest, few, many, packed["tiff"], folder),
            rounds,
            print,
        ),
        "memory": lambda: memory.measure(pictures, model, fastest, folder, print),
        "backends": lambda: backends.measure(models(model), rounds, print),
        "shards": lambda: shards.measure(many, packed, folder, max(1, rounds - 1), print),
        "stages": lambda: stages.measure(pictures / "scene-0", 3 * rounds, print),
        "startup": lambda: startup.measure(7 * rounds, folder, print),
        "graph": lambda: graph.measure(models(model), rounds, print),
        "tiles": lambda: tiles.measure(str(model) if zoo.DEFAULT == shards.MODEL else zoo.DEFAULT, print),
    }
    measured = {}
    for name in args.only:
        print(f"{name} …")
        measured[name] = ask[name]()
    return measured


def needs_shards(args: argparse.Namespace) -> bool:
    return bool({"speed", "shards"} & {*args.only})


def models(reference: Path) -> dict[str, str]:
    """The reference, and every trained model of the package."""
    return {network.NAME: str(reference)} | {name: name for name in zoo.names() if name != shards.MODEL}


def show(answers: list[Answer]) -> None:
    table = Table(*page.HEAD, box=None, pad_edge=False)
    for answer in answers:
        table.add_row(*answer.cells())
    Console(width=170).print(table)


if __name__ == "__main__":
    main()
