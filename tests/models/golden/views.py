"""The views that golden outputs are made of, and where those are kept: `python -m tests.models.golden.views` pins them anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from dpdeblur.models.runtime import zoo
from dpdeblur.models.runtime.session import open_model

Planes = np.ndarray[Any, np.dtype[Any]]
FOLDER = Path(__file__).parent
HEIGHT, WIDTH, EVERY = 96, 128, 4


def shipped() -> list[str]:
    """The deblurring models of the package."""
    return [name for name in zoo.names() if name.startswith("dpdeblur")]


def golden_views() -> Planes:
    """Stripes, edges and a texture, blurred by a box, the views 4 pixels apart: float32 [6, H, W], from sines alone."""
    y, x = np.mgrid[:HEIGHT, : WIDTH + 16].astype(np.float64)
    sharp = np.stack(
        [
            0.5
            + 0.3 * np.sign(np.sin(x / (5 + 3 * c)) * np.cos(y / 11))
            + 0.1 * np.sin(0.9 * x + 1.3 * y + c) * (y > HEIGHT / 2)
            for c in range(3)
        ]
    )
    sums = np.cumsum(sharp, axis=2)
    blurred = (sums[..., 8:] - sums[..., :-8]) / 8
    return np.concatenate([blurred[..., 4 : 4 + WIDTH], blurred[..., :WIDTH]]).astype(np.float32)


def pin(name: str) -> None:
    """Keep what the model gives now."""
    model = open_model(name)
    sharp = model.restore(golden_views(), HEIGHT, WIDTH)[:, ::EVERY, ::EVERY]
    np.savez_compressed(FOLDER / f"{name}.npz", sharp=sharp.astype(np.float32))


if __name__ == "__main__":
    for shipped_name in shipped():
        pin(shipped_name)
        print(f"pinned {shipped_name}")
