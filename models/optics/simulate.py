"""Make a dual-pixel scene from sharp photographs: what a dual-pixel camera would record, and the ground truth.

Photographs, cut-out objects and a printed page stand as planes at random depths before a random lens. The thin lens turns
their depths into blur radii; `models.optics` blurs and composites them back to front, in linear light; then come noise,
clipping, the sRGB curve and rounding. All randomness comes from one generator: the same one gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dpdeblur.models.optics.lens import signed_blur_radius
from dpdeblur.models.optics.psf import Aperture
from dpdeblur.models.optics.render import Layer, add_sensor_noise, in_focus, lit, render_views
from dpdeblur.models.optics.surfaces import SHAPES, bytes_to_linear, fill_frame, outline, page
from dpdeblur.models.optics.variety import Variety, random_aperture, random_radius
from dpdeblur.models.srgb import linear_to_srgb

Light = npt.NDArray[np.float32]
Photo = npt.NDArray[np.uint8]
Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
SLOPE = 3.0  # px: how much the blur radius of one plane may change across the frame, along each axis
LENSES = Variety(decentre=0.0)  # the target is aligned with the views
STEP = 1.5  # px between the blur levels of one plane


@dataclass(frozen=True, slots=True)
class Camera:
    """A thin lens before a sensor."""

    focal_length_mm: float
    f_number: float
    focus_distance_m: float
    pixel_pitch_um: float

    @property
    def blur_at_infinity(self) -> float:
        """Blur radius, in pixels, of what is infinitely far away: the largest behind the plane of focus."""
        return float(signed_blur_radius(np.float64(1e12), **asdict(self)))

    def depth(self, radius: Light) -> Light:
        """Depth, in metres, at which the signed blur radius is `radius` pixels: the thin lens, solved for depth."""
        return np.asarray(self.focus_distance_m / (1 - radius / np.float32(self.blur_at_infinity)), np.float32)


@dataclass(frozen=True, slots=True)
class Simulated:
    """One scene.

    Attributes:
        views: "left", "right", "combined" (their mean, in light), "target" (all in focus): [H, W, 3], gamma-coded sRGB.
        radius: signed blur radius in pixels, float32 [H, W], of what the target shows there; negative before the plane of
            focus.
        truth: everything that was drawn, by name, fit for JSON.
    """

    views: dict[str, Pixels]
    radius: Light
    truth: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Surface:
    kind: str
    source: str
    image: Light
    alpha: Light | None
    depth: Light


@dataclass(frozen=True, slots=True)
class Draft:
    """Layout of a scene, before anything is drawn.

    Attributes:
        camera: the lens and the sensor.
        kinds: of the surfaces, the farthest first: "background", then "page" or one of `SHAPES`.
        radii: signed blur radius, in pixels, at the middle of each.
        sources: name of the photograph on each; of a page none, and empty.
        largest_radius: of the blur, in pixels.
    """

    camera: Camera
    kinds: tuple[str, ...]
    radii: tuple[float, ...]
    sources: tuple[str, ...]
    largest_radius: float

    @property
    def photos(self) -> set[str]:
        """Names of the photographs that `simulate` needs."""
        return {source for source in self.sources if source}


def draft_scene(rng: np.random.Generator, photos: Sequence[str], largest_radius: float = 22.0) -> Draft:
    """Draw the layout of a scene at random: a background, perhaps a printed page, up to two objects.

    Args:
        rng: the only source of randomness.
        photos: names of sharp photographs, of which a few are drawn.
        largest_radius: of the blur, in pixels; 0 puts everything in focus.
    """
    camera = _camera(rng, largest_radius)
    objects = [*(["page"] if rng.random() < 0.6 else []), *map(str, rng.choice(SHAPES, int(rng.integers(0, 3))))]
    rng.shuffle(objects)
    kinds = ("background", *objects)
    radii = sorted((random_radius(rng, largest_radius) if largest_radius else 0.0 for _ in kinds), reverse=True)
    chosen = [str(rng.choice(photos)) for _ in kinds]
    sources = tuple("" if kind == "page" else photo for kind, photo in zip(kinds, chosen, strict=True))
    return Draft(camera, kinds, tuple(radii), sources, largest_radius)


def simulate(
    draft: Draft, photos: Mapping[str, Photo], rng: np.random.Generator, *, width: int, height: int, bits: int = 16
) -> Simulated:
    """Make one scene.

    Args:
        draft: what stands where.
        photos: the photographs that the draft names, uint8 [H, W, 3], gamma-coded.
        rng: the generator that drew the draft.
        width: of the scene, in pixels.
        height: likewise.
        bits: of the pictures, 8 or 16.
    """
    camera = draft.camera
    surfaces = _surfaces(rng, draft, photos, (height, width))
    exposure = float(np.exp(rng.uniform(np.log(0.3), np.log(1.1))))
    boost = float(rng.uniform(0, 3) if rng.random() < 0.3 else 0)
    pupils = random_aperture(rng, LENSES)
    layers = [
        Layer(lit(s.image, exposure, boost), s.alpha, signed_blur_radius(s.depth, **asdict(camera)).astype(np.float32))
        for s in surfaces
    ]
    light = render_views(layers, *pupils, step=STEP)
    shot, read_noise = (float(np.exp(rng.uniform(*np.log(ends)))) for ends in ((1e-6, 2e-4), (1e-8, 1e-6)))
    light = np.clip(add_sensor_noise(light, rng.standard_normal(light.shape, np.float32), shot, read_noise), 0, 1)
    sharp, radius = in_focus(layers)
    pictures = {"left": light[0], "right": light[1], "combined": (light[0] + light[1]) / 2, "target": np.clip(sharp, 0, 1)}
    truth = {
        "width": width,
        "height": height,
        "bits": bits,
        "transfer": "srgb",
        "camera": asdict(camera),
        "depth_range_m": _ends(*(s.depth for s in surfaces)),
        "radius_range_px": _ends(radius),
        "surfaces": [_describe(s, layer) for s, layer in zip(surfaces, layers, strict=True)],
        "pupils": {side: _plain(pupil) for side, pupil in zip(("left", "right"), pupils, strict=True)},
        "exposure": exposure,
        "highlight_boost": boost,
        "noise": {"shot": shot, "read": read_noise},
    }
    return Simulated({role: _developed(picture, bits) for role, picture in pictures.items()}, radius, truth)


def scene_generator(seed: int, number: int) -> np.random.Generator:
    """Return the generator of scene `number` of a data set: no scene depends on any other, nor on where it is made."""
    return np.random.default_rng([seed, number])


def _camera(rng: np.random.Generator, largest_radius: float) -> Camera:
    """Draw a lens and a sensor, and focus so that nothing need be infinitely far away for the largest radius."""
    focal, stop, pitch = rng.uniform(35, 85), float(np.exp(rng.uniform(np.log(1.4), np.log(4)))), rng.uniform(8, 22)
    at_infinity = max(largest_radius, 8) * rng.uniform(1.2, 2.0)
    focus_mm = focal + focal**2 / (2 * stop * at_infinity * pitch * 1e-3)  # from r∞ = f² / (2 F (s - f)) / pitch
    return Camera(focal, stop, focus_mm * 1e-3, pitch)


def _surfaces(rng: np.random.Generator, draft: Draft, photos: Mapping[str, Photo], size: tuple[int, int]) -> list[_Surface]:
    """Draw the planes of a scene, the farthest first."""
    surfaces = []
    for kind, radius, source in zip(draft.kinds, draft.radii, draft.sources, strict=True):
        alpha, turn = (None, 0.0) if kind == "background" else outline(rng, "card" if kind == "page" else kind, *size)
        coded = page(rng, *size, turn) if kind == "page" else fill_frame(photos[source], *size, rng)
        image = np.ascontiguousarray(bytes_to_linear(coded).transpose(2, 0, 1))
        plane = _plane(rng, radius, SLOPE if kind == "background" else SLOPE / 3, draft.largest_radius, size)
        surfaces.append(_Surface(kind, source, image, alpha, draft.camera.depth(plane)))
    return surfaces


def _plane(rng: np.random.Generator, centre: float, slope: float, largest: float, size: tuple[int, int]) -> Light:
    """Blur radii [H, W] of a tilted plane: they, like inverse depth, are linear across the picture."""
    along_x, along_y = np.clip(rng.normal(0, slope / 2, 2), -slope, slope)
    x, y = (np.linspace(-0.5, 0.5, n, dtype=np.float32) for n in reversed(size))
    field = np.float32(centre) + np.float32(along_x) * x[None] + np.float32(along_y) * y[:, None]
    return np.clip(field, -largest, largest).astype(np.float32)


def _developed(light: Light, bits: int) -> Pixels:
    """Light [3, H, W] in [0, 1] to samples [H, W, 3] on the sRGB curve (IEC 61966-2-1), rounded to `bits`."""
    coded = linear_to_srgb(light).transpose(1, 2, 0)
    samples = np.rint(coded * (2**bits - 1)).astype(np.uint8 if bits == 8 else np.uint16)
    return np.ascontiguousarray(samples)


def _describe(surface: _Surface, layer: Layer) -> dict[str, Any]:
    name = surface.source.replace("\\", "/").rpartition("/")[2]
    return {"kind": surface.kind, "photo": name, "depth_m": _ends(surface.depth), "radius_px": _ends(layer.radius)}


def _ends(*maps: Light) -> list[float]:
    return [float(min(m.min() for m in maps)), float(max(m.max() for m in maps))]


def _plain(pupil: Aperture) -> dict[str, Any]:
    plain = asdict(pupil)
    return {name: value.tolist() if isinstance(value, np.ndarray) else float(value) for name, value in plain.items()}
