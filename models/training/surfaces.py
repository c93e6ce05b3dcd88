"""Surfaces of training scenes: photographs, printed pages, line art. Random, sharp, gamma-coded bytes."""

import string
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]
PHOTOGRAPHS = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"}
FONTS = {".ttf", ".otf"}
_LETTERS = string.ascii_letters + string.digits + ".,;:!?&-()"


@dataclass(frozen=True)
class Materials:
    """Photographs uint8 [H, W, 3] and files of fonts; without fonts, Pillow's own is used."""

    photos: list[Bytes]
    fonts: list[str]
    pages: list[Bytes] = field(default_factory=list)
    """The latest pages of text: laying one out is dear, so each is printed several times."""


@dataclass(frozen=True)
class Mixture:
    """Fractions of the kinds of surfaces; the rest is line art."""

    photographs: float = 0.64
    printed_over: float = 0.08
    """Of all surfaces; part of the photographs."""
    pages: float = 0.22
    plain_scale: float = 0.35
    """Fraction of photographs at their own scale; others are made smaller, up to `largest_scale` times, and so sharper."""
    largest_scale: float = 2.2
    toned: float = 0.5
    """Fraction of photographs with another tone curve, x^g, g in 0.7 … 1.45."""
    turned: float = 0.2
    """Fraction of photographs turned by a quarter."""


def read_materials(photos: Path, fonts: Path | None, part: int = 0, parts: int = 1) -> Materials:
    """Read the photographs under a folder, or, where there are many, every `parts`-th of them from number `part` on.

    Raises:
        FileNotFoundError: there are none.
    """
    paths = sorted(p for p in photos.rglob("*") if p.suffix.lower() in PHOTOGRAPHS)
    chosen = paths[part % parts :: parts] if len(paths) >= 10 * parts else paths
    read = (cv2.imread(str(p), cv2.IMREAD_COLOR) for p in chosen)
    found = [np.array(image[..., ::-1], np.uint8) for image in read if image is not None]
    if not found:
        raise FileNotFoundError(
            f"no photographs under {photos}: give a folder of sharp ones ({', '.join(sorted(PHOTOGRAPHS))})"
        )
    return Materials(found, sorted(str(p) for p in fonts.rglob("*") if p.suffix in FONTS) if fonts else [])


def surface(rng: np.random.Generator, materials: Materials, size: int, mixture: Mixture) -> Bytes:
    """Return one random surface, gamma-coded uint8 [size, size, 3]."""
    kind = rng.random()
    if kind < mixture.photographs:
        coded = photo_crop(rng, materials.photos, size, mixture)
        if kind >= mixture.printed_over:
            return coded
        ink = rng.choice([0.0, 1.0]) + rng.normal(0, 0.15, 3).astype(np.float32)
        return _printed(rng, coded.astype(np.float32) / np.float32(255), materials, np.clip(ink, 0, 1).astype(np.float32))
    paper, ink = _two_tones(rng)
    base = np.empty((size, size, 3), np.float32)
    base[:] = paper + (ink - paper) * (0.1 * smooth_noise(rng, size)[..., None])
    page = kind < mixture.photographs + mixture.pages
    return _printed(rng, base, materials, ink) if page else to_bytes(_line_art(rng, base, ink))


def photo_crop(rng: np.random.Generator, photos: list[Bytes], size: int, mixture: Mixture, tries: int = 6) -> Bytes:
    """Return a crop uint8 [size, size, 3], drawn again, a few times at most, until it has sharp detail."""
    crop = np.zeros((size, size, 3), np.uint8)
    for _ in range(tries):
        photo = photos[int(rng.integers(len(photos)))]
        scale = 1.0 if rng.random() < mixture.plain_scale else rng.uniform(1, mixture.largest_scale)
        side = min(round(size * scale), *photo.shape[:2])
        y, x = (int(rng.integers(0, n - side + 1)) for n in photo.shape[:2])
        crop = photo[y : y + side, x : x + side]
        if side != size:
            crop = cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA if side > size else cv2.INTER_CUBIC)
        detail = np.abs(cv2.Laplacian(np.ascontiguousarray(crop[::2, :, 1]), cv2.CV_16S))
        if np.percentile(detail[:, ::4], 90) > 14:
            break
    if rng.random() < mixture.toned:
        table = np.rint(255 * (np.arange(256) / 255) ** np.exp(rng.uniform(np.log(0.7), np.log(1.45)))).astype(np.uint8)
        crop = table[crop]
    if rng.random() < mixture.turned:
        crop = np.rot90(crop)
    return crop


def to_bytes(coded: Floats) -> Bytes:
    """Round values in [0, 1] to 8 bits; what is outside is clipped."""
    return np.rint(np.clip(coded, 0, 1) * 255).astype(np.uint8)


