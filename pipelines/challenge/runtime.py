"""The time for one picture that an entry states: from a dedicated run, one picture after the other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from dpdeblur.models.errors import ModelError
from dpdeblur.models.machine import usable_cores
from dpdeblur.models.runtime.session import ModelSpec, load
from dpdeblur.models.runtime.timing import ModelTiming, time_model
from dpdeblur.pipelines.console import say
from dpdeblur.transforms.records import Score, UsageError
from dpdeblur.transforms.tables.results import Run

RUNS, WARMUP = 10, 2


def read(path: Path) -> ModelTiming:
    """Return what `dpdeblur latency --json` wrote.

    Raises:
        UsageError: it is gone, or it is something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        measured = ModelTiming(**content)
        known = min(measured.mean_ms, measured.width, measured.height, measured.threads) > 0 and measured.model_sha256.isalnum()
    except (OSError, ValueError) as error:
        raise UsageError(f"--latency {path} cannot be read: {error}.") from error
    except (TypeError, AttributeError):
        known = False
    if not known:
        raise UsageError(f"--latency {path} is not what dpdeblur latency --json writes.")
    return measured


def measure(finished: Run, name: str | None, threads: int | None) -> ModelTiming:
    """Time the model of a run, alone, at the run's most frequent size.

    Args:
        finished: the run.
        name: of the model, or the path of its file; None for the name that the run knows it by.
        threads: cores to use; None for all.

    Raises:
        UsageError: the model cannot be opened by that name, or was not run by ONNX Runtime.
    """
    score, settings = finished.scores[0], finished.manifest["settings"]
    if not score.backend.startswith("onnxruntime"):
        raise UsageError(f"The run used {score.backend}: measure that with dpdeblur latency, and give its file with --latency.")
    sizes = [(row.width, row.height) for row in finished.scores]
    width, height = max(set(sizes), key=sizes.count)
    spec = ModelSpec(name or settings["model"], threads=threads or usable_cores(), self_ensemble=self_ensemble(finished))
    say(f"Measuring {spec.model} at {width}x{height} on {spec.threads} threads, {RUNS} runs …")
    try:
        return time_model(load(spec), width, height, runs=RUNS, warmup=WARMUP)
    except ModelError as error:
        raise UsageError(f"{error}. Name the run's model file with --model, or give --latency.") from None


def self_ensemble(finished: Run) -> int:
    """Return the number of mirrored passes that the pictures of a run were averaged over."""
    return int(finished.manifest["settings"].get("self_ensemble", 1))


def description(measured: ModelTiming) -> str:
    """Return the line of readme.txt that names the model, backend and processor."""
    how = f"{measured.backend}, {measured.threads} threads of {measured.cpu}, one picture at a time"
    return f"{measured.model} by dpdeblur, {how}"


def per_image_s(measured: ModelTiming, scores: Sequence[Score], passes: int = 1) -> float:
    """Return the seconds for one picture: the mean measured, in proportion to the megapixels where pictures differ in size.

    Args:
        measured: what one picture takes.
        scores: of the pictures.
        passes: of the self-ensemble that made them.

    Raises:
        UsageError: another model was measured, another number of passes, or a picture of another size.
    """
    models, sizes = {score.model_sha256 for score in scores}, {(score.width, score.height) for score in scores}
    if models != {measured.model_sha256}:
        raise UsageError(f"The latency is of {measured.model}, but another model made the pictures: measure that one.")
    if passes != measured.self_ensemble:
        raise UsageError(
            f"The latency is of a self-ensemble of {measured.self_ensemble}, but the pictures were made with {passes}: "
            f"measure with --self-ensemble {passes}."
        )
    size = (measured.width, measured.height)
    seconds = measured.mean_ms / 1e3
    if len(sizes) > 1:
        return seconds * fmean(score.megapixels for score in scores) / (size[0] * size[1] / 1e6)
    if sizes != {size}:
        ((width, height),) = sizes
        raise UsageError(f"The latency is of {size[0]}x{size[1]} pixels: measure with --size {width}x{height}.")
    return seconds
