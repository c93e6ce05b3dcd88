"""Random dual-pixel training examples: surfaces at random depths, seen through random optics.

Everything is drawn from one numpy generator, so an example is a function of its seed.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from dpdeblur.models.optics import Layer, Variety, add_sensor_noise, random_aperture, random_radius, render_views
from dpdeblur.models.optics.namespace import Array, namespace
from dpdeblur.models.srgb import linear_to_srgb
from dpdeblur.models.training.surfaces import Picture, smooth_noise, surface

Surface = tuple[Picture, Picture | None, Picture]
"""Image [C, S, S] in linear light, coverage [S, S] (None: all), signed blur radius [S, S] in pixels."""


@dataclass(frozen=True)
class SceneOptions:
    """What the examples are like; recorded beside the weights."""

    size: int = 320
    """Side of the finished patch in pixels."""
    margin: int = 32
    """Border rendered and cut away, so that reflected edges do not show."""
    largest_radius: float = 22.0
    grey: float = 0.5
    """Fraction of one-channel examples."""
    dark: float = 0.15
    """Fraction of examples in very little light, down to 1/100 of the usual; the noise falls with the light, but less."""
    slight: float = 0.1
    """Fraction of surfaces that are 1 to 6 px out of focus whatever `random_radius` says."""
    misfit: float = 0.05
    """Standard deviation, in pixels, of the views' shift against the sharp picture, at any blur."""
    one_sided: float = 0.65
    """Fraction of scenes that lie wholly in front of, or wholly behind, the plane of focus."""
    variety: Variety = field(default_factory=lambda: Variety(weak_share=0.15))


def example(
    rng: np.random.Generator,
    photos: list[npt.NDArray[np.uint8]],
    fonts: list[str],
    options: SceneOptions,
    as_array: Array = np.asarray,
) -> tuple[Picture, Picture]:
    """Return (views [2, C, S, S], sharp [C, S, S]), gamma-coded, in [0, 1].

    `as_array` moves the layers to where they are rendered (numpy by default, or e.g. `torch.from_numpy`).
    """
    size = options.size + 2 * options.margin
    grey = rng.random() < options.grey
    darkness = float(np.exp(rng.uniform(np.log(0.01), 0))) if rng.random() < options.dark else 1.0
    layers = _exposed(rng, _layers(rng, photos, fonts, size, grey, options), darkness)
    moved, parted = rng.normal(0, options.misfit, 2), rng.normal(0, options.misfit / 4, 2)
    stack = [Layer(as_array(i), None if a is None else as_array(a), as_array(r)) for i, a, r in layers]
    pupils = random_aperture(rng, options.variety)
    rendered = render_views(stack, *pupils, shifts=[tuple(moved + parted), tuple(moved - parted)])
    cut = slice(options.margin, options.margin + options.size)
    views: Picture = np.asarray(rendered if namespace(rendered) is np else rendered.cpu().numpy())[..., cut, cut]
    sharp = _in_focus(layers)[..., cut, cut]
    shot = float(np.exp(rng.uniform(np.log(1e-6), np.log(1e-4)))) * darkness**0.75
    read = float(np.exp(rng.uniform(np.log(1e-8), np.log(1e-6)))) * darkness**1.5
    views = add_sensor_noise(views, _noise(rng, views.shape), shot, read)
    # The two photodiodes never see quite the same brightness, even after vignetting is corrected.
    balance = 1 + rng.normal(0, 0.015)
    views = views * np.array([balance, 1 / balance], np.float32)[:, None, None, None]
    coded = encode(rng, np.concatenate([views.reshape(-1, *views.shape[-2:]), sharp]))
    if rng.random() < 0.15:
        coded = (np.rint(coded * 255) / 255).astype(np.float32)
    channels = sharp.shape[0]
    return coded[: 2 * channels].reshape(views.shape), coded[2 * channels :]


