"""The tables of a comparison, as text."""

from __future__ import annotations

from dpdeblur.pipelines.html.formats import MISSING, number, probability
from dpdeblur.pipelines.html.grids import Grid
from dpdeblur.transforms.scoring.comparison import METRICS, MORE_METRICS, Comparison, Contrast, MethodSummary, difference
from dpdeblur.transforms.wording import counted

MOST_CHANGED = 3  # scenes at either end
_BY_COLUMN = {metric.column: metric for metric in (*METRICS, *MORE_METRICS)}


def grids(comparison: Comparison) -> list[Grid]:
    """Return the tables of a comparison: the methods, what made them, how they compare, and the scenes that changed most."""
    found = [leaderboard(comparison), made(comparison)]
    if not comparison.scored:
        return found
    return [*found, *gains(comparison), *pairs(comparison), changed(comparison)]


def leaderboard(comparison: Comparison) -> Grid:
    """Return every method over the shared scenes; more than two are ranked by PSNR and then by SSIM."""
    labels = (f"{metric.label} {metric.unit}".strip() for metric in comparison.metrics)
    headers = ("Method", *labels, "CPU s/image", "p50 ms", "ms/MP")
    in_order = tuple(_results(method, comparison) for method in comparison.in_order)
    if not comparison.scored:
        return Grid(f"Methods: {counted(comparison.shared, 'shared scene')}", headers, in_order)
    scenes = f"{counted(comparison.scored, 'scored scene')} of {comparison.shared} shared"
    if len(comparison.names) == 2:
        return Grid(f"Methods: {scenes}", headers, in_order)
    ranked = tuple((str(place), *_results(method, comparison)) for place, method in enumerate(comparison.methods, 1))
    return Grid(f"Leaderboard: {scenes}", ("Rank", *headers), ranked, text=2)


def made(comparison: Comparison) -> Grid:
    """Return the model of each run, and how many of its scenes are compared."""
    headers = ("Method", "Model", "Threads", "At once", "Restored", "Failed", "Left out")
    rows = [
        (m.name, m.model, _cost(m, m.threads), _cost(m, m.concurrency), str(m.restored), str(m.failed), str(m.left_out))
        for m in comparison.in_order
    ]
    backends = ", ".join(sorted({method.backend for method in comparison.methods} - {"none"}))
    return Grid(f"Models, run on {backends}" if backends else "Made by: other programs", headers, tuple(rows), text=2)


def gains(comparison: Comparison) -> list[Grid]:
    """Return how every other method compares with the first, by metric and subset."""
    headers = ("Metric", "Subset", "Mean gain", "95 % interval", "p boot.", "p Wilc.", "Won/lost/tied")
    baseline = comparison.names[0]
    return [
        Grid(
            f"Gain of {name} over {baseline}, scene by scene; positive is better, PSNR in dB",
            headers,
            tuple(
                (_BY_COLUMN[contrast.metric].label, contrast.subset, *_contrast(contrast))
                for contrast in comparison.contrasts
                if (contrast.method, contrast.baseline) == (name, baseline)
            ),
            2,
        )
        for name in comparison.names[1:]
    ]


def pairs(comparison: Comparison) -> list[Grid]:
    """Return how all pairs of more than two methods compare, by each metric over all scenes."""
    if len(comparison.names) == 2:
        return []
    headers = ("Method", "Against", "Mean gain", "95 % interval", "p boot.", "p Wilc.", "Won/lost/tied")
    return [
        Grid(
            f"All pairs by {metric.label}; positive is better for the first{', in ' + metric.unit if metric.unit else ''}",
            headers,
            tuple(
                (contrast.method, contrast.baseline, *_contrast(contrast))
                for contrast in comparison.contrasts
                if (contrast.metric, contrast.subset) == (metric.column, "all")
            ),
            2,
        )
        for metric in comparison.metrics
    ]


def changed(comparison: Comparison) -> Grid:
    """Return the scenes that lost and gained most PSNR, for each method against the first."""
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
    headers = ("Method", "Scene", "Subset", f"{comparison.names[0]} dB", "Method dB", "Difference dB")
    return Grid("Scenes that lost and gained most", headers, tuple(rows), text=3)


def _results(method: MethodSummary, comparison: Comparison) -> tuple[str, ...]:
    quality = (number(method.mean(metric.column), metric.digits) for metric in comparison.metrics)
    cost = (number(method.cpu_s, 3), number(method.inference_p50_ms, 0), number(method.ms_per_megapixel, 0))
    return method.name, *quality, *cost


def _cost(method: MethodSummary, value: str) -> str:
    return value if method.cpu_s is not None else MISSING


def _contrast(contrast: Contrast) -> tuple[str, ...]:
    result, digits = contrast.result, _BY_COLUMN[contrast.metric].digits
    low, high = (number(value, digits, signed=True) for value in (result.low, result.high))
    return (
        number(result.mean, digits, signed=True),
        f"{low}, {high}" if result.low is not None else MISSING,
        probability(result.p_bootstrap),
        probability(result.p_wilcoxon),
        f"{result.wins}/{result.losses}/{result.ties}",
    )
