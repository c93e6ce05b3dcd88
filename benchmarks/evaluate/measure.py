"""Methods against data sets: numbers for the tables, as plain dictionaries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.evaluate import captures, rivals, synthetic
from benchmarks.evaluate.captures import Capture
from benchmarks.evaluate.quality import BORDER, Planes, aligned_psnr_db, linear, quality
from dpdeblur.models.runtime.session import open_model
from dpdeblur.transforms.images.photographs import brought_photographs, find_photographs

NOTHING = "doing nothing"
Method = Callable[[Capture], tuple[Planes, str]]


def model_method(path: Path, threads: int, self_ensemble: int = 1) -> Callable[[Planes], Planes]:
    """What a model makes of float32 [6, H, W]: [3, H, W], not clipped."""
    model = open_model(path, threads=threads, self_ensemble=self_ensemble)
    return lambda views: model.restore(views, views.shape[1], views.shape[2])


def real(scenes: Sequence[Capture], method: Method, aligned: Method | None = None) -> dict[str, Any]:
    """Quality per scene: {scene: {"coded": …, "linear": …, "inside": …, "aligned_psnr_db": …, "setting": …}}.

    `inside` is gamma-coded without a border; `aligned_psnr_db` too, each block at its best offset: of what `aligned` gives,
    where that is another method than the one for all else.
    """
    rows = {}
    for scene in scenes:
        picture, setting = method(scene)
        picture = np.clip(picture, 0, 1)
        rows[scene.name] = {
            "coded": quality(picture, scene.target),
            "linear": quality(linear(picture), linear(scene.target)),
            "inside": quality(inside(picture), inside(scene.target)),
            "aligned_psnr_db": aligned_psnr_db(np.clip(aligned(scene)[0], 0, 1) if aligned else picture, scene.target),
            "setting": setting,
        }
    return rows


def inside(picture: Planes) -> Planes:
    """All but a border of 8 pixels: the targets of the Pixel 4 set have a black frame, one pixel wide, that no view has."""
    return picture[..., BORDER:-BORDER, BORDER:-BORDER]


def nothing(scene: Capture) -> tuple[Planes, str]:
    """The mean of the views."""
    return scene.before, ""


def by_model(restore: Callable[[Planes], Planes]) -> Method:
    """A model as a method: what it gives is clipped before channels are averaged, as the protocol says."""
    return lambda scene: (scene.as_target(np.clip(restore(scene.views), 0, 1)), "")


def by_rival(name: str, scenes: Sequence[Capture]) -> dict[str, Any]:
    """A classical method; the oracle chooses its setting by the PSNR, and once more by the aligned one for that."""
    rival = rivals.RIVALS[name]
    return real(scenes, lambda scene: rival(scene, rivals.psnr_db), lambda scene: rival(scene, aligned_psnr_db))


def real_sets(folder: Path) -> dict[str, list[Capture]]:
    """The sets of real captures under `folder`, by name."""
    return {"pixel4": captures.pixel4(folder / "pixel4"), "canon": captures.canon(folder / "canon")}


def synthetic_test(methods: dict[str, Callable[[Planes], Planes]], photos: str | None) -> dict[str, Any]:
    """Every method on the synthetic test; without photographs of one's own, on the brought ones."""
    paths = find_photographs(photos) if photos else brought_photographs()
    sums = {name: synthetic.Gains() for name in methods}
    for scene in synthetic.scenes(paths):
        for name, restore in methods.items():
            sums[name].add(scene, synthetic.clipped(restore, scene))
    return {name: gains.as_dict() for name, gains in sums.items()}