def _two_tones(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return the colours (paper, ink), apart by at least a fifth of the range; sometimes light on dark."""
    paper, ink = rng.uniform(0.55, 1.0), rng.uniform(0.0, 0.35)
    if rng.random() < 0.3:
        paper, ink = ink, paper
    tint = rng.uniform(0, 0.25)
    colours = [np.clip(v + tint * rng.normal(0, 0.5, 3), 0, 1).astype(np.float32) for v in (paper, ink)]
    return colours[0], colours[1]


def _printed(rng: np.random.Generator, base: Floats, materials: Materials, ink: Floats) -> Bytes:
    """Return `base` with lines of random text, turned by any angle (mostly upright)."""
    size = base.shape[0]
    pages = materials.pages
    if len(pages) < 16 or rng.random() < 0.4:
        pages.append(to_bytes(_text(rng, round(1.45 * size), materials.fonts)))
        del pages[:-32]
    page = pages[int(rng.integers(len(pages)))]
    wide = page.shape[0]
    angle = rng.normal(0, 6) + (0 if rng.random() < 0.75 else rng.choice([90, 180, 270]))
    matrix = cv2.getRotationMatrix2D((wide / 2, wide / 2), angle, rng.uniform(0.75, 1.0))
    matrix[:, 2] += size / 2 - wide / 2 + rng.uniform(-30, 30, 2)
    mask = cv2.warpAffine(page, matrix, (size, size), flags=cv2.INTER_AREA).astype(np.float32)[..., None] / 255
    return to_bytes(base + (ink - base) * mask)


def _text(rng: np.random.Generator, wide: int, fonts: list[str]) -> Floats:
    """Return a page of lines of random text [wide, wide], 1 if there is ink."""
    page = Image.new("L", (wide, wide))
    canvas = ImageDraw.Draw(page)
    letters = np.array(list(_LETTERS))
    y = 0
    small = rng.random() < 0.35
    while y < wide:
        height = int(rng.uniform(9, 18) if small else np.exp(rng.uniform(np.log(12), np.log(90))))
        font = _font(fonts[int(rng.integers(len(fonts)))] if fonts else "", height)
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


@lru_cache(maxsize=512)
def _font(path: str, height: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.truetype(path, height) if path else ImageFont.load_default(height)


def _line_art(rng: np.random.Generator, base: Floats, ink: Floats) -> Floats:
    """Return `base` with filled shapes, strokes and stripes, as on packaging, charts and drawings."""
    size = base.shape[0]
    out = np.ascontiguousarray(base)
    for _ in range(int(rng.integers(4, 22))):
        colour = tuple(float(v) for v in (ink if rng.random() < 0.5 else rng.uniform(0, 1, 3)))
        if rng.random() < 0.5 and colour != tuple(ink.tolist()):
            colour = (colour[0],) * 3
        centre = rng.uniform(0, size, 2)
        radius = np.exp(rng.uniform(np.log(4), np.log(size / 3)))
        count = int(rng.integers(3, 9))
        angles = np.sort(rng.uniform(0, 2 * np.pi, count)) if rng.random() < 0.7 else rng.uniform(0, 2 * np.pi, count)
        points = centre + radius * rng.uniform(0.5, 1.2, (count, 1)) * np.stack([np.cos(angles), np.sin(angles)], 1)
        fixed = (points * 16).astype(np.int32)
        stroke = int(np.exp(rng.uniform(0, np.log(12))))
        kind = rng.random()
        if kind < 0.3:
            cv2.fillPoly(out, [fixed], colour, cv2.LINE_AA, 4)
        elif kind < 0.6:
            cv2.polylines(out, [fixed], bool(rng.random() < 0.5), colour, stroke, cv2.LINE_AA, 4)
        elif kind < 0.8:
            cv2.circle(
                out, tuple(fixed[0].tolist()), int(radius * 8), colour, -1 if rng.random() < 0.5 else stroke, cv2.LINE_AA, 4
            )
        else:
            pitch, along = rng.uniform(4, 24), rng.normal(0, 1, 2)
            along *= radius / np.linalg.norm(along)
            across = np.array([-along[1], along[0]]) / radius * pitch
            for i in range(int(rng.integers(2, 12))):
                a, b = ((centre + i * across) * 16).astype(int), ((centre + i * across + along) * 16).astype(int)
                cv2.line(out, a.tolist(), b.tolist(), colour, max(1, int(pitch / 3)), cv2.LINE_AA, 4)
    return out


def smooth_noise(rng: np.random.Generator, size: int) -> Floats:
    """Return a smooth random field [size, size] in [0, 1]."""
    cells = int(rng.integers(2, 7))
    field: Floats = cv2.resize(rng.random((cells, cells), np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    return np.clip(field, 0, 1)
