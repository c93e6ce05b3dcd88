"""The tables of a comparison, as text."""

from __future__ import annotations

from dpdeblur.pipelines.html.grids import Grid
from dpdeblur.pipelines.html.page import number
from dpdeblur.transforms.scoring.comparison import Comparison, Contrast, Entry, difference
from dpdeblur.transforms.wording import counted

MOST_CHANGED = 3  # scenes at either end
_LABELS = {"psnr_db": "PSNR", "ssim": "SSIM", "mae": "MAE"}
_DIGITS = {"psnr_db": 3, "ssim": 4, "mae": 5}


def grids(comparison: Comparison) -> list[Grid]:
    """The tables of a comparison: the runs, what made them, their gains over the first, and the scenes that changed most."""
    found = [leaderboard(comparison), made(comparison)]
    return [*found, *gains(comparison), changed(comparison)] if comparison.scored else found


def leaderboard(comparison: Comparison) -> Grid:
    """Every run over the shared scenes; more than two are ranked by PSNR and then by SSIM."""
    headers = ("Run", "PSNR dB", "SSIM", "MAE", "CPU s/image", "p50 ms", "ms/MP")
    if not comparison.scored:
        return Grid(f"Runs: {counted(comparison.shared, 'shared scene')}", headers, tuple(map(_results, in_order(comparison))))
    scenes = f"{counted(comparison.scored, 'scored scene')} of {comparison.shared} shared"
    if len(comparison.names) == 2:
        return Grid(f"Runs: {scenes}", headers, tuple(map(_results, in_order(comparison))))
    ranked = tuple((str(place), *_results(entry)) for place, entry in enumerate(comparison.entries, 1))
    return Grid(f"Leaderboard: {scenes}", ("Rank", *headers), ranked, text=2)


def made(comparison: Comparison) -> Grid:
    """What made each run, and how much of it takes part."""
    headers = ("Run", "Model", "Threads", "At once", "Restored", "Failed", "Left out")
    rows = [
        (e.name, e.model, e.threads, e.concurrency, str(e.restored), str(e.failed), str(e.left_out))
        for e in in_order(comparison)
    ]
    backends = ", ".join(sorted({entry.backend for entry in comparison.entries}))
    return Grid(f"What made them, on {backends}", headers, tuple(rows), text=2)


def in_order(comparison: Comparison) -> list[Entry]:
    """The runs as they were given."""
    return sorted(comparison.entries, key=lambda entry: comparison.names.index(entry.name))


def _results(entry: Entry) -> tuple[str, ...]:
    quality = (number(entry.psnr_db, 3), number(entry.ssim, 4), number(entry.mae, 5))
    cost = (number(entry.cpu_s, 3), number(entry.inference_p50_ms, 0), number(entry.ms_per_megapixel, 0))
    return entry.name, *quality, *cost


def gains(comparison: Comparison) -> list[Grid]:
    """Every other run against the first, by metric and subset."""
    headers = ("Metric", "Subset", "Mean gain", "95 % interval", "p boot.", "p Wilc.", "Won/lost/tied")
    return [
        Grid(
            f"Gain of {name} over {comparison.names[0]}, scene by scene; positive is better, PSNR in dB",
            headers,
            _contrasts(comparison, name),
            2,
        )
        for name in comparison.names[1:]
    ]


def _contrasts(comparison: Comparison, name: str) -> tuple[tuple[str, ...], ...]:
    return tuple(_contrast(contrast) for contrast in comparison.contrasts if contrast.run == name)


def _contrast(contrast: Contrast) -> tuple[str, ...]:
    result, digits = contrast.result, _DIGITS[contrast.metric]
    low, high = (number(value, digits, signed=True) for value in (result.low, result.high))
    return (
        _LABELS[contrast.metric],
        contrast.subset,
        number(result.mean, digits, signed=True),
        f"{low}, {high}" if result.low is not None else "\u2013",
        probability(result.p_bootstrap),
        probability(result.p_wilcoxon),
        f"{result.wins}/{result.losses}/{result.ties}",
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
