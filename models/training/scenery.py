"""Scenes for the GPU path: drawn by CPU processes into shared memory, rendered elsewhere (`batched.py`).

The same scenes as `scenes.example` draws, as far as they are made of pictures: surfaces, outlines, depths and every random
number of the optics and the sensor. Surfaces stay gamma-coded bytes until they are on the GPU. What differs from
`scenes.py` is said at `Look`.
"""

import contextlib
import multiprocessing
import os
import queue
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from multiprocessing import shared_memory
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from dpdeblur.models.optics import Variety, random_aperture, random_radius
from dpdeblur.models.optics.psf import Aperture, kernel_reach
from dpdeblur.models.training import scenes, surfaces
from dpdeblur.models.training.scenes import SceneOptions

LAYERS = 4
WAVES = 6
PUPIL = ("aspect", "edge", "rim", "hollow_floor", "hollow_cutoff", "hollow_order", "cat_x", "cat_y", "cat_radius", "slope",
         "leak", "decentre_x", "decentre_y", "radius_scale")  # fmt: skip
FIELDS: dict[str, tuple[int, ...]] = {
    "channels": (),
    "layers": (),
    "mix": (LAYERS, 3, 3),
    "range": (LAYERS, 2),
    "gain": (),
    "boost": (),
    "shift": (2, 2),
    "shot": (),
    "read": (),
    "correlated": (2,),
    "balance": (),
    "curve": (),
    "eight_bits": (),
    "pupil": (2, len(PUPIL)),
    "waves": (2, WAVES, 4),
}
"""What a scene consists of beside its pictures; all float32."""
LENGTH = sum(int(np.prod(shape)) for shape in FIELDS.values())
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Look:
    """Where the GPU path's scenes differ from `SceneOptions` and `surface`."""

    options: SceneOptions = field(
        default_factory=lambda: SceneOptions(variety=Variety(weak_share=0.15, texture=0.45, unlike=0.25))
    )
    """Texture and unlikeness of the views are a little larger than in `Variety`: longer training over-fits narrow optics."""
    photographs: float = 0.64
    """Fraction of surfaces that are photographs (.70 in `surface`); `pages` are printed, the rest is line art."""
    printed_over: float = 0.08
    pages: float = 0.22
    plain_scale: float = 0.35
    """Fraction of photographs at their own scale; others are made smaller, up to `largest_scale` times, and so sharper."""
    largest_scale: float = 2.2
    toned: float = 0.5
    """Fraction of photographs with another tone curve, x^g, g in 0.7 … 1.45."""
    turned: float = 0.2
    """Fraction of photographs turned by a quarter."""
    centred: float = 0.75
    """Fraction of lenses whose kernels sit nearly on the point (`decentre` .03); the others have `off_centre`. Displacement
    cannot be seen in the views: to the network it is noise in the reference, and makes it soft."""
    off_centre: float = 0.12
    soft: float = 0.4
    """Fraction of scenes that no lens at any focus shows sharp to the pixel (Gaussian of .3 to 1 px)."""
    far: float = 0.12
    """Fraction of surfaces with a blur radius of 16 px and more, whatever `random_radius` says."""


def slices() -> dict[str, slice]:
    """Return where each field lies in a scene's numbers."""
    out, at = {}, 0
    for name, shape in FIELDS.items():
        count = int(np.prod(shape))
        out[name] = slice(at, at + count)
        at += count
    return out


def unpacked(numbers: Any) -> dict[str, Any]:
    """Return views of `numbers` [N, LENGTH] (numpy or torch) by field, each [N, *shape]."""
    return {name: numbers[:, where].reshape(len(numbers), *FIELDS[name]) for name, where in slices().items()}


