"""Dual-pixel scenes to measure on, made in seconds: size, depth and entropy of the real ones, without their meaning.

As PNG they take .86 of their raw size, like the pictures of the DPDD set: a decoder has as much to do.
"""

from __future__ import annotations

import csv
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

WIDTH, HEIGHT = 1680, 1120
ROLES = ("left", "right", "combined", "target")
SHIFT = 3  # px between the views
NOISE = 0.0135  # standard deviation: gives the size as PNG


def make(folder: Path, scenes: int, width: int = WIDTH, height: int = HEIGHT) -> Path:
    """Write `scenes` scenes of four 16-bit RGB PNG files each; returns the folder."""
    for number in range(scenes):
        draw = np.random.default_rng(number)
        texture = _texture(draw, width, height)
        for role, shift in zip(ROLES, (-SHIFT, SHIFT, 0, 0), strict=True):
            noise = draw.standard_normal(texture.shape, np.float32)
            samples = np.rint(65535 * np.clip(np.roll(texture, shift, 1) + NOISE * noise, 0, 1)).astype(np.uint16)
            path = folder / f"scene-{number}" / f"{role}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(imagecodecs.png_encode(samples, level=1))  # by libpng, adaptive filters: as most programs do
    return folder


def collection(folder: Path, scenes: int) -> Path:
    """A manifest of `scenes` scenes that names the same few files again and again, under an id of its own each time."""
    there = sorted(folder.glob("scene-*"))
    manifest = folder / f"{scenes}.csv"
    with manifest.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["id", *ROLES])
        for number in range(scenes):
            rows.writerow([f"{number:04d}", *(there[number % len(there)] / f"{role}.png" for role in ROLES)])
    return manifest


def _texture(draw: np.random.Generator, width: int, height: int) -> NDArray[np.float32]:
    """Detail of all sizes, the coarse the strongest, as photographs have it: [height, width, 3] from 0 to 1."""
    total = np.zeros((height, width, 3), np.float32)
    for cell in (512, 128, 32, 8):
        coarse = draw.random((height // cell + 2, width // cell + 2, 3), np.float32) - 0.5
        for channel in range(3):
            plane = Image.fromarray(coarse[..., channel]).resize((width, height), Image.Resampling.BICUBIC)
            total[..., channel] += np.asarray(plane) * (cell / 512) ** 0.3
    return total * 0.5 + 0.5
