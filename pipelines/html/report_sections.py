"""The parts of a report: each a function from a run to what the template writes, none of it markup but the charts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dpdeblur.pipelines.html import charts, formats, losses
from dpdeblur.pipelines.html.charts import Chart
from dpdeblur.pipelines.html.formats import number
from dpdeblur.pipelines.html.grids import Grid
from dpdeblur.transforms.layouts.left_out import LeftOut, sentence
from dpdeblur.transforms.records import Score
from dpdeblur.transforms.scoring import paired
from dpdeblur.transforms.scoring.paired import Paired
from dpdeblur.transforms.tables.results import Run
from dpdeblur.transforms.wording import counted

STAGES = ("read", "decode", "inference", "score", "write", "total")
_GAINS = "How much each scene gained over the unprocessed picture."
_DASHED = "Left of the dashed line, restoring made it worse."
_BLUR = (
    "The blur of an input is judged by its PSNR against the sharp target: the lower, the blurrier. "
    "Below the dashed line, restoring made it worse."
)
_TIMES = "Wall time of the model for each scene, with other scenes running at the same time."
_PACE = "When scenes were finished, counted from the first: how steadily the work went, and where it stopped or waited."


@dataclass(frozen=True, slots=True)
class KeyNumber:
    """A key number: its label, value and unit, and a line of context."""

    label: str
    value: str
    unit: str = ""
    more: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart and its legend."""

    chart: Chart
    legend: str


def title(run: Run) -> str:
    """Return what was run, in a few words: the model or method, and the input."""
    models = ", ".join(_unique(run.metrics, "model")) or run.manifest.get("settings", {}).get("model", "nothing")
    where = PurePosixPath(str(run.manifest.get("input", "")).rstrip("/")).name
    return f"{models} on {where}" if where else models


def lead(run: Run) -> list[str]:
    """Return the facts for the line below the title: scenes, gain, failures, what ran it, when."""
    gained = gain(run.metrics)
    total, failed = run.scenes, run.failed
    before, after = (mean_of(run.metrics, name) for name in ("input_psnr_db", "psnr_db"))
    quality = f"PSNR {number(before, 2)} → {number(after, 2)} dB ({number(gained.mean, 2, signed=True)})"
    inferred = not run.metrics.num_rows or pc.max(run.metrics["intra_op_threads"]).as_py()
    engine = ", ".join(_unique(run.metrics, "backend")) if inferred else "pictures from another program"
    when = datetime.fromisoformat(str(run.manifest["finished"]))
    return [
        counted(total, "scene"),
        *([quality] if gained.mean is not None else []),
        *([f"{failed} failed"] if failed else []),
        *([engine] if engine else []),
        f"{when.day} {when:%B %Y, %H:%M} UTC",
    ]


def key_numbers(run: Run) -> list[KeyNumber]:
    """Return the key numbers."""
    failed, total = run.failed, run.scenes
    times = [row for row in run.latency.to_pylist() if (row["group_by"], row["stage"]) == ("all", "inference")]
    done = KeyNumber("Scenes restored", str(total - failed), "", f"of {total}; {failed or 'none'} failed")
    return [*_quality(run.metrics), *(_speed(row, run.metrics) for row in times if row["max_ms"]), done]


def notes(run: Run) -> list[str]:
    """Return notes that a reader of the numbers must know."""
    scored = _scored(run.metrics)
    found = [warning] if (warning := losses.warning(run.summary.get("worse_than_unprocessed", {}))) else []
    if run.sampled:
        rows = f"{run.metrics.num_rows} of the scores and {run.failures.num_rows} of the failures"
        found.append(f"The page shows a sample of this large run, {rows}: charts, intervals and means are of these.")
    if run.metrics.num_rows and not scored.num_rows:
        found.append("No scene has a target: there are pictures and times, but no scores.")
    if identical := int(np.isinf(_values(scored, "psnr_db")).sum()):
        found.append(f"{identical} restored identical to the target: its PSNR is infinite, and left out of means and charts.")
    if line := sentence(LeftOut(**kind) for kind in run.summary.get("left_out", [])):
        found.append(f"{line}.")
    if 0 < scored.num_rows < paired.FEWEST_FOR_BOOTSTRAP:
        found.append(f"Fewer than {paired.FEWEST_FOR_BOOTSTRAP} scenes were scored: too few for an interval of the mean gain.")
    return found