def surface(rng: np.random.Generator, photos: list[npt.NDArray[np.uint8]], fonts: list[str], size: int, look: Look) -> Any:
    """Return one random surface, gamma-coded uint8 [size, size, 3]."""
    kind = rng.random()
    if kind < look.photographs:
        coded = photo_crop(rng, photos, size, look)
        if kind >= look.printed_over:
            return coded
        ink = rng.choice([0.0, 1.0]) + rng.normal(0, 0.15, 3).astype(np.float32)
        return _printed(rng, coded.astype(np.float32) / np.float32(255), fonts, np.clip(ink, 0, 1).astype(np.float32))
    paper, ink = surfaces._two_tones(rng)
    base = np.empty((size, size, 3), np.float32)
    base[:] = paper + (ink - paper) * (0.1 * surfaces.smooth_noise(rng, size)[..., None])
    page = kind < look.photographs + look.pages
    return _printed(rng, base, fonts, ink) if page else _bytes(surfaces._line_art(rng, base, ink))


_pages: list[npt.NDArray[np.uint8]] = []


def _printed(rng: np.random.Generator, base: Floats, fonts: list[str], ink: Floats) -> npt.NDArray[np.uint8]:
    """Return `base` with lines of random text, as `surfaces._printed` does, but laid out by one of the latest pages, often."""
    size = base.shape[0]
    if len(_pages) < 16 or rng.random() < 0.4:
        _pages.append(_bytes(_text(rng, round(1.45 * size), fonts)))
        del _pages[:-32]
    page = _pages[int(rng.integers(len(_pages)))]
    wide = page.shape[0]
    angle = rng.normal(0, 6) + (0 if rng.random() < 0.75 else rng.choice([90, 180, 270]))
    matrix = cv2.getRotationMatrix2D((wide / 2, wide / 2), angle, rng.uniform(0.75, 1.0))
    matrix[:, 2] += size / 2 - wide / 2 + rng.uniform(-30, 30, 2)
    mask = cv2.warpAffine(page, matrix, (size, size), flags=cv2.INTER_AREA).astype(np.float32)[..., None] / 255
    return _bytes(base + (ink - base) * mask)


def _text(rng: np.random.Generator, wide: int, fonts: list[str]) -> Floats:
    """Return a page of lines of random text [wide, wide], 1 where there is ink."""
    page = Image.new("L", (wide, wide))
    canvas = ImageDraw.Draw(page)
    letters = np.array(list(surfaces._LETTERS))
    y = 0
    small = rng.random() < 0.35
    while y < wide:
        height = int(rng.uniform(9, 18) if small else np.exp(rng.uniform(np.log(12), np.log(90))))
        font = surfaces._font(fonts[int(rng.integers(len(fonts)))] if fonts else "", height)
        for _ in range(int(rng.integers(1, 7))):
            lengths = rng.integers(1, 10, 2 + int(wide / (2.2 * height)) // 2)
            drawn = letters[rng.integers(0, 52 if rng.random() < 0.8 else len(letters), int(lengths.sum()))]
            words = ["".join(part) for part in np.split(drawn, np.cumsum(lengths)[:-1])]
            line = " ".join(w.lower() if rng.random() < 0.7 else w.upper() for w in words)
            canvas.text((int(rng.integers(0, 30)), y), line[: int(3.2 * wide / height) + 2], fill=255, font=font)
            y += int(height * rng.uniform(1.1, 1.5))
            if y >= wide:
                break
        y += int(rng.integers(0, 2) * height)
    return np.asarray(page, np.float32) / np.float32(255)


def photo_crop(rng: np.random.Generator, photos: list[npt.NDArray[np.uint8]], size: int, look: Look, tries: int = 6) -> Any:
    """Return a crop uint8 [size, size, 3], redrawn a few times until it has sharp detail; see `surfaces.photo_crop`."""
    crop = np.zeros((size, size, 3), np.uint8)
    for _ in range(tries):
        photo = photos[int(rng.integers(len(photos)))]
        scale = 1.0 if rng.random() < look.plain_scale else rng.uniform(1, look.largest_scale)
        side = min(round(size * scale), *photo.shape[:2])
        y, x = (int(rng.integers(0, n - side + 1)) for n in photo.shape[:2])
        crop = photo[y : y + side, x : x + side]
        if side != size:
            crop = cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA if side > size else cv2.INTER_CUBIC)
        detail = np.abs(cv2.Laplacian(np.ascontiguousarray(crop[::2, :, 1]), cv2.CV_16S))
        if np.percentile(detail[:, ::4], 90) > 14:
            break
    if rng.random() < look.toned:
        table = np.rint(255 * (np.arange(256) / 255) ** np.exp(rng.uniform(np.log(0.7), np.log(1.45)))).astype(np.uint8)
        crop = table[crop]
    if rng.random() < look.turned:
        crop = np.rot90(crop)
    return crop


