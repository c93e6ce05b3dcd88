"""Random training scenes: surfaces at random depths, random optics, random sensors, as `optics.packed` lays them out.

Everything is drawn from one numpy generator, so a scene is a function of its seed and its materials; `optics.batch` renders it.
"""

from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from dpdeblur.models.optics import Variety, random_aperture, random_radius
from dpdeblur.models.optics.packed import LAYERS, LENGTH, REACH, pack_pupil, unpacked
from dpdeblur.models.optics.psf import kernel_reach
from dpdeblur.models.training.surfaces import Bytes, Floats, Materials, Mixture, smooth_noise, surface, to_bytes


@dataclass(frozen=True)
class SceneOptions:
    """Options of random scenes; recorded next to the weights. Fractions unless a unit is given."""

    size: int = 320
    """Side of the finished example in pixels."""
    margin: int = 32
    """Border rendered and cut away, so that reflected edges do not show."""
    largest_radius: float = 22.0
    grey: float = 0.5
    """One-channel examples."""
    dark: float = 0.15
    """Examples in very little light, down to 1/100 of the usual; the noise falls with the light, but less."""
    slight: float = 0.1
    """Surfaces that are 1 to 6 px out of focus whatever `random_radius` says."""
    far: float = 0.12
    """Surfaces that are 16 px and more out of focus, likewise: what gains least is seen more often."""
    misfit: float = 0.05
    """Standard deviation, in pixels, of the views' shift against the sharp picture, at any blur."""
    one_sided: float = 0.65
    """Scenes that are wholly in front of, or wholly behind, the plane of focus."""
    soft: float = 0.4
    """Scenes that no lens at any focus shows sharp to the pixel (Gaussian of .3 to 1 px)."""
    centred: float = 0.75
    """Lenses whose kernels sit nearly on the point (`decentre` .03); the others have `off_centre`. Displacement cannot be
    seen in the views: to the network it is noise in the reference, and makes it soft."""
    off_centre: float = 0.12
    variety: Variety = field(default_factory=lambda: Variety(weak_share=0.15, texture=0.45, unlike=0.25))
    """Texture and unlikeness of the views are a little larger than usual: longer training over-fits narrow optics."""
    mixture: Mixture = field(default_factory=Mixture)

    @property
    def drawn_size(self) -> int:
        """Side of the drawn area, in pixels."""
        return self.size + 2 * self.margin


@dataclass(frozen=True)
class Slot:
    """Memory for one scene; see `optics.packed`."""

    images: Bytes
    alphas: Bytes
    radii: np.ndarray[tuple[int, int, int], np.dtype[np.float16]]
    numbers: Floats


def empty_slot(options: SceneOptions) -> Slot:
    """Return a new, empty slot."""
    shape = (LAYERS, options.drawn_size, options.drawn_size)
    return Slot(
        np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.uint8), np.zeros(shape, np.float16), np.zeros(LENGTH, np.float32)
    )


