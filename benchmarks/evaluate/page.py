"""The numbers as Markdown tables, between two marks of `docs/models.md`."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.evaluate.measure import NOTHING
from benchmarks.evaluate.synthetic import EDGES

BEGIN, END = "<!-- evaluation: begin (written by make evaluate) -->", "<!-- evaluation: end -->"
Results = dict[str, Any]
SAFETY = {
    "in_focus_mean_db": ("In focus, noisy: mean change", "dB, not below -0.1", "{:+.2f}"),
    "in_focus_worst_db": ("In focus, noisy: worst scene", "dB", "{:+.2f}"),
    "equal_views_db": ("L = R = the sharp picture: PSNR to it, worst scene", "dB, above 50", "{:.1f}"),
    "flat": ("Flat pictures, black to white: largest change", "of full scale", "{:.4f}"),
    "rgb_db": ("Blurred, RGB, 16 bits: mean gain", "dB", "{:+.2f}"),
    "rgb_worst_db": ("Blurred: worst scene", "dB, not below -0.1", "{:+.2f}"),
    "eight_bit_db": ("The same in 8 bits: mean gain", "dB", "{:+.2f}"),
    "one_channel_db": ("The same, one channel: mean gain", "dB", "{:+.2f}"),
    "one_channel_colour": ("One channel: largest colour cast", "of full scale", "{:.4f}"),
    "dark_worst_db": ("1/64 of the light: worst scene", "dB, not below -0.1", "{:+.2f}"),
    "clipped_worst_db": ("8 times the light, clipped: worst scene", "dB, not below -0.1", "{:+.2f}"),
}


def write(results: Results, path: Path) -> None:
    """Replace what stands between the marks."""
    text = path.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    path.write_text(f"{before}{BEGIN}\n\n{section(results)}\n{END}{after}", encoding="utf-8")


def section(results: Results) -> str:
    """All tables that there are numbers for."""
    parts = []
    if "pixel4" in results:
        scenes = ", ".join(results["pixel4"][NOTHING])
        parts += [
            "### Real captures: Google Pixel 4\n",
            f"Scenes {scenes}; 1344x1008, one channel. Means over scenes; in brackets the change against doing nothing.\n",
            real_table(results["pixel4"], "coded"),
            "The same in linear light:\n",
            real_table(results["pixel4"], "linear"),
            "The targets of this set have a black frame, one pixel wide, that is in no view; it makes up a good part of "
            "everybody's squared error. Gamma-coded again, without a border of 8 pixels:\n",
            real_table(results["pixel4"], "inside"),
            "The targets are also misplaced: what is blurred lies 1 to 3 pixels off, differently in every part of a scene. "
            "**Aligned**: gamma-coded again, each block of 84x84 pixels at its own best offset of at most 4 whole pixels along "
            "each axis, for doing nothing as well:\n",
            aligned_table(results["pixel4"]),
            "PSNR gained on each scene, gamma-coded, in dB, and what the oracle chose for the classical methods:\n",
            scene_table(results["pixel4"]),
        ]
    if "canon" in results:
        parts += [
            "### Real captures: Canon R6 Mark II (a sanity check)\n",
            "Two planar scenes, f/4 against f/20, 8-bit sRGB. The pairs are registered to about a pixel only, so that a "
            "perfect result would not score well either; read the sign, not the size.\n",
            real_table(results["canon"], "coded"),
            "Aligned, as above:\n",
            aligned_table(results["canon"]),
        ]
    if "synthetic" in results:
        parts += ["### Synthetic test: gain by blur radius\n", *synthetic_table(results)]
    if "safety" in results:
        parts += ["### What a model must not do\n", safety_table(results["safety"])]
    if "cost" in results:
        parts += ["### Cost\n", f"Measured on: {results['machine']}; fastest of a few runs.\n", cost_table(results["cost"])]
    return "\n".join(parts)


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; the first column is left-aligned, the others right."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def real_table(methods: Results, values: str) -> str:
    base = _mean(methods[NOTHING], values)
    rows = []
    for name, scenes in methods.items():
        psnr, ssim, mae = _mean(scenes, values)
        gains = [scene[values][0] - methods[NOTHING][key][values][0] for key, scene in scenes.items()]
        change = (
            ["", "", "", ""]
            if name == NOTHING
            else [f" ({psnr - base[0]:+.2f})", f" ({ssim - base[1]:+.3f})", f" ({mae - base[2]:+.4f})", f"{min(gains):+.2f}"]
        )
        rows.append([name, f"{psnr:.2f}{change[0]}", f"{ssim:.3f}{change[1]}", f"{mae:.4f}{change[2]}", change[3]])
    return table(["method", "PSNR, dB", "SSIM", "MAE", "worst scene, dB"], rows)


def aligned_table(methods: Results) -> str:
    base = {key: scene.get("aligned_psnr_db", np.nan) for key, scene in methods[NOTHING].items()}
    rows = []
    for name, scenes in methods.items():
        if not all("aligned_psnr_db" in scene for scene in scenes.values()):
            continue  # numbers from before there was this measure
        gains = [scene["aligned_psnr_db"] - base[key] for key, scene in scenes.items()]
        psnr = np.mean([scene["aligned_psnr_db"] for scene in scenes.values()])
        change = ("", "") if name == NOTHING else (f" ({np.mean(gains):+.2f})", f"{min(gains):+.2f}")
        rows.append([name, f"{psnr:.2f}{change[0]}", change[1]])
    return table(["method", "aligned PSNR, dB", "worst scene, dB"], rows)


def scene_table(methods: Results) -> str:
    base = methods[NOTHING]
    rows = [[NOTHING + " (PSNR)", *(f"{scene['coded'][0]:.2f}" for scene in base.values())]]
    for name, scenes in methods.items():
        if name != NOTHING:
            cells = (
                f"{scene['coded'][0] - base[key]['coded'][0]:+.2f}" + (f" ({scene['setting']})" if scene["setting"] else "")
                for key, scene in scenes.items()
            )
            rows.append([name, *cells])
    return table(["method", *base], rows)


def synthetic_table(results: Results) -> list[str]:
    tests = results["synthetic"]
    first = next(iter(tests.values()))
    bins = [f"{low}-{high} px" for low, high in pairwise(EDGES)]
    rows = [["share of pixels", "", "", "", *(f"{100 * share:.0f} %" for share in first["share"])]]
    for name, test in tests.items():
        gain, similarity = (test["after"][i] - test["before"][i] for i in (0, 1))
        rows.append(
            [
                name,
                f"{gain:+.2f}",
                f"{similarity:+.3f}",
                f"{test['worst_db']:+.2f}",
                *("" if db is None else f"{db:+.2f}" for db in test["by_radius_db"]),
            ]
        )
    return [
        f"{results['photographs']}. dB of PSNR gained over doing nothing ({first['before'][0]:.2f} dB, SSIM "
        f"{first['before'][1]:.3f}), per scene on average, on the worst scene, and by blur radius over all pixels. The scenes "
        "come from the same kind of simulator that the models were trained on, with photographs that they never saw.\n",
        table(["method", "gain", "SSIM", "worst", *bins], rows),
    ]


def safety_table(models: Results) -> str:
    rows = [
        [f"{label} ({unit})", *(form.format(numbers[key]) for numbers in models.values())]
        for key, (label, unit, form) in SAFETY.items()
    ]
    return table(["case", *models], rows)


def cost_table(models: Results) -> str:
    rows = [
        [
            name,
            f"{cost['parameters'] / 1e6:.2f} M",
            f"{cost['gmac']:.1f}",
            f"{cost['megabytes']:.2f}",
            *(f"{ms:.0f}" for ms in cost["ms_per_megapixel"].values()),
        ]
        for name, cost in models.items()
    ]
    setups = next(iter(models.values()))["ms_per_megapixel"]
    return table(["model", "parameters", "GMAC per 1680x1120", "MB", *(f"ms/MP, {setup}" for setup in setups)], rows)


def _mean(scenes: Results, values: str) -> list[float]:
    return [float(x) for x in np.mean([scene[values] for scene in scenes.values()], 0)]
