"""Metrics beyond PSNR, SSIM and MAE: one line each in `EXTRA_METRICS`, or the user's own by `package.module:name`.

A metric is a function from pictures and their target to one number each. To add one: write it in a file of its own, and name
it below. Those below have columns of their own in the metrics table; the user's own go into the column `other_scores`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from dpdeblur.models.metrics import lpips
from dpdeblur.transforms.images.image import Image, full_range
from dpdeblur.transforms.records import SceneError, UsageError
from dpdeblur.transforms.scoring import ms_ssim
from dpdeblur.transforms.scoring.metrics import comparable
from dpdeblur.transforms.wording import did_you_mean

ALWAYS = ("psnr", "ssim", "mae")  # cost next to nothing, and are in every row

ScorePictures = Callable[[Sequence[Image], Image], list[float]]


@dataclass(frozen=True, slots=True)
class ExtraMetric:
    """One metric.

    Attributes:
        name: what `--metrics` calls it, and the column of its scores.
        label: what tables and pages call it.
        open: loads what it needs, given the threads it may use; gives the function that scores pictures against their target,
            all of one shape, [H, W, 3] or [H, W], of 8 or 16 bits. It raises SceneError where they cannot be scored.
        higher_is_better: the direction; None if nobody said.
        digits: behind the decimal point, in tables.
        signature: what the signature of a score says of it.
    """

    name: str
    label: str
    open: Callable[[int], ScorePictures]
    higher_is_better: bool | None = None
    digits: int = 4
    signature: str = ""


@dataclass(frozen=True, slots=True)
class OpenMetric:
    """A metric that is ready to score."""

    metric: ExtraMetric
    score: ScorePictures


def open_metrics(names: Sequence[str], threads: int = 1) -> tuple[OpenMetric, ...]:
    """Return the metrics of these names (see `choose`), ready to score on so many threads."""
    return tuple(OpenMetric(metric, metric.open(threads)) for metric in choose(names))


def signatures(metrics: Sequence[OpenMetric]) -> tuple[str, ...]:
    """Return the part of these metrics in the signature of a score."""
    return tuple(opened.metric.signature or opened.metric.name for opened in metrics)


def choose(names: Sequence[str]) -> tuple[ExtraMetric, ...]:
    """Return the metrics of these names, each once, beyond those that are always computed.

    >>> [metric.name for metric in choose(["psnr", "lpips", "lpips"])]
    ['lpips']

    Args:
        names: of `ALWAYS`, of `EXTRA_METRICS`, or `package.module:name` of a function (picture, target) → float or of an
            `ExtraMetric`.

    Raises:
        UsageError: there is none of a name; says which there are.
    """
    wanted = dict.fromkeys(name for name in names if name not in ALWAYS)
    return tuple(_imported(name) if ":" in name else _registered(name) for name in wanted)


def _registered(name: str) -> ExtraMetric:
    if name in EXTRA_METRICS:
        return EXTRA_METRICS[name]
    known = [*ALWAYS, *EXTRA_METRICS]
    raise UsageError(
        f"there is no metric {name!r}.{did_you_mean(name, known)} There are {', '.join(known)}, "
        "or your own as package.module:name."
    )


def _imported(name: str) -> ExtraMetric:
    module, _, attribute = name.partition(":")
    try:
        found: Any = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(f"the metric {name!r} cannot be imported: {error}. Is its module on PYTHONPATH?") from error
    if isinstance(found, ExtraMetric):
        return found
    if not callable(found):
        raise UsageError(f"{name!r} is not a metric: it must be a function (picture, target) → float, or an ExtraMetric.")
    return ExtraMetric(attribute, attribute, partial(_open_function, found), signature=name)


def _open_function(function: Callable[[Image, Image], float], threads: int) -> ScorePictures:
    return lambda pictures, target: [float(function(picture, target)) for picture in pictures]


def _open_lpips(threads: int) -> ScorePictures:
    network = lpips.open_lpips(threads)

    def score(pictures: Sequence[Image], target: Image) -> list[float]:
        _check_size("LPIPS", target, lpips.SMALLEST)
        return network.distances(np.stack([_planes(picture) for picture in pictures]), _planes(target))

    return score


def _open_ms_ssim(threads: int) -> ScorePictures:
    def score(pictures: Sequence[Image], target: Image) -> list[float]:
        _check_size("MS-SSIM", target, ms_ssim.SMALLEST)
        return [ms_ssim.ms_ssim(*map(_fractions, comparable(picture, target))) for picture in pictures]

    return score


def _check_size(name: str, target: Image, smallest: int) -> None:
    height, width = target.shape[:2]
    if min(height, width) < smallest:
        raise SceneError(f"{name} needs at least {smallest} px each way, and the target is {width}x{height}.")


def _planes(picture: Image) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return [3, H, W] in [0, 1]; one channel stands for all three."""
    fractions = picture.astype(np.float32) / np.float32(full_range(picture))
    rgb = fractions if picture.ndim == 3 else np.stack([fractions] * 3, axis=-1)
    return np.ascontiguousarray(rgb.transpose(2, 0, 1))


def _fractions(picture: Image) -> np.ndarray[Any, np.dtype[np.float64]]:
    fractions: np.ndarray[Any, np.dtype[np.float64]] = picture / np.float64(full_range(picture))
    return fractions


EXTRA_METRICS = {
    metric.name: metric
    for metric in (
        ExtraMetric("lpips", "LPIPS", _open_lpips, higher_is_better=False, signature="lpips:alex-0.1"),
        ExtraMetric("ms_ssim", "MS-SSIM", _open_ms_ssim, higher_is_better=True, signature="ms-ssim:gaussian11"),
    )
}
