"""The tables of a comparison, as text."""

from __future__ import annotations

from pipelines.grids import Grid
from pipelines.page import number
from transforms.comparison import Comparison, Contrast, Entry, difference

MOST_CHANGED = 3  # scenes at either end
_LABELS = {"psnr_db": "PSNR (dB)", "ssim": "SSIM", "mae": "MAE, less is better"}
_DIGITS = {"psnr_db": 3, "ssim": 5, "mae": 6}


def grids(comparison: Comparison) -> list[Grid]:
    """The tables of a comparison: the runs, their gains over the first, and the scenes that changed most."""
    found = [leaderboard(comparison)]
    if comparison.scored:
        found += [gains(comparison), changed(comparison)]
    return found


def leaderboard(comparison: Comparison) -> Grid:
    """Every run over the shared scenes, ranked by PSNR and then by SSIM."""
    ranked = len(comparison.names) > 2 and comparison.scored
    scenes = (
        f"{comparison.scored} scored scenes of {comparison.shared} shared"
        if comparison.scored
        else f"{comparison.shared} shared scenes"
    )
    headers = (
        "Run",
        "Model",
        "PSNR dB",
        "SSIM",
        "MAE",
        "CPU s/image",
        "p50 ms",
        "ms/MP",
        "Threads",
        "At once",
        "Left out",
        "Failed",
    )
    order = comparison.entries if ranked else sorted(comparison.entries, key=lambda entry: comparison.names.index(entry.name))
    rows = [_entry_cells(entry) for entry in order]
    if ranked:
        return Grid(
            f"Leaderboard: {scenes}", ("Rank", *headers), tuple((str(at), *row) for at, row in enumerate(rows, 1)), text=3
        )
    return Grid(f"Runs: {scenes}", headers, tuple(rows), text=2)


def _entry_cells(entry: Entry) -> tuple[str, ...]:
    return (
        entry.name,
        entry.model,
        number(entry.psnr_db, 3),
        number(entry.ssim, 4),
        number(entry.mae, 5),
        number(entry.cpu_s, 3),
        number(entry.inference_p50_ms, 0),
        number(entry.ms_per_megapixel, 0),
        entry.threads,
        entry.concurrency,
        str(entry.left_out),
        str(entry.failed),
    )


def gains(comparison: Comparison) -> Grid:
    """Every other run against the first, by metric and subset."""
    headers = (
        "Run",
        "Metric",
        "Subset",
        "Scenes",
        "Mean gain",
        "95 % interval",
        "p bootstrap",
        "p Wilcoxon",
        "Wins",
        "Losses",
        "Ties",
    )
    rows = [_contrast_cells(contrast) for contrast in comparison.contrasts]
    return Grid(f"Gain over {comparison.names[0]}, scene by scene; positive is better", headers, tuple(rows), text=3)


def _contrast_cells(contrast: Contrast) -> tuple[str, ...]:
    result, digits = contrast.result, _DIGITS[contrast.metric]
    low, high = (number(value, digits, signed=True) for value in (result.low, result.high))
    return (
        contrast.run,
        _LABELS[contrast.metric],
        contrast.subset,
        str(result.count),
        number(result.mean, digits, signed=True),
        f"{low} to {high}" if result.low is not None else "\u2013",
        probability(result.p_bootstrap),
        probability(result.p_wilcoxon),
        *(str(count) for count in (result.wins, result.losses, result.ties)),
    )


def probability(p: float | None) -> str:
    """A p-value to four places; below them it is only said to be below."""
    return "\u2013" if p is None else "<0.0001" if p < 0.0001 else f"{p:.4f}"


def changed(comparison: Comparison) -> Grid:
    """The scenes that lost and gained most PSNR, for each run against the first."""
    rows: list[tuple[str, ...]] = []
    for index, name in enumerate(comparison.names[1:], 1):
        ranked = sorted(
            (scene for scene in comparison.scenes if difference(scene, index) is not None),
            key=lambda s: (difference(s, index), s.scene_id),
        )
        ends = ranked if len(ranked) <= 2 * MOST_CHANGED else [*ranked[:MOST_CHANGED], *ranked[-MOST_CHANGED:]]
        rows += [
            (
                name,
                scene.scene_id,
                scene.subset,
                *(number(scene.psnr_db[at], 3) for at in (0, index)),
                number(difference(scene, index), 3, signed=True),
            )
            for scene in ends
        ]
    headers = ("Run", "Scene", "Subset", f"{comparison.names[0]} dB", "Run dB", "Difference dB")
    return Grid("Scenes that lost and gained most", headers, tuple(rows), text=3)
