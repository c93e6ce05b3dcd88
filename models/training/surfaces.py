"""What the scenes are made of: photographs, printed pages, line art. Random, sharp, in linear light.

Pictures are float32 [C, H, W] in [0, 1]; C is 3, or 1 for a one-channel sensor.
"""

import string
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Picture = npt.NDArray[np.float32]
_LETTERS = string.ascii_letters + string.digits + ".,;:!?&-()"


def load_photos(folder: Path) -> list[npt.NDArray[np.uint8]]:
    """Return every photograph under `folder` as RGB uint8 [H, W, 3], in sorted order."""
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp", ".tif"})
    read = (cv2.imread(str(p), cv2.IMREAD_COLOR) for p in paths)
    photos = [np.array(image[..., ::-1], np.uint8) for image in read if image is not None]
    if not photos:
        raise FileNotFoundError(f"no photographs under {folder}")
    return photos


def surface(rng: np.random.Generator, photos: list[npt.NDArray[np.uint8]], fonts: list[str], size: int, grey: bool) -> Picture:
    """Return one random surface [C, size, size]: a photograph (plain or printed over), a page of text, or line art."""
    kind = rng.random()
    if kind < 0.7:
        coded = photo_crop(rng, photos, size)
        if kind < 0.08:
            coded = _printed(rng, coded, fonts)
    else:
        paper, ink = _two_tones(rng)
        base = np.empty((size, size, 3), np.float32)
        base[:] = paper + (ink - paper) * (0.1 * _smooth_noise(rng, size)[..., None])
        coded = _printed(rng, base, fonts, ink) if kind < 0.85 else _line_art(rng, base, ink)
    linear = np.clip(coded, 0, 1) ** np.float32(2.2)
    if grey:
        # The weights vary: a green channel, luminance, or a single photodiode colour.
        weights = rng.dirichlet([1.0, 3.0, 1.0]).astype(np.float32)
        linear = (linear @ weights)[..., None]
    else:
        linear = linear[..., rng.permutation(3)]
    return np.ascontiguousarray(linear.transpose(2, 0, 1), np.float32)


def photo_crop(rng: np.random.Generator, photos: list[npt.NDArray[np.uint8]], size: int, tries: int = 6) -> Picture:
    """Return a gamma-coded crop [size, size, 3] in [0, 1], redrawn (a few times) until it has sharp detail."""
    areas = np.array([p.shape[0] * p.shape[1] for p in photos], float) ** 0.5
    areas /= areas.sum()
    crop = np.zeros((size, size, 3), np.uint8)
    for _ in range(tries):
        photo = photos[int(rng.choice(len(photos), p=areas))]
        scale = 1.0 if rng.random() < 0.5 else rng.uniform(1, 2)
        side = min(round(size * scale), *photo.shape[:2])
        y, x = (int(rng.integers(0, n - side + 1)) for n in photo.shape[:2])
        crop = photo[y : y + side, x : x + side]
        if side != size:
            how = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
            crop = np.asarray(cv2.resize(crop, (size, size), interpolation=how), np.uint8)
        detail = np.abs(cv2.Laplacian(crop[..., 1], cv2.CV_16S))
        if np.percentile(detail[::2, ::2], 90) > 14:
            break
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    return np.ascontiguousarray(crop, np.float32) / np.float32(255)


def _two_tones(rng: np.random.Generator) -> tuple[Picture, Picture]:
    """Return the colours (paper, ink), apart by at least a fifth of the range; sometimes light on dark."""
    paper, ink = rng.uniform(0.55, 1.0), rng.uniform(0.0, 0.35)
    if rng.random() < 0.3:
        paper, ink = ink, paper
    tint = rng.uniform(0, 0.25)
    colours = [np.clip(v + tint * rng.normal(0, 0.5, 3), 0, 1).astype(np.float32) for v in (paper, ink)]
    return colours[0], colours[1]


def _printed(rng: np.random.Generator, base: Picture, fonts: list[str], ink: Picture | None = None) -> Picture:
    """Return `base` with lines of random text, turned by any angle (mostly upright)."""
    size = base.shape[0]
    wide = int(size * 1.45)
    page = Image.new("L", (wide, wide))
    draw = ImageDraw.Draw(page)
    y = 0
    small = rng.random() < 0.35
    while y < wide:
        height = int(rng.uniform(9, 18) if small else np.exp(rng.uniform(np.log(12), np.log(90))))
        font = _font(fonts[int(rng.integers(len(fonts)))] if fonts else "", height)
        for _ in range(int(rng.integers(1, 7))):
            words = [
                "".join(rng.choice(list(_LETTERS[:52] if rng.random() < 0.8 else _LETTERS), rng.integers(1, 10)))
                for _ in range(3 + 4 * wide // (height * 12))
            ]
            line = " ".join(w.lower() if rng.random() < 0.7 else w.upper() for w in words)
            draw.text((int(rng.integers(0, 30)), y), line, fill=255, font=font)
            y += int(height * rng.uniform(1.1, 1.5))
            if y >= wide:
                break
        y += int(rng.integers(0, 2) * height)
    angle = rng.normal(0, 6) + (0 if rng.random() < 0.75 else rng.choice([90, 180, 270]))
    matrix = cv2.getRotationMatrix2D((wide / 2, wide / 2), angle, rng.uniform(0.75, 1.0))
    matrix[:, 2] += size / 2 - wide / 2
    mask = cv2.warpAffine(np.asarray(page), matrix, (size, size), flags=cv2.INTER_AREA).astype(np.float32)[..., None] / 255
    if ink is None:
        ink = rng.choice([0.0, 1.0]) + rng.normal(0, 0.15, 3).astype(np.float32)
    printed: Picture = base * (1 - mask) + np.clip(ink, 0, 1).astype(np.float32) * mask
    return printed


@lru_cache(maxsize=512)
def _font(path: str, height: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.truetype(path, height) if path else ImageFont.load_default(height)


def _line_art(rng: np.random.Generator, base: Picture, ink: Picture) -> Picture:
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


def _smooth_noise(rng: np.random.Generator, size: int) -> Picture:
    """Return a smooth random field [size, size] in [0, 1]."""
    cells = int(rng.integers(2, 7))
    field: Picture = cv2.resize(rng.random((cells, cells), np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    return np.clip(field, 0, 1)


smooth_noise = _smooth_noise