def _exposed(rng: np.random.Generator, layers: list[Surface], darkness: float) -> list[Surface]:
    """Return the layers at one random exposure; in some scenes highlights are far brighter than white."""
    gain = np.float32(np.exp(rng.uniform(np.log(0.2), np.log(1.1)))) * np.float32(darkness)
    boost = np.float32(rng.uniform(0, 3) if rng.random() < 0.3 else 0)
    return [(image * (1 + boost * np.clip(image * 4 - 3, 0, 1)) * gain, alpha, radius) for image, alpha, radius in layers]


def _in_focus(layers: list[Surface]) -> Picture:
    """Return the layers composited without blur, [C, H, W]."""
    sharp = layers[0][0]
    for image, alpha, _ in layers[1:]:
        if alpha is not None:
            sharp = sharp * (1 - alpha) + image * alpha
    return sharp


def encode(rng: np.random.Generator, linear: Picture) -> Picture:
    """Return gamma-coded values in [0, 1]: x^(1/2.2) or the sRGB curve, as cameras and tools do."""
    linear = np.clip(linear, 0, 1)
    if rng.random() < 0.6:
        return linear ** np.float32(1 / 2.2)
    return linear_to_srgb(linear).astype(np.float32)


def _noise(rng: np.random.Generator, shape: tuple[int, ...]) -> Picture:
    """Return noise of unit variance, often correlated along one axis, as after binning, demosaicing or resampling."""
    noise = rng.standard_normal(shape, np.float32)
    for axis, share in ((-2, 0.5), (-1, 0.25)):
        if rng.random() < share:
            noise = ((np.roll(noise, 1, axis) + 2 * noise + np.roll(noise, -1, axis)) / 6**0.5).astype(np.float32)
    return noise


def _layers(
    rng: np.random.Generator,
    photos: list[npt.NDArray[np.uint8]],
    fonts: list[str],
    size: int,
    grey: bool,
    options: SceneOptions,
) -> list[Surface]:
    """Return the scene's surfaces back to front: (image, coverage or None, signed radius map)."""
    side = float(rng.choice([-1, 1])) if rng.random() < options.one_sided else 0.0

    def depth() -> Picture:
        slight = rng.random() < options.slight
        centre = rng.choice([-1, 1]) * rng.uniform(1, 6) if slight else random_radius(rng, options.largest_radius)
        radius = _depth(rng, size, float(centre), options.largest_radius)
        return np.abs(radius) * np.float32(side) if side else radius

    background = surface(rng, photos, fonts, size, grey)
    layers: list[Surface] = [(background, None, depth())]
    for _ in range(int(rng.choice([0, 1, 2, 3], p=[0.45, 0.3, 0.17, 0.08]))):
        image = surface(rng, photos, fonts, size, grey)
        layers.append((image, _outline(rng, size), depth()))
    return layers


def _depth(rng: np.random.Generator, size: int, centre: float, largest: float) -> Picture:
    """Return a radius map [size, size]: constant, a tilted plane, or a smooth relief about `centre`."""
    kind = rng.random()
    if kind < 0.4:
        field = np.full((size, size), centre)
    elif kind < 0.8:
        gx, gy = rng.normal(0, 4.5, 2)
        axis = np.linspace(-0.5, 0.5, size)
        field = centre + gx * axis[None] + gy * axis[:, None]
    else:
        field = centre + rng.uniform(2, 10) * (smooth_noise(rng, size) - 0.5)
    return np.asarray(np.clip(field, -largest, largest), np.float32)


def _outline(rng: np.random.Generator, size: int) -> Picture:
    """Return the coverage [size, size] of an object: a half-plane, a box, a bar, or a blob."""
    mask = np.zeros((size, size), np.uint8)
    kind = rng.random()
    if kind < 0.25:
        field = smooth_noise(rng, size)
        edge = np.percentile(field, rng.uniform(35, 80))
        return np.asarray(np.clip((field - edge) * size / 6 + 0.5, 0, 1), np.float32)
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
