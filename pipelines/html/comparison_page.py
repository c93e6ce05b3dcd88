"""A comparison as one HTML page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from dpdeblur.pipelines.html import charts, comparison_tables, page
from dpdeblur.pipelines.html.grids import Grid
from dpdeblur.pipelines.html.page import Card, Section, number
from dpdeblur.transforms.scoring import paired
from dpdeblur.transforms.scoring.comparison import Comparison, Entry, difference
from dpdeblur.transforms.wording import counted

_METHOD = (
    f"Intervals: 95 %, percentile bootstrap of the mean over scenes, {paired.RESAMPLES} resamples, seed {paired.SEED}. "
    "Tests: paired bootstrap and Wilcoxon signed-rank, two-sided, not corrected for the number of comparisons. "
    f"With fewer than {paired.FEWEST_FOR_BOOTSTRAP} scenes there is no bootstrap, below {paired.FEWEST_FOR_WILCOXON} no test. "
    "A positive gain is better, for MAE too."
)
_COST = (
    "CPU time is wall time of the model times its threads, as run, with other scenes beside it: compare runs of one machine."
)
_FRONT = "Higher is better, further left is cheaper. Filled marks are on the Pareto front: no other run beats them in both."


def render(comparison: Comparison) -> str:
    """The page of a comparison, as HTML."""
    two = len(comparison.names) == 2
    board = comparison_tables.leaderboard(comparison)
    made = comparison_tables.made(comparison)
    runs = _notes(comparison) + (_cards(comparison) if two else "") + _table(board) + page.hint(_COST) + _table(made)
    parts = [Section("runs", board.title.split(":")[0], runs)]
    if comparison.scored:
        gains = comparison_tables.gains(comparison)
        tables = "".join(f"{'' if two else page.heading(grid.title.split(',')[0])}{_table(grid)}" for grid in gains)
        parts += [
            Section("gains", f"Gain over {comparison.names[0]}", page.hint(_METHOD) + tables),
            Section("pictures", "Quality and time", _charts(comparison)),
        ]
    parts += [
        Section("scenes", "All shared scenes", '<div id="scene-table"></div>'),
        Section("provenance", "Provenance", "".join(_about(entry) for entry in comparison.entries)),
    ]
    title = f"{comparison.names[1]} against {comparison.names[0]}" if two else f"{len(comparison.names)} runs compared"
    shared = counted(comparison.shared, "shared scene")
    lead = f"{shared}, {comparison.scored} of them scored · the baseline is {comparison.names[0]}"
    return page.page(title, lead, parts, {"tables": [scene_table(comparison)]}, "Made by dpdeblur compare")


def _notes(comparison: Comparison) -> str:
    return "".join(page.note(text, warn=True) for text in comparison.notes)


def _cards(comparison: Comparison) -> str:
    first, second = (next(entry for entry in comparison.entries if entry.name == name) for name in comparison.names)
    ratio = second.cpu_s / first.cpu_s if first.cpu_s and second.cpu_s else None
    cost = Card("CPU time per image", number(second.cpu_s, 3), "s", f"{number(ratio, 2)} times that of {first.name}")
    everywhere = {contrast.metric: contrast.result for contrast in comparison.contrasts if contrast.subset == "all"}
    if not everywhere:
        return page.cards([cost])
    psnr, ssim = everywhere["psnr_db"], everywhere["ssim"]
    scenes = counted(psnr.count, "scene")
    probable = f"p {_p(psnr.p_bootstrap)} bootstrap, {_p(psnr.p_wilcoxon)} Wilcoxon"
    return page.cards(
        [
            Card("Mean PSNR gain", number(psnr.mean, 3, signed=True), "dB", f"95 % interval {_interval(psnr, 3)}; {probable}"),
            Card("Mean SSIM gain", number(ssim.mean, 4, signed=True), "", f"95 % interval {_interval(ssim, 4)}"),
            Card("Wins, losses, ties", f"{psnr.wins} / {psnr.losses} / {psnr.ties}", "", f"by PSNR, of {scenes}"),
            cost,
        ]
    )


def _charts(comparison: Comparison) -> str:
    points = [
        charts.Point(entry.cpu_s, entry.psnr_db, entry.name, entry.front)
        for entry in comparison.entries
        if entry.psnr_db is not None and math.isfinite(entry.psnr_db) and entry.cpu_s
    ]
    figures = []
    if points:
        chart = charts.pareto(
            points, x_label="CPU time per image (s), logarithmic", y_label="Mean PSNR (dB)", title="Quality against CPU time"
        )
        figures.append(page.figure(chart, _FRONT))
    for index, name in enumerate(comparison.names[1:], 1):
        gains = [gain for scene in comparison.scenes if (gain := difference(scene, index)) is not None and math.isfinite(gain)]
        if gains:
            chart = charts.histogram(gains, title=f"PSNR gain of {name}", unit="dB", signed=True)
            figures.append(
                page.figure(chart, f"Scene by scene, over {comparison.names[0]}. Left of the dashed line, {name} is worse.")
            )
    return f'<div class="charts">{"".join(figures)}</div>'


def scene_table(comparison: Comparison) -> dict[str, Any]:
    """All shared scenes, with the PSNR of each run and its difference from the first; the greatest loss first."""
    subset = any(scene.subset for scene in comparison.scenes)
    columns: list[dict[str, Any]] = [{"label": "Scene"}, *([{"label": "Subset"}] if subset else [])]
    rows: list[list[Any]] = [[scene.scene_id, *([scene.subset] if subset else [])] for scene in comparison.scenes]

    def add(label: str, values: Sequence[Any], digits: int, help: str, signed: int = 0) -> int:
        columns.append({"label": label, "digits": digits, "help": help, "signed": signed})
        for row, value in zip(rows, values, strict=True):
            row.append(value)
        return len(columns) - 1

    sign = None
    for index, name in enumerate(comparison.names):
        if comparison.scored:
            add(f"{name} PSNR", [scene.psnr_db[index] for scene in comparison.scenes], 3, "dB")
        if comparison.scored and index:
            gain = add(
                f"{name} gain",
                [difference(scene, index) for scene in comparison.scenes],
                3,
                f"dB over {comparison.names[0]}",
                1,
            )
            sign = sign or gain
    for index, name in enumerate(comparison.names):
        add(f"{name} ms", [scene.inference_ms[index] for scene in comparison.scenes], 0, "wall time of the model")
    return page.interactive(
        "scene-table",
        "All shared scenes",
        "scenes",
        columns,
        rows,
        sort=sign or 0,
        group=1 if subset else None,
        sign=sign if len(comparison.names) == 2 else None,
    )


def _table(grid: Grid) -> str:
    return page.table(grid.title, grid.headers, grid.rows, text=grid.text)


def _about(entry: Entry) -> str:
    facts = {
        "folder": entry.folder,
        "model": entry.model,
        "backend": entry.backend,
        "metric protocol": entry.protocol,
        "scenes": f"{entry.restored} restored, {entry.failed} failed, {entry.left_out} left out here",
    }
    return page.heading(entry.name) + page.facts(facts)


def _interval(result: paired.Paired, digits: int) -> str:
    if result.low is None:
        return number(None, digits)
    return f"{number(result.low, digits, signed=True)} to {number(result.high, digits, signed=True)}"


def _p(value: float | None) -> str:
    return comparison_tables.probability(value)
