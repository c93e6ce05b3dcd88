"""What a model must not do: make a sharp picture worse, or break on data that differ from its training."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from benchmarks.evaluate.quality import GAMMA, Planes, linear, quality
from benchmarks.evaluate.synthetic import Made, Restore, before, clipped, scenes
from dpdeblur.transforms.images.photographs import brought_photographs

COUNT, SIZE = 8, (384, 256)


def safety(restore: Restore) -> dict[str, float]:
    """Numbers by name; the page says what each means and what is asked of it."""
    blurred, sharp, eight = made(), made(largest_radius=0.0), made(bits=8)
    plain, focused = gains(restore, blurred), gains(restore, sharp)
    return {
        "in_focus_mean_db": float(np.mean(focused)),
        "in_focus_worst_db": float(np.min(focused)),
        "equal_views_db": min(quality(clipped(restore, equal(scene)), scene.target).psnr_db for scene in sharp),
        "one_channel_db": float(np.mean(gains(restore, [one_channel(scene) for scene in blurred]))),
        "one_channel_colour": max(colour(restore, one_channel(scene)) for scene in blurred),
        "rgb_db": float(np.mean(plain)),
        "rgb_worst_db": float(np.min(plain)),
        "dark_worst_db": float(np.min(gains(restore, [lit(scene, 1 / 64) for scene in blurred]))),
        "clipped_worst_db": float(np.min(gains(restore, [lit(scene, 8) for scene in blurred]))),
        "eight_bit_db": float(np.mean(gains(restore, eight))),
        "flat": max(flat(restore, level) for level in (0.0, 0.02, 0.5, 0.98, 1.0)),
    }


@cache
def made(**options: float) -> list[Made]:
    """The scenes that models are tried on, made once; options go to `simulate`."""
    return list(scenes(brought_photographs(), COUNT, SIZE, **options))


def gains(restore: Restore, made: list[Made]) -> list[float]:
    """PSNR gained on each scene, in dB."""
    return [quality(clipped(restore, s), s.target).psnr_db - quality(np.clip(before(s), 0, 1), s.target).psnr_db for s in made]


def equal(scene: Made) -> Made:
    """Both views are the target."""
    return replace(scene, views=np.concatenate([scene.target, scene.target]).astype(np.float32))


def one_channel(scene: Made) -> Made:
    """The green channel alone, three times, as a one-channel sensor is shown to the model."""
    return Made(np.repeat(scene.views[[1, 4]], 3, 0), np.repeat(scene.target[[1]], 3, 0), scene.radius)


def lit(scene: Made, exposure: float) -> Made:
    """The same scene in more or less light, clipped where it is too much, in 16 bits."""

    def change(values: Planes) -> Planes:
        return np.rint(np.clip(linear(values) * exposure, 0, 1) ** GAMMA * 65535) / 65535

    return replace(scene, views=change(scene.views).astype(np.float32), target=change(scene.target))


def colour(restore: Restore, scene: Made) -> float:
    """The largest difference between the channels of what should be grey, of full scale."""
    return float(np.ptp(clipped(restore, scene), axis=0).max())


def flat(restore: Restore, level: float) -> float:
    """By how much a flat picture is changed, of full scale."""
    return float(np.abs(np.clip(restore(np.full((6, 96, 128), level, np.float32)), 0, 1) - level).max())
