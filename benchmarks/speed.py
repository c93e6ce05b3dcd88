"""Questions a to d: the job against a plain script, against a thread pool, with one worker, and against its bare model."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from benchmarks import plain, timing
from benchmarks.answers import Answer
from benchmarks.timing import DPDEBLUR, Taken

WORKERS = 2
SCORES = plain.COLUMNS[1:]
Rows = Mapping[str, Mapping[str, float]]  # scene_id → column → value


@dataclass(frozen=True, slots=True)
class Setting:
    """What is run on what.

    Attributes:
        model: the ONNX file of about 250 ms per megapixel.
        multiple: of its sizes, in pixels.
        fastest: the backend of the second comparison.
        few, many: manifests for the slow and for the quick contestants; the first scenes of both are the same.
        shards: the scenes of `many`, packed with the codec that is read fastest.
        work: folder for results.
    """

    model: Path
    multiple: int
    fastest: str
    few: Path
    many: Path
    shards: Path
    work: Path


def job(
    source: Path, output: Path, model: Path | str, *more: str, check: Callable[[Path], None] = lambda output: None
) -> Taken:
    """`dpdeblur deblur` as a user types it, pictures and all."""
    places = ["--input", str(source), "--output", str(output), "--model", str(model)]
    return timing.run([DPDEBLUR, "deblur", *places, "--images", "restored", "--quiet", *more], output, check)


def measure(setting: Setting, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Run all contestants; gives what each took, and how far the tables are apart."""
    tables: dict[str, Rows] = {}
    module, output, model = partial(_module, setting.work / "run"), setting.work / "run", setting.model
    fast = ("--backend", setting.fastest, "--images-format", "tiff")

    def keep(name: str, read: Callable[[Path], Rows]) -> Callable[[Path], None]:
        return lambda folder: tables.update({name: read(folder)})

    def rescored(folder: Path) -> None:
        tables["fast"] = _job_rows(folder)
        tables["fast, scored by the script"] = _score_again(folder, setting.many)

    two, one = ("--workers", str(WORKERS)), ("--workers", "1")
    contestants = {
        "script": lambda: module(
            "plain", setting.few, model, output, str(setting.multiple), check=keep("script", _script_rows)
        ),
        "job": lambda: job(setting.many, output, model, *two, check=keep("job", _job_rows)),
        "pool": lambda: module("pool", setting.many, model, output, str(WORKERS)),
        "job, 1 worker": lambda: job(setting.few, output, model, *one),
        "model": lambda: _bare(setting, "onnxruntime"),
        "fast": lambda: job(setting.shards, output, model, *two, *fast, check=rescored),
        "fast model": lambda: _bare(setting, setting.fastest),
    }
    taken = timing.tour(contestants, rounds, say)
    return {
        "taken": {name: [asdict(run) for run in runs] for name, runs in taken.items()},
        "differences": {
            "job and script": _apart(tables["job"], tables["script"], SCORES),
            "fast and script, before restoring": _apart(tables["fast"], tables["script"], SCORES[3:]),
            "fast, scored by the script": _apart(tables["fast"], tables["fast, scored by the script"], SCORES),
        },
        "fastest": setting.fastest,
    }


def answers(measured: dict[str, Any]) -> list[Answer]:
    """What was asked."""
    taken = measured["taken"]

    def times(name: str) -> list[float]:
        return [run["scene_ms"] for run in taken[name]]

    def against(slow: str, fast: str, what: str = "scene_ms") -> float:
        return timing.ratio([run[what] for run in taken[slow]], [run[what] for run in taken[fast]])

    def ms(*names: str) -> str:
        return " / ".join(f"{median(times(name)):.0f}" for name in names) + " ms per scene"

    fastest = measured["fastest"]
    return [
        Answer("a", "a plain script against the job, model of 250 ms/MP", against("script", "job"), "×", ">=", 4,
               ms("script", "job")),
        Answer("a", f"the same script against the job on {fastest}, TIFF in shards", against("script", "fast"), "×", ">=", 8,
               ms("script", "fast")),
        Answer("a", "largest difference between their tables", max(measured["differences"].values()), "", "<=", 1e-9,
               "PSNR in dB, SSIM, MAE, before and after"),
        Answer("b", "the job against a thread pool without Beam", against("job", "pool"), "×", "<=", 1.05, ms("job", "pool")),
        Answer("c", "1 worker against 2", against("job, 1 worker", "job"), "×", ">=", 1.9, ms("job, 1 worker", "job")),
        Answer("d", "the job against its bare model, 250 ms/MP", against("job", "model"), "×", note=ms("job", "model")),
        Answer("d", f"the same on {fastest}, shards and pictures in TIFF", against("fast", "fast model"), "×", "<=", 1.8,
               ms("fast", "fast model")),
    ]  # fmt: skip


def _module(output: Path, name: str, *words: str | Path, check: Callable[[Path], None] = lambda output: None) -> Taken:
    return timing.run([timing.PYTHON, "-m", f"benchmarks.{name}", *words], output, check)


def _bare(setting: Setting, backend: str) -> Taken:
    return timing.floor("benchmarks.bare", setting.model, backend, str(WORKERS), "16")


def _script_rows(folder: Path) -> Rows:
    with (folder / "metrics.csv").open(newline="") as stream:
        return {row["scene_id"]: {name: float(row[name]) for name in SCORES} for row in csv.DictReader(stream)}


def _job_rows(folder: Path) -> Rows:
    rows = pq.read_table(folder / "metrics", columns=["scene_id", *SCORES]).to_pylist()
    return {row["scene_id"]: {name: row[name] for name in SCORES} for row in rows}


def _score_again(folder: Path, manifest: Path) -> Rows:
    """The first scene's scores, by the script's functions, from the picture that the job wrote."""
    with manifest.open(newline="") as stream:
        scene = next(csv.DictReader(stream))
    target, combined = plain.read(scene["target"]), plain.read(scene["combined"])
    sharp = plain.read(str(folder / "images" / f"{scene['id']}.tif"))
    values = (*plain.scores(sharp, target), *plain.scores(combined, target))
    return {scene["id"]: dict(zip(SCORES, values, strict=True))}


def _apart(one: Rows, other: Rows, columns: tuple[str, ...]) -> float:
    """The largest difference, over the scenes that both have: at least one."""
    return max(float(np.abs(one[scene][name] - other[scene][name])) for scene in {*one} & {*other} for name in columns)