def _bytes(coded: Floats) -> npt.NDArray[np.uint8]:
    return np.rint(np.clip(coded, 0, 1) * 255).astype(np.uint8)


def draw(
    rng: np.random.Generator,
    photos: list[npt.NDArray[np.uint8]],
    fonts: list[str],
    look: Look,
    images: Any,
    alphas: Any,
    radii: Any,
    numbers: Floats,
) -> None:
    """Draw one scene into `images` uint8 [4, S, S, 3], `alphas` uint8 and `radii` float16 [4, S, S], `numbers` [LENGTH]."""
    options = look.options
    size = options.size + 2 * options.margin
    row = unpacked(numbers[None])
    numbers[:] = 0
    grey = rng.random() < options.grey
    darkness = float(np.exp(rng.uniform(np.log(0.01), 0))) if rng.random() < options.dark else 1.0
    side = float(rng.choice([-1, 1])) if rng.random() < options.one_sided else 0.0
    count = 1 + int(rng.choice([0, 1, 2, 3], p=[0.45, 0.3, 0.17, 0.08]))
    softness = rng.uniform(0.3, 1.0) if rng.random() < look.soft else 0.0
    for i in range(count):
        images[i] = surface(rng, photos, fonts, size, look)
        alphas[i] = _bytes(scenes._outline(rng, size)) if i else 255
        if softness:
            cv2.GaussianBlur(images[i], (0, 0), softness, dst=images[i])
            cv2.GaussianBlur(alphas[i], (0, 0), softness, dst=alphas[i])
        slight = rng.random() < options.slight
        centre = rng.choice([-1, 1]) * rng.uniform(1, 6) if slight else random_radius(rng, options.largest_radius)
        if rng.random() < look.far:
            centre = rng.choice([-1, 1]) * rng.uniform(min(16, options.largest_radius), options.largest_radius)
        radius = scenes._depth(rng, size, float(centre), options.largest_radius)
        radii[i] = np.abs(radius) * np.float32(side) if side else radius
        row["range"][0, i] = radii[i].min(), radii[i].max()
        if grey:
            row["mix"][0, i, 0] = rng.dirichlet([1.0, 3.0, 1.0])
        else:
            row["mix"][0, i, range(3), rng.permutation(3)] = 1
    moved, parted = rng.normal(0, options.misfit, 2), rng.normal(0, options.misfit / 4, 2)
    variety = replace(options.variety, decentre=0.03 if rng.random() < look.centred else look.off_centre)
    largest = float(np.abs(row["range"][0, :count]).max())
    pupils = random_aperture(rng, variety)
    while max(kernel_reach(largest, p) for p in pupils) > REACH - 1:
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
    row["balance"][0] = 1 + rng.normal(0, 0.015)
    row["curve"][0] = rng.random() < 0.6
    row["eight_bits"][0] = rng.random() < 0.15


REACH = 48
"""How many pixels from its centre a kernel may be non-zero; lenses that would pass it are drawn again."""


