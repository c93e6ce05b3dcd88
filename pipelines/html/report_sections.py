"""The parts of a report: each a function from a run to markup."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any

from dpdeblur.pipelines.html import charts, page
from dpdeblur.pipelines.html.gallery import Gallery
from dpdeblur.pipelines.html.page import Card, number
from dpdeblur.transforms.layouts.left_out import LeftOut, sentence
from dpdeblur.transforms.records import Score
from dpdeblur.transforms.scoring import paired
from dpdeblur.transforms.tables.results import Run

STAGES = ("read", "decode", "inference", "score", "write", "total")
MOST_FAILURES = 200  # of one cause, in full; the table in the run folder has all

_NO_TARGETS = "No scene has a target: there are pictures and times, and no scores."
_GAINS = "How much each scene gained over the unprocessed picture. Left of the dashed line, restoring made it worse."
_TIMES = "Wall time of the model for each scene, as run: with other scenes beside it."
_PACE = "When scenes were finished, from the first one on: how steadily work went, and where it stopped or waited."
_BLUR = "The blur of an input is judged by its PSNR against the sharp target: the lower, the blurrier."
_VIEWER = (
    "Choose a scene. All its pictures move as one: drag to pan, double-click or use the buttons to zoom. "
    "After a click the wheel zooms too, and so do the arrow, plus and minus keys."
)
_STAGES = (
    "Wall time of each stage of a scene in milliseconds, with other scenes beside it. "
    "A time to publish comes from dpdeblur latency, which runs one picture at a time."
)


def lead(run: Run) -> str:
    """The line below the title: model, size, date."""
    models = ", ".join(sorted({_made(score) for score in run.scores}))
    total = run.metrics.num_rows + run.failures.num_rows
    when = str(run.manifest["finished"])[:16].replace("T", " ")
    return " · ".join(filter(None, [models, f"{total} scene{'' if total == 1 else 's'}", f"finished {when} UTC"]))


def _made(score: Score) -> str:
    return f"{score.model} on {score.backend}" if score.intra_op_threads else f"{score.model}, pictures made elsewhere"


def summary(run: Run) -> str:
    """The numbers that matter, what they were computed with, and the same for each subset."""
    scored = [score for score in run.scores if score.psnr_db is not None]
    failed = run.failures.num_rows
    times = [row for row in run.latency.to_pylist() if (row["group_by"], row["stage"]) == ("all", "inference")]
    done = Card(
        "Scenes restored", str(run.metrics.num_rows), "", f"of {run.metrics.num_rows + failed}; {failed or 'none'} failed"
    )
    parts = [page.cards([*_quality(scored), *(_speed(row, run.scores) for row in times if row["max_ms"]), done])]
    if run.scores and not scored:
        parts.append(page.note(_NO_TARGETS))
    identical = sum(score.psnr_db == math.inf for score in scored)
    if identical:
        parts.append(
            page.note(f"{identical} restored identical to the target: PSNR is infinite there, and no mean or chart holds it.")
        )
    if line := sentence(LeftOut(**kind) for kind in run.summary.get("left_out", [])):
        parts.append(page.note(f"{line}."))
    protocols = sorted({score.protocol for score in scored})
    if protocols:
        parts.append(f'<p class="hint">Metric protocol: <code>{escape(", ".join(protocols))}</code></p>')
    subsets = sorted({score.subset for score in scored} - {""})
    if subsets:
        groups = [(name, [score for score in scored if score.subset == name]) for name in subsets]
        parts.append(_by_subset([*groups, ("all", scored)]))
    return "".join(parts)


def distributions(scores: Sequence[Score]) -> str:
    """How gains and times spread, and how the gain depends on the blur of the input."""
    gains = [(score, gain) for score in scores if (gain := score.gain_db) is not None and math.isfinite(gain)]
    figures = []
    if gains:
        chart = charts.histogram([gain for _, gain in gains], title="PSNR gain", unit="dB", signed=True)
        figures.append(page.figure(chart, _GAINS))
    if points := [_point(score, gain) for score, gain in gains if math.isfinite(score.input_psnr_db or math.nan)]:
        chart = charts.scatter(
            points,
            x_label="PSNR of the input (dB), blurrier to the left",
            y_label="PSNR gain (dB)",
            title="Gain against input blur",
        )
        figures.append(page.figure(chart, _BLUR))
    if any(score.inference_ms for score in scores):  # none where pictures of somebody else were scored
        chart = charts.histogram([score.inference_ms for score in scores], title="Inference time", unit="ms")
        figures.append(page.figure(chart, _TIMES))
    return f'<div class="charts">{"".join(figures)}</div>' if figures else ""


def pictures(shown: Gallery) -> str:
    """Where the viewer goes, or why there are no pictures."""
    if not shown.strips:
        return page.note(" ".join(shown.missing), warn=True)
    gone = page.note(f"Some pictures are missing. {' '.join(shown.missing)}", warn=True) if shown.missing else ""
    return page.hint(_VIEWER) + gone + '<div id="viewer"></div>'


def scene_table(scores: Sequence[Score]) -> dict[str, Any]:
    """The table of all scenes: the least gained first, where there are scores."""
    columns: list[dict[str, Any]] = []
    values: list[Callable[[Score], Any]] = []

    def add(label: str, value: Callable[[Score], Any], digits: int | None = None, help: str = "", signed: int = 0) -> int:
        columns.append({"label": label, "digits": digits, "help": help, "signed": signed})
        values.append(value)
        return len(columns) - 1

    add("Scene", lambda score: score.scene_id)
    group = add("Subset", lambda score: score.subset) if any(score.subset for score in scores) else None
    gain = None
    if any(score.psnr_db is not None for score in scores):
        add("PSNR before", lambda score: score.input_psnr_db, 2, "dB, of the unprocessed picture")
        add("PSNR after", lambda score: score.psnr_db, 2, "dB, of the restored picture")
        gain = add("Gain", lambda score: score.gain_db, 2, "dB, after less before", 1)
        add("SSIM before", lambda score: score.input_ssim, 4, "of the unprocessed picture")
        add("SSIM after", lambda score: score.ssim, 4, "of the restored picture")
        add("MAE after", lambda score: score.mae, 5, "of the restored picture; full range is 1")
    add("Inference ms", lambda score: score.inference_ms, 0, "wall time of the model")
    add("Total ms", lambda score: sum(getattr(score, f"{stage}_ms") for stage in STAGES[:-1]), 0, "wall time of all stages")
    add("Megapixels", lambda score: score.megapixels, 2, "of the views")
    rows = [[value(score) for value in values] for score in scores]
    return page.interactive(
        "scene-table", "All scenes", "scenes", columns, rows, sort=gain or 0, group=group, sign=gain, pictures=True
    )


def failures(run: Run) -> str:
    """What failed, gathered by cause, the commonest first."""
    causes: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in run.failures.to_pylist():
        causes.setdefault((row["stage"], row["error_type"]), []).append(row)
    ranked = sorted(causes.items(), key=lambda cause: (-len(cause[1]), cause[0]))
    return "".join(_cause(stage, kind, rows) for (stage, kind), rows in ranked) or page.hint("None.")


def latency(run: Run) -> str:
    """Statistics of each stage over all scenes, and when they were finished."""
    found = {row["stage"]: row for row in run.latency.to_pylist() if row["group_by"] == "all"}
    names = ("mean_ms", "std_ms", "min_ms", "p50_ms", "p90_ms", "p95_ms", "p99_ms", "max_ms", "mean_ms_per_megapixel")
    headers = ("Stage", "Mean", "Std. dev.", "Min", "p50", "p90", "p95", "p99", "Max", "ms/MP")
    rows = [(stage, *(number(found[stage][name], 1) for name in names)) for stage in STAGES if stage in found]
    if not rows:
        return ""
    return page.hint(_STAGES) + page.table("Latency by stage, in milliseconds", headers, rows) + _pace(run.scores)


def _pace(scores: Sequence[Score]) -> str:
    first = min(score.finished_at for score in scores)
    after = [(score.finished_at - first).total_seconds() for score in scores]
    unit, seconds = next(((unit, s) for unit, s in (("h", 3600), ("min", 60)) if max(after) > 3 * s), ("s", 1))
    chart = charts.histogram([time / seconds for time in after], title="Finished after", unit=unit)
    return f'<div class="charts">{page.figure(chart, _PACE)}</div>'


def provenance(run: Run) -> str:
    """What was run, with what, on what; and the manifest in full."""
    whole = json.dumps(run.manifest, indent=2, ensure_ascii=False)
    short = {name: value for name, value in run.manifest.items() if name not in ("card", "format")}
    return page.facts(short) + f'<details><summary>manifest.json</summary><pre tabindex="0">{escape(whole)}</pre></details>'


def _quality(scored: Sequence[Score]) -> list[Card]:
    if not scored:
        return []
    gained = _gain(scored)
    better = f"better in {gained.wins} of {gained.count}"
    return [
        Card("Mean PSNR gain", number(gained.mean, 2, signed=True), "dB", f"{_in_words(gained)}{better}"),
        Card("Mean PSNR", *_before_after(scored, "psnr_db", 2, "dB")),
        Card("Mean SSIM", *_before_after(scored, "ssim", 4)),
        Card("Mean absolute error", *_before_after(scored, "mae", 5)),
    ]


def _before_after(scored: Sequence[Score], name: str, digits: int, unit: str = "") -> tuple[str, str, str]:
    after, before = (number(_mean(getattr(score, key) for score in scored), digits) for key in (name, f"input_{name}"))
    return after, unit, f"{before} unprocessed"


def _speed(row: dict[str, Any], scores: Sequence[Score]) -> Card:
    threads, beside = ({getattr(score, name) for score in scores} for name in ("intra_op_threads", "concurrency"))
    taken = f"{_range(threads)} thread{'' if threads == {1} else 's'} each, {_range(beside)} at once"
    return Card(
        "Inference, median",
        f"{row['p50_ms']:.0f}",
        "ms",
        f"p95 {row['p95_ms']:.0f} ms, {row['mean_ms_per_megapixel']:.0f} ms/MP; {taken}",
    )


def _by_subset(groups: Sequence[tuple[str, Sequence[Score]]]) -> str:
    headers = (
        "Subset",
        "Scenes",
        "PSNR before",
        "PSNR after",
        "Gain (dB)",
        "95 % interval",
        "Better",
        "SSIM before",
        "SSIM after",
        "MAE",
    )
    columns = (("input_psnr_db", 2), ("psnr_db", 2), ("input_ssim", 4), ("ssim", 4), ("mae", 5))
    rows = []
    for name, scores in groups:
        gained = _gain(scores)
        means = [number(_mean(getattr(score, key) for score in scores), digits) for key, digits in columns]
        gain = (number(gained.mean, 2, signed=True), _interval(gained), str(gained.wins))
        rows.append((name, str(len(scores)), *means[:2], *gain, *means[2:]))
    return page.table("Scores by subset, mean over images", headers, rows)


def _point(score: Score, gain: float) -> charts.Point:
    before = score.input_psnr_db or 0.0
    return charts.Point(
        before, gain, f"{score.scene_id}: input {before:.2f} dB, gain {number(gain, 2, signed=True)} dB", gain >= 0
    )


def _cause(stage: str, kind: str, rows: Sequence[dict[str, Any]]) -> str:
    cells = [(row["scene_id"], row["message"], row["uri"]) for row in rows[:MOST_FAILURES]]
    shown = page.table(f"Failed at {stage}: {kind}", ("Scene", "What is wrong", "File"), cells, text=3)
    rest = page.hint(f"{len(rows) - MOST_FAILURES} more are in failures/*.parquet.") if len(rows) > MOST_FAILURES else ""
    head = f"<b>{len(rows)}</b> at {escape(stage)} ({escape(kind)}), for example: {escape(rows[0]['message'])}"
    return f"<details{' open' if len(rows) <= 3 else ''}><summary>{head}</summary>{shown}{rest}</details>"


def _gain(scored: Sequence[Score]) -> paired.Paired:
    both = [(s.input_psnr_db, s.psnr_db) for s in scored if s.input_psnr_db is not None and s.psnr_db is not None]
    return paired.paired([before for before, _ in both], [after for _, after in both])


def _in_words(gained: paired.Paired) -> str:
    return "" if gained.low is None else f"95 % interval {_interval(gained)}; "


def _interval(gained: paired.Paired) -> str:
    if gained.low is None:
        return page.number(None, 2)
    return f"{number(gained.low, 2, signed=True)} to {number(gained.high, 2, signed=True)}"


def _mean(values: Iterable[float | None]) -> float | None:
    return paired.finite_mean([value for value in values if value is not None])[0]


def _range(values: set[int]) -> str:
    return str(min(values)) if len(values) == 1 else f"{min(values)} to {max(values)}"
