"""Real dual-pixel captures with something to compare with, each by the protocol of its set.

Pixel 4 (Xin et al., ICCV 2021): views as max(v - 1024, 0) / 16383, the right one times the ratio of the white sheets averaged
over 101x101, the central crop that the target covers, one least-squares gain per scene fitted on the mean of the views,
x^(1/2.2), 16 bits, three equal channels. Canon R6 Mark II (LinYark/Sdirt): f/4 against f/20, registered to about a pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
from scipy.ndimage import uniform_filter

from benchmarks.evaluate.quality import Planes, coded

BLACK, WHITE = 1024, 16383
TOP, LEFT, HEIGHT, WIDTH = 252, 336, 1008, 1344


@dataclass(frozen=True)
class Capture:
    """One scene: views float32 [6, H, W] (left RGB, right RGB), gamma-coded; target [H, W] or [3, H, W], float64, alike."""

    name: str
    views: Planes
    target: Planes

    @property
    def before(self) -> Planes:
        """What doing nothing gives: the mean of the views, shaped like the target."""
        return self.as_target((self.views[:3] + self.views[3:]).astype(np.float64) / 2)

    def as_target(self, picture: Planes) -> Planes:
        """A picture [3, H, W] as float64, its channels averaged where the target has one."""
        return (picture.mean(0) if self.target.ndim == 2 else picture).astype(np.float64)


def pixel4(folder: Path, scenes: str = "[0-9]*") -> list[Capture]:
    """The scenes of `realdata/pixel4`, or those whose names match."""
    white = [_light(folder / "calibration" / f"white_sheet_{side}.png") for side in ("left", "right")]
    ratio = uniform_filter((white[0] / white[1]).astype(np.float64), 101, mode="mirror").astype(np.float32)
    captures = []
    for scene in sorted(folder.glob(scenes)):
        left, right = _crop(_light(scene / "left.png")), _crop(_light(scene / "right.png") * ratio)
        target = _read(scene / "target.png") / 65535.0
        mean = (left + right) / 2
        gain = (mean * target).sum() / (mean * mean).sum()
        views = [np.repeat(coded(view * gain)[None], 3, 0).astype(np.float32) for view in (left, right)]
        captures.append(Capture(scene.name, np.concatenate(views), coded(target)))
    return captures


def canon(folder: Path) -> list[Capture]:
    """The pairs of `realdata/canon/flat`: the mean of the f/20 views is the target."""
    captures = []
    for scene in sorted(folder.glob("flat/*/*")):
        f4, f20 = (
            [_read(scene / stop / f"{side}.png").transpose(2, 0, 1) / np.float32(255) for side in "lr"]
            for stop in ("f4", "f20")
        )
        target = (f20[0].astype(np.float64) + f20[1]) / 2
        captures.append(Capture("-".join(scene.parts[-2:]), np.concatenate(f4).astype(np.float32), target))
    return captures


def _light(path: Path) -> Planes:
    return np.clip(_read(path).astype(np.float32) - BLACK, 0, None) / WHITE


def _crop(frame: Planes) -> Planes:
    return frame[TOP : TOP + HEIGHT, LEFT : LEFT + WIDTH]


def _read(path: Path) -> Planes:
    return np.asarray(imagecodecs.png_decode(path.read_bytes()))
