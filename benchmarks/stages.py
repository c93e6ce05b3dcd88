"""Question i: each stage around the model against what a plain script does in its place, on one thread."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import imagecodecs
import numpy as np

from benchmarks import plain, timing
from benchmarks.answers import Answer
from dpdeblur.models.runtime.allocator import keep_freed_memory
from dpdeblur.transforms.images import codecs, conversion
from dpdeblur.transforms.images.tone_curve import AS_STORED
from dpdeblur.transforms.scoring import metrics

Stage = Callable[[], object]


def measure(scene: Path, rounds: int, say: Callable[[str], None]) -> dict[str, dict[str, list[float]]]:
    """Milliseconds of each stage, ours and theirs in turn.

    Args:
        scene: folder with left.png and so on.
        rounds: how often, after one run to warm up.
        say: is told of progress.
    """
    keep_freed_memory()
    cv2.setNumThreads(1)
    taken: dict[str, dict[str, list[float]]] = {}
    for name, (ours, theirs) in _stages(scene).items():
        taken[name] = {"ours": [], "theirs": []}
        ours(), theirs()
        for _ in range(rounds):
            taken[name]["ours"].append(_ms(ours))
            taken[name]["theirs"].append(_ms(theirs))
        say(f"  {name}: {median(taken[name]['ours']):.1f} against {median(taken[name]['theirs']):.1f} ms")
    return taken


def _stages(scene: Path) -> dict[str, tuple[Stage, Stage]]:
    left, right, target = (codecs.decode((scene / f"{role}.png").read_bytes()) for role in ("left", "right", "target"))
    left64, target64 = (plain.read(str(scene / f"{role}.png")) for role in ("left", "target"))
    mean = conversion.float_planes((left,), AS_STORED)
    mean64 = np.asarray(mean.transpose(1, 2, 0), np.float64)
    session = Echo()
    return {
        "read and decode one picture": (
            lambda: codecs.decode((scene / "left.png").read_bytes()),
            lambda: cv2.imread(str(scene / "left.png"), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_ANYDEPTH),
        ),
        "two views of integers to float planes": (
            lambda: conversion.float_planes((left, right), AS_STORED),
            lambda: plain.restore(session, left / plain.FULL, right / plain.FULL, 1),
        ),
        "float planes to integers": (lambda: conversion.quantise(mean, 16, 3), lambda: plain.to_integers(mean64)),
        "PSNR, SSIM and MAE of one picture": (
            lambda: metrics.compare(left, target),
            lambda: plain.scores(left64, target64),
        ),
        "encode one picture": (lambda: codecs.encode(left), lambda: cv2.imencode(".png", left)),
        "read and decode one picture, imagecodecs for a rival": (
            lambda: codecs.decode((scene / "left.png").read_bytes()),
            lambda: imagecodecs.png_decode((scene / "left.png").read_bytes()),
        ),
        "encode one picture, imagecodecs for a rival": (
            lambda: codecs.encode(left),
            lambda: imagecodecs.png_encode(left, level=1, strategy=3, filter=16),  # as it says for speed
        ),
        "SHA-256 of one picture, which the script leaves out": (lambda: hashlib.sha256(right.data).digest(), lambda: None),
    }


class Echo:
    """A session that returns the left view: what is timed is around it."""

    def get_inputs(self) -> list[Any]:
        return [type("Port", (), {"name": "views"})]

    def run(self, outputs: None, tensors: dict[str, np.ndarray[Any, Any]]) -> list[Any]:
        return [tensors["views"][:, :3]]


def _ms(stage: Stage) -> float:
    start = time.perf_counter()
    stage()
    return (time.perf_counter() - start) * 1e3


def answers(measured: dict[str, Any]) -> list[Answer]:
    """What was asked."""
    lines = []
    for name, taken in measured.items():
        ours, theirs = median(taken["ours"]), median(taken["theirs"])
        aim: dict[str, Any] = {"relation": ">=", "target": 15} if "SSIM" in name else {}
        if theirs < ours / 100:
            lines.append(Answer("i", name, ours, "ms"))
        else:
            ratio = timing.ratio(taken["theirs"], taken["ours"])
            lines.append(Answer("i", name, ratio, "×", **aim, note=f"{theirs:.0f} / {ours:.1f} ms"))
    return lines
