"""The synthetic test: scenes made by `dpdeblur.models.optics.simulate` from photographs never trained on, gain by blur radius.

Every pixel's blur radius is known, so that the squared errors before and after can be gathered by radius over all scenes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.evaluate.quality import Planes, Quality, mean, quality
from dpdeblur.models.optics.simulate import draft_scene, scene_generator, simulate
from dpdeblur.transforms.images.photographs import read_photograph

SEED, SCENES, SIZE = 2021, 24, (768, 512)
EDGES = (0, 1, 4, 8, 12, 16, 22)  # px
Restore = Callable[[Planes], Planes]


@dataclass(frozen=True)
class Made:
    """One scene: views float32 [6, H, W], target float64 [3, H, W], radius [H, W], in gamma-coded values."""

    views: Planes
    target: Planes
    radius: Planes


@dataclass
class Gains:
    """What one method does to the scenes.

    Attributes:
        before, after: errors summed by radius, over all pixels.
        pixels: how many there are.
        rows: quality of each scene before and after.
    """

    before: Planes = field(default_factory=lambda: np.zeros(len(EDGES) - 1))
    after: Planes = field(default_factory=lambda: np.zeros(len(EDGES) - 1))
    pixels: Planes = field(default_factory=lambda: np.zeros(len(EDGES) - 1))
    rows: list[tuple[Quality, Quality]] = field(default_factory=list)

    def add(self, scene: Made, restored: Planes) -> None:
        """Count one scene."""
        plain = before(scene)
        bins = np.clip(np.digitize(np.abs(scene.radius), EDGES) - 1, 0, len(EDGES) - 2).ravel()
        count = len(EDGES) - 1
        self.before += np.bincount(bins, ((plain - scene.target) ** 2).mean(0).ravel(), count)
        self.after += np.bincount(bins, ((restored - scene.target) ** 2).mean(0).ravel(), count)
        self.pixels += np.bincount(bins, minlength=count)
        self.rows.append((quality(plain, scene.target), quality(restored, scene.target)))

    def as_dict(self) -> dict[str, Any]:
        """Means over scenes, and dB gained by radius; None if no pixel has such a radius, or none was wrong."""
        before, after = (mean([row[i] for row in self.rows]) for i in (0, 1))
        return {
            "before": before,
            "after": after,
            "worst_db": min(after.psnr_db - before.psnr_db for before, after in self.rows),
            "by_radius_db": [
                10 * float(np.log10(b / a)) if a and b else None for b, a in zip(self.before, self.after, strict=True)
            ],
            "share": (self.pixels / self.pixels.sum()).tolist(),
        }


def scenes(photos: Sequence[str], count: int = SCENES, size: tuple[int, int] = SIZE, **options: Any) -> Iterator[Made]:
    """The scenes of the test, one after the other, always the same. Further options go to `simulate`."""
    width, height = size
    for number in range(count):
        yield scene(photos, SEED, number, width, height, **options)


def scene(
    photos: Sequence[str], seed: int, number: int, width: int, height: int, bits: int = 16, largest_radius: float = 22.0
) -> Made:
    """Scene `number` of those that `dpdeblur synthesize --seed SEED` makes of these photographs."""
    rng = scene_generator(seed, number)
    draft = draft_scene(rng, photos, largest_radius)
    made = simulate(draft, {name: read_photograph(name) for name in draft.photos}, rng, width=width, height=height, bits=bits)
    left, right, target = (
        made.views[name].transpose(2, 0, 1) / np.float64(2**bits - 1) for name in ("left", "right", "target")
    )
    return Made(np.concatenate([left, right]).astype(np.float32), target, made.radius)


def before(scene: Made) -> Planes:
    """What doing nothing gives: the mean of the views, [3, H, W]."""
    return (scene.views[:3] + scene.views[3:]).astype(np.float64) / 2


def clipped(restore: Restore, scene: Made) -> Planes:
    """What a method gives, as it would be written."""
    return np.clip(restore(scene.views), 0, 1).astype(np.float64)
