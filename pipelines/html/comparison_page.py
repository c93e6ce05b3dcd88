"""A comparison of methods as one HTML page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from dpdeblur.pipelines.html import charts, comparison_tables, page
from dpdeblur.pipelines.html.comparison_gallery import ComparedScene
from dpdeblur.pipelines.html.formats import interval, number, probability
from dpdeblur.pipelines.html.paper_table import places
from dpdeblur.pipelines.html.report_page import excerpt_data
from dpdeblur.pipelines.html.report_sections import Figure, KeyNumber
from dpdeblur.transforms.scoring import paired
from dpdeblur.transforms.scoring.comparison import Comparison, MethodSummary, SceneRow, difference
from dpdeblur.transforms.scoring.paired import Paired
from dpdeblur.transforms.wording import counted

_STATISTICS = (
    f"Intervals: 95 %, percentile bootstrap of the mean over scenes, {paired.RESAMPLES} resamples, seed {paired.SEED}. "
    "Tests: paired bootstrap and Wilcoxon signed-rank, two-sided, not corrected for the number of comparisons. "
    f"With fewer than {paired.FEWEST_FOR_BOOTSTRAP} scenes there is no bootstrap, below {paired.FEWEST_FOR_WILCOXON} no test. "
    "A positive gain is better, for MAE too."
)
_COST = (
    "CPU time is the wall time of the model times its threads, with other scenes running at the same time: "
    "compare runs from the same machine."
)
_FRONT = "Higher is better, further left is cheaper. Filled marks are on the Pareto front: no other method beats them in both."


def render(comparison: Comparison, images: Sequence[ComparedScene] = ()) -> str:
    """Return the page of a comparison, as HTML."""
    names = comparison.names
    two = len(names) == 2
    board = comparison_tables.leaderboard(comparison)
    shown = comparison.methods if board.headers[0] == "Rank" else comparison.in_order
    viewer = {
        "scenes": [_scene(one, comparison) for one in images],
        "mode": "side",
        "lens": True,
        "hint": f"This page holds the pictures of the {len(images)} scenes in which the methods differ most.",
    }
    return page.render(
        "comparison.html",
        data={"tables": [scene_table(comparison)], "viewer": viewer},
        title=f"{names[1]} against {names[0]}" if two else f"{len(names)} methods compared",
        lead=_lead(comparison),
        notes=comparison.notes,
        has_images=bool(images),
        key_numbers=_key_numbers(comparison) if two else [],
        leaderboard=board,
        leaderboard_marks=_marks(comparison, shown, offset=1 if board.headers[0] == "Rank" else 0),
        made=comparison_tables.made(comparison),
        gains=comparison_tables.gains(comparison) if comparison.scored else [],
        pairs=comparison_tables.pairs(comparison) if comparison.scored else [],
        figures=_figures(comparison),
        statistics=_STATISTICS,
        cost=_COST,
        provenance=[(method.name, _about(method)) for method in comparison.in_order],
        footer="Made by dpdeblur compare",
    )


def scene_table(comparison: Comparison) -> dict[str, Any]:
    """Return all shared scenes for the page's script: each method's PSNR and gain over the first; the greatest loss first."""
    subset = any(scene.subset for scene in comparison.scenes)
    columns: list[dict[str, Any]] = [{"label": "Scene"}, *([{"label": "Subset"}] if subset else [])]
    rows: list[list[Any]] = [[scene.scene_id, *([scene.subset] if subset else [])] for scene in comparison.scenes]

    def add(label: str, values: Sequence[Any], digits: int, help: str, **more: Any) -> int:
        columns.append({"label": label, "digits": digits, "help": help, **more})
        for row, value in zip(rows, values, strict=True):
            row.append(value)
        return len(columns) - 1

    gains = []
    if comparison.scored:
        for index, name in enumerate(comparison.names):
            psnr = [scene.psnr_db[index] for scene in comparison.scenes]
            add(f"{name} PSNR", psnr, 3, f"PSNR of {name}, dB", best={"group": "psnr", "way": 1})
        for index, name in enumerate(comparison.names[1:], 1):
            change = [difference(scene, index) for scene in comparison.scenes]
            gains.append(add(f"{name} gain", change, 3, f"of {name} over {comparison.names[0]}, dB", signed=1))
    for index, name in enumerate(comparison.names):
        times = [scene.inference_ms[index] for scene in comparison.scenes]
        if any(time is not None for time in times):  # none where pictures of somebody else were scored
            add(f"{name} ms", times, 0, f"wall time of {name}")
    return page.interactive_table(
        "scene-table",
        "All shared scenes",
        columns,
        rows,
        sort=gains[0] if gains else 0,
        group=1 if subset else None,
        sign=gains[0] if len(comparison.names) == 2 and gains else None,
    )


def _lead(comparison: Comparison) -> list[str]:
    shared = counted(comparison.shared, "shared scene")
    return [shared, f"{comparison.scored} of them scored", f"the baseline is {comparison.names[0]}"]


def _key_numbers(comparison: Comparison) -> list[KeyNumber]:
    first, second = comparison.in_order
    ratio = second.cpu_s / first.cpu_s if first.cpu_s and second.cpu_s else None
    more = f"{number(ratio, 2)} times that of {first.name}" if ratio else "unknown for pictures from another program"
    cost = KeyNumber("CPU time per image", number(second.cpu_s, 3), "s", more)
    psnr, ssim = (comparison.contrast(second.name, first.name, metric) for metric in ("psnr_db", "ssim"))
    if psnr is None or ssim is None:
        return [cost]
    scenes = counted(psnr.count, "scene")
    return [
        KeyNumber("Mean PSNR gain", number(psnr.mean, 3, signed=True), "dB", _certainty(psnr, 3)),
        KeyNumber("Mean SSIM gain", number(ssim.mean, 4, signed=True), "", _certainty(ssim, 4)),
        KeyNumber("Wins, losses, ties", f"{psnr.wins} / {psnr.losses} / {psnr.ties}", "", f"by PSNR, of {scenes}"),
        cost,
    ]


def _certainty(gain: Paired, digits: int) -> str:
    """Describe how certain a mean gain is, if there are enough scenes."""
    if gain.p_wilcoxon is None:
        return "too few scenes for a test"
    wilcoxon = f"p {probability(gain.p_wilcoxon)} (Wilcoxon)"
    if gain.p_bootstrap is None:
        return f"{wilcoxon}; too few scenes for an interval"
    return f"95 % interval {interval(gain, digits)}; p {probability(gain.p_bootstrap)} (bootstrap), {wilcoxon}"


def _marks(comparison: Comparison, methods: Sequence[MethodSummary], offset: int) -> dict[tuple[int, int], str]:
    """The best and second best cells of the leaderboard, whose first number stands after the name and `offset` columns."""
    columns = [
        ([m.mean(metric.column) for m in methods], metric.digits, metric.higher_is_better) for metric in comparison.metrics
    ]
    columns.append(([m.cpu_s for m in methods], 3, False))
    return {
        (row, offset + 1 + index): "best" if place == 1 else "second"
        for index, (values, digits, higher) in enumerate(columns)
        for row, place in enumerate(places(values, digits, higher_is_better=higher))
        if place <= 2 and values[row] is not None
    }


def _figures(comparison: Comparison) -> list[Figure]:
    points = [
        charts.Point(method.cpu_s, psnr, method.name, method.front)
        for method in comparison.methods
        if (psnr := method.mean("psnr_db")) is not None and math.isfinite(psnr) and method.cpu_s
    ]
    figures = []
    if len(points) > 1:
        axes = ("CPU time per image (s), logarithmic", "Mean PSNR (dB)")
        chart = charts.pareto(points, x_label=axes[0], y_label=axes[1], title="Quality against CPU time")
        figures.append(Figure(chart, _FRONT))
    gains = {name: _gains(comparison, index) for index, name in enumerate(comparison.names[1:], 1)}
    gains = {name: values for name, values in gains.items() if len(values) >= charts.FEWEST_FOR_HISTOGRAM}
    if gains:
        titled = {f"PSNR gain of {name}": values for name, values in gains.items()}
        for name, chart in zip(gains, charts.histograms(titled, unit="dB", signed=True), strict=True):
            legend = f"Scene by scene, over {comparison.names[0]}."
            figures.append(Figure(chart, f"{legend} Left of the dashed line, {name} is worse." if chart.zero_line else legend))
    return figures


def _gains(comparison: Comparison, index: int) -> list[float]:
    return [gain for scene in comparison.scenes if (gain := difference(scene, index)) is not None and math.isfinite(gain)]


def _about(method: MethodSummary) -> dict[str, str]:
    return {
        "folder": method.folder,
        "model": method.model,
        "backend": method.backend if method.cpu_s is not None else "pictures from another program",
        "metric protocol": method.protocol,
        "scenes": f"{method.restored} restored, {method.failed} failed, {method.left_out} left out here",
    }


def _scene(shown: ComparedScene, comparison: Comparison) -> dict[str, Any]:
    """One scene for the viewer of the page."""
    psnr = dict(zip(comparison.names, shown.row.psnr_db, strict=True))
    best = max((value for value in psnr.values() if value is not None), default=None)
    width, height, bits = shown.size
    return {
        "name": shown.row.scene_id,
        "note": _spread(shown.row),
        "about": f"{width} × {height} pixels of {bits} bits",
        "thumb": page.data_uri(shown.thumbnail),
        **excerpt_data(shown.excerpt),
        "shots": [
            {
                "label": label,
                "score": f"{number(psnr[label], 2)} dB" if psnr.get(label) is not None else "",
                "best": best is not None and psnr.get(label) == best,
                "src": page.data_uri(encoded),
            }
            for label, encoded in zip(shown.labels, shown.excerpt.encoded, strict=True)
        ],
    }


def _spread(row: SceneRow) -> str:
    known = [value for value in row.psnr_db if value is not None and math.isfinite(value)]
    return f"{max(known) - min(known):.2f} dB apart" if len(known) > 1 else ""
