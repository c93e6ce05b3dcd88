"""Make the pictures of the documentation: `python -m benchmarks.figures [MODEL]`. Nothing but synthetic scenes goes in.

docs/images/psf.png: point-spread functions over the radius; docs/images/before-after.png: before | after | target;
docs/images/pareto.png: what the models gain on real captures over what they cost, from benchmarks/evaluation.json.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.evaluate import crops
from benchmarks.evaluate.measure import NOTHING
from benchmarks.evaluate.quality import Planes
from benchmarks.evaluate.synthetic import before, clipped, scene
from dpdeblur.models.optics import Aperture, random_aperture, view_kernels
from dpdeblur.models.runtime import zoo
from dpdeblur.models.runtime.session import open_model
from dpdeblur.transforms.images.photographs import brought_photographs

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs/images"
RADII = np.array([-16, -9, -4, 4, 9, 16], np.float32)  # px
SIDE, ZOOM = 45, 3
SIZE = (768, 512)
SCENES = ((1, 10, (120, 250)), (1, 1, (60, 340)), (1, 9, (40, 80)))  # seed, number, corner of the crop
FONT, SMALL = 15, 256


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    point_spread().save(IMAGES / "psf.png", optimize=True)
    pareto(json.loads((ROOT / "benchmarks/evaluation.json").read_text())).save(IMAGES / "pareto.png", optimize=True)
    compared(sys.argv[1] if len(sys.argv) > 1 else zoo.DEFAULT).save(IMAGES / "before-after.png", optimize=True)


def point_spread() -> Image.Image:
    """One row per lens, one column per radius; the left view's kernel in orange, the right one's in blue."""
    clean = Aperture(edge=0.1)
    any_lens = random_aperture(np.random.default_rng(7))
    lenses = {
        "linear ramp: slope 1": (clean, clean),
        "half-disks: slope 8, leak .1": (replace(clean, slope=8, leak=0.1),) * 2,
        "hollow: Butterworth, order 3": (replace(clean, slope=1.5, hollow_floor=0.2, hollow_cutoff=0.6),) * 2,
        "a random lens": any_lens,
    }
    cell, margin = SIDE * ZOOM + 4, 26
    sheet = Image.new("RGB", (cell * len(RADII), (cell + margin) * len(lenses) + margin), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(FONT)
    for row, (label, pupils) in enumerate(lenses.items()):
        top = row * (cell + margin)
        pen.text((4, top + 4), label, fill="black", font=font)
        for column, pair in enumerate(view_kernels(RADII, *pupils, size=SIDE)):
            sheet.paste(_coloured(pair), (column * cell, top + margin))
    for column, radius in enumerate(RADII):
        text = f"{radius:+.0f} px"
        pen.text((column * cell + cell / 2, sheet.height - margin / 2), text, fill="black", font=font, anchor="mm")
    return sheet


def _coloured(pair: Planes) -> Image.Image:
    """Two kernels [2, S, S] as one picture: orange where the left view sees light, blue where the right one does."""
    left, right = (pair / pair.max()) ** 0.7
    picture = left[..., None] * np.array([255, 140, 20]) + right[..., None] * np.array([20, 140, 255])
    tile = np.clip(picture, 0, 255).astype(np.uint8).repeat(ZOOM, 0).repeat(ZOOM, 1)
    return Image.fromarray(tile)


def pareto(numbers: dict[str, Any], width: int = 720, height: int = 400) -> Image.Image:
    """One dot per model: aligned gain on the Pixel 4 scenes over ms per megapixel on one thread of ONNX Runtime, from zero."""
    setup, colour = "ONNX Runtime, 1 thread", "#1f6fb2"
    base = numbers["pixel4"][NOTHING]
    dots = []
    for name, cost in numbers["cost"].items():
        gains = [scene["aligned_psnr_db"] - base[key]["aligned_psnr_db"] for key, scene in numbers["pixel4"][name].items()]
        dots.append((name, cost["ms_per_megapixel"][setup], float(np.mean(gains))))
    left, top, right, bottom = 60, 20, width - 20, height - 50
    most_ms, most_db = (
        250 * np.ceil(1.1 * max(dot[1] for dot in dots) / 250),
        5 * np.ceil(1.1 * max(dot[2] for dot in dots) / 5),
    )
    sheet = Image.new("RGB", (width, height), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(FONT)
    for step in range(6):
        x, y = left + step * (right - left) / 5, bottom - step * (bottom - top) / 5
        pen.line([(x, top), (x, bottom)], fill="#dddddd")
        pen.line([(left, y), (right, y)], fill="#dddddd")
        pen.text((x, bottom + 14), f"{step * most_ms / 5:.0f}", fill="black", font=font, anchor="mm")
        pen.text((left - 8, y), f"{step * most_db / 5:.0f}", fill="black", font=font, anchor="rm")
    pen.text(((left + right) / 2, height - 14), f"ms per megapixel, {setup}", fill="black", font=font, anchor="mm")
    pen.text((left + 6, top), "dB gained on real captures, aligned", fill="black", font=font, anchor="lm")
    for name, ms, db in dots:
        x, y = left + ms / most_ms * (right - left), bottom - db / most_db * (bottom - top)
        pen.ellipse([(x - 5, y - 5), (x + 5, y + 5)], fill=colour)
        pen.text((x, y + 16), name, fill=colour, font=font, anchor="mm")
    return sheet


def compared(model_name: str) -> Image.Image:
    """Crops of made-up scenes: the mean of the views, what the model makes of them, the truth."""
    model = open_model(model_name, threads=2)
    strips = []
    for seed, number, corner in SCENES:
        made = scene(brought_photographs(), seed, number, *SIZE)
        pictures = [before(made), clipped(lambda views: model.restore(views, *views.shape[1:]), made), made.target]
        strips.append(crops.strip(pictures, *corner, SMALL))
    body = Image.fromarray(crops.stack(strips))
    sheet = Image.new("RGB", (body.width, body.height + 26), "white")
    sheet.paste(body, (0, 26))
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(FONT)
    for column, label in enumerate(("mean of the views", model.name, "in focus (the truth)")):
        pen.text(((column + 0.5) * (SMALL + crops.GAP), 13), label, fill="black", font=font, anchor="mm")
    return sheet


if __name__ == "__main__":
    main()
