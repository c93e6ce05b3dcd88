"""Random optics: how much real lenses and sensors differ, as distributions to draw from.

A network trained on one narrow family of kernels restores that family and harms real pictures,
so the ranges are deliberately wider than any one camera. All randomness comes from the caller's generator.
"""

from dataclasses import dataclass, replace

import numpy as np

from dpdeblur.models.optics.psf import Aperture, Floats


@dataclass(frozen=True)
class Variety:
    """Ranges of the pupil's parameters; `width` scales the departure from a clean disk (0 none, 1 full)."""

    width: float = 1.0
    hard_share: float = 0.25
    """Fraction of pupils split almost like half-disks (slope log-uniform in 2.5-10); the rest ramps, slope 0.35-2.2."""
    weak_share: float = 0.0
    """Fraction of pupils whose views hardly differ (leak 0.5-0.9): some cameras' views part by a pixel where blur is four."""
    hollow_share: float = 0.05
    """Fraction of pupils with the Butterworth hole of Abuolaim et al., ICCV 2021."""
    texture: float = 0.35
    """Largest standard deviation of the pupil's texture."""
    unlike: float = 0.2
    """How far the two views' parameters may differ, as a fraction of each range."""
    decentre: float = 0.15
    """Standard deviation of the kernel's displacement, per pixel of radius: what leaves real views and their sharp
    reference a pixel or two apart where they are blurred, and exactly aligned where they are sharp."""


_RANGES = {
    "aspect": (0.88, 1.14),
    "edge": (0.0, 1.2),
    "rim": (-0.9, 0.4),
    "cat_x": (-0.35, 0.35),
    "cat_y": (-0.35, 0.35),
    "cat_radius": (0.9, 1.3),
}
_CLEAN = {"aspect": 1.0, "edge": 0.0, "rim": 0.0, "cat_x": 0.0, "cat_y": 0.0, "cat_radius": 1.6}


def random_aperture(rng: np.random.Generator, variety: Variety | None = None) -> tuple[Aperture, Aperture]:
    """Return the (left, right) pupils of one lens, alike but not equal."""
    variety = variety or Variety()
    width = variety.width * rng.uniform(0.3, 1.0)
    drawn = {name: _CLEAN[name] + width * (rng.uniform(*_RANGES[name]) - _CLEAN[name]) for name in _RANGES}
    hard = rng.random() < variety.hard_share
    slope = float(np.exp(rng.uniform(np.log(2.5), np.log(10)))) if hard else rng.uniform(0.35, 2.2)
    leak = rng.uniform(0, 0.5)
    if variety.weak_share and rng.random() < variety.weak_share:
        leak = rng.uniform(0.5, 0.9)
    hollow = {}
    if rng.random() < variety.hollow_share:
        hollow = {
            "hollow_floor": rng.uniform(0.1, 0.7),
            "hollow_cutoff": rng.uniform(0.4, 1.0),
            "hollow_order": float(rng.choice([1.5, 3, 6])),
        }
    waves = _waves(rng, variety.texture * width)
    moved = rng.normal(0, variety.decentre, 2)
    base = Aperture(
        slope=slope, leak=leak, waves=waves, decentre_x=float(moved[0]), decentre_y=float(moved[1]), **drawn, **hollow
    )
    return _nudged(rng, base, variety.unlike * width), _nudged(rng, base, variety.unlike * width)


def random_radius(rng: np.random.Generator, largest: float = 22.0) -> float:
    """Return a signed blur radius in pixels, distributed as in real pictures taken wide open.

    Radii fitted on real captures have medians of 7-15 px per scene; a sixth of the draws are in focus.
    """
    kind = rng.random()
    if kind < 0.15:
        radius = rng.uniform(0, 1)
    elif kind < 0.35:
        radius = rng.uniform(1, 7)
    elif kind < 0.75:
        radius = rng.normal(13, 4.5)
    else:
        radius = rng.uniform(0, largest)
    return float(np.clip(abs(radius), 0, largest) * rng.choice([-1, 1]))


def _nudged(rng: np.random.Generator, pupil: Aperture, amount: float) -> Aperture:
    moved = {}
    for name, (low, high) in _RANGES.items():
        value = getattr(pupil, name) + amount * 0.5 * (high - low) * rng.uniform(-1, 1)
        moved[name] = max(value, 0.0) if name == "edge" else value
    waves = pupil.waves + np.float32(amount) * pupil.waves * rng.uniform(-1, 1, pupil.waves.shape).astype(np.float32)
    return replace(
        pupil,
        slope=pupil.slope * float(np.exp(rng.uniform(-0.3, 0.3))),
        leak=min(pupil.leak * rng.uniform(0.6, 1.5), max(0.6, pupil.leak)),
        decentre_x=pupil.decentre_x + rng.normal(0, 0.015),
        decentre_y=pupil.decentre_y + rng.normal(0, 0.015),
        radius_scale=1 + 0.2 * amount * rng.uniform(-1, 1),
        waves=waves,
        **moved,
    )


def _waves(rng: np.random.Generator, deviation: float, count: int = 6) -> Floats:
    """Return texture waves of up to 1.5 cycles per radius and a standard deviation drawn up to `deviation`."""
    amplitude = rng.uniform(0, deviation) * np.sqrt(2 / count)
    waves = np.stack(
        [
            np.full(count, amplitude),
            rng.uniform(-1.5, 1.5, count),
            rng.uniform(-1.5, 1.5, count),
            rng.uniform(0, 2 * np.pi, count),
        ],
        1,
    )
    return waves.astype(np.float32)
