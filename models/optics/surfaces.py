"""Parts of a synthetic scene: frames of photographs, outlines of objects, and a printed page."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from dpdeblur.models.srgb import srgb_to_linear

Map = npt.NDArray[np.float32]
TEXT = (
    "aperture blur bokeh circle contrast depth diffraction disparity dual edge field focal focus half image lens light "
    "near noise optics photon pixel plane pupil radius readable sensor shallow sharp stereo thin view wide"
)
SHAPES = ("card", "blob", "bar")


def outline(rng: np.random.Generator, shape: str, height: int, width: int) -> tuple[Map, float]:
    """Draw the outline of an object: coverage [height, width] in [0, 1], and how far it is turned, in degrees.

    Args:
        rng: draws place, size and form.
        shape: one of `SHAPES`: a turned rectangle, a smooth closed curve, a thin bar.
        height: of the frame, in pixels.
        width: likewise.
    """
    side = min(height, width)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x -= np.float32(rng.uniform(0.2, 0.8) * width)
    y -= np.float32(rng.uniform(0.2, 0.8) * height)
    if shape == "blob":
        return _blob(rng, x, y, side * rng.uniform(0.15, 0.3)), 0.0
    turn = rng.uniform(-15, 15) if shape == "card" else rng.uniform(0, 180)
    long, short = side * rng.uniform(0.25, 0.42), side * rng.uniform(0.18, 0.32)
    if shape == "bar":
        long, short = 2.0 * side, side * rng.uniform(0.008, 0.03)
    c, s = np.cos(np.deg2rad(turn), dtype=np.float32), np.sin(np.deg2rad(turn), dtype=np.float32)
    u, v = c * x + s * y, c * y - s * x
    inside = np.clip(long - np.abs(u) + 0.5, 0, 1) * np.clip(short - np.abs(v) + 0.5, 0, 1)
    return inside.astype(np.float32), float(turn)


def page(rng: np.random.Generator, height: int, width: int, turn: float) -> npt.NDArray[np.uint8]:
    """Print a page of words, lines growing smaller as on an eye chart: [height, width, 3], turned by `turn` degrees."""
    paper = rng.integers(200, 256, 3)
    ink = rng.integers(0, 70, 3)
    sheet = Image.new("RGB", (width, height), tuple(map(int, paper)))
    pen = ImageDraw.Draw(sheet)
    y, size, largest = 0.0, 0.0, max(min(height, width) / 14, 16)
    while y < height:
        size = size * 0.86 if size > 12 else largest
        words = " ".join(rng.choice(TEXT.split(), 4 + int(2 * width / (size * 5))))
        pen.text((-int(rng.integers(0, 60)), y), words, fill=tuple(map(int, ink)), font=ImageFont.load_default(size))
        y += 1.3 * size
    return np.asarray(sheet.rotate(-turn, Image.Resampling.BICUBIC, fillcolor=tuple(map(int, paper))))


def _blob(rng: np.random.Generator, x: Map, y: Map, radius: float) -> Map:
    """Draw a closed curve r(θ) = radius · (1 + Σ aₖ cos(kθ + φₖ)), filled."""
    angle = np.arctan2(y, x)
    reach = np.ones_like(angle)
    for k in range(2, 6):
        reach += np.float32(rng.uniform(0, 0.35) / k) * np.cos(k * angle + np.float32(rng.uniform(0, 2 * np.pi)))
    return np.asarray(np.clip(np.float32(radius) * reach - np.hypot(x, y) + 0.5, 0, 1), np.float32)


def fill_frame(photo: npt.NDArray[np.uint8], height: int, width: int, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Cut a sharp frame [height, width, 3] out of a photograph: shrunk by a random factor, never enlarged.

    A photograph smaller than the frame is continued by its mirror image, since enlarging would blur it.
    """
    room = min(photo.shape[0] / height, photo.shape[1] / width)
    if room > 1.01:
        factor = rng.uniform(1, min(room, 3))
        size = (max(round(photo.shape[1] / factor), width), max(round(photo.shape[0] / factor), height))
        photo = np.asarray(Image.fromarray(photo).resize(size, Image.Resampling.LANCZOS, reducing_gap=2))
    rows, columns = (_window(length, wanted, rng) for length, wanted in zip(photo.shape, (height, width), strict=False))
    return np.ascontiguousarray(photo[rows[:, None], columns[None]])


def bytes_to_linear(coded: npt.NDArray[np.uint8]) -> Map:
    """Undo the sRGB transfer curve (IEC 61966-2-1): uint8 to light in [0, 1], same shape."""
    table = srgb_to_linear(np.arange(256) / 255).astype(np.float32)
    return np.asarray(table[coded], np.float32)


def _window(length: int, wanted: int, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """Return the indices of a run of `wanted` samples out of `length`, mirrored on where those end."""
    first = int(rng.integers(max(length - wanted, 0) + 1))
    index = np.arange(first, first + wanted) % (2 * length)
    return np.where(index < length, index, 2 * length - 1 - index)
