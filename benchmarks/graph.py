"""Question k: which kinds of nodes a model's time goes to, by ONNX Runtime's own profiler."""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnxruntime

from benchmarks.answers import Answer
from benchmarks.scenes import HEIGHT, WIDTH
from dpdeblur.models.runtime import zoo
from dpdeblur.models.runtime.backends import session_options
from dpdeblur.models.runtime.card import CardOverrides
from dpdeblur.models.runtime.opening import open_file

CONVOLUTIONS = ("Conv", "FusedConv", "ConvTranspose")
SMALLEST_SHOWN = 0.01  # of the whole


def measure(models: Mapping[str, str], rounds: int, say: Callable[[str], None]) -> dict[str, dict[str, list[float]]]:
    """Return the milliseconds that each kind of node takes of one picture on one thread, by model and kind, one for each round.

    Args:
        models: files or names, by the name to show.
        rounds: pictures of each, after one to warm up.
        say: is told of progress.
    """
    measured = {}
    for name, model in models.items():
        with tempfile.TemporaryDirectory(prefix="dpdeblur-bench-") as folder:
            kinds = [_by_kind(run) for run in _profile(model, rounds, Path(folder))]
        measured[name] = {kind: [run[kind] for run in kinds] for kind in sorted(set().union(*kinds))}
        say(f"  {name}: {_told(shares(measured[name]))}")
    return measured


def _profile(model: str, rounds: int, folder: Path) -> Sequence[Sequence[Mapping[str, Any]]]:
    """Return what the profiler says of the nodes of a graph, of one picture after the other."""
    opened = open_file(model, None, "onnxruntime", threads=1, callers=1, overrides=CardOverrides())
    binding, multiple = opened.binding, opened.card.size_multiple
    options = session_options(threads=1, callers=1)
    options.enable_profiling, options.profile_file_prefix = True, str(folder / "profile")
    session = onnxruntime.InferenceSession(str(zoo.find(model)), options, providers=["CPUExecutionProvider"])
    height, width = (-(-side // multiple) * multiple for side in (HEIGHT, WIDTH))
    views = np.random.default_rng(0).random((9, height, width), np.float32)
    tensors = dict(binding.tensors(binding.frame(views, height, width)))
    for _ in range(rounds + 1):
        session.run([binding.output], tensors)
    events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    ends = [event["ts"] + event["dur"] for event in events if event["name"] == "model_run"]
    nodes = [event for event in events if event["cat"] == "Node" and event["name"].endswith("_kernel_time")]
    return [[node for node in nodes if before < node["ts"] <= end] for before, end in pairwise(sorted(ends))]


def _by_kind(nodes: Sequence[Mapping[str, Any]]) -> Mapping[str, float]:
    """Return the milliseconds of each kind of node; the profiler has microseconds."""
    taken: defaultdict[str, float] = defaultdict(float)
    for node in nodes:
        taken[node["args"]["op_name"]] += node["dur"] / 1e3
    return taken


def shares(taken: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Return the share that each kind of node has in the time of all, the largest first: medians over the rounds."""
    middle = {kind: median(ms) for kind, ms in taken.items()}
    whole = sum(middle.values())
    return {kind: ms / whole for kind, ms in sorted(middle.items(), key=lambda item: -item[1])}


def answers(measured: Mapping[str, Mapping[str, Sequence[float]]]) -> list[Answer]:
    """Return one line for each model: the share of its convolutions, and what the rest is."""
    lines = []
    for model, taken in measured.items():
        found = shares(taken)
        convolutions = sum(found.get(kind, 0.0) for kind in CONVOLUTIONS)
        rest = {kind: share for kind, share in found.items() if kind not in CONVOLUTIONS}
        lines.append(Answer("k", f"{model}: convolutions, of the time of its graph", 100 * convolutions, "%", note=_told(rest)))
    return lines


def _told(found: Mapping[str, float]) -> str:
    return ", ".join(f"{kind} {100 * share:.1f} %" for kind, share in found.items() if share >= SMALLEST_SHOWN)