def draw(rng: np.random.Generator, materials: Materials, options: SceneOptions, slot: Slot) -> None:
    """Draw one scene into `slot`."""
    size, largest = options.drawn_size, options.largest_radius
    slot.numbers[:] = 0
    row = unpacked(slot.numbers[None])
    grey = rng.random() < options.grey
    darkness = float(np.exp(rng.uniform(np.log(0.01), 0))) if rng.random() < options.dark else 1.0
    side = float(rng.choice([-1, 1])) if rng.random() < options.one_sided else 0.0
    count = 1 + int(rng.choice([0, 1, 2, 3], p=[0.45, 0.3, 0.17, 0.08]))
    softness = rng.uniform(0.3, 1.0) if rng.random() < options.soft else 0.0
    for i in range(count):
        slot.images[i] = surface(rng, materials, size, options.mixture)
        slot.alphas[i] = to_bytes(_outline(rng, size)) if i else 255
        if softness:
            cv2.GaussianBlur(slot.images[i], (0, 0), softness, dst=slot.images[i])
            cv2.GaussianBlur(slot.alphas[i], (0, 0), softness, dst=slot.alphas[i])
        radius = _depth(rng, size, _radius(rng, options), largest)
        slot.radii[i] = np.abs(radius) * np.float32(side) if side else radius
        row["range"][0, i] = slot.radii[i].min(), slot.radii[i].max()
        if grey:
            # The weights vary: a green channel, luminance, or a single photodiode colour.
            row["mix"][0, i, 0] = rng.dirichlet([1.0, 3.0, 1.0])
        else:
            row["mix"][0, i, range(3), rng.permutation(3)] = 1
    moved, parted = rng.normal(0, options.misfit, 2), rng.normal(0, options.misfit / 4, 2)
    variety = replace(options.variety, decentre=0.03 if rng.random() < options.centred else options.off_centre)
    widest = float(np.abs(row["range"][0, :count]).max())
    pupils = random_aperture(rng, variety)
    while max(kernel_reach(widest, pupil) for pupil in pupils) > REACH - 1:
        pupils = random_aperture(rng, variety)
    for i, pupil in enumerate(pupils):
        pack_pupil(pupil, row["pupil"][0, i], row["waves"][0, i])
    row["channels"][0], row["layers"][0] = 1 if grey else 3, count
    row["gain"][0] = np.exp(rng.uniform(np.log(0.2), np.log(1.1))) * darkness
    row["boost"][0] = rng.uniform(0, 3) if rng.random() < 0.3 else 0
    row["shift"][0] = moved + parted, moved - parted
    row["shot"][0] = np.exp(rng.uniform(np.log(1e-6), np.log(1e-4))) * darkness**0.75
    row["read"][0] = np.exp(rng.uniform(np.log(1e-8), np.log(1e-6))) * darkness**1.5
    row["correlated"][0] = rng.random(2) < (0.5, 0.25)
    # The two photodiodes never see quite the same brightness, even after vignetting is corrected.
    row["balance"][0] = 1 + rng.normal(0, 0.015)
    row["curve"][0] = rng.random() < 0.6
    row["eight_bits"][0] = rng.random() < 0.15


def _radius(rng: np.random.Generator, options: SceneOptions) -> float:
    """Return the signed blur radius of a surface, in pixels."""
    sign, kind = rng.choice([-1, 1]), rng.random()
    if kind < options.slight:
        return float(sign * rng.uniform(1, 6))
    if kind < options.slight + options.far:
        return float(sign * rng.uniform(min(16, options.largest_radius), options.largest_radius))
    return random_radius(rng, options.largest_radius)


def _depth(rng: np.random.Generator, size: int, centre: float, largest: float) -> Floats:
    """Return a radius map [size, size]: constant, a tilted plane, or a smooth relief about `centre`."""
    kind = rng.random()
    if kind < 0.4:
        radius = np.full((size, size), centre)
    elif kind < 0.8:
        gx, gy = rng.normal(0, 4.5, 2)
        axis = np.linspace(-0.5, 0.5, size)
        radius = centre + gx * axis[None] + gy * axis[:, None]
    else:
        radius = centre + rng.uniform(2, 10) * (smooth_noise(rng, size) - 0.5)
    return np.asarray(np.clip(radius, -largest, largest), np.float32)


def _outline(rng: np.random.Generator, size: int) -> Floats:
    """Return the coverage [size, size] of an object: a half-plane, a box, a bar, or a blob."""
    mask = np.zeros((size, size), np.uint8)
    kind = rng.random()
    if kind < 0.25:
        relief = smooth_noise(rng, size)
        edge = np.percentile(relief, rng.uniform(35, 80))
        return np.asarray(np.clip((relief - edge) * size / 6 + 0.5, 0, 1), np.float32)
    length = size * (3 if kind < 0.55 else rng.uniform(0.2, 0.9))
    width = size * (3 if kind < 0.55 else rng.uniform(0.2, 0.9) if kind < 0.85 else rng.uniform(0.01, 0.08))
    angle = rng.choice([0, 90]) + rng.normal(0, 6) if rng.random() < 0.6 else rng.uniform(0, 360)
    turn = np.deg2rad(angle)
    along, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    # A half-plane is a huge box whose edge passes through the patch.
    centre = rng.uniform(0.15, 0.85, 2) * size + (along * length / 2 if kind < 0.55 else 0)
    corners = [centre + sx * along * length / 2 + sy * across * width / 2 for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    cv2.fillPoly(mask, [(np.array(corners) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return mask.astype(np.float32) / np.float32(255)