def protocols(run: Run) -> list[str]:
    """Return the signatures of the metric protocols that the scores were computed with."""
    return _unique(_scored(run.metrics), "protocol")


def by_subset(run: Run) -> Grid | None:
    """Return the means of each subset and of all; None if there is but one."""
    scored = _scored(run.metrics)
    subsets = [name for name in _unique(scored, "subset") if name]
    if not subsets:
        return None
    headers = ("Subset", "Scenes", "PSNR before", "PSNR after", "Gain (dB)", "95 % interval", "Better",
               "SSIM before", "SSIM after", "MAE")  # fmt: skip
    groups = [(name, scored.filter(pc.equal(scored["subset"], name))) for name in subsets]
    rows = tuple(_subset_row(name, part) for name, part in [*groups, ("all", scored)])
    return Grid("Scores by subset, mean over images", headers, rows)


def distributions(run: Run, scores: Sequence[Score]) -> list[Figure]:
    """Return how gains and times spread, and how the gain depends on the blur of the input; nothing for a few scenes.

    Args:
        run: a finished run.
        scores: the rows that the page shows; dots stand for these.
    """
    if run.metrics.num_rows < charts.FEWEST_FOR_HISTOGRAM:
        return []
    gains = _gains(run.metrics)
    figures = []
    if len(gains) >= charts.FEWEST_FOR_HISTOGRAM:
        chart = charts.histogram(gains.tolist(), title="PSNR gain", unit="dB", signed=True)
        figures.append(Figure(chart, f"{_GAINS} {_DASHED}" if chart.zero_line else _GAINS))
    points = [_point(score, g) for score in scores if (g := score.gain_db) is not None and math.isfinite(g)]
    if len(points) >= charts.FEWEST_FOR_HISTOGRAM:
        axes = ("PSNR of the input (dB), blurrier to the left", "PSNR gain (dB)")
        chart = charts.scatter(points, x_label=axes[0], y_label=axes[1], title="Gain against input blur")
        figures.append(Figure(chart, _BLUR))
    times = _values(run.metrics, "inference_ms")
    if times.any():  # none where pictures of somebody else were scored
        figures.append(Figure(charts.histogram(times.tolist(), title="Inference time", unit="ms"), _TIMES))
    return figures


def latency(run: Run) -> Grid | None:
    """Return statistics of each stage over all scenes."""
    found = {row["stage"]: row for row in run.latency.to_pylist() if row["group_by"] == "all"}
    names = ("mean_ms", "std_ms", "min_ms", "p50_ms", "p90_ms", "p95_ms", "p99_ms", "max_ms", "mean_ms_per_megapixel")
    headers = ("Stage", "Mean", "Std. dev.", "Min", "p50", "p90", "p95", "p99", "Max", "ms/MP")
    rows = tuple((stage, *(number(found[stage][name], 1) for name in names)) for stage in STAGES if stage in found)
    return Grid("Latency by stage, in milliseconds", headers, rows) if rows else None


def pace(run: Run) -> list[Figure]:
    """Return when scenes were finished; nothing for a few scenes."""
    if run.metrics.num_rows < charts.FEWEST_FOR_HISTOGRAM:
        return []
    finished = run.metrics["finished_at"].to_numpy().astype("datetime64[ms]").astype(np.float64) / 1000
    after = finished - finished.min()
    unit, seconds = next(((unit, s) for unit, s in (("h", 3600), ("min", 60)) if after.max() > 3 * s), ("s", 1))
    return [Figure(charts.histogram((after / seconds).tolist(), title="Finished after", unit=unit), _PACE)]