def pack_pupil(pupil: Aperture, numbers: Floats, waves: Floats) -> None:
    """Write a pupil into `numbers` [len(PUPIL)] and `waves` [WAVES, 4]."""
    numbers[:] = [getattr(pupil, name) for name in PUPIL]
    waves[: len(pupil.waves)] = pupil.waves


class Slots:
    """Room for scenes in shared memory; made by one process (name None), opened by the others."""

    def __init__(self, count: int, size: int, name: str | None = None) -> None:
        self.count, self.size = count, size
        parts = {
            "images": ((count, LAYERS, size, size, 3), np.uint8),
            "alphas": ((count, LAYERS, size, size), np.uint8),
            "radii": ((count, LAYERS, size, size), np.float16),
            "numbers": ((count, LENGTH), np.float32),
        }
        total = sum(int(np.prod(shape)) * np.dtype(kind).itemsize for shape, kind in parts.values())
        self.memory = shared_memory.SharedMemory(name, create=name is None, size=total)
        at = 0
        self.arrays: dict[str, Any] = {}
        for key, (shape, kind) in parts.items():
            self.arrays[key] = np.ndarray(shape, kind, self.memory.buf, at)
            at += self.arrays[key].nbytes


PARTS = 3
"""Each process holds one third of the photographs, so that they start sooner and take less memory."""


def some_photos(folder: Path, part: int) -> list[npt.NDArray[np.uint8]]:
    """Return every `PARTS`-th photograph under `folder`, RGB uint8 [H, W, 3]."""
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp", ".tif"})
    chosen = paths[part % PARTS :: PARTS] if len(paths) >= 10 * PARTS else paths
    read = (cv2.imread(str(p), cv2.IMREAD_COLOR) for p in chosen)
    photos = [np.array(image[..., ::-1], np.uint8) for image in read if image is not None]
    if not photos:
        raise FileNotFoundError(f"no photographs under {folder}")
    return photos


def work(
    name: str, count: int, size: int, photos: Path, fonts: Path | None, look: Look, seed: int, free: Any, ready: Any
) -> None:
    """Draw scenes for ever: what one process does."""
    os.nice(10)
    cv2.setNumThreads(1)
    slots = Slots(count, size, name)
    pictures = some_photos(photos, seed)
    files = sorted(str(p) for p in fonts.rglob("*") if p.suffix in {".ttf", ".otf"}) if fonts else []
    rng = np.random.default_rng(seed)
    a = slots.arrays
    while True:
        i = free.get()
        draw(rng, pictures, files, look, a["images"][i], a["alphas"][i], a["radii"][i], a["numbers"][i])
        ready.put(i)


class Scenery:
    """Processes that draw scenes, and the slots where they lie."""

    def __init__(self, processes: int, photos: Path, fonts: Path | None, look: Look, seed: int, slots: int = 256) -> None:
        context = multiprocessing.get_context("spawn")
        self.size = look.options.size + 2 * look.options.margin
        self.slots = Slots(slots, self.size)
        self.free, self.ready = context.Queue(), context.Queue()
        for i in range(slots):
            self.free.put(i)
        arguments = (self.slots.memory.name, slots, self.size, photos, fonts, look)
        self.processes = [
            context.Process(target=work, args=(*arguments, seed * 1000 + i, self.free, self.ready), daemon=True)
            for i in range(processes)
        ]
        for process in self.processes:
            process.start()

    def taken(self, most: int) -> list[int]:
        """Return slots that hold finished scenes, at most `most`, without waiting."""
        out: list[int] = []
        while len(out) < most:
            try:
                out.append(self.ready.get_nowait())
            except queue.Empty:
                break
        return out

    def release(self, slots: Sequence[int]) -> None:
        """Give slots back to be drawn into."""
        for i in slots:
            self.free.put(i)

    def close(self) -> None:
        """End the processes."""
        for process in self.processes:
            process.terminate()
        self.slots.arrays.clear()
        with contextlib.suppress(BufferError):
            self.slots.memory.close()
        self.slots.memory.unlink()
