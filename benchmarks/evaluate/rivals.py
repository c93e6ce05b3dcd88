"""Classical rivals with an oracle: of each, the best setting per scene, chosen by looking at the target.

No real user has that oracle: it says what the method could reach at most with one disk for the whole picture. All work on
the mean of the views, in linear light, whose blur is the sum of both halves of the lens; borders are continued by reflection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import product

import numpy as np
from skimage.filters import unsharp_mask
from skimage.restoration import richardson_lucy, wiener

from benchmarks.evaluate.captures import Capture
from benchmarks.evaluate.quality import Planes, coded, linear

RADII = (2, 3, 4, 6, 9, 12, 15)  # px
BALANCES = (0.001, 0.01, 0.1, 1, 10)
ITERATIONS = (5, 15)
Deconvolve = Callable[[Planes, Planes, float], Planes]
Merit = Callable[[Planes, Planes], float]
"""What the oracle goes by: a picture in [0, 1] and its target to a number, the higher the better."""


def best_unsharp(capture: Capture, merit: Merit) -> tuple[Planes, str]:
    """Unsharp masking of the gamma-coded picture, as editors do it."""
    before = capture.before
    tried = (
        (unsharp_mask(before, radius=r, amount=a, channel_axis=0 if before.ndim == 3 else None), f"radius {r} px, amount {a}")
        for r, a in product((1, 2, 4), (0.5, 1, 2))
    )
    return _best(capture, tried, merit)


def best_wiener(capture: Capture, merit: Merit) -> tuple[Planes, str]:
    """Wiener filtering with a disk (`skimage.restoration.wiener`)."""
    return _search(capture, BALANCES, lambda image, disk, balance: wiener(image, disk, balance, clip=True), "balance", merit)


def best_richardson_lucy(capture: Capture, merit: Merit) -> tuple[Planes, str]:
    """Richardson-Lucy deconvolution with a disk (`skimage.restoration.richardson_lucy`)."""
    return _search(
        capture,
        ITERATIONS,
        lambda image, disk, count: richardson_lucy(image, disk, int(count), filter_epsilon=1e-6),
        "iterations",
        merit,
    )


RIVALS = {
    "unsharp masking": best_unsharp,
    "Wiener, oracle disk": best_wiener,
    "Richardson-Lucy, oracle disk": best_richardson_lucy,
}


def disk(radius: float) -> Planes:
    """A disk of `radius` pixels, its edge smoothed over one pixel, of sum 1."""
    reach = int(np.ceil(radius + 0.5))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    kernel = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1)
    return np.asarray(kernel / kernel.sum(), np.float32)


def _search(capture: Capture, settings: Iterable[float], deconvolve: Deconvolve, name: str, merit: Merit) -> tuple[Planes, str]:
    """The best of every radius with every setting."""
    light = linear(capture.before).astype(np.float32)
    return _best(
        capture,
        (
            (_by_plane(light, disk(radius), setting, deconvolve), f"radius {radius:g} px, {name} {setting:g}")
            for radius, setting in product(RADII, settings)
        ),
        merit,
    )


def _by_plane(light: Planes, kernel: Planes, setting: float, deconvolve: Deconvolve) -> Planes:
    border = 2 * kernel.shape[0]
    planes = light[None] if light.ndim == 2 else light
    padded = np.pad(planes, ((0, 0), (border, border), (border, border)), "reflect")
    sharp = np.stack([deconvolve(plane, kernel, setting) for plane in padded])[:, border:-border, border:-border]
    return coded(sharp[0] if light.ndim == 2 else sharp).astype(np.float64)


def _best(capture: Capture, tried: Iterable[tuple[Planes, str]], merit: Merit) -> tuple[Planes, str]:
    return max(tried, key=lambda pair: merit(np.clip(pair[0], 0, 1), capture.target))


def psnr_db(a: Planes, target: Planes) -> float:
    """PSNR of planes in [0, 1]."""
    return -10 * float(np.log10(np.mean((a - target) ** 2)))