def gain(metrics: pa.Table) -> Paired:
    """Return how the restored pictures compare with the unprocessed ones, by PSNR."""
    scored = _scored(metrics)
    return paired.paired(_values(scored, "input_psnr_db"), _values(scored, "psnr_db"))


def mean_of(metrics: pa.Table, name: str) -> float | None:
    """Return the mean of the finite values of a column; None without any."""
    return paired.finite_mean(_values(metrics, name))[0]


def _quality(metrics: pa.Table) -> list[KeyNumber]:
    scored, gained = _scored(metrics), gain(metrics)
    if not scored.num_rows:
        return []
    better = f"better in {gained.wins} of {gained.count}"
    range_ = f"95 % interval {formats.interval(gained, 2)}; {better}" if gained.low is not None else better
    return [
        KeyNumber("Mean PSNR gain", number(gained.mean, 2, signed=True), "dB", range_),
        KeyNumber("Mean PSNR", *_before_after(scored, "psnr_db", 2, "dB")),
        KeyNumber("Mean SSIM", *_before_after(scored, "ssim", 4)),
        KeyNumber("Mean absolute error", *_before_after(scored, "mae", 5)),
    ]


def _before_after(scored: pa.Table, name: str, digits: int, unit: str = "") -> tuple[str, str, str]:
    after, before = (number(mean_of(scored, column), digits) for column in (name, f"input_{name}"))
    return after, unit, f"{before} unprocessed"


def _speed(row: dict[str, Any], metrics: pa.Table) -> KeyNumber:
    threads, beside = (set(map(int, _unique(metrics, name))) for name in ("intra_op_threads", "concurrency"))
    taken = f"{_range(threads)} thread{'' if threads == {1} else 's'} each, {_range(beside)} at once"
    more = f"p95 {row['p95_ms']:.0f} ms, {row['mean_ms_per_megapixel']:.0f} ms/MP; {taken}"
    return KeyNumber("Inference, median", f"{row['p50_ms']:.0f}", "ms", more)


def _subset_row(name: str, scored: pa.Table) -> tuple[str, ...]:
    gained = gain(scored)
    columns = (("input_psnr_db", 2), ("psnr_db", 2), ("input_ssim", 4), ("ssim", 4), ("mae", 5))
    means = [number(mean_of(scored, column), digits) for column, digits in columns]
    gains = (number(gained.mean, 2, signed=True), formats.interval(gained, 2), str(gained.wins))
    return (name, str(scored.num_rows), *means[:2], *gains, *means[2:])


def _point(score: Score, gain_db: float) -> charts.Point:
    before = score.input_psnr_db or 0.0
    label = f"{score.scene_id}: input {before:.2f} dB, gain {number(gain_db, 2, signed=True)} dB"
    return charts.Point(before, gain_db, label, gain_db >= 0)


def _scored(metrics: pa.Table) -> pa.Table:
    return metrics.filter(pc.and_(pc.is_valid(metrics["psnr_db"]), pc.is_valid(metrics["input_psnr_db"])))


def _gains(metrics: pa.Table) -> NDArray[np.float64]:
    """Finite gains of all scored scenes."""
    scored = _scored(metrics)
    both = np.isfinite(_values(scored, "psnr_db")) & np.isfinite(_values(scored, "input_psnr_db"))
    return (_values(scored, "psnr_db")[both] - _values(scored, "input_psnr_db")[both]).astype(np.float64)


def _values(table: pa.Table, name: str) -> NDArray[np.float64]:
    column = table[name]
    return np.asarray(column.filter(pc.is_valid(column)).to_numpy(), dtype=np.float64)


def _unique(table: pa.Table, name: str) -> list[str]:
    return sorted(map(str, pc.unique(table[name]).to_pylist()))


def _range(values: Iterable[int]) -> str:
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low} to {high}"
